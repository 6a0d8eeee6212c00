"""What is computed, for Python: pure functions and jobs, without input or output of their own.

>>> from kxcli.mining import count_words
>>> count_words(["小明来到北京", "北京下雨了"]).most_common(1)
[('北京', 2)]
"""

from collections import Counter
from collections.abc import Iterable

from kxcli.mining.newwords.discovery import Discovery, Word
from kxcli.mining.ranking import Ranking, Row, ranked
from kxcli.mining.segment import Segmentation, prepare
from kxcli.mining.segment.dictionary import Dictionary
from kxcli.mining.wordcount import Counting, Counts, Text, WordCount

__all__ = [
    "Counting",
    "Counts",
    "Dictionary",
    "Discovery",
    "Ranking",
    "Row",
    "Segmentation",
    "Text",
    "Word",
    "WordCount",
    "count_words",
    "find_words",
    "ranked",
]


def count_words(texts: Iterable[str], counting: Counting | None = None) -> Counter[str]:
    """Return the words of some texts with their counts; a text is a document.

    counting: what is counted, by default the words that jieba's default mode finds and that hold a letter or a
    digit.  With several n-gram orders, the counter holds them all.  Texts are read once, one after the other.
    Raises `segment.fast.NotEqualError` for a user dictionary that takes `Segmentation(engine="jieba")`.
    """
    if isinstance(texts, str):
        raise TypeError("count_words wants a list of texts, not one text")
    job = WordCount(counting or Counting())
    job.setup(prepare(job.counting.segmentation))
    words: Counter[str] = Counter()
    for counts in job.finish(job.map(map(Text, texts))):
        words.update(counts.words)
    return words


def find_words(texts: Iterable[str], discovery: Discovery | None = None) -> list[Word]:
    """Return the lexicon of some texts, known words and single characters too, the most frequent first.

    discovery: what is looked for.  Texts are read once and kept in memory, at 2 bytes a character, or 4 near
    characters beyond U+FFFF.
    """
    if isinstance(texts, str):
        raise TypeError("find_words wants a list of texts, not one text")
    from kxcli.mining.newwords.lexicon import of_texts

    return of_texts(texts, discovery or Discovery())
