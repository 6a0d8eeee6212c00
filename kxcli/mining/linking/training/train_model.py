"""Labelled texts -> a model.

Whatever is learned from counts is learned from counts of other texts: the texts are parted into folds, and the features
of each fold's texts come from statistics, and from a tagger, of the other folds (Wolpert 1992, "Stacked
generalization").  Otherwise a name that was labelled once would seem to be always right.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import BoolArray, FloatArray, IntArray
from kxcli.arrays.ragged import expand_rows, starts_of
from kxcli.mining.linking import tagger as tagging
from kxcli.mining.linking.candidates.candidate_features import PRIOR_WEIGHTS, Candidates
from kxcli.mining.linking.candidates.link_statistics import LinkStatistics
from kxcli.mining.linking.candidates.lookup import find_candidates
from kxcli.mining.linking.candidates.ranking import rank_candidates
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.mentions import mention_features, mention_model
from kxcli.mining.linking.mentions.hashed_features import N_COLUMNS
from kxcli.mining.linking.mentions.mention_candidates import MentionContext
from kxcli.mining.linking.spans import overlaps
from kxcli.mining.linking.spans.parsing import Lexicon
from kxcli.mining.linking.tagger import TaggedSpans
from kxcli.mining.linking.training.examples import (
    FOLDS,
    FoldBatch,
    LabeledText,
    assign_folds,
    count_labels,
    find_unlisted_names,
    split_by_fold,
)
from kxcli.mining.linking.training.learners import FeatureRows, LogisticWeights, fit_logistic_regression, ranking
from kxcli.mining.linking.training.linking_model import LinkingModel, lexicon

_RANKING_PENALTY = 2.0
_PENALTIES = (1.0, 3.0)  # of dense and of hashed columns
_GAIN = 0.005  # of an F1 that a tagger is worth having for
_HALF = np.int64(32)
_PRIOR_THRESHOLD, _PRIOR_MENTIONS = 0.5, 5  # the threshold without a model, and how many mentions it weighs as much as


class TrainingResult(NamedTuple):
    """A model, and how good it is for labelled texts that it was not trained on: the F1 of mentions, and of links."""

    model: LinkingModel
    mention_f1: float
    link_f1: float


def train(base: KnowledgeBase, labelled: Sequence[LabeledText]) -> TrainingResult:
    """Return the model of labelled texts; cost in time and memory in proportion to their length.

    A tagger, which takes most of the time, is part of it if mentions or links are clearly better with it.
    Raises `ValueError` if no text has a mention.
    """
    if not any(one.mentions for one in labelled):
        raise ValueError("no labelled text has a mention to learn from")
    known = lexicon(base, find_unlisted_names(base, labelled))
    numbers = {name: number for number, name in enumerate(base.ids.all())}
    folds = assign_folds(labelled)
    plain = _train_from_spans(base, labelled, folds, known, numbers, None)
    texts = [one.text for one in labelled]
    mentions = [[(mark.start, mark.stop) for mark in one.mentions] for one in labelled]
    tagger, held_out = tagging.train(texts, mentions, folds)
    tagged = _train_from_spans(base, labelled, folds, known, numbers, held_out)
    if max(tagged.mention_f1 - plain.mention_f1, tagged.link_f1 - plain.link_f1) < _GAIN:
        return plain
    return tagged._replace(model=replace(tagged.model, tagger=tagger))


def _train_from_spans(
    base: KnowledgeBase,
    labelled: Sequence[LabeledText],
    folds: IntArray,
    known: Lexicon,
    numbers: dict[str, int],
    tagged: TaggedSpans | None,
) -> TrainingResult:
    """Return what is learned from spans, those of a tagger among them."""
    pieces = split_by_fold(labelled, folds, known, numbers, tagged)
    counts = [count_labels(piece) for piece in pieces]
    for fold in range(FOLDS):
        others = [count for piece, count in zip(pieces, counts, strict=True) if piece.fold != fold]
        held_out = LinkStatistics.from_counts(others, len(base.ids))
        for piece in pieces:
            if piece.fold == fold:
                found = find_candidates(base, held_out, piece.parsed, PRIOR_WEIGHTS)
                piece.context = MentionContext(
                    base, held_out, piece.parsed, found, rank_candidates(found, PRIOR_WEIGHTS)
                )
    weights = _fit_ranking(pieces)
    examples = _TrainingExamples.of(pieces, weights)
    everything = np.arange(len(examples.folds))
    mention = _fit_mention_model(examples, examples.is_mention, examples.n_mentions, everything, everything)
    link = mention
    if any(piece.gold.has_id.any() for piece in pieces):
        told = np.flatnonzero(examples.is_told)
        rivals = told[examples.has_best[told]]
        link = _fit_mention_model(examples, examples.is_right, examples.n_linked, told, rivals)
    statistics = LinkStatistics.from_counts(counts, len(base.ids))
    model = LinkingModel(statistics, known, weights, mention.model, link.model, link.threshold, mention.threshold, None)
    return TrainingResult(model, mention.f1, link.f1)


def _fit_ranking(pieces: Sequence[FoldBatch]) -> FloatArray:
    """Return the weights of the ranking, from forms that have right candidates and wrong ones."""
    features, sizes, right = [], [], []
    for piece in pieces:
        found = _found(piece)
        labelled = np.flatnonzero(piece.of_spans >= 0)
        at, rows = expand_rows(piece.of_spans.take(labelled), piece.gold.starts)
        forms = piece.parsed.spans.forms.take(labelled.take(rows))
        is_right = np.isin((found.forms << _HALF) | found.entries, (forms << _HALF) | piece.gold.entries.take(at))
        n = len(found.starts) - 1
        n_right = np.bincount(found.forms, is_right, minlength=n)
        is_used = (n_right > 0) & (n_right < np.diff(found.starts))
        rows = np.flatnonzero(is_used.take(found.forms))
        features.append(found.features[:, rows].T)
        sizes.append(np.diff(found.starts)[is_used])
        right.append(is_right[rows])
    starts = starts_of(np.concatenate(sizes))
    if len(starts) == 1:
        return PRIOR_WEIGHTS
    return ranking(np.concatenate(features), starts, np.concatenate(right), PRIOR_WEIGHTS, _RANKING_PENALTY)


def _found(piece: FoldBatch) -> Candidates:
    assert piece.context is not None
    return piece.context.candidates


class _TrainingExamples(NamedTuple):
    """All spans to learn from.

    folds: of each.  starts, stops: in one running text of all.  is_told: whether it is known what it means, or that it
    is no mention.  has_best: whether it has a candidate; is_mention: whether it is labelled; is_right: whether it means
    its best candidate.  n_mentions, n_linked: labelled ones, also
    those that are no spans, and how many of them mean an entry.
    """

    rows: FeatureRows
    folds: IntArray
    starts: IntArray
    stops: IntArray
    is_told: BoolArray
    has_best: BoolArray
    is_mention: BoolArray
    is_right: BoolArray
    n_mentions: int
    n_linked: int

    @classmethod
    def of(cls, pieces: Sequence[FoldBatch], weights: FloatArray) -> "_TrainingExamples":
        parts: list[tuple[Any, ...]] = []
        offset = 0
        for piece in pieces:
            assert piece.context is not None
            old = piece.context
            context = MentionContext(
                old.base, old.statistics, old.text, old.candidates, rank_candidates(old.candidates, weights)
            )
            mentions = context.find_mentions()
            labels = piece.of_spans.take(mentions.numbers)
            labelled = np.flatnonzero(labels >= 0)
            at, rows = expand_rows(labels.take(labelled), piece.gold.starts)
            rows = labelled.take(rows)
            best = np.full(len(labels), -1)
            has_best = mentions.best >= 0
            best[has_best] = context.ranked.entries.take(mentions.best[has_best])
            is_right = np.zeros(len(labels), dtype=np.bool_)
            is_right[rows[piece.gold.entries.take(at) == best.take(rows)]] = True
            is_told = np.ones(len(labels), dtype=np.bool_)
            is_told[labelled] = piece.gold.has_id.take(labels.take(labelled))
            spans = piece.parsed.spans
            found = mention_model.stack_features(context, mentions)
            parts.append(
                (
                    found.dense,
                    found.hashed,
                    np.full(len(labels), piece.fold),
                    spans.starts.take(mentions.numbers) + offset,
                    spans.stops.take(mentions.numbers) + offset,
                    is_told,
                    has_best,
                    labels >= 0,
                    is_right,
                )
            )
            offset += len(piece.parsed.folded.codes)
        dense, hashed, folds, starts, stops, is_told, has_best, is_mention, is_right = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
        examples = FeatureRows(dense, hashed)
        n_mentions, n_linked = sum(len(one.gold.keys) for one in pieces), sum(one.gold.n_linked for one in pieces)
        return cls(examples, folds, starts, stops, is_told, has_best, is_mention, is_right, n_mentions, n_linked)


class _FittedModel(NamedTuple):
    """A model, the threshold that suits spans of folds that it was not trained on, and the F1 there.

    f1: with a threshold for each fold that was chosen on the others.
    """

    model: mention_model.MentionModel
    threshold: float
    f1: float


def _fit_mention_model(
    examples: _TrainingExamples, is_right: BoolArray, n_gold: int, used: IntArray, rivals: IntArray
) -> _FittedModel:
    """Return what tells the right ones of some spans; of `rivals`, those that overlap better ones do not count."""
    scores = np.zeros(len(is_right))
    folds = examples.folds.take(used)
    for fold in range(FOLDS):
        inside, outside = used[folds != fold], used[folds == fold]
        weights = _fit_weights(examples.rows.select(inside), is_right[inside])
        scores[outside] = mention_model.score_rows(weights, examples.rows.select(outside))
    kept = rivals[overlaps.resolve_overlaps("best", examples.starts[rivals], examples.stops[rivals], scores[rivals])]
    folds = examples.folds.take(kept)
    n_kept = n_right = 0
    for fold in range(FOLDS):
        others, own = kept[folds != fold], kept[folds == fold]
        threshold = _shrunk_threshold(scores[others], is_right[others], n_gold * (FOLDS - 1) // FOLDS)
        own = own[scores[own] >= threshold]
        n_kept, n_right = n_kept + len(own), n_right + int(is_right[own].sum())
    f1 = 2.0 * n_right / max(n_kept + n_gold, 1)
    threshold = _shrunk_threshold(scores[kept], is_right[kept], n_gold)
    weights = _fit_weights(examples.rows.select(used), is_right[used])
    return _FittedModel(mention_model.MentionModel(weights.dense, weights.hashed.astype(np.float32)), threshold, f1)


def _fit_weights(rows: FeatureRows, is_right: BoolArray) -> LogisticWeights:
    return fit_logistic_regression(rows, is_right, N_COLUMNS, mention_features.PRIOR_WEIGHTS, _PENALTIES)


def _shrunk_threshold(scores: FloatArray, is_right: BoolArray, n_gold: int) -> float:
    """Return the best threshold, near the default one if few mentions are labeled."""
    best, _ = best_threshold(scores, is_right, n_gold)
    return (n_gold * best + _PRIOR_MENTIONS * _PRIOR_THRESHOLD) / (n_gold + _PRIOR_MENTIONS)


def best_threshold(scores: FloatArray, is_right: BoolArray, n_gold: int) -> tuple[float, float]:
    """Return a score from which on keeping spans gives the best F1 against so many labelled ones, and that F1."""
    order = np.argsort(-scores, kind="stable")
    if not len(order):
        return 0.5, 0.0
    ordered = scores.take(order)
    f1 = 2.0 * np.cumsum(is_right.take(order)) / (np.arange(1, len(order) + 1) + n_gold)
    f1[:-1][ordered[:-1] == ordered[1:]] = -1.0  # equal scores are kept together
    best = int(np.argmax(f1))
    if not f1[best] > 0:
        return 1.0, 0.0
    lower = ordered[best + 1] if best + 1 < len(ordered) else 0.0
    return float(ordered[best] + lower) / 2, float(f1[best])  # in the middle: what is between was never seen
