"""jieba itself, the reference for the other engines; only this module imports it.

jieba logs to stderr, imports pkg_resources if it is installed, and caches its dictionary as marshal data in the shared
temporary folder, where any user could place a malicious one. This module prevents all three.
"""

import io
import logging
import os
import sys
import warnings
from functools import cache
from types import ModuleType
from typing import Any, BinaryIO

from kxcli.mining.segment.dictionary import Dictionary, strip_marks


@cache
def _import_jieba() -> ModuleType:
    absent = "pkg_resources" not in sys.modules
    if absent:
        sys.modules["pkg_resources"] = None  # type: ignore[assignment]  # makes its import fail at once
    try:
        with warnings.catch_warnings(action="ignore"):  # about invalid escapes in jieba's source
            import jieba
    finally:
        if absent:
            del sys.modules["pkg_resources"]
    jieba.setLogLevel(logging.CRITICAL)
    return jieba  # type: ignore[no-any-return]


@cache
def _import_posseg() -> ModuleType:
    _import_jieba()
    with warnings.catch_warnings(action="ignore"):
        import jieba.posseg
    return jieba.posseg  # type: ignore[no-any-return]


def load_hmm_tables() -> tuple[Any, Any, Any]:
    """Return jieba's log probabilities of start states, transitions and emissions."""
    finalseg = _import_jieba().finalseg
    return finalseg.start_P, finalseg.trans_P, finalseg.emit_P


def _open_dictionary() -> BinaryIO:
    """Open jieba's dictionary, independently of the current folder."""
    jieba = _import_jieba()
    return open(os.path.join(os.path.dirname(str(jieba.__file__)), jieba.DEFAULT_DICT_NAME), "rb")


def read_dictionary_words() -> frozenset[str]:
    """Return the words of jieba's dictionary."""
    with _open_dictionary() as file:
        return frozenset(line.partition(" ")[0] for line in file.read().decode("utf-8").splitlines())


def read_frequencies(main: str | None) -> tuple[dict[str, int], int]:
    """Return the frequencies of a main dictionary and their sum, as `JiebaTokenizer`.

    It is faster, because it makes no prefixes of words.

    Args:
        main: The text of the dictionary; None for that of jieba.
    """
    frequencies: dict[str, int] = {}
    total = 0
    with _open_dictionary() if main is None else _open_text(strip_marks(main)) as lines:
        for line in lines:
            word, frequency = line.strip().decode("utf-8").split(" ")[:2]
            frequencies[word] = int(frequency)
            total += int(frequency)
    return frequencies, total


class JiebaTokenizer:
    """A `jieba.Tokenizer` with its own dictionary, neither shared nor cached."""

    def __init__(self, dictionary: Dictionary) -> None:
        jieba = _import_jieba()
        self._finalseg = jieba.finalseg
        self._tokenizer: Any = jieba.Tokenizer()
        main = _open_dictionary() if dictionary.main is None else _open_text(strip_marks(dictionary.main))
        self._tokenizer.FREQ, self._tokenizer.total = self._tokenizer.gen_pfdict(main)
        self._tokenizer.initialized = True
        self._splits: set[str] = set()  # jieba's set is global; each tokenizer sets its own before use
        if dictionary.user is not None:
            self._finalseg.Force_Split_Words = self._splits
            self._tokenizer.load_userdict(_open_text(dictionary.user))

    @property
    def tokenizer(self) -> Any:
        """The `jieba.Tokenizer`."""
        return self._tokenizer

    @property
    def frequencies(self) -> dict[str, int]:
        """The frequency of each word; 0 for prefixes of words, and for words to be split."""
        return self._tokenizer.FREQ  # type: ignore[no-any-return]

    @property
    def total(self) -> int:
        """The sum of frequencies in jieba's computation; replaced words count twice."""
        return self._tokenizer.total  # type: ignore[no-any-return]

    @property
    def splits(self) -> frozenset[str]:
        """Words of frequency 0; jieba splits them into characters if its HMM joins them."""
        return frozenset(self._splits)

    def suggest_frequency(self, word: str) -> int:
        """Return the lowest frequency that makes a word more probable than its parts."""
        return self._tokenizer.suggest_freq(word, tune=False)  # type: ignore[no-any-return]

    def cut(self, text: str, *, hmm: bool) -> list[str]:
        """Cut in jieba's default mode."""
        self._finalseg.Force_Split_Words = self._splits
        return self._tokenizer.lcut(text, HMM=hmm)  # type: ignore[no-any-return]

    def cut_for_search(self, text: str, *, hmm: bool) -> list[str]:
        """Cut in jieba's search mode."""
        self._finalseg.Force_Split_Words = self._splits
        return self._tokenizer.lcut_for_search(text, HMM=hmm)  # type: ignore[no-any-return]

    def cut_all(self, text: str) -> list[str]:
        """Cut in jieba's full mode, without its empty tokens between separators."""
        return [token for token in self._tokenizer.cut(text, cut_all=True) if token]


class PosTokenizer:
    """A `jieba.posseg.POSTokenizer` with its own dictionary.

    A word without a tag in the dictionary has the tag x.
    """

    def __init__(self, dictionary: Dictionary) -> None:
        posseg = _import_posseg()
        tokenizer = JiebaTokenizer(dictionary).tokenizer
        tokenizer.get_dict_file = lambda: _open_text("")  # jieba takes only lines with a tag
        self._tokenizer: Any = posseg.POSTokenizer(tokenizer)
        self._tokenizer.word_tag_tab = _read_tags(dictionary.main)

    def cut(self, text: str, *, hmm: bool) -> list[tuple[str, str]]:
        """Return the tokens of a text with their part-of-speech tags."""
        return [(pair.word, pair.flag) for pair in self._tokenizer.cut(text, HMM=hmm)]


def _read_tags(main: str | None) -> dict[str, str]:
    """Return the tags of a main dictionary by word; None for that of jieba."""
    tags: dict[str, str] = {}
    with _open_dictionary() if main is None else _open_text(strip_marks(main)) as lines:
        for line in lines:
            word, _, *rest = line.strip().decode("utf-8").split(" ")
            if rest:
                tags[word] = rest[0]
    return tags


def open_idf() -> BinaryIO:
    """Open jieba's inverse document frequencies.

    `jieba.analyse` is not imported, because its import loads them for itself.
    """
    return open(os.path.join(os.path.dirname(str(_import_jieba().__file__)), "analyse", "idf.txt"), "rb")


def _open_text(text: str) -> BinaryIO:
    return io.BytesIO(text.encode("utf-8"))
