"""The background of new words: texts, or tables of counts."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kxcli.corpus import count_tables, encodings, peeking
from kxcli.errors import UsageError
from kxcli.mining.newwords.background import BackgroundCounts
from kxcli.mining.newwords.text_form import TextForm
from kxcli.pipelines.checking import InputCheck, make_count_check, make_document_check
from kxcli.pipelines.inputs import find_sources
from kxcli.pipelines.keyness.inputs import refuse_reading_stdin_twice
from kxcli.pipelines.session import Session
from kxcli.pipelines.settings import InputSettings
from kxcli.pipelines.wordcount.summing import parse_count, read_count_tables
from kxcli.wording import format_examples

if TYPE_CHECKING:
    from kxcli.corpus.count_tables import CountRow
    from kxcli.corpus.diagnostics import Diagnostic
    from kxcli.corpus.reader_spec import ReaderSpec
    from kxcli.corpus.sources import Source

_HINT = "give a table that kxcli newwords --all or kxcli wordcount wrote, or add --input-format text to read its text"


class BackgroundInputs(NamedTuple):
    """The inputs of the background: texts or tables.

    Attributes:
        texts: Those to search.
        tables: Those with counts.
    """

    texts: "list[Source]"
    tables: "list[Source]"


def find_background(session: Session, paths: Sequence[str], stack: ExitStack) -> BackgroundInputs:
    """Return the inputs of the background by their content, and report the tables.

    Args:
        session: The options and the report of the run.
        paths: Files, URLs or folders; none without a background.
        stack: Closes streams.

    Raises:
        UsageError: There are texts and tables, or stdin is read twice.
    """
    given = session.source
    refuse_reading_stdin_twice(given.inputs, given.files_from, paths)
    inputs = BackgroundInputs([], [])
    if not paths:
        return inputs
    userdicts = []
    for source in find_sources(session._replace(source=given._replace(inputs=tuple(paths), files_from=()))):
        held, is_table, is_userdict = _detect_table(source, given, stack)
        (inputs.tables if is_table else inputs.texts).append(held)
        userdicts += [source.path] if is_userdict else []
    if userdicts:
        names = format_examples(userdicts)
        session.report.warning(f"read as text, though each line is a word and a number: {names}; separate them by tabs")
    if inputs.tables:
        names = format_examples([source.path for source in inputs.tables])
        if inputs.texts:
            raise UsageError(f"--background: {names}: is a table of counts, and others are texts; give one kind.")
        session.report.note(f"read as tables of counts: {names}; add --input-format text to read them as texts")
    return inputs


def _detect_table(source: "Source", given: InputSettings, stack: ExitStack) -> "tuple[Source, bool, bool]":
    """Return an input that can still be read, and its kind.

    The kind is whether it is a table of counts, and whether it is a user dictionary.
    """
    if given.input_format == "text":
        return source, False, False
    fields = [] if given.field is None else [given.field]
    held, head, _ = peeking.peek_source(source, encodings.resolve_encoding(given.encoding), stack)
    is_table = count_tables.looks_like_counts(head, fields) or count_tables.looks_like_lexicon(head)
    return held, is_table, not is_table and count_tables.looks_like_userdict(head)


def read_counts(session: Session, tables: "Iterable[Source]", words: Sequence[str], form: TextForm) -> BackgroundCounts:
    """Return the counts of words in tables, and the characters of all words in them.

    Memory grows with `words` alone.

    Args:
        session: The options and the report of the run.
        tables: The tables.
        words: The words.
        form: The form that the words of the tables are converted to.
    """
    numbers = {word: number for number, word in enumerate(words)}
    counts, total = np.zeros(len(words), dtype=np.int64), 0

    def add_row(_source: "Source", row: "CountRow") -> int:
        nonlocal total
        word, count = _parse_row(row)
        word = form.convert(word)
        total += count * len(word)
        if (number := numbers.get(word)) is not None:
            counts[number] += count
        return count

    read_count_tables(list(tables), _as_tables(session), add_row, "", default_columns=count_tables.LEXICON_COLUMNS)
    return BackgroundCounts(counts, total, are_occurrences=False)


def make_lexicon_check(session: Session, spec: "ReaderSpec", background: tuple[str, ...]) -> InputCheck:
    """Return the check of the inputs and of the background.

    Args:
        session: The options and the report of the run.
        spec: How the run reads texts.
        background: The inputs of the background.
    """
    given = session.source
    refuse_reading_stdin_twice(given.inputs, given.files_from, background)
    texts = make_document_check(session, spec)
    tables = make_count_check(_as_tables(session), lambda _, row: _parse_row(row), count_tables.LEXICON_COLUMNS)
    folders = tuple(os.path.join(path, "") for path in background)

    def read(source: "Source", found: "list[Diagnostic]") -> Iterator[int]:
        with ExitStack() as stack:
            held, is_table = source, False
            if source.path in background or source.path.startswith(folders):
                held, is_table, _ = _detect_table(source, given, stack)
            yield from (tables if is_table else texts).read(held, found)

    return InputCheck(read, background)


def _as_tables(session: Session) -> Session:
    """Return the options for tables.

    Each has the format of its name or its first line.
    """
    return session._replace(source=session.source._replace(input_format=None, field=None))


def _parse_row(row: "CountRow") -> tuple[str, int]:
    """Return the word and its count."""
    cells, position = row
    if "word" not in cells or "count" not in cells:
        position.fail(f"has the columns {', '.join(cells)}, not word and count", _HINT)
    return str(cells["word"]), parse_count(row, "count", _HINT)
