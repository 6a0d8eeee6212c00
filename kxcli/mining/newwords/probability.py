"""The probability that an entry of the lexicon is a word.

It is a logistic model of how the entry occurs. `benchmarks/newwords_model.py` fits the coefficients. Candidates that
several corpora of different kinds share belong to the general language, for which jieba's dictionary is nearly
complete, so they are words if the dictionary has them. Words and other candidates have the same weight: with 0.5, an
entry is as typical of words as of other strings. Lengths are no feature, except for pairs, because dictionaries have
few long words.
"""

import numpy as np

from kxcli.arrays import FloatArray
from kxcli.mining.newwords.entries import LexiconTable
from kxcli.mining.newwords.spelling import Spellings

DECIMALS = 2  # the errors of the estimates are larger than .01

INTERCEPT = -6.720
COEFFICIENTS = {
    "part_pmi": 0.458,
    "is_pair": 2.045,
    "log_frequency": -0.312,
    "free_share": -0.510,
    "edge_share": 0.945,
    "relative_entropy": 0.686,
    "log_whole_share": 0.296,
}


def estimate_probabilities(lexicon: LexiconTable, entries: LexiconTable) -> FloatArray:
    """Return the probability that each entry is a word.

    It is rounded, and NaN for strings of one character.

    Args:
        lexicon: The words of the corpus with single characters and known words, each with its count as a word.
        entries: The entries to estimate.
    """
    features = compute_features(lexicon, entries)
    logits = np.full(len(entries), INTERCEPT)
    for name, coefficient in COEFFICIENTS.items():  # not by BLAS, whose sums may depend on the number of rows
        logits += coefficient * features[name]
    is_single = np.array([len(word) == 1 for word in entries.words], dtype=np.bool_)
    return np.where(is_single, np.nan, (1 / (1 + np.exp(-logits))).round(DECIMALS))


def compute_features(lexicon: LexiconTable, entries: LexiconTable) -> dict[str, FloatArray]:
    """Return the features of entries by name, shape (n,) each.

    - part_pmi: pointwise mutual information of two parts as words of the cut, at the cut with the lowest.
    - is_pair: whether it has two characters.
    - log_frequency: log relative frequency of the most frequent character.
    - free_share: largest share of a character's occurrences as a word of one character.
    - edge_share: share of the occurrences at an edge of a block, on the side with fewer.
    - relative_entropy: smaller entropy of the neighbors, with all edges as one, relative to the log occurrences.
    - log_whole_share: log share of the occurrences as a word of the cut.
    """
    counts = dict(zip(lexicon.words, lexicon.counts.tolist(), strict=True))
    entropy = np.minimum(entries.left.merged_entropy, entries.right.merged_entropy)
    log_frequency, free_share = _describe_characters(lexicon, entries)
    return {
        "part_pmi": _compute_part_pmi(entries, counts, lexicon.alphabet.min_count),
        "is_pair": np.array([len(word) == 2 for word in entries.words], dtype=np.float64),
        "log_frequency": log_frequency,
        "free_share": free_share,
        "edge_share": np.minimum(entries.left.edge_share, entries.right.edge_share),
        "relative_entropy": entropy / np.log(entries.occurrences + 1.0),
        "log_whole_share": np.log(np.maximum(entries.counts, 1) / np.maximum(entries.occurrences, 1)),
    }


def _compute_part_pmi(entries: LexiconTable, counts: dict[str, int], min_count: int) -> FloatArray:
    """Return the pointwise mutual information of two parts of each entry.

    The cut is that with the lowest value. For the parts a and b it is log(N c(ab) / (c(a) c(b))), with the counts of
    words c, and N the sum of these. Each part counts as half the minimum count at least.
    """
    n_words, rare = max(1, sum(counts.values())), max(1, min_count) / 2

    def get(part: str) -> float:
        return max(rare, counts.get(part, 0))

    products = np.ones(len(entries))
    for row, word in enumerate(entries.words):
        cuts = range(1, len(word))
        products[row] = max((get(word[:at]) * get(word[at:]) for at in cuts), default=1.0)
    return np.log(n_words * np.maximum(entries.counts, 1) / products)


def _describe_characters(lexicon: LexiconTable, entries: LexiconTable) -> tuple[FloatArray, FloatArray]:
    """Return the largest log frequency and free share of each entry's units."""
    if not len(entries):
        return np.empty(0), np.empty(0)
    alphabet = lexicon.alphabet
    spellings, every = (Spellings.from_words(table.words, alphabet) for table in (entries, lexicon))
    occurrences = np.maximum(alphabet.counts, 1)
    free = np.zeros(len(occurrences))
    singles = np.flatnonzero(every.lengths == 1)
    free[every.characters[every.starts[singles]]] = lexicon.counts[singles]
    frequency = np.log(occurrences / max(1, alphabet.total))
    ids, starts = spellings.characters, spellings.starts
    return np.maximum.reduceat(frequency[ids], starts), np.maximum.reduceat((free / occurrences)[ids], starts)
