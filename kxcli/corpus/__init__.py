"""Inputs: arguments -> sources -> tasks -> documents or tables."""
