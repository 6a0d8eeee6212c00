"""How evenly an n-gram occurs over documents.

The parts of a corpus are its documents with at least one n-gram of the order. With n parts, where part i has the share
s_i of all n-grams and v_i of the n-gram's count:

- DP = sum |v_i - s_i| / 2: 0 if the n-gram is spread like the text, near 1 if one small part has it alone (Gries,
  Dispersions and adjusted frequencies in corpora, International Journal of Corpus Linguistics 13, 2008).
- Normalized DP = DP / (1 - min s_i), which can reach 1 (Lijffijt and Gries, Correction to Gries 2008, the same journal
  17, 2012).
- Juilland's D = 1 - V / sqrt(n - 1), where V is the standard deviation (of the population) of the relative frequencies
  in the parts, divided by their mean: 1 if they are equal, 0 if one part has all (Juilland, Brodin and Davidovitch,
  Frequency Dictionary of French Words, 1970; with percentages for parts of different sizes in Gries 2008).

The number of parts with the n-gram, its range, is its document frequency.
"""

from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray, IntArray

N_DECIMALS = 6


class Parts(NamedTuple):
    """The parts of a corpus, for some orders of n-grams.

    Attributes:
        sizes: The number of n-grams of an order (row) in each document (column), which may be 0.
        n: The number of parts, documents that are not empty, by order.
        total: The number of all n-grams, by order.
        smallest: The size of the smallest part, by order.
    """

    sizes: FloatArray
    n: FloatArray
    total: FloatArray
    smallest: FloatArray


class Dispersion(NamedTuple):
    """The dispersion of n-grams; if there is one part, the last two are NaN."""

    dp: FloatArray
    dp_norm: FloatArray
    juilland_d: FloatArray


def make_parts(sizes: IntArray) -> Parts:
    """Return the parts for the sizes of documents, with a row for each order."""
    is_part = sizes > 0
    smallest = np.min(sizes, axis=1, where=is_part, initial=np.iinfo(np.int64).max)
    as_float = [one.astype(np.float64) for one in (sizes, is_part.sum(axis=1), sizes.sum(axis=1), smallest)]
    return Parts(*as_float)


def measure_dispersion(
    parts: Parts, orders: IntArray, documents: IntArray, counts: IntArray, starts: IntArray
) -> Dispersion:
    """Return the dispersion of n-grams, rounded to `N_DECIMALS`.

    Sums are over the documents of one n-gram in their order, so that they do not depend on the other n-grams.

    Args:
        parts: The parts.
        orders: The order of each n-gram, as a row in `parts.sizes`.
        documents: The documents of each n-gram, one after the other, as columns in `parts.sizes`.
        counts: Its counts in these documents.
        starts: Where the documents of each n-gram begin.
    """
    n_documents = np.diff(starts, append=len(documents))
    n, total, smallest = parts.n[orders], parts.total[orders], parts.smallest[orders]
    sizes = parts.sizes[np.repeat(orders, n_documents), documents]
    shares = counts / np.repeat(np.add.reduceat(counts, starts), n_documents)
    expected = sizes / np.repeat(total, n_documents)
    # The documents without the n-gram add their shares of the text, which are 1 minus the others.
    dp = (1 + np.add.reduceat(np.abs(shares - expected) - expected, starts)) / 2
    frequencies = counts / sizes
    mean = np.add.reduceat(frequencies, starts) / n
    squares = np.add.reduceat((frequencies - np.repeat(mean, n_documents)) ** 2, starts)
    deviation = np.sqrt((squares + (n - n_documents) * mean**2) / n)
    is_defined = n > 1
    with np.errstate(divide="ignore", invalid="ignore"):
        dp_norm = np.where(is_defined, dp / (1 - smallest / total), np.nan)
        juilland_d = np.where(is_defined, 1 - deviation / mean / np.sqrt(n - 1), np.nan)
    return Dispersion(_round_unit(dp), _round_unit(dp_norm), _round_unit(juilland_d))


def _round_unit(values: FloatArray) -> FloatArray:
    """Return values rounded, and within 0 and 1 despite rounding errors."""
    return np.round(np.clip(values, 0, 1), N_DECIMALS).astype(np.float64) + 0.0  # no -0
