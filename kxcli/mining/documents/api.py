"""A matrix of counts for Python."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from kxcli.mining.arguments import check_type, iter_strings
from kxcli.mining.documents.job import DocumentWordCount
from kxcli.mining.segment import prepare
from kxcli.mining.wordcount.counting import Counting
from kxcli.mining.wordcount.job import Text
from kxcli.mining.wordcount.ranking import Ranking

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class TermMatrix(NamedTuple):
    """A document-term matrix.

    Attributes:
        matrix: The counts (int64): a row for each text, a column for each word.
        words: The words or n-grams of the columns, in the order of code points.
    """

    matrix: "csr_matrix"
    words: list[str]


def count_matrix(
    texts: Iterable[str], counting: Counting | None = None, *, top: int | None = None, min_count: int = 1
) -> TermMatrix:
    """Return the counts of words in each text as a sparse matrix; it needs scipy.

    Memory is for some 100 bytes per pair of a text and a word in it.

    Args:
        texts: Read once, one after the other; a row of the matrix for each, also if it has no word.
        counting: The words; by default those of `count_words`.
        top: Only this many words, the most frequent ones.
        min_count: Only words with this count or more in all texts.

    Raises:
        TypeError: A text is not a string; names its position.
        ValueError: `counting` has groups.
        ImportError: scipy is missing.
    """
    import numpy as np
    from scipy.sparse import csc_matrix

    from kxcli.mining.documents.matrix import CountMatrix

    strings = iter_strings("texts", texts)
    counting = Counting() if counting is None else counting
    check_type("counting", counting, Counting)
    if counting.is_grouped:
        raise ValueError("counting.is_grouped has no effect, because texts have no groups; set it to False")
    ranking = Ranking(top=top, min_count=min_count)
    job = DocumentWordCount(counting, "texts")
    job.setup(prepare(counting.segmentation))
    finished = job.finish(job.map(Text(text, document=number) for number, text in enumerate(strings)))
    counts = CountMatrix(finished, ranking)
    empty = np.empty(0, np.int64)
    pieces = zip((empty, empty, empty), *counts.entries(), strict=True)
    rows, columns, values = map(np.concatenate, pieces)
    starts = np.searchsorted(columns, np.arange(counts.n_columns + 1))
    matrix = csc_matrix((values, rows, starts), shape=(counts.n_rows, counts.n_columns))
    return TermMatrix(matrix.tocsr(), [word for word, _, _ in counts.columns()])
