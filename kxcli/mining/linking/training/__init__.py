"""Training of a linking model from labeled texts."""
