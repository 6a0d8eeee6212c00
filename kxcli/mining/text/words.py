"""Words of running text, hashed with and without their plural ending."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray, IntArray, UInt64Array
from kxcli.arrays.code_points import from_code_points
from kxcli.arrays.hashing import XXHASH, mix_bits_64
from kxcli.arrays.ragged import compute_prefix_sums
from kxcli.mining.text.character_tables import make_case_tables
from kxcli.mining.text.folding import BORDER, FoldedTexts, fold_texts
from kxcli.mining.text.tokens import WORD, PrefixHashes, Tokens, hash_strings

# English function words that vary between names of one thing ("cancer of the lung", "lung cancer"; the s is of the
# genitive). Such words of other languages count as all others.
LIGHT = ("a", "an", "by", "due", "for", "in", "of", "s", "the", "to", "with")
ARTICLES = ("a", "an", "s", "the")  # light words that are ignored even in the order of words
NUMERALS = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x")
MIN_ORDINARY_LENGTH = 4  # letters of an ordinary word: "van" and "and" are in proper names too

# British spellings of Greek and Latin words, at the letter that American ones lack, and of words in -our.
CLASSICAL = re.compile(
    r"(?<=h)a(?=em)|(?<=ph)a(?=eo)|(?<=p)a(?=ed)|(?<=[cf])a(?=ec)|(?<=c)a(?=esi|esarea)|(?<=gyn)a(?=ec)|(?<=pal)a(?=eo)"
    r"|a(?=emi)|a(?=esth)|a(?=etio)|o(?=edem)|o(?=esoph)|o(?=estr)|(?<=f)o(?=et)|(?<=rrh)o(?=e)|(?<=pn)o(?=e)"
    r"|(?<=c)o(?=eli)|(?<=hom)o(?=eo)|(?<=am)o(?=eb)|(?<=man)o(?=euv)"
)
OUR = re.compile(
    "(?:arb|ard|arm|behavi|cand|clam|col|demean|endeav|fav|ferv|flav|glam|harb|hon|hum|lab|neighb|parl|ranc|rig|rum|sav"
    "|savi|splend|succ|tum|val|vap|vig)our|^odour"
)

_MIN_PLURAL_LENGTH = 4  # letters of a word with a plural ending
_MIN_BEFORE_OUR = 2  # letters: a colour is a color, but four is not for
_S, _Y, _I, _U, _E, _A, _O, _R = map(ord, "syiueaor")
_NAMES_BATCH = 1 << 16  # names that are folded at a time


class Words(NamedTuple):
    """The words of a text except `ARTICLES`.

    Args:
        tokens: Numbers of the tokens.
        is_light: Whether a word is in `LIGHT`.
        forms: Hashes of the words in American spelling.
        stems: Hashes of the same without plural endings.
        is_plural: Whether a word has a plural ending.
        is_british: Whether the spelling is British.
    """

    tokens: IntArray
    is_light: BoolArray
    forms: UInt64Array
    stems: UInt64Array
    is_plural: BoolArray
    is_british: BoolArray


def find_words(tokens: Tokens) -> Words:
    """Return the words of a text.

    The plural endings are -s, except -ss, -us and -is. A word in -y has the stem of its plurals in -ies and -ys.
    """
    numbers = np.flatnonzero(tokens.kinds == WORD)
    if len(numbers):
        numbers = numbers[~np.isin(tokens.keys.take(numbers), hash_strings(ARTICLES))]
    forms = tokens.keys.take(numbers)
    is_light = np.isin(forms, hash_strings(LIGHT))
    starts, stops = tokens.starts.take(numbers), tokens.stops.take(numbers)
    n_cut, is_y = _find_plurals(tokens, starts, stops)
    is_plural = (n_cut > 0) & (tokens.codes.take(stops - 1) == _S)
    ends = stops - n_cut
    stems = forms.copy()
    changed = np.flatnonzero(n_cut)
    stems[changed] = tokens.prefix.span(starts.take(changed), ends.take(changed))
    is_dropped, is_british = _find_british_letters(tokens, numbers)
    if is_british.any():
        n_dropped = compute_prefix_sums(is_dropped)
        american = PrefixHashes(tokens.codes[~is_dropped])
        starts, stops, ends = (
            places[is_british] - n_dropped.take(places[is_british]) for places in (starts, stops, ends)
        )
        forms[is_british] = american.span(starts, stops)
        stems[is_british] = american.span(starts, ends)
    stems[is_y] = mix_bits_64(stems[is_y] ^ XXHASH)  # the stem of "body" and "bodies" is not the word "bod"
    return Words(numbers, is_light, forms, stems, is_plural, is_british)


def _find_plurals(tokens: Tokens, starts: IntArray, stops: IntArray) -> tuple[IntArray, BoolArray]:
    """Return the number of letters missing in each stem, and if one is a -y."""
    last = tokens.codes.take(stops - 1)
    n_cut = (last == _Y).astype(np.int64)
    plural = np.flatnonzero((last == _S) & (stops - starts >= _MIN_PLURAL_LENGTH))
    before = tokens.codes.take(stops.take(plural) - 2)
    is_ies = (before == _E) & (tokens.codes.take(stops.take(plural) - 3) == _I)
    is_ies &= (stops - starts).take(plural) > _MIN_PLURAL_LENGTH
    n_cut[plural] = np.select([is_ies, before == _Y, np.isin(before, (_I, _S, _U))], [3, 2, 0], 1)
    is_y = last == _Y
    is_y[plural] = is_ies | (before == _Y)
    return n_cut, is_y


def _find_british_letters(tokens: Tokens, words: IntArray) -> tuple[BoolArray, BoolArray]:
    """Return masks of the letters dropped in American spelling, and of their words."""
    codes = tokens.codes
    after = np.append(codes[1:], codes[-1:])
    is_candidate = ((codes == _A) | (codes == _O)) & (after == _E)
    at = np.flatnonzero((codes == _U) & (np.append(codes[:1], codes[:-1]) == _O) & (after == _R))
    starts = tokens.starts.take(tokens.numbers.take(at + 1) - 1)
    is_candidate[at[at - starts > _MIN_BEFORE_OUR]] = True
    is_dropped = np.zeros(len(codes), dtype=np.bool_)
    is_british = np.zeros(len(words), dtype=np.bool_)
    n_candidates = compute_prefix_sums(is_candidate)
    starts, stops = tokens.starts.take(words), tokens.stops.take(words)
    for word in np.flatnonzero(n_candidates.take(stops) > n_candidates.take(starts)).tolist():
        start = int(starts[word])
        text = from_code_points(codes[start : stops[word]])
        letters = [*(one.start() for one in CLASSICAL.finditer(text)), *(one.end() - 2 for one in OUR.finditer(text))]
        is_dropped[[start + letter for letter in letters]] = True
        is_british[word] = bool(letters)
    return is_dropped, is_british


def find_ordinary_words(names: Sequence[str]) -> UInt64Array:
    """Return hashes of the words in names without a capital initial, ascending."""
    parts = [np.empty(0, dtype=np.uint64)]
    for start in range(0, len(names), _NAMES_BATCH):
        whole = fold_texts([name.replace(BORDER, "") for name in names[start : start + _NAMES_BATCH]])
        tokens = Tokens.from_codes(whole.codes)
        words = find_words(tokens)
        at = words.tokens
        initials = whole.characters(tokens.starts.take(at))
        is_used = (tokens.stops - tokens.starts).take(at) >= MIN_ORDINARY_LENGTH
        is_used &= ~words.is_light & ~make_case_tables().capital.take(initials, mode="clip") & ~_has_digit(tokens, at)
        parts.append(np.unique(words.forms[is_used]))
    return np.unique(np.concatenate(parts))


def find_lowercase_initials(whole: FoldedTexts, tokens: Tokens) -> BoolArray:
    """Return a mask of the tokens with a lowercase first letter in the text as given."""
    return np.asarray(make_case_tables().small.take(whole.characters(tokens.starts), mode="clip"))


def are_numbers(tokens: Tokens, at: IntArray) -> BoolArray:
    """Return whether each token has a digit or is a Roman numeral."""
    return _has_digit(tokens, at) | np.isin(tokens.keys.take(at), hash_strings(NUMERALS))


def _has_digit(tokens: Tokens, at: IntArray) -> BoolArray:
    digits = compute_prefix_sums((tokens.codes >= ord("0")) & (tokens.codes <= ord("9")))
    return np.asarray(digits.take(tokens.stops.take(at)) > digits.take(tokens.starts.take(at)))
