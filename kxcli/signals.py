"""The ending signals of a run."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def block_signals() -> Iterator[None]:
    """Block ending signals in this thread and in the threads and processes it starts."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def delay_signals() -> Iterator[None]:
    """Delay the ending signals until the block ends.

    A block creates a file or folder and registers it for removal, and no signal may arrive between the two. It would
    not be enough to block the signals: the system gives them to another thread then, and Python still calls the handler
    in the main thread.
    """
    if threading.current_thread() is not threading.main_thread():  # no handler raises in it
        yield
        return
    arrived: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        arrived.append(number)

    handlers = {number: signal.getsignal(number) for number in ENDING_SIGNALS}
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
