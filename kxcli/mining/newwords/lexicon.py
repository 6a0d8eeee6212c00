"""The way from a corpus to its lexicon: pass after pass over the same records."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from kxcli.mining.newwords.alphabet import Alphabet, Characters, Counts, records
from kxcli.mining.newwords.cohesion import Values, cohesion, is_solid
from kxcli.mining.newwords.cut import CountSegments, Solid
from kxcli.mining.newwords.discovery import Discovery, Word
from kxcli.mining.newwords.grams import LAST, SHIFT, CountGrams, Known, Level, spelt
from kxcli.mining.newwords.neighbours import CountNeighbours, Entropies, Words, entropies
from kxcli.mining.newwords.spelling import Spellings
from kxcli.mining.newwords.trie import Trie
from kxcli.tally.keys import KeyTally
from kxcli.tally.runs import Run, Scratch, merged

Reduce = Callable[[Any, Any, str], Any]  # job, what it shares, what to call it -> what it finishes with

_CHARACTERS_PER_BUCKET = 4  # so few that hardly a rare n-gram shares the bucket of a frequent one
_LEAST_BITS, _MOST_BITS = 10, 24


def lexicon(discovery: Discovery, reduce: Reduce, scratch: Scratch | None = None) -> list[Word]:
    """Return the lexicon of a corpus, the most frequent words first, equal ones by code points.

    reduce: runs a job over all records of the corpus, each time the same in any order; None where there is none.
    """
    counts = reduce(Characters(), None, "characters")
    alphabet = Alphabet.of(np.zeros(1, dtype=np.int64) if counts is None else counts, discovery.min_count)
    if not alphabet.total:
        return []
    left, right = Entropies(len(alphabet.codes) - 1), Entropies(len(alphabet.codes) - 1)
    levels = _levels(alphabet, discovery, reduce, scratch, left, right)
    grams, values, weights = _solid(alphabet, levels, discovery.thresholds)
    trie = Trie(grams, weights)
    of_characters, of_grams, longer = reduce(
        CountSegments(), Solid(alphabet, trie, len(grams.lengths), discovery.order), "segments"
    )

    singles = 1 + np.flatnonzero(of_characters[1:] >= discovery.min_count)
    kept = np.flatnonzero(of_grams[1:] >= discovery.min_count)
    long = {word: count for word, count in longer.items() if count >= discovery.min_count}
    longest = Spellings.of(long, alphabet)
    words = Spellings.joined((grams.chosen(kept), longest))
    counted = np.concatenate((of_grams[1:][kept], np.fromiter(long.values(), dtype=np.int64, count=len(long))))
    pmi = np.concatenate((values[kept], _least_within(longest, trie, values, discovery.order)))

    pairs = reduce(CountNeighbours(), Words(alphabet, Trie(words, counted), scratch), "neighbours")
    found = [
        *zip(
            (chr(code) for code in alphabet.codes[singles].tolist()),
            of_characters[singles].tolist(),
            [None] * len(singles),
            left.values()[singles].tolist(),
            right.values()[singles].tolist(),
            strict=True,
        ),
        *zip(
            words.texts(alphabet),
            counted.tolist(),
            pmi.tolist(),
            entropies(pairs.left.items(), len(counted))[1:].tolist(),
            entropies(pairs.right.items(), len(counted))[1:].tolist(),
            strict=True,
        ),
    ]
    found.sort(key=lambda row: row[0])
    found.sort(key=lambda row: -row[1])
    return [Word(*row) for row in found]


def of_texts(texts: Iterable[str], discovery: Discovery) -> list[Word]:
    """Return the lexicon of texts in memory."""
    kept = list(records(texts))

    def reduce(job: Any, shared: Any, what: str) -> Any:
        job.setup(shared)
        return job.finish(job.map(kept)) if kept else None

    return lexicon(discovery, reduce)


def _levels(
    alphabet: Alphabet, discovery: Discovery, reduce: Reduce, scratch: Scratch | None, left: Entropies, right: Entropies
) -> list[Level]:
    """Count the n-grams, order after order; adds the neighbours of single characters to their entropies."""
    levels: list[Level] = []
    may_be = None
    most = (alphabet.total // _CHARACTERS_PER_BUCKET).bit_length()
    for n in range(2, discovery.order + 1):
        bits = min(max(most, _LEAST_BITS), _MOST_BITS) if n < discovery.order else 0
        known = Known(alphabet, tuple(levels), may_be, bits, discovery.min_count, scratch)
        grams, buckets = reduce(CountGrams(), known, f"{n}-grams")
        keys, counts = (
            _pairs(grams, discovery.min_count, left, right) if n == 2 else grams.frequent(discovery.min_count)
        )
        if not len(keys):
            break
        levels.append(Level.of(keys, counts, levels[-1] if levels else None))
        may_be = buckets.frequent() if bits else None
    return levels


def _pairs(grams: KeyTally, min_count: int, left: Entropies, right: Entropies) -> Run:
    """Return the frequent pairs of characters; adds all pairs, those with a border too, to both entropies."""
    frequent = []
    for keys, counts in grams.items():
        first, last = (keys >> SHIFT).astype(np.int64), (keys & LAST).astype(np.int64)
        right.add(first, last, counts)
        left.add(last, first, counts)
        kept = (counts >= min_count) & (first != 0) & (last != 0)
        frequent.append((keys[kept], counts[kept]))
    return merged(frequent)


def _solid(
    alphabet: Alphabet, levels: Sequence[Level], thresholds: Sequence[float]
) -> tuple[Spellings, Values, Counts]:
    """Return the n-grams that hold together, their cohesion and their counts."""
    parts, values, counts = [Spellings.none()], [np.empty(0)], [np.empty(0, dtype=np.int64)]
    cohesions = cohesion(alphabet, levels)
    solid = is_solid(cohesions, thresholds[: len(levels)], alphabet, levels)
    for n, level in enumerate(levels):
        kept = np.flatnonzero(solid[n])
        parts.append(spelt(levels[: n + 1], kept))
        values.append(cohesions[n][kept])
        counts.append(level.counts[kept])
    return Spellings.joined(parts), np.concatenate(values), np.concatenate(counts)


def _least_within(words: Spellings, trie: Trie, values: Values, order: int) -> Values:
    """Return the least cohesion of the n-grams of the greatest order in each word."""
    ids, starts = words.bordered()
    least = np.full(len(starts), np.inf)
    for length, at, grams in trie.occurrences(ids):
        if length == order:
            np.minimum.at(least, np.searchsorted(starts, at, side="right") - 1, values.take(grams - 1))
    return least
