"""Inputs, engine and mining tied together, one folder per feature; free of command-line options."""
