"""The candidates of each surface form, ranked by their scores."""

from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.linking.candidates.candidate_features import Candidates


class RankedCandidates(NamedTuple):
    """Candidates by form, the best of each form first.

    Args:
        starts: Where the candidates of each form start, and where the last one's end.
        entries: The number of the entry of each candidate.
        shares: The probability of each candidate; those of a form add up to 1.
        rows: The position of each candidate in `Candidates`.
    """

    starts: IntArray
    entries: IntArray
    shares: FloatArray
    rows: IntArray


def rank_candidates(candidates: Candidates, weights: FloatArray) -> RankedCandidates:
    """Return the candidates of each form by score, of equal scores by entry."""
    scores, shares = candidates.scores(weights), candidates.shares(weights)
    order = np.lexsort((np.arange(len(scores)), -scores, candidates.forms))
    return RankedCandidates(candidates.starts, candidates.entries.take(order), shares.take(order), order)
