"""The position of a reader, its messages, and its skipped records."""

from typing import Literal, NamedTuple, NoReturn

from kxcli.corpus.sources import Source
from kxcli.errors import InputError
from kxcli.urls import is_url
from kxcli.wording import MAX_EXAMPLES

DEFAULT_HINT = "fix the record, or use --on-error skip"
OnError = Literal["stop", "skip", "replace"]


class Place(NamedTuple):
    """A line of an input, counted from 1 at the byte `offset`; 0 is its start."""

    path: str
    line: int
    offset: int = 0


class SkippedRecords(NamedTuple):
    """The number of records skipped or repaired for one reason, and some places.

    Attributes:
        kind: The noun and the cause.
        count: Their number.
        places: Some places.
        is_repair: Whether they were repaired, and read.
    """

    kind: str
    count: int  # type: ignore[assignment]  # hides tuple.count
    places: tuple[Place, ...]
    is_repair: bool = False


class Notice(NamedTuple):
    """A decision by the content of an input, such as its encoding.

    Attributes:
        encoding: The codec of a detected encoding; "" for another decision.
        confidence: That of the encoding, from 0 to 1.
        is_empty: Whether the encoding is not detected because the input is empty.
    """

    path: str
    message: str
    is_warning: bool = False
    encoding: str = ""
    confidence: float = 1.0
    is_empty: bool = False


class SourceFacts(NamedTuple):
    """Facts about an input or a part of it; numbers of parts add up.

    Attributes:
        encoding: The encoding of its text; "" if it has none.
        n_documents: The lines or records that were read.
        n_bytes: Bytes of the stored input, if they are not among the facts of another part.
    """

    path: str
    encoding: str = ""
    kind: str = ""
    n_documents: int = 0
    n_bytes: int = 0


Diagnostic = SkippedRecords | Notice | SourceFacts


class BadRecord(Exception):  # noqa: N818 -- not yet an error: the reader decides
    """The problem with a record, and the hint if it is not `DEFAULT_HINT`.

    Attributes:
        cause: That of skips; "" for an invalid format.
    """

    cause = ""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what, self.hint = what, hint


class BadFieldError(BadRecord):
    """The problem with a field of an otherwise valid record."""

    cause = "field missing or of another type"


class NotObjectError(BadRecord):
    """The problem with a valid JSON value that is no object."""

    cause = "not a JSON object"


class ReadDiagnostics:
    """The line of a reader, and its skipped records.

    Attributes:
        line: The number of the next line, counted from 1 at the byte `offset` of the source.
        n_records: The number of records that were read, if they are counted.
        alternative: The end of hints about records, if the source may not have any.
    """

    def __init__(self, path: str, on_error: OnError, *, line: int = 1, offset: int = 0) -> None:
        self.path, self.on_error, self.line, self.offset = path, on_error, line, offset
        self._first_line, self._n_skipped, self.n_records, self.alternative = line, 0, 0, ""
        self._counts: dict[str, int] = {}
        self._places: dict[str, list[Place]] = {}
        self._repairs: set[str] = set()

    @property
    def is_at_start(self) -> bool:
        """Whether nothing of the source has been read yet."""
        return self.line == 1 and self.offset == 0

    @property
    def skipped_records(self) -> list[SkippedRecords]:
        """The records skipped or repaired so far."""
        return [
            SkippedRecords(kind, self._counts[kind], tuple(places), kind in self._repairs)
            for kind, places in self._places.items()
        ]

    def get_facts(self, encoding: str, kind: str) -> SourceFacts:
        """Return the facts so far: lines of text that were not skipped, or records."""
        n_lines = self.line - self._first_line - self._n_skipped
        is_text = kind not in ("parquet", "arrow")
        return SourceFacts(self.path, encoding if is_text else "", kind, n_lines if kind == "text" else self.n_records)

    def fail(self, what: str, hint: str) -> NoReturn:
        """Raise `InputError` at the current line."""
        raise InputError(self.path, what, hint, line=self.line, offset=self.offset)

    def skip(self, kind: str, *, is_repair: bool = False) -> None:
        """Count the current line as skipped, or as repaired and read."""
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if is_repair:
            self._repairs.add(kind)
        else:
            self._n_skipped += 1
        places = self._places.setdefault(kind, [])
        if len(places) < MAX_EXAMPLES:
            places.append(Place(self.path, self.line, self.offset))

    def reject(self, kind: str, bad: BadRecord, line: int | None = None) -> None:
        """Skip a bad record, or stop at it, according to `on_error`.

        Args:
            kind: The format of the record.
            bad: What is wrong with it.
            line: Its first line; by default the current one.
        """
        current, self.line = self.line, self.line if line is None else line
        if self.on_error == "stop":
            self.fail(bad.what, (bad.hint or DEFAULT_HINT) + self.alternative)
        self.skip(f"records skipped: {bad.cause or f'not valid {kind.upper()}'}")
        self.line = current


def format_place(place: Place, source: Source | None = None) -> str:
    """Return `path:line` of a place.

    For a place in a byte range, the lines of the file before it are counted. If that costs too much, the result has the
    byte of the line instead.

    Args:
        place: The place.
        source: Its source; if None, the local file at its path, or one of several URLs that look alike in messages.
    """
    if not place.offset:
        return f"{place.path}:{place.line}"
    if source is None and is_url(place.path):
        return f"{place.path}: line {place.line} from byte {place.offset}"
    source = source or Source(place.path)
    line = source.find_line(place.line, place.offset)
    if line is None:
        return f"{place.path}: byte {source.find_byte(place.line, place.offset)}"
    return f"{place.path}:{line}"


def locate_error(error: InputError, source: Source | None = None) -> InputError:
    """Return the error with its line counted from the start of the file.

    If that costs too much, it has the byte of the line instead.

    Args:
        error: The error, maybe of a worker that read a byte range.
        source: Its source; if None, the local file at its path.
    """
    if error.line is None or not error.offset:
        return error
    source = source or Source(error.path)
    line = source.find_line(error.line, error.offset)
    what = error.what if line is not None else f"byte {source.find_byte(error.line, error.offset)}: {error.what}"
    located = InputError(error.path, what, error.hint, line=line)
    for note in getattr(error, "__notes__", ()):
        located.add_note(note)
    return located
