"""`--check`: the encoding and the first bad line of each input."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from kxcli.corpus import encodings
from kxcli.corpus.count_tables import CountRow, read_count_rows
from kxcli.corpus.diagnostics import Diagnostic, Notice, SourceFacts, locate_error
from kxcli.corpus.named_inputs import BadSource
from kxcli.corpus.shards import TaskPlanner, TaskReader
from kxcli.corpus.tables.source_bytes import BINARY_FORMATS
from kxcli.errors import InputError, KxcliError
from kxcli.output.rows import RoundTripFloat
from kxcli.pipelines.input_messages import report_notice, summarize_inputs
from kxcli.pipelines.inputs import choose_format, find_sources
from kxcli.storage.workspace import Workspace
from kxcli.suffixes import guess_table_format

if TYPE_CHECKING:
    from kxcli.corpus.reader_spec import ReaderSpec, RequestedKind
    from kxcli.corpus.sources import Source
    from kxcli.pipelines.session import Session

_TASK_BYTES = 1 << 20
_DIGITS = 3  # of the confidence
_ANYWHERE = "(?s:.)"  # where a long line is split

# Reads an input, appends its diagnostics, and yields the sizes of its parts; raises the errors of a run.
ReadInput = Callable[["Source", list[Diagnostic]], Iterator[int]]


class InputCheck(NamedTuple):
    """How a command reads its inputs.

    Attributes:
        read: Reads one of them.
        others: The inputs of other options.
    """

    read: ReadInput
    others: tuple[str, ...] = ()


class CheckRow(NamedTuple):
    """What is known about an input.

    Attributes:
        confidence: That of the detected encoding; None if the encoding was given.
        bad_line: The number of the first bad line; None if there is none, or if the input as a whole is damaged.
        problem: What is wrong with the line, or with the input; "" if nothing is.
    """

    path: str
    encoding: str
    confidence: float | None
    bad_line: int | None
    problem: str


COLUMNS, TYPES = CheckRow._fields, {"confidence": float, "bad_line": int}


def make_document_check(session: "Session", spec: "ReaderSpec", kind: "RequestedKind | None" = None) -> InputCheck:
    """Return the check of documents.

    Args:
        session: The options and the report of the run.
        spec: How the run reads documents.
        kind: The requested format of all inputs; None for the one of the options.
    """
    spec = replace(
        spec,
        on_error="stop",
        unit="lines",
        split_pattern=None if spec.split_pattern is None else _ANYWHERE,
        counts_lines=False,
        names_sources=False,
        numbering=None,
        counts_documents=True,
    )
    requested = kind or choose_format(session.source, by=spec.by)
    encoding = encodings.resolve_encoding(session.source.encoding)
    read_task = TaskReader(spec, encoding)

    def read(source: "Source", found: list[Diagnostic]) -> Iterator[int]:
        with Workspace() as workspace:
            planner = TaskPlanner(spec, requested, encoding, _TASK_BYTES, workspace.make_folder, found.append)
            with closing(planner.iter_tasks([source])) as tasks:
                for task in tasks:
                    for _ in read_task(task, found):
                        pass
                    task.release()
                    yield task.size

    return InputCheck(read)


def make_count_check(
    session: "Session",
    check_row: "Callable[[Source, CountRow], object]",
    columns: tuple[str, ...] = ("word", "count"),
) -> InputCheck:
    """Return the check of tables of counts.

    Args:
        session: The options and the report of the run.
        check_row: Raises `InputError` for a bad row.
        columns: Those of a table without a header, as in `read_count_rows`.
    """
    given = session.source

    def read(source: "Source", found: list[Diagnostic]) -> Iterator[int]:
        encoding = encodings.resolve_encoding(given.encoding)
        for row in read_count_rows(
            source, given.input_format, encoding, default_columns=columns, known="count", report=found.append
        ):
            check_row(source, row)
        yield source.size or 0

    return InputCheck(read)


class InputChecker:
    """Reads inputs like runs that stop at the first bad line.

    Args:
        session: The options and the report of the run.
        read: Reads an input.

    Attributes:
        error: The first error of all inputs, except bad lines that --on-error skips or repairs.
    """

    def __init__(self, session: "Session", read: ReadInput) -> None:
        self._report, self._read = session.report, read
        self._encoding = encodings.resolve_encoding(session.source.encoding)
        self._is_stopped = session.source.on_error == "stop"
        self.error: InputError | None = None

    def check(self, sources: "list[Source]") -> Iterator[CheckRow]:
        """Yield a row for each input."""
        sizes = [source.size for source in sources]
        total = sum(size or 0 for size in sizes) if None not in sizes else None
        with self._report.progress(total) as progress:
            for source in sources:
                found: list[Diagnostic] = []
                error: InputError | None = None
                try:
                    if isinstance(source, BadSource) and source.error is not None:
                        raise source.error
                    for size in self._read(source, found):
                        progress.advance(size)
                except KxcliError as bad:
                    error = locate_error(_describe_error(bad, source.path))
                    if self._is_stopped or error.line is None:  # only lines and records are skipped
                        self.error = self.error or error
                yield self._make_row(source, found, error)

    def _make_row(self, source: "Source", found: list[Diagnostic], error: InputError | None) -> CheckRow:
        notices = [one for one in found if isinstance(one, Notice)]
        kinds = [one.kind for one in found if isinstance(one, SourceFacts) and one.kind]
        if not kinds and error is not None:
            kinds = [guess_table_format(source.path) or ""]
        is_text = not BINARY_FORMATS.intersection(kinds) and not isinstance(source, BadSource)
        for notice in notices:
            if notice.is_warning or not (notice.encoding or notice.is_empty):  # the rows have the encodings
                report_notice(notice._replace(encoding="", is_empty=False), self._report)
        encoding, confidence = self._encoding if is_text else "", None
        if encoding == encodings.AUTO:
            detected = [one for one in notices if one.encoding]
            encoding = detected[0].encoding if detected else ""
            confidence = RoundTripFloat(round(detected[0].confidence, _DIGITS)) if detected else None
        if self._report.summary is not None:
            self._report.summary.add_input(source.path, encoding=encoding)
            summarize_inputs(found, self._report.summary, [source])
        return CheckRow(source.path, encoding, confidence, error.line if error else None, error.what if error else "")


def _describe_error(error: KxcliError, path: str) -> InputError:
    """Return an error of any kind as the problem with an input."""
    if isinstance(error, InputError):
        return error
    what, _, hint = str(error).removeprefix(f"{path}: ").removesuffix(".").partition("; ")
    return InputError(path, what, hint)


def check_inputs(session: "Session", check: InputCheck) -> None:
    """Write a row for each input of a command.

    Args:
        session: The options and the report of the run.
        check: How the command reads them.

    Raises:
        InputError: The first error of all inputs, unless --on-error allows it.
    """
    given = session.source
    sources = find_sources(session, keeps_bad=True)
    if check.others:
        others = session._replace(source=given._replace(inputs=check.others, files_from=()))
        sources += find_sources(others, keeps_bad=True)
    checker = InputChecker(session, check.read)
    session.write_rows(checker.check(sources), COLUMNS, TYPES)
    if checker.error is not None:
        raise checker.error
