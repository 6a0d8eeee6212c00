"""The inputs of `keywords`, and its output."""
