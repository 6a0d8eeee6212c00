"""HSIC by its definitions: slow, and simple enough to be checked by reading.

It is independent of the package.  Every kernel is a full matrix; if digits matter, it has the 64 bits of mantissa of
`np.longdouble`.
"""

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np

WIDE = np.longdouble

# Kernels


def rows_of(values):
    """Return numbers as rows around their mean; centered kernels do not depend on it."""
    values = np.asarray(values, dtype=WIDE)
    values = values.reshape(len(values), -1)
    return values - values.mean(axis=0)


def distances(values):
    """Return the Euclidean distances of all rows."""
    rows = rows_of(values)
    return np.sqrt(sum(np.subtract.outer(column, column) ** 2 for column in rows.T))


def compute_median_distance(values):
    """Return the median of the positive distances of all pairs, or None without any."""
    rows = np.asarray(values, dtype=np.float64)
    rows = rows.reshape(len(rows), -1)
    found = [float(np.linalg.norm((a - b).astype(WIDE))) for a, b in itertools.combinations(rows, 2)]
    found = [distance for distance in found if distance > 0]
    return float(np.median(found)) if found else None


def gaussian(values, sigma):
    return np.exp(-((distances(values) / sigma) ** 2))


def laplace(values, sigma):
    return np.exp(-distances(values) / sigma)


def linear(values):
    rows = rows_of(values)
    return sum(np.multiply.outer(column, column) for column in rows.T)


def delta(*columns):
    """Return 1 if all cells of two rows are equal, else 0."""
    rows = list(zip(*columns, strict=True))
    names = {row: number for number, row in enumerate(rows)}
    numbers = np.array([names[row] for row in rows])
    return np.equal.outer(numbers, numbers).astype(WIDE)


def of_counts(counters, *, cosine=False):
    """Return the inner products, or cosines, of bags of terms."""
    vocabulary = {term: place for place, term in enumerate({term for counter in counters for term in counter})}
    vectors = np.zeros((len(counters), len(vocabulary)))
    for row, counter in enumerate(counters):
        for term, count in counter.items():
            vectors[row, vocabulary[term]] = count
    products = (vectors @ vectors.T).astype(WIDE)  # whole numbers
    if cosine:
        norms = np.sqrt(np.diag(products))
        norms[norms == 0] = 1
        products = products / norms / norms[:, None]
    return products


def bag(terms):
    return Counter(terms)


def ngrams(text, n):
    return Counter(text[i : i + n] for i in range(len(text) - n + 1))


# Estimators


def centered(k):
    """Return HKH, H = I - 1/n."""
    return k - k.mean(axis=0) - k.mean(axis=1)[:, None] + k.mean()


def trace(k, l):  # noqa: E741 -- the field's names
    """Return Tr(KHLH)."""
    return float((centered(k) * centered(l)).sum())


def trace_literally(k, l):  # noqa: E741
    h = np.eye(len(k)) - 1 / len(k)
    return float(np.trace(k.astype(float) @ h @ l.astype(float) @ h))


def biased_n2(k, l):  # noqa: E741
    return trace(k, l) / len(k) ** 2


def biased_nm1(k, l):  # noqa: E741
    return trace(k, l) / (len(k) - 1) ** 2


def unbiased(k, l):  # noqa: E741
    """Return Song et al. 2012, equation 5.

    A constant added to a kernel does not change it; the mean is subtracted to keep digits.
    """
    n = len(k)
    k, l = k - k.mean(), l - l.mean()  # noqa: E741
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    products = (k * l).sum()  # Tr(KL), as L is symmetric
    totals = k.sum() * l.sum() / ((n - 1) * (n - 2))
    rows = 2 / WIDE(n - 2) * (k.sum(axis=0) * l.sum(axis=1)).sum()  # 1'KL1
    return float((products + totals - rows) / (n * (n - 3)))


def estimates(k, l):  # noqa: E741
    """Return all estimates, the roots of Tr(KHKH), and the unbiased variances."""
    n, centered_k, centered_l = len(k), centered(k), centered(l)
    both, own_k, own_l = (
        float((a * b).sum()) for a, b in ((centered_k, centered_l), (centered_k, centered_k), (centered_l, centered_l))
    )
    song, song_k, song_l = unbiased(k, l), unbiased(k, k), unbiased(l, l)
    return {
        "biased_n2": both / n**2,
        "biased_nm1": both / (n - 1) ** 2,
        "unbiased": song,
        "roots": (math.sqrt(own_k), math.sqrt(own_l)),
        "cka": both / math.sqrt(own_k) / math.sqrt(own_l) if own_k > 0 and own_l > 0 else None,
        "variances": (song_k, song_l),
        "cka_unbiased": song / math.sqrt(song_k) / math.sqrt(song_l) if song_k > 0 and song_l > 0 else None,
    }


def cka(k, l):  # noqa: E741
    return trace(k, l) / math.sqrt(trace(k, k)) / math.sqrt(trace(l, l))


def cka_unbiased(k, l):  # noqa: E741
    """Return the unbiased alignment, or None if an estimate of a variance is not positive."""
    own = unbiased(k, k), unbiased(l, l)
    return unbiased(k, l) / math.sqrt(own[0]) / math.sqrt(own[1]) if min(own) > 0 else None


# Tests


def off_diagonal(k):
    """Return HKH without its diagonal."""
    k = centered(k)
    np.fill_diagonal(k, 0)
    return k


def permutation_moments(k, l):  # noqa: E741
    """Return the sum of the products off the diagonal, its mean and its variance over all orders (Mantel 1967)."""
    n, k, l = len(k), off_diagonal(k), off_diagonal(l)  # noqa: E741

    def moments(matrix):
        """Return the total squared, four times the terms that share one index, and twice the squares."""
        total, rows, squares = matrix.sum(), (matrix.sum(axis=1) ** 2).sum(), (matrix**2).sum()
        return total**2, total**2 + 2 * squares - 4 * rows, 4 * (rows - squares), 2 * squares

    x, y = moments(k), moments(l)
    variance = (
        x[3] * y[3] / (2 * n * (n - 1))
        + x[2] * y[2] / (4 * n * (n - 1) * (n - 2))
        + x[1] * y[1] / (n * (n - 1) * (n - 2) * (n - 3))
        - x[0] * y[0] / (n * (n - 1)) ** 2
    )
    return float((k * l).sum()), float(k.sum() * l.sum() / (n * (n - 1))), float(variance)


def gamma_p(k, l):  # noqa: E741
    """Return p by the gamma distribution with the mean of n HSIC_b.

    The variance is that over permutations, or the product of the variances off the diagonals if that is larger.
    """
    n = len(k)
    value, mean, variance = permutation_moments(k, l)
    asymptotic_mean = float(np.trace(centered(k)) * np.trace(centered(l))) / n**2
    off = ~np.eye(n, dtype=bool)
    squares = math.prod(float(centered(matrix)[off].var()) * n * (n - 1) for matrix in (k, l))
    scale = max(variance / n**2, 2 * squares / n**4) / asymptotic_mean
    if (value - mean) / n <= -asymptotic_mean:
        return 1.0
    return gamma_tail(asymptotic_mean / scale, (asymptotic_mean + (value - mean) / n) / scale)


def gamma_tail(shape, x):
    """Return Q(shape, x), the upper incomplete gamma function, over gamma(shape): Numerical Recipes 6.2."""
    front = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if x < shape + 1:
        term = total = 1 / shape
        k = shape
        while abs(term) > abs(total) * 1e-18:
            k += 1
            term *= x / k
            total += term
        return 1 - front * total
    tiny = 1e-300
    b = x + 1 - shape
    c, d = 1 / tiny, 1 / b
    fraction = d
    i = 0
    while i == 0 or abs(c * d - 1) > 2e-16:
        i += 1
        a = -i * (i - shape)
        b += 2
        d = 1 / (a * d + b or tiny)
        c = b + a / c or tiny
        fraction *= c * d
    return front * fraction


def shuffled_mean(k, l):  # noqa: E741
    """Return the mean of Tr(KHLH) over all orders of y's rows."""
    return float(np.trace(centered(k)) * np.trace(centered(l))) / (len(k) - 1)


def eigenvalues(k):
    """Return the positive eigenvalues of HKH/n."""
    values = np.linalg.eigvalsh(centered(k).astype(float) / len(k))
    return values[values > 1e-14]


def compute_mixture_tail(weights, value):
    """Return the tail of a sum of weighted squared normals by Imhof's integral (1961)."""
    weights, value = np.asarray(weights) / max(weights), value / max(weights)

    def log_rho(u):
        return 0.25 * float(np.log1p((weights * u) ** 2).sum())

    end = 1.0
    while end < 2000 and log_rho(end) < 30:
        end *= 1.1
    u = np.linspace(0, end, 20_001)
    angles = np.zeros(len(u))
    logs = np.zeros(len(u))
    for weight in weights:
        angles += 0.5 * np.arctan(weight * u)
        logs += 0.25 * np.log1p((weight * u) ** 2)
    angles -= 0.5 * value * u
    values = np.empty(len(u))
    values[0] = (weights.sum() - value) / 2  # the limit
    values[1:] = np.sin(angles[1:]) / u[1:] * np.exp(-logs[1:])
    simpson = values[0] + 4 * values[1:-1:2].sum() + 2 * values[2:-1:2].sum() + values[-1]
    return 0.5 + float(simpson) * u[1] / 3 / math.pi


def permuted(k, l, order):  # noqa: E741
    """Return Tr(KHLH) of y's rows in an order."""
    order = np.asarray(order)
    return float((centered(k) * l[np.ix_(order, order)]).sum())


def n_reaching(k, l, orders):  # noqa: E741
    """Return the number of orders with at least the observed statistic, up to rounding."""
    tie = 1e-15 * len(k) ** 2 * float(np.abs(k).max() * np.abs(l).max())
    observed = trace(k, l)
    return sum(permuted(k, l, order) >= observed - max(tie, 1e-10 * abs(observed)) for order in orders)


def exact_p(k, l):  # noqa: E741
    """Return the share of all n! orders that reach the statistic."""
    n = len(k)
    return n_reaching(k, l, itertools.permutations(range(n))) / math.factorial(n)


PERMUTATION, ROWS, TEXTS = 1, 3, 4  # the first words of the seeds of random streams


def drawn_p(k, l, seed, n_permutations):  # noqa: E741
    """Return (1 + k) / (1 + B) for the permutations that the package draws."""
    return (1 + n_reaching(k, l, iter_orders(len(k), seed, n_permutations))) / (1 + n_permutations)


def iter_orders(n, seed, n_permutations):
    """Yield the permutations that the package draws, 100 with one seed."""
    for number in range(0, n_permutations, 100):
        rng = np.random.default_rng((PERMUTATION, seed, number // 100))
        yield from rng.permuted(np.tile(np.arange(n), (min(100, n_permutations - number), 1)), axis=1)


# Screening


def drawn_screening_p(n_by_label, sizes, seed, n_permutations):
    """Return (1 + k) / (1 + B) for the draws of the package for a word."""
    total, n = sum(n_by_label), sum(sizes)
    rng = np.random.default_rng((TEXTS, seed, total))
    draws = rng.multivariate_hypergeometric(sizes, total, n_permutations, method="marginals")

    def statistic(held):
        return sum((n * int(h) - total * size) ** 2 for h, size in zip(held, sizes, strict=True))

    return (1 + sum(statistic(held) >= statistic(n_by_label) for held in draws)) / (1 + n_permutations)


def presence(n_by_label, sizes):
    """Return the presence of a word in each text, and the labels."""
    words = [i < held for held, size in zip(n_by_label, sizes, strict=True) for i in range(size)]
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    return words, labels


def exact_screening_p(n_by_label, sizes):
    """Return p as a fraction, over all numbers of the word's texts by label.

    Their distribution is the multivariate hypergeometric one.  HSIC is twice the sum over labels of the squared
    distances from the label's share.
    """
    total, n = sum(n_by_label), sum(sizes)

    def statistic(held):
        return sum((n * h - total * size) ** 2 for h, size in zip(held, sizes, strict=True))

    p = Fraction(0)
    for held in itertools.product(*(range(min(size, total) + 1) for size in sizes)):
        if sum(held) == total and statistic(held) >= statistic(n_by_label):
            ways = math.prod(math.comb(size, h) for size, h in zip(sizes, held, strict=True))
            p += Fraction(ways, math.comb(n, total))
    return p


def q_values(p_values):
    """Return the minimum of p_j m / rank_j over all j of at least the same rank, at most 1."""
    m = len(p_values)
    ranked = sorted(range(m), key=lambda i: p_values[i])
    found = [0.0] * m
    for place, i in enumerate(ranked):
        found[i] = min(1.0, *(p_values[j] * m / (rank + 1) for rank, j in enumerate(ranked) if rank >= place))
    return found
