"""The kernels over counts of words or n-grams: inner products of sparse rows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic.kernels import TILE_ROWS
from kxcli.mining.hsic.parameters import Kernel
from kxcli.mining.hsic.texts import TermCounts

_PAIRS, _COLUMNS = 1 << 20, 1 << 10  # pairs of entries, and dense columns, held at a time
_MANY = 1500  # pairs of entries of a word in a tile from which a dense column costs less than the pairs


class TextVariable:
    """Counts of words or n-grams under the inner product, or the cosine.

    vectors: the counts, a sparse row a text.  Words that many texts of a tile share are multiplied as dense columns,
    the others pair by pair.  Cost of a tile: the pairs of its texts that share a word, for each word.
    """

    def __init__(self, vectors: TermCounts, kernel: Kernel) -> None:
        self.kernel, self.n = kernel, vectors.n
        self.rows: IntArray = np.arange(self.n)
        self._starts = vectors.starts
        owners = np.repeat(self.rows, np.diff(vectors.starts))
        squares = vectors.counts.astype(np.float64) ** 2
        self._norms: FloatArray = np.bincount(owners, squares, self.n).astype(np.float64, copy=False)
        counts = vectors.counts / np.sqrt(self._norms)[owners] if kernel.cosine else vectors.counts.astype(np.float64)
        # Within each block of rows, entries by word, so that a tile finds the words that both its blocks have.
        order = np.lexsort((owners, vectors.words, owners // TILE_ROWS))
        self._owners, self._words, self._counts = owners[order], vectors.words[order], counts[order]

    @property
    def entries(self) -> tuple[IntArray, IntArray, FloatArray]:
        """Text, term and count, or its share of a cosine, of each entry."""
        return self._owners, self._words, self._counts

    @property
    def n_terms(self) -> int:
        """Distinct terms."""
        return int(self._words.max(initial=-1)) + 1

    @property
    def has_unit_diagonal(self) -> bool:
        """Whether k(i, i) is 1: of a text without words, it is 0."""
        return self.kernel.cosine and bool((self._norms > 0).all())

    @property
    def max_abs(self) -> float:
        """A bound of k."""
        return float(self.diagonal.max())

    @cached_property
    def is_constant(self) -> bool:
        """Whether all texts have the same counts."""
        lengths = np.diff(self._starts)
        if not (lengths == lengths[0]).all():
            return False
        order = np.lexsort((self._words, self._owners))
        shape = self.n, int(lengths[0])
        return all((rows == rows[0]).all() for rows in (a[order].reshape(shape) for a in (self._words, self._counts)))

    @property
    def features(self) -> None:
        """None: there are as many as distinct words."""

    @cached_property
    def diagonal(self) -> FloatArray:
        """k(i, i), of shape (n,)."""
        diagonal: FloatArray = (self._norms > 0).astype(np.float64) if self.kernel.cosine else self._norms
        return diagonal

    def tile(self, i: int, j: int) -> FloatArray:
        """Return a tile."""
        left, right = self._entries(i), self._entries(j)
        _, at_left, at_right = np.intersect1d(left.words, right.words, assume_unique=True, return_indices=True)
        n_left, n_right = left.lengths[at_left], right.lengths[at_right]
        is_many = n_left * n_right > _MANY
        shape = min(TILE_ROWS, self.n - i * TILE_ROWS), min(TILE_ROWS, self.n - j * TILE_ROWS)
        tile = np.zeros(shape)
        few_left, few_right = at_left[~is_many], at_right[~is_many]
        ends = np.cumsum((n_left * n_right)[~is_many])
        for some in _pieces(np.searchsorted(ends, np.arange(_PAIRS, ends[-1], _PAIRS)) if len(ends) else [], len(ends)):
            tile += _of_pairs(left, right, few_left[some], few_right[some], shape)
        many_left, many_right = at_left[is_many], at_right[is_many]
        for some in _pieces(range(_COLUMNS, len(many_left), _COLUMNS), len(many_left)):
            tile += left.dense(many_left[some], shape[0]) @ right.dense(many_right[some], shape[1]).T
        return tile

    def column(self, i: int) -> FloatArray:
        """Return a column of the kernel matrix."""
        weights = np.zeros(int(self._words.max(initial=0)) + 1)
        is_mine = self._owners == i
        weights[self._words[is_mine]] = self._counts[is_mine]
        return np.bincount(self._owners, weights[self._words] * self._counts, self.n).astype(np.float64, copy=False)

    def _entries(self, i: int) -> "_TermBlock":
        first, last = i * TILE_ROWS, min((i + 1) * TILE_ROWS, self.n)
        part = slice(self._starts[first], self._starts[last])
        words, starts, lengths = np.unique(self._words[part], return_index=True, return_counts=True)
        return _TermBlock(words, starts, lengths, self._owners[part] - first, self._counts[part])


def _pieces(borders: Iterable[int], n: int) -> Iterator[slice]:
    """Yield the slices between some borders, up to n; none where there is nothing."""
    start = 0
    for border in (*borders, n):
        if border > start:
            yield slice(start, border)
            start = border


@dataclass(frozen=True)
class _TermBlock:
    """The entries of a block: those of each word stand together, `lengths` of them from `starts`."""

    words: IntArray
    starts: IntArray
    lengths: IntArray
    owners: IntArray
    counts: FloatArray

    def of(self, at: IntArray) -> IntArray:
        """Return the places of all entries of some words."""
        return _ranges(self.starts[at], self.lengths[at])

    def dense(self, at: IntArray, n: int) -> FloatArray:
        """Return the counts of some words, of shape (n, len(at))."""
        matrix = np.zeros((n, len(at)))
        entries = self.of(at)
        matrix[self.owners[entries], np.repeat(np.arange(len(at)), self.lengths[at])] = self.counts[entries]
        return matrix


def _ranges(starts: IntArray, lengths: IntArray) -> IntArray:
    """Return start, start + 1, ... for each start, as many as its length."""
    ends = np.cumsum(lengths)
    return np.repeat(starts - ends + lengths, lengths) + np.arange(ends[-1] if len(ends) else 0)


def _of_pairs(
    left: _TermBlock,
    right: _TermBlock,
    at_left: IntArray,
    at_right: IntArray,
    shape: tuple[int, int],
) -> FloatArray:
    """Add up the products of the entries of each word, each of the left block with each of the right."""
    mine = left.of(at_left)
    n_others = np.repeat(right.lengths[at_right], left.lengths[at_left])  # for each entry of the left block
    others = _ranges(np.repeat(right.starts[at_right], left.lengths[at_left]), n_others)
    mine = np.repeat(mine, n_others)
    places = left.owners[mine] * shape[1] + right.owners[others]
    sums = np.bincount(places, left.counts[mine] * right.counts[others], shape[0] * shape[1])
    return sums.reshape(shape).astype(np.float64, copy=False)  # of no pairs, bincount makes integers
