"""Weights of features: a matrix for learning, packed integers for tagging.

For tagging, the four weights of a row are integers packed into one of 64 bits. Sums of packed integers are packed
sums and equal in any order, so that the scores of a token do not depend on other tokens.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kxcli.arrays import AnyArray, Float32Array, Int16Array, Int32Array, IntArray, NamedArrays, UInt32Array, UInt64Array
from kxcli.arrays.key_index import KeyIndex
from kxcli.mining.linking.tagger.token_features import AFFIXES, FAMILIES, VOCABULARIES, TokenFeatures, shift
from kxcli.schema import ArrayField, require_minimum

_KEY_TYPES = {"word": "u8"}  # sums of hashes; all other keys are hashes of 32 bits
_MIN_COUNT = 2  # occurrences of a feature in a vocabulary
_MAX_UNITS = (1 << 15) - 1  # of a score
_MAX_BITS = 12  # fractional bits of a weight
_MIDDLE = np.uint64(0x8000_8000_8000_8000)
MAX_SCORE = 12.0  # larger magnitudes are clipped


class FeatureSpace:
    """The features that have weights, as rows of a matrix; row 0 is no feature.

    The rows of a family are ordered by number, then by offset, then by place. Number 0 of a vocabulary is any
    unknown feature, and its rows are not used.
    """

    def __init__(self, keys: dict[str, UInt32Array]) -> None:
        self.keys = keys
        self._indexes = {name: KeyIndex.from_keys(known) for name, known in keys.items()}
        self.shapes = _get_family_shapes({name: len(known) for name, known in keys.items()})
        starts = list(itertools.accumulate(map(math.prod, self.shapes.values()), initial=1))
        self.starts, self.n_rows = dict(zip(self.shapes, starts, strict=False)), starts[-1]

    @classmethod
    def fit(cls, parts: Sequence[TokenFeatures]) -> "FeatureSpace":
        """Return the space of the features of some texts."""
        keys = {}
        for name in VOCABULARIES:
            known, counts = np.unique(np.concatenate([part.keys[name] for part in parts]), return_counts=True)
            keys[name] = known[(counts >= _MIN_COUNT) & (known > 1)]
        return cls(keys)

    def select_family(self, rows: AnyArray, name: str) -> AnyArray:
        """Return the rows of a family by number, offset and place."""
        start, shape = self.starts[name], self.shapes[name]
        return rows[start : start + math.prod(shape)].reshape(*shape, *rows.shape[1:])

    def find_numbers(self, features: TokenFeatures) -> dict[str, IntArray]:
        """Return the numbers of all families, as `TokenFeatures.numbers`.

        "affix" has the shape (affixes, slots).
        """
        found = {name: self._indexes[name].find(keys).astype(np.int64) for name, keys in features.keys.items()}
        found["affix"] = found["affix"].reshape(len(AFFIXES), -1)
        return found | features.numbers

    def find_columns(self, features: TokenFeatures) -> Int32Array:
        """Return the rows of the features of every slot, shape (slots, columns)."""
        columns = list[Any]()
        for name, numbers in self.find_numbers(features).items():
            family, start = FAMILIES[name], self.starts[name]
            for part in numbers if name == "affix" else [numbers]:
                if name in ("affix", "shape"):
                    whole = np.zeros(len(features.places), dtype=np.int64)
                    whole[features.spaced] = part
                else:
                    whole = part
                for which, offset in enumerate(family.offsets):
                    number = shift(whole, offset) if offset else whole
                    row = (number * len(family.offsets) + which) * family.places
                    is_known = number > 0 if name in VOCABULARIES or name == "shape" else number >= 0
                    if family.places > 1:
                        row, is_known = row.take(features.words) + features.places, is_known.take(features.words)
                    columns.append(np.where(is_known, start + row, 0))
        return np.stack(columns, axis=1).astype(np.int32)


class TagWeights:
    """Weights as integers, as stored, and the scores of features.

    Attributes:
        space: The features.
        units: Weights of the tags B, I, E and S, shape (rows, 4), in units of 2^-bits.
        prior: Scores of a token without features.
        bits: Fractional bits.
    """

    def __init__(self, space: FeatureSpace, units: Int16Array, prior: Int16Array, bits: int) -> None:
        self.space, self.units, self.prior, self.bits = space, units, prior, bits
        self._prior = _pack_units(prior[np.newaxis])[0]
        packed = _pack_units(units)
        self._tables: dict[str, list[UInt64Array]] = {}
        for name, shape in space.shapes.items():
            table = space.select_family(packed, name)
            self._tables[name] = [np.ascontiguousarray(table[:, which]) for which in range(shape[1])]
        scores = (np.arange(1 << 16) - (1 << 15)) / 2.0**bits
        self._exponentials = np.exp(np.clip(scores, -MAX_SCORE, MAX_SCORE)).astype(np.float32)

    @classmethod
    def quantize(cls, space: FeatureSpace, weights: Float32Array, prior: Float32Array) -> "TagWeights":
        """Return weights in the finest units without overflow of any sum."""
        max_sum = float(np.abs(prior).max())
        for name in FAMILIES:
            maxima = np.abs(space.select_family(weights, name)).max(axis=(0, 2, 3))
            max_sum += (len(AFFIXES) if name == "affix" else 1) * float(maxima.sum())
        bits = min(_MAX_BITS, math.floor(math.log2((_MAX_UNITS - len(FAMILIES) * 8) / max_sum)))
        return cls(space, np.rint(weights * 2**bits).astype(np.int16), np.rint(prior * 2**bits).astype(np.int16), bits)

    @staticmethod
    def declare_arrays() -> dict[str, ArrayField]:
        """Declare the arrays."""

        def check_rows(rows: UInt32Array, arrays: NamedArrays, sizes: Mapping[str, int]) -> str:
            shapes = _get_family_shapes({name: sizes[f"tagger.{name}"] for name in VOCABULARIES})
            n_rows = 1 + sum(map(math.prod, shapes.values()))
            return "" if int(rows.max()) < n_rows else "has a row without a feature"

        return {
            **{
                f"tagger.{name}": ArrayField(
                    _KEY_TYPES.get(name, "u4"), (f"tagger.{name}",), rules=[require_minimum(1)]
                )
                for name in VOCABULARIES
            },
            "tagger.rows": ArrayField("u4", ("tagger.rows",), rules=[check_rows]),
            "tagger.units": ArrayField("i2", ("tagger.rows", 4)),
            "tagger.prior": ArrayField("i2", (4,)),
            "tagger.bits": ArrayField("i8", (), rules=[_check_bits]),
        }

    @classmethod
    def from_arrays(cls, arrays: NamedArrays) -> "TagWeights":
        """Return the weights that `arrays` returned."""
        space = FeatureSpace({name: arrays[f"tagger.{name}"] for name in VOCABULARIES})
        units = np.zeros((space.n_rows, 4), dtype=np.int16)
        units[arrays["tagger.rows"]] = arrays["tagger.units"]
        return cls(space, units, arrays["tagger.prior"], int(arrays["tagger.bits"]))

    def arrays(self) -> dict[str, AnyArray]:
        """Return the weights as arrays, under names that begin with "tagger."."""
        rows = np.flatnonzero(self.units.any(axis=1)).astype(np.uint32)
        return {
            **{f"tagger.{name}": self.space.keys[name] for name in VOCABULARIES},
            "tagger.rows": rows,
            "tagger.units": self.units[rows],
            "tagger.prior": self.prior,
            "tagger.bits": np.array(self.bits),
        }

    def compute_scores(self, features: TokenFeatures) -> UInt64Array:
        """Return the packed scores of every slot."""
        numbers = self.space.find_numbers(features)
        total = np.full(len(features.places), self._prior)
        by_word = np.zeros((len(numbers["word"]), 4), dtype=np.uint64)
        spaced = features.spaced
        for name in FAMILIES:
            for table, offset in zip(self._tables[name], FAMILIES[name].offsets, strict=True):
                if name == "affix":
                    for part in numbers[name]:
                        total[spaced] += table[:, 0].take(part)
                elif name == "shape":
                    total[spaced - offset] += table[:, 0].take(numbers[name])
                elif FAMILIES[name].places > 1:
                    _add_shifted(by_word, table.take(numbers[name], axis=0), offset)
                else:
                    _add_shifted(total, table[:, 0].take(numbers[name]), offset)
        total += by_word.ravel().take(features.words * 4 + features.places)
        return total

    def compute_exponentials(self, scores: UInt64Array) -> Float32Array:
        """Return the exponentials of packed scores, shape (4, scores)."""
        return self._exponentials.take(np.ascontiguousarray(_split_fields(scores).T))


def _get_family_shapes(n_keys: Mapping[str, int]) -> dict[str, tuple[int, int, int]]:
    """Return for each family the number of its numbers, offsets and places."""
    return {
        name: (family.n_numbers or n_keys[name] + 1, len(family.offsets), family.places)
        for name, family in FAMILIES.items()
    }


def _check_bits(bits: IntArray, arrays: NamedArrays, sizes: Mapping[str, int]) -> str:
    return "" if abs(int(bits)) <= _MAX_BITS else "is out of range"


def unpack_scores(scores: UInt64Array) -> IntArray:
    """Return packed scores in units, shape (scores, 4)."""
    return _split_fields(scores).astype(np.int64) - (1 << 15)


def _split_fields(scores: UInt64Array) -> AnyArray:
    """Return the four fields of packed scores, each plus 2^15, shape (scores, 4)."""
    return (scores + _MIDDLE).astype("<u8", copy=False).view("<u2").reshape(-1, 4)


def _pack_units(units: Int16Array) -> UInt64Array:
    wide = units.astype(np.int64).view(np.uint64) << np.array([0, 16, 32, 48], dtype=np.uint64)
    packed: UInt64Array = np.add.reduce(wide, axis=1)
    return packed


def _add_shifted(total: UInt64Array, values: UInt64Array, offset: int) -> None:
    """Add values to the totals `offset` positions before them."""
    if offset > 0:
        total[:-offset] += values[offset:]
    elif offset:
        total[-offset:] += values[:offset]
    else:
        total += values
