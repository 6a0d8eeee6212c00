"""The trie of a `NameMatcher`: building, declaration and check of its arrays.

Arrays that pass the check give only matches that have the length of their name and lie within one text.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, IntArray, NamedArrays, UInt32Array
from kxcli.arrays.key_index import KeyArray, KeyIndex
from kxcli.arrays.ragged import expand_ranges
from kxcli.mining.text.folding import BORDER
from kxcli.schema import ArrayField, SchemaError, require_minimum

BITS = 21  # of the number of a character, as of a code point
TAIL = np.uint32(1 << 31)  # the name does not end at this node; its remaining characters are compared


class Level(NamedTuple):
    """The nodes of one depth, ascending by key.

    Args:
        keys: The node above, or the first character, and the next character.
        nodes: The numbers of inner nodes, 0 for leaves.
        values: As `NameMatcher.values`.
    """

    keys: KeyArray
    nodes: IntArray
    values: UInt32Array


def build_levels(letters: AnyArray, starts: IntArray, lengths: IntArray) -> list[Level]:
    """Return the nodes of the names of two characters or more."""
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
        continues = ~is_end & ~is_tail
        values = np.zeros(len(keys), dtype=np.uint32)
        values[inverse[is_end]] = alive[is_end] + 1
        values[inverse[is_tail]] = (alive[is_tail] + 1) | int(TAIL)
        is_inner = np.zeros(len(keys), dtype=np.bool_)
        is_inner[inverse[continues]] = True
        nodes = np.where(is_inner, n_inner + np.cumsum(is_inner), 0)
        n_inner += int(is_inner.sum())
        levels.append(Level(keys, nodes, values))
        alive, above = alive[continues], nodes[inverse[continues]].astype(np.uint64)
    return levels


def combine_characters(first: AnyArray, second: AnyArray, kind: type[Any]) -> KeyArray:
    """Return a key of 32 bits for two numbers of 16 bits, else of 64 bits."""
    wide: Any = np.uint32 if kind is np.uint16 else np.uint64
    keys = first.astype(wide)
    keys <<= wide(16 if kind is np.uint16 else BITS)
    keys |= second.astype(wide)
    return keys


def declare_names(name: str, size: str, *, is_narrow: bool) -> dict[str, ArrayField]:
    """Declare the arrays of `size` names; is_narrow: character numbers have 16 bits."""
    kind, keys = ("u2", "u4") if is_narrow else ("u4", "u8")

    def check_trie(values: UInt32Array, arrays: NamedArrays, sizes: Mapping[str, int]) -> str:
        try:
            return _find_trie_fault(arrays, name)
        except SchemaError as error:
            return f"has damaged slots: {error}"

    def check_sizes(numbers: IntArray, arrays: NamedArrays, sizes: Mapping[str, int]) -> str:
        n_inner, max_length = numbers.tolist()
        lengths = np.diff(arrays[f"{name}.letter_starts"])
        is_right = 0 <= n_inner < sizes[f"{name}.nodes"] and max_length == lengths.max(initial=0)
        return "" if is_right and lengths.min(initial=1) > 0 else "does not fit the names"

    return {
        f"{name}.singles": ArrayField("u4", (f"{name}.characters",), below=f"{size}+1"),
        f"{name}.ids": ArrayField(kind, (f"{name}.codes+1",), below=f"{name}.characters", rules=[_check_ids]),
        f"{name}.pair_nodes": ArrayField("u4", (f"{name}.pairs+1",), below=f"{name}.nodes"),
        f"{name}.child_nodes": ArrayField("u4", (f"{name}.children+1",), below=f"{name}.nodes"),
        f"{name}.letters": ArrayField(
            kind, (f"{name}.letters",), below=f"{name}.characters", rules=[require_minimum(1)]
        ),
        f"{name}.letter_starts": ArrayField("i8", (f"{size}+1",), starts=f"{name}.letters"),
        f"{name}.sizes": ArrayField("i8", (2,), rules=[check_sizes]),
        **KeyIndex.declare_arrays(f"{name}.pairs", keys, f"{name}.pairs"),
        **KeyIndex.declare_arrays(f"{name}.children", "u8", f"{name}.children"),
        f"{name}.values": ArrayField("u4", (f"{name}.nodes",), rules=[check_trie]),
    }


def _check_ids(ids: AnyArray, arrays: NamedArrays, sizes: Mapping[str, int]) -> str:
    """Rule: no name has a border between texts or an unknown character."""
    has_border = ids.take(ord(BORDER), mode="clip") or ids[-1]
    return "numbers a character that no name can have" if has_border else ""


def _find_trie_fault(arrays: NamedArrays, name: str) -> str:
    """Return the fault of a trie, or ""; its other arrays are as declared."""
    values, n_inner = arrays[f"{name}.values"], int(arrays[f"{name}.sizes"][0])
    lengths = np.concatenate(([0], np.diff(arrays[f"{name}.letter_starts"])))
    n_characters = len(arrays[f"{name}.singles"])
    singles = arrays[f"{name}.singles"]
    if singles[0] or (lengths.take(singles[singles > 0]) != 1).any():
        return "does not fit the names of one character"
    pairs = KeyIndex.from_arrays(arrays, f"{name}.pairs").recover_keys().astype(np.uint64)
    bits = np.uint64(8 * arrays[f"{name}.ids"].itemsize if arrays[f"{name}.ids"].itemsize == 2 else BITS)
    children = KeyIndex.from_arrays(arrays, f"{name}.children").recover_keys()
    parents = (children >> np.uint64(BITS)).astype(np.int64)
    mask = np.uint64((1 << BITS) - 1)
    letters = np.concatenate((pairs >> bits, pairs & ((np.uint64(1) << bits) - np.uint64(1)), children & mask))
    if not ((letters > 0) & (letters < n_characters)).all():
        return "has a node for a character that no name has"
    roots = arrays[f"{name}.pair_nodes"][1:].astype(np.int64)
    nodes = arrays[f"{name}.child_nodes"][1:].astype(np.int64)
    if arrays[f"{name}.pair_nodes"][0] or arrays[f"{name}.child_nodes"][0] or values[0]:
        return "has a node for no characters"
    if not np.array_equal(np.sort(np.concatenate((roots, nodes))), np.arange(1, len(values))):
        return "has a repeated or an unreachable node"
    if not ((parents >= 1) & (parents <= n_inner) & (parents < nodes)).all():
        return "has a node below one that comes after it"
    depths = _compute_depths(roots, nodes, parents, n_inner, len(values))
    numbers = (values & ~TAIL).astype(np.int64)
    if int(numbers.max()) >= len(lengths):
        return "has the number of an unknown name"
    own, is_tail = lengths.take(numbers), values >= TAIL
    fits = np.where(is_tail, (own > depths) & (numbers > 0), (numbers == 0) | (own == depths))
    fits[0] = True
    return "" if fits.all() else "has a name at the depth of another"


def _compute_depths(roots: IntArray, nodes: IntArray, parents: IntArray, n_inner: int, n: int) -> IntArray:
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
