"""Segmentation by words and their counts alone.

A text is cut into the words with the largest product of probabilities (Viterbi 1967). It is made for the lexicons of
`kxcli newwords --all`, so it has their rules: a run of letters and digits of a script with spaces is never cut, and
combining marks belong to the character before them.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache

import numpy as np

from kxcli.arrays import BoolArray
from kxcli.mining.text.character_tables import TABLE_END, make_letter_table, make_mark_table, make_spaced_table

# After a character that is no part of a word: white space, and marks of ASCII, Chinese and full width.
SPLIT_AFTER_PUNCTUATION = r"(?<=[\t\n !-/:-@\[-`{-~、-〃「-】！-／：-＠])"


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
        counts: The count of each word.
    """
    total = math.log(max(1, sum(counts.values())))
    weights = dict.fromkeys((word[:end] for word in counts for end in range(1, len(word))), -math.inf)
    weights.update((word, math.log(count) - total) for word, count in counts.items() if count)

    def cut(text: str) -> list[str]:
        units = split_units(text)
        return list(_iter_words(units, _find_ends(units, weights, -total)))

    return cut


def _find_ends(units: list[str], weights: Mapping[str, float], no_word: float) -> list[int]:
    """Return for each unit the end of the first word of the best cut from there on."""
    n_units = len(units)
    best, ends = [0.0] * (n_units + 1), [0] * n_units
    for start in range(n_units - 1, -1, -1):
        word, end = units[start], start + 1
        weight = weights.get(word)
        best_sum = (no_word if weight is None or weight == -math.inf else weight) + best[end]
        best_end = end
        while weight is not None and end < n_units:
            word += units[end]
            end += 1
            weight = weights.get(word)
            if weight is not None and weight + best[end] >= best_sum:
                best_sum, best_end = weight + best[end], end
        best[start], ends[start] = best_sum, best_end
    return ends


def _iter_words(units: list[str], ends: list[int]) -> Iterable[str]:
    start = 0
    while start < len(units):
        end = ends[start]
        yield units[start] if end == start + 1 else "".join(units[start:end])
        start = end
