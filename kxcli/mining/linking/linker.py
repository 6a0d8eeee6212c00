"""The linker: texts -> mentions with entries."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Literal, NamedTuple, get_args

import numpy as np

from kxcli.arrays import BoolArray, FloatArray, IntArray, NamedArrays
from kxcli.arrays.ragged import compute_starts, expand_ranges
from kxcli.batching import iter_batches
from kxcli.mining.arguments import check_choice, check_list, check_type, iter_strings
from kxcli.mining.linking.candidates.candidate_features import PRIOR_WEIGHTS, RankedCandidates
from kxcli.mining.linking.candidates.lookup import find_candidates
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

NIL = "NIL"  # the id of a mention without an entry
_DIGITS = 4  # decimals of a score


@dataclass(frozen=True)
class Linking:
    """How mentions are linked.

    Attributes:
        overlap: Which of overlapping mentions are kept: the longest one first, the one with the best score first, or
            all of them.
        nil: Whether mentions below the threshold are kept without an entry, if they overlap no linked one.
        nil_threshold: The score below which a mention has no entry; None for that of the model, .5 without one.
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
    """A name in a text.

    Attributes:
        start: First character.
        stop: End, exclusive.
        entry: The id of the entry, `NIL` if there is none.
        score: From 0 to 1.
        candidates: The ids of all candidates with their scores, the best first.
    """

    start: int
    stop: int
    entry: str
    score: float
    candidates: tuple[tuple[str, float], ...]


class LinkedMentions(NamedTuple):
    """The mentions of some texts, by text, start and stop.

    Attributes:
        texts: The number of each one's text.
        starts, stops: Its characters.
        entries: The number of its entry, -1 if there is none.
        scores: From 0 to 1.
        forms: The number of its surface form, whose candidates are in `ranked`.
        ranked: The candidates of all surface forms.
        scales: The factor from the share of a candidate to its score.
    """

    texts: IntArray
    starts: IntArray
    stops: IntArray
    entries: IntArray
    scores: FloatArray
    forms: IntArray
    ranked: RankedCandidates
    scales: FloatArray

    def list_candidates(self, number: int) -> list[tuple[int, float]]:
        """Return the candidates of a mention with their scores, the best first."""
        form = int(self.forms[number])
        start, stop = self.ranked.starts[form : form + 2].tolist()
        scores = np.round(self.ranked.shares[start:stop] * self.scales[number], _DIGITS)
        return list(zip(self.ranked.entries[start:stop].tolist(), scores.tolist(), strict=True))

    def list_runners_up(self, max_count: int) -> tuple[IntArray, IntArray, FloatArray]:
        """Return the best candidates of each mention other than its entry.

        Returns:
            Where those of each mention start and where the last ones end; their entries; their scores.
        """
        firsts = self.ranked.starts.take(self.forms) + (self.entries >= 0)
        sizes = np.minimum(self.ranked.starts.take(self.forms + 1) - firsts, max_count)
        at = expand_ranges(firsts, sizes)
        scores = np.round(self.ranked.shares.take(at) * np.repeat(self.scales, sizes), _DIGITS)
        return compute_starts(sizes), self.ranked.entries.take(at), scores


def link_texts(model: LinkingModel, texts: Sequence[str], linking: Linking) -> LinkedMentions:
    """Return the mentions of texts."""
    tagged = None if model.tagger is None else model.tagger.find_spans(texts)
    text = parse_texts(texts, model.lexicon, tagged)
    base = model.lexicon.base
    found = find_candidates(base, model.statistics, text, PRIOR_WEIGHTS)
    ranked = found.rank(model.ranking)
    context = MentionContext(base, model.statistics, text, found, ranked)
    mentions = context.find_mentions()
    models = [model.mention, model.link] if model.has_link_model else [model.mention]
    mention_scores, link_scores = (mention_model.score_mentions(context, mentions, models) * 2)[:2]
    kept, is_linked = _select_mentions(model, linking, text, mentions, mention_scores, link_scores)
    best = mentions.best[kept]
    entries = np.full(len(kept), -1)
    entries[is_linked] = ranked.entries.take(best[is_linked])
    shares = np.ones(len(kept))
    shares[best >= 0] = ranked.shares.take(best[best >= 0])
    scores: FloatArray = np.where(is_linked, link_scores[kept], mention_scores[kept])
    spans = text.spans.select(mentions.numbers[kept])
    numbers, starts = text.folded.locate(spans.begins)
    return LinkedMentions(
        numbers,
        starts,
        starts + spans.ends - spans.begins,
        entries,
        np.round(scores, _DIGITS),
        mentions.forms[kept],
        ranked,
        link_scores[kept] / shares,
    )


def _select_mentions(
    model: LinkingModel,
    linking: Linking,
    text: ParsedTexts,
    mentions: MentionCandidates,
    mention_scores: FloatArray,
    link_scores: FloatArray,
) -> tuple[IntArray, BoolArray]:
    """Return the positions of the kept mentions, and whether each is linked.

    A mention without an entry never displaces one with an entry.
    """
    threshold = model.threshold if linking.nil_threshold is None else linking.nil_threshold
    is_linked = (mentions.best >= 0) & (link_scores >= threshold)
    starts, stops = text.spans.starts.take(mentions.numbers), text.spans.stops.take(mentions.numbers)
    scores = np.where(is_linked, link_scores, mention_scores)

    def resolve(which: IntArray) -> IntArray:
        return which[overlaps.resolve_overlaps(linking.overlap, starts[which], stops[which], scores[which])]

    kept = resolve(np.flatnonzero(is_linked))
    if linking.nil == "keep":
        others = np.flatnonzero(~is_linked & (mention_scores >= model.mention_threshold))
        if linking.overlap != "all" and len(others):
            n_occupied = np.zeros(int(stops.max()) + 1, dtype=np.int64)  # characters of linked mentions, cumulative
            n_occupied[expand_ranges(starts[kept], stops[kept] - starts[kept]) + 1] = 1
            n_occupied = np.cumsum(n_occupied)
            others = others[n_occupied[stops[others]] == n_occupied[starts[others]]]
        kept = np.sort(np.concatenate((kept, resolve(others))))
    return kept, is_linked[kept]


class Linker:
    """Links texts to a knowledge base, with a model after `train` or `load_model`.

    Attributes:
        linking: How mentions are linked.
        skipped: The entries that could not be used, by their numbers from 1.
        model: The model.
    """

    def __init__(self, entries: Iterable[Entry], linking: Linking | None = None) -> None:
        check_list("entries", entries, "entries", Iterable)
        if linking is not None:
            check_type("linking", linking, Linking)
        self.linking = linking or Linking()
        self.skipped = SkippedEntries()
        base = compile_entries(enumerate(_iter_checked(entries), 1), self.skipped)
        self.model = LinkingModel.from_prior(base)

    @classmethod
    def from_model(cls, model: LinkingModel, linking: Linking) -> "Linker":
        """Return a linker with a model."""
        linker = cls.__new__(cls)
        linker.linking, linker.skipped, linker.model = linking, SkippedEntries(), model
        return linker

    def train(self, labeled: Sequence[LabeledText]) -> TrainingResult:
        """Learn from labeled texts, replacing the model; return its quality.

        Raises:
            TypeError: An item is no labeled text.
            ValueError: A mention is outside of its text, or no text has a mention.
        """
        check_list("labeled", labeled, "labeled texts")
        labeled = [*labeled]
        for number, one in enumerate(labeled):
            check_type(f"labeled[{number}]", one, LabeledText)
            one.check(f"labeled[{number}]")
        result = train(self.model.lexicon.base, labeled)
        self.model = result.model
        return result

    def load_model(self, arrays: NamedArrays) -> None:
        """Use the model with some arrays; raises `ModelError`.

        `model.arrays()` returns such arrays, and `--train` writes them.
        """
        self.model = LinkingModel.from_arrays(arrays, self.model.lexicon.base)

    def link(self, texts: Iterable[str]) -> list[list[Mention]]:
        """Return the mentions of each text; raises `TypeError` for other values."""
        check_list("texts", texts, "texts", Iterable)
        mentions: list[list[Mention]] = []
        for batch in iter_batches(iter_strings("texts", texts), lambda text: len(text) + 1):
            mentions += self._link_batch(batch)
        return mentions

    def _link_batch(self, texts: Sequence[str]) -> list[list[Mention]]:
        mentions: list[list[Mention]] = [[] for _ in texts]
        found = link_texts(self.model, texts, self.linking)
        ids = self.model.lexicon.base.ids
        columns = (found.texts, found.starts, found.stops, found.entries, found.scores)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        for number, (text, start, stop, entry, score) in enumerate(rows):
            candidates = tuple((ids[one], value) for one, value in found.list_candidates(number))
            mentions[text].append(Mention(start, stop, ids[entry] if entry >= 0 else NIL, score, candidates))
        return mentions


def _iter_checked(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield entries; raises `TypeError` or `ValueError` for a wrong one."""
    seen = set[str]()
    for number, entry in enumerate(entries):
        check_type(f"entries[{number}]", entry, Entry)
        entry.check(f"entries[{number}]")
        if entry.id == NIL:
            raise ValueError(f"entries[{number}].id is {NIL!r}, which stands for no entry")
        if entry.id in seen:
            raise ValueError(f"entries[{number}].id: two entries have the id {entry.id!r}")
        seen.add(entry.id)
        yield entry
