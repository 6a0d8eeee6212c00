"""New words out of raw text: frequent n-grams that hold together, and what a cut of the corpus makes of them.

lexicon.py is the way through it: alphabet.py numbers the characters, grams.py counts n-grams, and one of two methods
makes a vocabulary of them: coarse.py by the cohesion of n-grams (cohesion.py), or branching.py by entropies, with the
cuts of recut.py and viterbi.py; trie.py finds the words again, and neighbours.py counts what stands beside them.
discovery.py and choosing.py are what is asked for and what is given; lines.py finds equal lines.
"""
