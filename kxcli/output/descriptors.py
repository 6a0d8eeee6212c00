"""Complete writes to open descriptors, also to non-blocking pipes."""

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from kxcli.storage.paths import DESCRIPTOR


class CompleteWriter(io.RawIOBase):
    """A raw file with complete writes to a descriptor.

    An error has the file name `name`. A plain raw file returns the size of a short write; the unbuffered stdout of
    Python drops the other bytes. `close` does not close the descriptor.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor, self.name = descriptor, name

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether the descriptor is a terminal."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any, /) -> int:
        """Write all bytes; wait if a non-blocking descriptor is full."""
        view = memoryview(data).cast("B")
        n_written = 0
        try:
            while n_written < len(view):
                try:
                    n_written += os.write(self._descriptor, view[n_written:])
                except BlockingIOError:
                    self._wait()
        except OSError as error:
            error.filename = self.name
            raise
        return n_written

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        poll.poll()


@contextmanager
def complete_streams() -> Iterator[None]:
    """Let `sys.stdout` and `sys.stderr` write all bytes or fail during the block.

    If the block fails, their buffers are dropped. Streams without an open descriptor are not changed.
    """
    with ExitStack() as stack:
        for name in ("stdout", "stderr"):
            stack.enter_context(_complete_stream(name))
        yield


@contextmanager
def _complete_stream(name: str) -> Iterator[None]:
    before = getattr(sys, name)
    try:
        before.flush()
        raw = CompleteWriter(before.fileno(), f"<{name}>")
    except (AttributeError, OSError, ValueError):
        yield
        return
    stream = io.TextIOWrapper(
        io.BufferedWriter(raw), before.encoding, before.errors, line_buffering=name == "stderr" or before.line_buffering
    )
    setattr(sys, name, stream)
    try:
        yield
    finally:
        raw.close()  # the stream flushes nothing when it is collected
        setattr(sys, name, before)


def open_descriptor(path: str) -> int:
    """Return a new descriptor of the same open file, at the same offset.

    A regular file that only another process has open is opened for appending.

    Args:
        path: A path that `find_descriptor_path` returned.
    """
    match = DESCRIPTOR.fullmatch(path)
    assert match is not None, "`find_descriptor_path` returned it"
    if match["own"] or match["pid"] == os.path.basename(os.path.realpath("/proc/self")):
        return os.dup(int(match["own"] or match["number"]))
    shared = _find_shared_descriptor(path, match["pid"], match["number"])
    return os.open(path, os.O_WRONLY | os.O_APPEND) if shared is None else os.dup(shared)


def _find_shared_descriptor(path: str, pid: str, number: str) -> int | None:
    """Return the inherited descriptor of the same open file; None if there is none."""
    state = _read_state(f"/proc/{pid}/fdinfo/{number}")
    status = os.stat(path)
    for own in sorted(map(int, os.listdir("/proc/self/fd"))):
        try:
            is_same = os.path.samestat(os.fstat(own), status)
        except OSError:  # the closed descriptor of the listing
            continue
        if is_same and _read_state(f"/proc/self/fdinfo/{own}") == state:
            return own
    return None


def _read_state(path: str) -> tuple[int, int]:
    """Return the offset and the flags of an open file, except close-on-exec."""
    with open(path, encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return int(fields["pos"]), int(fields["flags"], 8) & ~os.O_CLOEXEC
