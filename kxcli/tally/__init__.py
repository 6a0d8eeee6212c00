"""Key -> how often it was seen: counted, merged, kept in bounded memory, written as bytes.

words.py counts strings, keys.py 64-bit integers; packing.py turns short words into such integers; buckets.py tells
cheaply which keys cannot be frequent.  What memory has no room for is dumped as sorted runs, which are loaded as views
of files and merged part by part: rows.py has those of strings, runs.py those of integers, scratch.py the files.
"""

from kxcli.tally.words import Tally

__all__ = ["Tally"]
