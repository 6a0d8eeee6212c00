"""Words of a corpus: counted, merged and ranked."""
