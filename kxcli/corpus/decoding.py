"""Bytes -> text lines, with `--on-error` for invalid bytes.

If line ends are LF bytes, a block of lines is decoded in one step, and line by line only if a byte is bad. All methods
yield lines without LF or CRLF, and keep `diagnostics.line` at the line that was yielded.
"""

import codecs
import re
from collections.abc import Iterator
from typing import NoReturn

from kxcli.corpus import encodings
from kxcli.corpus.diagnostics import ReadDiagnostics
from kxcli.corpus.lines import CHUNK, Readable, read_line_blocks

BAD = "\udfff"  # marks bad bytes until lines are split; strict decoding never gives it
_MARK_BAD = "kxcli.mark"
codecs.register_error(_MARK_BAD, lambda error: (BAD, error.end))  # type: ignore[attr-defined, unused-ignore]


class Decoder:
    """Decodes the bytes of one source, in order.

    Args:
        encoding: The codec's name.
        diagnostics: Counts the lines, and the bad ones among them.
        is_guessed: Whether the encoding was guessed by the start of the source.
        doubt: Why the guess may be wrong; "" without a doubt.
        is_fixed: Whether no option can choose another encoding.
        max_line: Bytes of a line after which it is rejected; None for no limit.

    Attributes:
        is_at_start: Whether the next bytes are the first of the source, and may be a byte order mark.
    """

    def __init__(
        self,
        encoding: str,
        diagnostics: ReadDiagnostics,
        *,
        is_guessed: bool = False,
        doubt: str = "",
        is_fixed: bool = False,
        max_line: int | None = None,
    ) -> None:
        self.encoding = encoding
        self._diagnostics = diagnostics
        self._is_guessed, self._doubt, self._is_fixed = is_guessed, doubt, is_fixed
        self.is_at_start = diagnostics.is_at_start
        self._max_line = max_line

    def decode_text(self, data: bytes) -> str | None:
        """Return the text of whole lines, or None if a byte is bad."""
        try:
            text = data.decode(self.encoding)
        except UnicodeDecodeError:
            return None
        return self._strip_mark(text)

    def decode_part(self, decoder: codecs.IncrementalDecoder, data: bytes, *, final: bool) -> str:
        """Return the text of a part of a line."""
        try:
            text = decoder.decode(data, final=final)
        except UnicodeDecodeError as error:
            self._fail(error)
        return self._strip_mark(text)

    def drop_long_line(self, data: bytes) -> bytes:
        """Return a block of whole lines without its first one if that is too long."""
        if self._max_line is None or len(data) <= self._max_line:
            return data
        end = data.find(b"\n") + 1 or len(data)
        if end <= self._max_line:
            return data
        self._reject_long_line(self._max_line)
        return data[end:]

    def decode_lines(self, data: bytes) -> Iterator[str]:
        """Yield the lines of a block of whole lines."""
        text = self.decode_text(data)
        if text is not None:
            for line in text.removesuffix("\n").split("\n") if text else ():
                yield line.removesuffix("\r")
                self._diagnostics.line += 1
            return
        for raw in data.removesuffix(b"\n").split(b"\n"):
            yield from self._keep_valid(self._decode_line(raw))

    def decode_block(self, data: bytes) -> str:
        """Return the text of whole lines; each bad one is skipped or repaired."""
        text = self.decode_text(data)
        return "".join(line + "\n" for line in self.decode_lines(data)) if text is None else text

    def drop_mark(self, data: bytes) -> bytes:
        """Return UTF-8 without the byte order mark at the start of the source."""
        return data.removeprefix(codecs.BOM_UTF8) if self.is_at_start else data

    def read_lines(self, stream: Readable) -> Iterator[str]:
        """Yield the lines of a stream without their CRs."""
        if not encodings.is_line_safe(self.encoding):
            yield from self.read_text(stream)
            return
        for block in read_line_blocks(stream, keep_lines_whole=True, max_line=self._max_line):
            yield from self.decode_lines(self.drop_long_line(block.data))

    def read_text(self, stream: Readable, *, keeps_cr: bool = False) -> Iterator[str]:
        """Yield the lines of a stream in any encoding; decode it before splitting at LFs."""
        rest: list[str] = []  # of a line that has not ended
        n_characters = 0  # of the rest
        is_strict = self._diagnostics.on_error == "stop"
        for text in self.read_chunks(stream):
            *lines, last = text.split("\n")
            if lines:
                lines[0] = "".join((*rest, lines[0]))
                rest, n_characters = [], 0
            if self._max_line is None or n_characters <= self._max_line:
                rest.append(last)
            n_characters += len(last)
            if self._max_line is None and is_strict:  # all lines are valid; fewer calls for each
                for line in lines:
                    yield line if keeps_cr else line.removesuffix("\r")
                    self._diagnostics.line += 1
            else:
                for line in lines:
                    yield from self._keep_short(line, keeps_cr=keeps_cr)
        line = "".join(rest)
        if line:
            yield from self._keep_short(line, keeps_cr=keeps_cr)

    def read_chunks(self, stream: Readable) -> Iterator[str]:
        """Yield the text of a stream in pieces; `BAD` marks its bad bytes.

        If they are an error, it is raised at the line of the diagnostics, after the text before it.
        """
        errors = "strict" if self._diagnostics.on_error == "stop" else _MARK_BAD
        decoder = codecs.getincrementaldecoder(self.encoding)(errors)
        data = b"?"
        is_first = self.is_at_start
        while data:
            data = stream.read(CHUNK)
            if is_first and data and encodings.lacks_mark(data, self.encoding):
                hint = f"use --encoding {self.encoding}-le or {self.encoding}-be"
                self._diagnostics.fail(f"has no byte order mark of {self.encoding} at its start", hint)
            is_first = False
            try:
                yield self._strip_mark(decoder.decode(data, final=not data))
            except UnicodeDecodeError as error:
                yield self._strip_mark(error.object[: error.start].decode(error.encoding, "ignore"))
                self._fail(error)

    def keep_valid_record(self, text: str) -> str | None:
        """Return a record without marks of bad bytes; None to skip it."""
        if BAD not in text:
            return text
        if self._diagnostics.on_error == "skip":
            self._diagnostics.skip(f"records skipped: bytes that are not {self.encoding}")
            return None
        self._diagnostics.skip(f"records with replaced bytes that are not {self.encoding}", is_repair=True)
        return text.replace(BAD, "\ufffd")

    def _strip_mark(self, text: str) -> str:
        """Drop the byte order mark at the start of the source; inside, it is a character."""
        if self.is_at_start and text:
            self.is_at_start = False
            return text.removeprefix("\ufeff")
        return text

    def _decode_line(self, raw: bytes) -> str:
        """Return a line with its bad bytes marked."""
        try:
            text = raw.decode(self.encoding)
        except UnicodeDecodeError as error:
            if self._diagnostics.on_error == "stop":
                self._fail(error)
            text = raw.decode(self.encoding, _MARK_BAD)
        text = self._strip_mark(text)
        self.is_at_start = False  # also after an empty line
        return text

    def _keep_short(self, line: str, *, keeps_cr: bool) -> Iterator[str]:
        """Yield the line unless it is too long in UTF-8."""
        limit = self._max_line
        if limit is not None and len(line) > limit // 4 and len(line.encode("utf-8", "surrogatepass")) > limit:
            self._reject_long_line(limit)
        else:
            yield from self._keep_valid(line, keeps_cr=keeps_cr)

    def _reject_long_line(self, limit: int) -> None:
        what = f"more than {limit / 1e6:,.1f} MB, too much for --memory"
        if self._diagnostics.on_error == "stop":
            hint = "raise --memory, split the record, or use --on-error skip"
            self._diagnostics.fail(f"the line has {what}", hint)
        self._diagnostics.skip(f"lines skipped: {what}")
        self._diagnostics.line += 1
        self.is_at_start = False

    def _keep_valid(self, line: str, *, keeps_cr: bool = False) -> Iterator[str]:
        """Yield the line unless it has bad bytes and is skipped; count it."""
        if BAD in line and self._diagnostics.on_error == "skip":
            self._diagnostics.skip(f"lines skipped: bytes that are not {self.encoding}")
        else:
            if BAD in line:
                self._diagnostics.skip(f"lines with replaced bytes that are not {self.encoding}", is_repair=True)
                line = line.replace(BAD, "\ufffd")
            yield line if keeps_cr else line.removesuffix("\r")
        self._diagnostics.line += 1

    def _fail(self, error: UnicodeDecodeError) -> NoReturn:
        hint = "name the right --encoding (auto detects it), or use --on-error skip or replace"
        marked = encodings.detect_mark(error.object[: encodings.BOM_LENGTH]) if self.is_at_start else None
        if self._is_fixed:
            hint = f"convert it to {self.encoding.upper()}, or use --on-error skip or replace"
        elif self._doubt:
            hint = f"auto chose this, but {self._doubt}: name the right --encoding, or use --on-error skip or replace"
        elif self._is_guessed:
            hint = "auto chose this by the start: name the right --encoding, or use --on-error skip or replace"
        elif marked is not None:
            hint = f"it starts with the byte order mark of {marked}: use --encoding {marked}"
        byte = error.object[error.start]
        self._diagnostics.fail(f"byte 0x{byte:02x} is not valid {self.encoding}", hint)


class LongLineDecoder:
    """Decodes a line too long for memory, and splits it at safe places.

    Args:
        decoder: The decoder of the source.
        split_pattern: Matches at the places where the line may be split.
        max_part: Characters without such a place after which the line is split anyway; None for never.
    """

    def __init__(self, decoder: Decoder, split_pattern: str, max_part: int | None) -> None:
        self._decoder = decoder
        self._incremental = codecs.getincrementaldecoder(decoder.encoding)()
        self._split_pattern, self._max_part = re.compile(split_pattern), max_part
        self._rest: list[str] = []  # without a place for a split
        self._last = ""  # its last character

    def feed(self, data: bytes) -> str:
        """Return the text up to the last place for a split; hold the rest."""
        text = self._last + self._decoder.decode_part(self._incremental, data, final=False)
        for place in range(len(text) - 1, 0, -1):
            if self._split_pattern.match(text, place):
                part = "".join((*self._rest, text[len(self._last) : place]))
                self._rest, self._last = [text[place:]], text[-1]
                return part
        self._rest.append(text[len(self._last) :])
        self._last = text[-1:]
        if self._max_part is None or sum(map(len, self._rest)) < self._max_part:
            return ""
        rest = "".join(self._rest)
        place = len(rest) - len(rest) % self._max_part  # depends on the text alone, not on the sizes of its parts
        self._rest, self._last = [rest[place:]], rest[place:][-1:]
        return rest[:place]

    def finish(self, data: bytes) -> str:
        """Return the rest of the line, without its end."""
        text = "".join((*self._rest, self._decoder.decode_part(self._incremental, data, final=True)))
        return text.removesuffix("\n").removesuffix("\r")
