"""Learning a tagger, and what it finds in texts that it has not learned from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kxcli.arrays import Int8Array, Int32Array, IntArray
from kxcli.mining.linking.tagger.crf import B, E, I, O, S
from kxcli.mining.linking.tagger.crf_learner import TaggerBatch, TaggerLearner, batches
from kxcli.mining.linking.tagger.tag_weights import FeatureSpace, TagWeights
from kxcli.mining.linking.tagger.tagger import (
    MIN_PROBABILITY,
    SlotSources,
    TaggedSpans,
    Tagger,
    find_span_slots,
    tokenize_windows,
)
from kxcli.mining.linking.tagger.token_features import TokenFeatures
from kxcli.mining.linking.tagger.token_layout import MAX_CHAIN, iter_blocks

Mentions = Sequence[Sequence[tuple[int, int]]]

_FOLDS = 5
_MAX_EPOCHS = 16
_PATIENCE = 2  # epochs without gain, after which no more are tried


@dataclass(frozen=True)
class _TaggerExamples:
    """Texts with mentions, as they are learned from; the slots of all texts follow each other."""

    space: FeatureSpace
    columns: Int32Array
    tags: Int8Array
    chain_starts: IntArray
    chain_lengths: IntArray
    sources: SlotSources

    @classmethod
    def of(cls, texts: Sequence[str], mentions: Mentions) -> "_TaggerExamples":
        parts = [(windows, tokenize_windows(windows)) for windows in iter_blocks(texts or [""])]
        features = [TokenFeatures.of(lay) for _, lay in parts]
        space = FeatureSpace.fit(features)
        found = [SlotSources.of(windows, lay, np.arange(len(lay))) for windows, lay in parts]
        sources = SlotSources(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))
        first_slots = np.cumsum([0, *(len(lay) for _, lay in parts)])
        starts = np.concatenate([lay.chain_starts + first for (_, lay), first in zip(parts, first_slots, strict=False)])
        lengths = np.concatenate([lay.chain_lengths for _, lay in parts])
        tags = _tag_slots(mentions, sources, starts, lengths)
        return cls(space, np.concatenate([space.columns(one) for one in features]), tags, starts, lengths, sources)


def _tag_slots(mentions: Mentions, sources: SlotSources, chain_starts: IntArray, chain_lengths: IntArray) -> Int8Array:
    """Return the tags of slots; of mentions that overlap, the first counts, and of those that start there the longest.

    A mention that begins or ends within a token, or in another chain than it began, cannot be tagged.
    """
    tags = np.full(len(sources.texts), O, dtype=np.int8)
    slots = np.repeat(chain_starts - np.cumsum(chain_lengths) + chain_lengths, chain_lengths)
    slots += np.arange(len(slots))
    chains = np.repeat(np.arange(len(chain_starts)), chain_lengths)
    texts = sources.texts[slots].tolist()
    tokens = list(zip(slots.tolist(), chains.tolist(), strict=True))
    begins = dict(zip(zip(texts, sources.starts[slots].tolist(), strict=True), tokens, strict=True))
    ends = dict(zip(zip(texts, sources.stops[slots].tolist(), strict=True), tokens, strict=True))
    for text, spans in enumerate(mentions):
        last = 0
        for start, stop in sorted(spans, key=lambda span: (span[0], -span[1])):
            begin, end = begins.get((text, start)), ends.get((text, stop))
            if start < last or stop <= start or begin is None or end is None or begin[1] != end[1]:
                continue
            last = stop
            tags[begin[0]] = B if end[0] > begin[0] else S
            tags[begin[0] + 1 : end[0]] = I
            if end[0] > begin[0]:
                tags[end[0]] = E
    return tags


def train(
    texts: Sequence[str],
    mentions: Mentions,
    folds: npt.NDArray[np.integer[Any]] | None = None,
) -> tuple[Tagger, TaggedSpans]:
    """Return a tagger that has learned mentions, and the spans that others find which have not seen the text.

    mentions: start and stop of each text's.  folds: a number for each text; for the spans of each fold's texts a
    tagger learns from all other folds.  By default, five folds take turns.  How long to learn is chosen by how likely
    the held-out tags are.  Raises `ValueError` where there are not as many mentions, or folds, as texts.
    """
    if folds is None:
        folds = np.arange(len(texts)) % _FOLDS
    if not len(texts) == len(mentions) == len(folds):
        raise ValueError("texts, their mentions and their folds are not equally many")
    examples = _TaggerExamples.of(texts, mentions)
    of_texts = np.unique(folds, return_inverse=True)[1]
    of_chains = of_texts.take(examples.sources.texts.take(examples.chain_starts))
    parts = batches(examples.columns, examples.tags, examples.chain_starts, examples.chain_lengths, of_chains)
    spans, n_epochs = _held_out(examples, parts)
    learner = TaggerLearner(parts, examples.space.n_rows)
    for epoch in range(n_epochs):
        learner.learn(epoch)
    return Tagger(TagWeights.of(examples.space, learner.weights, learner.prior)), spans


def _held_out(examples: _TaggerExamples, parts: Sequence[TaggerBatch]) -> tuple[TaggedSpans, int]:
    """Return what taggers find that have not learned from a fold's batches, and how many epochs were best."""
    folds = sorted({batch.fold for batch in parts})
    learners = [
        TaggerLearner([batch for batch in parts if batch.fold != fold], examples.space.n_rows) for fold in folds
    ]
    best, n_epochs, loss_of_best = TaggedSpans.concatenate([]), 0, np.inf
    if not parts:
        return best, n_epochs
    sources = examples.sources
    for epoch in range(_MAX_EPOCHS):
        found, loss = [], 0.0
        for fold, learner in zip(folds, learners, strict=True):
            learner.learn(epoch)
            for batch in parts:
                if batch.fold == fold:
                    result = learner.posterior(batch)
                    loss += result.loss(batch.tags)
                    found.append(find_span_slots(result, examples.chain_starts[batch.numbers], MIN_PROBABILITY))
        if loss < loss_of_best:
            firsts, lasts, probabilities = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
            order = np.argsort(firsts * MAX_CHAIN + lasts - firsts)
            firsts, lasts = firsts[order], lasts[order]
            best = TaggedSpans(
                sources.texts[firsts], sources.starts[firsts], sources.stops[lasts], probabilities[order]
            )
            n_epochs, loss_of_best = epoch + 1, loss
        elif epoch + 1 >= n_epochs + _PATIENCE:
            break
    return best, n_epochs
