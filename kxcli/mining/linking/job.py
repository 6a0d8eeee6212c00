"""The job that links texts to a knowledge base: records -> rendered mentions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from kxcli.arrays import NamedArrays
from kxcli.batching import CACHE_BATCH, iter_batches
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.linker import LinkedMentions, Linking, link_texts
from kxcli.mining.linking.training.linking_model import HEADER, LinkingModel, parse_header
from kxcli.mining.rendered_lines import RenderedLines, RenderedLinesJob


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


class Renderer(Protocol):
    """Renders the mentions of records."""

    def __call__(self, records: Sequence[LinkRecord], found: LinkedMentions) -> tuple[bytes, list[int]]:
        """Return the bytes, and the positions of the records without a line number."""
        ...


@dataclass
class LinkJob(RenderedLinesJob):
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

    def map(self, records: Iterable[LinkRecord]) -> list[RenderedLines]:
        """Link records, in batches."""
        parts = list[RenderedLines]()
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
            parts.append(RenderedLines(last - n_done, [batch[at][1] - n_done for at in waiting], data))
            n_done = last
        if n_lines > n_done:
            parts.append(RenderedLines(n_lines - n_done, [], b""))
        return parts
