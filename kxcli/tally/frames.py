"""Several byte strings as one, for partials that are made of several."""

from collections.abc import Iterable

_LENGTH = 8  # bytes of a length


def joined(parts: Iterable[bytes]) -> bytes:
    """Return the parts as one byte string, each after its length."""
    return b"".join(piece for part in parts for piece in (len(part).to_bytes(_LENGTH, "little"), part))


def parted(data: bytes | memoryview) -> list[memoryview]:
    """Return views of the parts that were joined."""
    view = memoryview(data)
    parts, at = [], 0
    while at < len(view):
        start = at + _LENGTH
        at = start + int.from_bytes(view[at:start], "little")
        parts.append(view[start:at])
    return parts
