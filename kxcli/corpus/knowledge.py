"""Knowledge bases in files: JSONL or TSV -> entries."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from kxcli.corpus.compression import Stream
from kxcli.corpus.decoding import Decoder
from kxcli.corpus.ledger import BadRecord, Ledger, Loss, OnError
from kxcli.corpus.lines import runs
from kxcli.corpus.records import is_unicode, object_of, reject
from kxcli.corpus.remote import shown
from kxcli.corpus.sources import Source

REPEATED = "entries left out whose subject_id an earlier one has"
NIL = "NIL"  # the id of what no entry is meant by
_IS_NIL = f"has the id {NIL}, which stands for no entry"
_HINT = "mend the line, or use --on-error skip"


class Described(NamedTuple):
    """An entry, and the line that it begins in; `facts` are predicates with their objects."""

    line: int
    id: str
    subject: str
    aliases: list[str]
    types: list[str]
    facts: list[tuple[str, str]]


def entries(path: str, on_error: OnError, tell: Callable[[Loss], None]) -> Iterator[Described]:
    """Yield the entries of a file in UTF-8, compressed or not, each id once; what was left out is told in the end.

    JSONL, where the first character that is no white space is `{`, has objects with `subject_id` and maybe `subject`,
    `alias`, `type` and `data` (predicate and object).  TSV has a name, an id and maybe a description; an id may stand
    on several lines, with a name each, the first of which is its subject.
    Raises `InputError`, with the line, for what is neither, unless `on_error` leaves it out.
    """
    ledger = Ledger(shown(path), on_error)
    with Source(path).open() as file:
        lines = _lines(Stream(file, shown(path)), ledger)
        first = next(lines, None)
        if first is not None:
            rest = _chained(first, lines)
            yield from _from_json(rest, ledger) if first.lstrip().startswith("{") else _from_tsv(rest, ledger)
    for loss in ledger.losses:
        tell(loss)


def _lines(stream: Stream, ledger: Ledger) -> Iterator[str]:
    decoder = Decoder("utf-8", ledger, is_fixed=True)
    for run in runs(stream, keep_lines_whole=True):
        for line in decoder.lines(run.data):
            if line and not line.isspace():
                yield line


def _chained(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _from_json(lines: Iterable[str], ledger: Ledger) -> Iterator[Described]:
    seen = set[str]()
    for line in lines:
        try:
            entry = _entry(line, ledger.line)
        except BadRecord as bad:
            reject(ledger, "jsonl", bad, _HINT)
            continue
        if entry.id in seen:
            ledger.lose(REPEATED)
            continue
        seen.add(entry.id)
        yield entry


def _entry(line: str, number: int) -> Described:
    value = object_of(line)
    key = _string(value.get("subject_id"))
    if not key:
        raise BadRecord("has no subject_id")
    if key == NIL:
        raise BadRecord(_IS_NIL)
    facts = [
        (_string(fact.get("predicate")), _string(fact.get("object")))
        for fact in _listed(value.get("data"))
        if isinstance(fact, dict)
    ]
    subject, aliases, types = _string(value.get("subject")), _listed(value.get("alias")), _listed(value.get("type"))
    entry = Described(number, key, subject, [*map(_string, aliases)], [*map(_string, types)], facts)
    if "\\u" in line:  # half a surrogate pair gets in by an escape alone
        strings = [key, subject, *entry.aliases, *entry.types, *[text for fact in facts for text in fact]]
        if not is_unicode("".join(strings)):
            raise BadRecord("has half a surrogate pair in a string, which is no character")
    return entry


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return ""
    return json.dumps(value, ensure_ascii=False)


def _from_tsv(lines: Iterable[str], ledger: Ledger) -> Iterator[Described]:
    found: dict[str, Described] = {}
    for line in lines:
        name, *others = line.split("\t", 2)
        key = others[0].strip() if others else ""
        if not key:
            what = "has no tab and id after a name"
            reject(ledger, "tsv", BadRecord(what, "give TSV of names, ids and maybe descriptions, or JSONL"), _HINT)
            continue
        if key == NIL:
            reject(ledger, "tsv", BadRecord(_IS_NIL), _HINT)
            continue
        entry = found.get(key)
        if entry is None:
            entry = found[key] = Described(ledger.line, key, name, [], [], [])
        else:
            entry.aliases.append(name)
        if len(others) > 1 and others[1]:
            entry.facts.append(("", others[1]))
    yield from found.values()
