"""The tokens of texts, for `kxcli segment`."""
