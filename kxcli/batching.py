"""Items collected into batches of a minimum size."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

CACHE_BATCH = 1 << 15  # characters of texts; the arrays computed from them stay in a core's cache

ItemT = TypeVar("ItemT")


def iter_batches(
    items: Iterable[ItemT], size_of: Callable[[ItemT], int], batch_size: int = CACHE_BATCH
) -> Iterator[list[ItemT]]:
    """Yield lists of consecutive items with a total size of at least `batch_size`."""
    batch, size = list[ItemT](), 0
    for item in items:
        batch.append(item)
        size += size_of(item)
        if size >= batch_size:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
