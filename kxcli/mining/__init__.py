"""The features of kxcli for Python: functions and jobs without input or output.

Each name is loaded from its module when it is first used, so that one feature does not import the others.

>>> from kxcli.mining import count_words
>>> count_words(["小明来到北京", "北京下雨了"]).most_common(1)
[('北京', 2)]
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kxcli.mining.collocations.api import find_collocates
    from kxcli.mining.collocations.rows import Collocate
    from kxcli.mining.documents.api import TermMatrix, count_matrix
    from kxcli.mining.hsic.api import measure_dependence
    from kxcli.mining.hsic.parameters import Dependence, Kernel, Testing
    from kxcli.mining.keyness.api import compare_counts
    from kxcli.mining.keyness.comparison import KeynessRow
    from kxcli.mining.keywords.extraction import Extraction, Keyword
    from kxcli.mining.keywords.job import extract_keywords, learn_idf
    from kxcli.mining.kwic.concordance import Hit, find_concordance
    from kxcli.mining.newwords.api import find_words
    from kxcli.mining.newwords.discovery import Discovery
    from kxcli.mining.newwords.listing import Selection, Word
    from kxcli.mining.segment import Segmentation
    from kxcli.mining.segment.dictionary import Dictionary
    from kxcli.mining.segmenting.splitting import Segmenting, segment_texts, tag_texts
    from kxcli.mining.stopwords import load_stopwords
    from kxcli.mining.wordcount.counting import Counting
    from kxcli.mining.wordcount.counts import Counted, Counts
    from kxcli.mining.wordcount.job import Text, WordCount, count_words
    from kxcli.mining.wordcount.ranking import Ranking, Row, rank_rows

__all__ = [
    "Collocate",
    "Counted",
    "Counting",
    "Counts",
    "Dependence",
    "Dictionary",
    "Discovery",
    "Extraction",
    "Hit",
    "Kernel",
    "KeynessRow",
    "Keyword",
    "Ranking",
    "Row",
    "Segmentation",
    "Segmenting",
    "Selection",
    "TermMatrix",
    "Testing",
    "Text",
    "Word",
    "WordCount",
    "compare_counts",
    "count_matrix",
    "count_words",
    "extract_keywords",
    "find_collocates",
    "find_concordance",
    "find_words",
    "learn_idf",
    "load_stopwords",
    "measure_dependence",
    "rank_rows",
    "segment_texts",
    "tag_texts",
]

_MODULES = {
    "collocations.api": ("find_collocates",),
    "collocations.rows": ("Collocate",),
    "documents.api": ("TermMatrix", "count_matrix"),
    "hsic.api": ("measure_dependence",),
    "hsic.parameters": ("Dependence", "Kernel", "Testing"),
    "keyness.api": ("compare_counts",),
    "keyness.comparison": ("KeynessRow",),
    "keywords.extraction": ("Extraction", "Keyword"),
    "keywords.job": ("extract_keywords", "learn_idf"),
    "kwic.concordance": ("Hit", "find_concordance"),
    "newwords.api": ("find_words",),
    "newwords.discovery": ("Discovery",),
    "newwords.listing": ("Selection", "Word"),
    "segment": ("Segmentation",),
    "segment.dictionary": ("Dictionary",),
    "segmenting.splitting": ("Segmenting", "segment_texts", "tag_texts"),
    "stopwords": ("load_stopwords",),
    "wordcount.counting": ("Counting",),
    "wordcount.counts": ("Counted", "Counts"),
    "wordcount.job": ("Text", "WordCount", "count_words"),
    "wordcount.ranking": ("Ranking", "Row", "rank_rows"),
}


def __getattr__(name: str) -> object:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
