"""`--check`: the encoding and the first bad line of each input."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, NamedTuple

from kxcli.corpus import encodings
from kxcli.corpus.compression import HEAD_BYTES
from kxcli.corpus.diagnostics import Diagnostic, Notice, SourceFacts, locate_error
from kxcli.corpus.groups import list_fields
from kxcli.corpus.peeking import peek_bytes
from kxcli.corpus.shards import TaskPlanner, TaskReader
from kxcli.corpus.tables.source_bytes import BINARY_FORMATS, detect_table_format
from kxcli.errors import InputError
from kxcli.output.rows import RoundTripFloat
from kxcli.pipelines.input_messages import report_notice, summarize_inputs
from kxcli.pipelines.inputs import choose_format, find_sources, make_reader_spec
from kxcli.storage.workspace import Workspace

if TYPE_CHECKING:
    from kxcli.corpus.reader_spec import ReaderSpec, RequestedKind
    from kxcli.corpus.sources import Source
    from kxcli.pipelines.session import Session

_TASK_BYTES = 1 << 20
_DIGITS = 3  # of the confidence
_ANYWHERE = "(?s:.)"  # where a long line is split


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


class InputChecker:
    """Reads inputs like runs that stop at the first bad line.

    Args:
        session: The options and the report of the run.
        spec: How documents are read.
        kind: The requested format of all inputs.
        are_tables: Whether inputs are tables of `hsic`; then only their text is checked, not their rows.

    Attributes:
        error: The first error of all inputs.
    """

    def __init__(self, session: "Session", spec: "ReaderSpec", kind: "RequestedKind", *, are_tables: bool) -> None:
        self._report, self._spec, self._kind, self._are_tables = session.report, spec, kind, are_tables
        self._encoding = encodings.resolve_encoding(session.source.encoding)
        self.error: InputError | None = None

    def check(self, sources: "list[Source]") -> Iterator[CheckRow]:
        """Yield a row for each input."""
        sizes = [source.size for source in sources]
        total = sum(size or 0 for size in sizes) if None not in sizes else None
        with Workspace() as workspace, self._report.progress(total) as progress:
            for source in sources:
                found: list[Diagnostic] = []
                error: InputError | None = None
                is_text = True
                try:
                    with ExitStack() as stack:
                        if self._are_tables:
                            source, head = peek_bytes(source, HEAD_BYTES, stack)
                            is_text = detect_table_format(head) not in BINARY_FORMATS
                        if is_text:
                            for size in self._read(source, found, workspace):
                                progress.advance(size)
                except InputError as bad:
                    error = locate_error(bad)
                    self.error = self.error or error
                yield self._make_row(source, found, error, is_text=is_text)

    def _read(self, source: "Source", found: list[Diagnostic], workspace: Workspace) -> Iterator[int]:
        """Yield the sizes of tasks that have been read."""
        planner = TaskPlanner(self._spec, self._kind, self._encoding, _TASK_BYTES, workspace.make_folder, found.append)
        read = TaskReader(self._spec, self._encoding)
        with closing(planner.iter_tasks([source])) as tasks:
            for task in tasks:
                for _ in read(task, found):
                    pass
                task.release()
                yield task.size

    def _make_row(
        self, source: "Source", found: list[Diagnostic], error: InputError | None, *, is_text: bool
    ) -> CheckRow:
        notices = [one for one in found if isinstance(one, Notice)]
        facts = [one for one in found if isinstance(one, SourceFacts)]
        is_text = is_text and not any(one.kind in BINARY_FORMATS for one in facts)
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


def check_inputs(session: "Session", options: "Mapping[str, Any]") -> None:
    """Write a row for each input of a command.

    Args:
        session: The options and the report of the run.
        options: All options of the command.

    Raises:
        InputError: The first error of all inputs, unless --on-error allows it.
    """
    given = session.source
    is_linking, are_tables = "kb" in options, "kernel_x" in options
    spec = make_reader_spec(
        given._replace(on_error="stop"),
        by=list_fields(name for names in options.get("by") or () for name in names),
        split_pattern=_ANYWHERE,
        key="text_id" if is_linking else None,
        counts_documents=True,
    )
    kind: RequestedKind = choose_format(given, by=spec.by)
    if are_tables or given.input_format == "counts" or options.get("merge"):
        kind = "text"
    elif is_linking and kind == "auto":
        kind = "sniffed"
    sources = find_sources(session)
    if references := options.get("reference"):
        others = session._replace(source=given._replace(inputs=references, files_from=()))
        sources += find_sources(others)
    checker = InputChecker(session, spec, kind, are_tables=are_tables)
    session.write_rows(checker.check(sources), COLUMNS, TYPES)
    if checker.error is not None and given.on_error == "stop":
        raise checker.error
