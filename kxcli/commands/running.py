"""From shared options to a merged partial: what every command does between its options and its rows."""

from collections.abc import Iterable
from contextlib import closing
from typing import Any, Literal, TypeVar, cast

from kxcli.commands.options import Input, Run
from kxcli.corpus import encodings, sources
from kxcli.corpus.ledger import Choice, Loss, OnError, Told
from kxcli.corpus.records import DEFAULT_FIELD, Kind, Wanted
from kxcli.corpus.shards import Planner, TaskReader, located, with_line
from kxcli.errors import InputError
from kxcli.mapreduce import local
from kxcli.mapreduce.job import Job, Task
from kxcli.mapreduce.workspace import Workspace
from kxcli.report import Report

PartialT = TypeVar("PartialT")


def found_sources(given: Input) -> list[sources.Source]:
    """Return the inputs that the options name."""
    return sources.find(
        given.inputs, recursive=given.recursive, glob=given.glob, files_from=given.files_from, null=given.null
    )


def wanted(given: Input, *, by: str | None, unit: Literal["document", "lines"], cut: str | None) -> Wanted:
    """Return what is wanted of every input."""
    return Wanted(given.field or DEFAULT_FIELD, by, cast(OnError, given.on_error), unit, cut)


def record_format(given: Input, *, by: str | None) -> Kind | None:
    """Return the format that was named; text where no field was asked for; None: what each file's name tells."""
    if given.input_format is None and given.field is None and by is None:
        return "text"
    return cast(Kind | None, given.input_format)


def reduced(
    job: Job[Any, PartialT],
    shared: object,
    given: Input,
    run: Run,
    report: Report,
    *,
    what: Wanted,
    kind: Kind | None,
    preload: Iterable[str],
) -> PartialT | None:
    """Run the job over the inputs; None where there is no input at all.

    What was decided and left out is told in input order, the losses when all has been read.
    """
    encoding = encodings.check(given.encoding)
    found = found_sources(given)
    if not found:
        report.warning("there is no input: no file is named, or none in the folders matches")
    workers = run.jobs or local.available_cpus()
    total = sum(source.size or 0 for source in found) if all(source.size is not None for source in found) else None
    report.detail(f"{len(found)} inputs, {'a stream' if total is None else f'{total:,} bytes'}, {workers} workers")
    told: list[Told] = []
    with Workspace() as workspace, report.progress(total) as progress:

        def on_done(task: Task, news: list[Told]) -> None:
            told.extend(news)
            progress.advance(task.size)

        planner = Planner(what, kind, encoding, run.shard_size, workspace.folder, told.append)
        try:
            with closing(planner.tasks(found)) as tasks:
                partial = local.reduce(
                    TaskReader(what, encoding),
                    tasks,
                    job,
                    shared=shared,
                    workers=workers,
                    on_done=on_done,
                    preload=preload,
                )
        except InputError as error:
            raise with_line(error) from None
    _tell(told, report, {source.path: number for number, source in enumerate(found)})
    return partial


def _tell(told: list[Told], report: Report, order: dict[str, int]) -> None:
    """Tell choices and losses, in the order of the inputs and of their lines, whoever came upon them first."""
    for choice in sorted({t for t in told if isinstance(t, Choice)}, key=lambda choice: order[choice.path]):
        report.note(f"{choice.path}: {choice.message}")
    losses = [t for t in told if isinstance(t, Loss)]
    for kind in sorted({loss.kind for loss in losses}):
        of_kind = [loss for loss in losses if loss.kind == kind]
        places = sorted(
            {place for loss in of_kind for place in loss.places},
            key=lambda place: (order[place.path], place.offset, place.line),
        )
        shown = [located(place) for place in places[: report.EXAMPLES]]
        report.lost(kind, sum(loss.count for loss in of_kind), shown)
