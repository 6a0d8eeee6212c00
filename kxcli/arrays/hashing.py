"""Hashing of integers by odd multipliers.

The upper bits of a product depend on all bits of the key (Knuth, The Art of Computer Programming 6.4). Files contain
values computed with these constants, so the constants must not change.
"""

import numpy as np

from kxcli.arrays import AnyArray, IntArray, UInt32Array, UInt64Array

GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)  # 2^64 / golden ratio
XXHASH = np.uint64(0xC2B2_AE3D_27D4_EB4F)
DEGSKI = np.uint64(0xD6E8_FEB8_6659_FD93)
PI = np.uint64(0x517C_C1B7_2722_0A95)  # 2^64 / pi
SPLITMIX = (np.uint64(0xBF58_476D_1CE4_E5B9), np.uint64(0x94D0_49BB_1331_11EB))
WYHASH = (np.uint64(0xA076_1D64_78BD_642F), np.uint64(0xE703_7ED1_A0B4_28DB))
_HALF = np.uint64(32)


def hash_to_slots(keys: UInt64Array, multiplier: np.uint64, bits: int) -> IntArray:
    """Return a number below 2^bits for each key."""
    slots = keys * multiplier
    slots >>= np.uint64(64 - bits)
    return slots.view(np.int64)


def pair_keys(numbers: IntArray, keys: UInt64Array) -> UInt64Array:
    """Return a hash of each pair of a number and a key, with 64 random bits."""
    result: UInt64Array = (keys ^ (numbers.astype(np.uint64) * GOLDEN)) * XXHASH
    return result


def mix_bits_32(keys: UInt32Array) -> UInt32Array:
    """Return keys with each bit dependent on all bits (lowbias32 of Wellons)."""
    keys = (keys ^ (keys >> np.uint32(16))) * np.uint32(0x7FEB352D)
    keys = (keys ^ (keys >> np.uint32(15))) * np.uint32(0x846CA68B)
    return keys ^ (keys >> np.uint32(16))


def mix_bits_64(keys: UInt64Array) -> UInt64Array:
    """Change keys in place so that each bit depends on all bits; none is 0."""
    for multiplier in (DEGSKI, GOLDEN):
        keys ^= keys >> _HALF
        keys *= multiplier
    return np.maximum(keys, np.uint64(1), out=keys)


def make_position_factors(n: int, mixer: np.uint64) -> UInt64Array:
    """Return a pseudorandom odd factor for each of n positions.

    Multilinear hashing (Dietzfelbinger 1996): the upper 32 bits of the sum of factor times character collide as rarely
    as random numbers.
    """
    factors = (np.arange(1, n + 1, dtype=np.uint64) * GOLDEN) ^ mixer
    factors = (factors ^ (factors >> np.uint64(30))) * mixer
    return np.asarray(((factors ^ (factors >> np.uint64(27))) * GOLDEN) | np.uint64(1))


def hash_pieces(text: UInt64Array, starts: AnyArray) -> UInt64Array:
    """Return a 64-bit hash of each piece of a text.

    A piece ends where the next one starts; zeros are ignored.
    Each half of the hash is the upper half of a multilinear sum.
    """
    if not len(starts):
        return np.empty(0, dtype=np.uint64)
    lengths = np.diff(starts, append=len(text))
    positions = np.arange(len(text)) - np.repeat(starts, lengths)
    high, low = (
        np.add.reduceat(text * make_position_factors(int(lengths.max()), mixer).take(positions), starts)
        for mixer in SPLITMIX
    )
    return (high >> _HALF << _HALF) | (low >> _HALF)
