"""Words that the cut misses.

These are extended shards, firm compounds, and words within longer ones.
"""

from collections.abc import Container, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray
from kxcli.mining.newwords.chains import ChainFinder, Link
from kxcli.mining.newwords.cohesion import measure_cohesion
from kxcli.mining.newwords.compounds import CutWords, find_compounds, find_nested
from kxcli.mining.newwords.entries import LexiconTable, Sides
from kxcli.mining.newwords.extension import FIXED_SHARE, extend_words, is_boilerplate, is_fixed
from kxcli.mining.newwords.neighbors import measure_contexts
from kxcli.mining.newwords.parts import (
    PART_SHARE,
    Whole,
    choose_wholes,
    find_known_wholes,
    find_wholes_in,
    iter_pieces,
)
from kxcli.mining.newwords.spelling import Reduce, Spellings

_MIN_COMPOUND_ENTROPY = 0.7  # nats, on each side
_MIN_NESTED_ENTROPY = 0.4
_MIN_NESTED_EDGES = 0.1  # share of the occurrences of a nested word at an edge, on each side


class Additions(NamedTuple):
    """What is added to the words of the cut.

    Attributes:
        lexicon: The words of the cut and those that it misses.
        wholes: The longer word of each word that is part of one in half or more of its occurrences.
        apart: The words of the cut with their counts outside extended words, and these.
    """

    lexicon: LexiconTable
    wholes: dict[str, Whole]
    apart: LexiconTable


class _Proposals(NamedTuple):
    """What may be added; for nested words, how often they are alone."""

    compounds: set[str]
    nested: dict[str, int]
    chains: dict[str, list[Link]]


def add_words(lexicon: LexiconTable, known: Container[str], reduce: Reduce, room: int | None = None) -> Additions:
    """Add the words that the cut misses.

    Args:
        lexicon: The words of the cut.
        known: Words that are not added; parts of them are not extended.
        reduce: Runs a job over all records.
        room: Bytes of memory for merging counts; unlimited if None.
    """
    if not len(lexicon):
        return Additions(lexicon, {}, lexicon)
    cut = CutWords(lexicon)
    within = cut.count_within()
    may_grow = lexicon.alphabet.is_joinable
    is_new = np.array([len(word) > 1 and word not in known for word in lexicon.words], dtype=np.bool_)
    new = np.flatnonzero(is_new & cut.have_any(may_grow))
    chains, known_wholes = _find_chains(lexicon.take(new), ChainFinder(lexicon.grams, may_grow), known)
    proposals = _Proposals(set(find_compounds(cut, lexicon.is_aligned)), find_nested(cut, within), chains)
    proposed = {*proposals.compounds, *proposals.nested, *(link.word for links in chains.values() for link in links)}
    found = _measure_words(sorted(proposed.difference(lexicon.words)), lexicon, reduce, room)
    all_words = lexicon.append(found)
    extended = extend_words(chains, all_words)
    added = _select_words(found, proposals, set(extended.values()), known)

    parts = lexicon.take(new).append(added)
    of_cut = lexicon.take(np.flatnonzero([word not in lexicon.phrases for word in lexicon.words]))
    longer = {*added.words, *extended.values()}
    longer_rows = np.flatnonzero([word in longer for word in all_words.words])
    wholes = [
        *known_wholes,
        *find_wholes_in(parts, of_cut, of_cut.counts),
        *find_wholes_in(parts, all_words.take(longer_rows), all_words.occurrences[longer_rows]),
    ]
    words = lexicon.append(added)
    return Additions(words.sort(), choose_wholes(wholes), _count_apart(lexicon, words, set(extended.values())))


def _count_apart(lexicon: LexiconTable, words: LexiconTable, extended: Container[str]) -> LexiconTable:
    """Return extended words, and the words of the cut outside them.

    The cut does not say how often a word of it is within an extended word, so it is taken to be a word there as often
    as elsewhere.

    Args:
        lexicon: The words of the cut.
        words: These, then the added ones.
        extended: The extended words.
    """
    rows = np.flatnonzero([word in extended for word in words.words])
    whole_counts = np.where(rows < len(lexicon), words.occurrences[rows] - words.counts[rows], words.occurrences[rows])
    numbers = {word: row for row, word in enumerate(lexicon.words)}
    within = np.zeros(len(lexicon), dtype=np.int64)
    for n, pieces in zip(whole_counts.tolist(), iter_pieces(words.take(rows)), strict=True):
        for piece in pieces:
            if piece in numbers:
                within[numbers[piece]] += n
    shares = np.minimum(within / np.maximum(lexicon.occurrences, 1), 1.0)
    apart = replace(lexicon, counts=np.rint(lexicon.counts * (1 - shares)).astype(np.int64))
    return apart.append(words.take(rows[rows >= len(lexicon)]))


def _find_chains(
    lexicon: LexiconTable, finder: ChainFinder, known: Container[str]
) -> tuple[dict[str, list[Link]], list[Whole]]:
    """Return the chains of shards, and the known words that other words are part of."""
    parts = lexicon.take(np.flatnonzero(_may_be_part(lexicon.left) | _may_be_part(lexicon.right)))
    wholes = find_known_wholes(parts, finder.find(parts.words, PART_SHARE), known)
    known_parts = {whole.part for whole in wholes}
    are_shards = (is_fixed(parts.left) | is_fixed(parts.right)).tolist()
    shards = [
        word for word, is_shard in zip(parts.words, are_shards, strict=True) if is_shard and word not in known_parts
    ]
    return dict(zip(shards, finder.find(shards, FIXED_SHARE), strict=True)), wholes


def _may_be_part(sides: Sides) -> BoolArray:
    is_part: BoolArray = (sides.top != 0) & (sides.top_share >= PART_SHARE)
    return is_part


def _measure_words(words: Sequence[str], lexicon: LexiconTable, reduce: Reduce, room: int | None) -> LexiconTable:
    """Return words as entries, with all their occurrences as counts."""
    if not words:
        return lexicon.take(np.empty(0, dtype=np.int64))
    spellings = Spellings.from_words(words, lexicon.alphabet)
    contexts = measure_contexts(spellings, np.ones(len(words), dtype=np.int64), lexicon.alphabet, reduce, room)
    return replace(
        lexicon,
        words=list(words),
        counts=contexts.occurrences,
        pmi=measure_cohesion(spellings, lexicon.grams),
        occurrences=contexts.occurrences,
        docs=contexts.docs,
        left=contexts.left,
        right=contexts.right,
    )


def _select_words(
    found: LexiconTable, proposals: _Proposals, extended: Container[str], known: Container[str]
) -> LexiconTable:
    """Return frequent words of the proposals; a nested one counts where it is alone."""
    entropy = np.minimum(found.left.merged_entropy, found.right.merged_entropy)
    edges = np.minimum(found.left.edge_share, found.right.edge_share)
    is_firm, is_free = entropy >= _MIN_COMPOUND_ENTROPY, (entropy >= _MIN_NESTED_ENTROPY) & (edges >= _MIN_NESTED_EDGES)
    rows = [
        row
        for row, word in enumerate(found.words)
        if word not in known
        and (
            (word in extended and not is_boilerplate(word))
            or (word in proposals.compounds and is_firm[row])
            or (word in proposals.nested and is_free[row])
        )
    ]
    added = found.take(np.array(rows, dtype=np.int64))
    counts = [proposals.nested.get(word, n) for word, n in zip(added.words, added.counts.tolist(), strict=True)]
    added = replace(added, counts=np.array(counts, dtype=np.int64))
    return added.take(np.flatnonzero(added.counts >= added.alphabet.min_count))
