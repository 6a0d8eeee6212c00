"""Declarations and checks of the values in files of the program.

Classes such as `IntegerField` declare JSON, and `ArrayField` declares arrays. `SchemaError` names the field and its
fault.
"""

import json
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from kxcli.wording import shorten

MAX_INTEGER = (1 << 63) - 1
MAX_WEIGHT = 1e9  # of the magnitude of a float in an array: sums of products of such numbers stay finite


class SchemaError(ValueError):
    """A value that does not match its declaration."""


def _require(is_valid: bool, value: Any, name: str, expected: str) -> None:
    if not is_valid:
        raise SchemaError(f"{name} is {_format_value(value)}, not {expected}")


class Field(Protocol):
    """The declaration of a value."""

    def check(self, value: Any, name: str) -> None:
        """Raise `SchemaError` for another value, with its name in the message."""
        ...


class IntegerField(NamedTuple):
    """A whole number."""

    minimum: int = 0
    maximum: int = MAX_INTEGER

    def check(self, value: Any, name: str) -> None:
        """Refuse anything but a whole number within bounds."""
        is_valid = type(value) is int and self.minimum <= value <= self.maximum
        _require(is_valid, value, name, f"a whole number from {self.minimum} to {self.maximum}")


class NumberField(NamedTuple):
    """A finite number."""

    minimum: float
    maximum: float

    def check(self, value: Any, name: str) -> None:
        """Refuse anything but a number within bounds."""
        is_valid = type(value) in (int, float) and self.minimum <= value <= self.maximum
        _require(is_valid, value, name, f"a number from {self.minimum:g} to {self.maximum:g}")


class FlagField(NamedTuple):
    """True or false."""

    def check(self, value: Any, name: str) -> None:
        """Refuse anything else."""
        _require(type(value) is bool, value, name, "true or false")


class TextField(NamedTuple):
    """A string; `pattern` is a regular expression for all of it."""

    pattern: str = ""

    def check(self, value: Any, name: str) -> None:
        """Refuse another type, and a string without a match."""
        is_valid = type(value) is str and (not self.pattern or re.fullmatch(self.pattern, value) is not None)
        _require(is_valid, value, name, "a string as it is written")


class ConstantField(NamedTuple):
    """A constant."""

    value: Any

    def check(self, value: Any, name: str) -> None:
        """Refuse any other value."""
        is_valid = type(value) is type(self.value) and value == self.value
        _require(is_valid, value, name, _format_value(self.value))


class AnyField(NamedTuple):
    """A value checked elsewhere."""

    def check(self, value: Any, name: str) -> None:
        """Refuse nothing."""


class ListField(NamedTuple):
    """A list of equal declarations."""

    item: Field
    minimum: int = 0

    def check(self, value: Any, name: str) -> None:
        """Refuse another type, a short list, and wrong items."""
        is_valid = type(value) is list and len(value) >= self.minimum
        _require(is_valid, value, name, f"a list of at least {self.minimum}")
        for number, item in enumerate(value):
            self.item.check(item, f"{name}[{number}]")


class RowField(NamedTuple):
    """A list with a declaration for each item."""

    items: tuple[Field, ...]

    def check(self, value: Any, name: str) -> None:
        """Refuse another type or length, and a wrong item."""
        is_valid = type(value) is list and len(value) == len(self.items)
        _require(is_valid, value, name, f"a list of {len(self.items)}")
        for number, (item, own) in enumerate(zip(self.items, value, strict=True)):
            item.check(own, f"{name}[{number}]")


class RecordField(NamedTuple):
    """An object with exactly these keys."""

    fields: Mapping[str, Field]

    def check(self, value: Any, name: str) -> None:
        """Refuse another type, missing or unknown keys, and wrong values."""
        _require(type(value) is dict, value, name, "an object")
        for key in self.fields:
            if key not in value:
                raise SchemaError(f"{name} lacks {key}")
        for key, own in value.items():
            if key not in self.fields:
                raise SchemaError(f"{name} has the unknown key {_format_value(key)}")
            self.fields[key].check(own, f"{name}.{key}")


class TableField(NamedTuple):
    """An object with any keys and equally declared values."""

    value: Field

    def check(self, value: Any, name: str) -> None:
        """Refuse another type, and wrong values."""
        _require(type(value) is dict, value, name, "an object")
        for key, own in value.items():
            self.value.check(own, f"{name}[{_format_value(key)}]")


class OneOfField(NamedTuple):
    """A value that matches one of several declarations."""

    fields: tuple[Field, ...]

    def check(self, value: Any, name: str) -> None:
        """Refuse a value that matches none."""
        errors = []
        for one in self.fields:
            try:
                one.check(value, name)
            except SchemaError as error:
                errors.append(error)
            else:
                return
        raise errors[0]


def parse(data: bytes | memoryview, declared: Field, name: str = "the header") -> Any:
    """Return the value of JSON in UTF-8; `SchemaError` if it is not as declared."""
    try:
        value = json.loads(bytes(data).decode("utf-8", "surrogatepass"), object_pairs_hook=_build_object)
    except SchemaError:
        raise
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"{name} is not JSON ({' '.join(str(error).split())[:80]})") from None
    declared.check(value, name)
    return value


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise SchemaError("the header has a key twice")
    return made


def _format_value(value: Any) -> str:
    """Return a value as a message has it: short, and with control characters escaped."""
    if type(value) is int and abs(value) > MAX_INTEGER:
        return "a huge whole number"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (list, dict)):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    return shorten(ascii(value))


# Arrays

Sizes = dict[str, int]
Rule = Callable[[Any, Mapping[str, Any], Mapping[str, int]], str]  # array, all arrays, sizes -> what is wrong, or ""


class ArrayField(NamedTuple):
    """A numpy array.

    Attributes:
        dtypes: Such as "u4", or "u2 u4" if it may have either.
        shape: A number for each axis, or the name of a size, with a number to add ("names+1"). The first array with a
            new name alone defines the size.
        below: The size or the number above all values.
        starts: The size at the end of the values, which ascend from 0.
        rules: Further conditions. Floats are always finite, and not larger than `MAX_WEIGHT`.
        is_optional: Whether it may be missing.
    """

    dtypes: str
    shape: tuple[str | int, ...]
    below: str | int = ""
    starts: str = ""
    rules: Sequence[Rule] = ()
    is_optional: bool = False

    def check_form(self, dtype: Any, shape: tuple[int, ...], sizes: Sizes, name: str) -> None:
        """Refuse another dtype or shape; add the sizes of the shape to `sizes`."""
        if dtype.str.lstrip("<=|") not in self.dtypes.split():
            raise SchemaError(
                f"{name} has the dtype {_format_value(dtype.str)}, not {self.dtypes.replace(' ', ' or ')}"
            )
        if len(shape) != len(self.shape):
            raise SchemaError(f"{name} has {len(shape)} axes, not {len(self.shape)}")
        for declared, own in zip(self.shape, shape, strict=True):
            expected = declared if isinstance(declared, int) else _get_size(declared, sizes)
            if expected is None and isinstance(declared, str):
                sizes[_get_base(declared)] = own - _get_addend(declared)
                expected = own if own >= _get_addend(declared) else _get_addend(declared)
            if own != expected:
                raise SchemaError(f"{name} has {own:,} values on an axis, not {expected:,}")

    def check_values(self, array: Any, arrays: Mapping[str, Any], sizes: Sizes, name: str) -> None:
        """Refuse values contrary to the declaration; the form was checked before."""
        if not array.size:
            if self.starts:
                raise SchemaError(f"{name} has no value")
            return
        if array.dtype.kind == "b" and array.view("u1").max() > 1:
            raise SchemaError(f"{name} has a value that is neither true nor false")
        if array.dtype.kind == "f" and not abs(array).max() <= MAX_WEIGHT:  # which NaN is not, either
            raise SchemaError(f"{name} has a value that is not finite, or larger than {MAX_WEIGHT:g}")
        if self.below:
            limit = self.below if isinstance(self.below, int) else _look_up_size(self.below, sizes)
            if int(array.max()) >= limit or int(array.min()) < 0:
                raise SchemaError(f"{name} has the value {int(array.max()):,}, and {limit:,} is too large")
        if self.starts:
            limit = _look_up_size(self.starts, sizes)
            if int(array[0]) or int(array[-1]) != limit or not (array[1:] >= array[:-1]).all():
                raise SchemaError(f"{name} does not ascend from 0 to {limit:,}")
        for rule in self.rules:
            if wrong := rule(array, arrays, sizes):
                raise SchemaError(f"{name} {wrong}")


def check_names(names: Collection[str], declared: Mapping[str, ArrayField]) -> None:
    """Raise `SchemaError` for missing and unknown arrays."""
    for name in names:
        if name not in declared:
            raise SchemaError(f"the array {_format_value(name)} is unknown")
    for name, one in declared.items():
        if name not in names and not one.is_optional:
            raise SchemaError(f"the array {name} is missing")


def check_forms(
    forms: Mapping[str, tuple[Any, tuple[int, ...]]], declared: Mapping[str, ArrayField], sizes: Sizes
) -> None:
    """Check the names, the dtypes and the shapes of arrays.

    Args:
        forms: The dtype and the shape of each array.
        declared: The declarations.
        sizes: The known sizes; all others are added.
    """
    check_names(forms, declared)
    for name, one in declared.items():
        if name in forms:
            one.check_form(*forms[name], sizes, name)


def check_values(arrays: Mapping[str, Any], declared: Mapping[str, ArrayField], sizes: Sizes) -> None:
    """Check the values of arrays after their forms."""
    for name, one in declared.items():
        if name in arrays:
            one.check_values(arrays[name], arrays, sizes, name)


def _get_base(size: str) -> str:
    return size.partition("+")[0]


def _get_addend(size: str) -> int:
    return int(size.partition("+")[2] or 0)


def _get_size(size: str, sizes: Mapping[str, int]) -> int | None:
    known = sizes.get(_get_base(size))
    return None if known is None else known + _get_addend(size)


def _look_up_size(size: str, sizes: Mapping[str, int]) -> int:
    known = _get_size(size, sizes)
    assert known is not None, f"no array defines the size {size}"
    return known


def require_minimum(minimum: float) -> Rule:
    """Return a rule against values below a minimum."""

    def rule(array: Any, arrays: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
        return "" if array.min() >= minimum else f"has a value below {minimum:g}"

    return rule


def check_ascending(array: Any, arrays: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
    """Return a fault if a value is smaller than the one before, else ""."""
    return "" if (array[1:] >= array[:-1]).all() else "does not ascend"
