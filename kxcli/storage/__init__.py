"""Temporary, locked, checksummed and private files of the program."""
