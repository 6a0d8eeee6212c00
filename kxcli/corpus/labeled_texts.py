"""Texts with labeled mentions, as in the CCKS 2019 task: JSONL -> records."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from kxcli.corpus.compression import Stream
from kxcli.corpus.decoding import Decoder
from kxcli.corpus.diagnostics import BadRecord, OnError, ReadDiagnostics, SkippedRecords
from kxcli.corpus.knowledge import NIL
from kxcli.corpus.row_reader import check_unicode, number_lines, parse_lines, parse_object
from kxcli.corpus.sources import Source
from kxcli.urls import get_display_name

KeyT = TypeVar("KeyT")

SKIPPED = "labeled mentions skipped (the text at the offset differs)"
MISSED = "labeled mentions counted as missed (the text at the offset differs)"
REPEATED = "labels skipped (the same line labels the same mention again)"
_SHAPE = "give JSON objects with text_id, text and mention_data"


class Label(NamedTuple):
    """The meaning of a mention.

    Any of `ids` is right. Without ids, `has_id` says whether the mention is labeled as NIL (no entry) or has no label.
    """

    ids: tuple[str, ...]
    has_id: bool


class LabeledSpan(NamedTuple):
    """A mention from `start` up to `stop`, with the fields of a `Label`."""

    start: int
    stop: int
    ids: tuple[str, ...]
    has_id: bool


class LabeledRecord(NamedTuple):
    """A text with labels.

    Attributes:
        line: Its line in the file.
        text_id: Its id, or the number of its line.
        text: The text.
        mentions: Its mentions, sorted by start and stop, each span once.
        misplaced: The labels of mentions that are not at their offset.
    """

    line: int
    text_id: str
    text: str
    mentions: tuple[LabeledSpan, ...]
    misplaced: tuple[Label, ...]


def read_labeled_texts(
    path: str, on_error: OnError, report: Callable[[SkippedRecords], None], misplaced: str = SKIPPED
) -> Iterator[LabeledRecord]:
    """Yield the records of a JSONL file in UTF-8, compressed or not.

    A record has `text` and maybe `text_id` and `mention_data`. The latter is a list of objects with `mention`, `offset`
    (in characters, as a number or digits), `kb_id` and maybe `all_ids`, if several ids are right. If a mention has
    several labels, the last one that is not NIL counts. All ids that begin with `NIL_` are NIL.

    Args:
        path: The file.
        on_error: What is done with a bad record.
        report: Called with the skipped records and labels at the end.
        misplaced: How a mention that is not at its offset is reported, `SKIPPED` or `MISSED`.

    Raises:
        InputError: For a bad record, with its line, if `on_error` is "stop".
    """
    diagnostics = ReadDiagnostics(get_display_name(path), on_error)
    with Source(path).open() as file:
        decoder = Decoder("utf-8", diagnostics, is_fixed=True)
        lines = number_lines(decoder.read_lines(Stream(file, get_display_name(path))), diagnostics)
        for _, text in parse_lines(lines, lambda line: _parse_text(line, diagnostics, misplaced), diagnostics):
            yield text
    for skipped in diagnostics.skipped_records:
        report(skipped)


def _parse_text(line: str, diagnostics: ReadDiagnostics, kind: str) -> LabeledRecord:
    value = parse_object(line)
    if "text" not in value:
        raise BadRecord("has no field 'text'", _SHAPE)
    text, key, items = value["text"], value.get("text_id"), value.get("mention_data")
    if not isinstance(text, str):
        raise BadRecord("has no string in the field 'text'", _SHAPE)
    if key is not None and type(key) not in (str, int):
        raise BadRecord("has neither a string nor a whole number in the field 'text_id'")
    if items is not None and not isinstance(items, list):
        raise BadRecord("has no list in the field 'mention_data'", _SHAPE)
    text_id = str(diagnostics.line if key is None else key)
    placed, misplaced = _place_labels(items or [], text, diagnostics, kind)
    if "\\u" in line:
        check_unicode(text, text_id, *(key for label in (*placed.values(), *misplaced) for key in label.ids))
    mentions = tuple(LabeledSpan(start, stop, *label) for (start, stop), label in sorted(placed.items()))
    return LabeledRecord(diagnostics.line, text_id, text, mentions, tuple(misplaced))


def _place_labels(
    items: list[Any], text: str, diagnostics: ReadDiagnostics, kind: str
) -> tuple[dict[tuple[int, int], Label], list[Label]]:
    """Return the labels of spans, and the labels with wrong offsets."""
    placed: dict[tuple[int, int], Label] = {}
    elsewhere: dict[tuple[int, str], Label] = {}
    nowhere = list[Label]()
    for item in items:
        fields = item if isinstance(item, dict) else {}
        mention, start, label = fields.get("mention"), _parse_offset(fields.get("offset")), _parse_label(fields)
        if not isinstance(mention, str) or start is None:
            diagnostics.skip(kind)
            nowhere.append(label)
        elif mention and start >= 0 and text.startswith(mention, start):
            _add_label(placed, (start, start + len(mention)), label, diagnostics)
        else:
            diagnostics.skip(kind)
            _add_label(elsewhere, (start, mention), label, diagnostics)
    return placed, [*elsewhere.values(), *nowhere]


def _add_label(labels: dict[KeyT, Label], key: KeyT, label: Label, diagnostics: ReadDiagnostics) -> None:
    is_new = key not in labels
    if not is_new:
        diagnostics.skip(REPEATED)
    if is_new or label.ids or not label.has_id:
        labels[key] = label


def _parse_offset(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        with suppress(ValueError):
            return int(value)
    return value if type(value) is int else None


def _parse_label(fields: dict[str, Any]) -> Label:
    if _is_nil(fields.get("kb_id")):
        return Label((), has_id=True)
    several = fields.get("all_ids") or fields.get("kb_id")
    ids = dict.fromkeys(map(_parse_id, several if isinstance(several, list) else [several]))
    found = tuple(key for key in ids if key and not _is_nil(key))
    return Label(found, has_id=bool(found))


def _is_nil(value: Any) -> bool:
    """Return whether an id means no entry: `NIL`, or with a type, `NIL_Person`."""
    return isinstance(value, str) and (value == NIL or value.startswith(f"{NIL}_"))


def _parse_id(value: Any) -> str:
    """Return an id as a knowledge base's reader gives it."""
    return str(value) if type(value) in (str, int) else ""
