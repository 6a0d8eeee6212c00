"""Signals that end a run."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def delay_signals() -> Iterator[None]:
    """Let signals that end a run wait until the block ends.

    A file or folder that is made in the block is also registered for removal there, so that no signal comes between.
    Blocking the signals would not be enough: the system gives them to another thread then, and Python calls the
    handler in the main thread all the same.
    """
    if threading.current_thread() is not threading.main_thread():  # no handler raises in it
        yield
        return
    arrived: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        arrived.append(number)

    handlers = {number: signal.getsignal(number) for number in ENDING}
    delayed = {number: handler for number, handler in handlers.items() if callable(handler)}
    try:
        for number in delayed:
            signal.signal(number, note)
        yield
    finally:
        for number, handler in delayed.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])
