"""Independent streams of random numbers, one per purpose, seed and number."""

from enum import IntEnum

import numpy as np


class RandomStream(IntEnum):
    """The purpose of a draw: the first word of the stream's seed."""

    PERMUTATION = 1
    PIVOTS = 2
    ROWS = 3
    TEXTS = 4
    SPECTRUM = 5
    TABLES = 6


def make_generator(stream: RandomStream, seed: int, number: int = 0) -> np.random.Generator:
    """Return the generator of a stream; equal arguments give equal draws."""
    return np.random.default_rng((int(stream), seed, number))
