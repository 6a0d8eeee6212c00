"""Files of labeled texts, with a report of skips."""

from collections.abc import Iterator

from kxcli.corpus.diagnostics import OnError, SkippedRecords, format_place
from kxcli.corpus.labeled_texts import SKIPPED, LabeledRecord, read_labeled_texts
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
        report.record_skips(skips.kind, skips.count, map(format_place, skips.places))

    return read_labeled_texts(path, on_error, record, misplaced)
