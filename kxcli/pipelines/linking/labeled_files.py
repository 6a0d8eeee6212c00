"""Files of labeled texts, with a report of skips."""

import os
from collections.abc import Iterator

from kxcli.corpus.diagnostics import OnError, SkippedRecords, format_place
from kxcli.corpus.labeled_texts import MISSED, REPEATED, SKIPPED, LabeledRecord, read_labeled_texts
from kxcli.report import Report

UNKNOWN_ID = "labeled mentions whose kb_id the knowledge base does not have"


def read_labeled_file(
    path: str, on_error: OnError, report: Report, misplaced: str = SKIPPED
) -> Iterator[LabeledRecord]:
    """Yield the labeled texts of a file; report skips at the end.

    Args:
        path: JSON Lines, compressed or not.
        on_error: Whether a bad line ends the run.
        report: Gets the skips.
        misplaced: How mentions are reported that are not at their offset.
    """

    def record(skips: SkippedRecords) -> None:
        are_documents = skips.kind not in (MISSED, REPEATED, SKIPPED)
        report.record_skips(
            skips.kind,
            skips.count,
            map(format_place, skips.places),
            are_documents=are_documents,
            is_repair=skips.is_repair,
        )

    n_documents = 0
    try:
        for text in read_labeled_texts(path, on_error, record, misplaced):
            n_documents += 1
            yield text
    finally:
        if report.summary is not None:
            size = os.path.getsize(path) if os.path.isfile(path) else 0
            report.summary.add_input(path, encoding="utf-8", kind="jsonl", n_bytes=size, n_documents=n_documents)
