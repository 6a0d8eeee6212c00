"""How the shards of sources become documents: formats, fields and limits."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from kxcli.corpus import encodings
from kxcli.corpus.diagnostics import OnError
from kxcli.corpus.numbering import Numbering

RecordKind = Literal["text", "jsonl", "array", "csv", "tsv", "parquet", "arrow"]
BINARY_KINDS: frozenset[str] = frozenset({"parquet", "arrow"})
# "records": the format of the name. "auto": the same, but text for CSV, TSV and other names. "sniffed": the same as
# "auto", but JSON for other names if the content begins with an object, or with an array of objects.
RequestedKind = RecordKind | Literal["records", "auto", "sniffed"]

Unit = Literal["document", "lines", "blocks", "bytes"]

DEFAULT_FIELD = "text"


class SourceFormat(NamedTuple):
    """The record format and the encoding of a source.

    Attributes:
        encoding: A codec's name.
        is_guessed: Whether the encoding was guessed by the start of the source.
        doubt: Why the guess may be wrong; "" without a doubt.
        is_sniffed: Whether the start of the source alone showed that it is JSON, not text.
    """

    kind: RecordKind
    encoding: str
    is_guessed: bool = False
    doubt: str = ""
    is_sniffed: bool = False

    @property
    def is_splittable(self) -> bool:
        """Whether its bytes may be split after any LF.

        CSV has LFs within quotes, UTF-16 has LF bytes within characters.
        """
        return self.kind in ("text", "jsonl") and encodings.is_line_safe(self.encoding)


@dataclass(frozen=True)
class ReaderSpec:
    """How the shards of every source become documents.

    Attributes:
        field: The field or column of the text.
        by: The fields or columns of the groups, and the parts of the path (`groups.PATH_PARTS`); none without groups.
        on_error: What to do with a bad record.
        unit: "document" for a document per record; "lines" if several lines of text may come as one document, for jobs
            that treat a line end like any other separator; "blocks" for the lines of text as `TextBlock`s of valid
            text; "bytes" for `TextBlock`s that may be bytes.
        split_pattern: Matches at the places where a long line may be split; None to keep documents whole.
        max_part: Characters without such a place after which a long line is split anyway; None for never.
        key: The field of a record's identifier.
        counts_lines: Whether documents have the number of lines without a document before them, such as further lines
            of a CSV record; those at the end come with an empty document that has a continuation.
        names_sources: Whether each input begins with an empty document that has its name and a continuation.
        added_fields: The fields that the output adds to each record; then documents have their record, and one with
            such a field is rejected.
        numbering: Whether documents have numbers: each its own ("line"), or all of a source the same ("file").
        joins_documents: Whether all documents of a source are one, with its path as the key.
        counts_documents: Whether the diagnostics of a task have the facts of its sources.
        delimiter: The delimiter of CSV and TSV, as in `Dialect`; None for that of the format.
        has_header: Whether the first row of CSV and TSV has the names of the columns; else they have numbers.
        max_line: Bytes of a line after which it is rejected, unless it is read in parts; None for no limit.
        given_paths: The paths in groups and keys, as the user named them, of inputs with other paths on a cluster.
    """

    field: str = DEFAULT_FIELD
    by: tuple[str, ...] = ()
    on_error: OnError = "stop"
    unit: Unit = "document"
    split_pattern: str | None = None
    max_part: int | None = None
    key: str | None = None
    counts_lines: bool = False
    names_sources: bool = False
    added_fields: tuple[str, ...] = ()
    numbering: Numbering | None = None
    joins_documents: bool = False
    counts_documents: bool = False
    delimiter: str | None = None
    has_header: bool = True
    max_line: int | None = dataclasses.field(default=None, compare=False)  # a run can be resumed with other memory
    given_paths: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def keeps_lines_whole(self) -> bool:
        """Whether long lines are read as one.

        A bad line can be skipped or repaired only as a whole.
        """
        return self.split_pattern is None or self.on_error != "stop"
