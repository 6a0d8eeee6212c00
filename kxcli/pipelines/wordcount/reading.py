"""The reader of inputs for word counts."""

from typing import TYPE_CHECKING

from kxcli.pipelines import engines
from kxcli.pipelines.inputs import make_reader_spec
from kxcli.pipelines.session import Session

if TYPE_CHECKING:
    from kxcli.corpus.numbering import Numbering
    from kxcli.corpus.reader_spec import ReaderSpec, Unit
    from kxcli.mining import Counting

MODULES = ("kxcli.mining.wordcount.job", "kxcli.corpus.shards")  # that workers import
# Bytes of memory for a byte of a whole line: the peak above that of an empty run was 49 for a JSON line of 10 MB of
# "aaa..."; with --ngram 1-2 it was 59 for articles and 74 for "a a a ...".
_LINE_COST = 75


def make_count_spec(
    session: Session,
    counting: "Counting",
    by: tuple[str, ...],
    numbering: "Numbering | None" = None,
    *,
    takes_bytes: bool,
) -> "ReaderSpec":
    """Return how documents are read.

    Args:
        session: The options of the run.
        counting: The words.
        by: The fields of the group.
        numbering: Which documents have numbers.
        takes_bytes: Whether the words are cut by the kernel.
    """
    lines: Unit = "lines" if counting.ignores_document_borders and numbering != "line" else "document"
    return make_reader_spec(
        session.source,
        by=by,
        unit="bytes" if takes_bytes else lines,
        numbering=numbering,
        split_pattern=counting.safe_split_pattern,
        max_line=engines.get_max_line_bytes(session.run, _LINE_COST),
    )
