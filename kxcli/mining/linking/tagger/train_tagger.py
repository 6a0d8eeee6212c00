"""Training of a tagger, and its spans in held-out texts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kxcli.arrays import AnyArray, Float32Array, Int8Array, Int32Array, IntArray
from kxcli.mining.linking.tagger.crf import B, E, I, O, S
from kxcli.mining.linking.tagger.crf_learner import TaggerBatch, TaggerLearner, make_batches
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

_N_FOLDS = 5
_MAX_EPOCHS = 16  # the limit if each one lowers the loss
_PATIENCE = 2  # epochs without gain that end the training


@dataclass(frozen=True)
class _TaggerExamples:
    """Texts with mentions as the slots of all their chains."""

    space: FeatureSpace
    columns: Int32Array
    tags: Int8Array
    chain_starts: IntArray
    chain_lengths: IntArray
    sources: SlotSources

    @classmethod
    def create(cls, texts: Sequence[str], mentions: Mentions) -> "_TaggerExamples":
        parts = [(windows, tokenize_windows(windows)) for windows in iter_blocks(texts or [""])]
        features = [TokenFeatures.extract(layout) for _, layout in parts]
        space = FeatureSpace.fit(features)
        found = [SlotSources.locate(windows, layout, np.arange(len(layout))) for windows, layout in parts]
        sources = SlotSources(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))
        first_slots = np.cumsum([0, *(len(layout) for _, layout in parts)])
        starts = np.concatenate(
            [layout.chain_starts + first for (_, layout), first in zip(parts, first_slots, strict=False)]
        )
        lengths = np.concatenate([layout.chain_lengths for _, layout in parts])
        tags = _tag_slots(mentions, sources, starts, lengths)
        return cls(space, np.concatenate([space.find_columns(one) for one in features]), tags, starts, lengths, sources)


def _tag_slots(mentions: Mentions, sources: SlotSources, chain_starts: IntArray, chain_lengths: IntArray) -> Int8Array:
    """Return the tags of slots.

    Of mentions that overlap, the first one is tagged, and of those with one start the longest. A mention that starts
    or ends within a token, or is in two chains, is not tagged.
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
    folds: AnyArray | None = None,
) -> tuple[Tagger, TaggedSpans]:
    """Return a tagger, and the spans found in held-out texts.

    The number of epochs maximizes the likelihood of held-out tags.

    Args:
        texts: The texts.
        mentions: Start and stop of the mentions of each text.
        folds: A number for each text; the spans of a fold come from a tagger trained on the other folds. By default,
            the number of the text modulo 5.

    Raises:
        ValueError: The numbers of texts, mentions and folds differ.
    """
    if folds is None:
        folds = np.arange(len(texts)) % _N_FOLDS
    if not len(texts) == len(mentions) == len(folds):
        raise ValueError("the numbers of texts, of lists of mentions and of folds differ")
    examples = _TaggerExamples.create(texts, mentions)
    text_folds = np.unique(folds, return_inverse=True)[1]
    chain_folds = text_folds.take(examples.sources.texts.take(examples.chain_starts))
    batches = make_batches(examples.columns, examples.tags, examples.chain_starts, examples.chain_lengths, chain_folds)
    spans, n_epochs = _find_held_out_spans(examples, batches)
    learner = TaggerLearner(batches, examples.space.n_rows)
    for epoch in range(n_epochs):
        learner.learn(epoch)
    return Tagger(TagWeights.quantize(examples.space, learner.weights, learner.prior)), spans


def _find_held_out_spans(examples: _TaggerExamples, batches: Sequence[TaggerBatch]) -> tuple[TaggedSpans, int]:
    """Return the spans found in held-out folds, and the number of epochs.

    The training ends when the loss of held-out tags does not decrease; the spans are those of the lowest loss.
    """
    folds = sorted({batch.fold for batch in batches})
    learners = [
        TaggerLearner([batch for batch in batches if batch.fold != fold], examples.space.n_rows) for fold in folds
    ]
    best, n_epochs, min_loss = TaggedSpans.concatenate([]), 0, np.inf
    for epoch in range(_MAX_EPOCHS if batches else 0):
        found, loss = [], 0.0
        for fold, learner in zip(folds, learners, strict=True):
            learner.learn(epoch)
            for batch in batches:
                if batch.fold == fold:
                    result = learner.compute_posterior(batch)
                    loss += result.compute_loss(batch.tags)
                    found.append(find_span_slots(result, examples.chain_starts[batch.numbers], MIN_PROBABILITY))
        if loss < min_loss:
            best, n_epochs, min_loss = _locate_spans(examples.sources, found), epoch + 1, loss
        elif epoch + 1 >= n_epochs + _PATIENCE:
            break
    return best, n_epochs


def _locate_spans(sources: SlotSources, found: Sequence[tuple[IntArray, IntArray, Float32Array]]) -> TaggedSpans:
    """Return spans of slots as spans of texts, in order."""
    firsts, lasts, probabilities = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    order = np.argsort(firsts * MAX_CHAIN + lasts - firsts)
    firsts, lasts = firsts[order], lasts[order]
    return TaggedSpans(sources.texts[firsts], sources.starts[firsts], sources.stops[lasts], probabilities[order])
