"""Shards with one fixed neighbor on a side are extended until they have none."""

from collections.abc import Mapping, Sequence

from kxcli.arrays import BoolArray
from kxcli.mining.newwords.chains import MAX_LENGTH, Link
from kxcli.mining.newwords.entries import LexiconTable, Sides

FIXED_SHARE = 0.9  # of the one character on a side of a shard
_FIXED_ENTROPY = 0.3  # of that side
_MIN_KEPT = 0.8  # share of the occurrences of a shard that are in the extended word


def is_fixed(sides: Sides) -> BoolArray:
    """Return for each word whether one character is nearly always on this side."""
    is_one: BoolArray = (sides.merged_entropy < _FIXED_ENTROPY) & (sides.top_share >= FIXED_SHARE) & (sides.top != 0)
    return is_one


def extend_words(chains: Mapping[str, Sequence[Link]], lexicon: LexiconTable) -> dict[str, str]:
    """Return the extended word of each shard.

    Args:
        chains: For each shard ever longer words, each with one more character.
        lexicon: Has all these words.
    """
    rows = {word: row for row, word in enumerate(lexicon.words)}
    left, right, occurrences = is_fixed(lexicon.left), is_fixed(lexicon.right), lexicon.occurrences
    found = {}
    for shard, chain in chains.items():
        whole, at = shard, rows[shard]
        for longer, _, added, is_right in chain:
            top = (lexicon.right if is_right else lexicon.left).top[at]
            if not (right if is_right else left)[at] or lexicon.alphabet.spell([top]) != [added]:
                break
            if occurrences[rows[longer]] < _MIN_KEPT * occurrences[rows[shard]]:
                break
            whole, at = longer, rows[longer]
        if whole != shard:
            found[shard] = whole
    return found


def is_boilerplate(word: str) -> bool:
    """Return whether an extended word is too long to be one."""
    return len(word) >= MAX_LENGTH
