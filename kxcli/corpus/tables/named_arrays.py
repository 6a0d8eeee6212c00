"""Tables in .npz files: one array, or a named array for each column.

Nothing in them is unpickled.
"""

import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import numpy as np

from kxcli.arrays import AnyArray
from kxcli.corpus.diagnostics import ReadDiagnostics
from kxcli.corpus.tables.arrays import AGAIN, ArrayRows, check_header, read_in_order
from kxcli.corpus.tables.chunks import ArrayChunk, RowChunk, TablePart
from kxcli.corpus.tables.source_bytes import SourceBytes
from kxcli.errors import InputError
from kxcli.storage.npy import NpyError, NpzFile
from kxcli.wording import format_examples

_BATCH = 1 << 20  # bytes of rows that are read at a time


def read(source: SourceBytes, diagnostics: ReadDiagnostics) -> TablePart:
    """Return the table of an .npz file."""
    path = source.path
    try:
        npz = NpzFile(source.open_file(), None)
    except NpyError as error:
        raise InputError(path, str(error), AGAIN) from None
    if not npz.headers:
        raise InputError(path, "has no array", "write at least one")
    checked = {name: check_header(header, f"{path}: the array {name!r}") for name, header in npz.headers.items()}
    if len(npz.headers) == 1:
        ((name, ((rows, width), is_fortran, dtype)),) = checked.items()

        def parts(columns: Sequence[int]) -> Iterator[AnyArray]:
            return read_in_order(_Member(npz, name, path), (rows, width), is_fortran, dtype, path)

        return TablePart(path, (), width, None, ArrayRows(parts, diagnostics).read_chunks)
    shapes = {name: header.shape for name, header in npz.headers.items()}
    if len(set(shapes.values())) > 1 or any(len(shape) != 1 for shape in shapes.values()):
        examples = format_examples([f"{name!r} of shape {shape}" for name, shape in shapes.items()])
        hint = "save one array, or an array of one dimension for each column"
        raise InputError(path, f"has arrays that are not columns of one table: {examples}", hint)
    columns = _NamedColumns(npz, {name: dtype for name, (_, _, dtype) in checked.items()}, path)
    return TablePart(path, tuple(shapes), len(shapes), True, columns.read_chunks)


@dataclass(frozen=True)
class _NamedColumns:
    """Arrays of one dimension and equal length."""

    npz: NpzFile
    dtypes: Mapping[str, np.dtype[Any]]
    path: str

    def read_chunks(self, columns: Sequence[int]) -> Iterator[RowChunk]:
        names = list(self.dtypes)
        (n_rows,) = self.npz.headers[names[0]].shape
        files = {column: _Member(self.npz, names[column], self.path) for column in columns}
        step = max(1, _BATCH // max(1, sum(self.dtypes[names[column]].itemsize for column in columns)))
        for start in range(0, n_rows, step):
            n = min(step, n_rows - start)
            lines = np.arange(start + 1, start + n + 1)
            yield ArrayChunk(lines, {c: self._read_column(file, names[c], n, start) for c, file in files.items()})

    def _read_column(self, file: "_Member", name: str, n: int, start: int) -> AnyArray | list[str | None]:
        dtype = self.dtypes[name]
        array = np.frombuffer(file.read(n * dtype.itemsize), dtype)
        if dtype.kind not in "US":
            return array
        try:
            texts = [cell.decode() if isinstance(cell, bytes) else cell for cell in array.tolist()]
            "".join(texts).encode()
        except (UnicodeError, ValueError):
            what = f"has a text in the array {name!r} that is not Unicode, in the rows from {start + 1:,} on"
            raise InputError(self.path, what, "write it as an array of str") from None
        return texts


class _Member:
    """The bytes of an array; errors are those of the .npz file."""

    def __init__(self, npz: NpzFile, name: str, path: str) -> None:
        self._npz, self._name, self._path = npz, name, path
        self._file: BinaryIO | None = None

    def read(self, size: int, /) -> bytes:
        """Return `size` bytes, fewer only at the end."""
        try:
            if self._file is None:
                self._file = cast(BinaryIO, self._npz.open(self._name))
            return self._file.read(size)
        except NpyError as error:
            raise InputError(self._path, str(error), AGAIN) from None
        except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            what = f"is damaged: the array {self._name!r} cannot be read ({error})"
            raise InputError(self._path, what, AGAIN) from None
