"""`find_words`: new words of texts in memory."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from kxcli.mining.arguments import check_minimum, check_type, iter_strings
from kxcli.mining.newwords.alphabet import iter_records
from kxcli.mining.newwords.background import BackgroundCounts, count_background
from kxcli.mining.newwords.discovery import Discovery
from kxcli.mining.newwords.lexicon import find_lexicon
from kxcli.mining.newwords.listing import KEYNESS_SORTS, Selection, Word, list_words
from kxcli.mining.newwords.spelling import Reduce
from kxcli.mining.newwords.text_form import TextForm


def find_words(
    texts: Iterable[str],
    discovery: Discovery | None = None,
    selection: Selection | None = None,
    background: Iterable[str] | Mapping[str, int] | None = None,
) -> list[Word]:
    """Return the words of texts.

    Texts are read once and kept in memory, at 2 bytes a character, or 4 near characters beyond U+FFFF.

    Args:
        texts: Strings; each is a document.
        discovery: How words are found.
        selection: Which words are returned, and their order; by default all of them, the most frequent first.
        background: Texts, or counts of words, to compare the words with.

    Raises:
        TypeError: A text is not a string; names its position.
        ValueError: A count is negative, or the order needs a background.
    """
    strings = iter_strings("texts", texts)
    discovery = Discovery() if discovery is None else discovery
    selection = Selection() if selection is None else selection
    check_type("discovery", discovery, Discovery)
    check_type("selection", selection, Selection)
    if selection.sort in KEYNESS_SORTS and background is None:
        raise ValueError(f"the order by {selection.sort} needs a background")
    reduce = _make_reduce(strings, discovery.form)
    lexicon = find_lexicon(discovery, reduce)

    def count(words: Sequence[str]) -> BackgroundCounts:
        if isinstance(background, Mapping):
            return _look_up(words, background, discovery.form)
        texts = iter_strings("background", background or ())
        return count_background(words, lexicon.alphabet, _make_reduce(texts, discovery.form))

    return list_words(lexicon, selection, reduce, count_background=None if background is None else count)


def _make_reduce(texts: Iterable[str], form: TextForm) -> Reduce:
    """Return a function that runs jobs over texts in memory.

    Without texts, it returns None.
    """
    records = list(iter_records(texts, form))

    def reduce(job: Any, shared: Any, _what: str) -> Any:
        job.setup(shared)
        return job.finish(job.map(records)) if records else None

    return reduce


def _look_up(words: Sequence[str], background: Mapping[str, int], form: TextForm) -> BackgroundCounts:
    counts: Counter[str] = Counter()
    for word, count in background.items():
        check_minimum(f"background[{word!r}]", count, 0)
        counts[form.convert(word)] += count
    found = np.array([counts[word] for word in words], dtype=np.int64)
    return BackgroundCounts(found, sum(n * len(word) for word, n in counts.items()), are_occurrences=False)
