"""The job that links texts to a knowledge base: records -> rendered mentions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from kxcli.arrays import NamedArrays
from kxcli.batching import CACHE_BATCH, iter_batches
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.linker import LinkedMentions, Linking, link_texts
from kxcli.mining.linking.training.linking_model import HEADER, LinkingModel, parse_header
from kxcli.tally import frames


class LinkRecord(Protocol):
    """A text to link; parts of a text, with `has_continuation`, are ignored."""

    @property
    def text(self) -> str:
        """The text."""
        ...

    @property
    def key(self) -> str | int | None:
        """The id of the text; None if its line number identifies it."""
        ...

    @property
    def n_before(self) -> int:
        """The number of lines without a record before it."""
        ...

    @property
    def has_continuation(self) -> bool:
        """Whether the next record is of the same line."""
        ...


class LinkText(NamedTuple):
    """A text in Python: a record for `LinkJob.map`."""

    text: str
    key: str | int | None = None
    n_before: int = 0
    has_continuation: bool = False


class LinkResources(NamedTuple):
    """The arrays of a knowledge base and of a model, shared by all workers."""

    base: NamedArrays
    model: NamedArrays | None = None

    @property
    def has_tagger(self) -> bool:
        """Whether the model has a tagger."""
        return self.model is not None and bool(parse_header(self.model[HEADER])["has_tagger"])

    def load_model(self) -> LinkingModel:
        """Return the model, or the untrained one of the knowledge base."""
        base = KnowledgeBase.from_arrays(self.base)
        return LinkingModel.from_prior(base) if self.model is None else LinkingModel.from_arrays(self.model, base)


class RenderedLinks(NamedTuple):
    """The rendered mentions of some consecutive lines of input.

    Attributes:
        n_lines: Number of lines, with those that have no record.
        unnamed: For each record that `data` leaves without an id, its line, from 1.
        data: The rendered mentions.
    """

    n_lines: int
    unnamed: list[int]
    data: bytes


class Renderer(Protocol):
    """Renders the mentions of records."""

    def __call__(self, records: Sequence[LinkRecord], found: LinkedMentions) -> tuple[bytes, list[int]]:
        """Return the bytes, and the positions of the records without a line number."""
        ...


@dataclass
class LinkJob:
    """The job: `map` links and renders some records, `merge` concatenates.

    Attributes:
        linking: How mentions are linked.
        make_renderer: Returns a renderer for a knowledge base; it is pickled.
        batch_size: Characters linked at a time.
    """

    linking: Linking
    make_renderer: Callable[[KnowledgeBase], Renderer]
    batch_size: int = CACHE_BATCH

    def setup(self, shared: LinkResources) -> None:
        """Load the knowledge base and the model."""
        self._model = shared.load_model()
        self._render = self.make_renderer(self._model.lexicon.base)

    def map(self, records: Iterable[LinkRecord]) -> list[RenderedLinks]:
        """Link records, in batches."""
        parts = list[RenderedLinks]()
        n_lines = n_done = 0

        def iter_numbered() -> Iterator[tuple[LinkRecord, int]]:
            nonlocal n_lines
            for record in records:
                n_lines += record.n_before + (not record.has_continuation)
                if not record.has_continuation:
                    yield record, n_lines

        for batch in iter_batches(iter_numbered(), lambda numbered: len(numbered[0].text) + 1, self.batch_size):
            texts = [record for record, _ in batch]
            found = link_texts(self._model, [record.text for record in texts], self.linking)
            data, waiting = self._render(texts, found)
            last = batch[-1][1]
            parts.append(RenderedLinks(last - n_done, [batch[at][1] - n_done for at in waiting], data))
            n_done = last
        if n_lines > n_done:
            parts.append(RenderedLinks(n_lines - n_done, [], b""))
        return parts

    def merge(self, left: list[RenderedLinks], right: list[RenderedLinks]) -> list[RenderedLinks]:
        """Return the parts of both."""
        return left + right

    def finish(self, partial: list[RenderedLinks]) -> list[RenderedLinks]:
        """Return the parts as they are."""
        return partial

    def dump(self, partial: list[RenderedLinks]) -> bytes:
        """Return a partial as bytes."""
        parts = [(np.array([n_lines, *unnamed]).tobytes(), data) for n_lines, unnamed, data in partial]
        return frames.join_parts([part for pair in parts for part in pair])

    def load(self, data: bytes | memoryview) -> list[RenderedLinks]:
        """Return a dumped partial."""
        parts = frames.split_parts(data)
        numbers = [np.frombuffer(part, dtype=np.int64).tolist() for part in parts[::2]]
        return [RenderedLinks(n, rest, bytes(part)) for (n, *rest), part in zip(numbers, parts[1::2], strict=True)]
