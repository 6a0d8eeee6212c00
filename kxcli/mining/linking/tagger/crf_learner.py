"""Learning the CRF's weights, for several divisions of the texts into learnt and held-out ones at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kxcli.arrays import Float32Array, Int8Array, Int32Array, IntArray
from kxcli.mining.linking.tagger.crf import N_SCORED, B, Chains, E, I, O, Posterior, S, compute_posterior
from kxcli.mining.linking.tagger.tag_weights import CLIPPED

_TOGETHER = 32  # chains of a step
_RATE = np.float32(0.06)
_FIRST = 0.1  # the sum of squares at the start
_DEVIATION = 6  # tokens by which chains of a step may differ in length
_RARE = 1000.0  # tokens for each mention before any is known
_SEED = 1


@dataclass(frozen=True)
class TaggerBatch:
    """Chains of one fold that a step learns from.

    columns: shape (tokens, features), rows of the weights.  tags: of the tokens.
    rows: those that there are, ascending.  firsts: where each one's tokens begin in `tokens`.
    """

    fold: int
    chains: Chains
    numbers: IntArray
    columns: Int32Array
    tags: Int8Array
    rows: Int32Array
    firsts: IntArray
    tokens: Int32Array


def batches(
    columns: Int32Array, tags: Int8Array, starts: IntArray, lengths: IntArray, folds: IntArray
) -> list[TaggerBatch]:
    """Return the chains in batches; each is of one fold and of similar lengths."""
    order = np.lexsort((lengths + np.random.default_rng(_SEED).random(len(lengths)) * _DEVIATION, folds))
    borders = np.flatnonzero(np.diff(folds[order])) + 1
    parts = np.split(order, borders)
    return [
        _batch(columns, tags, starts, lengths, folds, part[first : first + _TOGETHER])
        for part in parts
        for first in range(0, len(part), _TOGETHER)
    ]


def _batch(
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
    """Weights that are learned by AdaGrad (Duchi et al. 2011), starting from the tags' frequencies."""

    def __init__(self, batches: Sequence[TaggerBatch], n_rows: int) -> None:
        self._batches = batches
        counts = np.array([1.0, 1.0, 1.0, 1.0, _RARE])
        for batch in batches:
            counts += np.bincount(batch.tags, minlength=O + 1)
        inner = counts[I] + counts[E]
        shares = [counts[B] / counts[O], counts[I] / inner, counts[E] / inner, counts[S] / counts[O]]
        self.prior: Float32Array = np.log(shares).astype(np.float32)
        self.weights: Float32Array = np.zeros((n_rows, N_SCORED), dtype=np.float32)
        self._squares: Float32Array = np.full((n_rows, N_SCORED), _FIRST, dtype=np.float32)

    def learn(self, epoch: int) -> None:
        """Go once through all batches, in an order that hangs on the epoch."""
        for number in np.random.default_rng((_SEED, epoch)).permutation(len(self._batches)).tolist():
            self._step(self._batches[number])

    def posterior(self, batch: TaggerBatch) -> Posterior:
        """Return how likely the batch's tags are."""
        scores = self.weights.take(batch.columns[:, 0], axis=0)
        for column in range(1, batch.columns.shape[1]):
            scores += self.weights.take(batch.columns[:, column], axis=0)
        scores += self.prior
        clipped = np.clip(np.ascontiguousarray(scores.T), -CLIPPED, CLIPPED)
        return compute_posterior(batch.chains, np.exp(clipped))

    def _step(self, batch: TaggerBatch) -> None:
        gaps = -self.posterior(batch).marginals()
        tagged = np.flatnonzero(batch.tags != O)
        gaps[batch.tags[tagged], tagged] += 1
        by_row = np.ascontiguousarray(gaps.T).take(batch.tokens, axis=0)
        gradient = np.add.reduceat(by_row, batch.firsts, axis=0)
        if batch.rows[0] == 0:  # of no feature
            gradient[0] = 0
        squares = self._squares.take(batch.rows, axis=0)
        squares += gradient * gradient
        self._squares[batch.rows] = squares
        np.sqrt(squares, out=squares)
        gradient *= _RATE
        gradient /= squares
        self.weights[batch.rows] += gradient
