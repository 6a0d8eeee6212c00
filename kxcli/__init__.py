"""kxcli mines Chinese (and any other) text from the shell and from Python; see `kxcli.mining`."""

__version__ = "0.2.0"
