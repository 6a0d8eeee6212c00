"""Ties inputs, engines and mining together, one folder per feature."""
