"""New words out of raw text: frequent n-grams that hold together, and what a cut of the corpus makes of them.

alphabet.py numbers the characters; grams.py counts n-grams; cohesion.py chooses the solid ones; cut.py cuts and
counts; neighbours.py looks at what stands beside; lexicon.py is the way through all of them.
"""
