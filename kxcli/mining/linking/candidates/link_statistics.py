"""Counts of names in labeled texts: occurrences, mentions, and links to entries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, FloatArray, IntArray, NamedArrays, UInt32Array, UInt64Array
from kxcli.arrays.key_index import KeyIndex
from kxcli.schema import ArrayField

_SMOOTHING = 0.5  # added to the counts of both outcomes, so that a rate of few occurrences stays near 1/2


class LinkCounts(NamedTuple):
    """Counts of the names in some texts.

    keys: the hash of each folded name in the texts.  n_occurrences: of each.  n_mentions: occurrences labeled as a
    mention.  link_keys, link_entries: a row for every occurrence linked to an entry.
    """

    keys: UInt64Array
    n_occurrences: IntArray
    n_mentions: IntArray
    link_keys: UInt64Array
    link_entries: IntArray

    @classmethod
    def concatenate(cls, parts: "Sequence[LinkCounts]") -> "LinkCounts":
        """Return the counts of all parts."""
        return cls(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


@dataclass(frozen=True)
class LinkStatistics:
    """Counts by the number of a name; number 0 is any unseen name.

    slots: numbers of names by their hash.
    n_occurrences, n_mentions: of each name.
    starts: where the links of each name begin, and where the last one's end.
    entries, counts: the entries that a name links to, the most frequent first, and the number of links.
    n_links: links to each entry by any name, shape (entries,).
    """

    slots: KeyIndex
    n_occurrences: UInt32Array
    n_mentions: UInt32Array
    starts: IntArray
    entries: UInt32Array
    counts: UInt32Array
    n_links: FloatArray

    @classmethod
    def from_counts(cls, parts: Sequence[LinkCounts], n_entries: int) -> "LinkStatistics":
        """Sum counts of several parts."""
        empty = np.empty(0, dtype=np.int64)
        all_ = LinkCounts.concatenate(
            [*parts, LinkCounts(empty.astype(np.uint64), empty, empty, empty.astype(np.uint64), empty)]
        )
        keys, inverse = np.unique(all_.keys, return_inverse=True)
        slots = KeyIndex.from_keys(keys)
        rows, counts = np.unique(
            slots.find(all_.link_keys).astype(np.int64) * max(n_entries, 1) + all_.link_entries, return_counts=True
        )
        names, entries = np.divmod(rows, max(n_entries, 1))
        order = np.lexsort((entries, -counts, names))
        entries, counts = entries.take(order), counts.take(order)

        def sum_by_name(values: IntArray) -> UInt32Array:
            sums = np.bincount(inverse.reshape(-1), values, minlength=len(keys))
            return np.concatenate(([0], sums)).astype(np.uint32)

        return cls(
            slots,
            sum_by_name(all_.n_occurrences),
            sum_by_name(all_.n_mentions),
            np.searchsorted(names, np.arange(len(keys) + 2)),
            entries.astype(np.uint32),
            counts.astype(np.uint32),
            _count_links(entries, counts, n_entries),
        )

    def rates(self, numbers: UInt32Array) -> FloatArray:
        """Return the smoothed share of each name's occurrences that are mentions."""
        return np.asarray(
            (self.n_mentions.take(numbers) + _SMOOTHING) / (self.n_occurrences.take(numbers) + 2 * _SMOOTHING)
        )

    def arrays(self, name: str) -> dict[str, AnyArray]:
        """Return all arrays, under names that begin with `name`."""
        return {**self.slots.arrays(f"{name}.slots"), **{f"{name}.{part}": getattr(self, part) for part in _ARRAYS}}

    @staticmethod
    def declare_arrays(name: str) -> dict[str, ArrayField]:
        """Declare the arrays; the size "entries" is known."""

        def check_mentions(n_mentions: UInt32Array, arrays: NamedArrays, sizes: Mapping[str, int]) -> str:
            is_right = (n_mentions <= arrays[f"{name}.n_occurrences"]).all()
            return "" if is_right else "is larger than the number of occurrences"

        return {
            f"{name}.n_occurrences": ArrayField("u4", (f"{name}+1",)),
            f"{name}.n_mentions": ArrayField("u4", (f"{name}+1",), rules=[check_mentions]),
            f"{name}.starts": ArrayField("i8", (f"{name}+2",), starts=f"{name}.entries"),
            f"{name}.entries": ArrayField("u4", (f"{name}.entries",), below="entries"),
            f"{name}.counts": ArrayField("u4", (f"{name}.entries",)),
            **KeyIndex.declare_arrays(f"{name}.slots", "u8", name),
        }

    @classmethod
    def from_arrays(cls, arrays: NamedArrays, name: str, n_entries: int) -> "LinkStatistics":
        """Return the statistics that `arrays` returned for a name."""
        read: dict[str, Any] = {part: arrays[f"{name}.{part}"] for part in _ARRAYS}
        n_links = _count_links(read["entries"], read["counts"], n_entries)
        return cls(slots=KeyIndex.from_arrays(arrays, f"{name}.slots"), n_links=n_links, **read)


def _count_links(entries: AnyArray, counts: AnyArray, n_entries: int) -> FloatArray:
    return np.bincount(entries, counts, minlength=n_entries).astype(np.float64)


_ARRAYS = ("n_occurrences", "n_mentions", "starts", "entries", "counts")
