"""Learning of the weights of the CRF from batches of chains."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kxcli.arrays import Float32Array, Int8Array, Int32Array, IntArray
from kxcli.mining.linking.tagger.crf import N_SCORED, B, Chains, E, I, O, Posterior, S, compute_posterior
from kxcli.mining.linking.tagger.tag_weights import MAX_SCORE

_BATCH_SIZE = 32  # chains of a step
_LEARNING_RATE = np.float32(0.06)
_INITIAL_SQUARES = 0.1  # sum of squared gradients before the first step
_LENGTH_SPREAD = 6  # maximal difference in length of the chains of a step, in tokens
_PRIOR_OUTSIDE = 1000.0  # tokens outside of mentions, added to the counts of tags
_SEED = 1


@dataclass(frozen=True)
class TaggerBatch:
    """Chains of one fold for one step.

    Attributes:
        fold: The fold.
        chains: The chains.
        numbers: Their numbers.
        columns: Rows of the weights of each token, shape (tokens, features).
        tags: The tag of each token.
        rows: The distinct rows, ascending.
        firsts: Where the tokens of each distinct row start in `tokens`.
        tokens: The tokens of all rows.
    """

    fold: int
    chains: Chains
    numbers: IntArray
    columns: Int32Array
    tags: Int8Array
    rows: Int32Array
    firsts: IntArray
    tokens: Int32Array


def make_batches(
    columns: Int32Array, tags: Int8Array, starts: IntArray, lengths: IntArray, folds: IntArray
) -> list[TaggerBatch]:
    """Return the chains in batches, each of one fold and of similar lengths."""
    order = np.lexsort((lengths + np.random.default_rng(_SEED).random(len(lengths)) * _LENGTH_SPREAD, folds))
    borders = np.flatnonzero(np.diff(folds[order])) + 1
    parts = np.split(order, borders)
    return [
        _make_batch(columns, tags, starts, lengths, folds, part[first : first + _BATCH_SIZE])
        for part in parts
        for first in range(0, len(part), _BATCH_SIZE)
    ]


def _make_batch(
    columns: Int32Array, tags: Int8Array, starts: IntArray, lengths: IntArray, folds: IntArray, numbers: IntArray
) -> TaggerBatch:
    chains = Chains(starts[numbers], lengths[numbers])
    here = columns[chains.at]
    flat = here.ravel()
    order = np.argsort(flat, kind="stable")
    sorted_rows = flat[order]
    firsts = np.flatnonzero(np.diff(sorted_rows, prepend=-1))
    tokens = (order // here.shape[1]).astype(np.int32)
    return TaggerBatch(
        int(folds[numbers[0]]), chains, numbers, here, tags[chains.at], sorted_rows[firsts], firsts, tokens
    )


class TaggerLearner:
    """Weights of features, learned by AdaGrad (Duchi et al. 2011).

    The scores of a token without features are given by the frequencies of tags.
    """

    def __init__(self, batches: Sequence[TaggerBatch], n_rows: int) -> None:
        self._batches = batches
        counts = np.array([1.0, 1.0, 1.0, 1.0, _PRIOR_OUTSIDE])
        for batch in batches:
            counts += np.bincount(batch.tags, minlength=O + 1)
        inner = counts[I] + counts[E]
        shares = [counts[B] / counts[O], counts[I] / inner, counts[E] / inner, counts[S] / counts[O]]
        self.prior: Float32Array = np.log(shares).astype(np.float32)
        self.weights: Float32Array = np.zeros((n_rows, N_SCORED), dtype=np.float32)
        self._squares: Float32Array = np.full((n_rows, N_SCORED), _INITIAL_SQUARES, dtype=np.float32)

    def learn(self, epoch: int) -> None:
        """Learn from each batch once, in a random order that depends on the epoch."""
        for number in np.random.default_rng((_SEED, epoch)).permutation(len(self._batches)).tolist():
            self._learn_batch(self._batches[number])

    def compute_posterior(self, batch: TaggerBatch) -> Posterior:
        """Return the probabilities of the tags in a batch."""
        scores = self.weights.take(batch.columns[:, 0], axis=0)
        for column in range(1, batch.columns.shape[1]):
            scores += self.weights.take(batch.columns[:, column], axis=0)
        scores += self.prior
        clipped = np.clip(np.ascontiguousarray(scores.T), -MAX_SCORE, MAX_SCORE)
        return compute_posterior(batch.chains, np.exp(clipped))

    def _learn_batch(self, batch: TaggerBatch) -> None:
        gaps = -self.compute_posterior(batch).compute_marginals()
        tagged = np.flatnonzero(batch.tags != O)
        gaps[batch.tags[tagged], tagged] += 1
        by_row = np.ascontiguousarray(gaps.T).take(batch.tokens, axis=0)
        gradient = np.add.reduceat(by_row, batch.firsts, axis=0)
        if batch.rows[0] == 0:  # row 0 is no feature
            gradient[0] = 0
        squares = self._squares.take(batch.rows, axis=0)
        squares += gradient * gradient
        self._squares[batch.rows] = squares
        np.sqrt(squares, out=squares)
        gradient *= _LEARNING_RATE
        gradient /= squares
        self.weights[batch.rows] += gradient
