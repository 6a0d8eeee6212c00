"""Candidate entities of a span and their ranking."""
