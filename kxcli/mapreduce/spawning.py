"""What processes that are started by multiprocessing are kept from."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def main_kept_from_workers() -> Iterator[None]:
    """Keep multiprocessing from importing the parent's main script in every worker: a task needs none of it."""
    main = sys.modules["__main__"].__dict__
    hidden: dict[str, Any] = {name: main.pop(name) for name in ("__file__", "__spec__") if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)
