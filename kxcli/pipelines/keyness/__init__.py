"""Keyness from inputs to rows."""
