"""The steps of all commands, from the check of options to the end of the report."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kxcli.commands.command import Command
from kxcli.commands.option_rules import check_rules
from kxcli.commands.output_checks import check_output_names
from kxcli.pipelines.settings import InputSettings, OutputSettings, RunSettings
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.corpus.records import ReaderSpec, RequestedKind
    from kxcli.output.rows import Cell
    from kxcli.pipelines.corpus_run import Corpus
    from kxcli.pipelines.engines import TaskRunner

SettingsT = TypeVar("SettingsT")


@dataclass(frozen=True)
class Session:
    """One run of a command: its settings, its report, its inputs and its output."""

    source: InputSettings
    sink: OutputSettings
    run: RunSettings
    report: Report

    @property
    def has_header(self) -> bool:
        """Whether the output begins with the column names."""
        return self.sink.format == "csv" if self.sink.header is None else self.sink.header

    def write(self, blocks: Iterable[bytes]) -> None:
        """Write blocks of lines to the output."""
        from kxcli.output import sink

        sink.write(blocks, self.sink.output)

    def write_rows(self, rows: "Iterable[Sequence[Cell]]", columns: Sequence[str]) -> None:
        """Write rows to the output in its format."""
        from kxcli.output.rows import encode_rows

        self.write(encode_rows(rows, columns, self.sink.format, header=self.has_header))

    def open_corpus(
        self, preload: Iterable[str], spec: "ReaderSpec | None" = None, kind: "RequestedKind | None" = None
    ) -> "AbstractContextManager[Corpus]":
        """Start the workers and open the inputs, until the block ends.

        Args:
            preload: Modules that each worker imports.
            spec: How to read the inputs; by default several lines at a time.
            kind: The format of records; by default the one of the options.
        """
        from kxcli.pipelines import corpus_run

        spec = spec or corpus_run.make_reader_spec(self.source)
        return corpus_run.open_corpus(
            self.source,
            self.run,
            self.report,
            spec=spec,
            kind=kind or corpus_run.choose_format(self.source, by=spec.by),
            preload=preload,
            output=self.sink,
        )

    @contextmanager
    def start_tasks(self, preload: Iterable[str]) -> "Iterator[TaskRunner]":
        """Start the workers until the block ends, for jobs that read no input."""
        from kxcli.pipelines import engines
        from kxcli.storage.workspace import Workspace

        with Workspace() as workspace, engines.start_engine(self.run, self.report, preload, workspace) as engine:
            yield engines.TaskRunner(engine, self.report)


@contextmanager
def open_session(ctx: click.Context, *, reads_inputs: bool = True) -> Iterator[Session]:
    """Check the options; at the end of the block, report the skipped records.

    If the input is a terminal, show the help and exit.

    Args:
        ctx: The context of the command, with its options.
        reads_inputs: Whether the run reads INPUT, or stdin if there is none.
    """
    source = _pick_settings(InputSettings, ctx.params)
    if reads_inputs and not source.inputs and not source.files_from and sys.stdin is not None and sys.stdin.isatty():
        click.echo(ctx.get_help())
        ctx.exit()
    assert isinstance(ctx.command, Command)
    check_rules(ctx, ctx.command.rules)
    check_output_names(ctx)
    run = _pick_settings(RunSettings, ctx.params)
    report = ctx.find_object(Report) or Report()
    report.quiet, report.verbose = run.quiet, run.verbose
    output = _pick_settings(OutputSettings, ctx.params)

    from kxcli.output import sink

    if output.output_dir is None:
        sink.check(output.output)
    yield Session(source, output, run, report)
    report.close()


def _pick_settings(kind: type[SettingsT], options: Mapping[str, Any]) -> SettingsT:
    """Return a dataclass of those options that are its fields."""
    return kind(**{field.name: options[field.name] for field in fields(kind) if field.name in options})  # type: ignore[arg-type]
