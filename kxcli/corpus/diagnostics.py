"""Where a reader stands in its input, and what it had to leave out."""

from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from kxcli import schema
from kxcli.errors import InputError
from kxcli.wording import MAX_EXAMPLES

FIX = "fix the record, or use --on-error skip"
OnError = Literal["stop", "skip", "replace"]


@dataclass(frozen=True)
class Place:
    """A line of an input, counted from 1 at the byte `offset` (0: at its start)."""

    path: str
    line: int
    offset: int = 0


@dataclass(frozen=True)
class SkippedRecords:
    """Documents that were left out or mended, how many, and where the first few stand."""

    kind: str
    count: int
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Notice:
    """Something that was decided by looking at the input."""

    path: str
    message: str
    is_warning: bool = False


Diagnostic = SkippedRecords | Notice


def to_json(told: Diagnostic) -> Any:
    """Return what was told as values that JSON knows."""
    if isinstance(told, Notice):
        return {"path": told.path, "message": told.message, "is_warning": told.is_warning}
    places = [[place.path, place.line, place.offset] for place in told.places]
    return {"kind": told.kind, "count": told.count, "places": places}


def from_json(value: Any) -> Diagnostic:
    """Return what `to_json` was given; `ValueError` for what it never returns."""
    _TOLD.check(value, "a message")
    if "message" in value:
        return Notice(value["path"], value["message"], value["is_warning"])
    return SkippedRecords(value["kind"], value["count"], tuple(Place(*place) for place in value["places"]))


_PLACE = schema.RowField((schema.TextField(), schema.IntegerField(minimum=1), schema.IntegerField()))
_TOLD = schema.OneOfField(
    (
        schema.RecordField(
            {"path": schema.TextField(), "message": schema.TextField(), "is_warning": schema.FlagField()}
        ),
        schema.RecordField(
            {"kind": schema.TextField(), "count": schema.IntegerField(), "places": schema.ListField(_PLACE)}
        ),
    )
)


class BadRecord(Exception):  # noqa: N818 -- not yet an error: the reader decides
    """What is wrong with a record, and what to do."""


class BadFieldError(BadRecord):
    """What is wrong with a field of a record that could be read."""


class ReadDiagnostics:
    """The line a reader is at, and its losses; raises `InputError` where reading is to stop.

    line: the number of the next line, counted from 1 at the byte `offset` of the source.
    """

    def __init__(self, path: str, on_error: OnError, *, line: int = 1, offset: int = 0) -> None:
        self.path, self.on_error, self.line, self.offset = path, on_error, line, offset
        self._counts: dict[str, int] = {}
        self._places: dict[str, list[Place]] = {}

    @property
    def is_at_start(self) -> bool:
        """Whether nothing of the source has been read yet."""
        return self.line == 1 and self.offset == 0

    @property
    def skipped_records(self) -> list[SkippedRecords]:
        """What was left out or mended so far."""
        return [SkippedRecords(kind, self._counts[kind], tuple(places)) for kind, places in self._places.items()]

    def fail(self, what: str, hint: str) -> NoReturn:
        """Stop at the current line."""
        raise InputError(self.path, what, hint, line=self.line, offset=self.offset)

    def skip(self, kind: str) -> None:
        """Count the current line as left out or mended."""
        self._counts[kind] = self._counts.get(kind, 0) + 1
        places = self._places.setdefault(kind, [])
        if len(places) < MAX_EXAMPLES:
            places.append(Place(self.path, self.line, self.offset))

    def reject(self, kind: str, what: str, hint: str = FIX, *, is_read: bool = False) -> None:
        """Leave out the current record, or stop at it, as `on_error` says.

        is_read: whether it could be read, but has not the fields that are needed.
        """
        if self.on_error == "stop":
            self.fail(what, hint)
        cause = "field missing or of another type" if is_read else f"not valid {kind.upper()}"
        self.skip(f"records skipped: {cause}")
