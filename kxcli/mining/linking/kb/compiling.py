"""Entries -> a compiled knowledge base."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, Float32Array, IntArray, UInt8Array, UInt32Array, UInt64Array
from kxcli.arrays.key_index import KeyIndex
from kxcli.arrays.ragged import starts_of
from kxcli.mining.arguments import check_list, check_strings, check_type, describe
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase, StringTable
from kxcli.mining.linking.spans.bag_matcher import BagMatcher, ordinary_words
from kxcli.mining.linking.spans.name_matcher import NameMatcher
from kxcli.mining.text.folding import fold_names, fold_texts
from kxcli.mining.text.terms import count_terms
from kxcli.mining.text.tokens import hash_strings
from kxcli.wording import MAX_EXAMPLES

REPEATED_IDS = "entries with the id of an earlier one (names added to it, types and data ignored)"
MAX_NAME_LENGTH = 1000  # characters: more is a text, and the index would have a level for each
_LONGEST_VALUE = 40  # characters of an object that entries may share; more is a description
_TOGETHER = 2000  # entries whose words are counted at a time
_PIECE = 1 << 15  # keys looked up at a time: what is computed of them stays in a core's cache
_HALF = np.uint64(32)
_NUMBER = re.compile(r"[-+]?\d{1,15}(\.\d+)?")
_SAID = 3  # characters of an object from which on it counts where it stands in a text, if it is no name

# How much better known an entry is with more facts and more names, and by its subject rather than by another name.
_OF_FACTS, _OF_NAMES, _SUBJECT = 0.3, 0.5, 0.5


class _EntryFields(NamedTuple):
    id: str
    subject: str
    aliases: Sequence[str]
    types: Sequence[str]
    facts: Sequence[tuple[str, str]]


class Entry(_EntryFields):
    """An entry; `facts` are predicates with their objects, a description among them.

    Raises `TypeError` for a string, or what else is no list, where a list belongs.
    """

    __slots__ = ()

    def __new__(
        cls,
        id: str,  # noqa: A002 -- the name of the field
        subject: str,
        aliases: Sequence[str] = (),
        types: Sequence[str] = (),
        facts: Sequence[tuple[str, str]] = (),
    ) -> "Entry":
        """Return an entry."""
        check_list("aliases", aliases, "strings")
        check_list("types", types, "strings")
        check_list("facts", facts, "pairs of a predicate and an object")
        return super().__new__(cls, id, subject, aliases, types, facts)

    def check(self, argument: str) -> None:
        """Raise `TypeError` or `ValueError` with the name of the wrong field."""
        check_type(f"{argument}.id", self.id, str)
        if not self.id:
            raise ValueError(f"{argument}.id is empty")
        check_type(f"{argument}.subject", self.subject, str)
        check_strings(f"{argument}.aliases", self.aliases)
        check_strings(f"{argument}.types", self.types)
        for number, fact in enumerate(self.facts):
            is_pair = isinstance(fact, (tuple, list)) and len(fact) == 2 and all(isinstance(part, str) for part in fact)
            if not is_pair:
                what = "a pair of a predicate and an object"
                raise TypeError(f"{argument}.facts[{number}] must be {what}, not {describe(fact)}")


@dataclass
class SkippedEntries:
    """What was left out: how much of each kind, and the first few entries, as the numbers they came with."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[int]] = field(default_factory=dict)

    def add(self, what: str, place: int) -> None:
        """Count one more."""
        self.counts[what] += 1
        if len(places := self.examples.setdefault(what, [])) < MAX_EXAMPLES:
            places.append(place)


def compile_entries(numbered: Iterable[tuple[int, Entry]], skipped: SkippedEntries) -> KnowledgeBase:
    """Return a knowledge base of entries; one without a name is kept, and counted.

    An entry with the id of an earlier one adds its names to it.  The numbers that entries come with are for `skipped`
    alone.
    """
    ids, subjects, n_facts, places = list[str](), list[str](), list[int](), list[int]()
    raw, owners, is_first = list[str](), list[int](), list[bool]()
    kinds: dict[str, int] = {}
    entry_kinds, n_kinds = list[int](), list[int]()
    terms, values, numbers = _TermCollector(), _FactCollector(), _NumberCollector()
    iterator = iter(numbered)
    numbers_by_id: dict[str, int] = {}
    while part := list(islice(iterator, _TOGETHER)):
        new = list[Entry]()
        for place, entry in part:
            subject = entry.subject
            number = numbers_by_id.setdefault(entry.id, len(ids))
            if number < len(ids):
                skipped.add(REPEATED_IDS, place)
                more = [name for name in (subject, *entry.aliases) if name]
                raw += more
                owners += [number] * len(more)
                is_first += [False] * len(more)
                continue
            new.append(entry)
            raw.append(subject)
            owners.append(len(ids))
            is_first.append(True)
            for alias in entry.aliases:
                if alias != subject:
                    raw.append(alias)
                    owners.append(len(ids))
                    is_first.append(False)
            of_entry = dict.fromkeys(kinds.setdefault(kind, len(kinds)) for kind in entry.types if kind)
            entry_kinds += of_entry
            n_kinds.append(len(of_entry))
            ids.append(entry.id)
            subjects.append(subject)
            n_facts.append(len(entry.facts))
            places.append(place)
        if new:
            facts = [entry.facts for entry in new]
            values.add(facts)
            numbers.add(facts)
            terms.add([_description(entry) for entry in new])
    owned = _EntryNames.collect(raw, owners, is_first, n_facts, places, skipped)
    slots, idf, entry_terms, entry_term_starts, entry_weights = terms.finish(len(ids))
    shared = values.finish(owned.names)
    entry_numbers, entry_number_kinds, entry_number_starts = numbers.finish()
    kind_counts = np.bincount(np.array(entry_kinds, dtype=np.int64), minlength=len(kinds))
    base = KnowledgeBase(
        name_matcher=NameMatcher.from_names(owned.names),
        names=StringTable.from_strings(owned.names),
        bag_matcher=BagMatcher.from_names(owned.names, ordinary_words(raw)),
        is_in_capitals=owned.is_in_capitals,
        name_entries=owned.candidates,
        is_subject=owned.is_subject,
        name_entry_starts=owned.starts,
        spellings=owned.forms,
        ids=StringTable.from_strings(ids),
        subjects=StringTable.from_strings(subjects),
        types=StringTable.from_strings(list(kinds)),
        entry_types=np.array(entry_kinds, dtype=np.uint32),
        entry_type_starts=starts_of(n_kinds),
        type_weights=_rarity(kind_counts, len(ids)),
        n_facts=np.array(n_facts, dtype=np.uint32),
        n_names=owned.n_names,
        term_index=slots,
        idf=idf,
        entry_terms=entry_terms,
        entry_term_starts=entry_term_starts,
        entry_term_weights=entry_weights,
        entry_facts=shared.entries,
        entry_fact_starts=shared.starts,
        fact_weights=shared.weights,
        fact_objects=shared.objects,
        object_matcher=NameMatcher.from_names(shared.spelled),
        object_keys=hash_strings(shared.spelled),
        entry_numbers=entry_numbers,
        entry_number_predicates=entry_number_kinds,
        entry_number_starts=entry_number_starts,
        digest=np.zeros(32, dtype=np.uint8),
    )
    return replace(base, digest=_digest(base.arrays()))


def _rarity(counts: IntArray, n: int) -> Float32Array:
    """Return a weight for what so many of n entries have: 0 for all, 1 for one."""
    return np.asarray(np.log(n / np.maximum(counts, 1)) / np.log(max(n, 2)), dtype=np.float32)


def _digest(arrays: Mapping[str, AnyArray]) -> UInt8Array:
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {len(array)} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return np.frombuffer(digest.digest(), dtype=np.uint8)


def _is_in_capitals(name: str) -> bool:
    """Return whether a name has letters, and all of them are capitals."""
    return name.isupper() and (name.isascii() or all(one.isupper() for one in name if one.isalpha()))


def _description(entry: Entry) -> str:
    """Return what tells an entry from others that share a name; what stands there twice counts once."""
    return "\n".join([entry.subject, *entry.aliases, *[text for _, text in entry.facts]])


class _EntryNames(NamedTuple):
    """Distinct names, and the entries that have each, the most prominent first."""

    names: list[str]
    is_in_capitals: BoolArray
    candidates: UInt32Array
    is_subject: BoolArray
    starts: IntArray
    forms: UInt64Array
    n_names: UInt32Array

    @classmethod
    def collect(
        cls,
        raw: Sequence[str],
        owners: Sequence[int],
        is_first: Sequence[bool],
        n_facts: Sequence[int],
        places: Sequence[int],
        skipped: SkippedEntries,
    ) -> "_EntryNames":
        """Return the names as they are folded, of which entries own several, in any order."""
        numbers: dict[str, int] = {}
        of_names = np.empty(len(raw), dtype=np.int64)
        has_small = set[int]()
        for at, name in enumerate(fold_names(raw)):
            if name and len(name) <= MAX_NAME_LENGTH:
                of_names[at] = numbers.setdefault(name, len(numbers))
                if not _is_in_capitals(raw[at]):
                    has_small.add(numbers[name])
            else:
                of_names[at] = -1
                if name:
                    skipped.add(
                        f"names left out that have more than {MAX_NAME_LENGTH:,} characters", places[owners[at]]
                    )
                elif not is_first[at]:  # an entry without a subject may have other names
                    skipped.add("empty names left out", places[owners[at]])
        n_entries = len(places)
        of_entries = np.array(owners, dtype=np.int64)
        keys = (of_names * n_entries + of_entries) * 2 + ~np.array(is_first, dtype=np.bool_)
        written = np.argsort(keys, kind="stable")[np.count_nonzero(of_names < 0) :]
        keys = keys[written]
        firsts = np.flatnonzero(np.diff(keys >> 1, prepend=-1))  # of one name twice in an entry, the subject
        keys, written = keys[firsts], written[firsts]
        names, entries = np.divmod(keys >> 1, max(n_entries, 1))
        is_subject = keys & 1 == 0
        n_names = np.bincount(entries, minlength=n_entries)
        for number in np.flatnonzero(n_names == 0).tolist():
            skipped.add("entries without a name, which cannot be found", places[number])
        prominence = _OF_FACTS * np.log1p(np.array(n_facts, dtype=np.float64)) + _OF_NAMES * np.log1p(n_names)
        order = np.lexsort((entries, -(prominence.take(entries) + _SUBJECT * is_subject), names))
        forms = hash_strings([" ".join(name.split()) for name in raw])
        is_in_capitals = np.ones(len(numbers), dtype=np.bool_)
        is_in_capitals[[*has_small]] = False
        return cls(
            list(numbers),
            is_in_capitals,
            entries.take(order).astype(np.uint32),
            is_subject.take(order),
            np.searchsorted(names, np.arange(len(numbers) + 1)),
            forms.take(written.take(order)),
            n_names.astype(np.uint32),
        )


class _TermCollector:
    """The words of entries."""

    def __init__(self) -> None:
        self._keys: list[UInt32Array] = []
        self._sizes: list[IntArray] = []

    def add(self, texts: Sequence[str]) -> None:
        """Add the next entries."""
        keys, _ = count_terms(fold_texts(texts))
        self._sizes.append(np.bincount((keys >> _HALF).astype(np.int64), minlength=len(texts)))
        self._keys.append(keys.astype(np.uint32))

    def finish(self, n: int) -> tuple[KeyIndex, Float32Array, UInt32Array, IntArray, Float32Array]:
        """Return the slots of terms, their idf, and the numbers, starts and sums of idf for each of n entries."""
        keys = np.concatenate([np.empty(0, dtype=np.uint32), *self._keys])
        ordered = np.sort(keys)
        firsts = np.flatnonzero(
            np.concatenate((np.ones(min(1, len(keys)), dtype=np.bool_), ordered[1:] != ordered[:-1]))
        )
        slots = KeyIndex.from_keys(ordered[firsts])
        frequencies = np.diff(firsts, append=len(ordered))
        idf = np.concatenate(([0.0], np.log1p(n / np.maximum(frequencies, 1)))).astype(np.float32)
        sizes = np.concatenate([np.empty(0, dtype=np.int64), *self._sizes])
        parts = [slots.find(keys[at : at + _PIECE]) for at in range(0, len(keys), _PIECE)]
        numbers = np.concatenate([np.empty(0, dtype=np.uint32), *parts])
        weights = np.bincount(np.repeat(np.arange(n), sizes), idf.take(numbers), minlength=n)
        return slots, idf, numbers, starts_of(sizes), weights.astype(np.float32)


class _SharedFacts(NamedTuple):
    """Facts that several entries have: those of each entry, their weights, and their objects."""

    entries: UInt32Array
    starts: IntArray
    weights: Float32Array
    objects: UInt32Array  # by fact
    spelled: list[str]


class _FactCollector:
    """The facts of entries that others may have too."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._all: list[int] = []
        self._sizes: list[int] = []

    def add(self, facts: Sequence[Sequence[tuple[str, str]]]) -> None:
        """Add the next entries.  A number says little by being equal to another."""
        short = [[fact for fact in own if len(fact[1]) <= _LONGEST_VALUE] for own in facts]
        folded_ones = iter(fold_names([text for own in short for _, text in own]))
        for own in short:
            numbers = dict[int, None]()
            for (predicate, _), value in zip(own, folded_ones, strict=False):
                if value and not (value[-1].isdigit() and _NUMBER.fullmatch(value)):
                    numbers[self._numbers.setdefault((predicate, value), len(self._numbers))] = None
            self._all += numbers
            self._sizes.append(len(numbers))

    def finish(self, names: Sequence[str]) -> _SharedFacts:
        """Return what is shared; an object of few characters counts only if it is one of the names."""
        n = len(self._sizes)
        everything = np.array(self._all, dtype=np.int64)
        counts = np.bincount(everything, minlength=len(self._numbers))
        is_shared = counts > 1
        kept = is_shared.take(everything)
        sizes = np.bincount(np.repeat(np.arange(n), self._sizes)[kept], minlength=n)
        renumbered = np.cumsum(is_shared) - 1
        known = frozenset(names)
        spelled: dict[str, int] = {}
        objects = list[int]()
        for (_, value), is_kept in zip(self._numbers, is_shared.tolist(), strict=True):
            if is_kept:
                is_said = len(value) >= _SAID or value in known
                objects.append(spelled.setdefault(value, len(spelled)) + 1 if is_said else 0)
        return _SharedFacts(
            renumbered.take(everything[kept]).astype(np.uint32),
            starts_of(sizes),
            _rarity(counts[is_shared], n),
            np.array(objects, dtype=np.uint32),
            list(spelled),
        )


class _NumberCollector:
    """The facts of entries whose objects are numbers: the first of each predicate."""

    def __init__(self) -> None:
        self._kinds: dict[str, int] = {}
        self._all: list[tuple[int, float]] = []
        self._sizes: list[int] = []

    def add(self, facts: Sequence[Sequence[tuple[str, str]]]) -> None:
        """Add the next entries."""
        for entry in facts:
            own: dict[int, float] = {}
            for predicate, text in entry:
                if text[-1:].isdigit() and len(text) <= _LONGEST_VALUE and _NUMBER.fullmatch(text):
                    own.setdefault(self._kinds.setdefault(predicate, len(self._kinds)), float(text))
            self._all += own.items()
            self._sizes.append(len(own))

    def finish(self) -> tuple[Float32Array, UInt32Array, IntArray]:
        """Return the numbers in standard deviations, those of predicates that never vary as 0, and their predicates."""
        kinds = np.array([kind for kind, _ in self._all], dtype=np.int64)
        values = np.array([value for _, value in self._all], dtype=np.float64)
        n = np.maximum(np.bincount(kinds, minlength=len(self._kinds)), 1)
        values -= (np.bincount(kinds, values, len(self._kinds)) / n).take(kinds)
        deviations = np.sqrt(np.bincount(kinds, values * values, len(self._kinds)) / n)
        values /= np.where(deviations > 0, deviations, 1.0).take(kinds)
        return values.astype(np.float32), kinds.astype(np.uint32), starts_of(self._sizes)
