"""Short forms that a text defines behind the long ones, in brackets, and where else it has them.

After A. S. Schwartz and M. A. Hearst, "A simple algorithm for identifying abbreviation definitions in biomedical
text", Pacific Symposium on Biocomputing 2003: the characters of the short form are looked for from the last to the
first, each before the one found, and the first one has to begin a word.  What is said there of words leaves too much
to chance where none are parted: see `_of_ideographs`.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from kxcli.arrays import IntArray
from kxcli.arrays.code_points import to_code_points
from kxcli.arrays.ragged import starts_of
from kxcli.mining.linking.spans.name_matcher import NameMatcher, NameMatches, at_word_edges
from kxcli.mining.text.folding import BORDER, fold
from kxcli.mining.text.tokens import IDEOGRAPH, MARK, WORD, token_kinds

_OPEN, _CLOSE = "(（[", ")）]"
_BRACKETS = re.escape(_OPEN + _CLOSE)
_QUOTES = '"“”「」『』《》〈〉<>'
_SAID = "简称|簡稱|下称|下稱"  # "in short": who says so may leave off whole words
_BRACKETED = re.compile(
    rf"""[{re.escape(_OPEN)}]\s*
    (?P<said>[^{_BRACKETS}{BORDER}]{{0,4}}?(?:{_SAID})为?[:：]?\s*)?
    [{_QUOTES}]?(?P<short>[^\W_][^{_BRACKETS}{_QUOTES},;，；\n\r{BORDER}]{{0,8}}?[^\s{_BRACKETS}{_QUOTES},;，；{BORDER}])
    [{_QUOTES}]?\s*(?:[,;，；][^{_BRACKETS}{BORDER}]{{0,40}})?[{re.escape(_CLOSE)}]""",
    re.VERBOSE,
)
_BEHIND = re.compile(rf"[\s{_QUOTES}’]*\Z")  # what may stand between a long form and the bracket
_ENDS = ".;。；" + BORDER  # no long form goes beyond
_WINDOW = (40, 12)  # characters before the bracket, and more for each of the short form
_IDEOGRAPHIC_WINDOW = 5  # for each character of the short form
_LAST_WORD = 2  # ideographs


class Abbreviations(NamedTuple):
    """The definitions in some texts, by place, and all uses of what they define in the same text.

    IntArray are those of `Folded.source`: of all texts one after the other, a border after each.

    long_starts, long_stops: of the long form of each definition.  shorts: the number of its short form; the same
    short form of one text has one number, and all its definitions have the same uses.
    texts: by short form, ascending, the number of its text.  starts, stops: the uses of short forms, by short form
    and place, those in the definitions too, each with its plural ending, if any.  use_starts: where each short form's
    uses begin, and the last one's end.
    """

    long_starts: IntArray
    long_stops: IntArray
    shorts: IntArray
    texts: IntArray
    starts: IntArray
    stops: IntArray
    use_starts: IntArray


def find_abbreviations(texts: Sequence[str]) -> Abbreviations:
    """Return the definitions of short forms in texts, as given, and the short forms' uses.

    A use has the spelling of the short form, cuts no word, and may have an s for the plural.
    """
    joined = BORDER.join([*texts, ""])
    definitions = []
    if any(bracket in joined for bracket in _OPEN):
        definitions = [one for found in _BRACKETED.finditer(joined) if (one := _definition(joined, found))]
    if not definitions:
        none = np.empty(0, dtype=np.int64)
        return Abbreviations(none, none, none, none, none, none, np.zeros(1, dtype=np.int64))
    starts = starts_of([len(text) + 1 for text in texts])[:-1]
    numbers: dict[str, int] = {}
    names = np.array([numbers.setdefault(one.short, len(numbers)) for one in definitions])
    long_starts = np.array([one.start for one in definitions])
    long_stops = np.array([one.stop for one in definitions])
    numbers_of = np.searchsorted(starts, long_starts, side="right") - 1
    keys, shorts = np.unique(numbers_of * len(numbers) + names, return_inverse=True)
    found, owners = _uses(joined, starts, list(numbers), keys)
    counts = np.bincount(owners, minlength=len(keys))
    return Abbreviations(
        long_starts,
        long_stops,
        shorts.reshape(-1),
        keys // len(numbers),
        found.starts,
        found.stops,
        starts_of(counts),
    )


def _uses(joined: str, starts: IntArray, shorts: list[str], keys: IntArray) -> tuple[NameMatches, IntArray]:
    """Return the uses of short forms in those texts that define them, and which of the keys each has.

    keys: the number of a text times the number of all short forms, and the number of one, ascending.
    """
    bounds = np.append(starts, len(joined))
    texts = np.unique(keys // len(shorts))
    pieces = [
        joined[start:stop] for start, stop in zip(bounds[texts].tolist(), bounds[texts + 1].tolist(), strict=True)
    ]
    codes = to_code_points("".join(pieces))
    lengths = np.diff(bounds).take(texts)
    piece_starts = starts_of(lengths)[:-1]
    found = NameMatcher.from_names(shorts).matches(codes)
    is_plural = codes.take(found.stops) == ord("s")
    is_plural &= np.array([short[-1] != "s" and _kind(short[-1]) == WORD for short in shorts]).take(found.names)
    found = found._replace(stops=found.stops + is_plural)
    found = found.select(np.flatnonzero(at_word_edges(found, codes)))
    rows = np.searchsorted(piece_starts, found.starts, side="right") - 1
    wanted = texts.take(rows) * len(shorts) + found.names
    owners = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    chosen = np.flatnonzero(keys.take(owners) == wanted)
    chosen = chosen[np.argsort(owners.take(chosen), kind="stable")]
    moves = (bounds.take(texts) - piece_starts).take(rows.take(chosen))
    found = found.select(chosen)
    return found._replace(starts=found.starts + moves, stops=found.stops + moves), owners.take(chosen)


class _Definition(NamedTuple):
    """A short form, and where its long form starts and stops."""

    short: str
    start: int
    stop: int


def _definition(text: str, found: re.Match[str]) -> _Definition | None:
    """Return what is defined in a bracket, if anything is."""
    short = found["short"]
    is_ideographic = _kind(short[0]) == IDEOGRAPH
    if short.count(" ") > 1 or not (is_ideographic or any(map(str.isupper, short))):
        return None
    room = _WINDOW[0] + _WINDOW[1] * len(short)
    first = max(0, found.start() - room)
    behind = _BEHIND.search(text, first, found.start())
    stop = behind.start() if behind else found.start()
    if is_ideographic:
        start = _ideographic_start(short, text, first, stop, is_said=found["said"] is not None)
        return None if start is None else _Definition(short, start, stop)
    first = _window(text, first, stop, min(len(short) + 5, len(short) * 2))
    end = stop
    if len(short) > 2 and short[-1] == "s" and short[-2].isupper():  # a plural, of the long form mostly too
        short = short[:-1]
        end -= text[stop - 1] == "s"
    start = _long_start(short, text, first, end)
    if start is None or stop - start <= len(short):
        return None
    long = text[start:stop]
    return None if _has_word(long, short) or not _is_whole(long) else _Definition(short, start, stop)


def _window(text: str, first: int, stop: int, most: int) -> int:
    """Return where the last words before a place begin, at most so many, in one sentence; ideographs are words."""
    place = stop
    while place > first and most and text[place - 1] not in _ENDS:
        place -= 1
        kind = _kind(text[place])
        most -= kind == IDEOGRAPH or (kind == WORD and (place == 0 or _kind(text[place - 1]) != WORD))
    return place


def _long_start(short: str, text: str, first: int, stop: int) -> int | None:
    """Return where the long form of a short one begins that ends at `stop`, not before `first`."""
    wanted, there = _plain(short), _plain(text[first:stop])
    at = len(there)
    for number in range(len(wanted) - 1, -1, -1):
        char = wanted[number]
        if not char.isalnum():
            continue
        at = there.rfind(char, 0, at)
        while number == 0 and at >= 0 and _is_within_word(text, first + at):
            at = there.rfind(char, 0, at)
        if at < 0:
            return None
    return first + at


def _ideographic_start(short: str, text: str, first: int, stop: int, *, is_said: bool) -> int | None:
    """Return where the long form of a short one of ideographs begins.

    Most of what stands in brackets is none, and shares some characters with the sentence by chance, or repeats a piece
    of it.  So the long form has letters and digits alone, the last character of the short one is one of its last two,
    and the short one is no piece of it, unless the text says that it is short for it.
    """
    first = max(first, stop - _IDEOGRAPHIC_WINDOW * len(short))
    if any(_kind(char) in (0, MARK) for char in short):
        return None
    for place in range(stop - 1, first - 1, -1):
        if _kind(text[place]) in (0, MARK):
            first = place + 1
            break
    start = _long_start(short, text, first, stop)
    if start is None or stop - start <= len(short):
        return None
    there = _plain(text[start:stop])
    if not is_said and (_plain(short) in there or _plain(short[-1]) not in there[-_LAST_WORD:]):
        return None
    return start


def _is_whole(long: str) -> bool:
    """Return whether every bracket is closed, and none that was not opened."""
    depth = 0
    for char in long:
        depth += (char in _OPEN) - (char in _CLOSE)
        if depth < 0:
            return False
    return depth == 0


def _has_word(long: str, short: str) -> bool:
    """Return whether the short form stands in the long one by itself: then it is not what that is shortened to."""
    bounded = f"{long} "
    at = bounded.find(short)
    while at >= 0:
        end = at + len(short)
        end += bounded[end] == "s"
        if not _is_within_word(bounded, at) and not _is_within_word(bounded, end):
            return True
        at = bounded.find(short, at + 1)
    return False


def _is_within_word(text: str, place: int) -> bool:
    return place > 0 and _kind(text[place]) == WORD == _kind(text[place - 1])


def _plain(text: str) -> str:
    """Return the text with each character folded, if that is one character."""
    return text.lower() if text.isascii() else "".join(map(_plain_character, text))


@lru_cache(1 << 12)
def _plain_character(character: str) -> str:
    plain = fold(character)
    return plain if len(plain) == 1 else character


@lru_cache(1 << 12)
def _kind(character: str) -> int:
    """Return the kind of token that a character belongs to."""
    kinds = token_kinds()
    return int(kinds[min(ord(character), len(kinds) - 1)])
