"""Tokens as text, rows or records."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from kxcli.mining.segmenting.job import AddTokensJob, JoinJob
from kxcli.mining.segmenting.splitting import Segmenting, TokenColumns
from kxcli.output.rows import RowFormat, escape_tsv, quote_csv

_NUMBER = "\udcff"  # encoded as the placeholder of `kxcli.mining.rendered_lines`; texts have no lone surrogates

TYPES: dict[str, type] = {"document": int, "offset": int}  # of columns of numbers


class TokenOutput(NamedTuple):
    """How the tokens are written.

    Attributes:
        format: Text or JSON, a line for each document, or TSV or CSV, a row for each token.
        delimiter: Separates tokens in text.
        tag_delimiter: Separates a token and its tag in text; None for no tags.
        has_offsets: Whether rows have the positions of tokens.
    """

    format: RowFormat
    delimiter: str
    tag_delimiter: str | None
    has_offsets: bool

    @property
    def has_tags(self) -> bool:
        """Whether the tokens have tags."""
        return self.tag_delimiter is not None

    @property
    def added_fields(self) -> tuple[str, ...]:
        """The fields that are added to records."""
        return ("tokens", "pos")[: 1 + self.has_tags] if self.format == "jsonl" else ()

    @property
    def modules(self) -> list[str]:
        """The modules that each worker imports."""
        name = "job" if self.format in ("text", "jsonl") else "rows_job"
        return [f"kxcli.mining.segmenting.{name}", "kxcli.corpus.shards"]

    def make_job(self, segmenting: Segmenting) -> Any:
        """Return the job for these tokens."""
        if self.format == "text":
            return JoinJob(segmenting, self.delimiter, self.tag_delimiter)
        if self.format == "jsonl":
            return AddTokensJob(segmenting, self.has_tags)
        from kxcli.mining.segmenting.rows_job import TokenRowsJob

        return TokenRowsJob(segmenting, self._make_renderer(), self.has_tags, self.has_offsets)

    def write(self, partials: Iterable[Any]) -> Iterator[bytes]:
        """Yield the output of the partials of the job, in the order of the input."""
        if self.format in ("text", "jsonl"):
            return chain.from_iterable(partials)
        from kxcli.mining.rendered_lines import fill_placeholders

        return fill_placeholders(partials)

    @property
    def columns(self) -> list[str]:
        """The names of the columns of rows."""
        return ["document", *["offset"] * self.has_offsets, "token", *["pos"] * self.has_tags]

    def _make_renderer(self) -> Callable[[TokenColumns], bytes]:
        mark, escape, special = ("\t", escape_tsv, "\t\n\r") if self.format == "tsv" else (",", quote_csv, ',"\n\r')
        return partial(_render_rows, mark=mark, escape=escape, special=special)


def _render_rows(columns: TokenColumns, mark: str, escape: Callable[[str], str], special: str) -> bytes:
    """Return a row for each token, with a placeholder for the number of the document."""
    words, offsets, tags = columns
    if not words:
        return b""
    joined = "".join(words)
    if any(character in joined for character in special):
        words = [escape(word) for word in words]
    if offsets:
        words = [f"{offset}{mark}{word}" for offset, word in zip(offsets, words, strict=True)]
    if tags:
        words = [f"{word}{mark}{escape(tag)}" for word, tag in zip(words, tags, strict=True)]
    start = _NUMBER + mark
    return (start + f"\n{start}".join(words) + "\n").encode("utf-8", "surrogateescape")
