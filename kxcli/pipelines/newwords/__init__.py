"""`newwords` over the inputs of a run."""
