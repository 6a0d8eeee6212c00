"""Tokens as text, rows or records."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any, Literal, NamedTuple

from kxcli.mining.segmenting.job import AddTokensJob, JoinJob
from kxcli.mining.segmenting.splitting import Segmenting, Token
from kxcli.output.rows import escape_tsv, quote_csv

TokenFormat = Literal["text", "tsv", "csv", "jsonl"]


class TokenOutput(NamedTuple):
    """How the tokens are written.

    Attributes:
        format: A line of tokens or a record for each document, or a row for each token.
        delimiter: Separates tokens in text.
        tag_delimiter: Separates a token and its tag in text; None for no tags.
        has_offsets: Whether rows have the positions of tokens.
    """

    format: TokenFormat
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

    def make_header(self) -> bytes:
        """Return the row of column names."""
        columns = ["document", *["offset"] * self.has_offsets, "token", *["pos"] * self.has_tags]
        return (("\t" if self.format == "tsv" else ",").join(columns) + "\n").encode("ascii")

    def _make_renderer(self) -> Callable[[Iterable[Token]], bytes]:
        render = _render_tsv if self.format == "tsv" else _render_csv
        return partial(render, has_offsets=self.has_offsets, has_tags=self.has_tags)


def _render_tsv(tokens: Iterable[Token], *, has_offsets: bool, has_tags: bool) -> bytes:
    return _render_rows(tokens, "\t", escape_tsv, has_offsets=has_offsets, has_tags=has_tags)


def _render_csv(tokens: Iterable[Token], *, has_offsets: bool, has_tags: bool) -> bytes:
    return _render_rows(tokens, ",", quote_csv, has_offsets=has_offsets, has_tags=has_tags)


def _render_rows(
    tokens: Iterable[Token], mark: str, escape: Callable[[str], str], *, has_offsets: bool, has_tags: bool
) -> bytes:
    from kxcli.mining.rendered_lines import NUMBER

    rows = list[str]()
    for word, offset, tag in tokens:
        start = f"{mark}{offset}{mark}" if has_offsets else mark
        rows.append(f"{start}{escape(word)}{mark}{tag}\n" if has_tags else f"{start}{escape(word)}\n")
    return b"".join([NUMBER + row.encode("utf-8", "surrogatepass") for row in rows])
