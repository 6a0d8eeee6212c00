"""Match names by their bag of words: words in another order, number or spelling.

A name matches loosely only if one of its words is ordinary, as far as the knowledge base shows. A proper name ("Bank
of China") must occur with the same words, in the same order and capitalized: "China Bank", "far" for "Fars" and "York,
new" for "New York" are other things.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, IntArray, NamedArrays, UInt8Array, UInt32Array, UInt64Array
from kxcli.arrays.code_points import to_code_points
from kxcli.arrays.hashing import DEGSKI, mix_bits_64
from kxcli.arrays.key_index import KeyIndex
from kxcli.arrays.ragged import compute_prefix_sums, compute_starts, expand_rows
from kxcli.mining.linking.spans.name_matcher import NameMatches
from kxcli.mining.text.folding import BORDER
from kxcli.mining.text.tokens import IDEOGRAPH, MARK, Tokens
from kxcli.mining.text.words import Words, are_numbers, find_words
from kxcli.schema import ArrayField

MAX_WORDS = 8  # of a name and of a window, without light words
_MIN_LETTERS = 4  # of all words of a name; a shorter name is too much like other words

# A window crosses these marks if one side of them has no white space, and a comma if the name allows it.
JOINERS = "-‐‑–'’‘ʼ/+_"
_COMMA_MARK, _SLASH = map(ord, ",/")

_ORDINARY, _PLURAL, _COMMA = 1, 2, 4  # traits of a name, as bits: it has an ordinary word, a plural, a comma
_SIEVE_SLOTS_PER_KEY = 16  # one of 16 other keys or fewer passes the sieve
_MIN_SIEVE_BITS = 8


class _Windows(NamedTuple):
    """Windows of words with the stems of a name.

    Args:
        rows: The row of each window's name in `BagMatcher.names`.
        first: The position of the first word among the known words.
        last: The position of the last word among the known words.
        known: Positions in `Words` of the known words, which names have.
    """

    rows: IntArray
    first: IntArray
    last: IntArray
    known: IntArray

    def sum(self, values: AnyArray) -> AnyArray:
        """Return the sum over each window of the values of known words."""
        sums = compute_prefix_sums(values)
        return np.asarray(sums.take(self.last + 1) - sums.take(self.first))


@dataclass(frozen=True)
class BagMatcher:
    """Finds names by their bags of words.

    Args:
        slots: From the key of a bag, the sum of its words' stems, to 1 + its number.
        names: Numbers of the names with each bag, ascending.
        name_starts: By bag, in `names`.
        sieve: Whether a bag may have a stem, by the upper bits of its hash.
        forms: By row of `names`, the sum of the hashes of its words.
        orders: By row of `names`, a hash of the order of its words.
        traits: By row of `names`, bits `_ORDINARY`, `_PLURAL`, `_COMMA`.
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
        """Return the matcher of folded names; 2 s a million.

        A name has no bag if it has characters of a script without spaces, more than `MAX_WORDS` words, or fewer than
        four letters in all.

        Args:
            names: Folded names.
            ordinary: Hashes of ordinary words, ascending; by default, all words are ordinary.
        """
        tokens = Tokens.from_codes(to_code_points(BORDER.join([*names, ""])))
        bounds = tokens.numbers.take(compute_starts([len(name) + 1 for name in names]))
        words = find_words(tokens)
        content = np.flatnonzero(~words.is_light)
        at = words.tokens.take(content)
        starts = np.searchsorted(at, bounds)
        forms, stems = words.forms.take(content), words.stems.take(content)
        n_words = np.diff(starts)
        keys = _sum_rows(stems, starts)
        has_bag = (n_words <= MAX_WORDS) & (keys != 0)
        has_bag &= _sum_rows((tokens.stops - tokens.starts).take(at), starts) >= _MIN_LETTERS
        has_bag &= _sum_rows(tokens.kinds == IDEOGRAPH, bounds) == 0
        rows = np.flatnonzero(has_bag)
        bag_keys, bags, counts = np.unique(keys.take(rows), return_inverse=True, return_counts=True)
        rows = rows.take(np.argsort(bags.reshape(-1), kind="stable"))
        is_ordinary = words.is_british.take(content)
        is_ordinary |= True if ordinary is None else np.isin(forms, ordinary)
        traits = _ORDINARY * (_sum_rows(is_ordinary, starts) > 0)
        traits |= _PLURAL * (_sum_rows(words.is_plural.take(content), starts) > 0)
        traits |= _COMMA * (_sum_rows(_are_marks(tokens, _COMMA_MARK), bounds) > 0)
        first, last = content.take(starts.take(rows)), content.take(starts.take(rows + 1) - 1)
        return cls(
            slots=KeyIndex.from_keys(bag_keys),
            names=rows.astype(np.uint32),
            name_starts=compute_starts(counts),
            sieve=_make_sieve(stems[np.repeat(has_bag, n_words)]),
            forms=_sum_rows(forms, starts).take(rows),
            orders=_hash_orders(words.forms, first, last),
            traits=traits.take(rows).astype(np.uint8),
        )

    @classmethod
    def from_arrays(cls, arrays: NamedArrays, name: str) -> "BagMatcher":
        """Return the matcher that `arrays` returned for a name."""
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
            f"{name}.sieve": ArrayField("b1", (f"{name}.sieve+1",), rules=[_check_sieve]),
            **KeyIndex.declare_arrays(f"{name}.slots", "u8", name),
        }

    def arrays(self, name: str) -> dict[str, AnyArray]:
        """Return all arrays, under names that begin with `name`."""
        parts = {f"{name}.{part}": getattr(self, part) for part in _ARRAYS}
        return {**parts, **self.slots.arrays(f"{name}.slots")}

    def __len__(self) -> int:
        return len(self.name_starts) - 1

    def matches(self, tokens: Tokens, is_lowercase: BoolArray) -> NameMatches:
        """Return the names in a text, by start, then by stop, then by name.

        A match goes from the first to the last word of the name except light words. It crosses no end of a sentence,
        bracket or other mark except `JOINERS` and commas, no character of a script without spaces and no border
        between texts.

        Args:
            tokens: The text.
            is_lowercase: By token, whether it begins with a lowercase letter in the text as given.
        """
        if not len(self) or not len(tokens):
            return NameMatches.concatenate([])
        words = find_words(tokens)
        windows = self._find_windows(tokens, words)
        at = words.tokens.take(windows.known)
        is_match = self._agree(windows, tokens, words, is_lowercase.take(at))
        starts = tokens.starts.take(at.take(windows.first[is_match]))
        stops = tokens.stops.take(at.take(windows.last[is_match]))
        return NameMatches(starts, stops, self.names.take(windows.rows[is_match]))

    def _find_windows(self, tokens: Tokens, words: Words) -> _Windows:
        """Return the windows with the stems of a name."""
        content = np.flatnonzero(~words.is_light)
        stems = words.stems.take(content)
        is_known = self.sieve.take(_find_sieve_slots(stems, self.sieve))
        known = np.flatnonzero(is_known)
        sections = _number_sections(tokens).take(words.tokens.take(content.take(known)))
        sections += np.cumsum(~is_known).take(known)
        ends = np.searchsorted(sections, sections, side="right")  # of the section of each word
        sums = compute_prefix_sums(stems.take(known))
        firsts = np.arange(len(known))
        none = np.empty(0, dtype=np.int64)
        parts = [(none, none, none)]
        for width in range(1, MAX_WORDS + 1):
            firsts = firsts[firsts + width <= ends.take(firsts)]
            numbers = self.slots.find(sums.take(firsts + width) - sums.take(firsts))
            hits = np.flatnonzero(numbers)
            first = firsts.take(hits)
            parts.append((first, first + width - 1, numbers.take(hits).astype(np.int64) - 1))
        first, last, bags = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(first * (MAX_WORDS + 1) + last - first)
        rows, owners = expand_rows(bags.take(order), self.name_starts)
        return _Windows(rows, first.take(order).take(owners), last.take(order).take(owners), content.take(known))

    def _agree(self, windows: _Windows, tokens: Tokens, words: Words, is_lowercase: BoolArray) -> BoolArray:
        """Return whether each window agrees with its name, given case by known word."""
        known, traits = windows.known, self.traits.take(windows.rows)
        is_ordinary = (traits & _ORDINARY > 0) | (windows.sum(words.is_british.take(known)) > 0)
        has_comma = traits & _COMMA > 0
        has_same_words = windows.sum(words.forms.take(known)) == self.forms.take(windows.rows)
        orders = _hash_orders(words.forms, known.take(windows.first), known.take(windows.last))
        has_same_order = has_same_words & (orders == self.orders.take(windows.rows))
        is_capitalized = windows.sum(is_lowercase) == 0
        one_word = np.where(has_same_words, is_ordinary | is_capitalized, is_ordinary & (traits & _PLURAL == 0))
        several_words = is_ordinary | (has_same_words & is_capitalized & (has_same_order | has_comma))
        at = words.tokens.take(known)
        first, last = at.take(windows.first), at.take(windows.last)
        commas, slashes = (compute_prefix_sums(_are_marks(tokens, mark)) for mark in (_COMMA_MARK, _SLASH))
        may_cross_comma = np.where(
            is_ordinary, has_comma | are_numbers(tokens, at).take(windows.last), has_comma & has_same_order
        )
        agrees = np.where(windows.first == windows.last, one_word, several_words)
        agrees &= may_cross_comma | (commas.take(last) == commas.take(first))
        return np.asarray(agrees & (is_ordinary | (slashes.take(last) == slashes.take(first))))


_ARRAYS = ("names", "name_starts", "sieve", "forms", "orders", "traits")


def _sum_rows(values: AnyArray, starts: AnyArray) -> AnyArray:
    """Return the sum of the values of each row."""
    return np.diff(compute_prefix_sums(values).take(starts))


def _hash_orders(forms: UInt64Array, firsts: IntArray, lasts: IntArray) -> UInt64Array:
    """Return a hash of the order of the words from each first to each last one."""
    sums = compute_prefix_sums(mix_bits_64(forms[:-1] * DEGSKI ^ forms[1:]))
    return np.asarray(sums.take(lasts) - sums.take(firsts))


def _are_marks(tokens: Tokens, mark: int) -> BoolArray:
    return np.asarray(tokens.codes.take(tokens.starts) == mark)


def _number_sections(tokens: Tokens) -> IntArray:
    """Return the number of breaks up to each token.

    Breaks are borders between texts, ideographs, and most marks.
    """
    is_mark = tokens.kinds == MARK
    breaks = _make_break_table().take(tokens.codes.take(tokens.starts), mode="clip") & is_mark
    has_space = np.concatenate(([True], tokens.starts[1:] > tokens.stops[:-1], [True]))  # around each token
    breaks |= is_mark & has_space[:-1] & has_space[1:] & ~_are_marks(tokens, _COMMA_MARK)
    breaks |= tokens.kinds == IDEOGRAPH
    counts = breaks.astype(np.int64)
    after_borders = tokens.numbers.take(np.flatnonzero(tokens.codes == ord(BORDER)))
    np.add.at(counts, after_borders[after_borders < len(counts)], 1)
    return np.cumsum(counts, out=counts)


@cache
def _make_break_table() -> BoolArray:
    """Return whether a mark is a break, by code point, the last for all higher ones."""
    breaks = np.ones(1 << 16, dtype=np.bool_)
    breaks[[*map(ord, JOINERS), _COMMA_MARK]] = False
    return breaks


def _make_sieve(keys: UInt64Array) -> BoolArray:
    keys = np.unique(keys)
    sieve = np.zeros(1 << max(_MIN_SIEVE_BITS, (_SIEVE_SLOTS_PER_KEY * len(keys)).bit_length()), dtype=np.bool_)
    sieve[_find_sieve_slots(keys, sieve)] = True
    return sieve


def _check_sieve(sieve: BoolArray, arrays: NamedArrays, sizes: Mapping[str, int]) -> str:
    is_right = len(sieve).bit_count() == 1 and len(sieve) >= 1 << _MIN_SIEVE_BITS
    return "" if is_right else "has a size that no sieve has"


def _find_sieve_slots(keys: UInt64Array, sieve: BoolArray) -> IntArray:
    return (keys >> np.uint64(65 - len(sieve).bit_length())).astype(np.int64)
