"""The lexicon as columns: one entry for each word."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, FloatArray, IntArray, UInt32Array
from kxcli.mining.newwords.alphabet import Alphabet
from kxcli.mining.newwords.grams import Ngrams


class Sides(NamedTuple):
    """What occurs on one side of each word, shape (n,) each.

    Attributes:
        entropy: Entropy of the adjacent characters in nats, with each edge of a block as one more distinct character.
        merged_entropy: The same with all edges as one character.
        edge_share: Share of the occurrences at an edge.
        top: Number of the most frequent adjacent character in the alphabet, 0 for an edge.
        top_share: Its share of the occurrences.
    """

    entropy: FloatArray
    merged_entropy: FloatArray
    edge_share: FloatArray
    top: UInt32Array
    top_share: FloatArray

    def append(self, other: "Sides") -> "Sides":
        """Return the values of these words, then those of others."""
        pairs: Iterable[tuple[Any, Any]] = zip(self, other, strict=True)
        return Sides(*map(np.concatenate, pairs))

    def take(self, rows: IntArray) -> "Sides":
        """Return the values of some words."""
        columns: list[AnyArray] = list(self)
        return Sides(*(column[rows] for column in columns))


@dataclass(frozen=True)
class LexiconTable:
    """The words of a corpus, by falling count and then by code points.

    Attributes:
        words: The words.
        counts: Occurrences as a word of the cut, shape (n,).
        pmi: Cohesion in nats, NaN for single characters and runs, shape (n,).
        occurrences: All occurrences within blocks, shape (n,).
        docs: Documents with an occurrence, shape (n,).
        left: What precedes each word.
        right: What follows each word.
        grams: The frequent n-grams of the corpus, and its characters.
        is_aligned: For each length from 1, whether most occurrences of each n-gram are between two cuts; only of the
            method by branching entropies.
        phrases: The words of each phrase, separated by a space.
    """

    words: list[str]
    counts: IntArray
    pmi: FloatArray
    occurrences: IntArray
    docs: IntArray
    left: Sides
    right: Sides
    grams: Ngrams
    is_aligned: tuple[BoolArray, ...] = ()
    phrases: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.words)

    @property
    def alphabet(self) -> Alphabet:
        """The characters of the corpus."""
        return self.grams.alphabet

    def append(self, other: "LexiconTable") -> "LexiconTable":
        """Return these entries, then others of the same corpus."""
        return replace(
            self,
            words=[*self.words, *other.words],
            counts=np.concatenate((self.counts, other.counts)),
            pmi=np.concatenate((self.pmi, other.pmi)),
            occurrences=np.concatenate((self.occurrences, other.occurrences)),
            docs=np.concatenate((self.docs, other.docs)),
            left=self.left.append(other.left),
            right=self.right.append(other.right),
        )

    def count_characters(self) -> int:
        """Return the number of characters in the words of the cut."""
        return int((self.counts * np.fromiter(map(len, self.words), dtype=np.int64, count=len(self))).sum())

    def sort(self) -> "LexiconTable":
        """Return the entries by falling count, then by code points."""
        counts = self.counts.tolist()
        order = sorted(range(len(self)), key=lambda row: (-counts[row], self.words[row]))
        return self.take(np.array(order, dtype=np.int64))

    def take(self, rows: IntArray) -> "LexiconTable":
        """Return some entries, in the given order."""
        return LexiconTable(
            [self.words[row] for row in rows.tolist()],
            self.counts[rows],
            self.pmi[rows],
            self.occurrences[rows],
            self.docs[rows],
            self.left.take(rows),
            self.right.take(rows),
            self.grams,
            self.is_aligned,
            self.phrases,
        )
