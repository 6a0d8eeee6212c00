"""Words that are mostly parts of longer words."""

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from kxcli.mining.newwords.chains import Link
from kxcli.mining.newwords.entries import LexiconTable

PART_SHARE = 0.8  # of the occurrences of a part, within longer words
MIN_SHARE = 0.5  # that is reported


class Whole(NamedTuple):
    """A longer word that a word is part of.

    Attributes:
        part: The part.
        word: The longer word.
        share: Share of the occurrences of the part that are within this word, or within longer words of the cut.
    """

    part: str
    word: str
    share: float


def find_known_wholes(parts: LexiconTable, chains: Iterable[Sequence[Link]], known: Container[str]) -> list[Whole]:
    """Return the known word that each part is part of, if there is one.

    Args:
        parts: Words.
        chains: For each word, ever longer words.
        known: Known words.
    """
    found = []
    for part, n, chain in zip(parts.words, parts.occurrences.tolist(), chains, strict=True):
        wholes = (Whole(part, link.word, link.count / n) for link in chain)
        found += [whole for whole in wholes if whole.share >= PART_SHARE and whole.word in known][:1]
    return found


def find_wholes_in_cut(parts: LexiconTable, n_within: Iterable[int], lexicon: LexiconTable) -> Iterator[Whole]:
    """Yield the words of the cut with half or more of the occurrences of parts.

    Args:
        parts: Words.
        n_within: How often each is within longer words of the cut.
        lexicon: The words of the cut.
    """
    rows = zip(parts.words, parts.occurrences.tolist(), n_within, strict=True)
    shares = {part: n / occurrences for part, occurrences, n in rows if n >= MIN_SHARE * occurrences}
    most: dict[str, tuple[int, str]] = {}
    for word, count in zip(lexicon.words, lexicon.counts.tolist(), strict=True):
        for part in shares.keys() & _find_pieces(word):
            if most.get(part, (0, ""))[0] < count:
                most[part] = count, word
    for part, (_, word) in most.items():
        yield Whole(part, word, shares[part])


def find_wholes_in(parts: LexiconTable, longer: LexiconTable) -> Iterator[Whole]:
    """Yield the longer words that have half or more of the occurrences of a part."""
    occurrences = dict(zip(parts.words, parts.occurrences.tolist(), strict=True))
    for word, n in zip(longer.words, longer.occurrences.tolist(), strict=True):
        for part in occurrences.keys() & _find_pieces(word):
            if n >= MIN_SHARE * occurrences[part]:
                yield Whole(part, word, n / occurrences[part])


def choose_wholes(wholes: Iterable[Whole]) -> dict[str, Whole]:
    """Return for each part the longer word with the largest share."""
    found: dict[str, Whole] = {}
    for whole in wholes:
        if whole.part not in found or found[whole.part].share < whole.share:
            found[whole.part] = whole
    return found


def _find_pieces(word: str) -> set[str]:
    """Return the pieces of two or more characters of a word, without the word."""
    length = len(word)
    return {word[start:stop] for start in range(length - 1) for stop in range(start + 2, length + (start > 0))}
