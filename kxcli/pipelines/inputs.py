"""The inputs of a run by the options, and how they are read."""

import os
from collections.abc import Sequence
from typing import Any, cast

from kxcli.corpus import sources
from kxcli.corpus.groups import list_fields
from kxcli.corpus.named_inputs import resolve_sources
from kxcli.corpus.reader_spec import DEFAULT_FIELD, ReaderSpec, RequestedKind, Unit
from kxcli.corpus.walking import FileFilter, SkippedFiles
from kxcli.errors import UsageError
from kxcli.output.conflicts import refuse_overwriting
from kxcli.pipelines.session import Session
from kxcli.pipelines.settings import InputSettings
from kxcli.storage.paths import get_file_ids
from kxcli.wording import format_examples


def find_sources(session: Session, *, keeps_bad: bool = False) -> list[sources.Source]:
    """Return the inputs by the options, and report the skipped files of folders.

    Args:
        session: The options and the report of the run.
        keeps_bad: As in `resolve_sources`.

    Raises:
        UsageError: The output is one of the inputs.
    """
    given, output, report = session.source, session.sink, session.report
    _check_checkpoint_folder(session)
    skips = SkippedFiles()
    found = resolve_sources(
        given.inputs,
        recursive=given.recursive,
        file_filter=FileFilter(given.glob, given.hidden, get_file_ids(output.written_paths)),
        files_from=given.files_from,
        null=given.null,
        skips=skips,
        keeps_bad=keeps_bad,
    )
    for path in output.matrix_paths or (output.output,):
        refuse_overwriting("-o", path, ("-" if source.is_stdin else source.path for source in found))
    if skips.hidden:
        report.note(f"skipped hidden and backup files: {format_examples(skips.hidden)}; add --hidden to read them")
    if skips.unfinished:
        report.note(f"skipped unfinished outputs: {format_examples(skips.unfinished)}")
    if skips.written:
        report.note(f"skipped outputs of this run: {format_examples(skips.written)}")
    if skips.unreadable:
        report.warning(f"skipped unreadable files: {format_examples(skips.unreadable)}")
    return found


def make_reader_spec(given: InputSettings, *, unit: Unit = "lines", **choices: Any) -> ReaderSpec:
    """Return how documents are read, by the options and more choices of `ReaderSpec`."""
    return ReaderSpec(
        given.field or DEFAULT_FIELD,
        on_error=given.on_error,
        unit=unit,
        delimiter=given.delimiter,
        has_header=given.header_in is not False,
        **choices,
    )


def choose_format(given: InputSettings, *, by: Sequence[str]) -> RequestedKind:
    """Return the requested format; records if an option describes them."""
    if given.input_format is not None:
        return cast(RequestedKind, given.input_format)
    is_described = any(option is not None for option in (given.field, given.delimiter, given.header_in))
    return "records" if is_described or list_fields(by) else "auto"


def _check_checkpoint_folder(session: Session) -> None:
    """Refuse a folder of --checkpoint in a walked folder, even before it has a file."""
    given, folder = session.source, session.run.checkpoint
    if folder is not None and given.recursive and not given.glob:
        target = os.path.join(os.path.realpath(folder), "")
        for name in given.inputs:
            if os.path.isdir(name) and target.startswith(os.path.join(os.path.realpath(name), "")):
                raise UsageError(f"{name}: has the folder of --checkpoint in it; move that folder out of the inputs.")
