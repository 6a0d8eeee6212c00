"""The kernels over counts of words or n-grams: inner products of sparse rows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.arrays.ragged import expand_ranges
from kxcli.mining.hsic.kernels import TILE_ROWS
from kxcli.mining.hsic.parameters import Kernel
from kxcli.mining.hsic.terms import TermCounts

_MAX_PAIRS, _MAX_COLUMNS = 1 << 20, 1 << 10  # pairs of entries, and dense columns, in memory at a time
_MIN_DENSE_PAIRS = 1500  # of entries of a term in a tile, for a dense column to be faster than the pairs


class TextVariable:
    """Counts of terms with the inner product or the cosine as kernel.

    Terms of many texts of a tile are multiplied as dense columns, the others pair by pair. Cost of a tile: for each
    term, the pairs of texts that have it.

    Args:
        counts: A sparse row per text.
        kernel: Bow or ngram.
    """

    features = None  # there are as many as terms

    def __init__(self, counts: TermCounts, kernel: Kernel) -> None:
        self.kernel, self.n = kernel, counts.n
        self.rows: IntArray = np.arange(self.n)
        self._starts = counts.starts
        owners = np.repeat(self.rows, np.diff(counts.starts))
        squares = counts.counts.astype(np.float64) ** 2
        self._norms: FloatArray = np.bincount(owners, squares, self.n).astype(np.float64, copy=False)
        values = counts.counts / np.sqrt(self._norms)[owners] if kernel.cosine else counts.counts.astype(np.float64)
        # Entries are in order of their terms within each block of rows, so that a tile finds the terms of both blocks.
        order = np.lexsort((owners, counts.terms, owners // TILE_ROWS))
        self._owners, self._terms, self._values = owners[order], counts.terms[order], values[order]

    @property
    def entries(self) -> tuple[IntArray, IntArray, FloatArray]:
        """Text, term and value of each entry: the count, for a cosine over the norm."""
        return self._owners, self._terms, self._values

    @property
    def n_terms(self) -> int:
        """The number of distinct terms."""
        return int(self._terms.max(initial=-1)) + 1

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
        order = np.lexsort((self._terms, self._owners))
        shape = self.n, int(lengths[0])
        return all((rows == rows[0]).all() for rows in (a[order].reshape(shape) for a in (self._terms, self._values)))

    @cached_property
    def diagonal(self) -> FloatArray:
        """k(i, i), of shape (n,)."""
        diagonal: FloatArray = (self._norms > 0).astype(np.float64) if self.kernel.cosine else self._norms
        return diagonal

    def tile(self, i: int, j: int) -> FloatArray:
        """Return a tile."""
        left, right = self._select_block(i), self._select_block(j)
        _, at_left, at_right = np.intersect1d(left.terms, right.terms, assume_unique=True, return_indices=True)
        n_pairs = left.lengths[at_left] * right.lengths[at_right]
        is_dense = n_pairs > _MIN_DENSE_PAIRS
        shape = min(TILE_ROWS, self.n - i * TILE_ROWS), min(TILE_ROWS, self.n - j * TILE_ROWS)
        tile = np.zeros(shape)
        sparse_left, sparse_right = at_left[~is_dense], at_right[~is_dense]
        ends = np.cumsum(n_pairs[~is_dense])
        borders = np.searchsorted(ends, np.arange(_MAX_PAIRS, ends[-1] if len(ends) else 0, _MAX_PAIRS))
        for part in _iter_slices(borders, len(ends)):
            tile += _multiply_pairs(left, right, sparse_left[part], sparse_right[part], shape)
        dense_left, dense_right = at_left[is_dense], at_right[is_dense]
        for part in _iter_slices(range(_MAX_COLUMNS, len(dense_left), _MAX_COLUMNS), len(dense_left)):
            tile += left.to_dense(dense_left[part], shape[0]) @ right.to_dense(dense_right[part], shape[1]).T
        return tile

    def column(self, i: int) -> FloatArray:
        """Return a column of the kernel matrix."""
        weights = np.zeros(int(self._terms.max(initial=0)) + 1)
        is_own = self._owners == i
        weights[self._terms[is_own]] = self._values[is_own]
        return np.bincount(self._owners, weights[self._terms] * self._values, self.n).astype(np.float64, copy=False)

    def _select_block(self, i: int) -> "_TermBlock":
        first, last = i * TILE_ROWS, min((i + 1) * TILE_ROWS, self.n)
        part = slice(self._starts[first], self._starts[last])
        terms, starts, lengths = np.unique(self._terms[part], return_index=True, return_counts=True)
        return _TermBlock(terms, starts, lengths, self._owners[part] - first, self._values[part])


def _iter_slices(borders: Iterable[int], n: int) -> Iterator[slice]:
    """Yield the slices between some borders up to n, without empty ones."""
    start = 0
    for border in (*borders, n):
        if border > start:
            yield slice(start, border)
            start = border


@dataclass(frozen=True)
class _TermBlock:
    """The entries of a block of rows, by term: `lengths` entries each from `starts`."""

    terms: IntArray
    starts: IntArray
    lengths: IntArray
    owners: IntArray
    values: FloatArray

    def to_dense(self, at: IntArray, n: int) -> FloatArray:
        """Return the values of some terms, of shape (n, len(at))."""
        matrix = np.zeros((n, len(at)))
        entries = expand_ranges(self.starts[at], self.lengths[at])
        matrix[self.owners[entries], np.repeat(np.arange(len(at)), self.lengths[at])] = self.values[entries]
        return matrix


def _multiply_pairs(
    left: _TermBlock, right: _TermBlock, at_left: IntArray, at_right: IntArray, shape: tuple[int, int]
) -> FloatArray:
    """Return the tile of some terms, by pairs of a left and a right entry."""
    lengths = left.lengths[at_left]
    n_partners = np.repeat(right.lengths[at_right], lengths)  # of each entry of the left block
    partners = expand_ranges(np.repeat(right.starts[at_right], lengths), n_partners)
    entries = np.repeat(expand_ranges(left.starts[at_left], lengths), n_partners)
    cells = left.owners[entries] * shape[1] + right.owners[partners]
    sums = np.bincount(cells, left.values[entries] * right.values[partners], shape[0] * shape[1])
    return sums.reshape(shape).astype(np.float64, copy=False)  # without pairs, bincount returns integers
