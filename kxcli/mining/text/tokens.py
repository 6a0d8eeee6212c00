"""Running text cut into words, ideographs and marks, and a hash for every piece of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from kxcli.arrays import AnyArray, Int32Array, IntArray, UInt8Array, UInt32Array, UInt64Array
from kxcli.arrays.code_points import to_code_points
from kxcli.arrays.hashing import GOLDEN, mix_bits_64
from kxcli.mining.text.character_tables import letter_table, spaced_table
from kxcli.mining.text.folding import BORDER

WORD, IDEOGRAPH, MARK = 1, 2, 3  # kinds of tokens; 0 is white space, and the border between texts

_BASE = 0xD134_2543_DE82_EF95
_INVERSE = pow(_BASE, -1, 1 << 64)
_BITS = 13  # of the number of characters whose powers are in tables, which have to stay in a core's cache
_SHAPED = 12  # characters of a span that its shape tells of
_NO_CODE = 0x110000  # no code point


class PrefixHashes:
    r"""Hashes of arbitrary substrings of running code points, in constant time each.

    The prefix up to `i` has the hash `h[i] = h[i - 1] * b + c[i - 1]` modulo 2^64 (Karp and Rabin 1987), where `c` are
    the characters, each spread over 64 bits; what stands between two places is told by `h[stop] - h[start] *
    b ** (stop - start)`, wherever it stands.  Mixed, and never 0.
    """

    def __init__(self, codes: AnyArray) -> None:
        powers, inverses = _powers()
        self._sums = np.zeros(len(codes) + 1, dtype=np.uint64)
        characters = _spread(codes)
        last = np.zeros(1, dtype=np.uint64)
        size = len(inverses)
        for start in range(0, len(codes), size):
            piece = characters[start : start + size]
            out = self._sums[start + 1 : start + 1 + len(piece)]
            np.multiply(piece, inverses[: len(piece)], out=out)
            out[:1] += last
            np.cumsum(out, out=out)
            out *= powers[1 : len(piece) + 1]
            last = out[-1:]

    def span(self, starts: AnyArray, stops: AnyArray) -> UInt64Array:
        """Return the hash of what stands from each start to before its stop."""
        sums = self._sums.take(starts)
        sums *= _power(stops - starts)
        return mix_bits_64(np.subtract(self._sums.take(stops), sums, out=sums))


def hash_strings(strings: Sequence[str]) -> UInt64Array:
    """Return the hash of each string, the same as `Prefix.span` gives where it stands in running text."""
    codes = to_code_points("".join(strings))
    lengths = np.fromiter(map(len, strings), dtype=np.int64, count=len(strings))
    stops = np.cumsum(lengths)
    return PrefixHashes(codes).span(stops - lengths, stops)


@dataclass(frozen=True)
class Tokens:
    """The tokens of folded running text, ascending; white space and borders between texts lie in none.

    A token is a run of characters of scripts that part words by spaces (`WORD`), one character of another script
    (`IDEOGRAPH`), or one that is neither letter, digit nor white space (`MARK`).

    starts, stops: places in the text.  keys: hashes of the tokens' characters, as `hashes` gives them for strings.
    kinds: of 8 bits.  numbers: by place, the end of the text too, how many tokens start before it: so a span's tokens
    are those from `numbers[start]` to before `numbers[stop]`.  codes, prefix: the text, and the hashes of its pieces.
    """

    starts: IntArray
    stops: IntArray
    keys: UInt64Array
    kinds: UInt8Array
    numbers: Int32Array
    codes: UInt32Array
    prefix: PrefixHashes

    @classmethod
    def from_codes(cls, codes: UInt32Array) -> "Tokens":
        """Return the tokens of some texts, a border after each."""
        prefix = PrefixHashes(codes)
        kinds = np.zeros(len(codes) + 2, dtype=np.uint8)
        kinds[1:-1] = token_kinds().take(codes, mode="clip")
        is_word = kinds == WORD
        goes_on = is_word[:-1] & is_word[1:]
        is_token = kinds[1:-1] != 0
        is_start = is_token & ~goes_on[:-1]
        starts = np.flatnonzero(is_start)
        stops = np.flatnonzero(is_token & ~goes_on[1:]) + 1
        numbers = np.zeros(len(codes) + 1, dtype=np.int32)
        np.cumsum(is_start, out=numbers[1:])
        keys = mix_bits_64(_spread(codes.take(starts)))
        longer = np.flatnonzero(stops - starts > 1)
        keys[longer] = prefix.span(starts.take(longer), stops.take(longer))
        return cls(starts, stops, keys, kinds[1:-1].take(starts), numbers, codes, prefix)

    def __len__(self) -> int:
        return len(self.starts)

    def ends_before(self, places: AnyArray) -> IntArray:
        """Return where the last token that starts before each place ends; 0 where none does."""
        return np.append(self.stops, 0).take(self.numbers.take(places) - 1)


def hash_shapes(codes: AnyArray, starts: AnyArray, stops: AnyArray) -> UInt64Array:
    """Return a key for how each span of a text as given looks: `hashes` of its shape as a string.

    In a shape "A" stands for a capital, "a" for a small letter, "0" for a digit, "c" for any other letter, and a mark
    for itself; of more than two in succession that are the same only two are there (Collins 2002).  It is that of a
    span's first twelve characters.
    """
    classes = _classes()
    base = np.uint64(_BASE)
    sums = np.zeros(len(starts), dtype=np.uint64)
    last = np.full(len(starts), _NO_CODE, dtype=np.uint32)
    before_last = last
    alive = np.arange(len(starts))
    lengths = np.minimum(stops - starts, _SHAPED)
    for place in range(_SHAPED):
        is_long = lengths > place
        if not is_long.all():
            alive, starts, lengths = alive[is_long], starts[is_long], lengths[is_long]
            last, before_last = last[is_long], before_last[is_long]
        if not len(alive):
            break
        here = classes.take(codes.take(starts + place), mode="clip")
        kept = np.flatnonzero((here != last) | (here != before_last))
        rows = alive.take(kept)
        sums[rows] = sums.take(rows) * base + _spread(here.take(kept))
        last, before_last = here, last
    return mix_bits_64(sums)


def _spread(codes: AnyArray) -> UInt64Array:
    wide = codes.astype(np.uint64)
    wide += np.uint64(1)  # no character counts for nothing
    wide *= GOLDEN
    wide ^= wide >> np.uint64(29)
    return wide


@cache
def _powers() -> tuple[UInt64Array, UInt64Array]:
    """Return the powers of the base from 0, and of its inverse from 1, as many less one."""
    tables = []
    for base in (_BASE, _INVERSE):
        table = np.full((1 << _BITS) + 1, base, dtype=np.uint64)
        table[0] = 1
        tables.append(np.multiply.accumulate(table))
    return tables[0], tables[1][1:]


def _power(exponents: AnyArray) -> UInt64Array:
    """Return powers of the base."""
    table = _powers()[0]
    most = int(exponents.max(initial=0))
    if most < len(table):
        return table.take(exponents)
    steps = np.full((most >> _BITS) + 1, table[-1], dtype=np.uint64)
    steps[0] = 1
    result: UInt64Array = np.multiply.accumulate(steps).take(exponents >> _BITS)
    result *= table.take(exponents & ((1 << _BITS) - 1))
    return result


@cache
def token_kinds() -> UInt8Array:
    """Return the kind of token by code point up to some, and by the last one for all others."""
    kinds = np.where(spaced_table(), WORD, np.where(letter_table(), IDEOGRAPH, MARK)).astype(np.uint8)
    kinds[[code for code in range(len(kinds)) if chr(code).isspace() or chr(code) == BORDER]] = 0
    return kinds


@cache
def _classes() -> UInt32Array:
    """Return the code point of what stands in a shape for each one up to some, and by the last one for all others."""
    classes = np.arange(len(letter_table()), dtype=np.uint32)
    for code, character in enumerate(map(chr, range(len(classes)))):
        if character.isupper():
            classes[code] = ord("A")
        elif character.islower():
            classes[code] = ord("a")
        elif character.isdigit():
            classes[code] = ord("0")
        elif character.isalpha():
            classes[code] = ord("c")
    return classes
