"""Which words are counted, and the words of a text."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from kxcli.mining.arguments import check_minimum, check_type, describe, iter_strings
from kxcli.mining.segment import Segmentation, load_tokenizer

if TYPE_CHECKING:
    from kxcli.mining.segment.compiled import CompiledDictionary

_MAX_CACHED = 1 << 17  # tokens of some 200 bytes


@dataclass(frozen=True)
class WordRules:
    """The tokens that are words, and their form.

    Args:
        segmentation: How texts become tokens.
        keeps_punctuation: Also keep tokens without a letter or digit (`str.isalnum`), except white space.
        stopwords: Words to exclude.
        min_length: Minimum number of characters of a word.
        lower: Convert words to lower case.
        nfkc: Convert each text to Unicode's NFKC form before it is cut.
    """

    segmentation: Segmentation = field(default_factory=Segmentation)
    keeps_punctuation: bool = False
    stopwords: frozenset[str] = frozenset()
    min_length: int = 1
    lower: bool = False
    nfkc: bool = False

    def __post_init__(self) -> None:
        check_type("segmentation", self.segmentation, Segmentation)
        for name in ("keeps_punctuation", "lower", "nfkc"):
            check_type(name, getattr(self, name), bool)
        object.__setattr__(self, "stopwords", frozenset(iter_strings("stopwords", self.stopwords)))
        check_minimum("min_length", self.min_length, 1)

    @property
    def keeps_white_space(self) -> bool:
        """Whether tokens of white space are kept."""
        return False

    @property
    def safe_split_pattern(self) -> str | None:
        """Pattern of positions where a document may be split, or None."""
        return None if self.nfkc else self.segmentation.safe_split_pattern

    @property
    def changes_words(self) -> bool:
        """Whether a token of letters and digits may be excluded or changed."""
        return bool(self.stopwords) or self.min_length > 1 or self.lower

    def normalize(self, text: str) -> str:
        """Return a text in the form that is cut."""
        return unicodedata.normalize("NFKC", text) if self.nfkc else text


@dataclass(frozen=True)
class Counting(WordRules):
    """The words to count.

    Excluded words and white space do not break n-grams; punctuation does, unless it is counted.

    Args:
        segmentation: How texts become tokens.
        keeps_punctuation: Also count tokens without a letter or digit (`str.isalnum`), except white space.
        stopwords: Words to exclude.
        min_length: Minimum number of characters of a word.
        lower: Count words in lower case.
        nfkc: Convert each text to Unicode's NFKC form before it is cut.
        orders: The smallest and largest n of the n-grams.
        has_documents: Also count the documents of each word.
        is_grouped: Count each group separately.
    """

    orders: tuple[int, int] = (1, 1)
    has_documents: bool = False
    is_grouped: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("has_documents", "is_grouped"):
            check_type(name, getattr(self, name), bool)
        if not isinstance(self.orders, (tuple, list)) or len(self.orders) != 2:
            raise TypeError(f"orders must be two integers, the smallest and largest n, not {describe(self.orders)}")
        check_minimum("orders[0]", self.orders[0], 1)
        check_minimum("orders[1]", self.orders[1], self.orders[0])
        object.__setattr__(self, "orders", tuple(self.orders))

    @property
    def ignores_document_borders(self) -> bool:
        """Whether no count depends on document borders; a record may have many lines."""
        has_words_only = self.orders == (1, 1) and not self.has_documents and not self.is_grouped
        return has_words_only and self.segmentation.mode != "regex"


class WordFilter:
    """Makes words of tokens; the same for all engines."""

    def __init__(self, rules: WordRules) -> None:
        self._rules = rules
        self._stopwords = frozenset(map(self.normalize, rules.stopwords))

    def __call__(self, token: str) -> tuple[str | None, ...]:
        """Return the word of a token, if it is not excluded; None if it breaks n-grams."""
        rules = self._rules
        if not rules.keeps_white_space and token.isspace():
            return ()
        if not rules.keeps_punctuation and not (token.isalnum() or any(map(str.isalnum, token))):
            return (None,)
        word = self._change_case(token)
        return (word,) if len(word) >= rules.min_length and word not in self._stopwords else ()

    def normalize(self, word: str) -> str:
        """Return a word in the form that is counted."""
        return self._change_case(self._rules.normalize(word))

    def _change_case(self, word: str) -> str:
        return word.lower() if self._rules.lower else word


class WordSplitter:
    """Cuts texts into words.

    Args:
        rules: The words.
        shared: The value of `segment.prepare`.
    """

    def __init__(self, rules: WordRules, shared: "CompiledDictionary | None") -> None:
        self._normalize = rules.normalize
        self._cut = load_tokenizer(rules.segmentation, shared)
        self._filter = lru_cache(_MAX_CACHED)(WordFilter(rules))

    def split(self, text: str) -> Iterator[str | None]:
        """Yield the words of a text, with None at breaks of n-grams."""
        return chain.from_iterable(map(self._filter, self._cut(self._normalize(text))))
