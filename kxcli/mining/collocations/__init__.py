"""Collocates: the words that occur near a word, and how strongly they are associated with it."""
