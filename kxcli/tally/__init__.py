"""Counts of keys in bounded memory.

words.py counts strings, keys.py 64-bit integers, dense.py small integers; buckets.py finds keys that cannot be
frequent. Counts that exceed the memory are dumped as sorted runs, loaded as views of files, and merged part by part:
string_runs.py, key_runs.py; scratch.py has the files. jobs.py has the common part of jobs with several tallies.
"""

from kxcli.tally.words import Tally

__all__ = ["Tally"]
