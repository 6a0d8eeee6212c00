"""What `kxcli segment` runs."""
