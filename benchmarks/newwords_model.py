"""Fit the coefficients of kxcli/mining/newwords/probability.py, and check them on other corpora.

    python benchmarks/newwords_model.py FILE... --check FILE... [--shared 4] [--order 6]

Each FILE is a corpus, best of a kind of its own (novels, reviews, news, forums, textbooks, ...); each line is a
document. The candidates are the entries of Han characters in the lexicon of each corpus. Those in the lexicons of
`--shared` or more corpora are of the general language, so that jieba's dictionary has nearly all words among them: its
words are words, and the others are not. Candidates of fewer corpora are not used, because names and terms that the
dictionary lacks are among them. Both classes have the same total weight, and each candidate the same within its class.

Prints the coefficients, then how they do: by five folds of the candidates (all forms of a candidate are in one fold),
and with the coefficients in the code, on each corpus of `--check`: the area under the ROC curve, a reliability table
(both for shared candidates), and the share of dictionary words in the first 100 and 1,000 entries of the whole lexicon
by probability and by count.
"""

import argparse
import zlib
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from measuring import iter_lines

from kxcli.mining.newwords.alphabet import iter_records
from kxcli.mining.newwords.discovery import Discovery
from kxcli.mining.newwords.entries import LexiconTable
from kxcli.mining.newwords.lexicon import find_lexicon
from kxcli.mining.newwords.probability import COEFFICIENTS, INTERCEPT, compute_features
from kxcli.mining.segment.jieba_reference import read_dictionary_words

RIDGE = 30.0  # on standardized features; weights add up to the number of candidates
FOLDS = 5
BANDS = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0001])


class Corpus:
    """The candidates of a corpus: words, features of shape (n, k), counts."""

    def __init__(self, path: str, order: int) -> None:
        records = list(iter_records(iter_lines([path])))

        def reduce(job: Any, shared: Any, what: str) -> Any:
            job.setup(shared)
            return job.finish(job.map(records))

        lexicon = find_lexicon(Discovery("entropy", order), reduce)
        entries = lexicon.take(np.flatnonzero([is_candidate(word) for word in lexicon.words]))
        self.name = Path(path).stem
        self.words = entries.words
        self.counts = entries.counts
        self.features = stack_features(lexicon, entries)


def is_candidate(word: str) -> bool:
    """Return whether a word consists of two or more Han characters."""
    return len(word) > 1 and all("\u3400" <= c <= "\u9fff" or c >= "\U00020000" for c in word)


def stack_features(lexicon: LexiconTable, entries: LexiconTable) -> np.ndarray:
    """Return the features in the order of the coefficients, shape (n, k)."""
    features = compute_features(lexicon, entries)
    return np.stack([features[name] for name in COEFFICIENTS], axis=1)


def fit(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the intercept and the coefficients of a logistic regression, by Newton's method."""
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    z = np.column_stack([np.ones(len(x)), (x - mean) / deviation])
    ridge = np.diag([0.0, *[RIDGE] * x.shape[1]])
    beta = np.zeros(z.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-z @ beta))
        hessian = (z * (weights * p * (1 - p))[:, None]).T @ z + ridge
        beta += np.linalg.solve(hessian, z.T @ (weights * (y - p)) - ridge @ beta)
    slopes = beta[1:] / deviation
    return float(beta[0] - slopes @ mean), slopes


def predict(model: tuple[float, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return probabilities."""
    return 1 / (1 + np.exp(-(model[0] + x @ model[1])))


def measure_auc(is_word: np.ndarray, values: np.ndarray) -> float:
    """Return the probability that a word has a higher value than another candidate."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(1, len(values) + 1)
    n = int(is_word.sum())
    return float((ranks[is_word].sum() - n * (n + 1) / 2) / (n * (len(values) - n)))


def balance(is_word: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return weights with the same sum for both classes, together the number of rows."""
    sums = np.where(is_word, weights[is_word].sum(), weights[~is_word].sum())
    return weights / sums * len(weights) / 2


def print_reliability(is_word: np.ndarray, p: np.ndarray, weights: np.ndarray) -> None:
    """Print for bands of the probability the weighted mean and the share of words."""
    print("| probability | candidates | mean | words |\n| --- | --- | --- | --- |")
    for low, high in pairwise(BANDS):
        band = (p >= low) & (p < high)
        if band.any():
            mean, share = (np.average(values[band], weights=weights[band]) for values in (p, is_word))
            print(f"| {low:.1f} to {min(high, 1):.1f} | {band.sum()} | {mean:.2f} | {share:.2f} |")


def check(corpora: Sequence[Corpus], spread: Counter[str], shared: int, known: frozenset[str]) -> None:
    """Print how the coefficients in the code do on corpora."""
    model = INTERCEPT, np.array(list(COEFFICIENTS.values()))
    labels, values = [], []
    print("\n| corpus | candidates | AUC | first 100 | first 1,000 | by count: 100 | 1,000 |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for corpus in corpora:
        p = predict(model, corpus.features)
        is_word = np.array([word in known for word in corpus.words])
        is_shared = np.array([spread[word] >= shared for word in corpus.words])
        labels.append(is_word[is_shared])
        values.append(p[is_shared])
        best = [np.argsort(-by, kind="stable") for by in (p, corpus.counts)]
        shares = " | ".join(f"{is_word[rows[:n]].mean():.2f}" for rows in best for n in (100, 1000))
        print(f"| {corpus.name} | {len(p)} | {measure_auc(labels[-1], values[-1]):.3f} | {shares} |")
    is_word, p = np.concatenate(labels), np.concatenate(values)
    print(f"\nshared candidates of all of these: AUC {measure_auc(is_word, p):.3f}\n")
    print_reliability(is_word, p, balance(is_word, np.ones(len(p))))


def main() -> None:
    """Fit, print and check."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--check", nargs="*", default=[], help="corpora that are not used to fit")
    parser.add_argument("--shared", type=int, default=4, help="corpora with a candidate of the general language")
    parser.add_argument("--order", type=int, default=6)
    given = parser.parse_args()
    known = read_dictionary_words()
    corpora = [Corpus(path, given.order) for path in given.files]
    spread = Counter(word for corpus in corpora for word in corpus.words)
    rows = [
        (corpus, row) for corpus in corpora for row, word in enumerate(corpus.words) if spread[word] >= given.shared
    ]
    words = [corpus.words[row] for corpus, row in rows]
    x = np.stack([corpus.features[row] for corpus, row in rows])
    y = np.array([word in known for word in words])
    weights = balance(y, np.array([1 / spread[word] for word in words]))
    print(
        f"{len(set(words))} candidates in {given.shared} or more of {len(corpora)} corpora, "
        f"{len({word for word in words if word not in known})} of them no words"
    )

    intercept, slopes = fit(x, y, weights)
    print(f"\nINTERCEPT = {intercept:.3f}\nCOEFFICIENTS = {{")
    for name, slope in zip(COEFFICIENTS, slopes, strict=True):
        print(f'    "{name}": {slope:.3f},')
    print("}")

    fold = np.array([zlib.crc32(word.encode()) % FOLDS for word in words])
    p = np.zeros(len(y))
    for number in range(FOLDS):
        p[fold == number] = predict(
            fit(x[fold != number], y[fold != number], weights[fold != number]), x[fold == number]
        )
    print(f"\nby {FOLDS} folds of the candidates: AUC {measure_auc(y, p):.3f}\n")
    print_reliability(y, p, weights)
    if given.check:
        left_out = [Corpus(path, given.order) for path in given.check]
        check(left_out, spread + Counter(word for corpus in left_out for word in corpus.words), given.shared, known)


if __name__ == "__main__":
    main()
