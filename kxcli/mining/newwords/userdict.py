"""Words for a user dictionary that do not make jieba worse.

A compound of dictionary words is one word or two by convention, and gold sets split most of them (副主任, 农民增收). So
a word is excluded if jieba knows a part of two or more characters that is a frequent word of the corpus by itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kxcli.arrays import IntArray
from kxcli.arrays.code_points import from_code_points
from kxcli.mining.newwords.alphabet import Codes
from kxcli.mining.newwords.listing import Word
from kxcli.mining.newwords.spelling import Reduce
from kxcli.mining.segment import Segmentation, load_tokenizer, prepare
from kxcli.mining.segment.dictionary import Dictionary
from kxcli.tally.dense import DenseTally
from kxcli.tally.jobs import TallyJob

if TYPE_CHECKING:
    from kxcli.mining.segment.compiled import CompiledDictionary
    from kxcli.mining.segment.jieba_reference import JiebaTokenizer

# Chosen on the MSR test text by benchmarks/newwords.py: with the lists of five other corpora from here on, F1 of jieba
# does not fall there.
MIN_USERDICT_PROBABILITY = 0.97
_MAX_PART = 0.25  # of the count of a word: a part that is a more frequent word by itself makes it a compound
_MIN_FOUND = 0.5  # of the count of a word: how often jieba has to find it in the corpus

# Marks within jieba's blocks. A text is split at them, so that the parts of a long line have the tokens of the whole.
_SEPARATORS = dict.fromkeys(map(ord, "+#&._%-"), " ")


class UserWords(NamedTuple):
    """The words of a user dictionary.

    Attributes:
        words: The words, with jieba's frequency as their count.
        compounds: Words excluded as compounds of words of jieba's dictionary.
        unfound: Words excluded because jieba would not find them in the corpus.
    """

    words: list[Word]
    compounds: list[str]
    unfound: list[str]


def select_user_words(words: Iterable[Word], counts: Mapping[str, int], reduce: Reduce) -> UserWords:
    """Select the words for a user dictionary.

    Costs a pass over the corpus.

    Args:
        words: Words that jieba can find.
        counts: The counts of all words of the corpus.
        reduce: Runs a job over all records of the corpus.
    """
    from kxcli.mining.segment.jieba_reference import JiebaTokenizer

    jieba = JiebaTokenizer(Dictionary())
    words = list(words)
    counts = {**counts, **{word.word: word.count for word in words}}  # the list has words that the cut misses
    whole, compounds = list[Word](), list[str]()
    for word in words:
        if _is_compound(word, counts, jieba):
            compounds.append(word.word)
        else:
            whole.append(word._replace(count=max(word.count, jieba.suggest_frequency(word.word))))
    found = _count_found(whole, reduce)
    is_found = [n_found >= _MIN_FOUND * counts[word.word] for word, n_found in zip(whole, found, strict=True)]
    kept = [word for word, is_kept in zip(whole, is_found, strict=True) if is_kept]
    return UserWords(kept, compounds, [word.word for word, is_kept in zip(whole, is_found, strict=True) if not is_kept])


def _is_compound(word: Word, counts: Mapping[str, int], jieba: "JiebaTokenizer") -> bool:
    """Return whether a word has a part that is a frequent word by itself."""
    parts = jieba.cut(word.word, hmm=False)
    return any(len(part) > 1 and counts.get(part, 0) > _MAX_PART * word.count for part in parts)


def _count_found(words: Sequence[Word], reduce: Reduce) -> list[int]:
    """Count each word in the corpus as jieba cuts it with all of them."""
    if not words:
        return []
    text = "".join(f"{word.word} {word.count}\n" for word in words)
    segmentation = Segmentation(dictionary=Dictionary(user=text))
    search = TokenSearch([word.word for word in words], segmentation, prepare(segmentation))
    found: IntArray | None = reduce(CountTokens(), search, "self-check")
    return [0] * len(words) if found is None else found.tolist()


class TokenSearch(NamedTuple):
    """The tokens to count.

    Attributes:
        words: The tokens.
        segmentation: How texts are cut.
        dictionary: The value of `segment.prepare`.
    """

    words: list[str]
    segmentation: Segmentation
    dictionary: "CompiledDictionary | None"


class CountTokens(TallyJob[Codes, tuple[DenseTally]]):
    """The job that counts some tokens of a segmentation."""

    def setup(self, shared: TokenSearch) -> None:
        """Keep the tokens and the segmentation."""
        self._search = shared

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self._search.words)}

    @cached_property
    def _cut(self) -> Callable[[str], list[str]]:
        return load_tokenizer(self._search.segmentation, self._search.dictionary)

    def make_partial(self) -> tuple[DenseTally]:
        """Return a partial without counts."""
        return (DenseTally(len(self._search.words)),)

    def count(self, record: Codes, partial: tuple[DenseTally]) -> None:
        """Count the tokens of a record."""
        text = from_code_points(record).translate(_SEPARATORS)
        numbers = [self._numbers[token] for token in self._cut(text) if token in self._numbers]
        partial[0].add(np.array(numbers, dtype=np.int64))

    def finish(self, partial: tuple[DenseTally]) -> IntArray:
        """Return the count of each token."""
        return partial[0].counts()
