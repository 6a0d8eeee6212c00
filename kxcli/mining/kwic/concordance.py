"""Concordances for Python."""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from kxcli.mining.arguments import check_choice, check_minimum, check_strings, check_type, iter_strings
from kxcli.mining.kwic.arrangement import Side, choose_sample
from kxcli.mining.kwic.finders import Finder, make_finder
from kxcli.mining.kwic.query import DEFAULT_WIDTH, Query, QueryMode
from kxcli.mining.segment import Segmentation, prepare


class Hit(NamedTuple):
    """An occurrence of a pattern.

    Attributes:
        text: The number of the text, from 0.
        offset: The position of its first character in the text.
        left: The context before it.
        match: The hit as it is in the text.
        right: The context after it.
    """

    text: int
    offset: int
    left: str
    match: str
    right: str


def find_concordance(
    texts: Iterable[str],
    pattern: str | Collection[str],
    *,
    tokens: bool = False,
    regex: bool = False,
    ignore_case: bool = False,
    width: int = DEFAULT_WIDTH,
    sort: Side | None = None,
    sample: int | None = None,
    seed: int = 0,
    segmentation: Segmentation | None = None,
) -> Iterator[Hit]:
    """Return the hits of a pattern, or of many patterns, with their contexts.

    Args:
        texts: Read once, one after the other; unless sorted or sampled, hits come as texts are read.
        pattern: Some text; or a collection of many, which needs pyahocorasick: the longest one at each place is a hit.
        tokens: Find the pattern only where it is a token.
        regex: The pattern is a Python regular expression.
        ignore_case: Ignore differences of case.
        width: Characters of each context.
        sort: Order hits by the left context, backwards from the hit, or by the right one; by code points.
        sample: Choose this number of hits at random.
        seed: The seed of the sample.
        segmentation: How texts are cut into tokens; by default as jieba's default mode does.

    Raises:
        TypeError: A text is not a string; names its position.
        ValueError: The pattern is empty or invalid.
        ImportError: There are several patterns, and pyahocorasick is missing.
    """
    strings = iter_strings("texts", texts)
    for name, value in (("tokens", tokens), ("regex", regex)):
        check_type(name, value, bool)
    if tokens and regex:
        raise ValueError("tokens and regex exclude each other")
    if segmentation is not None and not tokens:
        raise ValueError("segmentation has no effect without tokens")
    if sort is not None:
        check_choice("sort", sort, ("left", "right"))
    if sample is not None:
        check_minimum("sample", sample, 1)
    check_minimum("seed", seed, 0)
    if not isinstance(pattern, str):
        check_strings("pattern", pattern)
    patterns = (pattern,) if isinstance(pattern, str) else tuple(pattern)
    mode: QueryMode = "tokens" if tokens else "regex" if regex else "literal"
    query = Query(patterns, mode, ignore_case, width, segmentation or Segmentation())
    finder = make_finder(query, prepare(query.segmentation) if tokens else None)
    hits = _iter_hits(finder, strings, width)
    if sample is not None:
        hits = iter(choose_sample(hits, sample, seed))
    if sort is not None:
        hits = iter(sorted(hits, key=lambda hit: hit.left[::-1] if sort == "left" else hit.right))
    return hits


def _iter_hits(finder: Finder, texts: Iterable[str], width: int) -> Iterator[Hit]:
    for number, text in enumerate(texts):
        for start, stop in finder.find(text):
            left = text[max(0, start - width) : start]
            yield Hit(number, start, left, text[start:stop], text[stop : stop + width])
