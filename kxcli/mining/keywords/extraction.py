"""Which keywords a document has."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from kxcli.mining.arguments import check_choice, check_minimum, check_type, iter_strings
from kxcli.mining.segment import Segmentation

Method = Literal["tfidf", "textrank"]

EXCLUDED = -math.inf  # the weight of a word that is no keyword
DEFAULT_TAGS = ("ns", "n", "vn", "v")  # of jieba's TextRank: places, nouns, verbal nouns, verbs

# The words that jieba excludes: `KeywordExtractor.STOP_WORDS` of `jieba.analyse`, which loads IDF when it is imported.
_JIEBA_WORDS = """
all an and are as at be by can for from has have if in is
it not of on one or that the then this to we which with you
"""
JIEBA_STOPWORDS = frozenset(_JIEBA_WORDS.split())


class Keyword(NamedTuple):
    """A word and its weight in a document."""

    word: str
    weight: float


@dataclass(frozen=True)
class Extraction:
    """How keywords are found.

    Args:
        method: Weigh words by TF-IDF, or by their neighbors (TextRank).
        top: Maximum number of keywords of a document.
        tags: Part-of-speech tags of jieba; only words with one of them are keywords. If empty, all words are, or those
            with `DEFAULT_TAGS` for TextRank.
        segmentation: How texts become tokens; TextRank and tags require jieba's default mode.
        stopwords: Words to exclude in addition to those of jieba, regardless of case.
        min_length: Minimum number of characters of a word, without white space around it.
        lower: Convert words to lower case.
        nfkc: Convert each text to Unicode's NFKC form before it is cut.
    """

    method: Method = "tfidf"
    top: int = 20
    tags: frozenset[str] = frozenset()
    segmentation: Segmentation = field(default_factory=Segmentation)
    stopwords: frozenset[str] = frozenset()
    min_length: int = 2
    lower: bool = False
    nfkc: bool = False

    def __post_init__(self) -> None:
        check_choice("method", self.method, get_args(Method))
        check_minimum("top", self.top, 1)
        tags = frozenset(iter_strings("tags", self.tags))
        object.__setattr__(self, "tags", tags or frozenset(DEFAULT_TAGS if self.method == "textrank" else ()))
        check_type("segmentation", self.segmentation, Segmentation)
        if self.tags and self.segmentation.mode != "jieba":
            raise ValueError(f'jieba assigns tags in the mode "jieba" only, not in "{self.segmentation.mode}"')
        object.__setattr__(self, "stopwords", frozenset(iter_strings("stopwords", self.stopwords)))
        check_minimum("min_length", self.min_length, 1)
        for name in ("lower", "nfkc"):
            check_type(name, getattr(self, name), bool)


class KeywordFilter:
    """Accepts words as keywords by the rules of jieba."""

    def __init__(self, extraction: Extraction) -> None:
        self._min_length = extraction.min_length
        self._stopwords = JIEBA_STOPWORDS | {word.lower() for word in extraction.stopwords}

    def __call__(self, word: str) -> bool:
        """Return whether a word may be a keyword."""
        return len(word.strip()) >= self._min_length and word.lower() not in self._stopwords


def select_top(words: Iterable[str], weights: list[float], top: int) -> list[Keyword]:
    """Return the words with the highest weights, in order.

    Equal weights are ordered by the code points of the word. Words with the weight `EXCLUDED` are skipped.
    """
    limit = sorted(weights, reverse=True)[top - 1] if len(weights) > top else EXCLUDED
    pairs = zip(words, weights, strict=True)
    rows = [(-weight, word) for word, weight in pairs if weight >= limit and weight > EXCLUDED]
    return [Keyword(word, -weight) for weight, word in sorted(rows)[:top]]
