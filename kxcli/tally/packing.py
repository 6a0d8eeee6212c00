"""Short words as 64-bit integers, for counting at the speed of arrays.

A word of up to four UTF-16 units is the integer of its units, the first lowest; a shorter one is followed by an
LF unit, which no word holds, so that the integer alone tells the word.  A longer word has none.
"""

import numpy as np

from kxcli.arrays import UInt16Array, UInt64Array

_UNITS = 4
_LF = 10
_ALL = (1 << 64) - 1
# What of the four units at a word's start is kept, by the word's length: its units and the LF after them.
_MASKS = np.array([0xFFFF, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF, _ALL, _ALL, 0], dtype=np.uint64)
_PADDING = b"\n\0" + bytes(2 * _UNITS)  # an end for the last word, and room to read four units at each place


def pack(lines: str | UInt16Array) -> tuple[UInt64Array, list[str]]:
    """Return the keys of short words, one a line, in their order, and the long words."""
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
    long = np.flatnonzero(keys == 0)  # four NULs come out as 0, too, and go the same way
    if not len(long):
        return keys, []
    sizes = lengths[long] + 1  # with the LF
    before = np.cumsum(sizes) - sizes
    places = np.arange(before[-1] + sizes[-1]) + np.repeat(starts[long] - before, sizes)
    return keys[keys != 0], units[places].tobytes().decode("utf-16-le").removesuffix("\n").split("\n")


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
