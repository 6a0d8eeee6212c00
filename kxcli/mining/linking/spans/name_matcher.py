"""Find all occurrences of many names in running text.

Two characters exclude two positions in three as the start of a name. The other positions proceed together, a
character at a time, while several names are possible. The rest of a single possible name is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, IntArray, NamedArrays, UInt32Array
from kxcli.arrays.code_points import to_code_points
from kxcli.arrays.key_index import KeyIndex
from kxcli.arrays.ragged import compute_starts
from kxcli.mining.linking.spans.name_trie import BITS, TAIL, build_levels, combine_characters
from kxcli.mining.text.character_tables import make_spaced_table

IdArray = AnyArray  # np.uint16, or np.uint32 if names have very many different characters

_MAX_NESTED = 16  # names with the same start; a thousand prefixes of a name are an attack
_BATCH_SIZE = 1 << 15  # positions searched together, so that intermediate arrays stay in a core's cache
_MAX_NARROW = 1 << 16  # characters of all names, so that two of them fit a key of 32 bits


class NameMatches(NamedTuple):
    """Names in running text, by start, then by stop.

    Args:
        starts: Positions of the first characters.
        stops: Positions after the last characters.
        names: Numbers of the names, from 0.
    """

    starts: IntArray
    stops: IntArray
    names: UInt32Array

    def select(self, which: AnyArray) -> "NameMatches":
        """Return some of the matches."""
        return NameMatches(self.starts[which], self.stops[which], self.names[which])

    @classmethod
    def concatenate(cls, parts: "Sequence[NameMatches]") -> "NameMatches":
        """Return the matches of all parts."""
        if not parts:
            return cls(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint32))
        starts, stops, names = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return cls(starts, stops, names)


class _Hits(NamedTuple):
    """Names by start position, in no order."""

    starts: IntArray
    lengths: IntArray
    names: UInt32Array  # from 1


@dataclass(frozen=True)
class NameMatcher:
    """Finds distinct folded names; some 25 bytes a name and 2 a character.

    Args:
        ids: By code point, the number of a character from 1, or 0; the last value, 0, is for all higher code points.
        singles: By character, 1 + the name of this one character, or 0.
        pairs: Numbers of the first two characters of names, by both their numbers.
        pair_nodes: By such a number, the node.
        children: Numbers of pairs of an inner node and the next character.
        child_nodes: By such a number, the node.
        values: By node, 1 + the name that ends here, or with `TAIL` the only name that continues here, or 0.
        letters: The characters of all names.
        letter_starts: By name, in `letters`, and where the last one ends.
        n_inner: Inner nodes, at which several names continue; they are numbered from 1, before all other nodes.
        max_length: Characters of the longest name.
    """

    ids: IdArray
    singles: UInt32Array
    pairs: KeyIndex
    pair_nodes: UInt32Array
    children: KeyIndex
    child_nodes: UInt32Array
    values: UInt32Array
    letters: IdArray
    letter_starts: IntArray
    n_inner: int
    max_length: int

    @classmethod
    def from_names(cls, names: Sequence[str]) -> "NameMatcher":
        """Return the matcher of distinct names, none of them empty; 2 s a million."""
        lengths = np.fromiter(map(len, names), dtype=np.int64, count=len(names))
        codes = to_code_points("".join(names))
        seen = np.unique(codes)
        kind = np.uint16 if len(seen) < _MAX_NARROW else np.uint32
        ids = np.zeros(int(seen[-1]) + 2 if len(seen) else 1, dtype=kind)
        ids[seen] = np.arange(1, len(seen) + 1)
        letters = ids.take(codes)
        starts = compute_starts(lengths)
        is_single = lengths == 1
        singles = np.zeros(len(seen) + 1, dtype=np.uint32)
        singles[letters[starts[:-1][is_single]]] = np.flatnonzero(is_single) + 1
        levels = build_levels(letters, starts[:-1], lengths)
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
                combine_characters(keys[:n_pairs] >> np.uint64(BITS), keys[:n_pairs] & np.uint64((1 << BITS) - 1), kind)
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
        """Return the matcher that `arrays` returned for a name."""
        read: dict[str, Any] = {part: arrays[f"{name}.{part}"] for part in _ARRAYS}
        n_inner, max_length = arrays[f"{name}.sizes"].tolist()
        for part in ("pairs", "children"):
            read[part] = KeyIndex.from_arrays(arrays, f"{name}.{part}")
        return cls(n_inner=n_inner, max_length=max_length, **read)

    def arrays(self, name: str) -> dict[str, AnyArray]:
        """Return all arrays, under names that begin with `name`."""
        return {
            **{f"{name}.{part}": getattr(self, part) for part in _ARRAYS},
            **self.pairs.arrays(f"{name}.pairs"),
            **self.children.arrays(f"{name}.children"),
            f"{name}.sizes": np.array([self.n_inner, self.max_length]),
        }

    def __len__(self) -> int:
        return len(self.letter_starts) - 1

    def matches(self, codes: UInt32Array, batch_size: int = _BATCH_SIZE) -> NameMatches:
        """Return all occurrences in running code points, overlapping ones too.

        Of more than 16 names with the same start, the longest ones are found.
        """
        if not len(self) or not len(codes):
            return NameMatches.concatenate([])
        ids = np.zeros(len(codes) + self.max_length, dtype=self.ids.dtype)
        self.ids.take(codes, out=ids[: len(codes)], mode="clip")
        firsts = range(0, len(codes), batch_size)
        return NameMatches.concatenate(
            [self._batch(ids, first, min(first + batch_size, len(codes))) for first in firsts]
        )

    def word_matches(self, codes: UInt32Array) -> NameMatches:
        """Return the occurrences that begin and end at the edges of words."""
        matches = self.matches(codes)
        return matches.select(at_word_edges(matches, codes))

    def _batch(self, ids: IdArray, start: int, stop: int) -> NameMatches:
        """Return the matches that start within a range; zeros follow the ids of the text."""
        here = ids[start:]
        names = self.singles.take(here[: stop - start])
        at = np.flatnonzero(names)
        hits = [_Hits(at, np.ones(len(at), dtype=np.int64), names.take(at)), *self._walk(here, stop - start)]
        starts, lengths, numbers = (np.concatenate(parts) for parts in zip(*hits, strict=True))
        order = np.argsort(starts * np.int64(self.max_length + 1) + lengths)
        starts = starts.take(order)
        if self.max_length > _MAX_NESTED:
            longer = np.searchsorted(starts, starts, side="right") - np.arange(len(starts))
            order, starts = order[longer <= _MAX_NESTED], starts[longer <= _MAX_NESTED]
        starts = starts + start
        return NameMatches(starts, starts + lengths.take(order), numbers.take(order) - np.uint32(1))

    def _walk(self, ids: IdArray, n: int) -> list[_Hits]:
        """Return the names of several characters that start at the first n positions."""
        if self.max_length < 2:
            return []
        ends, tails = list[_Hits](), list[_Hits]()
        nodes = self.pair_nodes.take(self.pairs.find(combine_characters(ids[:n], ids[1 : n + 1], ids.dtype.type)))
        starts = np.flatnonzero(nodes)
        nodes = nodes.take(starts)
        length, n_ends = 2, 0
        while len(starts):
            if n_ends > 2 * _MAX_NESTED * n:
                ends = [_limit_nested(ends)]
                n_ends = len(ends[0].starts)
            values = self.values.take(nodes)
            for is_hit, parts in (((values > 0) & (values < TAIL), ends), (values >= TAIL, tails)):
                rows = np.flatnonzero(is_hit)
                parts.append(_Hits(starts.take(rows), np.full(len(rows), length), values.take(rows) & ~TAIL))
            n_ends += len(ends[-1].starts)
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
        return [*ends, self._compare_tails(ids, tails)]

    def _compare_tails(self, ids: IdArray, tails: Sequence[_Hits]) -> _Hits:
        """Return the names with all remaining characters; the given lengths are equal."""
        if not tails:
            return _Hits(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint32))
        starts, known, names = (np.concatenate(parts) for parts in zip(*tails, strict=True))
        begins = self.letter_starts.take(names - np.uint32(1))
        lengths = self.letter_starts.take(names) - begins
        positions, letters = starts + known, begins + known
        rest = lengths - known
        right = alive = np.flatnonzero(ids.take(positions) == self.letters.take(letters, mode="clip"))
        offset = 1
        while len(alive):  # few names are long, and few positions are left after some characters
            alive = alive[rest.take(alive) > offset]
            expected = self.letters.take(letters.take(alive) + offset, mode="clip")
            is_equal = ids.take(positions.take(alive) + offset) == expected
            if not is_equal.all():
                right = np.setdiff1d(right, alive[~is_equal], assume_unique=True)
                alive = alive[is_equal]
            offset += 1
        return _Hits(starts.take(right), lengths.take(right), names.take(right))


def _limit_nested(parts: Sequence[_Hits]) -> _Hits:
    """Return the longest names of each start."""
    starts, lengths, names = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.lexsort((-lengths, starts))
    ordered = starts.take(order)
    order = order[np.arange(len(order)) - np.searchsorted(ordered, ordered) < _MAX_NESTED]
    return _Hits(starts.take(order), lengths.take(order), names.take(order))


_ARRAYS = ("ids", "singles", "pair_nodes", "child_nodes", "values", "letters", "letter_starts")


def at_word_edges(matches: NameMatches, codes: UInt32Array) -> BoolArray:
    """Return whether each match begins and ends at the edge of a word.

    Only scripts with spaces between words have words. A Chinese character next to a Latin letter is an edge, as is
    punctuation; a digit counts as a letter.
    """
    spaced = make_spaced_table()
    if not len(matches.starts):
        return np.zeros(0, dtype=np.bool_)

    def are_spaced(positions: IntArray) -> BoolArray:
        return spaced.take(codes.take(positions, mode="clip"), mode="clip")

    cuts = are_spaced(matches.starts) & are_spaced(matches.starts - 1) & (matches.starts > 0)
    cuts |= are_spaced(matches.stops - 1) & are_spaced(matches.stops) & (matches.stops < len(codes))
    return ~cuts
