"""Concordances: where a word or pattern occurs, with the text around it.

A *hit* is an occurrence in a document, with its left and right context. Hits of a document do not overlap: after a hit,
the search goes on at its end.
"""
