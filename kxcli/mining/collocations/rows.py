"""Rows of collocates, and the columns that they are made of."""

from typing import Any, NamedTuple

from kxcli.mining.collocations.measures import MEASURES, PairTables, make_tables, round_scores, scale_scores

SORTS = (*MEASURES, "count")


class Collocate(NamedTuple):
    """A word, a word near it, and their association.

    Attributes:
        word: The word.
        collocate: The other word.
        count: Pairs of positions with both words.
        left: Those with the collocate before the word.
        right: Those with the collocate after the word.
        word_total: Occurrences of the word.
        total: Occurrences of the collocate.
        log_dice: 14 + log2 of the Dice coefficient of the counts.
        mi: Pointwise mutual information in bits.
        mi3: The same with the cube of the count.
        t_score: Difference to the expected count by the root of the count.
        z_score: Difference to the expected count by its root.
        log_likelihood: G² of the table of two by two counts.
    """

    word: str
    collocate: str
    count: int  # type: ignore[assignment]  # hides tuple.count
    left: int
    right: int
    word_total: int
    total: int
    log_dice: float
    mi: float
    mi3: float
    t_score: float
    z_score: float
    log_likelihood: float


TYPES: dict[str, type] = dict.fromkeys(("count", "left", "right", "word_total", "total"), int) | dict.fromkeys(
    MEASURES, float
)
Columns = list[list[Any]]  # the values of some rows, by field of `Collocate`


class PairColumns(NamedTuple):
    """Pairs of words in columns; in `left`, the collocate is before the word."""

    words: list[str]
    collocates: list[str]
    counts: list[int]
    left: list[int]
    word_totals: list[int]
    totals: list[int]

    def tables(self, n_words: int, size: int) -> PairTables:
        """Return the counts as tables."""
        return make_tables(self.counts, self.word_totals, self.totals, n_words, size)


def make_columns(pairs: PairColumns, n_words: int, size: int) -> Columns:
    """Return the values of all columns.

    Args:
        pairs: The pairs.
        n_words: All words.
        size: Positions in a window.
    """
    tables = pairs.tables(n_words, size)
    scores = [scale_scores(round_scores(name, tables)).tolist() for name in MEASURES]
    right = [count - left for count, left in zip(pairs.counts, pairs.left, strict=True)]
    return [pairs.words, pairs.collocates, pairs.counts, pairs.left, right, pairs.word_totals, pairs.totals, *scores]
