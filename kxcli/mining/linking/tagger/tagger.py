"""The tagger: spans of texts that may be mentions, with their probabilities."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, Float32Array, IntArray, NamedArrays
from kxcli.mining.linking.tagger.crf import Chains, Posterior, compute_posterior
from kxcli.mining.linking.tagger.tag_weights import TagWeights
from kxcli.mining.linking.tagger.token_features import TokenFeatures
from kxcli.mining.linking.tagger.token_layout import MAX_CHAIN, TextWindow, TokenLayout, iter_blocks
from kxcli.schema import ArrayField

MIN_PROBABILITY = 0.05  # of the spans that are returned


class TaggedSpans(NamedTuple):
    """Spans of texts, by text, start and stop; they may overlap.

    Attributes:
        texts: The number of each one's text.
        starts, stops: Its characters.
        probabilities: That exactly this span is a mention.
    """

    texts: IntArray
    starts: IntArray
    stops: IntArray
    probabilities: Float32Array

    @classmethod
    def concatenate(cls, parts: Sequence["TaggedSpans"]) -> "TaggedSpans":
        """Return the spans of all parts."""
        if not parts:
            none = np.empty(0, dtype=np.int64)
            return cls(none, none, none, np.empty(0, dtype=np.float32))
        return cls(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


class Tagger:
    """Finds spans like the mentions of its training data."""

    def __init__(self, weights: TagWeights) -> None:
        self._weights = weights

    @staticmethod
    def declare_arrays() -> dict[str, ArrayField]:
        """Declare the arrays."""
        return TagWeights.declare_arrays()

    @classmethod
    def from_arrays(cls, arrays: NamedArrays) -> "Tagger":
        """Return the tagger that `arrays` returned."""
        return cls(TagWeights.from_arrays(arrays))

    def arrays(self) -> dict[str, AnyArray]:
        """Return the tagger as arrays, under names that begin with "tagger."."""
        return self._weights.arrays()

    def find_spans(self, texts: Sequence[str], min_probability: float = MIN_PROBABILITY) -> TaggedSpans:
        """Return all likely spans; those of a text do not depend on the other texts."""
        return TaggedSpans.concatenate([self._tag_block(windows, min_probability) for windows in iter_blocks(texts)])

    def _tag_block(self, windows: Sequence[TextWindow], min_probability: float) -> TaggedSpans:
        layout = tokenize_windows(windows)
        chains = Chains(layout.chain_starts, layout.chain_lengths)
        scores = self._weights.compute_scores(TokenFeatures.extract(layout)).take(chains.at)
        result = compute_posterior(chains, self._weights.compute_exponentials(scores))
        firsts, lasts, probabilities = find_span_slots(result, layout.chain_starts, min_probability)
        texts, starts, stops = SlotSources.locate(windows, layout, firsts)
        stops += layout.stops.take(lasts) - layout.stops.take(firsts)
        return TaggedSpans(texts, starts, stops, probabilities)


def tokenize_windows(windows: Sequence[TextWindow]) -> TokenLayout:
    """Return the tokens of windows, with the words of jieba."""
    return TokenLayout.from_texts([window.characters for window in windows], _load_tokenizer())


@cache
def _load_tokenizer() -> Callable[[str], list[str]]:
    from kxcli.mining.segment import Segmentation, load_tokenizer, prepare

    segmentation = Segmentation(hmm=False)
    return load_tokenizer(segmentation, prepare(segmentation))


class SlotSources(NamedTuple):
    """The text of each slot, and the characters in it."""

    texts: IntArray
    starts: IntArray
    stops: IntArray

    @classmethod
    def locate(cls, windows: Sequence[TextWindow], layout: TokenLayout, slots: IntArray) -> "SlotSources":
        """Return the sources of slots in the layout of windows."""
        starts = layout.starts.take(slots)
        numbers = np.searchsorted(layout.window_starts, starts, side="right") - 1
        texts = np.array([window.text for window in windows], dtype=np.int64)
        moved = (np.array([window.offset for window in windows], dtype=np.int64) - layout.window_starts).take(numbers)
        return cls(texts.take(numbers), starts + moved, layout.stops.take(slots) + moved)


def find_span_slots(
    result: Posterior, chain_starts: IntArray, min_probability: float
) -> tuple[IntArray, IntArray, Float32Array]:
    """Return the first slot, last slot and probability of each likely span, by slot.

    Args:
        result: The probabilities of tags.
        chain_starts: The first slot of each chain.
        min_probability: The lower limit.
    """
    chains, steps, lengths, probabilities = result.find_spans(min_probability)
    firsts = chain_starts.take(chains) + steps
    order = np.argsort(firsts * MAX_CHAIN + lengths - 1)  # no two spans are equal
    firsts = firsts.take(order)
    return firsts, firsts + lengths.take(order) - 1, probabilities.take(order)
