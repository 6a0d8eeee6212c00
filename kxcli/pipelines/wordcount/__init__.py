"""Word counts from inputs to output."""
