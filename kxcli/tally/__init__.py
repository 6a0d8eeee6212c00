"""Counts of keys in bounded memory.

words.py counts strings, keys.py 64-bit integers, dense.py small integers; packing.py turns short words into 64-bit
integers, and buckets.py finds keys that cannot be frequent. Counts that exceed the memory are dumped as sorted runs,
loaded as views of files, and merged part by part: string_runs.py, key_runs.py; scratch.py has the files.  jobs.py has
the common part of jobs with several tallies.
"""

from kxcli.tally.words import Tally

__all__ = ["Tally"]
