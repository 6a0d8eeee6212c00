"""The collocates of words, as a function for Python."""

from collections.abc import Iterable

from kxcli.mining.arguments import check_type, iter_strings
from kxcli.mining.collocations.job import PairCount
from kxcli.mining.collocations.ranking import DEFAULT_MIN_COUNT, CollocateRanking, rank_collocates
from kxcli.mining.collocations.rows import Collocate
from kxcli.mining.collocations.window import parse_window
from kxcli.mining.segment import prepare
from kxcli.mining.wordcount.counting import Counting
from kxcli.mining.wordcount.job import Text

DEFAULT_WINDOW = 5


def find_collocates(
    texts: Iterable[str],
    word: str | None = None,
    *,
    window: int | tuple[int, int] = DEFAULT_WINDOW,
    min_count: int = DEFAULT_MIN_COUNT,
    sort: str = "log_dice",
    top: int | None = None,
    counting: Counting | None = None,
) -> list[Collocate]:
    """Return the collocates of a word, or the pairs of all words.

    Args:
        texts: Read once, one after the other; each is a document.
        word: A word as the segmentation gives it; if None, all pairs of words are returned: one row for each pair if
            the window is symmetric, its first word being the one that comes first more often, and none for a word with
            itself. A word is counted even if it is a stop word; then it is no collocate of itself.
        window: The number of words before and after a word that are near it; an integer, or two.
        min_count: The lowest count of a pair.
        sort: The column that rows are sorted by, the largest value first.
        top: The number of rows; None for all.
        counting: The words; its orders, documents and groups have no effect.

    Raises:
        TypeError: A text is not a string; names its position.
    """
    strings = iter_strings("texts", texts)
    counting = Counting() if counting is None else counting
    check_type("counting", counting, Counting)
    if word is not None:
        check_type("word", word, str)
        if not word:
            raise ValueError("word must not be empty")
    ranking = CollocateRanking(sort, top, min_count)
    job = PairCount(counting, parse_window(window), word)
    job.setup(prepare(counting.segmentation))
    blocks = rank_collocates(job.finish(job.map(map(Text, strings))), ranking)
    return [Collocate(*cells) for columns in blocks for cells in zip(*columns, strict=True)]
