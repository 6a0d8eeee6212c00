"""TextRank as in `jieba.analyse.textrank` (Mihalcea & Tarau 2004).

Words are nodes, and pairs of words at a distance below 5 tokens are edges, weighted by their number. The rank of a word
is the stationary probability of a random walk (PageRank), after 10 rounds. Sums are in the order of jieba, so that the
results are the same doubles.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache

from kxcli.mining.keywords.extraction import Extraction, Keyword, KeywordFilter, select_top

SPAN = 5  # tokens: the distance of the words of a pair is smaller
DAMPING = 0.85
N_ROUNDS = 10
_MAX_CACHED = 1 << 17  # words of some 200 bytes

_Edges = dict[str, list[tuple[str, int]]]


class TextRank:
    """Finds the keywords of documents by TextRank."""

    def __init__(self, extraction: Extraction) -> None:
        self._accepts = lru_cache(_MAX_CACHED)(KeywordFilter(extraction))
        self._top = extraction.top

    def extract(self, words: Sequence[str | None]) -> list[Keyword]:
        """Return the keywords of a document.

        Args:
            words: Its words, with None in the place of other tokens.
        """
        accepts = self._accepts
        ranks = rank_words([word if word is not None and accepts(word) else None for word in words])
        return select_top(ranks, [*ranks.values()], self._top)


def rank_words(words: Sequence[str | None]) -> dict[str, float]:
    """Return the rank of each word with a neighbor, between 0 and 1.

    Args:
        words: The words of a document, with None in the place of an excluded token.
    """
    edges = _find_edges(words)
    sums = {word: float(sum([weight for _, weight in own])) for word, own in edges.items()}
    shares = {word: [(other, weight / sums[other]) for other, weight in own] for word, own in edges.items()}
    ranks = dict.fromkeys(edges, 1.0 / (len(edges) or 1.0))
    order = sorted(edges)
    for _ in range(N_ROUNDS):
        for word in order:
            total = 0.0
            for other, share in shares[word]:  # `sum` adds floats in another way since Python 3.12
                total += share * ranks[other]
            ranks[word] = (1 - DAMPING) + DAMPING * total
    smallest = min(ranks.values(), default=sys.float_info.max)
    largest = max(ranks.values(), default=sys.float_info.min)
    return {word: (rank - smallest / 10.0) / (largest - smallest / 10.0) for word, rank in ranks.items()}


def _find_edges(words: Sequence[str | None]) -> _Edges:
    """Return the neighbors of each word, in order of their first occurrence."""
    pairs = Counter[tuple[str, str]]()
    for at, word in enumerate(words):
        if word is not None:
            pairs.update([(word, other) for other in words[at + 1 : at + SPAN] if other is not None])
    edges: _Edges = defaultdict(list)
    for (word, other), weight in pairs.items():
        edges[word].append((other, weight))
        edges[other].append((word, weight))
    return edges
