"""Parquet and Arrow (Feather) files as groups of rows, each readable by itself.

pyarrow is imported only for them.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO, Literal, NamedTuple, cast

from kxcli.batching import iter_batches
from kxcli.corpus.lines import Readable
from kxcli.errors import InputError, MissingExtraError, format_reason
from kxcli.storage.temp_files import get_temporary_folder, open_nameless, translate_os_errors

ArrowKind = Literal["parquet", "arrow"]

AGAIN = "write or fetch the file again"
_TITLES = {"parquet": "Parquet", "arrow": "Arrow"}
_MAX_HELD = 1 << 24  # bytes of a stream in memory; more go to a temporary file
_CHUNK = 1 << 20
_MAX_ROWS = 1 << 10  # of a batch of texts, which are in memory twice
_FILE_MAGIC = b"ARROW1"


def require_pyarrow(kind: ArrowKind) -> Any:
    """Return the module pyarrow; raise `MissingExtraError` without it."""
    try:
        import pyarrow
    except ImportError:
        raise MissingExtraError(f"reading {_TITLES[kind]}", "parquet") from None
    return pyarrow


@contextmanager
def name_arrow_errors(path: str, kind: ArrowKind) -> Iterator[None]:
    """Raise `InputError` for an error of pyarrow, or of the disk."""
    pyarrow = require_pyarrow(kind)
    try:
        yield
    except MemoryError:
        raise
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # pyarrow's own have no number
            raise InputError(path, format_reason(error), "check the file and the disk") from None
        raise InputError(path, f"is not a valid {_TITLES[kind]} file ({shorten_message(error)})", AGAIN) from None


def shorten_message(error: Exception) -> str:
    """Return the message of an error as one short line."""
    return " ".join(str(error).split())[:200]


@contextmanager
def hold_stream(stream: Readable) -> Iterator[BinaryIO]:
    """Yield the bytes of a stream as a file that can be read at any position.

    A large one is a temporary file.
    """
    head = stream.read(_MAX_HELD)
    if len(head) < _MAX_HELD:
        yield io.BytesIO(head)
        return
    folder = get_temporary_folder()
    with ExitStack() as stack:
        with translate_os_errors(folder):
            file = stack.enter_context(open_nameless(folder))
            file.write(head)
        while data := stream.read(_CHUNK):
            with translate_os_errors(folder):
                file.write(data)
        with translate_os_errors(folder):
            file.seek(0)
        yield file


class GroupSize(NamedTuple):
    """The rows and the bytes of a group."""

    n_rows: int
    n_bytes: int


class ParquetGroups:
    """The row groups of a Parquet file."""

    def __init__(self, file: BinaryIO) -> None:
        from pyarrow import parquet

        self._file = cast(Any, parquet).ParquetFile(file)
        self.schema: Any = self._file.schema_arrow

    def measure(self, _n_bytes: int) -> list[GroupSize]:
        """Return the sizes of the groups."""
        metadata = self._file.metadata
        groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
        return [GroupSize(group.num_rows, group.total_byte_size) for group in groups]

    def iter_batches(
        self, columns: Sequence[str], groups: range | None = None, max_rows: int = _MAX_ROWS
    ) -> Iterator[Any]:
        """Yield the rows of columns, nested or not, in batches."""
        numbers = None if groups is None else list(groups)
        return cast(
            Iterator[Any],
            self._file.iter_batches(max_rows, row_groups=numbers, columns=list(columns), use_threads=False),
        )


class ArrowGroups:
    """The record batches of an Arrow file, or of a stream."""

    def __init__(self, file: BinaryIO) -> None:
        from pyarrow import ipc

        self._ipc: Any = ipc
        self._file = file
        self._is_stream = file.read(len(_FILE_MAGIC)) != _FILE_MAGIC
        file.seek(0)
        self._reader: Any = self._ipc.open_stream(file) if self._is_stream else self._ipc.open_file(file)
        self.schema: Any = self._reader.schema

    def measure(self, n_bytes: int) -> list[GroupSize]:
        """Return the sizes of the batches of a file with `n_bytes`."""
        if self._is_stream:
            return []
        n_batches = self._reader.num_record_batches
        reader = self._open_columns([0]) if len(self.schema) else self._reader  # one is enough to count rows
        sizes = (reader.get_batch(number).num_rows for number in range(n_batches))
        return [GroupSize(n_rows, n_bytes // n_batches) for n_rows in sizes]

    def iter_batches(
        self, columns: Sequence[str], groups: range | None = None, max_rows: int = _MAX_ROWS
    ) -> Iterator[Any]:
        """Yield the rows of columns, nested or not, in batches."""
        batches: Iterable[Any] = self._reader
        if not self._is_stream:
            names = self.schema.names
            places = [at for at, name in enumerate(names) if any(f"{one}.".startswith(f"{name}.") for one in columns)]
            reader = self._open_columns(places) if places else self._reader
            batches = map(reader.get_batch, range(reader.num_record_batches) if groups is None else groups)
        for batch in batches:
            for start in range(0, batch.num_rows, max_rows):
                yield batch.slice(start, max_rows)

    def _open_columns(self, places: list[int]) -> Any:
        options = self._ipc.IpcReadOptions(included_fields=places, use_threads=False)
        return self._ipc.open_file(self._file, options=options)


class GroupRange(NamedTuple):
    """Groups of rows to read together; `share` is that of their bytes in the file."""

    groups: range
    first_row: int
    share: float


def split_groups(file: BinaryIO, kind: ArrowKind, path: str, n_bytes: int, shard_size: int) -> list[GroupRange]:
    """Return the groups of a file in parts of a size; none of a stream.

    Args:
        file: The file, `n_bytes` long.
        kind: Its format.
        path: The name of the file, for messages.
        n_bytes: Its size.
        shard_size: Bytes of a part, at least.
    """
    with name_arrow_errors(path, kind):
        sizes = open_groups(file, kind).measure(n_bytes)
    total = sum(size.n_bytes for size in sizes) or 1
    parts, first, row = list[GroupRange](), 0, 1
    for batch in iter_batches(sizes, lambda size: size.n_bytes, shard_size):
        groups = range(first, first + len(batch))
        parts.append(GroupRange(groups, row, sum(size.n_bytes for size in batch) / total))
        first, row = groups.stop, row + sum(size.n_rows for size in batch)
    return parts


def open_groups(file: BinaryIO, kind: ArrowKind) -> ParquetGroups | ArrowGroups:
    """Open a file that can be read at any position; raise errors of pyarrow."""
    return ParquetGroups(file) if kind == "parquet" else ArrowGroups(file)
