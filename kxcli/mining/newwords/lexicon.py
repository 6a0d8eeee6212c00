"""The passes from a corpus to its lexicon."""

from collections.abc import Iterable

import numpy as np

from kxcli.mining.newwords import branching, coarse
from kxcli.mining.newwords.alphabet import MAX_UNITS, Alphabet, CountCharacters
from kxcli.mining.newwords.cohesion import compute_cohesion, compute_word_cohesion
from kxcli.mining.newwords.discovery import Discovery
from kxcli.mining.newwords.entries import LexiconTable
from kxcli.mining.newwords.grams import CountNgrams, NgramPass, Ngrams
from kxcli.mining.newwords.neighbors import SideCounts, measure_contexts
from kxcli.mining.newwords.phrases import split_phrases
from kxcli.mining.newwords.runs import count_runs
from kxcli.mining.newwords.spelling import Reduce, Spellings
from kxcli.mining.newwords.trie import LAST, SHIFT
from kxcli.tally.key_runs import KeyRun, merge_key_runs

_CHARACTERS_PER_BUCKET = 4  # low enough that few rare n-grams share the bucket of a frequent one
_MIN_BITS, _MAX_BITS = 10, 23  # the largest buckets take 32 MB in each process


def find_lexicon(discovery: Discovery, reduce: Reduce, room: int | None = None) -> LexiconTable:
    """Return the lexicon of a corpus.

    Args:
        discovery: How words are found.
        reduce: Runs a job over all records of the corpus, the same for each job in any order; returns None for an
            empty corpus.
        room: Bytes of memory for merging counts; unlimited if None.
    """
    counts = reduce(CountCharacters(), None, "characters")
    alphabet = Alphabet.from_counts(np.zeros(1, dtype=np.int64) if counts is None else counts, discovery.min_count_for)
    if discovery.method == "entropy" and counts is not None:
        runs = count_runs(reduce, alphabet.min_count, MAX_UNITS - len(alphabet.codes), room)
        alphabet = alphabet.with_runs(counts, runs)
    n_units = len(alphabet.codes) - 1
    left, right = SideCounts(n_units, alphabet.first_digits), SideCounts(n_units, alphabet.first_digits)
    if not n_units:
        empty = np.empty(0, dtype=np.int64)
        sides = left.to_sides(empty)
        return LexiconTable([], empty, np.empty(0), empty, empty, sides, sides, Ngrams(alphabet, ()))
    order = discovery.order + (discovery.method == "entropy")
    counted = count_ngrams(alphabet, order, reduce, room, left, right)
    grams = Ngrams(alphabet, counted.levels[: discovery.order - 1])
    values = compute_cohesion(grams)
    if discovery.method == "entropy":
        found = branching.find_vocabulary(counted, values, discovery, reduce)
    else:
        found = coarse.find_vocabulary(grams, values, discovery, reduce)
    found = found.select_frequent(alphabet.min_count)
    singles, phrases = np.flatnonzero(found.singles), found.phrases.to_texts(alphabet)
    words = Spellings.concatenate((found.words, found.phrases))
    word_counts = np.concatenate((found.counts, found.phrase_counts))
    contexts = measure_contexts(words, word_counts, alphabet, reduce, room)
    texts = [*alphabet.spell(singles), *words.to_texts(alphabet)]
    lexicon = LexiconTable(
        texts,
        np.concatenate((found.singles[singles], word_counts)),
        np.concatenate((np.full(len(singles), np.nan), compute_word_cohesion(words, values, grams))),
        np.concatenate((alphabet.counts[singles], contexts.occurrences)),
        np.concatenate((contexts.character_docs[singles], contexts.docs)),
        left.to_sides(singles).append(contexts.left),
        right.to_sides(singles).append(contexts.right),
        counted,
        found.is_aligned,
    ).sort()
    return split_phrases(lexicon, phrases) if phrases else lexicon


def count_ngrams(
    alphabet: Alphabet,
    order: int,
    reduce: Reduce,
    room: int | None,
    left: SideCounts,
    right: SideCounts,
) -> Ngrams:
    """Count n-grams order by order, and add the neighbors of single characters."""
    found = Ngrams(alphabet, ())
    may_be = None
    for n in range(2, order + 1):
        bits = _choose_bucket_bits(alphabet.n_characters) if n < order else 0
        grams, buckets = reduce(CountNgrams(), NgramPass(alphabet, found.make_keys(), n, may_be, bits), f"{n}-grams")
        if n == 2:
            keys, counts = _count_pairs(grams.parts(room), alphabet, left, right)
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


def _count_pairs(grams: Iterable[KeyRun], alphabet: Alphabet, left: SideCounts, right: SideCounts) -> KeyRun:
    """Return the frequent pairs of characters, and add all pairs to both entropies."""
    frequent = []
    for keys, counts in grams:
        first, last = (keys >> SHIFT).astype(np.int64), (keys & LAST).astype(np.int64)
        right.add(first, last, counts)
        left.add(last, first, counts)
        kept = (counts >= alphabet.min_count) & (first != 0) & (last != 0)
        kept &= np.maximum(first, last) <= alphabet.n_frequent  # no digits
        frequent.append((keys[kept], counts[kept]))
    return merge_key_runs(frequent)
