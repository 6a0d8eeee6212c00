"""Which entries a name may mean in a text, ranked without any training, for many texts at a time.

What speaks for a candidate: words of the text among its names and objects, facts that it shares with what else the
text may be about, being meant by another name of the text as well, and its prominence.  All but the last is computed
for names with several candidates alone, and every sum is of one text's terms in their order, so that it does not hang
on the texts beside it.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kxcli.mining.linking.compiling import SUBJECT
from kxcli.mining.linking.folding import Folded, Places, folded
from kxcli.mining.linking.kb import KnowledgeBase, Rows
from kxcli.mining.linking.terms import counted

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]

MOST_CANDIDATES = 64  # of a name that are looked at: the most prominent ones

# The weights were chosen once, over texts of several fields, and stand until labelled texts tell better ones.
_WORDS, _SHARED, _SHARED_BEST, _NAMED = 8.0, 0.7, 0.7, 1.0
_SMOOTHING = 30.0  # of the share of an entry's words: entries of few words would be all or nothing
_BELIEF = 0.5  # how likely it is, before anything is known, that a name in a text is meant as one
_IS_NAMED = 0.2  # the belief from which on another name counts as meaning the entry
_HALF = np.uint64(32)
_LOW = np.uint64((1 << 32) - 1)
_SIEVE_BITS = 20
_MIXERS = (np.uint64(0x9E37_79B9_7F4A_7C15), np.uint64(0xC2B2_AE3D_27D4_EB4F))
_DIGITS = 9  # of a sum that count: so equal candidates stay equal, whatever a processor does to the last digits


class Groups(NamedTuple):
    """The different names in each text: ascending by text and name."""

    texts: Places
    names: Places

    @classmethod
    def of(cls, texts: Places, names: npt.NDArray[Any], n_names: int) -> "tuple[Groups, Places]":
        """Return the groups of mentions, and the number of each mention's group."""
        keys, inverse = np.unique(texts * max(n_names, 1) + names, return_inverse=True)
        return cls(*np.divmod(keys, max(n_names, 1))), inverse.reshape(-1)


class Ranked(NamedTuple):
    """Candidates, the best of each group first; rows `starts[n]` to before `starts[n + 1]` belong to group n.

    shares: how likely each is, adding up to 1 in a group.
    """

    starts: Rows
    entries: Places
    shares: Floats


def ranked(base: KnowledgeBase, whole: Folded, groups: Groups) -> Ranked:
    """Return the candidates of every group."""
    firsts = base.candidate_starts.take(groups.names)
    sizes = np.minimum(base.candidate_starts.take(groups.names + 1) - firsts, MOST_CANDIDATES)
    starts = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(sizes)))
    owners = np.repeat(np.arange(len(sizes)), sizes)
    at = stretches(firsts, sizes)
    entries = base.candidates.take(at).astype(np.int64)
    scores = base.prominence.take(entries).astype(np.float64)
    scores[base.is_subject.take(at)] += SUBJECT
    is_open = sizes > 1
    if is_open.any():
        chances = shares(scores, owners, starts)
        texts = groups.texts.take(owners)
        is_seen = np.zeros(len(whole.starts), dtype=np.bool_)
        is_seen[groups.texts[is_open]] = True
        rows = np.flatnonzero(is_seen.take(texts))  # of texts in which there is something to choose
        scores[rows] += _together(base, texts[rows], owners[rows], entries[rows], chances[rows] * _BELIEF)
        rows = np.flatnonzero(is_open.take(owners))
        names = groups.names.take(owners[rows])
        scores[rows] += _WORDS * _of_words(base, whole, texts[rows], names, entries[rows])
    scores = np.round(scores, _DIGITS)
    order = np.lexsort((np.arange(len(scores)), -scores, owners))
    return Ranked(starts, entries.take(order), shares(scores, owners, starts).take(order))


def shares(scores: Floats, owners: Places, starts: Rows) -> Floats:
    """Return the softmax of scores within their owners, none of which is without any."""
    if not len(scores):
        return scores
    powers = np.exp(scores - np.maximum.reduceat(scores, starts[:-1]).take(owners))
    result: Floats = powers / np.bincount(owners, powers).take(owners)
    return result


def stretches(starts: Places, sizes: Places) -> Places:
    """Return the places of stretches, one after the other."""
    places: Places = np.arange(int(sizes.sum())) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    return places


def _expanded(rows: npt.NDArray[Any], starts: Rows) -> tuple[Places, Places]:
    """Return the places of what belongs to rows, and the number of the row for each."""
    firsts = starts.take(rows)
    sizes = starts.take(rows + 1) - firsts
    return stretches(firsts, sizes), np.repeat(np.arange(len(rows)), sizes)


def _together(base: KnowledgeBase, texts: Places, owners: Places, entries: Places, beliefs: Floats) -> Floats:
    """Return how well each candidate goes with the candidates of other groups in its text."""
    at, rows = _expanded(entries, base.entry_value_starts)
    values = base.entry_values.take(at).astype(np.int64)
    left = _of_others(texts.take(rows), owners.take(rows), values, beliefs.take(rows))
    gains = base.value_weights.take(values) * np.log1p(left)
    best = np.zeros(len(entries))
    np.maximum.at(best, rows, gains)
    score = _SHARED * np.bincount(rows, gains, minlength=len(entries)) + _SHARED_BEST * best
    score[_of_others(texts, owners, entries, beliefs) > _IS_NAMED] += _NAMED
    return np.asarray(score, dtype=np.float64)


def _of_others(texts: Places, owners: Places, things: Places, beliefs: Floats) -> Floats:
    """Return how much other groups of its text believe in each row's thing: an entry, or a fact."""
    totals = _summed(texts, things, beliefs)
    left = totals - _summed(owners, things, beliefs)
    return np.where(left > 1e-9 * totals, left, 0.0)


def _summed(wheres: Places, things: Places, beliefs: Floats) -> npt.NDArray[Any]:
    """Return for each row the sum over all rows of the same place and thing."""
    keys = (wheres.astype(np.uint64) << _HALF) | things.astype(np.uint64)
    _, inverse = np.unique(keys, return_inverse=True)
    inverse = inverse.reshape(-1)
    return np.asarray(np.bincount(inverse, beliefs).take(inverse)) if len(keys) else beliefs


def _of_words(base: KnowledgeBase, whole: Folded, texts: Places, names: Places, entries: Places) -> Floats:
    """Return which share of each candidate's words, by their idf, the text has; those of the name do not count."""
    in_texts = _numbered(base, whole, np.unique(texts))
    own, of_rows = np.unique(names, return_inverse=True)
    in_names = _numbered(base, folded([base.spelled[name] for name in own.tolist()]), None)
    at, rows = _expanded(entries, base.entry_term_starts)
    words = base.entry_terms.take(at).astype(np.uint64)
    keys = (texts.take(rows).astype(np.uint64) << _HALF) | words
    sieve = np.zeros(1 << _SIEVE_BITS, dtype=np.bool_)
    sieve[_sieved(in_texts)] = True
    maybe = np.flatnonzero(sieve.take(_sieved(keys)))  # most words of an entry are not in the text
    found = maybe[_are_among(keys[maybe], in_texts)]
    of_names = (of_rows.reshape(-1).take(rows[found]).astype(np.uint64) << _HALF) | words[found]
    found = found[~_are_among(of_names, in_names)]
    weights = base.idf.take(words[found].astype(np.int64)).astype(np.float64)
    shared = np.bincount(rows[found], weights, minlength=len(entries))
    return np.asarray(shared / (_SMOOTHING + base.entry_weights.take(entries)), dtype=np.float64)


def _numbered(base: KnowledgeBase, whole: Folded, texts: Places | None) -> Keys:
    """Return the terms of texts that entries have, the text's number above the term's, ascending; None: of all."""
    keys, _ = counted(whole)
    wheres = keys >> _HALF
    if texts is not None:
        is_seen = np.zeros(len(whole.starts), dtype=np.bool_)
        is_seen[texts] = True
        chosen = np.flatnonzero(is_seen.take(wheres.astype(np.int64)))
        keys, wheres = keys.take(chosen), wheres.take(chosen)
    numbers = base.terms.find((keys & _LOW).astype(np.uint32)).astype(np.uint64)
    return np.sort(((wheres << _HALF) | numbers)[numbers > 0])


def _sieved(keys: Keys) -> npt.NDArray[np.int64]:
    mixed = (keys * _MIXERS[0]) ^ ((keys >> _HALF) * _MIXERS[1])
    return (mixed >> np.uint64(64 - _SIEVE_BITS)).astype(np.int64)


def _are_among(keys: Keys, ordered: Keys) -> npt.NDArray[np.bool_]:
    if not len(ordered):
        return np.zeros(len(keys), dtype=np.bool_)
    return np.asarray(ordered.take(np.searchsorted(ordered, keys).clip(max=len(ordered) - 1)) == keys)
