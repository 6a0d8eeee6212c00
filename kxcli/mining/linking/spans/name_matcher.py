"""The names of a knowledge base, and all their occurrences in running text, over arrays that processes share.

Two characters decide for two positions in three that no name begins there; the rest go on, a character at a time and
all together, as long as several names begin so.  Where one name alone is left, the rest of it is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, IntArray, NamedArrays, UInt32Array
from kxcli.arrays.code_points import to_code_points
from kxcli.arrays.key_index import KeyArray, KeyIndex
from kxcli.arrays.ragged import starts_of
from kxcli.mining.linking.spans.name_trie import BITS, TAIL
from kxcli.mining.text.character_tables import spaced_table
from kxcli.mining.text.folding import FoldedTexts

Ids = AnyArray  # np.uint16, or np.uint32 for very many characters

_NESTED = 16  # names with one start that are found: a thousand beginnings of one name are a trap, and no names
_PIECE = 1 << 15  # positions looked at together: all that is computed of them stays in a core's cache
_NARROW = 1 << 16  # characters of all names, from which two of them no longer fit a key of 32 bits


class NameMatches(NamedTuple):
    """Names in running text: from `starts` to before `stops`, by start and then by stop; `names` are numbers from 0."""

    starts: IntArray
    stops: IntArray
    names: UInt32Array

    def select(self, which: AnyArray) -> "NameMatches":
        """Return some of them."""
        return NameMatches(self.starts[which], self.stops[which], self.names[which])

    @classmethod
    def concatenate(cls, parts: "Sequence[NameMatches]") -> "NameMatches":
        """Return the matches of all parts."""
        if not parts:
            return cls(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint32))
        starts, stops, names = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return cls(starts, stops, names)


class _Found(NamedTuple):
    """Names of several lengths that start at some positions."""

    starts: IntArray
    lengths: IntArray
    names: UInt32Array  # from 1


@dataclass(frozen=True)
class NameMatcher:
    """Distinct folded names, compiled; some 25 bytes a name and 2 a character, of which processes share all.

    ids: a number from 1 for every code point up to the last one in a name, 0 for those that no name has, and last.
    singles: by such a number, 1 + the name of that one character, or 0.
    pairs, pair_nodes: the node of each first two characters, key: both their numbers.
    children, child_nodes: the node of an inner node and the character after it.
    values: by node, 1 + the name that ends there, or, with `TAIL`, the only one that goes on there, or 0.
    letters, letter_starts: the characters' numbers of all names, and where each name begins and the last one ends.
    n_inner: inner nodes, from which several names go on; they come first, from 1.
    longest: characters of the longest name.
    """

    ids: Ids
    singles: UInt32Array
    pairs: KeyIndex
    pair_nodes: UInt32Array
    children: KeyIndex
    child_nodes: UInt32Array
    values: UInt32Array
    letters: Ids
    letter_starts: IntArray
    n_inner: int
    longest: int

    @classmethod
    def from_names(cls, names: Sequence[str]) -> "NameMatcher":
        """Return the index of distinct names, none of them empty; 2 s a million."""
        lengths = np.fromiter(map(len, names), dtype=np.int64, count=len(names))
        codes = to_code_points("".join(names))
        seen = np.unique(codes)
        kind = np.uint16 if len(seen) < _NARROW else np.uint32
        ids = np.zeros(int(seen[-1]) + 2 if len(seen) else 1, dtype=kind)
        ids[seen] = np.arange(1, len(seen) + 1)
        letters = ids.take(codes)
        starts = starts_of(lengths)
        is_single = lengths == 1
        singles = np.zeros(len(seen) + 1, dtype=np.uint32)
        singles[letters[starts[:-1][is_single]]] = np.flatnonzero(is_single) + 1
        levels = _levels(letters, starts[:-1], lengths)
        n_pairs = len(levels[0].keys) if levels else 0
        keys = np.concatenate([np.empty(0, dtype=np.uint64), *(level.keys for level in levels)])
        nodes = np.concatenate([np.zeros(1, dtype=np.int64), *(level.nodes for level in levels)])
        is_leaf = nodes == 0
        is_leaf[0] = False  # no node
        n_inner = int(nodes.max())
        nodes[is_leaf] = n_inner + np.arange(1, int(is_leaf.sum()) + 1)
        values = np.zeros(len(nodes), dtype=np.uint32)
        values[nodes[1:]] = np.concatenate([values[:0], *(level.values for level in levels)])
        numbers = nodes.astype(np.uint32)
        return cls(
            ids,
            singles,
            KeyIndex.from_keys(
                _pairs(keys[:n_pairs] >> np.uint64(BITS), keys[:n_pairs] & np.uint64((1 << BITS) - 1), kind)
            ),
            numbers[: n_pairs + 1],
            KeyIndex.from_keys(keys[n_pairs:]),
            np.concatenate((numbers[:1], numbers[n_pairs + 1 :])),
            values,
            letters,
            starts,
            n_inner,
            int(lengths.max(initial=0)),
        )

    @classmethod
    def from_arrays(cls, arrays: NamedArrays, name: str) -> "NameMatcher":
        """Return the index that `arrays` gave under a name."""
        read: dict[str, Any] = {part: arrays[f"{name}.{part}"] for part in _ARRAYS}
        n_inner, longest = arrays[f"{name}.sizes"].tolist()
        pairs, children = (
            KeyIndex.from_arrays(arrays, f"{name}.pairs"),
            KeyIndex.from_arrays(arrays, f"{name}.children"),
        )
        return cls(pairs=pairs, children=children, n_inner=n_inner, longest=longest, **read)

    def arrays(self, name: str) -> dict[str, AnyArray]:
        """Return all there is, under names that begin with `name`."""
        return {
            **{f"{name}.{part}": getattr(self, part) for part in _ARRAYS},
            **self.pairs.arrays(f"{name}.pairs"),
            **self.children.arrays(f"{name}.children"),
            f"{name}.sizes": np.array([self.n_inner, self.longest]),
        }

    def __len__(self) -> int:
        return len(self.letter_starts) - 1

    def matches(self, codes: UInt32Array) -> NameMatches:
        """Return all occurrences in running code points, overlapping ones too; with one start the 16 longest."""
        if not len(self) or not len(codes):
            return NameMatches.concatenate([])
        ids = np.zeros(len(codes) + self.longest, dtype=self.ids.dtype)
        self.ids.take(codes, out=ids[: len(codes)], mode="clip")
        firsts = range(0, len(codes), _PIECE)
        return NameMatches.concatenate([self._piece(ids, first, min(first + _PIECE, len(codes))) for first in firsts])

    def _piece(self, ids: Ids, start: int, stop: int) -> NameMatches:
        """Return the matches that start within some positions, which many ids follow, zeros in the end."""
        here = ids[start:]
        names = self.singles.take(here[: stop - start])
        at = np.flatnonzero(names)
        found = [_Found(at, np.ones(len(at), dtype=np.int64), names.take(at)), *self._walk(here, stop - start)]
        starts, lengths, numbers = (np.concatenate(parts) for parts in zip(*found, strict=True))
        order = np.argsort(starts * np.int64(self.longest + 1) + lengths)
        starts = starts.take(order)
        if self.longest > _NESTED:
            longer = np.searchsorted(starts, starts, side="right") - np.arange(len(starts))
            order, starts = order[longer <= _NESTED], starts[longer <= _NESTED]
        starts = starts + start
        return NameMatches(starts, starts + lengths.take(order), numbers.take(order) - np.uint32(1))

    def _walk(self, ids: Ids, n: int) -> list[_Found]:
        """Return the names of two or more characters that start at the first `n` positions."""
        if self.longest < 2:
            return []
        found, tails = list[_Found](), list[_Found]()
        nodes = self.pair_nodes.take(self.pairs.find(_pairs(ids[:n], ids[1 : n + 1], ids.dtype.type)))
        starts = np.flatnonzero(nodes)
        nodes = nodes.take(starts)
        length, held = 2, 0
        while len(starts):
            if held > 2 * _NESTED * n:
                found = [_limit_nested(found)]
                held = len(found[0].starts)
            values = self.values.take(nodes)
            valued = np.flatnonzero(values)
            numbers, at = values.take(valued), starts.take(valued)
            is_tail = numbers >= TAIL
            for which, parts in ((~is_tail, found), (is_tail, tails)):
                chosen = np.flatnonzero(which)
                parts.append(_Found(at.take(chosen), np.full(len(chosen), length), numbers.take(chosen) & ~TAIL))
            held += len(found[-1].starts)
            alive = np.flatnonzero(nodes <= self.n_inner)
            starts = starts.take(alive)
            nodes = nodes.take(alive)
            keys = nodes.astype(np.uint64)
            keys <<= np.uint64(BITS)
            keys |= ids.take(starts + length)
            nodes = self.child_nodes.take(self.children.find(keys))
            alive = np.flatnonzero(nodes)
            starts, nodes = starts.take(alive), nodes.take(alive)
            length += 1
        return [*found, self._compared(ids, tails)]

    def _compared(self, ids: Ids, tails: Sequence[_Found]) -> _Found:
        """Return those of which the rest is there too; what is known to be equal has the given lengths."""
        if not tails:
            return _Found(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint32))
        starts, known, names = (np.concatenate(parts) for parts in zip(*tails, strict=True))
        begins = self.letter_starts.take(names - np.uint32(1))
        lengths = self.letter_starts.take(names) - begins
        place, letter = starts + known, begins + known
        rest = lengths - known
        alive = np.flatnonzero(
            ids.take(place) == self.letters.take(letter, mode="clip")
        )  # most are other names already here
        right = alive
        n_known = 1
        while len(alive):  # character by character: a few names are long, and few texts go on like them
            alive = alive[rest.take(alive) > n_known]
            differs = ids.take(place.take(alive) + n_known) != self.letters.take(
                letter.take(alive) + n_known, mode="clip"
            )
            if differs.any():
                right = np.setdiff1d(right, alive[differs], assume_unique=True)
                alive = alive[~differs]
            n_known += 1
        return _Found(starts.take(right), lengths.take(right), names.take(right))


def _limit_nested(parts: Sequence[_Found]) -> _Found:
    """Return of the names that start at one place the longest."""
    starts, lengths, names = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.lexsort((-lengths, starts))
    ordered = starts.take(order)
    order = order[np.arange(len(order)) - np.searchsorted(ordered, ordered) < _NESTED]
    return _Found(starts.take(order), lengths.take(order), names.take(order))


_ARRAYS = ("ids", "singles", "pair_nodes", "child_nodes", "values", "letters", "letter_starts")


class _Level(NamedTuple):
    """The nodes of one depth, by key: the number of inner ones, 0 for leaves, and their values."""

    keys: KeyArray
    nodes: IntArray
    values: UInt32Array


def _levels(letters: Ids, starts: IntArray, lengths: IntArray) -> list[_Level]:
    """Return the nodes of names of two characters or more; a key is the node above, or the first, and a character."""
    alive = np.flatnonzero(lengths > 1)
    above = letters[starts[alive]].astype(np.uint64)
    depth, n_inner = 1, 0
    levels = []
    while len(alive):
        keys = (above << np.uint64(BITS)) | letters[starts[alive] + depth]
        depth += 1
        keys, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
        is_end = lengths[alive] == depth
        is_tail = (counts.take(inverse) == 1) & ~is_end
        goes_on = ~is_end & ~is_tail
        values = np.zeros(len(keys), dtype=np.uint32)
        values[inverse[is_end]] = alive[is_end] + 1
        values[inverse[is_tail]] = (alive[is_tail] + 1) | int(TAIL)
        is_inner = np.zeros(len(keys), dtype=np.bool_)
        is_inner[inverse[goes_on]] = True
        nodes = np.where(is_inner, n_inner + np.cumsum(is_inner), 0)
        n_inner += int(is_inner.sum())
        levels.append(_Level(keys, nodes, values))
        alive, above = alive[goes_on], nodes[inverse[goes_on]].astype(np.uint64)
    return levels


def _pairs(first: AnyArray, second: AnyArray, kind: type[Any]) -> KeyArray:
    """Return a key for two characters' numbers: of 32 bits, if those have 16, else of 64."""
    wide: Any = np.uint32 if kind is np.uint16 else np.uint64
    keys = first.astype(wide)
    keys <<= wide(16 if kind is np.uint16 else BITS)
    keys |= second.astype(wide)
    return keys


def at_word_edges(matches: NameMatches, codes: UInt32Array) -> BoolArray:
    """Return which matches do not cut a word of a script that parts words by spaces.

    A Chinese character next to a Latin letter is an edge, as punctuation is; a digit counts as a letter.
    """
    spaced = spaced_table()
    if not len(matches.starts):
        return np.zeros(0, dtype=np.bool_)

    def are_spaced(places: IntArray) -> BoolArray:
        return spaced.take(codes.take(places, mode="clip"), mode="clip")

    cuts = are_spaced(matches.starts) & are_spaced(matches.starts - 1) & (matches.starts > 0)
    cuts |= are_spaced(matches.stops - 1) & are_spaced(matches.stops) & (matches.stops < len(codes))
    return ~cuts


def find_names(names: NameMatcher, texts: FoldedTexts) -> NameMatches:
    """Return all names in some texts that cut neither a word nor a character, at their places in the source."""
    found = names.matches(texts.codes)
    found = found.select(np.flatnonzero(at_word_edges(found, texts.codes)))
    starts, stops = texts.sources(found.starts, found.stops)
    if texts.begins is not None:
        whole = np.flatnonzero((starts >= 0) & (stops >= 0))
        starts, stops, found = starts.take(whole), stops.take(whole), found.select(whole)
    return NameMatches(starts, stops, found.names)
