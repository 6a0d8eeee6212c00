"""Counts of each document: document frequencies of any documents, dispersion, and matrices."""
