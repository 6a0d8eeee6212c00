"""Files that the program writes for itself: temporary, locked, checksummed, private."""
