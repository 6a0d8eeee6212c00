"""Occurrences of names in texts."""
