"""Tables in .npy files: arrays of one column, or of rows by columns.

Nothing in them is unpickled.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar, NoReturn, cast

import numpy as np

from kxcli.arrays import AnyArray, FloatArray, IntArray
from kxcli.corpus.compression import read_up_to
from kxcli.corpus.diagnostics import BadRecord, ReadDiagnostics
from kxcli.corpus.lines import Readable
from kxcli.corpus.tables.cells import MissingCodes
from kxcli.corpus.tables.chunks import CellChunk, NumberedCells, RowChunk, TablePart
from kxcli.corpus.tables.source_bytes import SourceBytes
from kxcli.errors import InputError
from kxcli.storage import npy

_SURROGATE = 0xD800  # the first of the 0x800 surrogates
_BATCH = 1 << 20  # bytes of rows that are read at a time
_COLUMNS = 1 << 24  # bytes of columns in Fortran order that are read at a time
_MAX_SPARSE = 1 << 30  # bytes of an array with unfilled columns, which take no memory
AGAIN = "write or fetch the file again"
_MAX_COLUMNS = 1 << 24  # the limit, as each column gets a name


def read(source: SourceBytes, diagnostics: ReadDiagnostics) -> TablePart:
    """Return the table of an array."""
    if source.has_positions:
        file = source.open_file()
        array = _FileArray(file, source.path, *_read_header(file, source.path))
        array.check_size(os.fstat(file.fileno()).st_size)
        return TablePart(source.path, (), array.shape[1], None, ArrayRows(array.parts, diagnostics).read_chunks)
    shape, is_fortran, dtype = _read_header(cast(BinaryIO, source.stream), source.path)

    def parts(columns: Sequence[int]) -> Iterator[AnyArray]:
        return read_in_order(source.stream, shape, is_fortran, dtype, source.path)

    return TablePart(source.path, (), shape[1], None, ArrayRows(parts, diagnostics).read_chunks)


@dataclass(frozen=True)
class ArrayRows:
    """The rows of an array, in blocks from `parts`."""

    parts: Callable[[Sequence[int]], Iterator[AnyArray]]
    diagnostics: ReadDiagnostics

    def read_chunks(self, columns: Sequence[int]) -> Iterator[RowChunk]:
        """Yield the rows of the given columns."""
        first = 1
        for part in self.parts(columns):
            lines = np.arange(first, first + len(part))
            first += len(part)
            if part.dtype.kind not in "US":
                yield _NumberChunk(lines, part)
                continue
            selected = part[:, list(columns)]
            read = self._decode_bytes if part.dtype.kind == "S" else self._check_texts
            yield CellChunk.from_rows(read(lines, selected), columns)

    def _check_texts(self, lines: IntArray, part: AnyArray) -> list[NumberedCells]:
        """Return the rows of valid characters; numpy itself accepts any code point."""
        codes = np.ascontiguousarray(part).view(np.dtype(np.uint32).newbyteorder(part.dtype.byteorder))
        is_bad = ((codes > sys.maxunicode) | (codes >> 11 == _SURROGATE >> 11)).reshape(len(part), -1).any(axis=1)
        for line in lines[is_bad].tolist():
            self.diagnostics.reject("npy", BadRecord("has a code point that is no character"), line)
        return list(zip(lines[~is_bad].tolist(), part[~is_bad].tolist(), strict=True))

    def _decode_bytes(self, lines: IntArray, part: AnyArray) -> list[NumberedCells]:
        """Return the rows of valid UTF-8, and the repaired rows."""
        rows = list[NumberedCells]()
        for self.diagnostics.line, row in zip(lines.tolist(), part.tolist(), strict=True):
            texts = self._decode_row(row)
            if texts is not None:
                rows.append((self.diagnostics.line, texts))
        return rows

    def _decode_row(self, row: list[bytes]) -> list[str | None] | None:
        """Return the texts of a row in UTF-8, or None if bad bytes make it skipped."""
        try:
            return [cell.decode() for cell in row]
        except UnicodeDecodeError as error:
            if self.diagnostics.on_error == "stop":
                byte = error.object[error.start]
                self.diagnostics.fail(f"byte 0x{byte:02x} is not valid utf-8", "use --on-error skip or replace")
        if self.diagnostics.on_error == "skip":
            self.diagnostics.skip("rows skipped: bytes that are not utf-8")
            return None
        self.diagnostics.skip("rows with replaced bytes that are not utf-8", is_repair=True)
        return [cell.decode(errors="replace") for cell in row]


@dataclass(frozen=True)
class _NumberChunk(RowChunk):
    """Rows of an array of numbers."""

    is_numeric: ClassVar[bool] = True

    array: AnyArray

    def numbers(self, columns: Sequence[int], missing: MissingCodes) -> FloatArray:
        """Return columns as float64; numbers beyond its range are infinite."""
        with np.errstate(all="ignore"):
            return missing.erase(self.array[:, list(columns)].astype(np.float64))

    def cells(self, columns: Sequence[int]) -> list[list[str]]:
        """Return the numbers as texts."""
        return [[str(value) for value in self.array[:, column]] for column in columns]


def _read_header(file: BinaryIO, path: str) -> tuple[tuple[int, int], bool, np.dtype[Any]]:
    try:
        header = npy.read_header(file)
    except npy.NpyError as error:
        raise InputError(path, f"is not a valid .npy file: it {error}", AGAIN) from None
    return check_header(header, path)


def check_header(header: npy.NpyHeader, path: str) -> tuple[tuple[int, int], bool, np.dtype[Any]]:
    """Return the header of an array as rows by columns.

    Raises:
        InputError: If it is no table.
    """
    shape, is_fortran, dtype = header
    if dtype.kind not in "biufUS" or not dtype.itemsize:
        what = f"is an array of {dtype}, not of numbers or texts"
        raise InputError(path, what, "write an array of numbers or strings")
    if len(shape) not in (1, 2) or 0 in shape[1:]:
        what = f"is an array of shape {shape}, not one column or rows by columns"
        raise InputError(path, what, "write an array of one or two dimensions")
    rows, columns = shape if len(shape) == 2 else (*shape, 1)
    if columns > _MAX_COLUMNS:
        what = f"is an array of {columns:,} columns, more than the limit of {_MAX_COLUMNS:,}"
        raise InputError(path, what, "transpose it")
    return (rows, columns), is_fortran, dtype


class _FileArray:
    """An uncompressed array in a file.

    It is read and not mapped: if the file is truncated, a read reports an error, but a map ends the process by SIGBUS.
    """

    def __init__(
        self, file: BinaryIO, path: str, shape: tuple[int, int], is_fortran: bool, dtype: np.dtype[Any]
    ) -> None:
        self.shape = shape
        self._handle, self._offset, self._path = file.fileno(), file.tell(), path
        self._is_fortran, self._dtype = is_fortran, dtype

    def check_size(self, size: int) -> None:
        """Raise `InputError` if the file does not end with the array."""
        needed = self._offset + self.shape[0] * self.shape[1] * self._dtype.itemsize
        if needed != size:
            _raise_size_error(self._path, is_short=needed > size)

    def parts(self, columns: Sequence[int]) -> Iterator[AnyArray]:
        """Yield blocks of rows; in Fortran order only the given columns have values."""
        (rows, width), size = self.shape, self._dtype.itemsize
        step = _count_rows(width * size)
        if self._is_fortran:  # large blocks, as columns are far apart in the file; unread columns take no memory
            step = min(_MAX_SPARSE // (width * size), _COLUMNS // (max(len(columns), 1) * size)) or 1
        for start in range(0, rows, step):
            part = np.empty((min(step, rows - start), width), self._dtype, "F" if self._is_fortran else "C")
            if self._is_fortran:
                for column in columns:
                    self._read(part[:, column], column * rows + start)
            else:
                self._read(part.reshape(-1), start * width)
            yield part

    def _read(self, cells: AnyArray, first: int) -> None:
        """Fill contiguous cells with those of the file from cell `first` on."""
        view, at = cells.view(np.uint8).data, self._offset + first * self._dtype.itemsize
        while view:
            n = os.preadv(self._handle, [view], at)
            if not n:
                _raise_size_error(self._path, is_short=True)
            view, at = view[n:], at + n


def _split_rows(array: AnyArray) -> Iterator[AnyArray]:
    step = _count_rows(array.shape[1] * array.dtype.itemsize)
    for start in range(0, len(array), step):
        yield array[start : start + step]


def read_in_order(
    stream: Readable, shape: tuple[int, int], is_fortran: bool, dtype: np.dtype[Any], path: str
) -> Iterator[AnyArray]:
    """Yield blocks of rows of a stream; in Fortran order, after all of it is read."""
    rows, columns = shape
    size = columns * dtype.itemsize
    step = max(rows, 1) if is_fortran else _count_rows(size)
    for start in range(0, rows, step):
        count = min(step, rows - start)
        data = read_up_to(stream, count * size)
        if len(data) < count * size:
            _raise_size_error(path, is_short=True)
        part = np.frombuffer(data, dtype).reshape(count, columns, order="F" if is_fortran else "C")
        yield from _split_rows(part) if is_fortran else (part,)
    if stream.read(1):
        _raise_size_error(path, is_short=False)


def _count_rows(size: int) -> int:
    return max(1, _BATCH // max(size, 1))


def _raise_size_error(path: str, *, is_short: bool) -> NoReturn:
    what = "the array is truncated" if is_short else "there are bytes after the array"
    raise InputError(path, what, AGAIN)
