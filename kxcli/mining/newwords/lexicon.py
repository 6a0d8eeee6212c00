"""The passes from a corpus to its lexicon."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.arguments import check_type, iter_strings
from kxcli.mining.newwords import branching, coarse
from kxcli.mining.newwords.alphabet import Alphabet, CountCharacters, iter_records
from kxcli.mining.newwords.cohesion import compute_cohesion, compute_word_cohesion
from kxcli.mining.newwords.discovery import Discovery, Word
from kxcli.mining.newwords.grams import CountNgrams, NgramPass, Ngrams
from kxcli.mining.newwords.neighbors import BranchingEntropies, CountNeighbors, WordSearch, compute_entropies
from kxcli.mining.newwords.spelling import Reduce
from kxcli.mining.newwords.trie import LAST, SHIFT, make_word_keys
from kxcli.tally.key_runs import KeyRun, merge_key_runs

_CHARACTERS_PER_BUCKET = 4  # low enough that few rare n-grams share the bucket of a frequent one
_MIN_BITS, _MAX_BITS = 10, 23  # the largest buckets take 32 MB in each process


def find_lexicon(discovery: Discovery, reduce: Reduce, room: int | None = None) -> list[Word]:
    """Return the lexicon of a corpus, by falling count and then by code points.

    Args:
        discovery: How words are found.
        reduce: Runs a job over all records of the corpus, the same for each job in any order; returns None for an
            empty corpus.
        room: Bytes of memory for merging counts; unlimited if None.
    """
    counts = reduce(CountCharacters(), None, "characters")
    alphabet = Alphabet.from_counts(np.zeros(1, dtype=np.int64) if counts is None else counts, discovery.min_count_for)
    if not alphabet.total:
        return []
    left, right = BranchingEntropies(len(alphabet.codes) - 1), BranchingEntropies(len(alphabet.codes) - 1)
    order = discovery.order + (discovery.method == "entropy")
    counted = count_ngrams(alphabet, order, reduce, room, left, right)
    grams = Ngrams(alphabet, counted.levels[: discovery.order - 1])
    values = compute_cohesion(grams)
    if discovery.method == "entropy":
        found = branching.find_vocabulary(counted, values, discovery, reduce)
    else:
        found = coarse.find_vocabulary(grams, values, discovery, reduce)
    found = found.select_frequent(alphabet.min_count)

    keys, numbers = make_word_keys(found.words, found.counts, len(alphabet.codes) - 1)
    pairs = reduce(CountNeighbors(), WordSearch(alphabet, keys, numbers), "neighbors")
    words = [
        *_iter_single_words(alphabet, found.singles, left.values(), right.values()),
        *zip(
            found.words.to_texts(alphabet),
            found.counts.tolist(),
            compute_word_cohesion(found.words, values, grams).tolist(),
            compute_entropies(pairs.left.parts(room), len(found.counts))[1:].tolist(),
            compute_entropies(pairs.right.parts(room), len(found.counts))[1:].tolist(),
            strict=True,
        ),
    ]
    return [Word(*word) for word in sorted(words, key=lambda word: (-word[1], word[0]))]


def _iter_single_words(
    alphabet: Alphabet, counts: IntArray, left: FloatArray, right: FloatArray
) -> Iterator[tuple[str, int, None, float, float]]:
    """Yield the fields of words of one character."""
    for number in np.flatnonzero(counts).tolist():
        yield chr(alphabet.codes[number]), int(counts[number]), None, float(left[number]), float(right[number])


def find_words(texts: Iterable[str], discovery: Discovery | None = None) -> list[Word]:
    """Return the lexicon of texts, the most frequent words first.

    Known words and single characters are included. Texts are read once and kept in memory, at 2 bytes a character, or
    4 near characters beyond U+FFFF.

    Args:
        texts: Strings.
        discovery: How words are found.

    Raises:
        TypeError: A text is not a string; names its position.
    """
    strings = iter_strings("texts", texts)
    discovery = Discovery() if discovery is None else discovery
    check_type("discovery", discovery, Discovery)
    records = list(iter_records(strings))

    def reduce(job: Any, shared: Any, what: str) -> Any:
        job.setup(shared)
        return job.finish(job.map(records)) if records else None

    return find_lexicon(discovery, reduce)


def count_ngrams(
    alphabet: Alphabet,
    order: int,
    reduce: Reduce,
    room: int | None,
    left: BranchingEntropies,
    right: BranchingEntropies,
) -> Ngrams:
    """Count n-grams order by order, and add the neighbors of single characters."""
    found = Ngrams(alphabet, ())
    may_be = None
    for n in range(2, order + 1):
        bits = _choose_bucket_bits(alphabet.total) if n < order else 0
        grams, buckets = reduce(CountNgrams(), NgramPass(alphabet, found.make_keys(), n, may_be, bits), f"{n}-grams")
        if n == 2:
            keys, counts = _count_pairs(grams.parts(room), alphabet.min_count, left, right)
        else:
            keys, counts = grams.select_frequent(alphabet.min_count, room)
        if not len(keys):
            break
        found = found.with_level(keys, counts)
        may_be = buckets.find_frequent(alphabet.min_count)
    return found


def _choose_bucket_bits(n_characters: int) -> int:
    """Return the bits of the buckets; only the input counts, for checkpoints."""
    return min(max((n_characters // _CHARACTERS_PER_BUCKET).bit_length(), _MIN_BITS), _MAX_BITS)


def _count_pairs(
    grams: Iterable[KeyRun], min_count: int, left: BranchingEntropies, right: BranchingEntropies
) -> KeyRun:
    """Return the frequent pairs of characters, and add all pairs to both entropies."""
    frequent = []
    for keys, counts in grams:
        first, last = (keys >> SHIFT).astype(np.int64), (keys & LAST).astype(np.int64)
        right.add(first, last, counts)
        left.add(last, first, counts)
        kept = (counts >= min_count) & (first != 0) & (last != 0)
        frequent.append((keys[kept], counts[kept]))
    return merge_key_runs(frequent)
