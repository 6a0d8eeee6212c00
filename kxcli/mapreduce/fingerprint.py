"""Digests of values, equal in every process and at any time."""

import hashlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from types import FunctionType
from typing import Any


def fingerprint(value: Any) -> str:
    """Return a digest of a value, equal for equal values in any process.

    The order of sets and mappings does not matter.

    Takes any value that can be pickled: numbers, strings, arrays, containers of them, and objects in reduced form,
    without the fields of a dataclass that are not compared. A value may not contain itself.
    """
    return _digest(value).hex()


def _digest(value: Any) -> bytes:
    digest = hashlib.sha256()
    for part in _list_parts(value):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def _list_parts(value: Any) -> "list[bytes | memoryview]":
    """Return the parts of a value as bytes, its type first."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}".encode()
    if value is None or isinstance(value, (bool, int, float)):
        return [kind, repr(value).encode("ascii")]
    if isinstance(value, str):
        return [kind, value.encode("utf-8", "surrogatepass")]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return [kind, memoryview(value).cast("B")]
    if isinstance(value, (type, FunctionType)):
        return [kind, f"{value.__module__}.{value.__qualname__}".encode()]
    if hasattr(value, "__array_interface__"):
        return _list_array_parts(kind, value)
    if isinstance(value, Mapping):
        return [kind, *sorted(_digest(key) + _digest(item) for key, item in value.items())]
    if isinstance(value, AbstractSet):
        return [kind, *sorted(map(_digest, value))]
    if isinstance(value, Sequence) and type(value) in (tuple, list):
        return [kind, *map(_digest, value)]
    if is_dataclass(value) and not all(field.compare for field in fields(value)):
        return [kind, *(_digest(getattr(value, field.name)) for field in fields(value) if field.compare)]
    reduced = value.__reduce_ex__(4)
    if isinstance(reduced, str):
        return [kind, reduced.encode()]
    return [kind, *(_digest(list(part) if hasattr(part, "__next__") else part) for part in reduced)]


def _list_array_parts(kind: bytes, array: Any) -> "list[bytes | memoryview]":
    if array.dtype.hasobject:
        return [kind, str(array.shape).encode(), _digest(array.tolist())]
    data = memoryview(array).cast("B") if array.flags.c_contiguous and array.nbytes else array.tobytes()
    return [kind, array.dtype.str.encode(), str(array.shape).encode(), data]
