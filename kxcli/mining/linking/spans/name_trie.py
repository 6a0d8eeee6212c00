"""Declaration of the arrays of an index of names, and a check of their trie.

A match then has the length of its name and lies within one text, whatever else somebody made up.
"""

from collections.abc import Mapping

import numpy as np

from kxcli.arrays import AnyArray, IntArray, NamedArrays, UInt32Array
from kxcli.arrays.key_index import KeyIndex
from kxcli.arrays.ragged import expand_ranges
from kxcli.mining.text.folding import BORDER
from kxcli.schema import ArrayField, SchemaError, require_minimum

BITS = 21  # of a character's number: as many as a code point has
TAIL = np.uint32(1 << 31)  # the name does not end at this node: the rest of it has to be compared

_Places = IntArray


def declare_names(name: str, size: str, *, is_narrow: bool) -> dict[str, ArrayField]:
    """Declare the arrays of `size` names; `is_narrow`: their ids have 16 bits."""
    kind, keys = ("u2", "u4") if is_narrow else ("u4", "u8")

    def is_trie(values: UInt32Array, arrays: NamedArrays, sizes: Mapping[str, int]) -> str:
        try:
            return _trie_fault(arrays, name)
        except SchemaError as error:
            return f"has slots of which {error}"

    def bounds(numbers: IntArray, arrays: NamedArrays, sizes: Mapping[str, int]) -> str:
        n_inner, longest = numbers.tolist()
        lengths = np.diff(arrays[f"{name}.letter_starts"])
        is_right = 0 <= n_inner < sizes[f"{name}.nodes"] and longest == lengths.max(initial=0)
        return "" if is_right and lengths.min(initial=1) > 0 else "does not fit the names"

    return {
        f"{name}.singles": ArrayField("u4", (f"{name}.characters",), below=f"{size}+1"),
        f"{name}.ids": ArrayField(kind, (f"{name}.codes+1",), below=f"{name}.characters", rules=[_is_open]),
        f"{name}.pair_nodes": ArrayField("u4", (f"{name}.pairs+1",), below=f"{name}.nodes"),
        f"{name}.child_nodes": ArrayField("u4", (f"{name}.children+1",), below=f"{name}.nodes"),
        f"{name}.letters": ArrayField(
            kind, (f"{name}.letters",), below=f"{name}.characters", rules=[require_minimum(1)]
        ),
        f"{name}.letter_starts": ArrayField("i8", (f"{size}+1",), starts=f"{name}.letters"),
        f"{name}.sizes": ArrayField("i8", (2,), rules=[bounds]),
        **KeyIndex.declare_arrays(f"{name}.pairs", keys, f"{name}.pairs"),
        **KeyIndex.declare_arrays(f"{name}.children", "u8", f"{name}.children"),
        f"{name}.values": ArrayField("u4", (f"{name}.nodes",), rules=[is_trie]),
    }


def _is_open(ids: AnyArray, arrays: NamedArrays, sizes: Mapping[str, int]) -> str:
    """Rule: no name has a separator of texts or an unknown character."""
    has_border = ids.take(ord(BORDER), mode="clip") or ids[-1]
    return "has a number for what is no character of a name" if has_border else ""


def _trie_fault(arrays: NamedArrays, name: str) -> str:
    """Return what is wrong with a trie, or ""; the arrays before it are as declared."""
    values, n_inner = arrays[f"{name}.values"], int(arrays[f"{name}.sizes"][0])
    lengths = np.concatenate(([0], np.diff(arrays[f"{name}.letter_starts"])))
    n_characters = len(arrays[f"{name}.singles"])
    of_singles = arrays[f"{name}.singles"]
    if of_singles[0] or (lengths.take(of_singles[of_singles > 0]) != 1).any():
        return "does not fit the names of one character"
    pairs = KeyIndex.from_arrays(arrays, f"{name}.pairs").recover_keys().astype(np.uint64)
    bits = np.uint64(8 * arrays[f"{name}.ids"].itemsize if arrays[f"{name}.ids"].itemsize == 2 else BITS)
    children = KeyIndex.from_arrays(arrays, f"{name}.children").recover_keys()
    parents = (children >> np.uint64(BITS)).astype(np.int64)
    mask = np.uint64((1 << BITS) - 1)
    letters = np.concatenate((pairs >> bits, pairs & ((np.uint64(1) << bits) - np.uint64(1)), children & mask))
    if not ((letters > 0) & (letters < n_characters)).all():
        return "has a node for what is no character of a name"
    roots = arrays[f"{name}.pair_nodes"][1:].astype(np.int64)
    nodes = arrays[f"{name}.child_nodes"][1:].astype(np.int64)
    if arrays[f"{name}.pair_nodes"][0] or arrays[f"{name}.child_nodes"][0] or values[0]:
        return "has a node for no characters"
    if not np.array_equal(np.sort(np.concatenate((roots, nodes))), np.arange(1, len(values))):
        return "has a node twice, or one that is not reached"
    if not ((parents >= 1) & (parents <= n_inner) & (parents < nodes)).all():
        return "has a node below one that comes after it"
    depths = _depths(roots, nodes, parents, n_inner, len(values))
    numbers = (values & ~TAIL).astype(np.int64)
    if int(numbers.max()) >= len(lengths):
        return "has the number of a name that is not there"
    own, is_tail = lengths.take(numbers), values >= TAIL
    fits = np.where(is_tail, (own > depths) & (numbers > 0), (numbers == 0) | (own == depths))
    fits[0] = True
    return "" if fits.all() else "has a name at the depth of another"


def _depths(roots: _Places, nodes: _Places, parents: _Places, n_inner: int, n: int) -> _Places:
    """Return the depth of each node; each has one parent, with a lower number."""
    order = np.argsort(parents, kind="stable")
    parents, nodes = parents.take(order), nodes.take(order)
    depths = np.zeros(n, dtype=np.int64)
    level, depth = roots, 2
    while len(level):
        depths[level] = depth
        inner = level[level <= n_inner]
        firsts = np.searchsorted(parents, inner)
        sizes = np.searchsorted(parents, inner, side="right") - firsts
        level = nodes.take(expand_ranges(firsts, sizes))
        depth += 1
    return depths
