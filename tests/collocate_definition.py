"""Collocates by their definition: slow and obvious."""

import math
from collections import Counter
from decimal import Decimal, localcontext


def count_pairs(documents, left, right):
    """Return the counts of words and the pairs of a word, its collocate and a side, over lists of words."""
    words, pairs = Counter(), Counter()
    for document in documents:
        words.update(document)
        for i, word in enumerate(document):
            for j, collocate in enumerate(document):
                if 1 <= i - j <= left:
                    pairs[word, collocate, "left"] += 1
                if 1 <= j - i <= right:
                    pairs[word, collocate, "right"] += 1
    return words, pairs


def measure(joint, word, collocate, n_words, size):
    """Return the scores of a pair."""
    expected = word * collocate * size / n_words
    table = (
        joint,
        word * size - joint,
        collocate * size - joint,
        max(0, n_words * size - word * size - collocate * size + joint),
    )
    return (
        14 + math.log2(2 * joint / (word + collocate)),
        math.log2(joint / expected),
        math.log2(joint**3 / expected),
        (joint - expected) / math.sqrt(joint),
        (joint - expected) / math.sqrt(expected),
        log_likelihood(*table),
    )


def log_likelihood(a, b, c, d):
    """Return G² of a table with 50 digits."""
    with localcontext() as context:
        context.prec = 50
        cells, total = list(map(Decimal, (a, b, c, d))), Decimal(a + b + c + d)
        expected = [row * column / total for row in (a + b, c + d) for column in (a + c, b + d)]
        return float(2 * sum(o * (o / e).ln() for o, e in zip(cells, expected, strict=True) if o))


def rank_pairs(documents, left, right, node=None, min_count=1, sort="log_dice"):
    """Return the rows of the command with --pairs, with scores that are not rounded."""
    words, pairs = count_pairs(documents, left, right)
    n_words = sum(words.values())
    names = {(word, collocate) for word, collocate, _ in pairs if node in (None, word)}
    if node is None:
        names = {(word, collocate) for word, collocate in names if word != collocate}
    if node is None and left == right:
        names = {pair for pair in names if is_first(pairs, *pair)}
    rows = []
    for word, collocate in names:
        sides = [pairs[word, collocate, side] for side in ("left", "right")]
        if sum(sides) >= min_count:
            scores = measure(sum(sides), words[word], words[collocate], n_words, left + right)
            rows.append((word, collocate, sum(sides), *sides, words[word], words[collocate], *scores))
    at = ["log_dice", "mi", "mi3", "t_score", "z_score", "log_likelihood"].index(sort) + 7 if sort != "count" else 2
    return sorted(rows, key=lambda row: (-round(row[at], 4), row[:2]))


def is_first(pairs, word, collocate):
    """Return whether a word is before another one more often than after it; equal numbers by code point."""
    before, after = pairs[word, collocate, "right"], pairs[word, collocate, "left"]
    return before > after or (before == after and word <= collocate)
