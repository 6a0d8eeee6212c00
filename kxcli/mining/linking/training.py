"""Labelled texts -> a model.

Whatever is learned from counts is learned from counts of other texts: the texts are parted into folds, and the features
of each fold's texts come from statistics, and from a tagger, of the other folds (Wolpert 1992, "Stacked
generalization").  Otherwise a name that was labelled once would seem to be always right.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kxcli.mining.linking import mentioning, overlaps, signals, tagging
from kxcli.mining.linking.candidates import PRIOR_WEIGHTS, Candidates, candidates, ranked
from kxcli.mining.linking.context import Context
from kxcli.mining.linking.folding import BORDER, Places, fold_names
from kxcli.mining.linking.kb import KnowledgeBase
from kxcli.mining.linking.learners import Sparse, Weights, logistic_regression, ranking
from kxcli.mining.linking.marks import N_COLUMNS
from kxcli.mining.linking.model import Model, lexicon
from kxcli.mining.linking.parsing import Lexicon, Parsed, parsed
from kxcli.mining.linking.ragged import expanded
from kxcli.mining.linking.statistics import Counts, Floats, Statistics
from kxcli.mining.linking.tagging import Spans as Tagged
from kxcli.mining.linking.together import together

FOLDS = 5
_RANKING_PENALTY = 2.0
_PENALTIES = (1.0, 3.0)  # of dense and of hashed columns
_GAIN = 0.005  # of an F1 that a tagger is worth having for
_HALF = np.int64(32)


class Marked(NamedTuple):
    """A labelled mention, from the character `start` to before `stop`.

    ids: of the entries that are right, none for NIL.  has_id: whether it is told at all what it means.
    """

    start: int
    stop: int
    ids: tuple[str, ...]
    has_id: bool


class LabelledText(NamedTuple):
    """A text with all its mentions."""

    text: str
    mentions: Sequence[Marked]


@dataclass(frozen=True)
class Gold:
    """The labelled mentions of some texts that are parsed together, by where they are in the source.

    keys: begin and end, ascending.  starts, entries: the right entries of each.  has_id: whether it is told what it is.
    n_linked: those that mean an entry, also one that the knowledge base lacks.
    """

    keys: Places
    starts: Places
    entries: Places
    has_id: npt.NDArray[np.bool_]
    n_linked: int

    def of(self, text: Parsed) -> Places:
        """Return the number of the labelled mention that each span is, -1 for none."""
        wanted = (text.spans.begins << _HALF) | text.spans.ends
        if not len(self.keys):
            return np.full(len(wanted), -1)
        at = np.searchsorted(self.keys, wanted).clip(max=len(self.keys) - 1)
        return np.where(self.keys.take(at) == wanted, at, -1)


@dataclass
class Piece:
    """Some texts of one fold, and what is computed of them on the way."""

    fold: int
    parsed: Parsed
    gold: Gold
    of_spans: Places
    context: Context | None = None


class Trained(NamedTuple):
    """A model, and how good it is for labelled texts that it was not trained on: the F1 of mentions, and of links."""

    model: Model
    mention_f1: float
    link_f1: float


def train(base: KnowledgeBase, labelled: Sequence[LabelledText]) -> Trained:
    """Return the model of labelled texts; cost in time and memory in proportion to their length.

    A tagger, which takes most of the time, is part of it if mentions or links are clearly better with it.
    Raises `ValueError` where no text has a mention, or one that is not within it.
    """
    if not any(one.mentions for one in labelled):
        raise ValueError("no labelled text has a mention to learn from")
    for number, (text, marked) in enumerate(labelled):
        if not all(0 <= mark.start < mark.stop <= len(text) for mark in marked):
            raise ValueError(f"text {number} has a mention that is not within it")
    known = lexicon(base, _unlisted(base, labelled))
    numbers = {name: number for number, name in enumerate(base.ids.all())}
    folds = _folds(labelled)
    plain = _trained(base, labelled, folds, known, numbers, None)
    texts = [one.text for one in labelled]
    mentions = [[(mark.start, mark.stop) for mark in one.mentions] for one in labelled]
    tagger, held_out = tagging.train(texts, mentions, folds)
    tagged = _trained(base, labelled, folds, known, numbers, held_out)
    if max(tagged.mention_f1 - plain.mention_f1, tagged.link_f1 - plain.link_f1) < _GAIN:
        return plain
    return tagged._replace(model=replace(tagged.model, tagger=tagger))


def _trained(
    base: KnowledgeBase,
    labelled: Sequence[LabelledText],
    folds: Places,
    known: Lexicon,
    numbers: dict[str, int],
    tagged: Tagged | None,
) -> Trained:
    """Return what is learned from spans, those of a tagger among them."""
    pieces = _pieces(labelled, folds, known, numbers, tagged)
    counts = [_counts(piece) for piece in pieces]
    for fold in range(FOLDS):
        others = [count for piece, count in zip(pieces, counts, strict=True) if piece.fold != fold]
        held_out = Statistics.of(others, len(base.ids))
        for piece in pieces:
            if piece.fold == fold:
                found = candidates(base, held_out, piece.parsed, PRIOR_WEIGHTS)
                piece.context = Context(base, held_out, piece.parsed, found, ranked(found, PRIOR_WEIGHTS))
    weights = _ranking(pieces)
    examples = _Examples.of(pieces, weights)
    everything = np.arange(len(examples.folds))
    mention = _learned(examples, examples.is_mention, examples.n_mentions, everything, everything)
    link = mention
    if any(piece.gold.has_id.any() for piece in pieces):
        told = np.flatnonzero(examples.is_told)
        rivals = told[examples.has_best[told]]
        link = _learned(examples, examples.is_right, examples.n_linked, told, rivals)
    statistics = Statistics.of(counts, len(base.ids))
    model = Model(statistics, known, weights, mention.model, link.model, link.threshold, mention.threshold, None)
    return Trained(model, mention.f1, link.f1)


def _unlisted(base: KnowledgeBase, labelled: Sequence[LabelledText]) -> list[str]:
    """Return the folded mentions that are no names of the knowledge base, in the order of the texts."""
    found = dict.fromkeys(text[mark.start : mark.stop] for text, marks in labelled for mark in marks)
    names = [name for name in dict.fromkeys(fold_names([*found])) if name]
    codes = np.frombuffer(BORDER.join([*names, ""]).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    matches = base.names.matches(codes)
    lengths = np.fromiter(map(len, names), dtype=np.int64, count=len(names))
    starts = np.cumsum(lengths + 1) - lengths - 1
    numbers = np.searchsorted(starts, matches.starts, side="right") - 1
    is_whole = (matches.starts == starts.take(numbers)) & (matches.stops - matches.starts == lengths.take(numbers))
    is_listed = np.zeros(len(names), dtype=np.bool_)
    is_listed[numbers[is_whole]] = True
    return [name for name, skip in zip(names, is_listed.tolist(), strict=True) if not skip]


def _folds(labelled: Sequence[LabelledText]) -> Places:
    """Return the fold of each text: the same for equal ones."""
    distinct: dict[str, int] = {}
    return np.array([distinct.setdefault(one.text, len(distinct)) % FOLDS for one in labelled], dtype=np.int64)


def _pieces(
    labelled: Sequence[LabelledText], folds: Places, known: Lexicon, numbers: dict[str, int], tagged: Tagged | None
) -> list[Piece]:
    """Return the texts in pieces of one fold each."""
    pieces = []
    for fold in range(FOLDS):
        for part in together(np.flatnonzero(folds == fold).tolist(), lambda one: len(labelled[one].text)):
            texts = [labelled[one] for one in part]
            text = parsed([one.text for one in texts], known, None if tagged is None else _chosen(tagged, part))
            gold = _gold(texts, text, numbers)
            pieces.append(Piece(fold, text, gold, gold.of(text)))
    return pieces


def _chosen(tagged: Tagged, texts: Sequence[int]) -> Tagged:
    """Return the spans of some texts, ascending, which are numbered from 0."""
    ordered = np.array(texts)
    at = np.searchsorted(ordered, tagged.texts).clip(max=len(ordered) - 1)
    kept = np.flatnonzero(ordered.take(at) == tagged.texts)
    starts, stops = tagged.starts.take(kept), tagged.stops.take(kept)
    return Tagged(at.take(kept), starts, stops, tagged.probabilities.take(kept))


def _gold(part: Sequence[LabelledText], text: Parsed, numbers: dict[str, int]) -> Gold:
    rows = sorted(
        ((start + mark.start) << 32 | start + mark.stop, mark)
        for start, one in zip(text.whole.starts.tolist(), part, strict=True)
        for mark in one.mentions
    )
    entries = [[numbers[one] for one in mark.ids if one in numbers] for _, mark in rows]
    sizes = np.fromiter(map(len, entries), dtype=np.int64, count=len(entries))
    return Gold(
        np.array([key for key, _ in rows], dtype=np.int64),
        np.concatenate(([0], np.cumsum(sizes))),
        np.array([entry for own in entries for entry in own], dtype=np.int64),
        np.array([mark.has_id for _, mark in rows], dtype=np.bool_),
        sum(bool(mark.ids) for _, mark in rows),
    )


def _counts(piece: Piece) -> Counts:
    """Return what a piece says of its names."""
    groups, of_spans = piece.parsed.groups, piece.of_spans
    n = len(groups.texts)
    owners = piece.parsed.spans.groups
    labelled = np.flatnonzero(of_spans >= 0)
    at, rows = expanded(of_spans.take(labelled), piece.gold.starts)
    return Counts(
        groups.keys,
        groups.n_spans,
        np.bincount(owners.take(labelled), minlength=n),
        groups.keys.take(owners.take(labelled.take(rows))),
        piece.gold.entries.take(at),
    )


def _ranking(pieces: Sequence[Piece]) -> Floats:
    """Return the weights of the ranking, from groups that have right candidates and wrong ones."""
    features, sizes, right = [], [], []
    for piece in pieces:
        found = _found(piece)
        labelled = np.flatnonzero(piece.of_spans >= 0)
        at, rows = expanded(piece.of_spans.take(labelled), piece.gold.starts)
        groups = piece.parsed.spans.groups.take(labelled.take(rows))
        is_right = np.isin((found.owners << _HALF) | found.entries, (groups << _HALF) | piece.gold.entries.take(at))
        n = len(found.starts) - 1
        n_right = np.bincount(found.owners, is_right, minlength=n)
        is_used = (n_right > 0) & (n_right < np.diff(found.starts))
        rows = np.flatnonzero(is_used.take(found.owners))
        features.append(found.features[:, rows].T)
        sizes.append(np.diff(found.starts)[is_used])
        right.append(is_right[rows])
    starts = np.concatenate(([0], np.cumsum(np.concatenate(sizes))))
    if len(starts) == 1:
        return PRIOR_WEIGHTS
    return ranking(np.concatenate(features), starts, np.concatenate(right), PRIOR_WEIGHTS, _RANKING_PENALTY)


def _found(piece: Piece) -> Candidates:
    assert piece.context is not None
    return piece.context.candidates


class _Examples(NamedTuple):
    """All spans to learn from.

    folds: of each.  starts, stops: in one running text of all.  is_told: whether it is known what it means, or that it
    is no mention.  has_best: whether it has a candidate; is_mention: whether it is labelled; is_right: whether it means
    its best candidate.  n_mentions, n_linked: labelled ones, also
    those that are no spans, and how many of them mean an entry.
    """

    rows: Sparse
    folds: Places
    starts: Places
    stops: Places
    is_told: npt.NDArray[np.bool_]
    has_best: npt.NDArray[np.bool_]
    is_mention: npt.NDArray[np.bool_]
    is_right: npt.NDArray[np.bool_]
    n_mentions: int
    n_linked: int

    @classmethod
    def of(cls, pieces: Sequence[Piece], weights: Floats) -> "_Examples":
        parts: list[tuple[Any, ...]] = []
        offset = 0
        for piece in pieces:
            assert piece.context is not None
            old = piece.context
            context = Context(old.base, old.statistics, old.text, old.candidates, ranked(old.candidates, weights))
            spoken = context.spoken()
            labels = piece.of_spans.take(spoken.numbers)
            labelled = np.flatnonzero(labels >= 0)
            at, rows = expanded(labels.take(labelled), piece.gold.starts)
            rows = labelled.take(rows)
            best = np.full(len(labels), -1)
            has_best = spoken.best >= 0
            best[has_best] = context.ranked.entries.take(spoken.best[has_best])
            is_right = np.zeros(len(labels), dtype=np.bool_)
            is_right[rows[piece.gold.entries.take(at) == best.take(rows)]] = True
            is_told = np.ones(len(labels), dtype=np.bool_)
            is_told[labelled] = piece.gold.has_id.take(labels.take(labelled))
            spans = piece.parsed.spans
            found = mentioning.features(context, spoken)
            parts.append(
                (
                    found.dense,
                    found.hashed,
                    np.full(len(labels), piece.fold),
                    spans.starts.take(spoken.numbers) + offset,
                    spans.stops.take(spoken.numbers) + offset,
                    is_told,
                    has_best,
                    labels >= 0,
                    is_right,
                )
            )
            offset += len(piece.parsed.whole.codes)
        dense, hashed, folds, starts, stops, is_told, has_best, is_mention, is_right = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
        examples = Sparse(dense, hashed)
        n_mentions, n_linked = sum(len(one.gold.keys) for one in pieces), sum(one.gold.n_linked for one in pieces)
        return cls(examples, folds, starts, stops, is_told, has_best, is_mention, is_right, n_mentions, n_linked)


class _Learned(NamedTuple):
    """A model, the threshold that is best for spans of folds that it was not trained on, and the F1 there.

    f1: with a threshold for each fold that was chosen on the others.
    """

    model: mentioning.Model
    threshold: float
    f1: float


def _learned(
    examples: _Examples, is_right: npt.NDArray[np.bool_], n_gold: int, used: Places, rivals: Places
) -> _Learned:
    """Return what tells the right ones of some spans; of `rivals`, those that overlap better ones do not count."""
    scores = np.zeros(len(is_right))
    folds = examples.folds.take(used)
    for fold in range(FOLDS):
        inside, outside = used[folds != fold], used[folds == fold]
        weights = _fitted(examples.rows.chosen(inside), is_right[inside])
        scores[outside] = mentioning.score(weights, examples.rows.chosen(outside))
    kept = rivals[overlaps.kept("best", examples.starts[rivals], examples.stops[rivals], scores[rivals])]
    folds = examples.folds.take(kept)
    n_kept = n_right = 0
    for fold in range(FOLDS):
        others, own = kept[folds != fold], kept[folds == fold]
        threshold, _ = best_threshold(scores[others], is_right[others], n_gold * (FOLDS - 1) // FOLDS)
        own = own[scores[own] >= threshold]
        n_kept, n_right = n_kept + len(own), n_right + int(is_right[own].sum())
    f1 = 2.0 * n_right / max(n_kept + n_gold, 1)
    threshold, _ = best_threshold(scores[kept], is_right[kept], n_gold)
    weights = _fitted(examples.rows.chosen(used), is_right[used])
    return _Learned(mentioning.Model(weights.dense, weights.hashed.astype(np.float32)), threshold, f1)


def _fitted(rows: Sparse, is_right: npt.NDArray[np.bool_]) -> Weights:
    return logistic_regression(rows, is_right, N_COLUMNS, signals.PRIOR_WEIGHTS, _PENALTIES)


def best_threshold(scores: Floats, is_right: npt.NDArray[np.bool_], n_gold: int) -> tuple[float, float]:
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
