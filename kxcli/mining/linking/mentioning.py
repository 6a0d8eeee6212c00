"""How likely a name in a text is meant as one, without any training, for many mentions at a time."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from kxcli.mining.linking.folding import Folded, Places
from kxcli.mining.linking.kb import KnowledgeBase
from kxcli.mining.linking.names import Matches, is_spaced

Floats = npt.NDArray[np.float64]

# The weights were chosen once, over texts of several fields, and stand until labelled texts tell better ones.
_ALL = 1.0
_SHORT = -2.0  # one character, or two of a script with spaces
_SMALL = -1.5  # a short name in capitals that is not written so, as "all" for ALL
_INSIDE = -1.0  # of another name
_OF_MANY = -0.1  # times the logarithm of its candidates' number
_TITLED = 2.0  # in 《》
_QUOTED = 0.7  # in other quotation marks
_SHORT_CAPITALS = 5  # characters
_OPEN = "\"'“‘「『《〈<＂＇"
_CLOSE = "\"'”’」』》〉>＂＇"
_PLAIN_TO = 0x20000  # beyond, nothing has a capital form


def scored(base: KnowledgeBase, whole: Folded, found: Matches, n_candidates: Places, *, are_rivals: bool) -> Floats:
    """Return a score from 0 to 1 for each mention; they are by start and then by stop, as `mentions` gives them.

    are_rivals: whether of mentions that overlap only one can be meant.
    """
    lengths = np.diff(base.names.letter_starts).take(found.names)
    is_capital = base.has_capitals.take(found.names)
    score = np.full(len(found.starts), _ALL) + _OF_MANY * np.log(n_candidates)
    score[(lengths == 1) | ((lengths == 2) & _is_spaced(whole, found.starts))] += _SHORT
    short = np.flatnonzero(is_capital & (lengths <= _SHORT_CAPITALS))
    if len(short):
        score[short[~_in_capitals(whole, found.starts[short], found.stops[short])]] += _SMALL
    if are_rivals:
        score[_inside(found)] += _INSIDE
    before, after = _around(whole, found)
    is_titled = ((before == ord("《")) & (after == ord("》"))) | ((before == ord("〈")) & (after == ord("〉")))
    score[is_titled] += _TITLED
    is_quoted = np.isin(before, [*map(ord, _OPEN)]) & np.isin(after, [*map(ord, _CLOSE)])
    score[is_quoted & ~is_titled] += _QUOTED
    result: Floats = 1.0 / (1.0 + np.exp(-score))
    return result


def _is_spaced(whole: Folded, places: Places) -> npt.NDArray[np.bool_]:
    """Return whether the characters there are of scripts that part words by spaces; ligatures and the like, too."""
    return np.asarray(is_spaced().take(whole.source.take(places), mode="clip"))


def _inside(found: Matches) -> npt.NDArray[np.bool_]:
    """Return which mentions lie within another one."""
    inside = np.zeros(len(found.starts), dtype=np.bool_)
    furthest = np.maximum.accumulate(found.stops)
    inside[1:] = furthest[:-1] >= found.stops[1:]
    inside[:-1] |= found.starts[1:] == found.starts[:-1]
    return inside


def _around(whole: Folded, found: Matches) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the characters before and behind mentions; at the ends of a text, that is the border between texts."""
    source = whole.source
    before = np.where(found.starts > 0, source.take(np.maximum(found.starts - 1, 0)), 0)
    return before, source.take(found.stops, mode="clip")  # a border ends every text


def _in_capitals(whole: Folded, starts: Places, stops: Places) -> npt.NDArray[np.bool_]:
    """Return which stretches of the source have capitals, and no letter that has a capital form."""
    capital, small = _cases()
    places = np.arange(int((stops - starts).max()))
    at = starts[:, np.newaxis] + places
    letters = np.where(at < stops[:, np.newaxis], whole.source.take(at, mode="clip"), 0)
    has_capital = capital.take(letters, mode="clip").any(axis=1)
    return np.asarray(has_capital & ~small.take(letters, mode="clip").any(axis=1))


@cache
def _cases() -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return by code point whether it is a capital, and whether it is a small letter; none is beyond the last."""
    characters = [*map(chr, range(_PLAIN_TO)), "\0"]
    return np.array([*map(str.isupper, characters)]), np.array([*map(str.islower, characters)])
