"""New words in raw text: cohesive n-grams, filtered by a cut of the corpus.

lexicon.py runs the passes: alphabet.py numbers the characters, and grams.py counts n-grams. One of two methods finds
the vocabulary: coarse.py by the cohesion of n-grams (cohesion.py), or branching.py by entropies, with the cuts of
cutting.py. neighbors.py counts adjacent characters. The loops over text are in the kernel, or slowly in trie.py.
discovery.py has the parameters and results; lines.py finds duplicate lines.
"""
