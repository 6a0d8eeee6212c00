"""Training of a linking model from labeled texts.

Counts that a text contributes to are never features of this text: the texts are divided into folds, and the features
of each fold's texts come from the statistics and the tagger of the other folds (Wolpert 1992, "Stacked
generalization"). Otherwise a name that is labeled once would look as if it were always right.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray, FloatArray, IntArray
from kxcli.arrays.ragged import compute_starts
from kxcli.mining.linking import tagger as tagging
from kxcli.mining.linking.candidates.candidate_features import PRIOR_WEIGHTS
from kxcli.mining.linking.candidates.link_statistics import LinkCounts, LinkStatistics
from kxcli.mining.linking.candidates.lookup import find_candidates
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.mentions import mention_features, mention_model
from kxcli.mining.linking.mentions.hashed_features import N_COLUMNS
from kxcli.mining.linking.mentions.mention_candidates import MentionContext
from kxcli.mining.linking.spans import overlaps
from kxcli.mining.linking.spans.parsing import Lexicon
from kxcli.mining.linking.training.examples import (
    N_FOLDS,
    FoldBatch,
    LabeledText,
    assign_folds,
    find_unlisted_names,
    split_by_fold,
)
from kxcli.mining.linking.training.learners import FeatureRows, LogisticWeights, fit_logistic_regression, fit_ranking
from kxcli.mining.linking.training.linking_model import LinkingModel, make_lexicon

_RANKING_PENALTY = 2.0
_PENALTIES = (1.0, 3.0)  # of dense and of hashed columns
_MIN_GAIN = 0.005  # F1 that a tagger adds at least
_HALF = np.int64(32)  # bits
_PRIOR_THRESHOLD, _PRIOR_MENTIONS = 0.5, 5  # the untrained threshold, and its weight in mentions


class TrainingResult(NamedTuple):
    """A model and its quality.

    Attributes:
        model: The model.
        mention_f1: F1 of mentions in texts that were held out.
        link_f1: F1 of links in texts that were held out.
    """

    model: LinkingModel
    mention_f1: float
    link_f1: float


def train(base: KnowledgeBase, labeled: Sequence[LabeledText]) -> TrainingResult:
    """Return the model of labeled texts.

    Time and memory are proportional to the length of the texts. A tagger, which takes most of the time, is part of
    the model if mentions or links are clearly better with it.

    Raises:
        ValueError: No text has a mention.
    """
    if not any(one.mentions for one in labeled):
        raise ValueError("no labeled text has a mention to learn from")
    lexicon = make_lexicon(base, find_unlisted_names(base, labeled))
    folds = assign_folds(labeled)
    plain = _train_from_spans(lexicon, split_by_fold(labeled, folds, lexicon, None))
    texts = [one.text for one in labeled]
    mentions = [[(mention.start, mention.stop) for mention in one.mentions] for one in labeled]
    tagger, held_out = tagging.train(texts, mentions, folds)
    tagged = _train_from_spans(lexicon, split_by_fold(labeled, folds, lexicon, held_out))
    if max(tagged.mention_f1 - plain.mention_f1, tagged.link_f1 - plain.link_f1) < _MIN_GAIN:
        return plain
    return tagged._replace(model=replace(tagged.model, tagger=tagger))


def _train_from_spans(lexicon: Lexicon, batches: Sequence[FoldBatch]) -> TrainingResult:
    """Return the model of labeled spans, without a tagger."""
    counts = [batch.count_labels() for batch in batches]
    contexts = _make_contexts(lexicon.base, batches, counts)
    ranking = _learn_ranking(batches, contexts)
    examples = _collect_examples(batches, [_rank_again(context, ranking) for context in contexts])
    everything = np.arange(len(examples.folds))
    mention = _fit_model(examples, examples.is_mention, examples.n_mentions, everything, everything)
    link = mention
    if any(batch.gold.has_id.any() for batch in batches):
        known = np.flatnonzero(examples.is_known)
        link = _fit_model(examples, examples.is_right, examples.n_linked, known, known[examples.has_best[known]])
    statistics = LinkStatistics.from_counts(counts, len(lexicon.base.ids))
    model = LinkingModel(
        statistics, lexicon, ranking, mention.model, link.model, link.threshold, mention.threshold, None
    )
    return TrainingResult(model, mention.f1, link.f1)


def _make_contexts(
    base: KnowledgeBase, batches: Sequence[FoldBatch], counts: Sequence[LinkCounts]
) -> list[MentionContext]:
    """Return the candidates of each batch, by the statistics of the other folds."""
    statistics = [
        LinkStatistics.from_counts(
            [own for batch, own in zip(batches, counts, strict=True) if batch.fold != fold], len(base.ids)
        )
        for fold in range(N_FOLDS)
    ]
    contexts = []
    for batch in batches:
        held_out = statistics[batch.fold]
        found = find_candidates(base, held_out, batch.text, PRIOR_WEIGHTS)
        contexts.append(MentionContext(base, held_out, batch.text, found, found.rank(PRIOR_WEIGHTS)))
    return contexts


def _rank_again(context: MentionContext, ranking: FloatArray) -> MentionContext:
    return replace(context, ranked=context.candidates.rank(ranking))


def _learn_ranking(batches: Sequence[FoldBatch], contexts: Sequence[MentionContext]) -> FloatArray:
    """Return the weights of the ranking.

    They are learned from surface forms with both right and wrong candidates.
    """
    features, sizes, right = [], [], []
    for batch, context in zip(batches, contexts, strict=True):
        found = context.candidates
        _, rows, entries = batch.gold.expand_entries(batch.labels)
        forms = batch.text.spans.forms.take(rows)
        is_right = np.isin((found.forms << _HALF) | found.entries, (forms << _HALF) | entries)
        n_candidates = np.diff(found.starts)
        n_right = np.bincount(found.forms, is_right, minlength=len(n_candidates))
        is_used = (n_right > 0) & (n_right < n_candidates)
        used = np.flatnonzero(is_used.take(found.forms))
        features.append(found.features[:, used].T)
        sizes.append(n_candidates[is_used])
        right.append(is_right[used])
    starts = compute_starts(np.concatenate(sizes))
    if len(starts) == 1:
        return PRIOR_WEIGHTS
    return fit_ranking(np.concatenate(features), starts, np.concatenate(right), PRIOR_WEIGHTS, _RANKING_PENALTY)


class _TrainingExamples(NamedTuple):
    """Spans to learn from.

    Attributes:
        rows: Their features.
        folds: The fold of each.
        starts, stops: Their position in all texts joined.
        is_known: Whether it is known what the span means, or that it is no mention.
        has_best: Whether it has a candidate.
        is_mention: Whether it is labeled.
        is_right: Whether it means its best candidate.
        n_mentions: Number of labeled mentions, with those that are no spans.
        n_linked: Number of labeled mentions that mean an entry.
    """

    rows: FeatureRows
    folds: IntArray
    starts: IntArray
    stops: IntArray
    is_known: BoolArray
    has_best: BoolArray
    is_mention: BoolArray
    is_right: BoolArray
    n_mentions: int
    n_linked: int


def _collect_examples(batches: Sequence[FoldBatch], contexts: Sequence[MentionContext]) -> _TrainingExamples:
    parts, offset = [], 0
    for batch, context in zip(batches, contexts, strict=True):
        parts.append(_make_examples(batch, context, offset))
        offset += len(batch.text.folded.codes)
    rows, *columns, n_mentions, n_linked = zip(*parts, strict=True)
    arrays = [np.concatenate(column) for column in columns]
    return _TrainingExamples._make([FeatureRows.concatenate(rows), *arrays, sum(n_mentions), sum(n_linked)])


def _make_examples(batch: FoldBatch, context: MentionContext, offset: int) -> _TrainingExamples:
    """Return the examples of a batch; offset: its position in all texts joined."""
    mentions = context.find_mentions()
    labels = batch.labels.take(mentions.numbers)
    labeled, rows, entries = batch.gold.expand_entries(labels)
    best, has_best = context.find_best_entries(mentions)
    is_right = np.zeros(len(labels), dtype=np.bool_)
    is_right[rows[has_best.take(rows) & (entries == best.take(rows))]] = True
    is_known = np.ones(len(labels), dtype=np.bool_)
    is_known[labeled] = batch.gold.has_id.take(labels.take(labeled))
    return _TrainingExamples(
        mention_model.stack_features(context, mentions),
        np.full(len(labels), batch.fold),
        batch.text.spans.starts.take(mentions.numbers) + offset,
        batch.text.spans.stops.take(mentions.numbers) + offset,
        is_known,
        has_best,
        labels >= 0,
        is_right,
        len(batch.gold.keys),
        batch.gold.n_linked,
    )


class _FittedModel(NamedTuple):
    """A model of mentions or links.

    Attributes:
        model: Its weights.
        threshold: The threshold that suits held-out spans.
        f1: F1 of held-out spans, with the threshold of each fold chosen on the others.
    """

    model: mention_model.MentionModel
    threshold: float
    f1: float


def _fit_model(
    examples: _TrainingExamples, is_right: BoolArray, n_gold: int, used: IntArray, rivals: IntArray
) -> _FittedModel:
    """Return a model that separates right spans from wrong ones.

    Args:
        examples: All spans.
        is_right: Which of them are right.
        n_gold: Number of right spans, with those that are missing among the examples.
        used: The spans to learn from.
        rivals: The spans that F1 counts, unless a better one overlaps.
    """
    scores = np.zeros(len(is_right))
    folds = examples.folds.take(used)
    for fold in range(N_FOLDS):
        inside, outside = used[folds != fold], used[folds == fold]
        weights = _fit_weights(examples.rows.select(inside), is_right[inside])
        scores[outside] = mention_model.score_rows(weights, examples.rows.select(outside))
    kept = rivals[overlaps.resolve_overlaps("best", examples.starts[rivals], examples.stops[rivals], scores[rivals])]
    folds = examples.folds.take(kept)
    n_kept = n_right = 0
    for fold in range(N_FOLDS):
        others, own = kept[folds != fold], kept[folds == fold]
        threshold = _shrink_threshold(scores[others], is_right[others], n_gold * (N_FOLDS - 1) // N_FOLDS)
        own = own[scores[own] >= threshold]
        n_kept, n_right = n_kept + len(own), n_right + int(is_right[own].sum())
    f1 = 2.0 * n_right / max(n_kept + n_gold, 1)
    threshold = _shrink_threshold(scores[kept], is_right[kept], n_gold)
    weights = _fit_weights(examples.rows.select(used), is_right[used])
    return _FittedModel(mention_model.MentionModel(weights.dense, weights.hashed.astype(np.float32)), threshold, f1)


def _fit_weights(rows: FeatureRows, is_right: BoolArray) -> LogisticWeights:
    return fit_logistic_regression(rows, is_right, N_COLUMNS, mention_features.PRIOR_WEIGHTS, _PENALTIES)


def _shrink_threshold(scores: FloatArray, is_right: BoolArray, n_gold: int) -> float:
    """Return the best threshold, near the untrained one if few mentions are labeled."""
    best, _ = find_best_threshold(scores, is_right, n_gold)
    return (n_gold * best + _PRIOR_MENTIONS * _PRIOR_THRESHOLD) / (n_gold + _PRIOR_MENTIONS)


def find_best_threshold(scores: FloatArray, is_right: BoolArray, n_gold: int) -> tuple[float, float]:
    """Return the threshold with the best F1, and this F1.

    Args:
        scores: The score of each span.
        is_right: Which spans are right.
        n_gold: Number of right spans, with missing ones.
    """
    order = np.argsort(-scores, kind="stable")
    if not len(order):
        return 0.5, 0.0
    ordered = scores.take(order)
    f1 = 2.0 * np.cumsum(is_right.take(order)) / (np.arange(1, len(order) + 1) + n_gold)
    f1[:-1][ordered[:-1] == ordered[1:]] = -1.0  # equal scores are kept or dropped together
    best = int(np.argmax(f1))
    if not f1[best] > 0:
        return 1.0, 0.0
    lower = ordered[best + 1] if best + 1 < len(ordered) else 0.0
    return float(ordered[best] + lower) / 2, float(f1[best])  # halfway to the next score
