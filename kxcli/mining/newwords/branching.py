"""The method by branching entropies: words are what has free choice on both sides, in the cut that has the best.

A word's boundary score is the variation of branching entropy on its two sides, made comparable between lengths (nVBE;
Magistry and Sagot 2012, "Unsupervized Word Segmentation: the Case for Mandarin Chinese").  The corpus is cut to the
greatest sum of scores (`viterbi.py`), then cut again by scores to which the cut before adds how often a word stood
between two cuts, and which characters begin, go on and end words.

Characters that are written with spaces between words are not cut: a run of them is a word.
Cost: that of counting n-grams one order longer, and a pass for each cut; memory grows with the frequent n-grams.
"""

from collections.abc import Sequence

import numpy as np

from kxcli.arrays import BoolArray, Float32Array, FloatArray, IntArray
from kxcli.mining.newwords.cutting import CountWords, CutCounts, CutModel, SpacedScripts
from kxcli.mining.newwords.discovery import Discovery
from kxcli.mining.newwords.grams import Ngrams
from kxcli.mining.newwords.spelling import Reduce, Vocabulary

_CUTS = 3  # a fourth changes next to nothing
_FIRST_WEIGHT = 0.5  # of the log probability of an n-gram, before there is any count of words
_MAX_Z = 5.0  # standard deviations: one very clear boundary does not outweigh the words around it
_COHESION = 0.5  # weight of the cohesion of an n-gram, beside 1 for each side's variation
_SINGLE = 0.5  # weight of the boundary score of one character
_WORD = 2.5  # nats for each word: what keeps a cut into few words from being the most probable one
_ALIGNED = 0.5  # weight of the log share of an n-gram's occurrences that stand between two cuts
_PLACES = 0.5  # weight of the log probabilities of the places that characters have in words
_WITHIN = 0.95  # share of its occurrences that make an n-gram a part of the longer one in which they are
_MIN_ALIGNED = 2  # times that an n-gram has to have stood between two cuts to stay a possible word
_NONE = 0.5  # occurrences that stand for none
_SAME = 1e-9  # values that deviate less are the same, but for rounding
_PRIOR = 2.0  # occurrences of a character by which the places of all characters count for it, too

# Where scripts with spaces begin and end, by turns: Latin, Greek, Cyrillic and others up to Thai, which has none;
# Georgian; Latin and Greek with more marks; Coptic and others; Cyrillic and Latin once more; full width.
_SPACED = np.array(
    [
        *(0x0000, 0x0E00, 0x10A0, 0x1100, 0x1E00, 0x2000, 0x2C00, 0x2E00),
        *(0xA640, 0xA6A0, 0xA720, 0xA800, 0xAB30, 0xAB70, 0xFF10, 0xFF5B),
    ],
    dtype=np.uint32,
)


def find_vocabulary(grams: Ngrams, values: Sequence[FloatArray], discovery: Discovery, reduce: Reduce) -> Vocabulary:
    """Return the words of the last cut, counted; `grams` are of one order more than words may have characters.

    values: the cohesion of n-grams, for each length from 2.
    """
    alphabet = grams.alphabet
    unspaced = _find_unspaced(grams)
    boundary = boundary_scores(grams, values, unspaced, discovery.order)
    shorter = Ngrams(alphabet, grams.levels[: discovery.order - 1])
    counts = [alphabet.counts, *(level.counts for level in shorter.levels)]
    scores = [
        z + _FIRST_WEIGHT * np.log(np.maximum(count, 1) / alphabet.total)
        for z, count in zip(boundary, counts, strict=True)
    ]
    may_be = closed = _find_closed(shorter, unspaced)
    may_be_spaced = None
    for number in range(1, _CUTS + 1):
        spaced = SpacedScripts(~unspaced[0], discovery.min_count_spaced, number in (1, _CUTS), may_be_spaced)
        found: CutCounts = reduce(
            CountWords(), CutModel(shorter, _mask_scores(scores, may_be), spaced), f"cut {number}"
        )
        if number == 1:
            may_be_spaced = found.may_be_spaced
        if number < _CUTS:
            scores = _rescore(boundary, counts, found, shorter)
            may_be = [of & (aligned >= _MIN_ALIGNED) for of, aligned in zip(closed, found.aligned, strict=True)]
    spelt = [(shorter.spell(n, np.flatnonzero(words)), words[words > 0]) for n, words in enumerate(found.words[1:], 2)]
    words_spaced = {word: count for word, count in found.spaced.items() if count >= discovery.min_count_spaced}
    return Vocabulary.from_parts(found.words[0], spelt, words_spaced, alphabet)


def boundary_scores(
    grams: Ngrams, values: Sequence[FloatArray], may_be: Sequence[BoolArray], longest: int
) -> list[FloatArray]:
    """Return for each length from 1 to `longest` the boundary scores of n-grams by number.

    The branching entropy of g to the right is that of the character after it.  Of these only the frequent n-grams that
    go on from g are counted apart; all others and a block's edge are neighbours seen once.  Its variation is by how
    much it exceeds that of g without its last character.  To the left, likewise.  Both variations and, with less
    weight, the cohesion (`values`) are standardised over the n-grams of the same length (`may_be`), and added up.
    """
    counts = [grams.alphabet.counts, *(level.counts for level in grams.levels)][:longest]
    scores = [np.zeros(len(count)) for count in counts]
    for is_right in (True, False):
        shorter: FloatArray = np.zeros(0)
        for n, count in enumerate(counts, 1):
            known = np.zeros(len(count), dtype=np.float64)
            if n <= len(grams.levels):
                level = grams.levels[n - 1]
                longer = np.where(may_be[n], np.maximum(level.counts, 1), 1).astype(np.float64)
                parts = level.prefixes if is_right else level.suffixes
                known += np.bincount(parts, longer * np.log(longer), minlength=len(count))
            entropy = np.log(np.maximum(count, 1)) - known / np.maximum(count, 1)
            variation = entropy
            if n > 1:
                level = grams.levels[n - 2]
                variation = entropy - shorter.take(level.prefixes if is_right else level.suffixes)
            scores[n - 1] += _standardize(variation, may_be[n - 1])
            shorter = entropy
    for score, value, mask in zip(scores[1:], values, may_be[1:], strict=False):
        score += _COHESION * _standardize(value, mask)
    return [_SINGLE * scores[0], *(np.minimum(score, _MAX_Z) for score in scores[1:])]


def _standardize(values: FloatArray, over: BoolArray) -> FloatArray:
    """Return values in standard deviations from the mean, both being those over some n-grams; 0 for the others."""
    chosen = values[over]
    found = np.zeros(len(values))
    if len(chosen):
        deviation = chosen.std()
        found[over] = (chosen - chosen.mean()) / (deviation if deviation > _SAME else 1.0)
    return found


def _rescore(
    boundary: Sequence[FloatArray], counts: Sequence[IntArray], found: CutCounts, grams: Ngrams
) -> list[FloatArray]:
    """Return for each length the scores of words by number, given the cut before."""
    n_words = max(1, sum(int(words.sum()) for words in found.words))
    places = _score_positions(found.words, grams)
    scores = []
    for z, count, aligned, place in zip(boundary, counts, found.aligned, places, strict=True):
        stood = np.maximum(aligned, _NONE)
        share = stood / np.maximum(count, 1)
        scores.append(z + np.log(stood / n_words) + _WORD + _ALIGNED * np.log(share) + _PLACES * place)
    return scores


def _score_positions(words: Sequence[IntArray], grams: Ngrams) -> list[FloatArray]:
    """Return for each length the log probabilities of the places of a word's characters, added up, by number.

    A character may be a word, or be the first, the last or another one of a longer word; how probable each is for it
    is told by the words of the cut before.
    """
    single, first, other, last = range(4)
    n_characters = len(grams.alphabet.codes)
    seen = np.zeros((4, n_characters))
    seen[single] = words[0]
    spelt = [grams.columns(n, np.arange(len(counts))) for n, counts in enumerate(words[1:], 2)]
    for columns, counts in zip(spelt, words[1:], strict=True):
        for place, column in zip((first, *(other,) * (len(columns) - 2), last), columns, strict=True):
            seen[place] += np.bincount(column, counts, minlength=n_characters)
    overall = seen.sum(axis=1, keepdims=True) / max(1.0, seen.sum())
    probable = np.log(np.maximum((seen + _PRIOR * overall) / (seen.sum(axis=0) + _PRIOR), np.finfo(float).tiny))
    return [
        probable[single],
        *(
            np.sum(
                [
                    probable[place].take(column)
                    for place, column in zip((first, *(other,) * (len(columns) - 2), last), columns, strict=True)
                ],
                axis=0,
            )
            for columns in spelt
        ),
    ]


def _mask_scores(scores: Sequence[FloatArray], may_be: Sequence[BoolArray]) -> list[Float32Array]:
    """Return scores that let only some n-grams be words, and every character."""
    return [
        scores[0].astype(np.float32),
        *(
            np.where(mask, score, -np.inf).astype(np.float32)
            for score, mask in zip(scores[1:], may_be[1 : len(scores)], strict=True)
        ),
    ]


def _find_closed(grams: Ngrams, unspaced: Sequence[BoolArray]) -> list[BoolArray]:
    """Return for each length from 1 which n-grams may be words: not those that hardly occur but within a longer one.

    What nearly always goes on in the same way is a part of a word.
    """
    counts = [grams.alphabet.counts, *(level.counts for level in grams.levels)]
    closed = [mask.copy() for mask in unspaced[: len(counts)]]
    for n, level in enumerate(grams.levels[1:], 2):
        below = counts[n - 1]
        for parts in (level.prefixes, level.suffixes):
            closed[n - 1][parts[unspaced[n] & (level.counts >= _WITHIN * below.take(parts))]] = False
    return closed


def _find_unspaced(grams: Ngrams) -> list[BoolArray]:
    """Return for each length from 1 which n-grams have no character that is written with spaces; number 0 is none."""
    mask = np.searchsorted(_SPACED, grams.alphabet.codes, side="right") % 2 == 0
    masks = [mask]
    for level in grams.levels:
        masks.append(masks[-1].take(level.prefixes) & mask.take(level.last))
    return masks
