"""Spans of text that may be mentions, learned from texts with mentions alone, with how likely each one is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, Float32Array, IntArray, NamedArrays
from kxcli.mining.linking.tagger.crf import Chains, Posterior, compute_posterior
from kxcli.mining.linking.tagger.tag_weights import TagWeights
from kxcli.mining.linking.tagger.token_features import TokenFeatures
from kxcli.mining.linking.tagger.token_layout import MAX_CHAIN, TextWindow, TokenLayout, iter_blocks, layout
from kxcli.schema import ArrayField

MIN_PROBABILITY = 0.05  # the probability from which on spans are given


class TaggedSpans(NamedTuple):
    """Spans of texts, by text, start and stop; they may overlap.

    texts: numbers of texts.  starts, stops: in the text.  probabilities: that exactly this span is a mention.
    """

    texts: IntArray
    starts: IntArray
    stops: IntArray
    probabilities: Float32Array

    @classmethod
    def concatenate(cls, parts: Sequence["TaggedSpans"]) -> "TaggedSpans":
        """Return the spans of all parts in order."""
        if not parts:
            none = np.empty(0, dtype=np.int64)
            return cls(none, none, none, np.empty(0, dtype=np.float32))
        return cls(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


class Tagger:
    """Finds spans like those that it has learned from."""

    def __init__(self, weights: TagWeights) -> None:
        self._weights = weights

    @staticmethod
    def declare_arrays() -> dict[str, ArrayField]:
        """Declare the arrays."""
        return TagWeights.declare_arrays()

    @classmethod
    def from_arrays(cls, arrays: NamedArrays) -> "Tagger":
        """Return the tagger whose `arrays` these are."""
        return cls(TagWeights.from_arrays(arrays))

    def arrays(self) -> dict[str, AnyArray]:
        """Return all there is as arrays, under names that begin with "tagger."."""
        return self._weights.arrays()

    def spans(self, texts: Sequence[str], least: float = MIN_PROBABILITY) -> TaggedSpans:
        """Return all spans that are at least so likely; a text's do not hang on the others."""
        return TaggedSpans.concatenate([self._block(windows, least) for windows in iter_blocks(texts)])

    def _block(self, windows: Sequence[TextWindow], least: float) -> TaggedSpans:
        lay = tokenize_windows(windows)
        chains = Chains(lay.chain_starts, lay.chain_lengths)
        scores = self._weights.scores(TokenFeatures.of(lay)).take(chains.at)
        result = compute_posterior(chains, self._weights.exponentials(scores))
        firsts, lasts, probabilities = find_span_slots(result, lay.chain_starts, least)
        texts, starts, stops = SlotSources.of(windows, lay, firsts)
        stops += lay.stops.take(lasts) - lay.stops.take(firsts)
        return TaggedSpans(texts, starts, stops, probabilities)


def tokenize_windows(windows: Sequence[TextWindow]) -> TokenLayout:
    """Return the tokens of windows, and words as jieba's dictionary has them."""
    return layout([window.characters for window in windows], _cut)


def _cut(text: str) -> list[str]:
    import rjieba

    words: list[str] = rjieba.cut(text, False)
    return words


class SlotSources(NamedTuple):
    """Where slots come from: the number of the text, and from where to where in it."""

    texts: IntArray
    starts: IntArray
    stops: IntArray

    @classmethod
    def of(cls, windows: Sequence[TextWindow], lay: TokenLayout, slots: IntArray) -> "SlotSources":
        """Return where slots of windows that are laid out come from."""
        starts = lay.starts.take(slots)
        numbers = np.searchsorted(lay.window_starts, starts, side="right") - 1
        texts = np.array([window.text for window in windows], dtype=np.int64)
        moved = (np.array([window.offset for window in windows], dtype=np.int64) - lay.window_starts).take(numbers)
        return cls(texts.take(numbers), starts + moved, lay.stops.take(slots) + moved)


def find_span_slots(result: Posterior, chain_starts: IntArray, least: float) -> tuple[IntArray, IntArray, Float32Array]:
    """Return the first and last slots of spans, in their order, and the probabilities; chains start at these slots."""
    chains, steps, lengths, probabilities = result.spans(least)
    firsts = chain_starts.take(chains) + steps
    order = np.argsort(firsts * MAX_CHAIN + lengths - 1)  # no two spans are equal
    firsts = firsts.take(order)
    return firsts, firsts + lengths.take(order) - 1, probabilities.take(order)
