"""Texts as arrays of code points: folding, tokens, hashes of substrings and terms; knows nothing of linking."""
