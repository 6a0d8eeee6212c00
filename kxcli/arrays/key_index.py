"""A static hash index in arrays, for a file or for shared memory."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, NamedArrays, UInt32Array
from kxcli.arrays.hashing import DEGSKI, GOLDEN, WYHASH, XXHASH
from kxcli.schema import ArrayField, Rule, SchemaError, check_ascending

KeyArray = AnyArray  # np.uint32 or np.uint64

_MULTIPLIERS = tuple(map(int, (GOLDEN, XXHASH, DEGSKI, *WYHASH)))  # one for each table
_SLOTS_PER_KEY = 4  # one lookup in four or more finds the slot of another key and needs a further step
_MIN_BITS = 8
_PIECE = 1 << 15  # keys looked up at a time, so that intermediate arrays stay in a core's cache
_CHECK_PIECE = 1 << 16  # slots checked at a time


class KeyIndex:
    """The numbers, from 1, of distinct nonzero keys of 32 or 64 bits.

    A key times an odd number is split: the upper bits are its slot, the lower ones identify it. A slot holds the
    lower bits, shifted up, and the key's number below them, so that one memory access finds a number and verifies
    it. A key with an occupied slot goes to the next, smaller table; keys with no free slot in any table are in
    `others`, ascending. The first keys find their slots free: put the most frequent ones first.

    Memory: some 50 bytes a key of 64 bits.
    """

    def __init__(self, tables: list[KeyArray], others: KeyArray, others_numbers: UInt32Array) -> None:
        self._tables, self._others, self._others_numbers = tables, others, others_numbers
        self._bits = [len(table).bit_length() - 1 for table in tables]

    @classmethod
    def from_keys(cls, keys: KeyArray) -> "KeyIndex":
        """Return the index of keys, numbered by their order."""
        kind = keys.dtype.type
        width = 8 * keys.itemsize
        numbers = np.arange(1, len(keys) + 1, dtype=keys.dtype)
        tables: list[KeyArray] = []
        for multiplier in _MULTIPLIERS:
            if not len(numbers):
                break
            bits = max(_MIN_BITS, len(keys).bit_length(), (_SLOTS_PER_KEY * len(numbers)).bit_length())
            mixed = keys[numbers - kind(1)] * kind(multiplier >> (64 - width) | 1)
            slots = (mixed >> kind(width - bits)).astype(np.int64)
            entries = (mixed << kind(bits)) | numbers
            table = np.zeros(1 << bits, dtype=keys.dtype)
            table[slots[::-1]] = entries[::-1]  # in reverse, so that the first of several keys gets the slot
            tables.append(table)
            numbers = numbers[table[slots] != entries]
        numbers = numbers[np.argsort(keys[numbers - kind(1)])]
        return cls(tables, keys[numbers - kind(1)], numbers.astype(np.uint32))

    @classmethod
    def from_arrays(cls, arrays: NamedArrays, name: str) -> "KeyIndex":
        """Return the index that `arrays` gave under a name."""
        tables: list[KeyArray] = []
        while (part := f"{name}.{len(tables)}") in arrays:
            tables.append(arrays[part])
        return cls(tables, arrays[f"{name}.others"], arrays[f"{name}.others_numbers"])

    def arrays(self, name: str) -> dict[str, AnyArray]:
        """Return the arrays of the index, under names that begin with `name`."""
        tables = {f"{name}.{number}": table for number, table in enumerate(self._tables)}
        return {**tables, f"{name}.others": self._others, f"{name}.others_numbers": self._others_numbers}

    @staticmethod
    def declare_arrays(name: str, dtype: str, size: str) -> dict[str, ArrayField]:
        """Declare the arrays for keys of a dtype; another array defines `size`."""
        tables = (f"{name}.{number}" for number in range(len(_MULTIPLIERS)))
        return {
            **{
                table: ArrayField(dtype, (f"{table}+1",), rules=[_make_table_rule(size)], is_optional=True)
                for table in tables
            },
            f"{name}.others": ArrayField(dtype, (f"{name}.others",), rules=[check_ascending]),
            f"{name}.others_numbers": ArrayField("u4", (f"{name}.others",), below=f"{size}+1"),
        }

    def recover_keys(self) -> KeyArray:
        """Return the keys by number; raises `SchemaError` for inconsistent numbers."""
        kind = self._others.dtype.type
        width = 8 * self._others.itemsize
        keys, numbers = [self._others], [self._others_numbers.astype(np.int64)]
        for table, bits, multiplier in zip(self._tables, self._bits, _MULTIPLIERS, strict=False):
            slots = np.flatnonzero(table)
            entries = table.take(slots)
            numbers.append((entries & kind(len(table) - 1)).astype(np.int64))
            mixed = (slots.astype(kind) << kind(width - bits)) | (entries >> kind(bits))
            keys.append(mixed * kind(pow(multiplier >> (64 - width) | 1, -1, 1 << width)))
        order = np.argsort(np.concatenate(numbers), kind="stable")
        if not np.array_equal(np.concatenate(numbers).take(order), np.arange(1, len(order) + 1)):
            raise SchemaError("a number is missing or duplicated")
        found: KeyArray = np.concatenate(keys).take(order)
        return found

    def find(self, keys: KeyArray) -> UInt32Array:
        """Return the number of each key, 0 for unknown ones."""
        numbers = np.empty(len(keys), dtype=np.uint32)
        for start in range(0, len(keys), _PIECE):
            numbers[start : start + _PIECE] = self._find(keys[start : start + _PIECE], 0)
        return numbers

    def _find(self, keys: KeyArray, first: int) -> UInt32Array:
        """Return the numbers of keys that no table before the first one holds."""
        if first == len(self._tables):
            numbers: UInt32Array = np.zeros(len(keys), dtype=np.uint32)
            if len(self._others):
                at = np.searchsorted(self._others, keys).clip(max=len(self._others) - 1)
                np.copyto(numbers, self._others_numbers.take(at), where=self._others.take(at) == keys)
            return numbers
        table, bits = self._tables[first], self._bits[first]
        kind = keys.dtype.type
        width = 8 * keys.itemsize
        mixed = keys * kind(_MULTIPLIERS[first] >> (64 - width) | 1)
        slots = mixed >> kind(width - bits)
        entries = table.take(slots.view(np.int64) if width == 64 else slots.astype(np.int64))
        mixed <<= kind(bits)
        mixed ^= entries  # leaves the number alone if the slot is the key's, and is 0 for a free slot
        is_other = mixed >= kind(1 << bits)
        found: UInt32Array = mixed.astype(np.uint32)
        if is_other.any():
            others = np.flatnonzero(is_other)
            found[others] = 0
            others = others[entries.take(others) != 0]
            if len(others):
                found[others] = self._find(keys.take(others), first + 1)
        return found


def _make_table_rule(size: str) -> Rule:
    def rule(table: Any, arrays: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
        bits = len(table).bit_length() - 1
        if len(table) != 1 << bits or not _MIN_BITS <= bits < 8 * table.itemsize:
            return f"has {len(table):,} slots, an impossible number"
        for start in range(0, len(table), _CHECK_PIECE):
            if int((table[start : start + _CHECK_PIECE] & table.dtype.type(len(table) - 1)).max()) > sizes[size]:
                return "has a number beyond the keys"
        return ""

    return rule


def is_in_sorted(keys: AnyArray, ordered: AnyArray) -> BoolArray:
    """Return for each key whether an ascending array contains it."""
    if not len(ordered):
        return np.zeros(len(keys), dtype=np.bool_)
    return np.asarray(ordered.take(np.searchsorted(ordered, keys).clip(max=len(ordered) - 1)) == keys)
