"""Keyness by its definitions, word by word, slow and obvious."""

import math


def keyness(target, reference, *, min_count=1, prior=None):
    """Return the measures of each tested word as a dict, by the word."""
    n, n_ref = sum(target.values()), sum(reference.values())
    if not n or not n_ref:
        return {}
    weight = min(n, n_ref) if prior is None else prior
    rows = {}
    for word in sorted({*target, *reference}):
        a, b = target.get(word, 0), reference.get(word, 0)
        if max(a, b) >= min_count:
            g2 = log_likelihood(a, n - a, b, n_ref - b)
            rows[word] = {
                "count": a,
                "count_ref": b,
                "per_million": a / n * 1e6,
                "per_million_ref": b / n_ref * 1e6,
                "log_likelihood": g2,
                "log_ratio": math.log2(((a or 0.5) / n) / ((b or 0.5) / n_ref)),
                "percent_diff": 100 * (a / n - (b or 0.5) / n_ref) / ((b or 0.5) / n_ref),
                "odds_ratio": odds_ratio(a, n - a, b, n_ref - b),
                "log_odds_z": log_odds_z(a, n, b, n_ref, weight * (a + b) / (n + n_ref), weight),
                "p_value": math.erfc(math.sqrt(g2 / 2)),
            }
    ps = sorted((row["p_value"], word) for word, row in rows.items())
    q = 1.0
    for rank in range(len(ps), 0, -1):
        p, word = ps[rank - 1]
        q = min(q, p * len(ps) / rank)
        rows[word]["q_value"] = q
    return rows


def log_likelihood(a, b, c, d):
    """Return 2 Σ O ln(O / E)."""
    total = a + b + c + d
    expected = [(a + b) * (a + c), (a + b) * (b + d), (c + d) * (a + c), (c + d) * (b + d)]
    terms = [o * math.log(o * total / e) for o, e in zip((a, b, c, d), expected, strict=True) if o]
    return max(0.0, 2 * math.fsum(terms))


def odds_ratio(a, b, c, d):
    """Return ad / bc, with 0.5 added to all cells if one is zero."""
    if not (a and b and c and d):
        a, b, c, d = a + 0.5, b + 0.5, c + 0.5, d + 0.5
    return a * d / (b * c)


def log_odds_z(y, n, y_ref, n_ref, alpha, alpha_sum):
    """Return equation 22 of Monroe, Colaresi and Quinn (2008)."""
    if y == n and y_ref == n_ref:
        return 0.0
    odds = (y + alpha) / (n + alpha_sum - y - alpha)
    odds_ref = (y_ref + alpha) / (n_ref + alpha_sum - y_ref - alpha)
    return (math.log(odds) - math.log(odds_ref)) / math.sqrt(1 / (y + alpha) + 1 / (y_ref + alpha))
