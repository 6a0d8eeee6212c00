"""Inputs that are texts, or tables of counts."""

import shlex
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from kxcli.corpus import count_tables, encodings, peeking
from kxcli.corpus.reader_spec import DEFAULT_FIELD
from kxcli.errors import UsageError
from kxcli.mining.wordcount.merging import CountSums
from kxcli.pipelines.checking import InputCheck, make_count_check, make_document_check
from kxcli.pipelines.inputs import find_sources
from kxcli.pipelines.session import Session
from kxcli.pipelines.settings import InputSettings
from kxcli.pipelines.wordcount import reading
from kxcli.pipelines.wordcount.group_columns import OLD_NAME, join_cells, name_group_columns
from kxcli.pipelines.wordcount.summing import parse_count, read_count_tables
from kxcli.suffixes import guess_record_format
from kxcli.wording import format_examples

if TYPE_CHECKING:
    from kxcli.corpus.diagnostics import Diagnostic
    from kxcli.corpus.sources import Source
    from kxcli.mining import Counting

_HINT = "give a table that kxcli wordcount wrote, or add --input-format text to count the words in it"
_CONSEQUENCE = "so rarer words count as absent"


class SideInputs(NamedTuple):
    """The inputs of one side.

    Attributes:
        texts: Those to count.
        tables: Those with counts.
        names: All, as messages name them.
    """

    texts: "list[Source]"
    tables: "list[Source]"
    names: list[str]


def find_inputs(session: Session, by: tuple[str, ...], stack: ExitStack) -> SideInputs:
    """Return the inputs by the options, and report the tables among them.

    Args:
        session: The options and the report of the run.
        by: The fields of the group.
        stack: Closes streams.
    """
    found = find_sources(session)
    inputs = SideInputs([], [], [source.path for source in found])
    for source in found:
        held, is_table = _detect_table(source, session.source, by, stack)
        (inputs.tables if is_table else inputs.texts).append(held)
    if inputs.tables and session.source.input_format != "counts":
        names = format_examples([source.path for source in inputs.tables])
        session.report.note(f"read as tables of counts: {names}; add --input-format text to count the words in them")
    return inputs


def _detect_table(
    source: "Source", given: InputSettings, by: tuple[str, ...], stack: ExitStack
) -> "tuple[Source, bool]":
    """Return an input that can still be read, and whether it is a table of counts."""
    if given.input_format in ("text", "counts"):
        return source, given.input_format == "counts"
    # Tables have columns of groups, too, but none of texts.
    fields = [given.field or DEFAULT_FIELD] if by or given.field is not None else []
    peeked = peeking.peek_source(source, encodings.resolve_encoding(given.encoding), stack)
    is_table = count_tables.looks_like_counts(peeked.head, fields)
    is_plain = peeked.kind == "text" and given.input_format is None and given.delimiter is None
    if not is_table and not by and given.field is not None and is_plain:
        _refuse_plain_text(source)
    return peeked.source, is_table


def make_side_check(
    session: Session, by: tuple[str, ...], counting: "Counting", references: tuple[str, ...]
) -> InputCheck:
    """Return the check of both sides.

    Args:
        session: The options and the report of the run.
        by: The fields of the group.
        counting: The words of texts.
        references: The inputs of the reference.
    """
    refuse_reading_stdin_twice(session.source.inputs, session.source.files_from, references)
    texts = make_document_check(session, reading.make_count_spec(session, counting, by, takes_bytes=False))
    reader = TableReader(session, CountSums(), counting.orders, name_group_columns(by))
    tables = make_count_check(reader.session, lambda _, row: reader.parse(row))

    def read(source: "Source", found: "list[Diagnostic]") -> Iterator[int]:
        with ExitStack() as stack:
            held, is_table = _detect_table(source, session.source, by, stack)
            yield from (tables if is_table else texts).read(held, found)

    return InputCheck(read, references)


def _refuse_plain_text(source: "Source") -> None:
    """Raise `UsageError` if no name shows the record format of an input."""
    if source.is_stdin or guess_record_format(source.path) is None:
        what = "--field reads records, but neither its name nor its content shows their format"
        path = "-" if source.is_stdin else shlex.quote(source.path)
        count = f"kxcli wordcount {path} -o counts.tsv"
        advice = f"if it is plain text, count it first (`{count}`), and give counts.tsv instead"
        raise UsageError(f"{source.path}: {what}; {advice}; else add --input-format jsonl, csv or tsv.")


class TableReader:
    """Adds the rows of tables of counts.

    Args:
        session: The options and the report of the run.
        sums: Receives the rows.
        groups: The columns of groups that are counted separately.
        orders: The smallest and largest n of the n-grams.

    Attributes:
        session: The options that describe tables; each has the format of its name or its first line.
    """

    def __init__(self, session: Session, sums: CountSums, orders: tuple[int, int], groups: tuple[str, ...]) -> None:
        self.session = session._replace(source=session.source._replace(input_format=None, field=None))
        self._sums, self._orders, self._groups = sums, orders, groups
        self._n_spaces = set[int]()

    def read(self, tables: "Iterable[Source]") -> None:
        """Add all rows."""
        read_count_tables(list(tables), self.session, self._add, _CONSEQUENCE)
        if self._orders[0] == self._orders[1] and len(self._n_spaces) > 1:
            lengths = f"{min(self._n_spaces) + 1}-{max(self._n_spaces) + 1}"
            self.session.report.warning(
                f"the tables have n-grams of several lengths; add --ngram {lengths} to compare each with its own length"
            )

    def _add(self, _source: "Source", row: count_tables.CountRow) -> int:
        group, word, count, order = self.parse(row)
        self._sums.add(group, word, count, order=order)
        return count

    def parse(self, row: count_tables.CountRow) -> tuple[str, str, int, int]:
        """Return the group, the word, its count and its n; raise `InputError`."""
        cells, position = row
        if "word" not in cells or "count" not in cells:
            position.fail(f"has the columns {', '.join(cells)}, not word and count", _HINT)
        group = join_cells(cells, self._choose_columns(row), position)
        count, word = parse_count(row, "count", _HINT), str(cells["word"])
        n_spaces = word.count(" ")
        self._n_spaces.add(n_spaces)
        order, maximum = self._orders
        if order < maximum:
            if not order <= n_spaces + 1 <= maximum:
                position.fail(f"has {word!r}, not an n-gram of --ngram {order}-{maximum}", "change --ngram")
            order = n_spaces + 1
        return group, word, count, order

    def _choose_columns(self, row: count_tables.CountRow) -> tuple[str, ...]:
        """Return the columns of a row's group.

        Earlier versions named a column of groups `group`, whatever its field.
        """
        cells, position = row
        missing = [name for name in self._groups if name not in cells]
        if not missing:
            return self._groups
        if len(self._groups) == 1 and OLD_NAME in cells:
            return (OLD_NAME,)
        return position.fail(
            f"has no column {missing[0]}", "--by needs a table that wordcount --by wrote with --header"
        )


def refuse_reading_stdin_twice(target: "Iterable[str]", lists: "Iterable[str]", reference: "Iterable[str]") -> None:
    """Raise `UsageError` if stdin is an input of both sides."""
    target, lists = list(target), list(lists)
    if "-" in reference and ("-" in target or "-" in lists or not (target or lists)):
        raise UsageError("stdin (-) can be read only once; give a file as target or as --reference.")
