"""Numbers for a fixed set of keys, in arrays that can be written to a file and mapped from it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kxcli.arrays import AnyArray, UInt32Array
from kxcli.schema import ArrayField, Rule, SchemaError, check_ascending

Keys = AnyArray  # np.uint32 or np.uint64
Arrays = Mapping[str, AnyArray]

_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F, 0xE7037ED1A0B428DB)
_ROOM = 4  # slots for each key
_FEWEST_BITS = 8
_CHECKED = 1 << 16  # slots checked at a time


class Slots:
    """The numbers, from 1, of distinct keys of 32 or 64 bits, none of them 0.

    As `kxcli.arrays.key_index.Index`: a key times an odd number has its slot in the upper bits, and all that tells it
    from other keys in the lower ones; a slot holds these, moved up, and the key's number below them.  Keys that find
    their slot taken go to the next, smaller table; what no table has room for is in `others`, ascending.
    """

    def __init__(self, tables: list[Keys], others: Keys, others_numbers: UInt32Array) -> None:
        self._tables, self._others, self._others_numbers = tables, others, others_numbers
        self._shifts = [len(table).bit_length() - 1 for table in tables]

    @classmethod
    def of(cls, keys: Keys) -> "Slots":
        """Return the slots of keys that are numbered as they stand; of several for a slot the first has it."""
        kind = keys.dtype.type
        width = 8 * keys.itemsize
        numbers = np.arange(1, len(keys) + 1, dtype=keys.dtype)
        tables: list[Keys] = []
        for multiplier in _MULTIPLIERS:
            if not len(numbers):
                break
            bits = max(_FEWEST_BITS, len(keys).bit_length(), (_ROOM * len(numbers)).bit_length())
            mixed = keys[numbers - kind(1)] * kind(multiplier >> (64 - width) | 1)
            slots = (mixed >> kind(width - bits)).astype(np.int64)
            entries = (mixed << kind(bits)) | numbers
            table = np.zeros(1 << bits, dtype=keys.dtype)
            table[slots[::-1]] = entries[::-1]
            tables.append(table)
            numbers = numbers[table[slots] != entries]
        numbers = numbers[np.argsort(keys[numbers - kind(1)])]
        return cls(tables, keys[numbers - kind(1)], numbers.astype(np.uint32))

    @classmethod
    def mapped(cls, arrays: Arrays, name: str) -> "Slots":
        """Return the slots that `arrays` gave under a name."""
        tables: list[Keys] = []
        while (part := f"{name}.{len(tables)}") in arrays:
            tables.append(arrays[part])
        return cls(tables, arrays[f"{name}.others"], arrays[f"{name}.others_numbers"])

    def arrays(self, name: str) -> dict[str, AnyArray]:
        """Return all there is, under names that begin with `name`."""
        tables = {f"{name}.{number}": table for number, table in enumerate(self._tables)}
        return {**tables, f"{name}.others": self._others, f"{name}.others_numbers": self._others_numbers}

    @staticmethod
    def declare_arrays(name: str, dtype: str, size: str) -> dict[str, ArrayField]:
        """Declare the arrays for keys of a dtype; another array defines `size`."""
        tables = (f"{name}.{number}" for number in range(len(_MULTIPLIERS)))
        return {
            **{
                table: ArrayField(dtype, (f"{table}+1",), rules=[_table_rule(size)], is_optional=True)
                for table in tables
            },
            f"{name}.others": ArrayField(dtype, (f"{name}.others",), rules=[check_ascending]),
            f"{name}.others_numbers": ArrayField("u4", (f"{name}.others",), below=f"{size}+1"),
        }

    def keys(self) -> Keys:
        """Return the keys in the order of their numbers; `SchemaError` if these are not each number from 1 once."""
        kind = self._others.dtype.type
        width = 8 * self._others.itemsize
        keys, numbers = [self._others], [self._others_numbers.astype(np.int64)]
        for table, bits, multiplier in zip(self._tables, self._shifts, _MULTIPLIERS, strict=False):
            slots = np.flatnonzero(table)
            entries = table.take(slots)
            numbers.append((entries & kind(len(table) - 1)).astype(np.int64))
            mixed = (slots.astype(kind) << kind(width - bits)) | (entries >> kind(bits))
            keys.append(mixed * kind(pow(multiplier >> (64 - width) | 1, -1, 1 << width)))
        order = np.argsort(np.concatenate(numbers), kind="stable")
        if not np.array_equal(np.concatenate(numbers).take(order), np.arange(1, len(order) + 1)):
            raise SchemaError("a number is missing, or is there twice")
        found: Keys = np.concatenate(keys).take(order)
        return found

    def find(self, keys: Keys) -> UInt32Array:
        """Return the number of each key, 0 for those that have none."""
        return self._find(keys, 0)

    def _find(self, keys: Keys, number: int) -> UInt32Array:
        if number == len(self._tables):
            none: UInt32Array = np.zeros(len(keys), dtype=np.uint32)
            if len(self._others):
                at = np.searchsorted(self._others, keys).clip(max=len(self._others) - 1)
                np.copyto(none, self._others_numbers.take(at), where=self._others.take(at) == keys)
            return none
        table, bits = self._tables[number], self._shifts[number]
        kind = keys.dtype.type
        width = 8 * keys.itemsize
        mixed = keys * kind(_MULTIPLIERS[number] >> (64 - width) | 1)
        entries = table.take((mixed >> kind(width - bits)).astype(np.int64))
        mixed <<= kind(bits)
        mixed ^= entries  # a number alone is left, where the slot is the key's; 0 where it is free
        is_other = mixed >= kind(1 << bits)
        found: UInt32Array = mixed.astype(np.uint32)
        others = np.flatnonzero(is_other)
        if len(others):
            found[others] = 0
            others = others[entries.take(others) != 0]
            if len(others):
                found[others] = self._find(keys.take(others), number + 1)
        return found


def _table_rule(size: str) -> Rule:
    def rule(table: Any, arrays: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
        bits = len(table).bit_length() - 1
        if len(table) != 1 << bits or not _FEWEST_BITS <= bits < 8 * table.itemsize:
            return f"has {len(table):,} slots, which no table has"
        for start in range(0, len(table), _CHECKED):
            if int((table[start : start + _CHECKED] & table.dtype.type(len(table) - 1)).max()) > sizes[size]:
                return "has the number of a key that is not there"
        return ""

    return rule
