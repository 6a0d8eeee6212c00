"""Phrases: pairs of words that often occur together, such as 六脉神剑剑谱.

The last cut of the corpus counts the n-grams between two of its borders, so phrases cost no further pass. They are as
long as n-grams at most.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.newwords.entries import LexiconTable
from kxcli.mining.newwords.grams import Ngrams
from kxcli.mining.newwords.spelling import Spellings

# Without these limits, most phrases are grammar: a verb and its particle, a preposition and its noun.
_MIN_PMI = 3.0
_MIN_ENTROPY = 1.0  # of the characters on each side, with all edges as one
_MIN_SHARE = 0.03  # of the occurrences of each part


def find_phrases(
    grams: Ngrams,
    values: Sequence[FloatArray],
    words: Sequence[IntArray],
    aligned: Sequence[IntArray],
) -> tuple[Spellings, IntArray]:
    """Return the cohesive n-grams that the cut divides.

    Each has a count: its occurrences between two borders of the cut.

    Args:
        grams: The n-grams.
        values: Their cohesion for each length from 2.
        words: For each length from 1, the occurrences of each n-gram as a word.
        aligned: For each length from 1, those between two borders of the cut.
    """
    min_count = grams.alphabet.min_count
    spellings, counts = [Spellings.empty()], [np.empty(0, dtype=np.int64)]
    for n, (value, as_word, between) in enumerate(zip(values, words[1:], aligned[1:], strict=False), 2):
        numbers = np.flatnonzero((value >= _MIN_PMI) & (as_word < min_count) & (between >= min_count))
        spellings.append(grams.spell(n, numbers))
        counts.append(between[numbers])
    return Spellings.concatenate(spellings), np.concatenate(counts)


def split_phrases(lexicon: LexiconTable, phrases: Collection[str]) -> LexiconTable:
    """Return a lexicon with the parts of its phrases.

    Phrases that do not consist of two words of the lexicon are dropped. The border of a phrase is that between its most
    frequent words. The words belong together: the phrase is a part of the occurrences of each, and its neighbors vary.

    Args:
        lexicon: The words and phrases.
        phrases: The phrases among them.
    """
    counts = dict(zip(lexicon.words, lexicon.counts.tolist(), strict=True))
    parts_of = {phrase: _split(phrase, counts) for phrase in phrases}
    entropies = np.minimum(lexicon.left.merged_entropy, lexicon.right.merged_entropy)
    rows = [
        row
        for row, (word, entropy) in enumerate(zip(lexicon.words, entropies.tolist(), strict=True))
        if word not in parts_of or (parts_of[word] and entropy >= _MIN_ENTROPY)
    ]
    return replace(lexicon.take(np.array(rows, dtype=np.int64)), phrases=parts_of)


def _split(phrase: str, counts: Mapping[str, int]) -> str:
    """Return the two words of a phrase, separated by a space.

    If they are no words, or do not belong together, return "".
    """
    pairs = [(phrase[:at], phrase[at:]) for at in range(1, len(phrase))]
    known = [(counts[first] * counts[last], first, last) for first, last in pairs if {first, last} <= counts.keys()]
    if not known:
        return ""
    _, first, last = max(known)
    return f"{first} {last}" if counts[phrase] >= _MIN_SHARE * max(counts[first], counts[last]) else ""
