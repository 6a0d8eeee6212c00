"""Short words as 64-bit integers.

The key of a word of up to four UTF-16 units consists of its units, the first lowest. A word of fewer units is
terminated by an LF, which no word contains, so keys are unique. Longer words have no key.
"""

import numpy as np

from kxcli.arrays import UInt16Array, UInt64Array
from kxcli.arrays.ragged import expand_ranges

_UNITS = 4  # UTF-16 units of a key of 64 bits
_LF = 10
_ALL = (1 << 64) - 1
# Bits of the four units at the start of a word that belong to its key, by its length: its units and the LF.
_MASKS = np.array([0xFFFF, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF, _ALL, _ALL, 0], dtype=np.uint64)
_PADDING = b"\n\0" + bytes(2 * _UNITS)  # ends the last word, and allows reading four units at each position


def pack(lines: str | UInt16Array) -> tuple[UInt64Array, list[str]]:
    """Return the keys of short words, in order, and the long words, one per line."""
    data = (lines.encode("utf-16-le") if isinstance(lines, str) else lines.tobytes()) + _PADDING
    units = np.frombuffer(data, dtype="<u2")
    ends = np.flatnonzero(units[:-_UNITS] == _LF)
    starts = np.empty_like(ends)
    starts[0] = 0
    np.add(ends[:-1], 1, out=starts[1:])
    lengths = ends - starts
    quads: UInt64Array = np.ndarray(len(units) - _UNITS + 1, dtype="<u8", buffer=data, strides=(2,))
    keys = quads.take(starts)
    keys &= _MASKS.take(lengths, mode="clip")
    long = np.flatnonzero(keys == 0)  # four NULs have the key 0, too, and count as a long word
    if not len(long):
        return keys, []
    text = units[expand_ranges(starts[long], lengths[long] + 1)].tobytes().decode("utf-16-le")  # with LFs
    return keys[keys != 0], text.removesuffix("\n").split("\n")


def unpack(keys: UInt64Array) -> list[str]:
    """Return the words of keys."""
    if not len(keys):
        return []
    units = keys.astype("<u8", copy=False).view("<u2").reshape(-1, _UNITS)
    is_end = units == _LF
    lengths = np.where(is_end.any(axis=1), is_end.argmax(axis=1), _UNITS)
    padded = np.full((len(units), _UNITS + 1), _LF, dtype="<u2")
    padded[:, :_UNITS] = units
    kept = np.arange(_UNITS + 1) <= lengths[:, None]
    return padded[kept].tobytes().decode("utf-16-le").removesuffix("\n").split("\n")
