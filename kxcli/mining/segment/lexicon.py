"""Segmentation by words and their counts alone.

A text is cut into the words with the largest product of probabilities (Viterbi 1967). It is made for the lexicons of
`kxcli newwords --all`, so it has nearly their rules: a run of letters and digits of a script with spaces is never cut,
and combining marks belong to the character before them. But characters without a width, such as U+200C, divide words.
"""

import math
import re
import sys
from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise

import numpy as np

from kxcli.arrays import BoolArray, FloatArray, UInt8Array, UInt32Array, UInt64Array
from kxcli.arrays.code_points import to_code_points
from kxcli.kernel import load_kernel
from kxcli.mining.text.character_tables import TABLE_END, make_letter_table, make_mark_table, make_spaced_table

_POINT_BITS = 21  # of a code point in a key


def parse_lexicon(text: str) -> dict[str, int]:
    """Return the counts of lines `word count [tag]`; those of equal words are added."""
    counts: dict[str, int] = {}
    for line in text.splitlines():
        word, count = line.split(" ")[:2]
        counts[word] = counts.get(word, 0) + int(count)
    return counts


def split_units(text: str) -> list[str]:
    """Split a text into its indivisible parts.

    These are characters with their marks, and runs of letters and digits of scripts with spaces.
    """
    return _compile_units().findall(text)


def is_one_word(word: str) -> bool:
    """Return whether a word can be found: it has only letters, digits and marks."""
    table = make_letter_table()
    return all(table[min(ord(character), TABLE_END)] for character in word)


@cache
def _compile_units() -> re.Pattern[str]:
    letters, spaced, marks = make_letter_table(), make_spaced_table(), make_mark_table()
    unit = f"{_make_class(letters & ~spaced)}{_make_class(marks)}*|{_make_class(spaced)}+|."
    return re.compile(unit, re.DOTALL)


def _make_class(table: BoolArray) -> str:
    """Return a class of a regular expression for the characters of a table."""
    borders = np.flatnonzero(np.diff(table[:TABLE_END], prepend=False, append=False)).tolist()
    ranges = [rf"\U{begin:08x}-\U{end - 1:08x}" for begin, end in zip(borders[::2], borders[1::2], strict=True)]
    higher = [rf"\U{TABLE_END:08x}-\U0010ffff"] if table[TABLE_END] else []
    return f"[{''.join(ranges + higher)}]"


def load_lexicon_tokenizer(counts: Mapping[str, int]) -> Callable[[str], list[str]]:
    """Return the function that cuts a text into tokens.

    The tokens together are the text. Of cuts with equal probabilities it takes that with the longest first word. A
    character that is no word counts as one with the count 1.

    Args:
        counts: The count of each word, one over 0.
    """
    total = math.log(sum(counts.values()))
    weights = {word: math.log(count) - total for word, count in counts.items() if count}
    kernel = load_kernel()
    if kernel is None:
        return PythonLexicon(weights, -total).cut
    find_word_ends: Callable[[UInt32Array], bytes] = kernel.UnigramLexicon(
        *_make_trie(weights), _make_kinds(), -total
    ).find_word_ends

    def cut(text: str) -> list[str]:
        ends = memoryview(find_word_ends(to_code_points(text))).cast("I").tolist()
        return [text[start:end] for start, end in pairwise([0, *ends])]

    return cut


def _make_trie(weights: Mapping[str, float]) -> tuple[UInt64Array, FloatArray]:
    """Return the keys of words and their beginnings, and the weight of each node."""
    nodes: dict[str, int] = {}
    keys, by_node = list[int](), [-math.inf]
    for word, weight in weights.items():
        node = 0
        for end in range(1, len(word) + 1):
            parent, node = node, nodes.setdefault(word[:end], len(nodes) + 1)
            if node > len(keys):
                keys.append(parent << _POINT_BITS | ord(word[end - 1]))
                by_node.append(-math.inf)
        by_node[node] = weight
    return np.array(keys, dtype=np.uint64), np.array(by_node)


def _make_kinds() -> UInt8Array:
    """Return for each code point how it is part of words, for the kernel."""
    letters, spaced, marks = make_letter_table(), make_spaced_table(), make_mark_table()
    kinds = ((letters & ~spaced) + 2 * spaced + 4 * marks).astype(np.uint8)
    higher = np.full(sys.maxunicode - TABLE_END, kinds[TABLE_END], dtype=np.uint8)
    return np.concatenate((kinds, higher))


class PythonLexicon:
    """The slow twin of `kxcli._kernel.UnigramLexicon`.

    Args:
        weights: The log probability of each word.
        no_word: The log probability of another character.
    """

    def __init__(self, weights: Mapping[str, float], no_word: float) -> None:
        self._weights = dict.fromkeys((word[:end] for word in weights for end in range(1, len(word))), -math.inf)
        self._weights.update(weights)
        self._no_word = no_word

    def cut(self, text: str) -> list[str]:
        """Return the tokens of a text."""
        units = split_units(text)
        ends = self._find_ends(units)
        words, start = [], 0
        while start < len(units):
            words.append("".join(units[start : ends[start]]))
            start = ends[start]
        return words

    def _find_ends(self, units: list[str]) -> list[int]:
        """Return for each unit the end of the first word of the best cut from there on."""
        n_units = len(units)
        best, ends = [0.0] * (n_units + 1), [0] * n_units
        for start in range(n_units - 1, -1, -1):
            word, end = units[start], start + 1
            weight = self._weights.get(word)
            best_sum = (self._no_word if weight in (None, -math.inf) else weight) + best[end]
            best_end = end
            while weight is not None and end < n_units:
                word += units[end]
                end += 1
                weight = self._weights.get(word)
                if weight is not None and weight + best[end] >= best_sum:
                    best_sum, best_end = weight + best[end], end
            best[start], ends[start] = best_sum, best_end
        return ends
