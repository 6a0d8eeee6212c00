"""A linker, and texts with gold mentions -> how well it links, and what went wrong."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast

import numpy as np

from kxcli.corpus.diagnostics import OnError, SkippedRecords
from kxcli.corpus.labeled_texts import MISSED, Label, LabeledRecord, read_labeled_texts
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.linker import NIL, Mention
from kxcli.mining.linking.scoring import (
    EvaluationCounts,
    EvaluationTally,
    GoldMention,
    LinkMistake,
    find_mistakes,
    find_right_rank,
)
from kxcli.mining.text.folding import fold
from kxcli.output import rows as output_rows
from kxcli.output import sink
from kxcli.output.rows import Cell
from kxcli.report import Report

Link = Callable[[Sequence[str]], Sequence[Sequence[Mention]]]

COLUMNS = (
    *("type", "gold", "linked", "right", "precision", "recall", "f1"),
    *("found", "accuracy", "covered", "candidate_recall"),
    *("ambiguous", "ambiguous_found", "ambiguous_right", "ambiguous_accuracy", "ambiguous_accuracy_found"),
    *("mention_gold", "mention_linked", "mention_right", "mention_precision", "mention_recall", "mention_f1"),
)
ERROR_COLUMNS = (
    *("text_id", "offset", "mention", "kind", "right_id", "right_subject"),
    *("linked_id", "linked_subject", "linked_mention", "score", "right_rank", "context"),
)
TOTAL = "total"
_UNTYPED = ("mention_linked", "mention_precision", "mention_f1")  # a mention that is linked to NIL has no type
_UNKNOWN = "labeled mentions whose kb_id the knowledge base does not have"
_UNTOLD = "labeled mentions without a kb_id, to which no link is right"
_NEAR = 20  # characters told on each side of what went wrong
_TOGETHER = 1 << 20  # characters of texts linked at a time
_SEVERAL = " | "


@dataclass(frozen=True)
class EntryLookup:
    """What a knowledge base tells of names and ids.

    n_entries: how many entries have a name.  types, subject: of the entry with an id; () and None where there is none.
    """

    n_entries: Callable[[str], int]
    types: Callable[[str], Sequence[str]]
    subject: Callable[[str], str | None]


def look_up_entries(base: KnowledgeBase) -> EntryLookup:
    """Return what a knowledge base tells, by tables that are made at once."""
    numbers = {base.ids[number]: number for number in range(len(base.ids))}
    sizes = np.diff(base.name_entry_starts).tolist()
    n_entries = {base.names[number]: size for number, size in enumerate(sizes)}
    kinds = [base.types[number] for number in range(len(base.types))]

    @cache
    def types(key: str) -> tuple[str, ...]:
        number = numbers.get(key)
        if number is None:
            return ()
        start, stop = base.entry_type_starts[number : number + 2].tolist()
        return tuple(kinds[kind] for kind in base.entry_types[start:stop].tolist())

    def subject(key: str) -> str | None:
        number = numbers.get(key)
        return None if number is None else base.subjects[number]

    return EntryLookup(lambda name: n_entries.get(fold(name).strip(" "), 0), types, subject)


def check(errors_path: str) -> None:
    """Raise at once where the file of errors could not be written in the end."""
    sink.check(errors_path, option="--errors")


def evaluate(
    link: Link, gold_path: str, known: EntryLookup, *, on_error: str, report: Report, errors_path: str | None = None
) -> EvaluationTally:
    """Link the texts of a file, and return how well that fits its labels; `errors_path` gets what does not.

    Every line is a text of its own, also where several have one text_id.  The file of errors appears when it is whole.
    Raises `InputError` for gold that cannot be read, `OutputError` where the errors cannot be written.
    """
    tally = EvaluationTally()

    def tell(loss: SkippedRecords) -> None:
        report.record_skips(loss.kind, loss.count, [f"{place.path}:{place.line}" for place in loss.places])

    def rows() -> Iterator[list[Cell]]:
        with report.progress(None, "evaluating", " texts") as progress:
            for part in _together(read_labeled_texts(gold_path, cast(OnError, on_error), tell, MISSED)):
                for text, linked in zip(part, link([one.text for one in part]), strict=True):
                    gold = _gold(text, known, gold_path, report)
                    tally.add(gold, linked, known.types)
                    if errors_path is not None:
                        for error in find_mistakes(gold, linked):
                            yield _row(error, text, known)
                progress.advance(len(part))

    if errors_path is None:
        for _ in rows():
            pass
    else:
        blocks = output_rows.encode_rows(rows(), ERROR_COLUMNS, "tsv", header=True)
        sink.write(blocks, errors_path, option="--errors")
    if not tally.total.mention_gold:
        report.warning(f"{gold_path}: has no labeled mention, so there is nothing to find")
    return tally


def rows(tally: EvaluationTally, form: Literal["tsv", "jsonl"], *, header: bool = True) -> Iterator[bytes]:
    """Yield blocks of UTF-8: a row of all mentions, then one for each type, the one with most gold mentions first.

    Ratios have 4 decimals in TSV, all they have in JSONL; one that has nothing to divide by is empty, or null.
    """
    wanted = [(TOTAL, tally.total, ()), *((name, counts, _UNTYPED) for name, counts in tally.ordered)]
    table = ([name, *_cells(counts, left_out, form)] for name, counts, left_out in wanted)
    return output_rows.encode_rows(table, COLUMNS, form, header=header and form == "tsv")


def _cells(counts: EvaluationCounts, left_out: Sequence[str], form: str) -> Iterator[Cell]:
    for name in COLUMNS[1:]:
        value: int | float | None = None if name in left_out else getattr(counts, name)
        yield f"{value:.4f}" if form == "tsv" and isinstance(value, float) else value


def _together(texts: Iterable[LabeledRecord]) -> Iterator[list[LabeledRecord]]:
    held, size = list[LabeledRecord](), 0
    for text in texts:
        held.append(text)
        size += len(text.text)
        if size >= _TOGETHER:
            yield held
            held, size = [], 0
    if held:
        yield held


def _gold(text: LabeledRecord, known: EntryLookup, path: str, report: Report) -> list[GoldMention]:
    labels: list[Label] = [*text.misplaced, *(Label(mention.ids, mention.has_id) for mention in text.mentions)]
    for label in labels:
        if not label.has_id:
            report.record_skips(_UNTOLD, 1, [f"{path}:{text.line}"])
        elif label.ids and all(known.subject(key) is None for key in label.ids):
            report.record_skips(_UNKNOWN, 1, [f"{path}:{text.line}"])
    return [
        *(GoldMention(-1, -1, label.ids, label.has_id) for label in text.misplaced),
        *(GoldMention(*mention, known.n_entries(text.text[mention.start : mention.stop])) for mention in text.mentions),
    ]


def _row(error: LinkMistake, text: LabeledRecord, known: EntryLookup) -> list[Cell]:
    start, stop = error.span
    right, linked, source = error.gold, error.linked, text.text
    row: list[Cell] = [text.text_id, start, source[start:stop], error.kind]
    if right is None:
        row += [None, None]
    else:
        row += [NIL if right.is_nil else _SEVERAL.join(right.ids)]
        row += [_SEVERAL.join(known.subject(key) or "" for key in right.ids)]
    if linked is None:
        row += [None] * 5
    else:
        row += [linked.entry, known.subject(linked.entry), source[linked.start : linked.stop], linked.score]
        row += [find_right_rank(right, linked) if right is not None else None]
        start, stop = min(start, linked.start), max(stop, linked.stop)
    before, after = source[max(0, start - _NEAR) : start], source[stop : stop + _NEAR]
    return [*row, f"{'…' * (start > _NEAR)}{before}{source[start:stop]}{after}{'…' * (stop + _NEAR < len(source))}"]
