"""The definition of `kxcli newwords --method pmi`: slow, simple, and independent of the program."""

import math
from collections import Counter, defaultdict
from itertools import pairwise


def lexicon(documents, order, min_count, min_pmi, *, has_merged_edges=False):
    """Return (word, count, pmi or None, left entropy, right entropy, documents) by falling count.

    Rows with equal counts are in the order of code points; `min_pmi` has a threshold for each length from 2.
    """
    blocks_by_document = [blocks_of(document) for document in documents]
    blocks = [block for some in blocks_by_document for block in some]
    counts = Counter(block[i : i + n] for block in blocks for n in range(1, order + 1) for i in starts(block, n))
    total = sum(count for gram, count in counts.items() if len(gram) == 1)

    def pmi(gram):
        cuts = ((gram[:k], gram[k:]) for k in range(1, len(gram)))
        return min(math.log(total * counts[gram] / (counts[a] * counts[b])) for a, b in cuts)

    cohesion = {g: pmi(g) for g, count in counts.items() if len(g) > 1 and count >= min_count}
    good = {g for g, value in cohesion.items() if value >= min_pmi[len(g) - 2]}

    segments = Counter(segment for block in blocks for segment in cut(block, good, order))
    words = {}
    for word, count in segments.items():
        within = [word[i : i + order] for i in starts(word, order)]  # none in a word shorter than that
        if count >= min_count and (len(word) <= 2 or word in good or (len(word) > order and good.issuperset(within))):
            parts = within if len(word) > order else [word]
            words[word] = (count, None if len(word) == 1 else min(cohesion[part] for part in parts))

    before, after = neighbors(blocks, words, has_merged_edges)
    docs = {word: sum(any(word in block for block in some) for some in blocks_by_document) for word in words}
    rows = [(word, *words[word], entropy(before[word]), entropy(after[word]), docs[word]) for word in words]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def blocks_of(document):
    """Return the maximal runs of kept characters."""
    return "".join(char if char.isalnum() else "\n" for char in document).split("\n")


def starts(text, n):
    """Return where a piece of n characters may start."""
    return range(len(text) - n + 1)


def cut(block, good, order):
    """Yield the segments of a block: it is cut at each place that no good n-gram spans."""
    spanned = {
        i + k for n in range(2, order + 1) for i in starts(block, n) if block[i : i + n] in good for k in range(1, n)
    }
    borders = [place for place in range(len(block) + 1) if place not in spanned]
    for first, last in pairwise(borders):
        yield block[first:last]


def neighbors(blocks, words, has_merged_edges):
    """Return the characters before and after all occurrences of words; each edge is another one, or all are one."""
    before, after = defaultdict(Counter), defaultdict(Counter)
    lengths = {len(word) for word in words}
    for number, block in enumerate(blocks):
        edge = ("edge", 0 if has_merged_edges else number)
        for n in lengths:
            for i in starts(block, n):
                word = block[i : i + n]
                if word in words:
                    before[word][block[i - 1] if i else edge] += 1
                    after[word][block[i + n] if i + n < len(block) else edge] += 1
    return before, after


def entropy(counts):
    """Return the entropy of counts, in nats."""
    total = sum(counts.values())
    return sum(count / total * math.log(total / count) for count in counts.values())
