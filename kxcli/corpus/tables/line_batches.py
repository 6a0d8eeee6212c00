"""Bytes -> large batches of numbered text lines."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from kxcli.arrays import IntArray
from kxcli.batching import iter_batches
from kxcli.corpus import encodings
from kxcli.corpus.decoding import Decoder
from kxcli.corpus.diagnostics import ReadDiagnostics
from kxcli.corpus.lines import Readable, read_line_blocks
from kxcli.corpus.reader_spec import SourceFormat
from kxcli.corpus.row_reader import NumberedLine, number_lines

BATCH = 1 << 20  # bytes


class LineBatch(NamedTuple):
    """Lines, each with its LF and the CR before it, and their numbers."""

    text: str
    lines: IntArray

    def iter_numbered(self) -> Iterator[NumberedLine]:
        """Return the numbered lines, without their LF."""
        return zip(self.lines.tolist(), self.text.split("\n"), strict=False)  # the text ends with LF

    def drop_lines(self, is_dropped: Callable[[str], bool]) -> "LineBatch":
        """Return the other lines."""
        lines = [(number, line) for number, line in self.iter_numbered() if not is_dropped(line)]
        return _join(lines) if lines else LineBatch("", np.empty(0, np.int64))


def read_batches(stream: Readable, form: SourceFormat, diagnostics: ReadDiagnostics) -> Iterator[LineBatch]:
    """Yield the lines of a source; `diagnostics.line` is the next line."""
    decoder = Decoder(form.encoding, diagnostics, is_guessed=form.is_guessed, doubt=form.doubt)
    if not encodings.is_line_safe(form.encoding):
        yield from _batch_lines(decoder.read_text(stream, keeps_cr=True), diagnostics)
        return
    blocks = (block.data for block in read_line_blocks(stream, keep_lines_whole=True))
    for data in map(b"".join, iter_batches(blocks, len, BATCH)):
        text = decoder.decode_text(data)
        if text is None:
            yield from _batch_lines(_decode_lines(data, decoder), diagnostics)
        elif text:
            text = text if text.endswith("\n") else text + "\n"
            first, count = diagnostics.line, text.count("\n")
            diagnostics.line += count
            yield LineBatch(text, np.arange(first, first + count))


class LineFeed:
    """Batches, read line by line first, then batch by batch."""

    def __init__(self, source: Iterable[LineBatch]) -> None:
        self._source = iter(source)
        self._pending = deque[NumberedLine]()

    def put_back(self, lines: Sequence[NumberedLine]) -> None:
        """Put back numbered lines, without their LF."""
        self._pending.extendleft(reversed(lines))

    def iter_lines(self) -> Iterator[NumberedLine]:
        """Yield the numbered lines, without their LF."""
        while True:
            while self._pending:
                yield self._pending.popleft()
            batch = next(self._source, None)
            if batch is None:
                return
            self._pending.extend(batch.iter_numbered())

    def iter_rest(self) -> Iterator[LineBatch]:
        """Yield the remaining lines, with those put back."""
        if self._pending:
            yield _join(self._pending)
        yield from self._source


def _decode_lines(data: bytes, decoder: Decoder) -> Iterator[str]:
    """Yield lines with their CRs, each decoded and repaired by itself."""
    for raw in data.removesuffix(b"\n").split(b"\n"):
        for line in decoder.decode_lines(raw + b"\n"):
            yield line + "\r" if raw.endswith(b"\r") else line


def _batch_lines(lines: Iterable[str], diagnostics: ReadDiagnostics) -> Iterator[LineBatch]:
    numbered = number_lines(lines, diagnostics)
    return map(_join, iter_batches(numbered, lambda one: len(one[1]) + 1, BATCH))


def _join(lines: Iterable[NumberedLine]) -> LineBatch:
    numbers, texts = zip(*lines, strict=True)
    return LineBatch("\n".join(texts) + "\n", np.array(numbers, np.int64))
