"""Evaluation of links: texts with gold mentions -> counts and mistakes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields

import numpy as np

from kxcli.batching import CACHE_BATCH, iter_batches
from kxcli.corpus.diagnostics import OnError
from kxcli.corpus.labeled_texts import MISSED, Label, LabeledRecord
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.linker import NIL, Mention
from kxcli.mining.linking.metrics import (
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
from kxcli.pipelines.linking.labeled_files import UNKNOWN_ID, read_labeled_file
from kxcli.pipelines.settings import OutputSettings
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
_TYPES: dict[str, type] = dict.fromkeys(COLUMNS[1:], float) | {field.name: int for field in fields(EvaluationCounts)}
TOTAL = "total"
_UNTYPED = ("mention_linked", "mention_precision", "mention_f1")  # a mention that is linked to NIL has no type
_NO_ID = "labeled mentions without a kb_id (no link is right)"
_CONTEXT = 20  # characters shown on each side of a mistake
_SEPARATOR = " | "


class EntryLookup:
    """Looks up names and ids in a knowledge base, by tables made at once."""

    def __init__(self, base: KnowledgeBase) -> None:
        self._base = base
        self._numbers = {key: number for number, key in enumerate(base.ids.to_list())}
        self._n_entries: dict[str, int] = dict(
            zip(base.names.to_list(), np.diff(base.name_entry_starts).tolist(), strict=True)
        )
        self._types = base.types.to_list()

    def count_entries(self, name: str) -> int:
        """Return the number of entries with a name."""
        return self._n_entries.get(fold(name).strip(" "), 0)

    def get_types(self, key: str) -> Sequence[str]:
        """Return the types of the entry with an id, none if there is no such entry."""
        number = self._numbers.get(key)
        if number is None:
            return ()
        start, stop = self._base.entry_type_starts[number : number + 2].tolist()
        return tuple(self._types[kind] for kind in self._base.entry_types[start:stop].tolist())

    def get_subject(self, key: str) -> str | None:
        """Return the subject of the entry with an id, None if there is no such entry."""
        number = self._numbers.get(key)
        return None if number is None else self._base.subjects[number]


def evaluate_file(
    link: Link,
    gold_path: str,
    lookup: EntryLookup,
    *,
    on_error: OnError,
    report: Report,
    errors_path: str | None = None,
    batch_size: int = CACHE_BATCH,
) -> EvaluationTally:
    """Link the texts of a file and compare the links to its labels.

    Every line is a text of its own, even if several have one text_id.

    Args:
        link: Links a list of texts.
        gold_path: JSON Lines with labels.
        lookup: The knowledge base.
        on_error: Whether a bad line ends the run.
        report: Gets the skipped records, and labels that no link can match.
        errors_path: The file for a list of mistakes, which appears when it is complete.
        batch_size: Characters linked at a time.

    Raises:
        InputError: The gold file cannot be read.
        OutputError: The file of mistakes cannot be written.
    """
    tally = EvaluationTally()

    def iter_rows() -> Iterator[list[Cell]]:
        texts = read_labeled_file(gold_path, on_error, report, MISSED)
        with report.progress(None, "evaluating", " texts") as progress:
            for batch in iter_batches(texts, lambda text: len(text.text) + 1, batch_size):
                for text, linked in zip(batch, link([one.text for one in batch]), strict=True):
                    gold = _make_gold(text, lookup, gold_path, report)
                    tally.add(gold, linked, lookup.get_types)
                    if errors_path is not None:
                        for mistake in find_mistakes(gold, linked):
                            yield _make_row(mistake, text, lookup)
                progress.advance(len(batch))
        report.check_skips()

    if errors_path is None:
        for _ in iter_rows():
            pass
    else:
        blocks = output_rows.encode_rows(iter_rows(), ERROR_COLUMNS, "tsv", header=True)
        sink.write(blocks, errors_path, option="--errors")
    if not tally.total.mention_gold:
        report.warning(f"{gold_path}: has no labeled mention, so there is nothing to find")
    return tally


def encode_evaluation(tally: EvaluationTally, output: OutputSettings) -> Iterator[bytes]:
    """Yield blocks of rows: one for all mentions, then one for each type.

    Types with most gold mentions come first. There is a header by default.

    Ratios have 4 decimals in TSV and CSV, and all digits in other formats; a ratio with the denominator 0 is empty, or
    null.
    """
    header = output.header is not False and not output.has_numbers
    counts = [(TOTAL, tally.total, ()), *((name, own, _UNTYPED) for name, own in tally.rank_types())]
    table = ([name, *_make_cells(own, omitted, output.has_numbers)] for name, own, omitted in counts)
    return output_rows.encode_rows(table, COLUMNS, output.format, header=header, types=_TYPES)


def _make_cells(counts: EvaluationCounts, omitted: Sequence[str], has_numbers: bool) -> Iterator[Cell]:
    for name in COLUMNS[1:]:
        value = None if name in omitted else counts.get(name)
        yield f"{value:.4f}" if isinstance(value, float) and not has_numbers else value


def _make_gold(text: LabeledRecord, lookup: EntryLookup, path: str, report: Report) -> list[GoldMention]:
    """Return the gold mentions of a text; report labels that no link can match."""
    labels: list[Label] = [*text.misplaced, *(Label(mention.ids, mention.has_id) for mention in text.mentions)]
    for label in labels:
        if not label.has_id:
            report.record_skips(_NO_ID, 1, [f"{path}:{text.line}"])
        elif label.ids and all(lookup.get_subject(key) is None for key in label.ids):
            report.record_skips(UNKNOWN_ID, 1, [f"{path}:{text.line}"])
    return [
        *(GoldMention(-1, -1, label.ids, label.has_id) for label in text.misplaced),
        *(
            GoldMention(*mention, lookup.count_entries(text.text[mention.start : mention.stop]))
            for mention in text.mentions
        ),
    ]


def _make_row(mistake: LinkMistake, text: LabeledRecord, lookup: EntryLookup) -> list[Cell]:
    start, stop = mistake.span
    right, linked, source = mistake.gold, mistake.linked, text.text
    row: list[Cell] = [text.text_id, start, source[start:stop], mistake.kind]
    if right is None:
        row += [None, None]
    else:
        row += [NIL if right.is_nil else _SEPARATOR.join(right.ids)]
        row += [_SEPARATOR.join(lookup.get_subject(key) or "" for key in right.ids)]
    if linked is None:
        row += [None] * 5
    else:
        row += [linked.entry, lookup.get_subject(linked.entry), source[linked.start : linked.stop], linked.score]
        row += [find_right_rank(right, linked) if right is not None else None]
        start, stop = min(start, linked.start), max(stop, linked.stop)
    before, after = source[max(0, start - _CONTEXT) : start], source[stop : stop + _CONTEXT]
    first, last = "…" * (start > _CONTEXT), "…" * (stop + _CONTEXT < len(source))
    return [*row, f"{first}{before}{source[start:stop]}{after}{last}"]
