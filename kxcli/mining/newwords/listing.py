"""The list of words that users see: a selection of the lexicon in an order."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from kxcli.arrays import BoolArray, FloatArray, IntArray
from kxcli.mining.arguments import check_choice, check_minimum, check_numbers, check_range, check_type
from kxcli.mining.newwords.additions import add_words
from kxcli.mining.newwords.background import CountBackground, Keyness, compare_with_background
from kxcli.mining.newwords.discovery import expand_thresholds
from kxcli.mining.newwords.entries import LexiconTable
from kxcli.mining.newwords.kinds import Script, choose_script, find_listable
from kxcli.mining.newwords.known import KnownWords
from kxcli.mining.newwords.parts import PART_SHARE, Whole
from kxcli.mining.newwords.probability import DECIMALS, estimate_probabilities
from kxcli.mining.newwords.spelling import Reduce, Spellings

Sort = Literal["probability", "count", "pmi", "entropy", "score", "log_likelihood", "log_ratio"]
KEYNESS_SORTS = ("log_likelihood", "log_ratio")  # they need a background

_DECIMALS = 4  # values are compared as they are printed


class Word(NamedTuple):
    """A listed word, with values in nats; `pmi` is None for one character or run.

    Attributes:
        probability: The probability of being a word; None if all words are listed.
        part_of: The longer word that has half or more of its occurrences, "" for none.
        parts: The words of a phrase, separated by a space.
        count_ref: The count in the background; without one, this and the next two values are None.
        examples: Contexts of its occurrences.
    """

    word: str
    count: int  # type: ignore[assignment]  # hides tuple.count
    pmi: float | None
    left_entropy: float
    right_entropy: float
    docs: int
    probability: float | None = None
    part_of: str = ""
    parts: str = ""
    count_ref: int | None = None
    log_likelihood: float | None = None
    log_ratio: float | None = None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Selection:
    """Select and order words.

    Args:
        known: Words that are not new; if None, all words are listed, including single characters, and each edge of a
            block counts as a distinct neighbor. Otherwise all edges count as one neighbor.
        min_pmi: Minimum cohesion in nats for each length from 2, where a run of letters is one; a short list is
            continued by its last step, up to the longest n-grams, as the cohesion of longer words is that of these.
        min_entropy: Minimum of the smaller entropy in nats.
        min_docs: Minimum number of documents.
        min_probability: Minimum probability of being a word; needs `known`.
        sort: The value to sort by, the largest first; equal words are sorted by code points. By default "probability",
            then the count; if all words are listed, "count". With a background, probability and score fall with the
            rate there; "log_likelihood" and "log_ratio" need one.
        keep_parts: List words with 80 % or more of their occurrences within one longer word, too.
        script: Only words with a character of this script are listed; "auto" is "han" if most words of the corpus begin
            with a Han character, else "any". Not used without `known`.

    Raises:
        TypeError: A parameter is of another type.
        ValueError: A parameter has no such value, or all words are listed, and there is a probability.
    """

    known: frozenset[str] | None = None
    min_pmi: tuple[float, ...] | None = None
    min_entropy: float = 0.0
    min_docs: int = 1
    min_probability: float = 0.0
    sort: Sort | None = None
    keep_parts: bool = False
    script: Script = "auto"

    def __post_init__(self) -> None:
        if self.known is not None:
            check_type("known", self.known, (frozenset, set), "a set of words (strings)")
            object.__setattr__(self, "known", frozenset(self.known))
        if self.min_pmi is not None:
            check_numbers("min_pmi", self.min_pmi)
            expand_thresholds(self.min_pmi, len(self.min_pmi) + 1)  # raises for invalid ones
        check_range("min_entropy", self.min_entropy, 0, math.inf)
        check_range("min_probability", self.min_probability, 0, 1)
        check_minimum("min_docs", self.min_docs, 1)
        if self.sort is not None:
            check_choice("sort", self.sort, get_args(Sort))
        check_type("keep_parts", self.keep_parts, bool)
        check_choice("script", self.script, get_args(Script))
        if self.known is None and (self.min_probability > 0 or self.sort == "probability"):
            raise ValueError('min_probability and the sort "probability" are for new words; give known words')

    @property
    def order(self) -> Sort:
        """The value to sort by."""
        return self.sort or ("count" if self.known is None else "probability")


class _Scores(NamedTuple):
    """The values of each word, shape (n,) each."""

    pmi: FloatArray
    left: FloatArray
    right: FloatArray
    probability: FloatArray

    def take(self, rows: IntArray) -> "_Scores":
        return _Scores(*(column[rows] for column in self))


def list_words(
    lexicon: LexiconTable,
    selection: Selection,
    reduce: Reduce,
    room: int | None = None,
    count_background: CountBackground | None = None,
) -> list[Word]:
    """Return the selected words in their order.

    Args:
        lexicon: All words.
        selection: Selects and orders them.
        reduce: Runs a job over all records of the corpus.
        room: Bytes of memory for merging counts; unlimited if None.
        count_background: Counts the selected words in another corpus; None without one.
    """
    n_in_words = lexicon.count_characters()
    wholes: Mapping[str, Whole] = {}
    if selection.known is None:
        scores = _Scores(lexicon.pmi, lexicon.left.entropy, lexicon.right.entropy, np.full(len(lexicon), np.nan))
    else:
        known = KnownWords(selection.known)
        entries, wholes, apart = add_words(lexicon, known, reduce, room)
        entries = entries.take(_find_new(entries, selection, known, wholes))
        probabilities = estimate_probabilities(apart, entries)
        lexicon = entries
        scores = _Scores(lexicon.pmi, lexicon.left.merged_entropy, lexicon.right.merged_entropy, probabilities)
    rows = np.flatnonzero(_reach_limits(lexicon, scores, selection))
    lexicon, scores = lexicon.take(rows), scores.take(rows)
    keyness = None
    if count_background is not None:
        keyness = compare_with_background(lexicon, n_in_words, count_background(lexicon.words))
    values = _get_sort_values(lexicon, scores, keyness, selection.order).tolist()
    counts = lexicon.counts.tolist() if selection.order == "probability" else [0] * len(rows)
    order = sorted(range(len(rows)), key=lambda row: (-values[row], -counts[row], lexicon.words[row]))
    return _make_words(lexicon, scores, keyness, wholes, order)


def _get_sort_values(
    lexicon: LexiconTable, scores: _Scores, keyness: Keyness | None, sort: Sort
) -> FloatArray | IntArray:
    """Return the values to sort by, rounded as they are printed."""
    if keyness is not None and sort == "log_ratio":
        return keyness.log_ratio.round(_DECIMALS)
    if keyness is not None and sort == "log_likelihood":
        return np.copysign(keyness.log_likelihood, keyness.log_ratio).round(_DECIMALS)
    values = _SORT_VALUES[sort](lexicon, scores)
    if keyness is not None and sort in ("probability", "score"):
        return (values * keyness.share).round(DECIMALS if sort == "probability" else _DECIMALS)
    return values


def _find_new(lexicon: LexiconTable, selection: Selection, known: KnownWords, wholes: Mapping[str, Whole]) -> IntArray:
    """Return the rows of new words that are no parts.

    They have two or more characters, one of the script, are no numbers and not known.
    """
    min_share = np.inf if selection.keep_parts else PART_SHARE
    parts = {part for part, whole in wholes.items() if whole.share >= min_share}
    script = choose_script(lexicon.words, lexicon.counts) if selection.script == "auto" else selection.script
    is_long = np.array([len(word) > 1 for word in lexicon.words], dtype=np.bool_)
    is_excluded = np.array([word in parts or word in known for word in lexicon.words], dtype=np.bool_)
    return np.flatnonzero(is_long & find_listable(lexicon.words, script) & ~is_excluded)


def _reach_limits(lexicon: LexiconTable, scores: _Scores, selection: Selection) -> BoolArray:
    """Return whether each word reaches the minimum values."""
    mask: BoolArray = (_get_entropy(lexicon, scores) >= selection.min_entropy) & (lexicon.docs >= selection.min_docs)
    if selection.min_probability > 0:
        mask &= scores.probability >= selection.min_probability
    if selection.min_pmi is not None:
        longest = max(len(selection.min_pmi) + 1, len(lexicon.grams.levels) + 1)
        thresholds = np.array([-np.inf, -np.inf, *expand_thresholds(selection.min_pmi, longest)])
        lengths = np.minimum(Spellings.from_words(lexicon.words, lexicon.alphabet).lengths, longest)
        mask &= np.isnan(scores.pmi) | (scores.pmi.round(_DECIMALS) >= thresholds[lengths])
    return mask


def _get_pmi(_lexicon: LexiconTable, scores: _Scores) -> FloatArray:
    return np.where(np.isnan(scores.pmi), -np.inf, scores.pmi.round(_DECIMALS))


def _get_entropy(_lexicon: LexiconTable, scores: _Scores) -> FloatArray:
    return np.minimum(scores.left, scores.right).round(_DECIMALS)


def _get_score(_lexicon: LexiconTable, scores: _Scores) -> FloatArray:
    return (np.nan_to_num(scores.pmi) + np.minimum(scores.left, scores.right)).round(_DECIMALS)


_SORT_VALUES: dict[str, Callable[[LexiconTable, _Scores], FloatArray | IntArray]] = {
    "probability": lambda _, scores: scores.probability,
    "count": lambda lexicon, _: lexicon.counts,
    "pmi": _get_pmi,
    "entropy": _get_entropy,
    "score": _get_score,
}


def _make_words(
    lexicon: LexiconTable,
    scores: _Scores,
    keyness: Keyness | None,
    wholes: Mapping[str, Whole],
    rows: Sequence[int],
) -> list[Word]:
    """Return some words in an order."""
    columns: list[list[Any]] = [
        lexicon.words,
        lexicon.counts.tolist(),
        [None if np.isnan(value) else value for value in scores.pmi.tolist()],
        scores.left.tolist(),
        scores.right.tolist(),
        lexicon.docs.tolist(),
        [None if np.isnan(value) else value for value in scores.probability.tolist()],
        [wholes[word].word if word in wholes else "" for word in lexicon.words],
        [lexicon.phrases.get(word, "") for word in lexicon.words],
    ]
    if keyness is not None:
        columns += [keyness.count_ref.tolist(), keyness.log_likelihood.tolist(), keyness.log_ratio.tolist()]
    return [Word(*(column[row] for column in columns)) for row in rows]
