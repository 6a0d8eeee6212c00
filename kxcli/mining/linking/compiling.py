"""Entries -> a compiled knowledge base."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kxcli.mining.linking.folding import fold, fold_names, folded
from kxcli.mining.linking.kb import KnowledgeBase, Rows, Strings, Weights, starts_of
from kxcli.mining.linking.names import Names
from kxcli.mining.linking.slots import Numbers, Slots
from kxcli.mining.linking.terms import counted

LONGEST_NAME = 1000  # characters: more is a text, and the index would have a level for each
_LONGEST_VALUE = 40  # characters of an object that entries may share; more is a description
_TOGETHER = 2000  # entries whose words are counted at a time
_PIECE = 1 << 15  # keys looked up at a time: what is computed of them stays in a core's cache
_HALF = np.uint64(32)
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")

# How much better known an entry is with more facts and more names, and by its subject rather than by another name.
_OF_FACTS, _OF_NAMES, SUBJECT = 0.3, 0.5, 0.5


class Entry(NamedTuple):
    """An entry; `facts` are predicates with their objects, a description among them."""

    id: str
    subject: str
    aliases: Sequence[str] = ()
    types: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()


@dataclass
class Trouble:
    """What was left out: how much of each kind, and the first few entries, as the numbers they came with."""

    EXAMPLES = 3

    counts: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[int]] = field(default_factory=dict)

    def add(self, what: str, place: int) -> None:
        """Count one more."""
        self.counts[what] += 1
        if len(places := self.places.setdefault(what, [])) < self.EXAMPLES:
            places.append(place)


def compiled(numbered: Iterable[tuple[int, Entry]], trouble: Trouble) -> KnowledgeBase:
    """Return a knowledge base of entries with different ids; an entry without a name is kept, and counted.

    The numbers that entries come with are for `trouble` alone.
    """
    ids, subjects, n_facts, places = list[str](), list[str](), list[int](), list[int]()
    raw, owners, is_first = list[str](), list[int](), list[bool]()
    kinds: dict[str, int] = {}
    entry_kinds, n_kinds = list[int](), list[int]()
    terms, values = _Terms(), _Values()
    iterator = iter(numbered)
    while part := list(islice(iterator, _TOGETHER)):
        for place, entry in part:
            own = [entry.subject, *(alias for alias in entry.aliases if alias != entry.subject)]
            owners += [len(ids)] * len(own)
            raw += own
            is_first += [True, *[False] * (len(own) - 1)]
            of_entry = dict.fromkeys(kinds.setdefault(kind, len(kinds)) for kind in entry.types if kind)
            entry_kinds += of_entry
            n_kinds.append(len(of_entry))
            values.add(entry.facts)
            ids.append(entry.id)
            subjects.append(entry.subject)
            n_facts.append(len(entry.facts))
            places.append(place)
        terms.add([_described(entry) for _, entry in part])
    owned = _Owned.of(raw, owners, is_first, n_facts, places, trouble)
    slots, idf, entry_terms, entry_term_starts, entry_weights = terms.finish(len(ids))
    entry_values, entry_value_starts, value_weights = values.finish()
    return KnowledgeBase(
        names=Names.compiled(owned.names),
        spelled=Strings.of(owned.names),
        has_capitals=owned.has_capitals,
        candidates=owned.candidates,
        is_subject=owned.is_subject,
        candidate_starts=owned.starts,
        ids=Strings.of(ids),
        subjects=Strings.of(subjects),
        kinds=Strings.of(list(kinds)),
        entry_kinds=np.array(entry_kinds, dtype=np.uint32),
        entry_kind_starts=starts_of(n_kinds),
        prominence=owned.prominence,
        terms=slots,
        idf=idf,
        entry_terms=entry_terms,
        entry_term_starts=entry_term_starts,
        entry_weights=entry_weights,
        entry_values=entry_values,
        entry_value_starts=entry_value_starts,
        value_weights=value_weights,
    )


def _described(entry: Entry) -> str:
    """Return what tells an entry from others that share a name."""
    names = dict.fromkeys((entry.subject, *entry.aliases))
    return "\n".join([*names, *[text for _, text in entry.facts]])


class _Owned(NamedTuple):
    """Distinct names, and the entries that have each, the most prominent first."""

    names: list[str]
    has_capitals: npt.NDArray[np.bool_]
    candidates: Numbers
    is_subject: npt.NDArray[np.bool_]
    starts: Rows
    prominence: Weights

    @classmethod
    def of(
        cls,
        raw: Sequence[str],
        owners: Sequence[int],
        is_first: Sequence[bool],
        n_facts: Sequence[int],
        places: Sequence[int],
        trouble: Trouble,
    ) -> "_Owned":
        """Return the names as they are folded, of which entries own several, in any order."""
        numbers: dict[str, int] = {}
        of_names = np.empty(len(raw), dtype=np.int64)
        capitals = list[int]()
        for at, name in enumerate(fold_names(raw)):
            if name and len(name) <= LONGEST_NAME:
                of_names[at] = numbers.setdefault(name, len(numbers))
                if raw[at].isupper():
                    capitals.append(numbers[name])
            else:
                of_names[at] = -1
                if name:
                    trouble.add(f"names left out that have more than {LONGEST_NAME:,} characters", places[owners[at]])
                elif not is_first[at]:  # an entry without a subject may have other names
                    trouble.add("empty names left out", places[owners[at]])
        n_entries = len(places)
        of_entries = np.array(owners, dtype=np.int64)
        keys = (of_names * n_entries + of_entries) * 2 + ~np.array(is_first, dtype=np.bool_)
        keys = np.sort(keys[of_names >= 0])
        firsts = np.flatnonzero(np.diff(keys >> 1, prepend=-1))  # of one name twice in an entry, the subject
        keys = keys[firsts]
        names, entries = np.divmod(keys >> 1, max(n_entries, 1))
        is_subject = keys & 1 == 0
        n_names = np.bincount(entries, minlength=n_entries)
        for number in np.flatnonzero(n_names == 0).tolist():
            trouble.add("entries without a name, which cannot be found", places[number])
        prominence = _OF_FACTS * np.log1p(np.array(n_facts, dtype=np.float64)) + _OF_NAMES * np.log1p(n_names)
        order = np.lexsort((entries, -(prominence.take(entries) + SUBJECT * is_subject), names))
        has_capitals = np.zeros(len(numbers), dtype=np.bool_)
        has_capitals[capitals] = True
        return cls(
            list(numbers),
            has_capitals,
            entries.take(order).astype(np.uint32),
            is_subject.take(order),
            np.searchsorted(names, np.arange(len(numbers) + 1)),
            prominence.astype(np.float32),
        )


class _Terms:
    """The words of entries."""

    def __init__(self) -> None:
        self._keys: list[Numbers] = []
        self._sizes: list[Rows] = []

    def add(self, texts: Sequence[str]) -> None:
        """Add the next entries."""
        keys, _ = counted(folded(texts))
        self._sizes.append(np.bincount((keys >> _HALF).astype(np.int64), minlength=len(texts)))
        self._keys.append(keys.astype(np.uint32))

    def finish(self, n: int) -> tuple[Slots, Weights, Numbers, Rows, Weights]:
        """Return the slots of terms, their idf, and the numbers, starts and sums of idf for each of n entries."""
        keys = np.concatenate([np.empty(0, dtype=np.uint32), *self._keys])
        ordered = np.sort(keys)
        firsts = np.flatnonzero(
            np.concatenate((np.ones(min(1, len(keys)), dtype=np.bool_), ordered[1:] != ordered[:-1]))
        )
        slots = Slots.of(ordered[firsts])
        frequencies = np.diff(firsts, append=len(ordered))
        idf = np.concatenate(([0.0], np.log1p(n / np.maximum(frequencies, 1)))).astype(np.float32)
        sizes = np.concatenate([np.empty(0, dtype=np.int64), *self._sizes])
        parts = [slots.find(keys[at : at + _PIECE]) for at in range(0, len(keys), _PIECE)]
        numbers = np.concatenate([np.empty(0, dtype=np.uint32), *parts])
        weights = np.bincount(np.repeat(np.arange(n), sizes), idf.take(numbers), minlength=n)
        return slots, idf, numbers, starts_of(sizes.tolist()), weights.astype(np.float32)


class _Values:
    """The facts of entries that others may have too."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._all: list[int] = []
        self._sizes: list[int] = []

    def add(self, facts: Sequence[tuple[str, str]]) -> None:
        """Add the next entry.  A number says little by being equal to another."""
        own = dict.fromkeys(
            self._numbers.setdefault((predicate, value), len(self._numbers))
            for predicate, text in facts
            if len(text) <= _LONGEST_VALUE and (value := fold(text).strip()) and not _NUMBER.fullmatch(value)
        )
        self._all += own
        self._sizes.append(len(own))

    def finish(self) -> tuple[Numbers, Rows, Weights]:
        """Return the numbers and starts for each entry, and the weights of those that several entries have."""
        n = len(self._sizes)
        everything = np.array(self._all, dtype=np.int64)
        counts = np.bincount(everything, minlength=len(self._numbers))
        is_shared = counts > 1
        kept = is_shared.take(everything)
        sizes = np.bincount(np.repeat(np.arange(n), self._sizes)[kept], minlength=n)
        renumbered = np.cumsum(is_shared) - 1
        weights = np.log(n / counts[is_shared]) / np.log(max(n, 2))
        return (
            renumbered.take(everything[kept]).astype(np.uint32),
            starts_of(sizes.tolist()),
            weights.astype(np.float32),
        )
