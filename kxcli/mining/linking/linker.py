"""Texts -> mentions with entries, many texts at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from kxcli.mining.linking import overlaps
from kxcli.mining.linking.compiling import Entry, Trouble, compiled
from kxcli.mining.linking.folding import Places, folded
from kxcli.mining.linking.kb import KnowledgeBase
from kxcli.mining.linking.mentioning import scored
from kxcli.mining.linking.names import Matches, mentions
from kxcli.mining.linking.overlaps import Overlap
from kxcli.mining.linking.ranking import Floats, Groups, Ranked, ranked, stretches

NIL = "NIL"  # the id of what is no entry
TOGETHER = 1 << 16  # characters of texts linked at a time: what is computed of them stays in a core's cache
_DIGITS = 4  # of a score


@dataclass(frozen=True)
class Linking:
    """How mentions are linked.

    overlap: which of the mentions that overlap stay: again and again the longest, or the best; or all of them.
    nil: whether mentions that score less than `nil_threshold` are kept, without an entry, where no other one is.
    """

    overlap: Overlap = "best"
    nil: Literal["keep", "drop"] = "keep"
    nil_threshold: float = 0.5


class Mention(NamedTuple):
    """A name in a text, from the character `start` to before `stop`; `entry` is `NIL` where it has none.

    score: from 0 to 1.  candidates: all entries it may mean with their scores, the best first.
    """

    start: int
    stop: int
    entry: str
    score: float
    candidates: tuple[tuple[str, float], ...]


class Linked(NamedTuple):
    """The mentions of some texts, by text, start and stop.

    texts: the number of the text.  starts, stops: in the text.  entries: numbers of entries, -1 for none.
    groups: the number of each mention's candidates in `ranked`, whose shares times `scales` are their scores.
    """

    texts: Places
    starts: Places
    stops: Places
    entries: Places
    scores: Floats
    groups: Places
    ranked: Ranked
    scales: Floats

    def candidates(self, number: int, most: int | None = None) -> list[tuple[int, float]]:
        """Return the entries that a mention may mean, the best first, with their scores."""
        group = int(self.groups[number])
        start, stop = self.ranked.starts[group : group + 2].tolist()
        stop = stop if most is None else min(stop, start + most)
        scores = np.round(self.ranked.shares[start:stop] * self.scales[number], _DIGITS)
        return list(zip(self.ranked.entries[start:stop].tolist(), scores.tolist(), strict=True))


def linked(base: KnowledgeBase, texts: Sequence[str], linking: Linking) -> Linked:
    """Return the mentions of texts."""
    whole = folded(texts)
    found = mentions(base.names, whole)
    numbers, _ = whole.located(found.starts)
    groups, of_mentions = Groups.of(numbers, found.names, len(base.names))
    candidates = ranked(base, whole, groups)
    n_candidates = np.diff(base.candidate_starts).take(found.names)
    scores = scored(base, whole, found, n_candidates, are_rivals=linking.overlap != "all")
    kept = _kept(found, scores, linking)
    scores, of_mentions = scores[kept], of_mentions[kept]
    firsts = candidates.starts.take(of_mentions)
    entries = candidates.entries.take(firsts) if len(kept) else np.empty(0, dtype=np.int64)
    shares = candidates.shares.take(firsts) if len(kept) else np.empty(0)
    entries[scores < linking.nil_threshold] = -1
    texts_of, offsets = whole.located(found.starts[kept])
    stops = offsets + found.stops[kept] - found.starts[kept]
    scales = scores / shares
    return Linked(texts_of, offsets, stops, entries, np.round(scores, _DIGITS), of_mentions, candidates, scales)


def _kept(found: Matches, scores: Floats, linking: Linking) -> Places:
    """Return the numbers of the mentions that stay; one without an entry takes no place from one that has it."""
    is_linked = scores >= linking.nil_threshold
    likely, unlikely = np.flatnonzero(is_linked), np.flatnonzero(~is_linked)

    def chosen(which: Places) -> Places:
        return which[overlaps.kept(linking.overlap, found.starts[which], found.stops[which], scores[which])]

    likely = chosen(likely)
    if linking.nil == "drop":
        return likely
    if linking.overlap != "all" and len(unlikely):
        taken = np.zeros(int(found.stops.max()) + 1, dtype=np.int64)
        taken[stretches(found.starts[likely], found.stops[likely] - found.starts[likely]) + 1] = 1
        taken = np.cumsum(taken)
        unlikely = chosen(unlikely[taken[found.stops[unlikely]] == taken[found.starts[unlikely]]])
    return np.sort(np.concatenate((likely, unlikely)))


class Linker:
    """A knowledge base that texts are linked to."""

    def __init__(self, entries: Iterable[Entry], linking: Linking | None = None) -> None:
        self.linking = linking or Linking()
        self.trouble = Trouble()  # what was left out of the entries, by their numbers from 1
        seen: dict[str, None] = {}
        self._base = compiled(enumerate(_first_of_each_id(entries, seen), 1), self.trouble)

    def link(self, texts: Iterable[str]) -> list[list[Mention]]:
        """Return the mentions of each text."""
        if isinstance(texts, str):
            raise TypeError("link wants a list of texts, not one text")
        found: list[list[Mention]] = []
        for part in together(texts, len):
            found += self._linked(part)
        return found

    def _linked(self, texts: Sequence[str]) -> list[list[Mention]]:
        result: list[list[Mention]] = [[] for _ in texts]
        part = linked(self._base, texts, self.linking)
        ids = self._base.ids
        for number, (text, start, stop, entry, score) in enumerate(
            zip(*(a.tolist() for a in (part.texts, part.starts, part.stops, part.entries, part.scores)), strict=True)
        ):
            candidates = tuple((ids[one], value) for one, value in part.candidates(number))
            result[text].append(Mention(start, stop, ids[entry] if entry >= 0 else NIL, score, candidates))
        return result


def _first_of_each_id(entries: Iterable[Entry], seen: dict[str, None]) -> Iterator[Entry]:
    for entry in entries:
        if entry.id in seen:
            raise ValueError(f"two entries have the id {entry.id!r}")
        seen[entry.id] = None
        yield entry


def together(things: Iterable[Any], length: Any) -> Iterator[list[Any]]:
    """Yield things in order, some together, each of so many characters by `length`."""
    held, size = list[Any](), 0
    for thing in things:
        held.append(thing)
        size += length(thing) + 1
        if size >= TOGETHER:
            yield held
            held, size = [], 0
    if held:
        yield held
