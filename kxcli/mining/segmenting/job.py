"""The jobs that write the tokens of texts."""

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from kxcli.mining.ordered_parts import OrderedPartsJob
from kxcli.mining.segment.joining import Joiner
from kxcli.mining.segmenting.splitting import Segmenting, TokenSplitter, load_joiner

if TYPE_CHECKING:
    from kxcli.mining.segment.compiled import CompiledDictionary


class SegmentRecord(Protocol):
    """Documents, one document, or a part of one."""

    @property
    def data(self) -> bytes | str:
        """The text, or bytes that may be its UTF-8."""
        ...

    @property
    def text(self) -> str:
        """The valid text; may raise an error of the input, or repair it."""
        ...

    @property
    def record(self) -> str:
        """The fields of the document as a JSON object without the last brace."""
        ...

    @property
    def is_lines(self) -> bool:
        """Whether each LF ends a document."""
        ...

    @property
    def has_continuation(self) -> bool:
        """Whether the next record continues the same document."""
        ...


class OutputJob(OrderedPartsJob[bytes]):
    """A job with output as its partial, without `setup` and `map`."""

    def dump(self, partial: list[bytes]) -> bytes:
        """Return a partial as bytes."""
        return b"".join(partial)

    def load(self, data: bytes | memoryview) -> list[bytes]:
        """Return a dumped partial."""
        return [bytes(data)]


@dataclass
class JoinJob(OutputJob):
    """The job that joins the tokens of each document to a line.

    Attributes:
        segmenting: The tokens.
        delimiter: Separates tokens.
        tag_delimiter: Separates a token and its tag; None for no tags.
    """

    segmenting: Segmenting
    delimiter: str = " "
    tag_delimiter: str | None = None

    def setup(self, shared: "CompiledDictionary | None") -> None:
        """Keep the value of `segment.prepare`; the first record loads the dictionary."""
        self._shared = shared
        self._own = threading.local()  # a joiner of each thread

    def map(self, records: Iterable[SegmentRecord]) -> list[bytes]:
        """Join the tokens of records; parts of a document become one line."""
        delimiter = self.delimiter.encode("utf-8")
        chunks = list[bytes]()
        has_tokens = False  # whether there are some of the same document
        for record in records:
            joined = self._join(record, delimiter)
            if record.is_lines:
                chunks.append(joined)
                continue
            if has_tokens and joined:
                chunks.append(delimiter)
            chunks.append(joined)
            has_tokens = record.has_continuation and (has_tokens or bool(joined))
            if not record.has_continuation:
                chunks.append(b"\n")
        return chunks

    def _join(self, record: SegmentRecord, delimiter: bytes) -> bytes:
        joiner: Joiner | None = getattr(self._own, "joiner", None)
        if joiner is None:
            joiner = self._own.joiner = load_joiner(self.segmenting, self._shared, self.tag_delimiter)
        joined: bytes | int = -1
        if not self.segmenting.nfkc:
            joined = joiner.join(record.data, delimiter, record.is_lines)
        if isinstance(joined, int):
            joined = joiner.join(self.segmenting.normalize(record.text), delimiter, record.is_lines)
        assert isinstance(joined, bytes), "text has no bad bytes"
        return joined


@dataclass
class AddTokensJob(OutputJob):
    """The job that adds the tokens to each record.

    Attributes:
        segmenting: The tokens.
        has_tags: Whether to add the tags, too.
    """

    segmenting: Segmenting
    has_tags: bool = False

    def setup(self, shared: "CompiledDictionary | None") -> None:
        """Prepare to cut texts, by the value of `segment.prepare`."""
        self._splitter = TokenSplitter(self.segmenting, shared, has_tags=self.has_tags)
        self._encode = json.JSONEncoder(ensure_ascii=False).encode

    def map(self, records: Iterable[SegmentRecord]) -> list[bytes]:
        """Return the records with their tokens as JSON Lines."""
        return [self._add_tokens(record).encode("utf-8", "surrogatepass") for record in records]

    def _add_tokens(self, record: SegmentRecord) -> str:
        words, _, tags = self._splitter.split_columns(record.text)
        added = f', "tokens": {self._encode(words)}' + (f', "pos": {self._encode(tags)}' if self.has_tags else "")
        return f"{record.record}{added}}}\n"
