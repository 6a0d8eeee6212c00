"""Numbers of documents, in the order of the input.

They are equal in every run. A reader does not know how many documents precede its own. So the number of a document is
that of its source, and within it a position: the first byte of the shard, or the number of lines before it, plus the
number of documents before it in the shard. It is unique, as each document has a byte of its own, its line end.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

from kxcli.corpus.diagnostics import ReadDiagnostics
from kxcli.corpus.documents import Document, TextBlock, TextRecord, count_text_lines
from kxcli.errors import InputError, UsageError

Numbering = Literal["line", "file"]

_POSITION_BITS = 41  # of a number; the 22 bits above are the number of the source
_MAX_POSITION = (1 << _POSITION_BITS) - 1
_MAX_SOURCES = 1 << 22


def number_documents(
    documents: Iterable[TextRecord], numbering: Numbering, diagnostics: ReadDiagnostics, source_number: int
) -> Iterator[TextRecord]:
    """Yield the documents of a shard with their numbers.

    Args:
        documents: The documents, in order.
        numbering: Whether each document has a number of its own, or all of a file have the same. In the second case,
            each file begins with an empty document, so that a file without documents has its number, too.
        diagnostics: Those of the shard before the first document is read.
        source_number: The number of the source.
    """
    base = source_number << _POSITION_BITS
    if numbering == "file" and diagnostics.is_at_start:
        yield Document("", document=base)
    position = diagnostics.offset + diagnostics.line - 1
    for document in documents:
        number = base + position if numbering == "line" else base
        if isinstance(document, TextBlock):
            document.document = number
            position += count_text_lines(document.data)
            yield document
        else:
            position += not document.has_continuation
            yield document._replace(document=number)
        if position > _MAX_POSITION:
            raise InputError(diagnostics.path, "is too large to number its documents", "split it")


def get_source_number(document: int) -> int:
    """Return the number of the source of a document."""
    return document >> _POSITION_BITS


def check_sources(n_sources: int) -> None:
    """Raise `UsageError` if there are too many sources to number their documents."""
    if n_sources > _MAX_SOURCES:
        raise UsageError(f"there are {n_sources:,} inputs, but only {_MAX_SOURCES:,} can be documents; join some.")
