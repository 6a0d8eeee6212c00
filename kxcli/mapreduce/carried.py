"""Tasks that carry what they are about, for jobs that read no input: rows, pairs of blocks, numbers of permutations."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Piece:
    """A task with its one record; `size` is its share of the work."""

    record: Any
    size: int
    name: str


class Carried:
    """The record of a piece; there is nothing to tell of it."""

    told: tuple[()] = ()

    def __init__(self, piece: Piece) -> None:
        self._piece = piece

    def __iter__(self) -> Iterator[Any]:
        yield self._piece.record


def read(piece: Piece) -> Carried:
    """Return the records of a piece."""
    return Carried(piece)
