"""A chain CRF (Lafferty et al. 2001) over tokens: B, I and E for the first, inner and last one of a span, S, and O.

What follows a tag hangs on nothing but whether it leaves a span open; there are no weights of pairs of tags.  So the
border between two tokens is in one of two states, outside or inside a span, and of the backward sums over all ways to
go on, one ratio, inside to outside, tells all: forward, what remains is a Markov chain.  The score of O is 0.
"""

from typing import NamedTuple

import numpy as np

from kxcli.arrays import Float32Array, Int8Array, IntArray
from kxcli.arrays.ragged import starts_of

B, I, E, S, O = range(5)  # noqa: E741  # as they are called everywhere
N_SCORED = 4
_ONE = np.float32(1)


class Chains:
    """Chains side by side, the longest first: all first tokens, then all second ones, and so on.

    order: the numbers of the chains.  lengths: in that order.  at: the slot of each token.
    begins: where each step's tokens begin, and the last one's end.
    """

    def __init__(self, starts: IntArray, lengths: IntArray) -> None:
        self.order = np.argsort(-lengths, kind="stable")
        self.lengths = lengths[self.order]
        n_steps = int(self.lengths[0]) if len(lengths) else 0
        steps = np.arange(n_steps)
        counts = np.searchsorted(-self.lengths, -steps, side="left")
        self.begins = starts_of(counts)
        chains = np.arange(int(self.begins[-1])) - np.repeat(self.begins[:-1], counts)
        self.at = starts[self.order].take(chains) + np.repeat(steps, counts)

    def located(self, tokens: IntArray) -> tuple[IntArray, IntArray]:
        """Return the place in `order` of each token's chain, and the step."""
        steps = np.searchsorted(self.begins, tokens, side="right") - 1
        return tokens - self.begins.take(steps), steps


class Posterior(NamedTuple):
    """How likely tags are given the scores of whole chains; shape (tokens,), in the order of `chains.at`.

    inside: that a span is open before the token.  begins, single: B and S, if none is.  goes_on: I, if one is, else
    it is E.
    """

    chains: Chains
    inside: Float32Array
    begins: Float32Array
    single: Float32Array
    goes_on: Float32Array

    def marginals(self) -> Float32Array:
        """Return the probabilities of the four tags, shape (4, tokens)."""
        outside = _ONE - self.inside
        going = self.inside * self.goes_on
        return np.stack((outside * self.begins, going, self.inside - going, outside * self.single))

    def loss(self, tags: Int8Array) -> float:
        """Return the negative logarithm of the tags' probability."""
        if not len(tags):
            return 0.0
        ends = _ONE - self.goes_on
        parts = np.stack((self.begins, self.goes_on, ends, self.single, _ONE - self.begins - self.single))
        of_tags = parts[tags, np.arange(len(tags))]
        return -float(np.log(np.maximum(of_tags, np.float32(1e-9))).sum(dtype=np.float64))

    def spans(self, least: float) -> tuple[IntArray, IntArray, IntArray, Float32Array]:
        """Return the spans that are at least so likely: the chains' numbers, steps, lengths and probabilities."""
        outside = _ONE - self.inside
        single = outside * self.single
        likely = np.flatnonzero(single >= least)
        found = [(*self.chains.located(likely), np.ones(len(likely), dtype=np.int64), single.take(likely))]
        mass = outside * self.begins
        likely = np.flatnonzero(mass >= least)
        chains, steps = self.chains.located(likely)
        mass, length = mass.take(likely), 1
        while len(chains):
            following = self.chains.begins.take(steps + length) + chains
            length += 1
            going = mass * self.goes_on.take(following)
            ending = mass - going
            likely = np.flatnonzero(ending >= least)
            lengths = np.full(len(likely), length)
            found.append((chains.take(likely), steps.take(likely), lengths, ending.take(likely)))
            likely = np.flatnonzero(going >= least)
            chains, steps, mass = chains.take(likely), steps.take(likely), going.take(likely)
        chains, steps, lengths, probabilities = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return self.chains.order.take(chains), steps, lengths, probabilities


def compute_posterior(chains: Chains, exponentials: Float32Array) -> Posterior:
    """Return what the exponentials of scores, shape (4, tokens), make of chains.

    With scores of at most 12 either way no ratio leaves exp(-24) to exp(24), so that nothing has to be scaled.
    """
    begin, go_on, end, alone = exponentials
    begins, goes_on, open_ = np.empty_like(begin), np.empty_like(begin), np.empty_like(begin)
    outside = alone + _ONE
    bounds = chains.begins.tolist()
    ratios = np.zeros(bounds[1] if len(bounds) > 1 else 0, dtype=np.float32)  # where a chain ends, none may be open
    for start, stop in zip(bounds[-2::-1], bounds[:0:-1], strict=True):
        ratio, still_out, still_open = ratios[: stop - start], outside[start:stop], open_[start:stop]
        np.multiply(begin[start:stop], ratio, out=begins[start:stop])
        np.add(still_out, begins[start:stop], out=still_out)
        np.multiply(go_on[start:stop], ratio, out=goes_on[start:stop])
        np.add(goes_on[start:stop], end[start:stop], out=still_open)
        np.divide(still_open, still_out, out=ratio)
    begins /= outside
    goes_on /= open_
    inside = np.zeros_like(begin)
    change = goes_on - begins
    for before, start, stop in zip(bounds[:-2], bounds[1:-1], bounds[2:], strict=True):
        until = before + stop - start
        np.multiply(inside[before:until], change[before:until], out=inside[start:stop])
        np.add(inside[start:stop], begins[before:until], out=inside[start:stop])
    return Posterior(chains, inside, begins, alone / outside, goes_on)
