"""Names found by their words alone: in whatever order, in singular or plural, whatever function words stand between."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kxcli.mining.linking.folding import BORDER, Places
from kxcli.mining.linking.slots import Arrays, Numbers, Slots
from kxcli.mining.linking.tokens import IDEOGRAPH, WORD, Hashes, Prefix, Tokens, hashes, mixed

MOST_WORDS = 8  # of a name that count; windows are no wider
_FEWEST_LETTERS = 4  # of them all: what is shorter is too much like other things

# What comes and goes between the names of one thing in English ("cancer of the lung", "lung cancer"; the s is of the
# genitive): it tells none from another, so it weighs nothing.  Such words of other languages weigh as all others do.
LIGHT = ("a", "an", "by", "due", "for", "in", "of", "s", "the", "to", "with")

# A name goes on behind a comma, a hyphen or an apostrophe ("diabetes mellitus, type 2"), but not beyond these, nor
# beyond brackets and quotation marks.
_SENTENCE_MARKS = '.;:?!"¡¿…。؛؟۔।॥'
_APOSTROPHES = "‘’"  # quotation marks in Unicode's eyes

_SHORTEST_PLURAL = 4  # letters of a word
_S, _Y, _I, _U, _E, _A, _O, _R = map(ord, "syiueaor")
_BEFORE_OUR = 2  # letters: a colour is a color, but four is not for
_TO_Y = np.uint64(0xC2B2_AE3D_27D4_EB4F)  # tells the stem of "bodies" and "body" from the word "bod"
_SIEVE_ROOM = 16  # slots for each word
_FEWEST_BITS = 8


class Loose(NamedTuple):
    """Places whose words are those of names: from the first of them that counts to the last, by start, then by stop.

    bags: the number of the bag of words, by which `Bags` tells the names.
    """

    starts: Places
    stops: Places
    bags: Places


@dataclass(frozen=True)
class Bags:
    """The bags of words of some names.

    slots: from a bag's key, the sum of its words', to its number and one.  names, name_starts: the numbers of the
    names that have each bag, ascending, and where each bag's begin and the last one's end.  sieve: by the upper bits
    of a word's key, whether a bag may have it.
    """

    slots: Slots
    names: Numbers
    name_starts: npt.NDArray[np.int64]
    sieve: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, names: Sequence[str]) -> "Bags":
        """Return the bags of folded names; 1.5 s a million.

        A name has none if it has characters of scripts that part no words by spaces, no word that counts, more than
        `MOST_WORDS` of them, or fewer than four letters in these.
        """
        codes = np.frombuffer(BORDER.join([*names, ""]).encode("utf-32-le", "surrogatepass"), dtype="<u4")
        lengths = np.fromiter(map(len, names), dtype=np.int64, count=len(names)) + 1
        tokens = Tokens.of(codes)
        bounds = tokens.numbers.take(np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths))))
        words = _words(tokens)

        def totals(at: Places, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            """Return the sum of what some tokens have, for each name."""
            sums = np.zeros(len(at) + 1, dtype=values.dtype)
            np.cumsum(values, out=sums[1:])
            return np.diff(sums.take(np.searchsorted(at, bounds)))

        n_words = totals(words.tokens, np.ones(len(words.tokens), dtype=np.int64))
        n_letters = totals(words.tokens, (tokens.stops - tokens.starts).take(words.tokens))
        ideographs = np.flatnonzero(tokens.kinds == IDEOGRAPH)
        n_ideographs = totals(ideographs, np.ones(len(ideographs), dtype=np.int64))
        keys = totals(words.tokens, words.keys)
        has_bag = (n_words <= MOST_WORDS) & (n_letters >= _FEWEST_LETTERS) & (n_ideographs == 0) & (keys != 0)
        chosen = np.flatnonzero(has_bag)
        bag_keys, bags, counts = np.unique(keys.take(chosen), return_inverse=True, return_counts=True)
        order = np.argsort(bags.reshape(-1), kind="stable")
        starts = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts)))
        known = words.keys[np.repeat(has_bag, n_words)]
        return cls(Slots.of(bag_keys), chosen.take(order).astype(np.uint32), starts, _sieve(known))

    @classmethod
    def mapped(cls, arrays: Arrays, name: str) -> "Bags":
        """Return the bags that `arrays` gave under a name."""
        read: dict[str, Any] = {part: arrays[f"{name}.{part}"] for part in _ARRAYS}
        return cls(slots=Slots.mapped(arrays, f"{name}.slots"), **read)

    def arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """Return all there is, under names that begin with `name`."""
        parts = {f"{name}.{part}": getattr(self, part) for part in _ARRAYS}
        return {**parts, **self.slots.arrays(f"{name}.slots")}

    def __len__(self) -> int:
        return len(self.name_starts) - 1

    def matches(self, tokens: Tokens) -> Loose:
        """Return the windows of words in running text that are those of a name.

        None goes beyond the end of a sentence, a bracket, a quotation mark, a character of a script without spaces or
        the border between two texts; other marks and `LIGHT` words may stand in it.
        """
        words = _words(tokens) if len(self) else None
        if words is None or not len(words.tokens):
            return _NONE
        is_known = self.sieve.take(_sieved(words.keys, self.sieve))
        known = np.flatnonzero(is_known)
        if not len(known):
            return _NONE
        at, keys = words.tokens.take(known), words.keys.take(known)
        parts = _parts(tokens).take(at) + np.cumsum(~is_known).take(known)
        ends = np.searchsorted(parts, parts, side="right")  # behind the last word of each one's part
        sums = np.zeros(len(keys) + 1, dtype=np.uint64)
        np.cumsum(keys, out=sums[1:])
        firsts = np.arange(len(keys))
        found: list[tuple[Places, Places, Places]] = []
        for width in range(1, MOST_WORDS + 1):
            firsts = firsts[firsts + width <= ends.take(firsts)]
            numbers = self.slots.find(sums.take(firsts + width) - sums.take(firsts))
            hits = np.flatnonzero(numbers)
            first = firsts.take(hits)
            found.append((first, first + width - 1, numbers.take(hits).astype(np.int64) - 1))
        first, last, bags = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        order = np.argsort(first * (MOST_WORDS + 1) + last - first)
        starts = tokens.starts.take(at.take(first.take(order)))
        return Loose(starts, tokens.stops.take(at.take(last.take(order))), bags.take(order))


_ARRAYS = ("names", "name_starts", "sieve")
_NONE = Loose(*(np.empty(0, dtype=np.int64) for _ in Loose._fields))


class _Words(NamedTuple):
    """The words that count: the numbers of their tokens, and keys, equal for the singular and plural of one."""

    tokens: Places
    keys: Hashes


def _words(tokens: Tokens) -> _Words:
    """Return the words that are not `LIGHT`, without their plural endings: -s, but of -ss, -us and -is.

    A word in -y has the stem of its plurals in -ies and -ys, without the y.  British and American spellings are equal.
    """
    words = np.flatnonzero(tokens.kinds == WORD)
    if len(words):
        words = words[~np.isin(tokens.keys.take(words), hashes(LIGHT))]
    starts, stops = tokens.starts.take(words), tokens.stops.take(words)
    last = tokens.codes.take(stops - 1)
    cut = (last == _Y).astype(np.int64)
    plural = np.flatnonzero((last == _S) & (stops - starts >= _SHORTEST_PLURAL))
    before = tokens.codes.take(stops.take(plural) - 2)
    is_ies = (before == _E) & (tokens.codes.take(stops.take(plural) - 3) == _I)
    is_ies &= (stops - starts).take(plural) > _SHORTEST_PLURAL
    cut[plural] = np.select([is_ies, before == _Y, np.isin(before, (_I, _S, _U))], [3, 2, 0], 1)
    is_y = last == _Y
    is_y[plural] = is_ies | (before == _Y)
    keys = tokens.keys.take(words)
    stops = stops - cut
    changed = np.flatnonzero(cut)
    keys[changed] = tokens.prefix.span(starts.take(changed), stops.take(changed))
    is_dropped = _dropped(tokens)
    n_dropped = np.concatenate(([0], np.cumsum(is_dropped)))
    changed = np.flatnonzero(n_dropped.take(stops) > n_dropped.take(starts))
    if len(changed):
        spelled = Prefix(tokens.codes[~is_dropped])
        starts, stops = starts.take(changed), stops.take(changed)
        keys[changed] = spelled.span(starts - n_dropped.take(starts), stops - n_dropped.take(stops))
    keys[is_y] = mixed(keys[is_y] ^ _TO_Y)
    return _Words(words, keys)


def _dropped(tokens: Tokens) -> npt.NDArray[np.bool_]:
    """Return which letters British spelling has and American has not: a and o in ae and oe, u in -our."""
    codes = tokens.codes
    before, behind = np.append(codes[:1], codes[:-1]), np.append(codes[1:], codes[-1:])
    is_dropped: npt.NDArray[np.bool_] = ((codes == _A) | (codes == _O)) & (behind == _E)
    at = np.flatnonzero((codes == _U) & (before == _O) & (behind == _R))
    starts = tokens.starts.take(tokens.numbers.take(at + 1) - 1)
    is_dropped[at[at - starts > _BEFORE_OUR]] = True
    return is_dropped


def _parts(tokens: Tokens) -> Places:
    """Return how many breaks there are up to each token's start: between texts, by marks, by ideographs."""
    breaks = _breaks().take(tokens.codes.take(tokens.starts), mode="clip")
    breaks |= tokens.kinds == IDEOGRAPH
    counts = breaks.astype(np.int64)
    of_borders = tokens.numbers.take(np.flatnonzero(tokens.codes == ord(BORDER)))
    np.add.at(counts, of_borders[of_borders < len(counts)], 1)
    return np.cumsum(counts, out=counts)


@cache
def _breaks() -> npt.NDArray[np.bool_]:
    """Return by code point up to some, and by the last one for all others, whether no name goes on beyond it."""
    breaks = np.zeros(1 << 16, dtype=np.bool_)
    breaks[[unicodedata.category(chr(code)) in ("Ps", "Pe", "Pi", "Pf") for code in range(1 << 16)]] = True
    breaks[[*map(ord, _SENTENCE_MARKS)]] = True
    breaks[[*map(ord, _APOSTROPHES)]] = False
    breaks[-1] = False
    return breaks


def _sieve(keys: Hashes) -> npt.NDArray[np.bool_]:
    keys = np.unique(keys)
    sieve = np.zeros(1 << max(_FEWEST_BITS, (_SIEVE_ROOM * len(keys)).bit_length()), dtype=np.bool_)
    sieve[_sieved(keys, sieve)] = True
    return sieve


def _sieved(keys: Hashes, sieve: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    return (keys >> np.uint64(65 - len(sieve).bit_length())).astype(np.int64)
