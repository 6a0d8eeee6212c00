"""Sums of earlier outputs."""

from types import TracebackType

from kxcli.mining.wordcount.counts import Counts, Key, KeyLayout, WordCountPartial
from kxcli.tally.scratch import RunFile, Scratch
from kxcli.tally.string_runs import DOCUMENT_SHIFT, encode_sums

_ROW_BYTES = 256  # of a row: its key, its share of a dict, and its number
_CHARACTER_BYTES = 4  # additional, per character of the key
_BY_GROUP = KeyLayout(is_grouped=True)


class CountSums:
    """Sums of rows by group and word.

    Args:
        scratch: Receives sums that exceed its memory limit as sorted runs; if None, all sums stay in memory.
        layout: The keys of the sums.
    """

    def __init__(self, scratch: Scratch | None = None, layout: KeyLayout = _BY_GROUP) -> None:
        self._scratch = scratch
        self._spool: RunFile | None = None
        self._layout, self._is_plain = layout, not (layout.is_grouped or layout.has_orders)
        self._totals: dict[Key, int] = {}
        self._sums: dict[str, int] = {}
        self._size = 0

    def add(self, group: str, word: str, count: int, documents: int = 0, order: int = 1) -> None:
        """Add one row."""
        # Printable words have no character that keys escape.
        key = word if self._is_plain and word.isprintable() else self._layout.keys(group, order, [word])[0]
        before = self._sums.get(key)
        if before is None:
            self._size += _ROW_BYTES + _CHARACTER_BYTES * len(key)
            before = 0
        self._sums[key] = before + (count | documents << DOCUMENT_SHIFT)
        self._totals[group, order] = self._totals.get((group, order), 0) + count
        if self._scratch is not None and self._size >= self._scratch.room:
            self._spool = self._spool or self._scratch.open_run_file()
            self._spool.add(encode_sums(self._sums))
            self._sums, self._size = {}, 0

    def counts(self) -> Counts:
        """Return the sums."""
        runs: list[bytes | memoryview] = [] if self._spool is None else [*self._spool.map_runs()]
        runs.append(b"".join(encode_sums(self._sums)))
        return Counts(self._layout, WordCountPartial(None, runs, self._totals))

    def __enter__(self) -> "CountSums":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._spool is not None:
            self._spool.close()
