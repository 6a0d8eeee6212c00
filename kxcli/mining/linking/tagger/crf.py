"""A chain CRF (Lafferty et al. 2001) over tokens.

The tags are B, I and E for the first, inner and last token of a span, S for a span of one token, and O for no span.
There are no weights of pairs of tags: the next tag depends only on whether a span is open. So the border between two
tokens is in one of two states, outside or inside a span, and the ratio of the two backward sums, inside to outside, is
sufficient. Given these ratios, the tags are a Markov chain, which is computed forward. The score of O is 0.
"""

from typing import NamedTuple

import numpy as np

from kxcli.arrays import Float32Array, Int8Array, IntArray
from kxcli.arrays.ragged import compute_starts

B, I, E, S, O = range(5)  # noqa: E741 -- the names of the literature
N_SCORED = 4  # the tags with weights: B, I, E and S; the score of O is 0
_ONE = np.float32(1)


class Chains:
    """Tokens of chains: all first tokens, then all second ones, and so on.

    Within a step, the longest chains come first.

    Attributes:
        order: The numbers of the chains, the longest first.
        lengths: Their lengths, in this order.
        at: The slot of each token.
        begins: Where the tokens of each step begin, and where the last step ends.
    """

    def __init__(self, starts: IntArray, lengths: IntArray) -> None:
        self.order = np.argsort(-lengths, kind="stable")
        self.lengths = lengths[self.order]
        n_steps = int(self.lengths[0]) if len(lengths) else 0
        steps = np.arange(n_steps)
        counts = np.searchsorted(-self.lengths, -steps, side="left")
        self.begins = compute_starts(counts)
        chains = np.arange(int(self.begins[-1])) - np.repeat(self.begins[:-1], counts)
        self.at = starts[self.order].take(chains) + np.repeat(steps, counts)

    def locate(self, tokens: IntArray) -> tuple[IntArray, IntArray]:
        """Return the position of each token's chain in `order`, and its step."""
        steps = np.searchsorted(self.begins, tokens, side="right") - 1
        return tokens - self.begins.take(steps), steps


class Posterior(NamedTuple):
    """Probabilities of tags, shape (tokens,), in the order of `chains.at`.

    Attributes:
        chains: The chains.
        inside: That a span is open before the token.
        begins: Of B if no span is open.
        single: Of S if no span is open.
        goes_on: Of I if a span is open; the alternative is E.
    """

    chains: Chains
    inside: Float32Array
    begins: Float32Array
    single: Float32Array
    goes_on: Float32Array

    def compute_marginals(self) -> Float32Array:
        """Return the probabilities of the four tags, shape (4, tokens)."""
        outside = _ONE - self.inside
        going = self.inside * self.goes_on
        return np.stack((outside * self.begins, going, self.inside - going, outside * self.single))

    def compute_loss(self, tags: Int8Array) -> float:
        """Return the negative logarithm of the probability of tags."""
        if not len(tags):
            return 0.0
        ends = _ONE - self.goes_on
        parts = np.stack((self.begins, self.goes_on, ends, self.single, _ONE - self.begins - self.single))
        chosen = parts[tags, np.arange(len(tags))]
        return -float(np.log(np.maximum(chosen, np.float32(1e-9))).sum(dtype=np.float64))

    def find_spans(self, min_probability: float) -> tuple[IntArray, IntArray, IntArray, Float32Array]:
        """Return the chain, first step, length and probability of each likely span."""
        outside = _ONE - self.inside
        single = outside * self.single
        likely = np.flatnonzero(single >= min_probability)
        found = [(*self.chains.locate(likely), np.ones(len(likely), dtype=np.int64), single.take(likely))]
        mass = outside * self.begins
        likely = np.flatnonzero(mass >= min_probability)
        chains, steps = self.chains.locate(likely)
        mass, length = mass.take(likely), 1
        while len(chains):
            following = self.chains.begins.take(steps + length) + chains
            length += 1
            going = mass * self.goes_on.take(following)
            ending = mass - going
            likely = np.flatnonzero(ending >= min_probability)
            lengths = np.full(len(likely), length)
            found.append((chains.take(likely), steps.take(likely), lengths, ending.take(likely)))
            likely = np.flatnonzero(going >= min_probability)
            chains, steps, mass = chains.take(likely), steps.take(likely), going.take(likely)
        chains, steps, lengths, probabilities = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return self.chains.order.take(chains), steps, lengths, probabilities


def compute_posterior(chains: Chains, exponentials: Float32Array) -> Posterior:
    """Return the probabilities of tags.

    With scores from -12 to 12 all ratios are between exp(-24) and exp(24), so that no scaling is necessary.

    Args:
        chains: The chains.
        exponentials: Of the scores of B, I, E and S, shape (4, tokens).
    """
    begin, go_on, end, single = exponentials
    begins, goes_on, open_ = np.empty_like(begin), np.empty_like(begin), np.empty_like(begin)
    outside = single + _ONE
    bounds = chains.begins.tolist()
    ratios = np.zeros(bounds[1] if len(bounds) > 1 else 0, dtype=np.float32)  # no span is open at the end of a chain
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
    return Posterior(chains, inside, begins, single / outside, goes_on)
