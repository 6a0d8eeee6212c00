"""Bytes -> text lines, with `--on-error` for bytes that are no text.

Where line ends are LF bytes, a run of lines is decoded in one step, and line by line only where a byte is bad.
Everything here yields lines without their LF or CRLF, and keeps `diagnostics.line` at the line that was yielded.
"""

import codecs
import re
from collections.abc import Iterator
from typing import NoReturn

from kxcli.corpus import encodings
from kxcli.corpus.diagnostics import ReadDiagnostics
from kxcli.corpus.lines import CHUNK, Readable, read_line_blocks

_BAD = "\udfff"  # stands for bad bytes while lines are parted; strict decoding never gives it
codecs.register_error("kxcli.mark", lambda error: (_BAD, error.end))  # type: ignore[attr-defined, unused-ignore]


class Decoder:
    """Decodes the bytes of one source, in order."""

    def __init__(
        self,
        encoding: str,
        diagnostics: ReadDiagnostics,
        *,
        is_guessed: bool = False,
        is_fixed: bool = False,
        max_line: int | None = None,
    ) -> None:
        """Take what the encoding is known from: `is_guessed` from the start, `is_fixed` since there is no other.

        max_line: bytes of a line after which it is rejected; None: no limit.
        """
        self.encoding = encoding
        self._is_fixed = is_fixed
        self._ledger = diagnostics
        self._is_guessed = is_guessed
        self._is_at_start = diagnostics.is_at_start
        self._max_line = max_line

    def text(self, data: bytes) -> str | None:
        """Return the text of whole lines as it is, or None where a byte is bad."""
        try:
            text = data.decode(self.encoding)
        except UnicodeDecodeError:
            return None
        return self.without_mark(text)

    def drop_long_line(self, data: bytes) -> bytes:
        """Return a run of whole lines without its first one if that is too long."""
        if self._max_line is None or len(data) <= self._max_line:
            return data
        end = data.find(b"\n") + 1 or len(data)
        if end <= self._max_line:
            return data
        self._reject_long_line(self._max_line)
        return data[end:]

    def lines(self, data: bytes) -> Iterator[str]:
        """Yield the lines of some whole lines of bytes."""
        text = self.text(data)
        if text is not None:
            for line in text.removesuffix("\n").split("\n") if text else ():
                yield line.removesuffix("\r")
                self._ledger.line += 1
            return
        for raw in data.removesuffix(b"\n").split(b"\n"):
            yield from self._keep_decodable(self._decode_marking(raw))

    def read_lines(self, stream: Readable) -> Iterator[str]:
        """Yield the lines of a stream without their CRs."""
        if not encodings.is_line_safe(self.encoding):
            yield from self.lines_in_order(stream)
            return
        for data, _ in read_line_blocks(stream, keep_lines_whole=True, max_line=self._max_line):
            yield from self.lines(self.drop_long_line(data))

    def lines_in_order(self, stream: Readable, *, keeps_cr: bool = False) -> Iterator[str]:
        """Yield the lines of a text in which LF bytes may be parts of characters, and CRs before them too."""
        errors = "strict" if self._ledger.on_error == "stop" else "kxcli.mark"
        decoder = codecs.getincrementaldecoder(self.encoding)(errors)
        rest: list[str] = []  # of a line that has not ended
        n_characters = 0  # of the rest
        data = b"?"
        is_first = self._is_at_start
        while data:
            data = stream.read(CHUNK)
            if is_first and data and encodings.lacks_mark(data, self.encoding):
                hint = f"use --encoding {self.encoding}-le or {self.encoding}-be"
                self._ledger.fail(f"has no byte order mark of {self.encoding} at its start", hint)
            is_first = False
            bad: UnicodeDecodeError | None = None
            try:
                text = decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                bad, text = error, error.object[: error.start].decode(error.encoding, "ignore")
            *lines, last = self.without_mark(text).split("\n")
            if lines:
                lines[0] = "".join((*rest, lines[0]))
                rest, n_characters = [], 0
            if self._max_line is None or n_characters <= self._max_line:
                rest.append(last)
            n_characters += len(last)
            for line in lines:
                yield from self._keep_unless_long(line, keeps_cr=keeps_cr)
            if bad is not None:
                self._fail(bad)
        line = "".join(rest)
        if line:
            yield from self._keep_unless_long(line, keeps_cr=keeps_cr)

    def part(self, decoder: codecs.IncrementalDecoder, data: bytes, *, final: bool) -> str:
        """Decode a part of a line."""
        try:
            text = decoder.decode(data, final=final)
        except UnicodeDecodeError as error:
            self._fail(error)
        return self.without_mark(text)

    def without_mark(self, text: str) -> str:
        """Drop the byte order mark at the start of the source; inside, it is a character."""
        if self._is_at_start and text:
            self._is_at_start = False
            return text.removeprefix("\ufeff")
        return text

    def _decode_marking(self, raw: bytes) -> str:
        try:
            text = raw.decode(self.encoding)
        except UnicodeDecodeError as error:
            if self._ledger.on_error == "stop":
                self._fail(error)
            text = raw.decode(self.encoding, "kxcli.mark")
        return self.without_mark(text)

    def _keep_unless_long(self, line: str, *, keeps_cr: bool) -> Iterator[str]:
        """Yield the line unless it is too long in UTF-8."""
        limit = self._max_line
        if limit is not None and len(line) > limit // 4 and len(line.encode("utf-8", "surrogatepass")) > limit:
            self._reject_long_line(limit)
        else:
            yield from self._keep_decodable(line, keeps_cr=keeps_cr)

    def _reject_long_line(self, limit: int) -> None:
        what = f"more than {limit / 1e6:,.1f} MB, for which --memory has no room"
        if self._ledger.on_error == "stop":
            hint = "raise --memory, split the record, or use --on-error skip"
            self._ledger.fail(f"the line has {what}", hint)
        self._ledger.skip(f"lines left out for {what}")
        self._ledger.line += 1
        self._is_at_start = False

    def _keep_decodable(self, line: str, *, keeps_cr: bool = False) -> Iterator[str]:
        """Yield the line, mended or not at all where it has bad bytes, and count it."""
        if _BAD in line and self._ledger.on_error == "skip":
            self._ledger.skip(f"lines left out for bytes that are not {self.encoding}")
        else:
            if _BAD in line:
                self._ledger.skip(f"lines in which bytes that are not {self.encoding} were replaced")
                line = line.replace(_BAD, "\ufffd")
            yield line if keeps_cr else line.removesuffix("\r")
        self._ledger.line += 1

    def _fail(self, error: UnicodeDecodeError) -> NoReturn:
        hint = "name the right --encoding (auto finds UTF-8 or GB18030), or use --on-error skip or replace"
        marked = encodings.detect_mark(error.object[: encodings.BOM_LENGTH]) if self._is_at_start else None
        if self._is_fixed:
            hint = f"give it in {self.encoding.upper()}, or use --on-error skip or replace"
        elif self._is_guessed:
            hint = (
                f"its start looked like {self.encoding}: name the right --encoding, or use --on-error skip or replace"
            )
        elif marked is not None:
            hint = f"its first bytes are the mark of {marked}: use --encoding {marked}"
        byte = error.object[error.start]
        self._ledger.fail(f"byte 0x{byte:02x} is not valid {self.encoding}", hint)


class LongLine:
    """A line too long to hold: decoded as it comes, parted at the last place where `cut` matches.

    longest: characters without such a place after which it is parted, every so many; None: never.
    """

    def __init__(self, decoder: Decoder, cut: re.Pattern[str], longest: int | None) -> None:
        self._longest = longest
        self._decoder = decoder
        self._incremental = codecs.getincrementaldecoder(decoder.encoding)()
        self._cut = cut
        self._rest: list[str] = []  # holds no place where it may be parted
        self._last = ""  # its last character

    def feed(self, data: bytes) -> str:
        """Return the text up to the last place where it may be parted, "" where there is none; the rest waits."""
        text = self._last + self._decoder.part(self._incremental, data, final=False)
        for place in range(len(text) - 1, 0, -1):
            if self._cut.match(text, place):
                parted = "".join((*self._rest, text[len(self._last) : place]))
                self._rest, self._last = [text[place:]], text[-1]
                return parted
        self._rest.append(text[len(self._last) :])
        self._last = text[-1:]
        if self._longest is None or sum(map(len, self._rest)) < self._longest:
            return ""
        rest = "".join(self._rest)
        place = len(rest) - len(rest) % self._longest  # told by the text alone, not by how it comes
        self._rest, self._last = [rest[place:]], rest[place:][-1:]
        return rest[:place]

    def finish(self, data: bytes) -> str:
        """Return what is left of the line, without its end."""
        text = "".join((*self._rest, self._decoder.part(self._incremental, data, final=True)))
        return text.removesuffix("\n").removesuffix("\r")
