"""Bytes -> batches of text lines with their numbers, large enough that what a call costs vanishes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from kxcli.arrays import IntArray
from kxcli.corpus import encodings
from kxcli.corpus.decoding import Decoder
from kxcli.corpus.diagnostics import ReadDiagnostics
from kxcli.corpus.lines import Readable, read_line_blocks
from kxcli.corpus.records import SourceFormat
from kxcli.corpus.row_reader import NumberedLine

BATCH = 1 << 20  # bytes


class LineBatch(NamedTuple):
    """Some lines, each ended by LF and with the CR before it, and their numbers."""

    text: str
    lines: IntArray


def read_batches(stream: Readable, form: SourceFormat, diagnostics: ReadDiagnostics) -> Iterator[LineBatch]:
    """Yield the lines of a source; `diagnostics.line` is the next one's."""
    decoder = Decoder(form.encoding, diagnostics, is_guessed=form.is_guessed)
    if not encodings.is_line_safe(form.encoding):
        yield from _batch_lines(decoder.read_text(stream, keeps_cr=True), diagnostics)
        return
    for data in _read_blobs(stream):
        text = decoder.decode_text(data)
        if text is None:
            yield from _batch_lines(_decode_lines(data, decoder), diagnostics)
        elif text:
            text = text if text.endswith("\n") else text + "\n"
            first, count = diagnostics.line, text.count("\n")
            diagnostics.line += count
            yield LineBatch(text, np.arange(first, first + count))


class LineFeed:
    """Batches that are read line by line at first, and then batch by batch."""

    def __init__(self, source: Iterable[LineBatch]) -> None:
        self._source = iter(source)
        self._batch = LineBatch("", np.empty(0, np.int64))
        self._at = self._row = 0
        self._unread: list[NumberedLine] = []

    def unread(self, lines: Iterable[NumberedLine]) -> None:
        """Put back lines of `lines`; `rest` begins with them."""
        self._unread.extend(lines)

    def lines(self) -> Iterator[NumberedLine]:
        """Yield the lines with their numbers, without their LF."""
        for batch in self._source:
            self._batch, (text, lines) = batch, batch
            self._at = self._row = 0
            while self._at < len(text):
                start, self._at = self._at, text.index("\n", self._at) + 1
                number = int(lines[self._row])
                self._row += 1
                yield number, text[start : self._at - 1]

    def rest(self) -> Iterator[LineBatch]:
        """Yield all that `lines` has not yielded, or that was put back."""
        if self._unread:
            numbers, unread = zip(*self._unread, strict=True)
            yield _batch(unread, numbers)
        text, lines = self._batch
        if self._at < len(text):
            yield LineBatch(text[self._at :], lines[self._row :])
        yield from self._source


def _read_blobs(stream: Readable) -> Iterator[bytes]:
    """Yield runs of whole lines joined."""
    held, size = list[bytes](), 0
    for data, _ in read_line_blocks(stream, keep_lines_whole=True):
        held.append(data)
        size += len(data)
        if size >= BATCH:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def _decode_lines(data: bytes, decoder: Decoder) -> Iterator[str]:
    """Yield lines with their CRs; what is mended in one depends on nothing that follows it."""
    for raw in data.removesuffix(b"\n").split(b"\n"):
        for line in decoder.decode_lines(raw + b"\n"):
            yield line + "\r" if raw.endswith(b"\r") else line


def _batch_lines(lines: Iterable[str], diagnostics: ReadDiagnostics) -> Iterator[LineBatch]:
    held, numbers, size = list[str](), list[int](), 0
    for line in lines:
        held.append(line)
        numbers.append(diagnostics.line)
        size += len(line) + 1
        if size >= BATCH:
            yield _batch(held, numbers)
            held, numbers, size = [], [], 0
    if held:
        yield _batch(held, numbers)


def _batch(lines: Sequence[str], numbers: Sequence[int]) -> LineBatch:
    return LineBatch("\n".join(lines) + "\n", np.array(numbers, np.int64))
