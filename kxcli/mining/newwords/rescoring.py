"""Scores of words that use the previous cut of the corpus.

The score of a word is a weighted sum of

- the log probability of the word in the previous cut (longer words are rarer than their parts, so their weight is
  larger), and the log share of its occurrences between two cuts;
- how open it is: the log shares of its occurrences with an edge or a rare character before, and after it, compared with
  the mean of characters;
- how far its contexts diverge from those of its parts: in a phrase of two words, the characters after the second word
  are those that follow it elsewhere, and likewise before the first one. The measure is the relative entropy (Kullback
  and Leibler 1951) of the next characters of g = ab after g, compared with those after b, and of the left side;
- the log probabilities of the positions of its characters in words;
- for one character, the log number of distinct words with it: characters that form many words are rarely words.

The weights are rounded from those that maximize the likelihood of the MSR test text in a semi-Markov model of its cuts,
and the scores of lengths are set for its F1; docs/newwords.md has the F1 of halves of the text with the weights of the
other one. No character or word has a weight.
"""

from collections.abc import Sequence

import numpy as np

from kxcli.arrays import AnyArray, FloatArray, IntArray
from kxcli.mining.newwords.cutting import CutCounts
from kxcli.mining.newwords.grams import Ngrams

_LONG = 4  # characters; such words are mostly compounds
_WORD = (2.0, 2.3, 1.2, 8.2, 6.7)  # score of a word by its number of characters; the last one for longer words
_FREQUENCY = 1.0  # weight of the log probability of a word
_FREQUENCY_LONG = 1.65  # of a long word
_FREQUENCY_SINGLE = 0.8  # of one character
_ALIGNED = 0.25  # weight of the log share of occurrences between two cuts
_POSITIONS = 0.25  # weight of the log probabilities of the positions of characters
_OPEN = 0.55  # weight of the log share of edges and rare neighbors, on each side of longer words
_MIN_OPEN = 0.02  # share of edges and rare neighbors, for logarithms; small texts have few rare characters
_DIVERGENCE = 0.7  # weight of the divergence from the contexts of the part without one character
_DIVERGENCE_PAIR = 0.65  # from those of the last or first two characters, for words of four
_TYPES = -0.5  # weight of the log number of words with a character
_NONE = 0.5  # occurrences, instead of 0, for logarithms
_MIN_SHARE = 1e-3  # of rare neighbors and edges, for logarithms
_PRIOR = 2.0  # pseudocount of the positions of all characters in those of one


def score_contexts(grams: Ngrams, longest: int) -> list[FloatArray]:
    """Return for each length from 1 the parts of scores that no cut changes.

    Args:
        grams: N-grams with one order more than the longest words.
        longest: Characters of the longest words.
    """
    scores, mean = [], _average_openness(grams)
    for n in range(1, longest + 1):
        score = np.zeros(len(grams.count(n)))
        for is_right in (True, False):
            if n > 1:
                score += _OPEN * (_compute_openness(grams, n, is_right=is_right) - mean)
                score += _DIVERGENCE * _compute_divergence(grams, n, n - 1, is_right=is_right)
            if n == _LONG:
                score += _DIVERGENCE_PAIR * _compute_divergence(grams, n, 2, is_right=is_right)
        scores.append(score)
    return scores


def score_words(contexts: Sequence[FloatArray], found: CutCounts, grams: Ngrams, min_count: int) -> list[FloatArray]:
    """Return for each length from 1 the scores of words by number.

    Args:
        contexts: The parts of scores that no cut changes.
        found: The counts of the previous cut.
        grams: N-grams up to the longest words.
        min_count: Minimum count of a word.
    """
    n_words = max(1, sum(int(words.sum()) for words in found.words))
    columns = [grams.columns(n, np.arange(len(words))) for n, words in enumerate(found.words[1:], 2)]
    positions = score_positions(found.words, columns)
    scores = []
    for n, (context, aligned, position) in enumerate(zip(contexts, found.aligned, positions, strict=True), 1):
        n_aligned = np.maximum(aligned, _NONE)
        frequency = np.log(n_aligned / n_words)
        score = context + _WORD[min(n, len(_WORD)) - 1]
        if n == 1:
            score += _FREQUENCY_SINGLE * frequency + _TYPES * _score_types(found.words, columns, grams, min_count)
        else:
            share = np.log(n_aligned / np.maximum(grams.count(n), 1))
            weight = _FREQUENCY if n < _LONG else _FREQUENCY_LONG
            score += weight * frequency + _ALIGNED * share + _POSITIONS * position
        scores.append(score)
    return scores


def score_positions(words: Sequence[IntArray], columns: Sequence[Sequence[AnyArray]]) -> list[FloatArray]:
    """Return for each length the sums of log probabilities of characters' positions.

    A character is a word, or the first, the last or another character of a longer word. The previous cut gives the
    probability of each position for each character.

    Args:
        words: For each length from 1, the counts of words by number.
        columns: For each length from 2, the characters of n-grams by position.
    """
    single, first, other, last = range(4)
    n_characters = len(words[0])
    seen = np.zeros((4, n_characters))
    seen[single] = words[0]
    placed = [list(zip((first, *(other,) * (len(own) - 2), last), own, strict=True)) for own in columns]
    for own, counts in zip(placed, words[1:], strict=True):
        for position, column in own:
            seen[position] += np.bincount(column, counts, minlength=n_characters)
    overall = seen.sum(axis=1, keepdims=True) / max(1.0, seen.sum())
    probable = np.log(np.maximum((seen + _PRIOR * overall) / (seen.sum(axis=0) + _PRIOR), np.finfo(float).tiny))
    return [
        probable[single],
        *(np.sum([probable[position].take(column) for position, column in own], axis=0) for own in placed),
    ]


def _score_types(
    words: Sequence[IntArray], columns: Sequence[Sequence[AnyArray]], grams: Ngrams, min_count: int
) -> FloatArray:
    """Return for each character the log number of longer words with it, centered."""
    n_types = np.zeros(len(words[0]))
    for own, counts in zip(columns, words[1:], strict=True):
        is_word = counts >= min_count
        for column in own:
            n_types += np.bincount(column[is_word], minlength=len(n_types))
    types = np.log(n_types + 1)
    return np.asarray(types - _average(types, grams))


def _compute_openness(grams: Ngrams, n: int, *, is_right: bool) -> FloatArray:
    """Return the log share of occurrences with an edge or a rare neighbor on a side."""
    counts = grams.count(n)
    rest = counts.astype(np.float64)
    if n <= len(grams.levels):
        level = grams.levels[n - 1]
        rest -= np.bincount(level.prefixes if is_right else level.suffixes, level.counts, minlength=len(counts))
    openness: FloatArray = np.log(np.maximum(rest / np.maximum(counts, 1), _MIN_OPEN))
    return openness


def _average_openness(grams: Ngrams) -> float:
    """Return the mean of the openness of characters over the text and both sides."""
    sides = [_average(_compute_openness(grams, 1, is_right=is_right), grams) for is_right in (True, False)]
    return sum(sides) / 2


def _average(values: FloatArray, grams: Ngrams) -> float:
    """Return the mean over the characters of a text, without runs."""
    weights = np.where(grams.alphabet.is_run, 0, grams.alphabet.counts)
    return float((values * weights).sum() / max(1, weights.sum()))


def _compute_divergence(grams: Ngrams, n: int, n_part: int, *, is_right: bool) -> FloatArray:
    """Return the relative entropy of the neighbors of n-grams from those of a part.

    The part is the last `n_part` characters for the neighbors on the right, and the first ones for those on the left.
    Edges and rare neighbors count as one.
    """
    counts = np.maximum(grams.count(n), 1)
    if n > len(grams.levels):
        return np.zeros(len(counts))
    longer = grams.levels[n - 1]
    own = longer.prefixes if is_right else longer.suffixes
    part: AnyArray = np.arange(len(counts))
    longer_part: AnyArray = np.arange(len(longer.counts))
    for length in range(n, n_part, -1):
        level, above = grams.levels[length - 2], grams.levels[length - 1]
        part = (level.suffixes if is_right else level.prefixes).take(part)
        longer_part = (above.suffixes if is_right else above.prefixes).take(longer_part)
    share = longer.counts / counts.take(own)
    part_counts = np.maximum(grams.count(n_part), 1).take(part)
    part_share = grams.count(n_part + 1).take(longer_part) / part_counts.take(own)
    ratio = np.log(np.maximum(share[1:], np.finfo(float).tiny) / part_share[1:])
    found = np.bincount(own[1:], share[1:] * ratio, minlength=len(counts))
    rest, part_rest = (
        np.maximum(1.0 - np.bincount(own[1:], values[1:], minlength=len(counts)), _MIN_SHARE)
        for values in (share, part_share)
    )
    divergence: FloatArray = np.maximum(found + rest * np.log(rest / part_rest), 0.0)
    return divergence
