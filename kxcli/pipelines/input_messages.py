"""Messages about inputs, and their place in the summary of a run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from kxcli.corpus import sources
from kxcli.corpus.diagnostics import Diagnostic, Notice, SkippedRecords, SourceFacts, format_place
from kxcli.corpus.encoding_guess import name_encoding
from kxcli.report import Report
from kxcli.summary import RunSummary
from kxcli.wording import MAX_EXAMPLES, format_examples


def report_notice(notice: Notice, report: Report, n_inputs: int = 1) -> None:
    """Report a notice of equal inputs, and count their encoding."""
    message = f"{notice.path}: {notice.message}"
    if notice.is_warning:
        report.warning(message)
    if notice.encoding or notice.is_empty:
        name = name_encoding(notice.encoding) if notice.encoding else None
        report.record_encoding(name, message, n_inputs=n_inputs, has_warning=notice.is_warning)
    elif not notice.is_warning:
        report.note(message)


def report_diagnostics(diagnostics: Iterable[Diagnostic], report: Report, inputs: list[sources.Source]) -> None:
    """Report notices and skipped records in the order of the inputs."""
    order = {source.path: number for number, source in enumerate(inputs)}
    n_inputs = Counter(source.path for source in inputs)
    known = sources.index_by_path(inputs)
    diagnostics = [one for one in diagnostics if _get_paths(one) <= order.keys()]  # a checkpoint could name any file
    notices = {one for one in diagnostics if isinstance(one, Notice)}
    paths: dict[Notice, list[str]] = {}  # by the same notice for all of them
    for notice in sorted(notices, key=lambda notice: order[notice.path]):
        key = notice if notice.encoding or notice.is_warning else notice._replace(path="")
        paths.setdefault(key, []).append(notice.path)
    for notice, own in paths.items():
        report_notice(notice._replace(path=format_examples(own)), report, sum(n_inputs[path] for path in own))
    skipped = [one for one in diagnostics if isinstance(one, SkippedRecords)]
    for kind in sorted({records.kind for records in skipped}):
        same_kind = [records for records in skipped if records.kind == kind]
        places = sorted(
            {place for records in same_kind for place in records.places},
            key=lambda place: (order[place.path], place.offset, place.line),
        )
        examples = [format_place(place, known[place.path]) for place in places[:MAX_EXAMPLES]]
        report.record_skips(
            kind,
            sum(records.count for records in same_kind),
            examples,
            are_documents=True,
            is_repair=same_kind[0].is_repair,
        )


def summarize_inputs(
    diagnostics: Iterable[Diagnostic],
    summary: RunSummary,
    inputs: list[sources.Source],
    given_paths: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Add the inputs to the summary, with the facts known so far.

    Args:
        diagnostics: Those of their readers.
        summary: Receives the facts.
        inputs: The inputs.
        given_paths: The names of inputs as the user wrote them, where they differ.
    """
    for source in inputs:
        summary.add_input(given_paths.get(source.path, source.path), n_bytes=source.size or 0, n_inputs=1)
    known = {source.path for source in inputs}
    for facts in diagnostics:
        if isinstance(facts, SourceFacts) and facts.path in known:  # a checkpoint could name any file
            summary.add_input(**{**facts._asdict(), "path": given_paths.get(facts.path, facts.path)})


def _get_paths(diagnostic: Diagnostic) -> set[str]:
    if isinstance(diagnostic, SkippedRecords):
        return {place.path for place in diagnostic.places}
    return {diagnostic.path}
