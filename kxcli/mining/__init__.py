"""What is computed, for Python: pure functions and jobs, without input or output of their own.

>>> from kxcli.mining import count_words
>>> count_words(["小明来到北京", "北京下雨了"]).most_common(1)
[('北京', 2)]
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from kxcli.mining.arguments import check_type, iter_strings
from kxcli.mining.hsic.parameters import Dependence, Kernel, Testing
from kxcli.mining.newwords.discovery import Discovery, Word
from kxcli.mining.segment import Segmentation, prepare
from kxcli.mining.segment.dictionary import Dictionary
from kxcli.mining.wordcount.counts import Counted, Counts
from kxcli.mining.wordcount.job import Counting, Text, WordCount
from kxcli.mining.wordcount.ranking import Ranking, Row, rank_rows

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "Counted",
    "Counting",
    "Counts",
    "Dependence",
    "Dictionary",
    "Discovery",
    "Kernel",
    "Ranking",
    "Row",
    "Segmentation",
    "Testing",
    "Text",
    "Word",
    "WordCount",
    "count_words",
    "find_words",
    "measure_dependence",
    "rank_rows",
]


def count_words(texts: Iterable[str], counting: Counting | None = None) -> Counter[str]:
    """Return the words of some texts with their counts; a text is a document.

    counting: what is counted, by default the words that jieba's default mode finds and that hold a letter or a
    digit.  With several n-gram orders, the counter holds them all.  Texts are read once, one after the other.
    Raises `TypeError` for a text that is no string, with its position, and
    `segment.jieba_port.NotEqualError` for a user dictionary that takes `Segmentation(engine="jieba")`.
    """
    strings = iter_strings("texts", texts)
    counting = Counting() if counting is None else counting
    check_type("counting", counting, Counting, "a Counting")
    job = WordCount(counting)
    job.setup(prepare(job.counting.segmentation))
    words: Counter[str] = Counter()
    for row in job.finish(job.map(map(Text, strings))):
        words[row.word] += row.count
    return words


def find_words(texts: Iterable[str], discovery: Discovery | None = None) -> list[Word]:
    """Return the lexicon of some texts, known words and single characters too, the most frequent first.

    discovery: what is looked for.  Texts are read once and kept in memory, at 2 bytes a character, or 4 near
    characters beyond U+FFFF.
    """
    strings = iter_strings("texts", texts)
    discovery = Discovery() if discovery is None else discovery
    check_type("discovery", discovery, Discovery, "a Discovery")
    from kxcli.mining.newwords.lexicon import find_lexicon_of_texts

    return find_lexicon_of_texts(strings, discovery)


def measure_dependence(
    x: "npt.ArrayLike | Sequence[str]",
    y: "npt.ArrayLike | Sequence[str]",
    *,
    kernel_x: "Kernel | str | None" = None,
    kernel_y: "Kernel | str | None" = None,
    testing: Testing | None = None,
    counting: Counting | None = None,
) -> Dependence:
    """Return how dependent two columns are by the Hilbert-Schmidt independence criterion, with a p-value.

    x, y: n rows each, at least 4: numbers of shape (n,) or (n, d), or a list of n strings.
    kernel_x, kernel_y: a `Kernel`, or its name as in "gaussian" or "ngram:3"; by default gaussian with the median
    rule for numbers, delta for strings.
    testing: how independence is tested, by default by 1,000 permutations up to 20,000 rows.
    counting: what bow counts as a word, by default what `count_words` does.
    Raises `ValueError` that names the argument, and the position of the value, for values that are missing, not finite
    or neither numbers nor strings, for unequal lengths, and for kernels that do not fit; `TypeError` for a kernel,
    testing or counting of another type.
    """
    from kxcli.mining.hsic.api import measure_arrays

    testing = Testing() if testing is None else testing
    return measure_arrays(x, y, kernel_x, kernel_y, testing, Counting() if counting is None else counting)
