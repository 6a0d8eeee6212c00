"""Sizes of requests to servers."""

INITIAL_FETCH = 1 << 16  # bytes of the first range if nothing is known about the file: enough to detect its format
RANGE_OVERLAP = 1 << 14  # bytes after a shard that are likely to contain the end of its last line
