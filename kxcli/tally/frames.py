"""Several byte strings as one, for partials that are made of several."""

from collections.abc import Iterable

from kxcli.errors import DamagedPartialError

_LENGTH = 8  # bytes of a length


def join_parts(parts: Iterable[bytes]) -> bytes:
    """Return the parts as one byte string, each after its length."""
    return b"".join(piece for part in parts for piece in (len(part).to_bytes(_LENGTH, "little"), part))


def split_parts(data: bytes | memoryview) -> list[memoryview]:
    """Return views of the parts that were joined."""
    parts, rest = [], memoryview(data)
    while len(rest):
        part, rest = split_first(rest)
        parts.append(part)
    return parts


def split_first(data: bytes | memoryview) -> tuple[memoryview, memoryview]:
    """Return views of the first part that was joined, and of all that comes after it."""
    view = memoryview(data)
    end = _LENGTH + int.from_bytes(view[:_LENGTH], "little")
    if end > len(view):
        raise DamagedPartialError("a part is cut short")
    return view[_LENGTH:end], view[end:]
