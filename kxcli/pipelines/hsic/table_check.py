"""The check of tables by --check."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from kxcli.corpus.compression import HEAD_BYTES
from kxcli.corpus.peeking import peek_bytes
from kxcli.corpus.tables import parts
from kxcli.corpus.tables.source_bytes import BINARY_FORMATS
from kxcli.pipelines.checking import InputCheck, make_document_check
from kxcli.pipelines.hsic.inputs import make_table_reading
from kxcli.pipelines.inputs import make_reader_spec
from kxcli.pipelines.session import Session

if TYPE_CHECKING:
    from kxcli.corpus.diagnostics import Diagnostic
    from kxcli.corpus.sources import Source

_LINE = r"\n"  # splits nothing, so that any split pattern does


def make_table_check(session: Session, y_file: str | None, na_values: Iterable[str]) -> InputCheck:
    """Return the check of tables.

    The text of TSV, CSV and JSONL is read, but not its rows. Binary files are opened: their headers must be valid.

    Args:
        session: The options and the report of the run.
        y_file: The second table.
        na_values: The cells without a value.
    """
    text = make_document_check(session, make_reader_spec(session.source, split_pattern=_LINE), "text")

    def read(source: "Source", found: "list[Diagnostic]") -> Iterator[int]:
        reading = make_table_reading(session.source, na_values, found.append)
        with ExitStack() as stack:
            held, head = peek_bytes(source, HEAD_BYTES, stack)
            kind = parts.choose_format(source, head, replace(reading, report=lambda _: None)) if head else None
            if kind in BINARY_FORMATS:
                for _ in parts.open_parts([held], reading):
                    yield source.size or 0
            else:
                yield from text.read(held, found)

    return InputCheck(read, () if y_file is None else (y_file,))
