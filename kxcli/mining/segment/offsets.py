"""Where the tokens of a text are."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from kxcli.mining.segment import Segmentation, load_tokenizer

if TYPE_CHECKING:
    from kxcli.mining.segment.compiled import CompiledDictionary

Located = tuple[int, str]  # the position of a token's first character, and the token


def load_locator(segmentation: Segmentation, shared: "CompiledDictionary | None") -> Callable[[str], Iterable[Located]]:
    """Return the function that cuts a text into tokens with their positions.

    The tokens are those of `load_tokenizer`. As `jieba.tokenize`, it has no full mode.

    Args:
        segmentation: How texts are cut.
        shared: The value of `segment.prepare`.
    """
    mode = segmentation.mode
    assert mode != "full", "tokens of the full mode have no order"
    if mode == "regex":
        pattern = segmentation.compile_pattern()
        return lambda text: [(match.start(), match[0]) for match in pattern.finditer(text) if match[0]]
    cut = load_tokenizer(segmentation, shared)
    if mode == "search":
        cut_words = load_tokenizer(replace(segmentation, mode="jieba"), shared)
        return lambda text: locate_shorter_words(cut_words(text), cut(text))
    if mode == "space":
        return lambda text: find_tokens(text, cut(text))
    return lambda text: locate_adjacent(cut(text))


def locate_adjacent(tokens: list[str]) -> Iterator[Located]:
    """Yield tokens that follow each other in the text with their positions."""
    return zip(accumulate(map(len, tokens), initial=0), tokens, strict=False)  # the last sum is the end


def find_tokens(text: str, tokens: Iterable[str]) -> Iterator[Located]:
    """Yield tokens that are in this order in the text with their positions."""
    end = 0
    for token in tokens:
        start = text.index(token, end)
        yield start, token
        end = start + len(token)


def locate_shorter_words(words: list[str], tokens: Iterable[str]) -> Iterator[Located]:
    """Yield the tokens of the search mode with their positions.

    Before each word, jieba lists the words of 2 characters in it from left to right, then those of 3 characters.

    Args:
        words: The tokens of the default mode.
        tokens: The tokens of the search mode, of the same text.
    """
    rest = iter(tokens)
    token = next(rest, None)
    for start, word in locate_adjacent(words):
        for length in (2, 3):
            for at in range(len(word) - length + 1 if length < len(word) else 0):
                if token == word[at : at + length]:
                    yield start + at, token
                    token = next(rest, None)
        yield start, word
        token = next(rest, None)
