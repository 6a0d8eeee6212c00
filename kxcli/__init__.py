"""Text mining of Chinese and other text, from the shell and from Python."""

__version__ = "0.2.0"
