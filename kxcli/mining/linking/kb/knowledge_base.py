"""A compiled knowledge base, as arrays shared by processes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, Float32Array, IntArray, NamedArrays, UInt8Array, UInt32Array, UInt64Array
from kxcli.arrays.key_index import KeyIndex
from kxcli.arrays.ragged import compute_starts
from kxcli.mining.linking.spans.bag_matcher import BagMatcher
from kxcli.mining.linking.spans.name_matcher import NameMatcher
from kxcli.mining.linking.spans.name_trie import declare_names
from kxcli.schema import ArrayField, SchemaError, Sizes, check_forms, check_values, require_minimum

VERSION = 4  # of the compiled arrays; caches of another version are compiled again


@dataclass(frozen=True)
class StringTable:
    """Many strings: their UTF-8, and where each starts and the last one ends."""

    data: UInt8Array
    starts: IntArray

    @classmethod
    def from_strings(cls, strings: Sequence[str]) -> "StringTable":
        """Return a table of strings."""
        encoded = [string.encode("utf-8", "surrogatepass") for string in strings]
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), compute_starts([*map(len, encoded)]))

    @staticmethod
    def declare_arrays(name: str, size: str) -> dict[str, ArrayField]:
        """Declare the arrays; `size` is the number of strings."""

        def rule(data: UInt8Array, arrays: NamedArrays, sizes: Mapping[str, int]) -> str:
            return "" if _are_strings(data, arrays[f"{name}.starts"]) else "has bytes that are not UTF-8"

        return {
            f"{name}.starts": ArrayField("i8", (f"{size}+1",), starts=f"{name}.data"),
            f"{name}.data": ArrayField("u1", (f"{name}.data",), rules=[rule]),
        }

    def __getitem__(self, number: int) -> str:
        return self.data[self.starts[number] : self.starts[number + 1]].tobytes().decode("utf-8", "surrogatepass")

    def __len__(self) -> int:
        return len(self.starts) - 1

    def to_list(self) -> list[str]:
        """Return all strings."""
        data, bounds = self.data.tobytes(), self.starts.tolist()
        return [data[start:stop].decode("utf-8", "surrogatepass") for start, stop in pairwise(bounds)]


@dataclass(frozen=True)
class KnowledgeBase:
    """A compiled knowledge base.

    An array `x_starts` has the start of the rows of each x, and the end of the last one's.

    Args:
        name_matcher: Finds the names in texts.
        names: The folded names.
        bag_matcher: Finds the names by their words.
        is_in_capitals: Whether a name is in capitals wherever the knowledge base has it.
        name_entries: The entries of each name, the most prominent first.
        is_subject: Whether the name is the subject of the entry.
        name_entry_starts: By name, in `name_entries`.
        spellings: By row of `name_entries`, the hash of the entry's spelling of the name.
        ids: By entry.
        subjects: By entry.
        types: The distinct types.
        entry_types: Numbers of the types of each entry.
        entry_type_starts: By entry, in `entry_types`.
        type_weights: By type, 0 if all entries have it, 1 if one has it.
        n_facts: By entry.
        n_names: By entry.
        term_index: Numbers of the terms (`text.terms`) in names and objects, from 1.
        idf: By number of a term, the log of 1 + the ratio of entries to entries with the term.
        entry_terms: Numbers of the terms of each entry, ascending by hash.
        entry_term_starts: By entry, in `entry_terms`.
        entry_term_weights: By entry, the sum of the idf of its terms.
        entry_facts: Numbers of the facts of each entry that other entries have too, with objects of few characters.
        entry_fact_starts: By entry, in `entry_facts`.
        fact_weights: By fact, 0 if all entries have it, almost 1 if two have it.
        fact_objects: By fact, 1 + the number of its object in `object_matcher`, or 0.
        object_matcher: Finds the objects of facts in texts.
        object_keys: By object, its hash.
        entry_numbers: Numbers among the objects of each entry, in standard deviations over all entries.
        entry_number_predicates: By row of `entry_numbers`, the number of the predicate.
        entry_number_starts: By entry, in `entry_numbers`.
        digest: SHA-256 of all other arrays, shape (32,); a trained model has it too.
    """

    name_matcher: NameMatcher
    names: StringTable
    bag_matcher: BagMatcher
    is_in_capitals: BoolArray
    name_entries: UInt32Array
    is_subject: BoolArray
    name_entry_starts: IntArray
    spellings: UInt64Array
    ids: StringTable
    subjects: StringTable
    types: StringTable
    entry_types: UInt32Array
    entry_type_starts: IntArray
    type_weights: Float32Array
    n_facts: UInt32Array
    n_names: UInt32Array
    term_index: KeyIndex
    idf: Float32Array
    entry_terms: UInt32Array
    entry_term_starts: IntArray
    entry_term_weights: Float32Array
    entry_facts: UInt32Array
    entry_fact_starts: IntArray
    fact_weights: Float32Array
    fact_objects: UInt32Array
    object_matcher: NameMatcher
    object_keys: UInt64Array
    entry_numbers: Float32Array
    entry_number_predicates: UInt32Array
    entry_number_starts: IntArray
    digest: UInt8Array

    def arrays(self) -> dict[str, AnyArray]:
        """Return all arrays by name."""
        strings = {name: getattr(self, name) for name in _STRINGS}
        return {
            **self.name_matcher.arrays("name_matcher"),
            **self.object_matcher.arrays("object_matcher"),
            **self.term_index.arrays("term_index"),
            **self.bag_matcher.arrays("bag_matcher"),
            **{name: getattr(self, name) for name in _ARRAYS},
            **{f"{name}.data": value.data for name, value in strings.items()},
            **{f"{name}.starts": value.starts for name, value in strings.items()},
        }

    @classmethod
    def from_arrays(cls, arrays: NamedArrays) -> "KnowledgeBase":
        """Return the knowledge base of these arrays; raises `KeyError` if one is missing."""
        read: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
        for name in _STRINGS:
            read[name] = StringTable(arrays[f"{name}.data"], arrays[f"{name}.starts"])
        return cls(
            name_matcher=NameMatcher.from_arrays(arrays, "name_matcher"),
            object_matcher=NameMatcher.from_arrays(arrays, "object_matcher"),
            term_index=KeyIndex.from_arrays(arrays, "term_index"),
            bag_matcher=BagMatcher.from_arrays(arrays, "bag_matcher"),
            **read,
        )


def _are_strings(data: UInt8Array, starts: IntArray) -> bool:
    """Return whether data is UTF-8, with no string start within a character."""
    inner = starts[(starts > 0) & (starts < len(data))]
    if ((data.take(inner) & 0xC0) == 0x80).any():
        return False
    bounds = np.concatenate((inner[np.diff(inner // _DECODE_BYTES, prepend=0) > 0], [len(data)])).tolist()
    try:
        for start, stop in pairwise([0, *bounds]):
            data[start:stop].tobytes().decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


_DECODE_BYTES = 1 << 20  # bytes of strings decoded at a time
_STRINGS = ("names", "ids", "subjects", "types")
_ARRAYS = {
    "is_in_capitals": ArrayField("b1", ("names",)),
    "name_entries": ArrayField("u4", ("name_entries",), below="entries"),
    "is_subject": ArrayField("b1", ("name_entries",)),
    "name_entry_starts": ArrayField("i8", ("names+1",), starts="name_entries"),
    "spellings": ArrayField("u8", ("name_entries",)),
    "entry_types": ArrayField("u4", ("entry_types",), below="types"),
    "entry_type_starts": ArrayField("i8", ("entries+1",), starts="entry_types"),
    "type_weights": ArrayField("f4", ("types",)),
    "n_facts": ArrayField("u4", ("entries",)),
    "n_names": ArrayField("u4", ("entries",)),
    "idf": ArrayField("f4", ("terms+1",), rules=[require_minimum(0)]),
    "entry_terms": ArrayField("u4", ("entry_terms",), below="terms+1"),
    "entry_term_starts": ArrayField("i8", ("entries+1",), starts="entry_terms"),
    "entry_term_weights": ArrayField("f4", ("entries",), rules=[require_minimum(0)]),
    "entry_facts": ArrayField("u4", ("entry_facts",), below="facts"),
    "entry_fact_starts": ArrayField("i8", ("entries+1",), starts="entry_facts"),
    "fact_weights": ArrayField("f4", ("facts",)),
    "fact_objects": ArrayField("u4", ("facts",), below="objects+1"),
    "object_keys": ArrayField("u8", ("objects",)),
    "entry_numbers": ArrayField("f4", ("entry_numbers",)),
    "entry_number_predicates": ArrayField("u4", ("entry_numbers",)),
    "entry_number_starts": ArrayField("i8", ("entries+1",), starts="entry_numbers"),
    "digest": ArrayField("u1", (32,)),
}


def check_knowledge_base(arrays: NamedArrays) -> None:
    """Raise `SchemaError` unless the arrays are those of a knowledge base."""
    declared = {
        **_ARRAYS,
        **declare_names("name_matcher", "names", is_narrow=_is_narrow(arrays, "name_matcher")),
        **declare_names("object_matcher", "objects", is_narrow=_is_narrow(arrays, "object_matcher")),
        **KeyIndex.declare_arrays("term_index", "u4", "terms"),
        **BagMatcher.declare_arrays("bag_matcher", "names"),
    }
    for name, size in zip(_STRINGS, ("names", "entries", "entries", "types"), strict=True):
        declared |= StringTable.declare_arrays(name, size)
    sizes: Sizes = {}
    check_forms({name: (array.dtype, array.shape) for name, array in arrays.items()}, declared, sizes)
    check_values(arrays, declared, sizes)


def _is_narrow(arrays: NamedArrays, name: str) -> bool:
    try:
        return arrays[f"{name}.ids"].dtype.itemsize == 2
    except KeyError:
        raise SchemaError(f"the array {name}.ids is missing") from None
