"""Compile entries to a knowledge base."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from kxcli.arrays import AnyArray, UInt8Array
from kxcli.mining.linking.kb.collectors import (
    FactCollector,
    NameCollector,
    NumberCollector,
    TermCollector,
    TypeCollector,
)
from kxcli.mining.linking.kb.entries import Entry, SkippedEntries
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase, StringTable

REPEATED_IDS = "entries with the id of an earlier entry (names added, types and facts ignored)"
_BATCH = 2000  # entries whose words are counted at a time


def compile_entries(numbered: Iterable[tuple[int, Entry]], skipped: SkippedEntries) -> KnowledgeBase:
    """Return a knowledge base of entries, each with a number for `skipped`.

    An entry with the id of an earlier entry adds only its names. An entry without a name is kept and counted in
    `skipped`.
    """
    compiler = _Compiler(skipped)
    iterator = iter(numbered)
    while batch := list(islice(iterator, _BATCH)):
        compiler.add(batch)
    return compiler.finish()


class _Compiler:
    """Collects entries in batches."""

    def __init__(self, skipped: SkippedEntries) -> None:
        self._skipped = skipped
        self._rows: dict[str, int] = {}  # by id
        self._numbers: list[int] = []
        self._subjects: list[str] = []
        self._n_facts: list[int] = []
        self._names, self._types = NameCollector(), TypeCollector()
        self._terms, self._facts, self._entry_numbers = TermCollector(), FactCollector(), NumberCollector()

    def add(self, batch: Sequence[tuple[int, Entry]]) -> None:
        """Add the next entries, with their numbers."""
        new = list[Entry]()
        for number, entry in batch:
            row = self._rows.setdefault(entry.id, len(self._rows))
            if row < len(self._numbers):
                self._skipped.add(REPEATED_IDS, number)
                for name in filter(None, (entry.subject, *entry.aliases)):
                    self._names.add(row, name, is_subject=False)
                continue
            new.append(entry)
            self._numbers.append(number)
            self._subjects.append(entry.subject)
            self._n_facts.append(len(entry.facts))
            self._names.add(row, entry.subject, is_subject=True)
            for alias in entry.aliases:
                if alias != entry.subject:
                    self._names.add(row, alias, is_subject=False)
        facts = [entry.facts for entry in new]
        self._types.add([entry.types for entry in new])
        self._facts.add(facts)
        self._entry_numbers.add(facts)
        self._terms.add(["\n".join([one.subject, *one.aliases, *[text for _, text in one.facts]]) for one in new])

    def finish(self) -> KnowledgeBase:
        """Return the knowledge base."""
        n = len(self._numbers)
        n_facts = np.array(self._n_facts, dtype=np.uint32)
        names, fields = self._names.finish(n_facts, lambda kind, row: self._skipped.add(kind, self._numbers[row]))
        base = KnowledgeBase(
            ids=StringTable.from_strings([*self._rows]),
            subjects=StringTable.from_strings(self._subjects),
            n_facts=n_facts,
            digest=np.zeros(32, dtype=np.uint8),
            **fields,
            **self._types.finish(n),
            **self._terms.finish(n),
            **self._facts.finish(n, names),
            **self._entry_numbers.finish(),
        )
        return replace(base, digest=_digest(base.arrays()))


def _digest(arrays: Mapping[str, AnyArray]) -> UInt8Array:
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {len(array)} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return np.frombuffer(digest.digest(), dtype=np.uint8)
