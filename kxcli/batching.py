"""Things put together until they are large enough to be worth a round."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

TOGETHER = 1 << 15  # characters of texts linked at a time: what is computed of them stays in a core's cache

Thing = TypeVar("Thing")


def together(things: Iterable[Thing], length: Callable[[Thing], int]) -> Iterator[list[Thing]]:
    """Yield things in order, some together, each of so many characters by `length`."""
    held, size = list[Thing](), 0
    for thing in things:
        held.append(thing)
        size += length(thing) + 1
        if size >= TOGETHER:
            yield held
            held, size = [], 0
    if held:
        yield held
