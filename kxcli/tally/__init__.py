"""Key -> how often it was seen: counted, merged, kept in bounded memory, written as bytes.

words.py counts strings, keys.py 64-bit integers (with runs.py, which takes to disk what memory has no room for);
packing.py turns short words into such integers; buckets.py tells cheaply which keys cannot be frequent.
"""

from kxcli.tally.words import Tally

__all__ = ["Tally"]
