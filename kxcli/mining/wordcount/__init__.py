"""Word counts of a corpus: counting, merging, ranking."""
