"""The job that writes a row for each token."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from kxcli.mining.ordered_parts import LineRecord
from kxcli.mining.rendered_lines import RenderedLines, RenderedLinesJob, render_lines
from kxcli.mining.segmenting.splitting import Segmenting, TokenColumns, TokenSplitter

if TYPE_CHECKING:
    from kxcli.mining.segment.compiled import CompiledDictionary


class NumberedRecord(LineRecord, Protocol):
    """A document with the number of its line."""

    @property
    def text(self) -> str:
        """The text."""
        ...


@dataclass
class TokenRowsJob(RenderedLinesJob):
    """The job that renders the tokens of each document.

    Attributes:
        segmenting: The tokens.
        render: Returns the rows of a document, with a placeholder for its number.
        has_tags: Whether the tokens have tags.
        has_offsets: Whether the tokens have positions.
    """

    segmenting: Segmenting
    render: Callable[[TokenColumns], bytes]
    has_tags: bool = False
    has_offsets: bool = False

    def setup(self, shared: "CompiledDictionary | None") -> None:
        """Prepare to cut texts, by the value of `segment.prepare`."""
        self._splitter = TokenSplitter(self.segmenting, shared, has_tags=self.has_tags)

    def map(self, records: Iterable[NumberedRecord]) -> list[RenderedLines]:
        """Render the tokens of records."""
        return render_lines(records, self._render_record)

    def _render_record(self, record: NumberedRecord) -> bytes:
        return self.render(self._splitter.split_columns(record.text, has_offsets=self.has_offsets))
