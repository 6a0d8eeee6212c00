"""Several byte strings in one, for partials of several parts."""

from collections.abc import Iterable

from kxcli.errors import DamagedPartialError

_LENGTH = 8  # bytes of a length


def join_parts(parts: Iterable[bytes]) -> bytes:
    """Join byte strings, each after its length."""
    return b"".join(piece for part in parts for piece in (len(part).to_bytes(_LENGTH, "little"), part))


def split_parts(data: bytes | memoryview) -> list[memoryview]:
    """Return views of the parts of a joined byte string."""
    parts, rest = [], memoryview(data)
    while len(rest):
        part, rest = split_first(rest)
        parts.append(part)
    return parts


def split_first(data: bytes | memoryview) -> tuple[memoryview, memoryview]:
    """Return views of the first part of a joined byte string, and of the rest."""
    view = memoryview(data)
    end = _LENGTH + int.from_bytes(view[:_LENGTH], "little")
    if end > len(view):
        raise DamagedPartialError("a part is truncated")
    return view[_LENGTH:end], view[end:]
