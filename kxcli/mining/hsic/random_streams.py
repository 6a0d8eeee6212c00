"""Random draws, each from a stream of its own: what is drawn for one purpose tells nothing of another."""

from enum import IntEnum

import numpy as np


class RandomStream(IntEnum):
    """What is drawn; the first word of a stream's seed."""

    PERMUTATION = 1
    PIVOTS = 2
    ROWS = 3
    TEXTS = 4
    SPECTRUM = 5


def make_generator(purpose: RandomStream, seed: int, number: int = 0) -> np.random.Generator:
    """Return the generator of a stream: the same for the same purpose, seed of the user's and number."""
    return np.random.default_rng((int(purpose), seed, number))
