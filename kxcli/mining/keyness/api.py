"""Counts from Python compared."""

from collections.abc import Mapping

from kxcli.mining.arguments import check_minimum, check_type
from kxcli.mining.keyness.comparison import MAX_TOTAL, Comparison, KeynessRow, Measure, compare_blocks
from kxcli.mining.keyness.measures import Sizes
from kxcli.mining.wordcount.counts import KeyLayout
from kxcli.tally.string_runs import DOCUMENT_SHIFT


def compare_counts(
    target: Mapping[str, int],
    reference: Mapping[str, int],
    *,
    sort: Measure = "log_likelihood",
    negative: bool = False,
    top: int | None = None,
    min_count: int = 1,
    max_q: float = 1.0,
    prior: int | None = None,
) -> list[KeynessRow]:
    """Return the words that are more frequent in one corpus than in another.

    The measures are those of `kxcli keyness`. If one of the corpora is empty, there are no rows.

    Args:
        target: The counts of words in the corpus.
        reference: The counts of words in the other corpus.
        sort: The column to sort by, the strongest word first; ties by code points.
        negative: Whether to return the words that are more frequent in the reference instead.
        top: Number of words; None for all.
        min_count: Words with a smaller count in both corpora are not tested.
        max_q: The largest q-value of a returned word.
        prior: The size of the prior of the weighted log-odds in words; by default that of the smaller corpus.

    Raises:
        TypeError: A word is not a string, or a count is not an integer.
        ValueError: A count is negative, or the counts add up to more than 2**53.
    """
    comparison = Comparison(sort, negative, top, min_count, max_q, prior)
    sizes = Sizes(_check_counts("target", target), _check_counts("reference", reference))
    words = sorted(target.keys() | reference.keys())
    numbers = [int(target.get(word, 0)) | int(reference.get(word, 0)) << DOCUMENT_SHIFT for word in words]
    blocks = [(KeyLayout().keys("", 1, words), numbers)]
    return list(compare_blocks(lambda: blocks, KeyLayout(), {1: sizes}, comparison))


def _check_counts(name: str, counts: Mapping[str, int]) -> int:
    """Check counts and return their sum."""
    check_type(name, counts, Mapping, "a mapping of words to counts")
    for word, count in counts.items():
        check_type(f"a word of {name}", word, str)
        check_minimum(f"{name}[{word!r}]", count, 0)
    total = sum(counts.values())
    if total > MAX_TOTAL:
        raise ValueError(f"the counts of {name} add up to more than 2**53")
    return int(total)
