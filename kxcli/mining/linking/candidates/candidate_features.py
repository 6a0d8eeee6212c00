"""Candidates of surface forms, with the features of a log-linear model."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray, FloatArray, IntArray, UInt8Array, UInt32Array, UInt64Array
from kxcli.arrays.hashing import pair_keys
from kxcli.arrays.key_index import is_in_sorted

PRIOR = {  # the weight of each feature in a model without training
    "subject": 0.5,  # the form is the subject of the entry
    "alias": 0.0,  # the form is another name of the entry
    "written": 1.0,  # an occurrence has the spelling of the entry
    "loose": -2.0,  # only the words of a name match
    "share": 4.0,  # share of the entry in the links of the form in labeled texts
    "count": 0.3,  # log of 1 + the number of these links
    "near_share": 2.0,  # as "share", for a name with the same words as the form
    "links": 0.5,  # log of 1 + the number of links from any name
    "facts": 0.3,  # log of 1 + the number of facts
    "names": 0.5,  # log of 1 + the number of names
    "words": 8.0,  # share of the entry's words that are in the text, weighted by idf
    "agree": 0.7,  # facts shared with candidates of other forms
    "agree_best": 0.7,  # the strongest of these facts
    "types": 0.0,  # types shared with candidates of other forms
    "object": 1.0,  # the object of a fact is in the text
    "object_near": 1.0,  # closeness of the form and such an object
    "object_next": 2.0,  # such an object follows the form
    "other_name": 1.0,  # another form is likely to denote the same entry
    "is_object": 0.7,  # the form is an object of a fact, also of candidates of other forms
    "close": 1.0,  # numbers of the entry are like those of candidates of other forms
    "closer": 1.0,  # as "close", on a narrower scale
    "from_long": 4.0,  # the long form of this abbreviation denotes the entry
    "best_share": 0.0,  # lead over the second candidate of the form in "share"
    "best_agree": 0.0,
    "best_closer": 0.0,
    "best_words": 0.0,
    "best_facts": 0.0,
}
FEATURES = tuple(PRIOR)
PRIOR_WEIGHTS = np.array([*PRIOR.values()])
FEATURE_ROWS = {name: number for number, name in enumerate(FEATURES)}

IS_KNOWN, IS_LEARNED, IS_LOOSE, IS_FROM_LONG = 1, 2, 4, 8  # origins of a candidate, as bits
_ROUNDING = 1e-9  # a smaller share of a sum is rounding error of a difference that is 0
_DIGITS = 9  # rounding makes scores of equal candidates equal on every processor


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


@dataclass(frozen=True)
class Candidates:
    """Candidates of the surface forms of some texts, by form, then by entry.

    Args:
        starts: Where the candidates of each form start, and where the last one's end.
        forms: The number of the form of each candidate.
        entries: The number of the entry of each candidate.
        origins: Bits `IS_KNOWN`, `IS_LEARNED`, `IS_LOOSE`, `IS_FROM_LONG`.
        spellings: Hash of the entry's spelling of the form, 0 if the entry lacks this name.
        features: Shape (features, candidates).
        name_numbers: By form, the number of the name in the link statistics.
        rates: By form, the share of occurrences that are mentions.
    """

    starts: IntArray
    forms: IntArray
    entries: IntArray
    origins: UInt8Array
    spellings: UInt64Array
    features: FloatArray
    name_numbers: UInt32Array
    rates: FloatArray

    def compute_scores(self, weights: FloatArray) -> FloatArray:
        """Return the weighted sum of the features of each candidate.

        Terms are added one by one, so that a score does not depend on the other candidates in the arrays.
        """
        total = np.zeros(len(self.forms))
        for weight, feature in zip(weights.tolist(), self.features, strict=True):
            if weight:
                total += weight * feature
        return np.round(total, _DIGITS)

    def compute_shares(self, weights: FloatArray) -> FloatArray:
        """Return the softmax of the scores within each form."""
        return _softmax(self.compute_scores(weights), self.forms, len(self.starts) - 1)

    def rank(self, weights: FloatArray) -> RankedCandidates:
        """Return the candidates of each form by score, of equal scores by entry."""
        scores = self.compute_scores(weights)
        order = np.lexsort((np.arange(len(scores)), -scores, self.forms))
        return RankedCandidates(self.starts, self.entries.take(order), self.compute_shares(weights).take(order), order)


class ContextCandidates(NamedTuple):
    """The candidates in all texts that have a form with several candidates.

    Args:
        rows: Positions in `Candidates`.
        texts: The number of the text of each.
        forms: The number of the form of each.
        entries: The number of the entry of each.
        beliefs: The probability that the form is a mention of the entry, without the context.
        has_rivals: Whether the form has several candidates.
    """

    rows: IntArray
    texts: IntArray
    forms: IntArray
    entries: IntArray
    beliefs: FloatArray
    has_rivals: BoolArray

    def sum_others(self, things: IntArray, rows: IntArray) -> FloatArray:
        """Return for each thing the beliefs of other forms of its text in the same thing.

        Args:
            things: Numbers of entries, types, facts or objects.
            rows: The candidate of each thing.
        """
        beliefs = self.beliefs.take(rows)
        totals = _sum_equal(self.texts.take(rows), things, beliefs)
        rest = totals - _sum_equal(self.forms.take(rows), things, beliefs)
        return np.where(rest > _ROUNDING * totals, rest, 0.0)


def _sum_equal(owners: IntArray, things: IntArray, values: FloatArray) -> FloatArray:
    """Return the sum of the values of equal pairs of an owner and a thing."""
    if not len(owners):
        return values
    keys = (owners.astype(np.uint64) << np.uint64(32)) | things.astype(np.uint64)
    _, inverse = np.unique(keys, return_inverse=True)
    inverse = inverse.reshape(-1)
    return np.asarray(np.bincount(inverse, values).take(inverse), dtype=np.float64)


def _softmax(scores: FloatArray, owners: IntArray, n_owners: int) -> FloatArray:
    """Return the softmax of scores within ascending owners."""
    if not len(scores):
        return scores
    sizes = np.bincount(owners, minlength=n_owners)
    used = np.flatnonzero(sizes)
    firsts = (np.cumsum(sizes) - sizes).take(used)
    highest = np.zeros(n_owners)
    highest[used] = np.maximum.reduceat(scores, firsts)
    powers = np.exp(scores - highest.take(owners))
    result: FloatArray = powers / np.bincount(owners, powers).take(owners)
    return result


def match_spellings(
    keys: UInt64Array,
    forms: IntArray,
    spellings: UInt64Array,
    other_forms: IntArray,
    other_spellings: UInt64Array,
) -> BoolArray:
    """Return whether each pair of a form and a spelling is among other pairs.

    Spelling 0 is unknown and matches nothing.

    Args:
        keys: By form, the hash of the folded name. Most spellings equal it and need no sorting.
        forms: The form of each pair.
        spellings: The spelling of each pair.
        other_forms: The form of each pair to look in.
        other_spellings: The spelling of each pair to look in.
    """
    is_folded = other_spellings == keys.take(other_forms)
    has_folded = np.zeros(len(keys), dtype=np.bool_)
    has_folded[other_forms[is_folded]] = True
    matches: BoolArray = (spellings == keys.take(forms)) & has_folded.take(forms)
    rest = np.flatnonzero((spellings > 0) & (spellings != keys.take(forms)))
    others = np.flatnonzero((other_spellings > 0) & ~is_folded)
    pairs = np.sort(pair_keys(other_forms.take(others), other_spellings.take(others)))
    matches[rest] = is_in_sorted(pair_keys(forms.take(rest), spellings.take(rest)), pairs)
    return matches
