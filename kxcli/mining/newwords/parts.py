"""Words that are mostly part of one longer word."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from kxcli.arrays import IntArray
from kxcli.mining.newwords.chains import Link
from kxcli.mining.newwords.entries import LexiconTable
from kxcli.mining.newwords.spelling import Spellings

PART_SHARE = 0.8  # of the occurrences of a part, within one longer word
MIN_SHARE = 0.5  # that is reported


class Whole(NamedTuple):
    """A longer word that a word is part of.

    Attributes:
        part: The part.
        word: The longer word.
        share: Share of the occurrences of the part that are within this word.
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
        wholes = (Whole(part, link.word, min(1.0, link.count / n)) for link in chain)
        found += [whole for whole in wholes if whole.share >= PART_SHARE and whole.word in known][:1]
    return found


def find_wholes_in(parts: LexiconTable, longer: LexiconTable, counts: IntArray) -> Iterator[Whole]:
    """Yield each longer word with half or more of the occurrences of a part.

    Args:
        parts: Words.
        longer: Longer words.
        counts: The occurrences of these.
    """
    occurrences = dict(zip(parts.words, parts.occurrences.tolist(), strict=True))
    for word, n, pieces in zip(longer.words, counts.tolist(), iter_pieces(longer), strict=True):
        for part, times in Counter(piece for piece in pieces if piece in occurrences).items():
            if n * times >= MIN_SHARE * occurrences[part]:
                yield Whole(part, word, min(1.0, n * times / occurrences[part]))


def choose_wholes(wholes: Iterable[Whole]) -> dict[str, Whole]:
    """Return for each part the longer word with the largest share."""
    found: dict[str, Whole] = {}
    for whole in wholes:
        if whole.part not in found or found[whole.part].share < whole.share:
            found[whole.part] = whole
    return found


def iter_pieces(lexicon: LexiconTable) -> Iterator[list[str]]:
    """Yield the pieces of each word without the word, from one unit on.

    A piece that occurs twice in a word is there twice. A run has no pieces.
    """
    lengths = Spellings.from_words(lexicon.words, lexicon.alphabet).lengths.tolist()
    for word, length in zip(lexicon.words, lengths, strict=True):
        units: Sequence[str] = word
        if length != len(word):
            units = lexicon.alphabet.spell(lexicon.alphabet.split_word(word)) if length > 1 else [word]
        spans = ((start, stop) for start in range(length) for stop in range(start + 1, length + (start > 0)))
        yield ["".join(units[start:stop]) for start, stop in spans]
