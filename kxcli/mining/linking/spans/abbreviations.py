"""Find abbreviations defined in brackets, and all their uses.

After A. S. Schwartz and M. A. Hearst, "A simple algorithm for identifying abbreviation definitions in biomedical
text", Pacific Symposium on Biocomputing 2003. The characters of the short form are searched from the last to the
first, each before the previous match, and the first one must begin a word. Text without spaces between words needs
stricter rules: see `_find_ideographic_start`.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from kxcli.arrays import IntArray
from kxcli.arrays.code_points import to_code_points
from kxcli.arrays.ragged import compute_starts
from kxcli.mining.linking.spans.name_matcher import NameMatcher, NameMatches, at_word_edges
from kxcli.mining.text.folding import BORDER, fold
from kxcli.mining.text.tokens import IDEOGRAPH, MARK, WORD, make_token_kind_table

_OPEN, _CLOSE = "(（[", ")）]"
_BRACKETS = re.escape(_OPEN + _CLOSE)
_QUOTES = '"“”「」『』《》〈〉<>'
_IN_SHORT = "简称|簡稱|下称|下稱"  # "in short": such a definition may omit whole words
_BRACKETED = re.compile(
    rf"""[{re.escape(_OPEN)}]\s*
    (?P<explicit>[^{_BRACKETS}{BORDER}]{{0,4}}?(?:{_IN_SHORT})为?[:：]?\s*)?
    [{_QUOTES}]?(?P<short>[^\W_][^{_BRACKETS}{_QUOTES},;，；\n\r{BORDER}]{{0,8}}?[^\s{_BRACKETS}{_QUOTES},;，；{BORDER}])
    [{_QUOTES}]?\s*(?:[,;，；][^{_BRACKETS}{BORDER}]{{0,40}})?[{re.escape(_CLOSE)}]""",
    re.VERBOSE,
)
_BETWEEN = re.compile(rf"[\s{_QUOTES}’]*\Z")  # text between a long form and the bracket
_ENDS = ".;。；" + BORDER  # no long form crosses these
_WINDOW = (40, 12)  # characters before the bracket, and further ones for each character of the short form
_IDEOGRAPHIC_WINDOW = 5  # characters for each character of the short form
_LAST_WORD_LENGTH = 2  # ideographs of the last word of a long form


class Abbreviations(NamedTuple):
    """The definitions of short forms in some texts, and all their uses.

    Positions are those of `FoldedTexts.source`: of all texts with a border after each. A short form of a text has one
    number, also if it has several definitions.

    Args:
        long_starts: By definition, where the long form starts.
        long_stops: By definition, where the long form stops.
        shorts: By definition, the number of the short form.
        texts: By short form, ascending, the number of the text.
        starts: By use, where it starts; uses are by short form, then by position, and include definitions.
        stops: By use, where it stops, after a plural ending if it has one.
        use_starts: Where the uses of each short form start, and where the last one's end.
    """

    long_starts: IntArray
    long_stops: IntArray
    shorts: IntArray
    texts: IntArray
    starts: IntArray
    stops: IntArray
    use_starts: IntArray


def find_abbreviations(texts: Sequence[str]) -> Abbreviations:
    """Return the abbreviations in texts as given.

    A use has the spelling of the short form, cuts no word, and may have an s for the plural.
    """
    joined = BORDER.join([*texts, ""])
    definitions = []
    if any(mark in joined for mark in _OPEN):
        definitions = [one for bracket in _BRACKETED.finditer(joined) if (one := _find_definition(joined, bracket))]
    if not definitions:
        none = np.empty(0, dtype=np.int64)
        return Abbreviations(none, none, none, none, none, none, np.zeros(1, dtype=np.int64))
    starts = compute_starts([len(text) + 1 for text in texts])[:-1]
    numbers: dict[str, int] = {}
    names = np.array([numbers.setdefault(one.short, len(numbers)) for one in definitions])
    long_starts = np.array([one.start for one in definitions])
    long_stops = np.array([one.stop for one in definitions])
    text_numbers = np.searchsorted(starts, long_starts, side="right") - 1
    keys, shorts = np.unique(text_numbers * len(numbers) + names, return_inverse=True)
    uses, owners = _find_uses(joined, starts, list(numbers), keys)
    counts = np.bincount(owners, minlength=len(keys))
    return Abbreviations(
        long_starts,
        long_stops,
        shorts.reshape(-1),
        keys // len(numbers),
        uses.starts,
        uses.stops,
        compute_starts(counts),
    )


def _find_uses(joined: str, starts: IntArray, shorts: list[str], keys: IntArray) -> tuple[NameMatches, IntArray]:
    """Return the uses of short forms, and the row of each use in `keys`.

    Only texts that define a short form have uses of it.

    Args:
        joined: All texts with a border after each.
        starts: Where each text starts.
        shorts: The distinct short forms.
        keys: The number of a text times the number of short forms, plus the number of its short form, ascending.
    """
    bounds = np.append(starts, len(joined))
    texts = np.unique(keys // len(shorts))
    pieces = [
        joined[start:stop] for start, stop in zip(bounds[texts].tolist(), bounds[texts + 1].tolist(), strict=True)
    ]
    codes = to_code_points("".join(pieces))
    lengths = np.diff(bounds).take(texts)
    piece_starts = compute_starts(lengths)[:-1]
    uses = NameMatcher.from_names(shorts).matches(codes)
    is_plural = codes.take(uses.stops) == ord("s")
    is_plural &= np.array([short[-1] != "s" and _get_kind(short[-1]) == WORD for short in shorts]).take(uses.names)
    uses = uses._replace(stops=uses.stops + is_plural)
    uses = uses.select(at_word_edges(uses, codes))
    piece_numbers = np.searchsorted(piece_starts, uses.starts, side="right") - 1
    use_keys = texts.take(piece_numbers) * len(shorts) + uses.names
    owners = np.searchsorted(keys, use_keys).clip(max=len(keys) - 1)
    rows = np.flatnonzero(keys.take(owners) == use_keys)
    rows = rows[np.argsort(owners.take(rows), kind="stable")]
    moves = (bounds.take(texts) - piece_starts).take(piece_numbers.take(rows))
    uses = uses.select(rows)
    return uses._replace(starts=uses.starts + moves, stops=uses.stops + moves), owners.take(rows)


class _Definition(NamedTuple):
    """A short form, and the start and stop of its long form."""

    short: str
    start: int
    stop: int


def _find_definition(text: str, bracket: re.Match[str]) -> _Definition | None:
    """Return the definition in a bracket, or None."""
    short = bracket["short"]
    is_ideographic = _get_kind(short[0]) == IDEOGRAPH
    if short.count(" ") > 1 or not (is_ideographic or any(map(str.isupper, short))):
        return None
    room = _WINDOW[0] + _WINDOW[1] * len(short)
    first = max(0, bracket.start() - room)
    between = _BETWEEN.search(text, first, bracket.start())
    stop = between.start() if between else bracket.start()
    if is_ideographic:
        start = _find_ideographic_start(short, text, first, stop, is_explicit=bracket["explicit"] is not None)
        return None if start is None else _Definition(short, start, stop)
    first = _find_window_start(text, first, stop, min(len(short) + 5, len(short) * 2))
    end = stop
    if len(short) > 2 and short[-1] == "s" and short[-2].isupper():  # a plural, of the long form mostly too
        short = short[:-1]
        end -= text[stop - 1] == "s"
    start = _find_long_start(short, text, first, end)
    if start is None or stop - start <= len(short):
        return None
    long = text[start:stop]
    return None if _has_word(long, short) or not _is_whole(long) else _Definition(short, start, stop)


def _find_window_start(text: str, first: int, stop: int, n_words: int) -> int:
    """Return the start of the last n words of a sentence; an ideograph is a word.

    The window is between `first` and `stop`.
    """
    position = stop
    while position > first and n_words and text[position - 1] not in _ENDS:
        position -= 1
        kind = _get_kind(text[position])
        n_words -= kind == IDEOGRAPH or (kind == WORD and (position == 0 or _get_kind(text[position - 1]) != WORD))
    return position


def _find_long_start(short: str, text: str, first: int, stop: int) -> int | None:
    """Return the start of the long form between `first` and `stop`, or None."""
    characters, window = _fold_text(short), _fold_text(text[first:stop])
    at = len(window)
    for number in range(len(characters) - 1, -1, -1):
        char = characters[number]
        if not char.isalnum():
            continue
        at = window.rfind(char, 0, at)
        while number == 0 and at >= 0 and _is_within_word(text, first + at):
            at = window.rfind(char, 0, at)
        if at < 0:
            return None
    return first + at


def _find_ideographic_start(short: str, text: str, first: int, stop: int, *, is_explicit: bool) -> int | None:
    """Return the start of the long form of a short form of ideographs, or None.

    Most brackets define nothing, but share characters with the sentence by chance or repeat a part of it. So the long
    form has only letters and digits. If the text does not say that the bracket is a short form, its last character is
    one of the last two of the long form, and it is not a part of the long form.
    """
    first = max(first, stop - _IDEOGRAPHIC_WINDOW * len(short))
    if any(_get_kind(char) in (0, MARK) for char in short):
        return None
    for position in range(stop - 1, first - 1, -1):
        if _get_kind(text[position]) in (0, MARK):
            first = position + 1
            break
    start = _find_long_start(short, text, first, stop)
    if start is None or stop - start <= len(short):
        return None
    long = _fold_text(text[start:stop])
    if not is_explicit and (_fold_text(short) in long or _fold_text(short[-1]) not in long[-_LAST_WORD_LENGTH:]):
        return None
    return start


def _is_whole(long: str) -> bool:
    """Return whether brackets are balanced."""
    depth = 0
    for char in long:
        depth += (char in _OPEN) - (char in _CLOSE)
        if depth < 0:
            return False
    return depth == 0


def _has_word(long: str, short: str) -> bool:
    """Return whether the short form is a word of the long one: no abbreviation."""
    bounded = f"{long} "
    at = bounded.find(short)
    while at >= 0:
        end = at + len(short)
        end += bounded[end] == "s"
        if not _is_within_word(bounded, at) and not _is_within_word(bounded, end):
            return True
        at = bounded.find(short, at + 1)
    return False


def _is_within_word(text: str, position: int) -> bool:
    return position > 0 and _get_kind(text[position]) == WORD == _get_kind(text[position - 1])


def _fold_text(text: str) -> str:
    """Return the text with each character folded if the result is one character."""
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


@lru_cache(1 << 12)
def _fold_character(character: str) -> str:
    plain = fold(character)
    return plain if len(plain) == 1 else character


@lru_cache(1 << 12)
def _get_kind(character: str) -> int:
    """Return the kind of the token of a character."""
    kinds = make_token_kind_table()
    return int(kinds[min(ord(character), len(kinds) - 1)])
