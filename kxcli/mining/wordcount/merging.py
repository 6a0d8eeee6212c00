"""Sums of earlier outputs."""

from types import TracebackType

from kxcli.mining.wordcount.counts import Cell, Counts, Key, KeyLayout, WordCountPartial
from kxcli.tally import Tally
from kxcli.tally.scratch import RunFile, Scratch
from kxcli.tally.string_runs import encode_run

_ROW_BYTES = 256  # of a row: its word, its share of one or two dicts, and its counts
_CHARACTER_BYTES = 4  # additional, per character of the word


class CountSums:
    """Sums of rows by group and word.

    Args:
        scratch: Receives sums that exceed its memory limit as sorted runs; if None, all sums stay in memory.
    """

    def __init__(self, scratch: Scratch | None = None) -> None:
        self._scratch = scratch
        self._spool: RunFile | None = None
        self._layout = KeyLayout(is_grouped=True)
        self._totals: dict[Key, int] = {}
        self._sums: dict[str, tuple[dict[str, int], dict[str, int]]] = {}
        self._size = 0

    def add(self, group: str, word: str, count: int, documents: int) -> None:
        """Add one row."""
        words, document_counts = self._sums.setdefault(group, ({}, {}))
        before = words.get(word)
        if before is None:
            self._size += _ROW_BYTES + _CHARACTER_BYTES * len(word)
            before = 0
        words[word] = before + count
        if documents:
            document_counts[word] = document_counts.get(word, 0) + documents
        if self._scratch is not None and self._size >= self._scratch.room:
            self._spool = self._spool or self._scratch.open_run_file()
            held = self._drain()
            self._spool.add(encode_run(held.blocks()))
            for key, total in held.totals.items():
                self._totals[key] = self._totals.get(key, 0) + total

    def counts(self) -> Counts:
        """Return the sums."""
        runs = [] if self._spool is None else self._spool.map_runs()
        return self._drain(WordCountPartial(runs=runs, totals=self._totals))

    def __enter__(self) -> "CountSums":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._spool is not None:
            self._spool.close()

    def _drain(self, others: WordCountPartial | None = None) -> Counts:
        """Return the sums in memory and those of a partial, and clear the memory."""
        cells = {(group, 1): Cell(Tally(words), Tally(documents)) for group, (words, documents) in self._sums.items()}
        self._sums, self._size = {}, 0
        return Counts(self._layout, WordCountPartial(cells).merge(others or WordCountPartial()), None)
