"""Names found by their words: in another order, number or spelling.

A name matches loosely only where its words are ordinary ones, as far as the knowledge base shows.  A name that is
written in capitals throughout ("Bank of China") has to be in the text with the same words, in the same order, in
capitals too: "China Bank", "far" for "Fars" and "York, new" for "New York" are other things.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, IntArray, NamedArrays, UInt8Array, UInt32Array, UInt64Array
from kxcli.arrays.code_points import from_code_points, to_code_points
from kxcli.arrays.hashing import DEGSKI, XXHASH, mix_bits_64
from kxcli.arrays.key_index import KeyIndex
from kxcli.arrays.ragged import expand_rows, starts_of
from kxcli.mining.text.character_tables import case_tables
from kxcli.mining.text.folding import BORDER, FoldedTexts, fold_texts
from kxcli.mining.text.tokens import IDEOGRAPH, MARK, WORD, PrefixHashes, Tokens, hash_strings
from kxcli.schema import ArrayField

MAX_WORDS = 8  # of a name that count; windows are no wider
MIN_LETTERS = 4  # of them all: what is shorter is too much like other things; and of a word that shows a name ordinary

# What comes and goes between the names of one thing in English ("cancer of the lung", "lung cancer"; the s is of the
# genitive): it tells none from another, so it weighs nothing.  Such words of other languages weigh as all others do.
LIGHT = ("a", "an", "by", "due", "for", "in", "of", "s", "the", "to", "with")
ARTICLES = ("a", "an", "s", "the")  # words that do not even count for the order

# A window crosses these marks if there is no white space on one side of them, at least, and a comma if the name allows
# it.  It crosses no other mark.
JOINERS = "-‐‑–'’‘ʼ/+_"
_COMMA_MARK, _SLASH = map(ord, ",/")

_MIN_PLURAL_LENGTH = 4  # letters of a word
_S, _Y, _I, _U, _E, _A, _O, _R = map(ord, "syiueaor")
_BEFORE_OUR = 2  # letters: a colour is a color, but four is not for
_TO_Y = XXHASH  # tells the stem of "bodies" and "body" from the word "bod"
_NEXT = DEGSKI  # tells a word from the one after it, odd
_SIEVE_ROOM = 16  # slots for each word
_MIN_BITS = 8
_NAMES_AT_ONCE = 1 << 16

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
NUMERALS = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x")


class BagMatches(NamedTuple):
    """Places whose words are those of a name: from the first of them that counts to the last.

    By start, then by stop, then by name; names: numbers of names.
    """

    starts: IntArray
    stops: IntArray
    names: IntArray


@dataclass(frozen=True)
class BagMatcher:
    """The bags of words of some names.

    slots: from a bag's key, the sum of its words' stems, to its number and one.  names, name_starts: the numbers of
    the names that have each bag, ascending, and where each bag's begin and the last one's end.  sieve: by the upper
    bits of a stem's key, whether a bag may have it.
    forms, orders, traits: by row of `names`, a key of its words as they are, one of their order, and bits as `_COMMA`.
    """

    slots: KeyIndex
    names: UInt32Array
    name_starts: IntArray
    sieve: BoolArray
    forms: UInt64Array
    orders: UInt64Array
    traits: UInt8Array

    @classmethod
    def from_names(cls, names: Sequence[str], ordinary: UInt64Array | None = None) -> "BagMatcher":
        """Return the bags of folded names; 2 s a million.

        A name has none if it has characters of scripts that separate no words by spaces, no word that counts, more
        than `MOST_WORDS` of them, or fewer than four letters in these.
        ordinary: `find_ordinary_words`; None: all words are ordinary.
        """
        codes = to_code_points(BORDER.join([*names, ""]))
        lengths = np.fromiter(map(len, names), dtype=np.int64, count=len(names)) + 1
        tokens = Tokens.from_codes(codes)
        bounds = tokens.numbers.take(starts_of(lengths))
        words = _words(tokens)
        counted = np.flatnonzero(~words.is_light)
        at = words.tokens.take(counted)
        forms, stems = words.forms.take(counted), words.stems.take(counted)

        def totals(at: IntArray, values: AnyArray) -> AnyArray:
            """Return the sum of what some tokens have, for each name."""
            return np.diff(_sums(values).take(np.searchsorted(at, bounds)))

        def count(at: IntArray) -> IntArray:
            return totals(at, np.ones(len(at), dtype=np.int64))

        n_words = count(at)
        n_letters = totals(at, (tokens.stops - tokens.starts).take(at))
        keys = totals(at, stems)
        has_bag = (n_words <= MAX_WORDS) & (n_letters >= MIN_LETTERS) & (keys != 0)
        has_bag &= count(np.flatnonzero(tokens.kinds == IDEOGRAPH)) == 0
        chosen = np.flatnonzero(has_bag)
        bag_keys, bags, counts = np.unique(keys.take(chosen), return_inverse=True, return_counts=True)
        rows = chosen.take(np.argsort(bags.reshape(-1), kind="stable"))

        is_ordinary = words.is_british.take(counted)
        is_ordinary |= True if ordinary is None else np.isin(forms, ordinary)
        traits = np.zeros(len(names), dtype=np.uint8)
        traits[count(at[is_ordinary]) > 0] |= _ORDINARY
        traits[count(at[words.is_plural.take(counted)]) > 0] |= _PLURAL
        traits[count(np.flatnonzero(tokens.codes.take(tokens.starts) == _COMMA_MARK)) > 0] |= _COMMA
        firsts = np.searchsorted(at, bounds[:-1]).take(rows)
        lasts = np.searchsorted(at, bounds[1:]).take(rows) - 1
        return cls(
            KeyIndex.from_keys(bag_keys),
            rows.astype(np.uint32),
            starts_of(counts),
            _sieve(stems[np.repeat(has_bag, n_words)]),
            totals(at, forms).take(rows),
            _orders(words.forms, counted.take(firsts), counted.take(lasts)),
            traits.take(rows),
        )

    @classmethod
    def from_arrays(cls, arrays: NamedArrays, name: str) -> "BagMatcher":
        """Return the bags that `arrays` gave under a name."""
        read: dict[str, Any] = {part: arrays[f"{name}.{part}"] for part in _ARRAYS}
        return cls(slots=KeyIndex.from_arrays(arrays, f"{name}.slots"), **read)

    @staticmethod
    def declare_arrays(name: str, size: str) -> dict[str, ArrayField]:
        """Declare the arrays; `size` is the number of names."""
        return {
            f"{name}.names": ArrayField("u4", (f"{name}.names",), below=size),
            f"{name}.name_starts": ArrayField("i8", (f"{name}+1",), starts=f"{name}.names"),
            f"{name}.forms": ArrayField("u8", (f"{name}.names",)),
            f"{name}.orders": ArrayField("u8", (f"{name}.names",)),
            f"{name}.traits": ArrayField("u1", (f"{name}.names",)),
            f"{name}.sieve": ArrayField("b1", (f"{name}.sieve+1",), rules=[_power_of_two]),
            **KeyIndex.declare_arrays(f"{name}.slots", "u8", name),
        }

    def arrays(self, name: str) -> dict[str, AnyArray]:
        """Return all there is, under names that begin with `name`."""
        parts = {f"{name}.{part}": getattr(self, part) for part in _ARRAYS}
        return {**parts, **self.slots.arrays(f"{name}.slots")}

    def __len__(self) -> int:
        return len(self.name_starts) - 1

    def matches(self, tokens: Tokens, is_small: BoolArray) -> BagMatches:
        """Return the windows of words in running text that are those of a name.

        None crosses the end of a sentence, a bracket, another mark but `JOINERS` and commas, a character of a script
        without spaces or the border between two texts; `LIGHT` words may be in it.
        is_small: by token, whether it begins with a small letter in the text as given.
        """
        words = _words(tokens) if len(self) else None
        if words is None or not len(words.tokens):
            return _NONE
        counted = np.flatnonzero(~words.is_light)
        stems = words.stems.take(counted)
        is_known = self.sieve.take(_sieve_slots(stems, self.sieve))
        known = np.flatnonzero(is_known)
        if not len(known):
            return _NONE
        at = words.tokens.take(counted.take(known))
        parts = _parts(tokens).take(at) + np.cumsum(~is_known).take(known)
        ends = np.searchsorted(parts, parts, side="right")  # after the last word of each one's part
        sums = _sums(stems.take(known))
        firsts = np.arange(len(known))
        found: list[tuple[IntArray, IntArray, IntArray]] = []
        for width in range(1, MAX_WORDS + 1):
            firsts = firsts[firsts + width <= ends.take(firsts)]
            numbers = self.slots.find(sums.take(firsts + width) - sums.take(firsts))
            hits = np.flatnonzero(numbers)
            first = firsts.take(hits)
            found.append((first, first + width - 1, numbers.take(hits).astype(np.int64) - 1))
        first, last, bags = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        order = np.argsort(first * (MAX_WORDS + 1) + last - first)
        rows, owners = expand_rows(bags.take(order), self.name_starts)
        first, last = first.take(order).take(owners), last.take(order).take(owners)
        agree = np.flatnonzero(self._agree(rows, first, last, tokens, words, counted.take(known), is_small.take(at)))
        starts = tokens.starts.take(at.take(first.take(agree)))
        stops = tokens.stops.take(at.take(last.take(agree)))
        return BagMatches(starts, stops, self.names.take(rows.take(agree)).astype(np.int64))

    def _agree(
        self,
        rows: IntArray,
        first: IntArray,
        last: IntArray,
        tokens: Tokens,
        words: "_Words",
        known: IntArray,
        is_small: BoolArray,
    ) -> BoolArray:
        """Return which windows agree with the names in `rows`, which have the same stems.

        first, last: of each window, by place in `known`, the numbers of the words that names have.  is_small: of these.
        """

        def has(trait: int) -> BoolArray:
            return np.asarray(self.traits.take(rows) & trait > 0)

        def count(values: AnyArray) -> AnyArray:
            sums = _sums(values)
            return np.asarray(sums.take(last + 1) - sums.take(first))

        at = words.tokens.take(known)
        is_ordinary = has(_ORDINARY) | (count(words.is_british.take(known).astype(np.int64)) > 0)
        same_forms = count(words.forms.take(known)) == self.forms.take(rows)
        orders = _orders(words.forms, known.take(first), known.take(last))
        same_order = same_forms & (orders == self.orders.take(rows))
        in_capitals = count(is_small.astype(np.int64)) == 0
        single = np.where(same_forms, is_ordinary | in_capitals, is_ordinary & ~has(_PLURAL))
        several = is_ordinary | (same_forms & in_capitals & (same_order | has(_COMMA)))
        commas = _sums(tokens.codes.take(tokens.starts) == _COMMA_MARK)
        has_commas = commas.take(at.take(last)) > commas.take(at.take(first))
        slashes = _sums(tokens.codes.take(tokens.starts) == _SLASH)
        has_slashes = slashes.take(at.take(last)) > slashes.take(at.take(first))
        numbered = _is_number(tokens, at).take(last)
        crosses = np.where(is_ordinary, has(_COMMA) | numbered, has(_COMMA) & same_order)
        return np.asarray(
            np.where(first == last, single, several) & (~has_commas | crosses) & (~has_slashes | is_ordinary)
        )


_ORDINARY, _PLURAL, _COMMA = 1, 2, 4  # traits of names: a word of theirs is ordinary; is a plural; they have a comma
_ARRAYS = ("names", "name_starts", "sieve", "forms", "orders", "traits")
_NONE = BagMatches(*(np.empty(0, dtype=np.int64) for _ in BagMatches._fields))


def find_ordinary_words(names: Sequence[str]) -> UInt64Array:
    """Return keys of the words of some names, as written, that begin with no capital, ascending.

    A word of fewer than four letters says nothing: "van" and "and" are in proper names too.
    """
    found = [np.empty(0, dtype=np.uint64)]
    for start in range(0, len(names), _NAMES_AT_ONCE):
        whole = fold_texts([name.replace(BORDER, "") for name in names[start : start + _NAMES_AT_ONCE]])
        tokens = Tokens.from_codes(whole.codes)
        words = _words(tokens)
        at = words.tokens
        initials = whole.characters(tokens.starts.take(at))
        is_used = (tokens.stops - tokens.starts).take(at) >= MIN_LETTERS
        is_used &= ~words.is_light & ~case_tables().capital.take(initials, mode="clip") & ~_has_digit(tokens, at)
        found.append(np.unique(words.forms[is_used]))
    return np.unique(np.concatenate(found))


def lowercase_initials(whole: FoldedTexts, tokens: Tokens) -> BoolArray:
    """Return a mask of the tokens with a small first letter in the given texts."""
    return np.asarray(case_tables().small.take(whole.characters(tokens.starts), mode="clip"))


class _Words(NamedTuple):
    """The words but `ARTICLES`: the numbers of their tokens, and keys.

    is_light: whether it is one of `LIGHT`.  forms: of the words in American spelling.  stems: of the same without
    plural endings.  is_plural: whether there is such an ending.  is_british: whether it is spelled in the British way.
    """

    tokens: IntArray
    is_light: BoolArray
    forms: UInt64Array
    stems: UInt64Array
    is_plural: BoolArray
    is_british: BoolArray


def _words(tokens: Tokens) -> _Words:
    """Return the words.  Plural endings are -s, but of -ss, -us and -is.

    A word in -y has the stem of its plurals in -ies and -ys, without the y.
    """
    words = np.flatnonzero(tokens.kinds == WORD)
    if len(words):
        words = words[~np.isin(tokens.keys.take(words), hash_strings(ARTICLES))]
    forms = tokens.keys.take(words)
    is_light = np.isin(forms, hash_strings(LIGHT))
    starts, stops = tokens.starts.take(words), tokens.stops.take(words)
    last = tokens.codes.take(stops - 1)
    cut = (last == _Y).astype(np.int64)
    plural = np.flatnonzero((last == _S) & (stops - starts >= _MIN_PLURAL_LENGTH))
    before = tokens.codes.take(stops.take(plural) - 2)
    is_ies = (before == _E) & (tokens.codes.take(stops.take(plural) - 3) == _I)
    is_ies &= (stops - starts).take(plural) > _MIN_PLURAL_LENGTH
    cut[plural] = np.select([is_ies, before == _Y, np.isin(before, (_I, _S, _U))], [3, 2, 0], 1)
    is_y = last == _Y
    is_y[plural] = is_ies | (before == _Y)
    stems = forms.copy()
    ends = stops - cut
    changed = np.flatnonzero(cut)
    stems[changed] = tokens.prefix.span(starts.take(changed), ends.take(changed))
    is_dropped, is_british = _find_british_letters(tokens, words)
    if is_dropped.any():
        n_dropped = starts_of(is_dropped)
        changed = np.flatnonzero(n_dropped.take(stops) > n_dropped.take(starts))
        spelled = PrefixHashes(tokens.codes[~is_dropped])
        starts, stops, ends = starts.take(changed), stops.take(changed), ends.take(changed)
        firsts = starts - n_dropped.take(starts)
        forms[changed] = spelled.span(firsts, stops - n_dropped.take(stops))
        stems[changed] = spelled.span(firsts, ends - n_dropped.take(ends))
    stems[is_y] = mix_bits_64(stems[is_y] ^ _TO_Y)
    return _Words(words, is_light, forms, stems, (cut > 0) & (last == _S), is_british)


def _find_british_letters(tokens: Tokens, words: IntArray) -> tuple[BoolArray, BoolArray]:
    """Return masks of British letters, and of the words with such a letter."""
    codes = tokens.codes
    after = np.append(codes[1:], codes[-1:])
    is_candidate = ((codes == _A) | (codes == _O)) & (after == _E)
    at = np.flatnonzero((codes == _U) & (np.append(codes[:1], codes[:-1]) == _O) & (after == _R))
    starts = tokens.starts.take(tokens.numbers.take(at + 1) - 1)
    is_candidate[at[at - starts > _BEFORE_OUR]] = True
    is_dropped = np.zeros(len(codes), dtype=np.bool_)
    is_british = np.zeros(len(words), dtype=np.bool_)
    n_candidates = _sums(is_candidate)
    starts, stops = tokens.starts.take(words), tokens.stops.take(words)
    for word in np.flatnonzero(n_candidates.take(stops) > n_candidates.take(starts)).tolist():
        start = int(starts[word])
        places = _british_letters(from_code_points(codes[start : stops[word]]))
        is_dropped[[start + place for place in places]] = True
        is_british[word] = bool(places)
    return is_dropped, is_british


def _british_letters(text: str) -> list[int]:
    """Return the places of British letters: a or o before e, and u in -our."""
    return [*(one.start() for one in CLASSICAL.finditer(text)), *(one.end() - 2 for one in OUR.finditer(text))]


def _sums(values: AnyArray) -> AnyArray:
    """Return the sums of the values before each place, and of all."""
    sums = np.zeros(len(values) + 1, dtype=np.int64 if values.dtype == np.bool_ else values.dtype)
    np.cumsum(values, out=sums[1:])
    return sums


def _orders(forms: UInt64Array, firsts: IntArray, lasts: IntArray) -> UInt64Array:
    """Return a key of the order of words from each first to each last one."""
    sums = _sums(mix_bits_64(forms[:-1] * _NEXT ^ forms[1:])) if len(forms) else np.zeros(1, dtype=np.uint64)
    return np.asarray(sums.take(lasts) - sums.take(firsts))


def _has_digit(tokens: Tokens, at: IntArray) -> BoolArray:
    """Return a mask of the tokens with a digit."""
    digits = _sums((tokens.codes >= ord("0")) & (tokens.codes <= ord("9")))
    return np.asarray(digits.take(tokens.stops.take(at)) > digits.take(tokens.starts.take(at)))


def _is_number(tokens: Tokens, at: IntArray) -> BoolArray:
    """Return a mask of the tokens with a digit, and of Roman numerals."""
    return _has_digit(tokens, at) | np.isin(tokens.keys.take(at), hash_strings(NUMERALS))


def _parts(tokens: Tokens) -> IntArray:
    """Return how many breaks there are up to each token's start: between texts, by marks, by ideographs."""
    breaks = _breaks().take(tokens.codes.take(tokens.starts), mode="clip") & (tokens.kinds == MARK)
    is_open = tokens.starts[1:] > tokens.stops[:-1]  # there is white space before the next token
    is_spaced = np.append(True, is_open) & np.append(is_open, True)
    breaks |= (tokens.kinds == MARK) & is_spaced & (tokens.codes.take(tokens.starts) != _COMMA_MARK)
    breaks |= tokens.kinds == IDEOGRAPH
    counts = breaks.astype(np.int64)
    of_borders = tokens.numbers.take(np.flatnonzero(tokens.codes == ord(BORDER)))
    np.add.at(counts, of_borders[of_borders < len(counts)], 1)
    return np.cumsum(counts, out=counts)


@cache
def _breaks() -> BoolArray:
    """Return by code point up to some, and by the last one for all others, whether no window crosses such a mark."""
    breaks = np.ones(1 << 16, dtype=np.bool_)
    breaks[[*map(ord, JOINERS), _COMMA_MARK]] = False
    return breaks


def _sieve(keys: UInt64Array) -> BoolArray:
    keys = np.unique(keys)
    sieve = np.zeros(1 << max(_MIN_BITS, (_SIEVE_ROOM * len(keys)).bit_length()), dtype=np.bool_)
    sieve[_sieve_slots(keys, sieve)] = True
    return sieve


def _power_of_two(sieve: BoolArray, arrays: NamedArrays, sizes: Mapping[str, int]) -> str:
    return "" if len(sieve).bit_count() == 1 and len(sieve) >= 1 << _MIN_BITS else "has a size that no sieve has"


def _sieve_slots(keys: UInt64Array, sieve: BoolArray) -> IntArray:
    return (keys >> np.uint64(65 - len(sieve).bit_length())).astype(np.int64)
