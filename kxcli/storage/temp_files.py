"""Temporary files of a run, and views of mapped files."""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import BinaryIO, Self, cast

from kxcli.errors import OutputError, format_reason

ALIGNMENT = 64  # bytes: arrays in a file start at a multiple of it, the size of a cache line

_NEEDS_ROOM = "point TMPDIR at a disk with more room"


def get_temporary_folder() -> str:
    """Return TMPDIR if it is set, usable or not, else a folder of the system.

    `tempfile` by itself silently replaces a TMPDIR that does not exist.
    """
    if not (folder := os.environ.get("TMPDIR")):
        import tempfile

        folder = tempfile.gettempdir()
    return os.path.abspath(folder)


@contextmanager
def translate_os_errors(path: str, hint: str = _NEEDS_ROOM) -> Iterator[None]:
    """Raise an `OSError` of the block as an `OutputError` with a path and a hint."""
    try:
        yield
    except OSError as error:
        raise OutputError(path, format_reason(error), hint) from None


def open_nameless(folder: str) -> BinaryIO:
    """Open a new file without a name; it vanishes with its last descriptor and map."""
    import tempfile

    return cast(BinaryIO, tempfile.TemporaryFile(dir=folder))


class TempFile:
    """A new file, written in order and then mapped, or read by its path.

    Each write reaches the operating system at once. The file stays when it is closed, if it has a name.

    Args:
        folder: A private folder.
        suffix: The end of the file's name; "" for a file without a name, which vanishes by itself.

    Raises:
        OutputError: From every method, if the disk is full or fails.
    """

    def __init__(self, folder: str, suffix: str = "") -> None:
        self.folder, self.path, self.size = folder, "", 0
        with translate_os_errors(folder):
            if suffix:
                import tempfile

                handle, self.path = tempfile.mkstemp(dir=folder, suffix=suffix)
                self._file: BinaryIO = os.fdopen(handle, "w+b")
            else:
                self._file = open_nameless(folder)

    def write(self, data: bytes | memoryview, alignment: int = 1) -> int:
        """Append bytes at a multiple of `alignment`; return where they start."""
        padding = -self.size % alignment
        with translate_os_errors(self.folder):
            if padding:
                self._file.write(bytes(padding))
            self._file.write(data)
            self._file.flush()
        start = self.size + padding
        self.size = start + memoryview(data).nbytes
        return start

    def map(self) -> memoryview:
        """Return a view of all that is written; it outlives the file's closing."""
        with translate_os_errors(self.folder):
            return map_file(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        with translate_os_errors(self.folder):
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def map_file(handle: int) -> memoryview:
    """Return a read-only view of an open file; pages are read from disk on access."""
    if not os.fstat(handle).st_size:  # cannot be mapped
        return memoryview(b"")
    return memoryview(mmap.mmap(handle, 0, access=mmap.ACCESS_READ))


def advise_dontneed(view: memoryview | None) -> None:
    """Free the memory of a mapped file's pages until their next access."""
    if view is not None and isinstance(view.obj, mmap.mmap):
        view.obj.madvise(mmap.MADV_DONTNEED)


def count_resident_bytes(view: memoryview | None) -> int:
    """Return the bytes of memory that a view keeps: none of a mapped file."""
    return 0 if view is None or isinstance(view.obj, mmap.mmap) else len(view)
