"""Tokens of running text, and hashes of arbitrary substrings."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from kxcli.arrays import AnyArray, Int32Array, IntArray, UInt8Array, UInt32Array, UInt64Array
from kxcli.arrays.code_points import to_code_points
from kxcli.arrays.hashing import GOLDEN, mix_bits_64
from kxcli.mining.text.character_tables import make_letter_table, make_spaced_table
from kxcli.mining.text.folding import BORDER

WORD, IDEOGRAPH, MARK = 1, 2, 3  # kinds of tokens; 0 is white space and the border between texts

_BASE = 0xD134_2543_DE82_EF95  # of polynomial hashes; odd, so that it has an inverse
_INVERSE = pow(_BASE, -1, 1 << 64)
_TABLE_BITS = 13  # the tables of 2^13 powers stay in a core's cache
_MAX_SHAPE_LENGTH = 12  # characters of a span that its shape describes
_NO_CODE = 0x110000  # above all code points


class PrefixHashes:
    """Hashes of arbitrary substrings of a text, in constant time each.

    The prefix up to `i` has the hash `h[i] = h[i - 1] * b + c[i - 1]` modulo 2^64 (Karp and Rabin 1987), with the
    characters `c` spread over 64 bits. The substring from start to stop has the hash `h[stop] - h[start] *
    b ** (stop - start)`, mixed and never 0. It is the same at any position.
    """

    def __init__(self, codes: AnyArray) -> None:
        powers, inverses = _make_power_tables()
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
        """Return the hash of each substring."""
        sums = self._sums.take(starts)
        sums *= _compute_powers(stops - starts)
        return mix_bits_64(np.subtract(self._sums.take(stops), sums, out=sums))


def hash_strings(strings: Sequence[str]) -> UInt64Array:
    """Return the hash of each string, as `PrefixHashes.span` of an equal substring."""
    codes = to_code_points("".join(strings))
    lengths = np.fromiter(map(len, strings), dtype=np.int64, count=len(strings))
    stops = np.cumsum(lengths)
    return PrefixHashes(codes).span(stops - lengths, stops)


@dataclass(frozen=True)
class Tokens:
    """The tokens of folded texts, ascending, without white space and borders.

    A token is a run of characters of scripts with spaces between words (`WORD`), one character of another script
    (`IDEOGRAPH`), or one character that is neither letter, digit nor white space (`MARK`).

    Args:
        starts: Positions of the first characters.
        stops: Positions after the last characters.
        keys: Hashes of the tokens, as of `hash_strings`.
        kinds: `WORD`, `IDEOGRAPH` or `MARK`.
        numbers: By position and for the end of the text, the number of tokens that start before it. A span has the
            tokens from `numbers[start]` to before `numbers[stop]`.
        codes: The text.
        prefix: Hashes of its substrings.
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
        """Return the tokens of texts with a border after each."""
        prefix = PrefixHashes(codes)
        kinds = np.zeros(len(codes) + 2, dtype=np.uint8)
        kinds[1:-1] = make_token_kind_table().take(codes, mode="clip")
        is_word = kinds == WORD
        continues = is_word[:-1] & is_word[1:]
        is_token = kinds[1:-1] != 0
        is_start = is_token & ~continues[:-1]
        starts = np.flatnonzero(is_start)
        stops = np.flatnonzero(is_token & ~continues[1:]) + 1
        numbers = np.zeros(len(codes) + 1, dtype=np.int32)
        np.cumsum(is_start, out=numbers[1:])
        keys = mix_bits_64(_spread(codes.take(starts)))
        longer = np.flatnonzero(stops - starts > 1)
        keys[longer] = prefix.span(starts.take(longer), stops.take(longer))
        return cls(starts, stops, keys, kinds[1:-1].take(starts), numbers, codes, prefix)

    def __len__(self) -> int:
        return len(self.starts)

    def ends_before(self, positions: AnyArray) -> IntArray:
        """Return the stop of the last token that starts before each position, or 0."""
        return np.append(self.stops, 0).take(self.numbers.take(positions) - 1)


def hash_shapes(codes: AnyArray, starts: AnyArray, stops: AnyArray) -> UInt64Array:
    """Return the hash of the shape of each span of a source text.

    A shape has "A" for a capital, "a" for a lowercase letter, "0" for a digit, "c" for another letter, and each mark
    itself. Of a longer run of the same character, two remain (Collins 2002). Only the first twelve characters count.
    """
    classes = _make_shape_table()
    base = np.uint64(_BASE)
    sums = np.zeros(len(starts), dtype=np.uint64)
    last = np.full(len(starts), _NO_CODE, dtype=np.uint32)
    before_last = last
    alive = np.arange(len(starts))
    lengths = np.minimum(stops - starts, _MAX_SHAPE_LENGTH)
    for place in range(_MAX_SHAPE_LENGTH):
        is_long = lengths > place
        if not is_long.all():
            alive, starts, lengths = alive[is_long], starts[is_long], lengths[is_long]
            last, before_last = last[is_long], before_last[is_long]
        if not len(alive):
            break
        here = classes.take(codes.take(starts + place), mode="clip")
        new = np.flatnonzero((here != last) | (here != before_last))
        rows = alive.take(new)
        sums[rows] = sums.take(rows) * base + _spread(here.take(new))
        last, before_last = here, last
    return mix_bits_64(sums)


def _spread(codes: AnyArray) -> UInt64Array:
    wide = codes.astype(np.uint64)
    wide += np.uint64(1)  # so that no character has the value 0
    wide *= GOLDEN
    wide ^= wide >> np.uint64(29)
    return wide


@cache
def _make_power_tables() -> tuple[UInt64Array, UInt64Array]:
    """Return the powers of the base from exponent 0, of its inverse from exponent 1."""
    tables = []
    for base in (_BASE, _INVERSE):
        table = np.full((1 << _TABLE_BITS) + 1, base, dtype=np.uint64)
        table[0] = 1
        tables.append(np.multiply.accumulate(table))
    return tables[0], tables[1][1:]


def _compute_powers(exponents: AnyArray) -> UInt64Array:
    """Return powers of the base."""
    table = _make_power_tables()[0]
    highest = int(exponents.max(initial=0))
    if highest < len(table):
        return table.take(exponents)
    steps = np.full((highest >> _TABLE_BITS) + 1, table[-1], dtype=np.uint64)
    steps[0] = 1
    result: UInt64Array = np.multiply.accumulate(steps).take(exponents >> _TABLE_BITS)
    result *= table.take(exponents & ((1 << _TABLE_BITS) - 1))
    return result


@cache
def make_token_kind_table() -> UInt8Array:
    """Return the kind of token by code point; the last value is for all higher ones."""
    kinds = np.where(make_spaced_table(), WORD, np.where(make_letter_table(), IDEOGRAPH, MARK)).astype(np.uint8)
    kinds[[code for code in range(len(kinds)) if chr(code).isspace() or chr(code) == BORDER]] = 0
    return kinds


@cache
def _make_shape_table() -> UInt32Array:
    """Return the character of a shape by code point; the last is for all higher ones."""
    classes = np.arange(len(make_letter_table()), dtype=np.uint32)
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
