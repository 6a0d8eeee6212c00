"""Sources -> one table -> blocks of rows: numbers where all cells of a group are numbers, else texts."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO, Literal, NamedTuple, NoReturn

import numpy as np

from kxcli.corpus.columns import arrays, delimited, objects
from kxcli.corpus.columns.cells import Numbers, Texts, is_missing, is_number, shortened, texts, value
from kxcli.corpus.columns.chunks import Chunk, LineNumbers, Part
from kxcli.corpus.compression import Stream
from kxcli.corpus.ledger import Ledger, OnError, Told
from kxcli.corpus.records import shown
from kxcli.corpus.remote import bare
from kxcli.corpus.shards import found_format, kind_by_name
from kxcli.corpus.sources import Source
from kxcli.errors import InputError, UsageError

TableKind = Literal["tsv", "csv", "jsonl", "npy"]

HEAD = 1_000  # complete rows that settle what is a number
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
_MEND = "mend it, or write NA for a missing value"


@dataclass(frozen=True)
class Reading:
    """How tables are read.

    kind: of every source; None: each by its name, TSV where that tells none.  encoding: a codec's name or `auto`.
    header: whether the first row of TSV and CSV is one; None: unless each of its cells is a number or missing.
    tell: is told at once what is found out about a source, and what was left out when its end has come.
    """

    kind: TableKind | None
    encoding: str
    header: bool | None
    on_error: OnError
    tell: Callable[[Told], None]


@dataclass(frozen=True)
class Group:
    """Columns, numbered from 0, that make one vector.

    is_number: what their cells have to be; None: numbers if those of the first complete rows are, else texts.
    hint: what to do about a cell that is no number.
    """

    columns: tuple[int, ...]
    is_number: bool | None
    hint: str = ""


class Block(NamedTuple):
    """Rows of one source: for each group a matrix of numbers, a row each, or a list of texts for each column.

    A missing cell is NaN, or None.  lines: where each row begins, from 1; the row's number in an array.
    """

    groups: list[Numbers | Texts]
    path: str
    lines: LineNumbers


class Table:
    """Some sources as one table, open; `path` is that of the first with rows, or with a header."""

    def __init__(self, parts: Iterator[Part], first: Part, blank: Sequence[Part]) -> None:
        self.names, self.width, self.path = first.names, first.width or 1, first.path
        self._parts = chain(blank, [first], parts)

    def blocks(self, groups: Sequence[Group]) -> Iterator[Block]:
        """Yield the rows in order, once; there is at least one block, and all have the same types.

        A block is of one source; the first holds the rows that settled the types, as far as they are of that one.
        Raises `InputError` for a cell that is not what its group's have to be.
        """
        columns = list(dict.fromkeys(column for group in groups for column in group.columns))
        chunks = (
            (part.path, chunk)
            for part in self._parts
            if part.width == self.width or self.width == 1
            for chunk in part.chunks(columns)
            if len(chunk.lines)
        )
        held, kinds = _settled(chunks, groups, columns)
        maker = _Maker(self, groups, kinds)
        yield from _merged([maker.block(path, chunk) for path, chunk in held]) or [maker.empty()]
        held.clear()
        for path, chunk in chunks:
            yield maker.block(path, chunk)

    def called(self, column: int) -> str:
        """Return what messages call a column."""
        return f"the column {self.names[column]!r}" if self.names else f"the column {column + 1}"


@contextmanager
def opened(sources: Sequence[Source], reading: Reading) -> Iterator[Table]:
    """Open some sources as one table; each is open only while it is read.

    Raises `InputError` where there is no row at all, and later where a source has other columns than the first.
    """
    if not sources:
        raise UsageError("there is no input.")
    with closing(_parts(sources, reading)) as parts:
        try:
            blank: list[Part] = []
            for part in parts:
                if part.width is not None:
                    yield Table(parts, part, blank)
                    return
                blank.append(part)
            if not blank:
                raise InputError(sources[0].path, "is empty", "give a table with rows")
            yield Table(iter(()), blank[0], blank[1:])
        except InputError as error:
            parts.throw(error)  # the source that is open reports whether it was changed, so that it looks damaged
            raise


def _parts(sources: Iterable[Source], reading: Reading) -> Generator[Part]:
    """Yield the sources that are not empty, each open until the next; the first ones' columns are the others'."""
    first: Part | None = None
    headed: Part | None = None  # the first of those that may have a header
    for source in sources:
        ledger = Ledger(source.path, reading.on_error)
        with source.open() as file:
            part = _read(source, file, reading, first.names if first else (), ledger)
            if part is not None:
                if part.width is not None:
                    first = first or part
                    headed = headed or (part if part.has_header is not None else None)
                    _compare(part, first, headed, reading)
                yield part
        for loss in ledger.losses:
            reading.tell(loss)


def _read(source: Source, file: BinaryIO, reading: Reading, names: tuple[str, ...], ledger: Ledger) -> Part | None:
    kind = reading.kind or _kind(source)
    if kind == "npy":
        return arrays.read(source, file, ledger)
    stream = Stream(file, source.path)
    form = found_format(kind, reading.encoding, source.path, stream.peek, reading.tell)
    if kind == "jsonl":
        return objects.read(stream, form, names, ledger)
    return delimited.read(stream, form, kind, reading.header, ledger)


def _kind(source: Source) -> TableKind:
    if source.is_stdin:
        return "tsv"
    stem = bare(source.path).lower()
    for suffix in _COMPRESSED:
        stem = stem.removesuffix(suffix)
    if stem.endswith(".npy"):
        return "npy"
    found = kind_by_name(source.path)
    return "tsv" if found is None or found == "text" else found


def _compare(part: Part, first: Part, headed: Part | None, reading: Reading) -> None:
    """Raise `InputError` where a source's columns are not those of the first."""
    if reading.header is None and headed and part.has_header is not None and part.has_header != headed.has_header:
        has, had = ("a header", "none") if part.has_header else ("no header", "one")
        what = f"seems to have {has}, where {headed.path} has {had}"
        raise InputError(part.path, what, "use --header-in or --no-header-in", line=1)
    if part.width != first.width:
        what = f"has {part.width} column{'s' * (part.width != 1)} where {first.path} has {first.width}"
        raise InputError(part.path, what, "give tables with the same columns", line=1)
    if first.names and part.names and part.names != first.names:
        what = f"has the columns {shown(part.names)} where {first.path} has {shown(first.names)}"
        raise InputError(part.path, what, "give tables with the same columns", line=1)


def _settled(
    chunks: Iterator[tuple[str, Chunk]], groups: Sequence[Group], columns: Sequence[int]
) -> tuple[list[tuple[str, Chunk]], list[bool]]:
    """Return the chunks up to the last of the first complete rows, and for each group whether it is numbers.

    Without a complete row, every cell counts.
    """
    held: list[tuple[str, Chunk]] = []
    complete = 0
    texts_in: set[int] = set()
    for path, chunk in chunks:
        held.append((path, chunk))
        if chunk.is_numeric and (numbers := chunk.numbers(columns)) is not None:
            complete += int((~np.isnan(numbers).any(axis=1)).sum())
            if complete >= HEAD:
                break
            continue
        for row in zip(*chunk.cells(columns), strict=True):
            if not any(map(is_missing, row)):
                complete += 1
                texts_in.update(column for column, cell in zip(columns, row, strict=True) if not is_number(cell))
                if complete == HEAD:
                    break
        if complete == HEAD:
            break
    if not complete:
        for chunk in (chunk for _, chunk in held if not chunk.is_numeric):
            for column, cells in zip(columns, chunk.cells(columns), strict=True):
                if not all(is_missing(cell) or is_number(cell) for cell in cells):
                    texts_in.add(column)
    return held, [texts_in.isdisjoint(g.columns) if g.is_number is None else g.is_number for g in groups]


def _merged(blocks: Sequence[Block]) -> list[Block]:
    """Join the blocks of each source."""
    merged: list[list[Block]] = []
    for block in blocks:
        if merged and merged[-1][0].path == block.path and merged[-1][-1].lines[-1] < block.lines[0]:
            merged[-1].append(block)
        else:
            merged.append([block])
    return [_joined(same) if len(same) > 1 else same[0] for same in merged]


def _joined(blocks: Sequence[Block]) -> Block:
    groups: list[Numbers | Texts] = []
    for same in zip(*(block.groups for block in blocks), strict=True):
        if isinstance(same[0], np.ndarray):
            groups.append(np.concatenate(same))
        else:
            groups.append([list(chain(*columns)) for columns in zip(*same, strict=True)])
    return Block(groups, blocks[0].path, np.concatenate([block.lines for block in blocks]))


class _Maker:
    """Makes blocks of chunks; `kinds` says which groups are numbers."""

    def __init__(self, table: Table, groups: Sequence[Group], kinds: Sequence[bool]) -> None:
        self._table, self._groups, self._kinds = table, groups, kinds
        self._numbers, self._texts = (
            list(dict.fromkeys(c for g, is_ in zip(groups, kinds, strict=True) if is_ is kind for c in g.columns))
            for kind in (True, False)
        )
        place = {column: at for at, column in enumerate(self._numbers)}
        self._at = [
            [place[column] for column in group.columns] if is_numbers else []
            for group, is_numbers in zip(groups, kinds, strict=True)
        ]

    def block(self, path: str, chunk: Chunk) -> Block:
        matrix = np.empty((len(chunk.lines), 0))
        if self._numbers:
            found = chunk.numbers(self._numbers)
            if found is None or np.isinf(found).any():
                self._blame(path, chunk)
            matrix = found
        columns = dict(zip(self._texts, map(texts, chunk.cells(self._texts) if self._texts else []), strict=True))
        groups: list[Numbers | Texts] = []
        for group, is_numbers, at in zip(self._groups, self._kinds, self._at, strict=True):
            if is_numbers:
                groups.append(matrix if at == [*range(matrix.shape[1])] else np.ascontiguousarray(matrix[:, at]))
            else:
                groups.append([columns[column] for column in group.columns])
        return Block(groups, path, chunk.lines)

    def empty(self) -> Block:
        groups: list[Numbers | Texts] = [
            np.empty((0, len(group.columns))) if is_numbers else [[] for _ in group.columns]
            for group, is_numbers in zip(self._groups, self._kinds, strict=True)
        ]
        return Block(groups, self._table.path, np.empty(0, np.int64))

    def _blame(self, path: str, chunk: Chunk) -> NoReturn:
        """Raise `InputError` for the first cell that is no finite number."""
        hints = {
            column: group.hint
            for group, is_numbers in zip(reversed(self._groups), reversed(self._kinds), strict=True)
            if is_numbers
            for column in group.columns
        }
        for line, *row in zip(chunk.lines.tolist(), *chunk.cells(self._numbers), strict=True):
            for column, cell in zip(self._numbers, row, strict=True):
                if is_missing(cell):
                    continue
                where = f"in {self._table.called(column)}"
                if not is_number(cell):
                    what = f"{shortened(cell)!r} {where} is not a number"
                    raise InputError(path, what, hints[column] or _MEND, line=line)
                if np.isinf(value(cell)):
                    what = f"{shortened(cell.strip())} {where} is no finite number"
                    raise InputError(path, what, _MEND, line=line)
        raise AssertionError("a chunk that is no numbers has a cell that is none")
