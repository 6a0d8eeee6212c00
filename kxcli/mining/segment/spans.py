"""Where the tokens of a segmentation are in a text."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from kxcli.mining.segment import Segmentation, load_tokenizer

if TYPE_CHECKING:
    from kxcli.mining.segment.compiled import CompiledDictionary

SpanFinder = Callable[[str], Iterator[tuple[int, int]]]


def load_span_finder(segmentation: Segmentation, shared: "CompiledDictionary | None") -> SpanFinder:
    """Return the function that yields the span of each token of a text, in order.

    Takes up to a second.

    Args:
        segmentation: How texts are cut, in a mode without overlapping tokens.
        shared: The value of `segment.prepare`.

    Raises:
        ValueError: Tokens overlap in this mode.
    """
    if segmentation.mode in ("search", "full"):
        raise ValueError(f'tokens overlap in the mode "{segmentation.mode}"')
    if segmentation.mode in ("space", "regex"):
        pattern = re.compile(r"\S+") if segmentation.mode == "space" else segmentation.compile_pattern()
        return lambda text: (match.span() for match in pattern.finditer(text) if match.group())
    cut = load_tokenizer(segmentation, shared)
    return lambda text: _add_lengths(cut(text))


def _add_lengths(tokens: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield the spans of tokens that add up to the text."""
    start = 0
    for token in tokens:
        stop = start + len(token)
        yield start, stop
        start = stop
