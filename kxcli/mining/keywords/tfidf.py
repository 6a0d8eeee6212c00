"""TF-IDF as in `jieba.analyse.extract_tags`.

The weight of a word is its share of the words of the document, times its IDF (Salton & Buckley 1988).
"""

from collections import Counter
from collections.abc import Iterable

from kxcli.mining.keywords.extraction import EXCLUDED, Extraction, Keyword, KeywordFilter, select_top
from kxcli.mining.keywords.idf import IdfLookup, IdfTable

_MAX_CACHED = 1 << 17  # words of some 200 bytes


class _IdfCache(dict[str, float | None]):
    """The IDF of recent words, None for excluded ones; emptied when it is full."""

    def __init__(self, accepts: KeywordFilter, table: IdfTable) -> None:
        self._accepts, self._find_idf = accepts, IdfLookup(table)

    def __missing__(self, word: str) -> float | None:
        if len(self) >= _MAX_CACHED:
            self.clear()
        found = self[word] = self._find_idf(word) if self._accepts(word) else None
        return found


class TfIdf:
    """Finds the keywords of documents by TF-IDF."""

    def __init__(self, extraction: Extraction, table: IdfTable) -> None:
        self._cache = _IdfCache(KeywordFilter(extraction), table)
        self._top = extraction.top

    def extract(self, words: Iterable[str]) -> list[Keyword]:
        """Return the keywords of a document by its words."""
        counts = Counter(words)
        numbers = counts.values()
        idf_values = [*map(self._cache.__getitem__, counts)]
        total = sum([count for count, idf in zip(numbers, idf_values, strict=True) if idf is not None])
        # The operations and their order are those of jieba, so that the results are the same doubles.
        pairs = zip(numbers, idf_values, strict=True)
        weights = [EXCLUDED if idf is None else count * (idf / total) for count, idf in pairs]
        return select_top(counts, weights, self._top)
