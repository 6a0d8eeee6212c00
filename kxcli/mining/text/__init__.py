"""Texts as arrays of code points: folding, tokens, words, terms and hashes."""
