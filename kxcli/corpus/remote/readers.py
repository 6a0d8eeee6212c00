"""Remote files as raw files: by ranges of growing size, or from the start only."""

import io
from contextlib import closing

from kxcli.corpus.lines import RawReader
from kxcli.corpus.remote.base import RemoteFile, RemoteState, RemoteStream, TransientError, make_remote_error
from kxcli.corpus.remote.retries import with_retries
from kxcli.wording import format_count

_MIN_PROGRESS = 1 << 12  # bytes that a response must have, or it counts as a failed try
_SECOND_FETCH, _MAX_FETCH = 1 << 18, 1 << 22  # bytes of the next range, and of the largest, which is in memory twice


class RangedReader(RawReader):
    """A file of known size, read by ranges; one range is in memory."""

    def __init__(self, file: RemoteFile, state: RemoteState, first: int) -> None:
        """Read `file` while it is in `state`; request the first `first` bytes together."""
        self._file, self._state, self._size = file, state, state.size or 0
        self._first, self._next = first, _SECOND_FETCH
        self._position = self._start = 0
        self._range = b""

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position, from the start, the current one, or the end."""
        starts = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}
        self._position = starts[whence] + offset
        return self._position

    def read_some(self, size: int) -> memoryview:
        """Return bytes up to the end of the range in memory."""
        if self._position >= self._size or not size:
            return memoryview(b"")
        if not self._start <= self._position < self._start + len(self._range):
            self._range = b""  # first, so that two ranges are never in memory together
            self._range = self._fetch(self._position, min(self._position + self._next_size(), self._size))
            self._start = self._position
        begin = self._position - self._start
        data = memoryview(self._range)[begin : begin + size]
        self._position += len(data)
        return data

    def _next_size(self) -> int:
        """Return the size of the next range: the rest of `first`, then more and more."""
        if self._first > 0:
            size = min(self._first, _MAX_FETCH)
            self._first -= size
        else:
            size, self._next = self._next, min(2 * self._next, _MAX_FETCH)
        return size

    def _fetch(self, start: int, stop: int) -> bytes:
        """Return a range; after a failure, request only the missing bytes."""
        parts = list[bytes]()

        def fetch_more() -> int:
            begin = start + sum(map(len, parts))
            try:
                part = self._file.fetch(begin, stop, self._state)
                problem = f"the server sends fewer than {_MIN_PROGRESS:,} bytes per response"
            except TransientError as error:
                part, problem = error.received, error.what
            parts.append(part)
            if len(part) < _MIN_PROGRESS and begin + len(part) < stop:
                raise TransientError(problem)
            return begin + len(part)

        while with_retries(self._file.url, fetch_more) < stop:
            pass
        return parts[0] if len(parts) == 1 else b"".join(parts)


class SequentialReader(RawReader):
    """A file without ranges, read only from its start.

    It is requested again until the first bytes have arrived.
    """

    def __init__(self, file: RemoteFile, state: RemoteState) -> None:
        """Read `file` while it is in `state`."""
        self._file, self._state = file, state
        self._stream: RemoteStream | None = None
        self._position = 0

    def read_some(self, size: int) -> bytes:
        """Return the bytes received so far."""
        try:
            data = self._read(size) if self._position else with_retries(self._file.url, lambda: self._read(size))
        except TransientError as error:
            what = f"{error.what} after {format_count(self._position, 'bytes')}"
            hint = "the server cannot resume in the middle, so run again, or fetch the file first"
            raise make_remote_error(self._file.url, what, hint) from None
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Return the position; it cannot be changed."""
        if (offset, whence) != (0, io.SEEK_CUR):
            raise io.UnsupportedOperation("seek")
        return self._position

    def close(self) -> None:
        """Close the connection."""
        self._disconnect()
        super().close()

    def _read(self, size: int) -> bytes:
        if self._stream is None:
            self._stream = self._file.stream(self._state)
        try:
            return self._stream.read(size)
        except TransientError:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        if self._stream is not None:
            with closing(self._stream):
                self._stream = None
