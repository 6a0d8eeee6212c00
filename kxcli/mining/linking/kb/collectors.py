"""Collectors of names, types, terms, facts and numbers of a knowledge base.

`add` takes a part of the entries, in order; `finish` returns fields of `KnowledgeBase`.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kxcli.arrays import AnyArray, Float32Array, IntArray, UInt32Array
from kxcli.arrays.key_index import KeyIndex
from kxcli.arrays.ragged import compute_starts
from kxcli.mining.linking.kb.knowledge_base import StringTable
from kxcli.mining.linking.spans.bag_matcher import BagMatcher
from kxcli.mining.linking.spans.name_matcher import NameMatcher
from kxcli.mining.text.folding import fold_names, fold_texts
from kxcli.mining.text.terms import find_terms_by_text
from kxcli.mining.text.tokens import hash_strings
from kxcli.mining.text.words import find_ordinary_words

MAX_NAME_LENGTH = 1000  # a longer name is a text, and the matcher would need a level for each character
_MAX_OBJECT_LENGTH = 40  # characters; a longer object is a description, which no entries share
_MIN_OBJECT_LENGTH = 3  # characters; a shorter object is searched in texts only if it is a name
_NUMBER = re.compile(r"[-+]?\d{1,15}(\.\d+)?")
_HALF = np.uint64(32)

# The prominence of an entry by the logarithms of its numbers of facts and of names, and if the name is its subject.
_FACTS_WEIGHT, _NAMES_WEIGHT, _SUBJECT_WEIGHT = 0.3, 0.5, 0.5

Facts = Sequence[tuple[str, str]]
Fields = dict[str, Any]


def _compute_rarity(counts: IntArray, n: int) -> Float32Array:
    """Return a weight for each count of n entries: 0 for all, 1 for one."""
    return np.asarray(np.log(n / np.maximum(counts, 1)) / np.log(max(n, 2)), dtype=np.float32)


class NameCollector:
    """Names of entries, in any order."""

    def __init__(self) -> None:
        self._raw: list[str] = []
        self._entries: list[int] = []
        self._is_subject: list[bool] = []

    def add(self, entry: int, name: str, *, is_subject: bool) -> None:
        """Add a name of an entry."""
        self._raw.append(name)
        self._entries.append(entry)
        self._is_subject.append(is_subject)

    def finish(self, n_facts: UInt32Array, skip: Callable[[str, int], None]) -> tuple[list[str], Fields]:
        """Return the folded names, and the fields.

        Args:
            n_facts: The number of facts of each entry.
            skip: Is called with a kind of skipped name or entry, and the number of the entry.
        """
        names, numbers, is_in_capitals = self._fold(skip)
        n = len(n_facts)
        keys = (numbers * n + np.array(self._entries, dtype=np.int64)) * 2
        keys += ~np.array(self._is_subject, dtype=np.bool_)
        rows = np.argsort(keys, kind="stable")[np.count_nonzero(numbers < 0) :]
        keys = keys[rows]
        firsts = np.flatnonzero(np.diff(keys >> 1, prepend=-1))  # an entry's first use of a name, the subject if it is
        keys, rows = keys[firsts], rows[firsts]
        name_numbers, entries = np.divmod(keys >> 1, max(n, 1))
        is_subject = keys & 1 == 0
        n_names = np.bincount(entries, minlength=n)
        for entry in np.flatnonzero(n_names == 0).tolist():
            skip("entries without a name, which cannot be found", entry)
        prominence = _FACTS_WEIGHT * np.log1p(n_facts.astype(np.float64)) + _NAMES_WEIGHT * np.log1p(n_names)
        order = np.lexsort((entries, -(prominence.take(entries) + _SUBJECT_WEIGHT * is_subject), name_numbers))
        spellings = hash_strings([" ".join(name.split()) for name in self._raw])
        return names, {
            "names": StringTable.from_strings(names),
            "name_matcher": NameMatcher.from_names(names),
            "bag_matcher": BagMatcher.from_names(names, find_ordinary_words(self._raw)),
            "is_in_capitals": is_in_capitals,
            "name_entries": entries.take(order).astype(np.uint32),
            "name_entry_starts": np.searchsorted(name_numbers, np.arange(len(names) + 1)),
            "is_subject": is_subject.take(order),
            "spellings": spellings.take(rows.take(order)),
            "n_names": n_names.astype(np.uint32),
        }

    def _fold(self, skip: Callable[[str, int], None]) -> tuple[list[str], IntArray, AnyArray]:
        """Return the folded names, the number of each raw name, and a mask of names.

        The number of a skipped name is -1. The mask is true for names that are always in capitals.
        """
        distinct: dict[str, int] = {}
        numbers = np.full(len(self._raw), -1)
        with_lowercase = set[int]()
        for at, name in enumerate(fold_names(self._raw)):
            if name and len(name) <= MAX_NAME_LENGTH:
                numbers[at] = distinct.setdefault(name, len(distinct))
                if not _is_in_capitals(self._raw[at]):
                    with_lowercase.add(distinct[name])
            elif name:
                skip(f"names skipped with more than {MAX_NAME_LENGTH:,} characters", self._entries[at])
            elif not self._is_subject[at]:  # an entry without a subject may have other names
                skip("empty names skipped", self._entries[at])
        is_in_capitals = np.ones(len(distinct), dtype=np.bool_)
        is_in_capitals[[*with_lowercase]] = False
        return [*distinct], numbers, is_in_capitals


def _is_in_capitals(name: str) -> bool:
    """Return whether a name has letters, and all of them are capitals."""
    return name.isupper() and (name.isascii() or all(one.isupper() for one in name if one.isalpha()))


class TypeCollector:
    """Types of entries."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._types: list[int] = []
        self._sizes: list[int] = []

    def add(self, types: Sequence[Sequence[str]]) -> None:
        """Add the types of the next entries."""
        for own in types:
            numbers = dict.fromkeys(self._numbers.setdefault(one, len(self._numbers)) for one in own if one)
            self._types += numbers
            self._sizes.append(len(numbers))

    def finish(self, n: int) -> Fields:
        """Return the fields of n entries."""
        types = np.array(self._types, dtype=np.int64)
        return {
            "types": StringTable.from_strings([*self._numbers]),
            "entry_types": types.astype(np.uint32),
            "entry_type_starts": compute_starts(self._sizes),
            "type_weights": _compute_rarity(np.bincount(types, minlength=len(self._numbers)), n),
        }


class TermCollector:
    """Terms of entries; a term counts once in an entry."""

    def __init__(self) -> None:
        self._keys = [np.empty(0, dtype=np.uint32)]
        self._sizes = [np.empty(0, dtype=np.int64)]

    def add(self, texts: Sequence[str]) -> None:
        """Add all names and objects of the next entries, a text for each entry."""
        keys = find_terms_by_text(fold_texts(texts))
        self._sizes.append(np.bincount((keys >> _HALF).astype(np.int64), minlength=len(texts)))
        self._keys.append(keys.astype(np.uint32))

    def finish(self, n: int) -> Fields:
        """Return the fields of n entries."""
        keys, sizes = np.concatenate(self._keys), np.concatenate(self._sizes)
        distinct, counts = np.unique(keys, return_counts=True)
        index = KeyIndex.from_keys(distinct)
        idf = np.concatenate(([0.0], np.log1p(n / np.maximum(counts, 1)))).astype(np.float32)
        numbers = index.find(keys)
        weights = np.bincount(np.repeat(np.arange(n), sizes), idf.take(numbers), minlength=n)
        return {
            "term_index": index,
            "idf": idf,
            "entry_terms": numbers,
            "entry_term_starts": compute_starts(sizes),
            "entry_term_weights": weights.astype(np.float32),
        }


class FactCollector:
    """Facts with short objects, except numbers, as these are equal by chance."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._facts: list[int] = []
        self._sizes: list[int] = []

    def add(self, facts: Sequence[Facts]) -> None:
        """Add the facts of the next entries."""
        short = [[fact for fact in own if len(fact[1]) <= _MAX_OBJECT_LENGTH] for own in facts]
        values = iter(fold_names([text for own in short for _, text in own]))
        for own in short:
            numbers = dict[int, None]()
            for (predicate, _), value in zip(own, values, strict=False):
                if value and not (value[-1].isdigit() and _NUMBER.fullmatch(value)):
                    numbers[self._numbers.setdefault((predicate, value), len(self._numbers))] = None
            self._facts += numbers
            self._sizes.append(len(numbers))

    def finish(self, n: int, names: Sequence[str]) -> Fields:
        """Return the fields of n entries, given the folded names of the knowledge base."""
        facts = np.array(self._facts, dtype=np.int64)
        counts = np.bincount(facts, minlength=len(self._numbers))
        is_shared = counts > 1
        is_kept = is_shared.take(facts)
        sizes = np.bincount(np.repeat(np.arange(n), self._sizes)[is_kept], minlength=n)
        renumbered = np.cumsum(is_shared) - 1
        known = frozenset(names)
        distinct: dict[str, int] = {}
        objects = list[int]()
        for (_, value), is_used in zip(self._numbers, is_shared.tolist(), strict=True):
            if is_used:
                is_searched = len(value) >= _MIN_OBJECT_LENGTH or value in known
                objects.append(distinct.setdefault(value, len(distinct)) + 1 if is_searched else 0)
        return {
            "entry_facts": renumbered.take(facts[is_kept]).astype(np.uint32),
            "entry_fact_starts": compute_starts(sizes),
            "fact_weights": _compute_rarity(counts[is_shared], n),
            "fact_objects": np.array(objects, dtype=np.uint32),
            "object_matcher": NameMatcher.from_names([*distinct]),
            "object_keys": hash_strings([*distinct]),
        }


class NumberCollector:
    """Facts with a number as object, the first of each predicate."""

    def __init__(self) -> None:
        self._predicates: dict[str, int] = {}
        self._numbers: list[tuple[int, float]] = []
        self._sizes: list[int] = []

    def add(self, facts: Sequence[Facts]) -> None:
        """Add the facts of the next entries."""
        for own in facts:
            numbers: dict[int, float] = {}
            for predicate, text in own:
                if text[-1:].isdigit() and len(text) <= _MAX_OBJECT_LENGTH and _NUMBER.fullmatch(text):
                    numbers.setdefault(self._predicates.setdefault(predicate, len(self._predicates)), float(text))
            self._numbers += numbers.items()
            self._sizes.append(len(numbers))

    def finish(self) -> Fields:
        """Return the fields; numbers are standardized by predicate."""
        predicates = np.array([predicate for predicate, _ in self._numbers], dtype=np.int64)
        values = np.array([value for _, value in self._numbers], dtype=np.float64)
        n = np.maximum(np.bincount(predicates, minlength=len(self._predicates)), 1)
        values -= (np.bincount(predicates, values, len(self._predicates)) / n).take(predicates)
        deviations = np.sqrt(np.bincount(predicates, values * values, len(self._predicates)) / n)
        values /= np.where(deviations > 0, deviations, 1.0).take(predicates)
        return {
            "entry_numbers": values.astype(np.float32),
            "entry_number_predicates": predicates.astype(np.uint32),
            "entry_number_starts": compute_starts(self._sizes),
        }
