"""Texts -> mentions with entries, many texts at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Literal, NamedTuple, get_args

import numpy as np

from kxcli.arrays import FloatArray, IntArray, NamedArrays
from kxcli.arrays.ragged import expand_ranges, starts_of
from kxcli.batching import iter_batches
from kxcli.mining.arguments import check_choice, check_list, check_type, iter_strings
from kxcli.mining.linking.candidates.candidate_features import PRIOR_WEIGHTS
from kxcli.mining.linking.candidates.lookup import find_candidates
from kxcli.mining.linking.candidates.ranking import RankedCandidates, rank_candidates
from kxcli.mining.linking.kb.compiling import compile_entries
from kxcli.mining.linking.kb.entries import Entry, SkippedEntries
from kxcli.mining.linking.mentions import mention_model
from kxcli.mining.linking.mentions.mention_candidates import MentionCandidates, MentionContext
from kxcli.mining.linking.spans import overlaps
from kxcli.mining.linking.spans.overlaps import Overlap
from kxcli.mining.linking.spans.parsing import ParsedTexts, parse_texts
from kxcli.mining.linking.training.examples import LabeledText
from kxcli.mining.linking.training.linking_model import LinkingModel
from kxcli.mining.linking.training.train_model import TrainingResult, train

NIL = "NIL"  # the id of what is no entry
_DIGITS = 4  # of a score


@dataclass(frozen=True)
class Linking:
    """How mentions are linked.

    overlap: which of the mentions that overlap stay: again and again the longest, or the best; or all of them.
    nil: whether mentions that score less than `nil_threshold` are kept, without an entry, where no other one is.
    nil_threshold: None: as the model says, .5 without one.
    """

    overlap: Overlap = "best"
    nil: Literal["keep", "drop"] = "keep"
    nil_threshold: float | None = None

    def __post_init__(self) -> None:
        check_choice("overlap", self.overlap, get_args(Overlap))
        check_choice("nil", self.nil, ("keep", "drop"))
        if self.nil_threshold is not None:
            check_type("nil_threshold", self.nil_threshold, Real)
            if not 0 <= self.nil_threshold <= 1:
                raise ValueError(f"nil_threshold must be from 0 to 1, not {self.nil_threshold}")


class Mention(NamedTuple):
    """A name in a text, from the character `start` to before `stop`; `entry` is `NIL` where it has none.

    score: from 0 to 1.  candidates: all entries it may mean with their scores, the best first.
    """

    start: int
    stop: int
    entry: str
    score: float
    candidates: tuple[tuple[str, float], ...]


class LinkedMentions(NamedTuple):
    """The mentions of some texts, by text, start and stop.

    texts: the number of the text.  starts, stops: in the text.  entries: numbers of entries, -1 for none.
    forms: the number of each mention's candidates in `ranked`, whose shares times `scales` are their scores.
    """

    texts: IntArray
    starts: IntArray
    stops: IntArray
    entries: IntArray
    scores: FloatArray
    forms: IntArray
    ranked: RankedCandidates
    scales: FloatArray

    def candidates(self, number: int, most: int | None = None) -> list[tuple[int, float]]:
        """Return the entries that a mention may mean, the best first, with their scores."""
        group = int(self.forms[number])
        start, stop = self.ranked.starts[group : group + 2].tolist()
        stop = stop if most is None else min(stop, start + most)
        scores = np.round(self.ranked.shares[start:stop] * self.scales[number], _DIGITS)
        return list(zip(self.ranked.entries[start:stop].tolist(), scores.tolist(), strict=True))

    def runners_up(self, most: int) -> tuple[IntArray, IntArray, FloatArray]:
        """Return up to `most` other entries for every mention, and all it may mean where it has no entry.

        The first numbers tell where those of each mention start, and where the last ones end; then come the entries,
        the best of a mention first, and their scores.
        """
        firsts = self.ranked.starts.take(self.forms) + (self.entries >= 0)
        sizes = np.minimum(self.ranked.starts.take(self.forms + 1) - firsts, most)
        at = expand_ranges(firsts, sizes)
        scores = np.round(self.ranked.shares.take(at) * np.repeat(self.scales, sizes), _DIGITS)
        return starts_of(sizes), self.ranked.entries.take(at), scores


def link_texts(model: LinkingModel, texts: Sequence[str], linking: Linking) -> LinkedMentions:
    """Return the mentions of texts."""
    tagged = None if model.tagger is None else model.tagger.find_spans(texts)
    text = parse_texts(texts, model.lexicon, tagged)
    base = model.lexicon.base
    found = find_candidates(base, model.statistics, text, PRIOR_WEIGHTS)
    order = rank_candidates(found, model.ranking)
    context = MentionContext(base, model.statistics, text, found, order)
    mentions = context.find_mentions()
    models = [model.mention, model.link] if model.has_link_model else [model.mention]
    mention, link = (mention_model.score_mentions(context, mentions, models) * 2)[:2]
    kept, entries, scores = _kept(model, linking, text, mentions, order, mention, link)
    spans, forms = text.spans.select(mentions.numbers[kept]), mentions.forms[kept]
    texts_of, offsets = text.folded.located(spans.begins)
    shares = np.ones(len(kept))
    has_best = mentions.best[kept] >= 0
    shares[has_best] = order.shares.take(mentions.best[kept][has_best])
    stops = offsets + spans.ends - spans.begins
    return LinkedMentions(
        texts_of, offsets, stops, entries, np.round(scores, _DIGITS), forms, order, link[kept] / shares
    )


def _kept(
    model: LinkingModel,
    linking: Linking,
    text: ParsedTexts,
    mentions: MentionCandidates,
    order: RankedCandidates,
    mention: FloatArray,
    link: FloatArray,
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return the numbers of the mentions that stay, their entries and scores.

    A mention without an entry takes no place from one that has it.
    """
    threshold = model.threshold if linking.nil_threshold is None else linking.nil_threshold
    is_linked = (mentions.best >= 0) & (link >= threshold)
    starts, stops = text.spans.starts.take(mentions.numbers), text.spans.stops.take(mentions.numbers)
    entries = np.full(len(is_linked), -1)
    entries[is_linked] = order.entries.take(mentions.best[is_linked])
    scores = np.where(is_linked, link, mention)

    def chosen(which: IntArray) -> IntArray:
        return which[overlaps.resolve_overlaps(linking.overlap, starts[which], stops[which], scores[which])]

    likely = chosen(np.flatnonzero(is_linked))
    if linking.nil == "keep":
        unlikely = np.flatnonzero(~is_linked & (mention >= model.mention_threshold))
        if linking.overlap != "all" and len(unlikely):
            taken = np.zeros(int(stops.max()) + 1, dtype=np.int64)
            taken[expand_ranges(starts[likely], stops[likely] - starts[likely]) + 1] = 1
            taken = np.cumsum(taken)
            unlikely = unlikely[taken[stops[unlikely]] == taken[starts[unlikely]]]
        likely = np.sort(np.concatenate((likely, chosen(unlikely))))
    return likely, entries[likely], scores[likely]


class Linker:
    """A knowledge base that texts are linked to, after `train` also by what labelled texts taught."""

    def __init__(self, entries: Iterable[Entry], linking: Linking | None = None) -> None:
        check_list("entries", entries, "entries", Iterable)
        if linking is not None:
            check_type("linking", linking, Linking)
        self.linking = linking or Linking()
        self.skipped = SkippedEntries()  # what was left out of the entries, by their numbers from 1
        seen: dict[str, None] = {}
        base = compile_entries(enumerate(_first_of_each_id(entries, seen), 1), self.skipped)
        self.model = LinkingModel.from_prior(base)

    @classmethod
    def from_model(cls, model: LinkingModel, linking: Linking) -> "Linker":
        """Return a linker with a model that is there already."""
        linker = cls.__new__(cls)
        linker.linking, linker.skipped, linker.model = linking, SkippedEntries(), model
        return linker

    def train(self, labelled: Sequence[LabeledText]) -> TrainingResult:
        """Learn from labeled texts, replacing the model; return its quality.

        Raises `TypeError` or `ValueError` for what is no labeled text, or if none of them has a mention.
        """
        check_list("labelled", labelled, "labeled texts")
        labelled = [*labelled]
        for number, one in enumerate(labelled):
            check_type(f"labelled[{number}]", one, LabeledText)
            one.check(f"labelled[{number}]")
        trained = train(self.model.lexicon.base, labelled)
        self.model = trained.model
        return trained

    def load_model(self, arrays: NamedArrays) -> None:
        """Take a model by its arrays, as `model.arrays()` gives and `--train` writes them; raises `ModelError`."""
        self.model = LinkingModel.from_arrays(arrays, self.model.lexicon.base)

    def link(self, texts: Iterable[str]) -> list[list[Mention]]:
        """Return the mentions of each text; raises `TypeError` for other values."""
        found: list[list[Mention]] = []
        check_list("texts", texts, "texts", Iterable)
        for part in iter_batches(iter_strings("texts", texts), lambda text: len(text) + 1):
            found += self._linked(part)
        return found

    def _linked(self, texts: Sequence[str]) -> list[list[Mention]]:
        result: list[list[Mention]] = [[] for _ in texts]
        part = link_texts(self.model, texts, self.linking)
        ids = self.model.lexicon.base.ids
        for number, (text, start, stop, entry, score) in enumerate(
            zip(*(a.tolist() for a in (part.texts, part.starts, part.stops, part.entries, part.scores)), strict=True)
        ):
            candidates = tuple((ids[one], value) for one, value in part.candidates(number))
            result[text].append(Mention(start, stop, ids[entry] if entry >= 0 else NIL, score, candidates))
        return result


def _first_of_each_id(entries: Iterable[Entry], seen: dict[str, None]) -> Iterator[Entry]:
    for number, entry in enumerate(entries):
        check_type(f"entries[{number}]", entry, Entry)
        entry.check(f"entries[{number}]")
        if entry.id == NIL:
            raise ValueError(f"entries[{number}].id is {NIL!r}, which stands for no entry")
        if entry.id in seen:
            raise ValueError(f"entries[{number}].id: two entries have the id {entry.id!r}")
        seen[entry.id] = None
        yield entry
