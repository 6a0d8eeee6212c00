"""The formats of rows, complete files, and stdout."""
