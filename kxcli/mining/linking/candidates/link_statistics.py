"""What labelled texts say of names: how often each is meant as one, and as which entry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, FloatArray, IntArray, NamedArrays, UInt32Array, UInt64Array
from kxcli.arrays.key_index import KeyIndex
from kxcli.schema import ArrayField

_DOUBT = 0.5  # added to counts of both outcomes, so that little evidence says little


class LinkCounts(NamedTuple):
    """Counts over some texts.

    keys: the hash of each folded name that stands there; stood: how often; labelled: how often as a mention.
    meant_keys, meant_entries: a row for every time that a name meant an entry.
    """

    keys: UInt64Array
    stood: IntArray
    labelled: IntArray
    meant_keys: UInt64Array
    meant_entries: IntArray

    @classmethod
    def concatenate(cls, parts: "Sequence[LinkCounts]") -> "LinkCounts":
        """Return the counts of all parts."""
        return cls(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


@dataclass(frozen=True)
class LinkStatistics:
    """Counts of names; number 0 is for a name that was never seen, of which all counts are 0.

    slots: the numbers of names, by their hash.  stood, labelled: by number.
    starts: where the entries that a name meant begin, by number; entries, counts: these, the most frequent ones first,
    and how often.
    meant: how often each entry was meant by any name, shape (entries,).
    """

    slots: KeyIndex
    stood: UInt32Array
    labelled: UInt32Array
    starts: IntArray
    entries: UInt32Array
    counts: UInt32Array
    meant: FloatArray

    @classmethod
    def from_counts(cls, parts: Sequence[LinkCounts], n_entries: int) -> "LinkStatistics":
        """Return what some counts add up to."""
        empty = np.empty(0, dtype=np.int64)
        all_ = LinkCounts.concatenate(
            [*parts, LinkCounts(empty.astype(np.uint64), empty, empty, empty.astype(np.uint64), empty)]
        )
        keys, inverse = np.unique(all_.keys, return_inverse=True)
        slots = KeyIndex.from_keys(keys)
        rows, counts = np.unique(
            slots.find(all_.meant_keys).astype(np.int64) * max(n_entries, 1) + all_.meant_entries, return_counts=True
        )
        names, entries = np.divmod(rows, max(n_entries, 1))
        order = np.lexsort((entries, -counts, names))
        entries, counts = entries.take(order), counts.take(order)

        def summed(values: IntArray) -> UInt32Array:
            sums = np.bincount(inverse.reshape(-1), values, minlength=len(keys))
            return np.concatenate(([0], sums)).astype(np.uint32)

        return cls(
            slots,
            summed(all_.stood),
            summed(all_.labelled),
            np.searchsorted(names, np.arange(len(keys) + 2)),
            entries.astype(np.uint32),
            counts.astype(np.uint32),
            _meant(entries, counts, n_entries),
        )

    def rates(self, numbers: UInt32Array) -> FloatArray:
        """Return how likely each name is meant as one."""
        return np.asarray((self.labelled.take(numbers) + _DOUBT) / (self.stood.take(numbers) + 2 * _DOUBT))

    def arrays(self, name: str) -> dict[str, AnyArray]:
        """Return all there is, under names that begin with `name`."""
        return {**self.slots.arrays(f"{name}.slots"), **{f"{name}.{part}": getattr(self, part) for part in _ARRAYS}}

    @staticmethod
    def declare_arrays(name: str) -> dict[str, ArrayField]:
        """Declare the arrays; the size "entries" is known."""

        def at_most(labelled: UInt32Array, arrays: NamedArrays, sizes: Mapping[str, int]) -> str:
            return "" if (labelled <= arrays[f"{name}.stood"]).all() else "is larger than how often a name stood there"

        return {
            f"{name}.stood": ArrayField("u4", (f"{name}+1",)),
            f"{name}.labelled": ArrayField("u4", (f"{name}+1",), rules=[at_most]),
            f"{name}.starts": ArrayField("i8", (f"{name}+2",), starts=f"{name}.entries"),
            f"{name}.entries": ArrayField("u4", (f"{name}.entries",), below="entries"),
            f"{name}.counts": ArrayField("u4", (f"{name}.entries",)),
            **KeyIndex.declare_arrays(f"{name}.slots", "u8", name),
        }

    @classmethod
    def from_arrays(cls, arrays: NamedArrays, name: str, n_entries: int) -> "LinkStatistics":
        """Return the statistics that `arrays` gave under a name."""
        read: dict[str, Any] = {part: arrays[f"{name}.{part}"] for part in _ARRAYS}
        meant = _meant(read["entries"], read["counts"], n_entries)
        return cls(slots=KeyIndex.from_arrays(arrays, f"{name}.slots"), meant=meant, **read)


def _meant(entries: AnyArray, counts: AnyArray, n_entries: int) -> FloatArray:
    return np.bincount(entries, counts, minlength=n_entries).astype(np.float64)


_ARRAYS = ("stood", "labelled", "starts", "entries", "counts")
