"""Collocates: the words near a word, and their association with it."""
