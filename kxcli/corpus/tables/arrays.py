"""Arrays that numpy wrote: one column, or rows by columns; nothing in them is ever unpickled."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar, NoReturn, cast

import numpy as np

from kxcli.arrays import AnyArray, FloatArray, IntArray
from kxcli.corpus.compression import MAGIC_LENGTH, Stream, detect_compression, read_up_to
from kxcli.corpus.diagnostics import BadRecord, ReadDiagnostics
from kxcli.corpus.lines import Readable
from kxcli.corpus.sources import Source
from kxcli.corpus.tables.cells import MissingCodes
from kxcli.corpus.tables.chunks import CellChunk, RowChunk, TablePart
from kxcli.errors import InputError
from kxcli.storage import npy

_SURROGATE = 0xD800  # the first of the half pairs, 0x800 of them
_BATCH = 1 << 20  # bytes
_COLUMNS = 1 << 24  # bytes of columns that lie one after the other
_MAX_SPARSE = 1 << 30  # bytes of an array of which only some columns are filled
_AGAIN = "write or fetch the file again"
_MAX_COLUMNS = 1 << 24  # of an array: each gets a name

_Array = AnyArray


def read(source: Source, file: BinaryIO, diagnostics: ReadDiagnostics) -> TablePart | None:
    """Return the requested columns of an array; None if it is empty."""
    is_plain = False
    if source.size is not None and not source.is_remote:
        is_plain = detect_compression(file.read(MAGIC_LENGTH)) is None
        file.seek(0)
    if is_plain:
        size = os.fstat(file.fileno()).st_size
        if not size:
            return None
        array = _FileArray(file, source.path, *_header(file, source.path))
        array.check_size(size)
        width, parts = array.shape[1], array.parts
    else:
        stream = Stream(file, source.path)
        if not stream.peek(1):
            return None
        shape, is_fortran, dtype = _header(cast(BinaryIO, stream), source.path)
        width = shape[1]

        def parts(columns: Sequence[int]) -> Iterator[_Array]:
            return _read_in_order(stream, shape, is_fortran, dtype, source.path)

    return TablePart(source.path, (), width, None, _ArrayRows(parts, diagnostics).chunks)


@dataclass(frozen=True)
class _ArrayRows:
    parts: Callable[[Sequence[int]], Iterator[_Array]]
    diagnostics: ReadDiagnostics

    def chunks(self, columns: Sequence[int]) -> Iterator[RowChunk]:
        first = 1
        for part in self.parts(columns):
            lines = np.arange(first, first + len(part))
            first += len(part)
            if part.dtype.kind not in "US":
                yield _NumberChunk(lines, part)
                continue
            asked = part[:, list(columns)]
            yield (
                self._of_bytes(lines, asked, columns) if part.dtype.kind == "S" else self._texts(lines, asked, columns)
            )

    def _texts(self, lines: IntArray, part: _Array, columns: Sequence[int]) -> CellChunk:
        """Return the rows whose cells are characters: numpy takes any code point."""
        codes = np.ascontiguousarray(part).view(np.dtype(np.uint32).newbyteorder(part.dtype.byteorder))
        is_bad = ((codes > sys.maxunicode) | (codes >> 11 == _SURROGATE >> 11)).reshape(len(part), -1).any(axis=1)
        for line in lines[is_bad].tolist():
            self.diagnostics.reject("npy", BadRecord("has a code point that is no character"), line)
        return CellChunk.of(lines[~is_bad].tolist(), part[~is_bad].tolist(), columns)

    def _of_bytes(self, lines: IntArray, part: _Array, columns: Sequence[int]) -> CellChunk:
        """Return the rows whose cells are UTF-8, or can be mended."""
        numbers, rows = list[int](), list[list[str | None]]()
        for self.diagnostics.line, row in zip(lines.tolist(), part.tolist(), strict=True):
            texts = self._decoded(row)
            if texts is not None:
                numbers.append(self.diagnostics.line)
                rows.append(texts)
        return CellChunk.of(numbers, rows, columns)

    def _decoded(self, row: list[bytes]) -> list[str | None] | None:
        """Return the texts of bytes in UTF-8; None where the row is to be left out for bad ones."""
        try:
            return [cell.decode() for cell in row]
        except UnicodeDecodeError as error:
            if self.diagnostics.on_error == "stop":
                byte = error.object[error.start]
                self.diagnostics.fail(f"byte 0x{byte:02x} is not valid utf-8", "use --on-error skip or replace")
        if self.diagnostics.on_error == "skip":
            self.diagnostics.skip("rows left out for bytes that are not utf-8")
            return None
        self.diagnostics.skip("rows in which bytes that are not utf-8 were replaced")
        return [cell.decode(errors="replace") for cell in row]


@dataclass(frozen=True)
class _NumberChunk:
    """Rows of an array of numbers."""

    is_numeric: ClassVar[bool] = True

    lines: IntArray
    array: _Array

    def numbers(self, columns: Sequence[int], missing: MissingCodes) -> FloatArray:
        """Return columns as numbers; what is too large for one is infinite."""
        with np.errstate(all="ignore"):
            return missing.erase(self.array[:, list(columns)].astype(np.float64))

    def cells(self, columns: Sequence[int]) -> list[list[str]]:
        """Return the numbers as texts."""
        return [[str(value) for value in self.array[:, column]] for column in columns]


def _header(file: BinaryIO, path: str) -> tuple[tuple[int, int], bool, np.dtype[Any]]:
    try:
        shape, is_fortran, dtype = npy.read_header(file)
    except npy.NpyError as error:
        raise InputError(path, f"is no .npy file that is read: it {error}", _AGAIN) from None
    if dtype.kind not in "biufUS" or not dtype.itemsize:
        what = f"is an array of {dtype}, neither numbers nor texts"
        raise InputError(path, what, "write an array of numbers or strings")
    if len(shape) not in (1, 2) or 0 in shape[1:]:
        what = f"is an array of shape {shape}, neither one column nor rows by columns"
        raise InputError(path, what, "write an array of one or two dimensions")
    rows, columns = shape if len(shape) == 2 else (*shape, 1)
    if columns > _MAX_COLUMNS:
        raise InputError(path, f"is an array of {columns:,} columns, which is too many", "transpose it")
    return (rows, columns), is_fortran, dtype


class _FileArray:
    """An array that is plain in a file, which is read and not mapped.

    If the file becomes shorter, a read reports it, where a map would end the process with SIGBUS.
    """

    def __init__(
        self, file: BinaryIO, path: str, shape: tuple[int, int], is_fortran: bool, dtype: np.dtype[Any]
    ) -> None:
        self.shape = shape
        self._handle, self._offset, self._path = file.fileno(), file.tell(), path
        self._is_fortran, self._dtype = is_fortran, dtype

    def check_size(self, size: int) -> None:
        """Raise `InputError` if the file does not end where the array does."""
        needed = self._offset + self.shape[0] * self.shape[1] * self._dtype.itemsize
        if needed != size:
            _fail(self._path, is_short=needed > size)

    def parts(self, columns: Sequence[int]) -> Iterator[_Array]:
        """Yield blocks of rows; in Fortran order, only these columns have values."""
        (rows, width), size = self.shape, self._dtype.itemsize
        step = _step(width * size)
        if self._is_fortran:  # large ones, as each column is elsewhere in the file; what is not read takes no memory
            step = min(_MAX_SPARSE // (width * size), _COLUMNS // (max(len(columns), 1) * size)) or 1
        for start in range(0, rows, step):
            part = np.empty((min(step, rows - start), width), self._dtype, "F" if self._is_fortran else "C")
            if self._is_fortran:
                for column in columns:
                    self._read(part[:, column], column * rows + start)
            else:
                self._read(part.reshape(-1), start * width)
            yield part

    def _read(self, cells: _Array, first: int) -> None:
        """Fill contiguous cells with those of the file from that one on."""
        view, at = cells.view(np.uint8).data, self._offset + first * self._dtype.itemsize
        while view:
            n = os.preadv(self._handle, [view], at)
            if not n:
                _fail(self._path, is_short=True)
            view, at = view[n:], at + n


def _split_rows(array: _Array) -> Iterator[_Array]:
    step = _step(array.shape[1] * array.dtype.itemsize)
    for start in range(0, len(array), step):
        yield array[start : start + step]


def _read_in_order(
    stream: Readable, shape: tuple[int, int], is_fortran: bool, dtype: np.dtype[Any], path: str
) -> Iterator[_Array]:
    """Yield rows as they come; where columns lie one after the other, after the last has come."""
    rows, columns = shape
    size = columns * dtype.itemsize
    step = max(rows, 1) if is_fortran else _step(size)
    for start in range(0, rows, step):
        count = min(step, rows - start)
        data = read_up_to(stream, count * size)
        if len(data) < count * size:
            _fail(path, is_short=True)
        part = np.frombuffer(data, dtype).reshape(count, columns, order="F" if is_fortran else "C")
        yield from _split_rows(part) if is_fortran else (part,)
    if stream.read(1):
        _fail(path, is_short=False)


def _step(size: int) -> int:
    return max(1, _BATCH // max(size, 1))


def _fail(path: str, *, is_short: bool) -> NoReturn:
    what = "the array ends too early" if is_short else "there is something after the array"
    raise InputError(path, what, _AGAIN)
