"""Counts by document: document frequencies, dispersion, matrices."""
