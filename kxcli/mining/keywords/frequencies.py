"""IDF learned from a corpus.

The IDF of a word is ln(N / df) (Sparck Jones 1972; Manning, Raghavan & Schuetze 2008, section 6.2.1). N is the number
of documents that are not blank, df the number of those with the word.
"""

import math
from collections.abc import Iterable, Iterator
from functools import cache

from kxcli.mining.keywords.extraction import Extraction
from kxcli.mining.keywords.idf import IdfTable
from kxcli.mining.wordcount.counting import Counting
from kxcli.mining.wordcount.counts import Counts, WordCountPartial
from kxcli.mining.wordcount.job import Record, WordCount
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import DOCUMENT_SHIFT

_DOCUMENTS = ("", 0)  # the total of this order, which no word has, is the number of documents


class CountDocumentFrequencies(WordCount):
    """The job that counts documents, and those with each word.

    Stop words are counted too, so that the IDF of a corpus is the same with and without them.
    """

    def __init__(self, extraction: Extraction) -> None:
        super().__init__(
            Counting(
                extraction.segmentation,
                keeps_punctuation=True,
                min_length=extraction.min_length,
                lower=extraction.lower,
                nfkc=extraction.nfkc,
                has_documents=True,
            )
        )

    def fold(self, partial: WordCountPartial | None, records: Iterable[Record]) -> WordCountPartial:
        """Count the documents and words of records, and add them to a partial."""
        n_documents = 0

        def iter_counted() -> Iterator[Record]:
            nonlocal n_documents
            for record in records:
                n_documents += not (record.has_continuation or not record.text or record.text.isspace())
                yield record

        folded = super().fold(partial, iter_counted())
        folded.totals[_DOCUMENTS] = folded.totals.get(_DOCUMENTS, 0) + n_documents
        return folded

    def split(self, partial: WordCountPartial, n: int) -> list[WordCountPartial]:
        """Return n partials that merge to the given one.

        The first one has the number of documents.
        """
        parts = super().split(partial, n)
        parts[0].totals[_DOCUMENTS] = partial.totals.get(_DOCUMENTS, 0)
        return parts


def build_idf(counts: Counts, scratch: Scratch | None = None) -> IdfTable:
    """Return the IDF of the words of a corpus.

    Args:
        counts: The result of `CountDocumentFrequencies`.
        scratch: Merges many runs first.
    """
    n_documents = counts.totals.get(_DOCUMENTS, 0)

    @cache
    def compute_idf(frequency: int) -> float:
        return math.log(n_documents / frequency)

    def iter_rows() -> Iterator[tuple[bytes, float]]:
        for keys, numbers in counts.blocks(scratch):
            for word, number in zip(counts.layout.words(keys), numbers, strict=True):
                yield word.encode("utf-8", "surrogatepass"), compute_idf(number >> DOCUMENT_SHIFT)

    return IdfTable.from_rows(iter_rows())
