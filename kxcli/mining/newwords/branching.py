"""The method by branching entropies: words have varied neighbors on both sides.

The boundary score of a word is the variation of branching entropy on its two sides, comparable between lengths (nVBE;
Magistry and Sagot 2012, "Unsupervized Word Segmentation: the Case for Mandarin Chinese"). The corpus is cut into words
with the largest sum of scores (`cutting.py`), then cut again with scores that use the previous cut and the contexts of
n-grams (`rescoring.py`).

A run of characters of scripts with spaces between words is a unit of the text, as a character is.

Cost: one more order of n-grams than the longest word, and a pass for each cut; memory grows with the frequent n-grams.
"""

from collections.abc import Sequence

import numpy as np

from kxcli.arrays import BoolArray, Float32Array, FloatArray
from kxcli.mining.newwords.cutting import CountWords, CutCounts, CutModel
from kxcli.mining.newwords.discovery import Discovery
from kxcli.mining.newwords.grams import Ngrams
from kxcli.mining.newwords.phrases import find_phrases
from kxcli.mining.newwords.rescoring import score_contexts, score_words
from kxcli.mining.newwords.spelling import Reduce, Vocabulary

_CUTS = 3  # a fourth changes next to nothing
_FIRST_WEIGHT = 0.5  # of the log probability of an n-gram in the first cut, without counts of words
_MAX_Z = 5.0  # standard deviations, so that one very clear boundary does not outweigh the words around it
_COHESION = 0.5  # weight of the cohesion of an n-gram; the variation of each side has weight 1
_SINGLE = 0.5  # weight of the boundary score of one character
_WITHIN = 0.95  # if this share of its occurrences is within one longer n-gram, an n-gram is no word
_MIN_ALIGNED = 2  # occurrences of a possible word between two cuts
_SAME = 1e-9  # a lower standard deviation is a rounding error


def find_vocabulary(grams: Ngrams, values: Sequence[FloatArray], discovery: Discovery, reduce: Reduce) -> Vocabulary:
    """Return the words of the last cut with their counts.

    Args:
        grams: N-grams with one order more than the longest words.
        values: Cohesion of n-grams, for each length from 2.
        discovery: How words are found.
        reduce: Runs a job over all records.
    """
    alphabet = grams.alphabet
    joinable = _find_joinable(grams)
    boundary = compute_boundary_scores(grams, values, joinable, _find_runless(grams), discovery.order)
    shorter = Ngrams(alphabet, grams.levels[: discovery.order - 1])
    counts = [alphabet.counts, *(level.counts for level in shorter.levels)]
    scores = [
        z + _FIRST_WEIGHT * np.log(np.maximum(count, 1) / max(1, alphabet.total))
        for z, count in zip(boundary, counts, strict=True)
    ]
    contexts = score_contexts(grams, len(counts))
    may_be = closed = _find_closed(shorter, joinable)
    for number in range(1, _CUTS + 1):
        found: CutCounts = reduce(
            CountWords(), CutModel(shorter, closed, _mask_scores(scores, may_be)), f"cut {number}"
        )
        if number < _CUTS:
            scores = score_words(contexts, found, shorter, alphabet.min_count)
            may_be = [mask & (aligned >= _MIN_ALIGNED) for mask, aligned in zip(closed, found.aligned, strict=True)]
    spellings = [
        (shorter.spell(n, np.flatnonzero(words)), words[words > 0]) for n, words in enumerate(found.words[1:], 2)
    ]
    is_rare_run = alphabet.is_run & (found.words[0] < discovery.min_count_spaced)
    singles = np.where(is_rare_run, 0, found.words[0])
    is_aligned = tuple(10 * aligned >= 9 * count for aligned, count in zip(found.aligned, counts, strict=True))
    vocabulary = Vocabulary.from_parts(singles, spellings, {}, alphabet)._replace(is_aligned=is_aligned)
    if not discovery.phrases:
        return vocabulary
    phrases, phrase_counts = find_phrases(shorter, values, found.words, found.aligned)
    return vocabulary._replace(phrases=phrases, phrase_counts=phrase_counts)


def compute_boundary_scores(
    grams: Ngrams,
    values: Sequence[FloatArray],
    may_be: Sequence[BoolArray],
    typical: Sequence[BoolArray],
    longest: int,
) -> list[FloatArray]:
    """Return the boundary scores of n-grams for each length up to `longest`.

    The right branching entropy of g is that of the next character. Only frequent n-grams that begin with g are counted
    separately; other neighbors and the edges of blocks count as distinct. The variation is the increase of entropy
    compared with g without its last character. The left side is symmetric. The score is the sum of both variations
    and, with less weight, the cohesion (`values`), each standardized over the `typical` n-grams of the same length.
    Only n-grams that may be parts of words (`may_be`) have scores other than 0.
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
            scores[n - 1] += _standardize(variation, typical[n - 1], may_be[n - 1])
            shorter = entropy
    for score, value, is_typical, mask in zip(scores[1:], values, typical[1:], may_be[1:], strict=False):
        score += _COHESION * _standardize(value, is_typical, mask)
    return [_SINGLE * scores[0], *(np.minimum(score, _MAX_Z) for score in scores[1:])]


def _standardize(values: FloatArray, is_typical: BoolArray, is_scored: BoolArray) -> FloatArray:
    """Return the values of `is_scored` in standard deviations of `is_typical`.

    The others are 0.
    """
    found = np.zeros(len(values))
    selected = values[is_typical] if is_typical.any() else values[is_scored]
    if len(selected):
        deviation = selected.std()
        found[is_scored] = (values[is_scored] - selected.mean()) / (deviation if deviation > _SAME else 1.0)
    return found


def _mask_scores(scores: Sequence[FloatArray], may_be: Sequence[BoolArray]) -> list[Float32Array]:
    """Return scores, -inf for n-grams that may not be words."""
    return [
        scores[0].astype(np.float32),
        *(
            np.where(mask, score, -np.inf).astype(np.float32)
            for score, mask in zip(scores[1:], may_be[1 : len(scores)], strict=True)
        ),
    ]


def _find_closed(grams: Ngrams, joinable: Sequence[BoolArray]) -> list[BoolArray]:
    """Return for each length from 1 whether n-grams may be words.

    An n-gram with nearly all occurrences within one longer n-gram is a part of a word.
    """
    counts = [grams.alphabet.counts, *(level.counts for level in grams.levels)]
    closed = [mask.copy() for mask in joinable[: len(counts)]]
    for n, level in enumerate(grams.levels[1:], 2):
        below = counts[n - 1]
        for parts in (level.prefixes, level.suffixes):
            closed[n - 1][parts[joinable[n] & (level.counts >= _WITHIN * below.take(parts))]] = False
    return closed


def _find_joinable(grams: Ngrams) -> list[BoolArray]:
    """Return for each length from 1 whether n-grams may be parts of words."""
    masks = [grams.alphabet.is_joinable]
    masks += [np.arange(len(level.counts)) != 0 for level in grams.levels]
    return masks


def _find_runless(grams: Ngrams) -> list[BoolArray]:
    """Return for each length from 1 whether n-grams have no runs.

    So scores of Chinese words do not depend on the runs of a corpus.
    """
    masks = [~grams.alphabet.is_run]
    for level in grams.levels:
        masks.append(masks[-1].take(level.prefixes) & masks[0].take(level.last))
    for mask in masks:
        mask[0] = False
    return masks
