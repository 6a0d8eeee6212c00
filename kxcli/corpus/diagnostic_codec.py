"""Diagnostics as JSON values, for checkpoints."""

from typing import Any

from kxcli import schema
from kxcli.corpus.diagnostics import Diagnostic, Notice, Place, SkippedRecords, SourceFacts

_PLACE = schema.RowField((schema.TextField(), schema.IntegerField(minimum=1), schema.IntegerField()))
_DIAGNOSTIC = schema.OneOfField(
    (
        schema.RecordField(
            {
                "path": schema.TextField(),
                "message": schema.TextField(),
                "is_warning": schema.FlagField(),
                "encoding": schema.TextField(),
                "confidence": schema.NumberField(0, 1),
                "is_empty": schema.FlagField(),
            }
        ),
        schema.RecordField(
            {
                "kind": schema.TextField(),
                "count": schema.IntegerField(),
                "places": schema.ListField(_PLACE),
                "is_repair": schema.FlagField(),
            }
        ),
        schema.RecordField(
            {
                "path": schema.TextField(),
                "encoding": schema.TextField(),
                "kind": schema.TextField(),
                "n_documents": schema.IntegerField(),
                "n_bytes": schema.IntegerField(),
            }
        ),
    )
)


def to_json(diagnostic: Diagnostic) -> Any:
    """Return a diagnostic as a JSON value."""
    if isinstance(diagnostic, (Notice, SourceFacts)):
        return diagnostic._asdict()
    places = [[place.path, place.line, place.offset] for place in diagnostic.places]
    return {**diagnostic._asdict(), "places": places}


def from_json(value: Any) -> Diagnostic:
    """Return the diagnostic of a JSON value; raise `ValueError` if it has none."""
    _DIAGNOSTIC.check(value, "a message")
    if "message" in value:
        return Notice(**value)
    if "n_documents" in value:
        return SourceFacts(**value)
    return SkippedRecords(**{**value, "places": tuple(Place(*place) for place in value["places"])})
