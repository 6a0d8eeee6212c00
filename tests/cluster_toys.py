"""Toy tasks and jobs for a cluster: in a module of their own, which workers import without a test's libraries."""

import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kxcli.errors import InputError


@dataclass(frozen=True)
class Numbers:
    """A task: some numbers, of which a negative one fails; `trouble` comes up while they are read."""

    numbers: tuple[int, ...]
    trouble: object = None
    load: bytes = b""
    size: int = 1

    @property
    def name(self):
        return f"numbers {self.numbers}"

    identity = None

    def release(self):
        pass


@dataclass(frozen=True)
class Kill:
    """Ends the process, as often as `times` says: each time leaves a mark in the folder."""

    folder: str
    times: int

    def __call__(self):
        for number in range(self.times):
            with suppress(FileExistsError):
                Path(self.folder, f"killed-{number}").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Wait:
    """Leaves a mark, and waits until another is there."""

    begun: str
    end: str

    def __call__(self):
        Path(self.begun).touch()
        while not Path(self.end).exists():
            time.sleep(0.01)


@dataclass(frozen=True)
class Mark:
    """Leaves a mark with the id of the process."""

    folder: str
    name: str

    def __call__(self):
        Path(self.folder, self.name).write_text(str(os.getpid()))


def read(task, diagnostics, spooled):
    if task.trouble is not None:
        task.trouble()
    for number in task.numbers:
        if number < 0:
            raise InputError("numbers", f"{number} is negative", line=-number)
        diagnostics.append(number)
        yield number


class Sum:
    def setup(self, shared):
        self.factor = shared

    def map(self, records):
        return self.factor * sum(records)

    def merge(self, left, right):
        return left + right

    def dump(self, partial):
        return str(partial).encode()

    def load(self, data):
        return int(bytes(data))


class SumOfArrays(Sum):
    def setup(self, shared):
        self.factor = int(sum(array.sum() for array in shared["arrays"].values())) + shared["more"]


class BrokenMerge(Sum):
    def merge(self, left, right):
        raise InputError("disk", "is full")


class Alone(Sum):
    """A sum by an object that no two threads may use at a time."""

    def setup(self, shared):
        self.factor, self.thread = 1, threading.get_ident()

    def map(self, records):
        assert self.thread == threading.get_ident()
        return sum(records)


@dataclass
class Seen:
    """Counts by number, and the most of them that were ever together on the way here."""

    counts: dict[int, int]
    most: int


class Count:
    """Counts numbers; can be split."""

    def setup(self, shared):
        pass

    def map(self, records):
        counts = {}
        for number in records:
            counts[number] = counts.get(number, 0) + 1
        return Seen(counts, 0)

    def merge(self, left, right):
        for number, count in right.counts.items():
            left.counts[number] = left.counts.get(number, 0) + count
        return Seen(left.counts, max(left.most, right.most, len(left.counts)))

    def split(self, partial, n):
        return [
            Seen({number: count for number, count in partial.counts.items() if number % n == part}, 0)
            for part in range(n)
        ]

    def dump(self, partial):
        return repr((partial.most, sorted(partial.counts.items()))).encode()

    def load(self, data):
        most, items = eval(bytes(data))
        return Seen(dict(items), most)


@dataclass(frozen=True)
class Write:
    """Writes a part to a folder; returns how many numbers are in it, how many ever were, and who wrote it."""

    folder: str

    def __call__(self, number, partial):
        Path(self.folder, f"part-{number}").write_text(repr(sorted(partial.counts.items())))
        return len(partial.counts), partial.most, os.getpid()


@dataclass(frozen=True)
class NoWrite:
    def __call__(self, number, partial):
        raise InputError(f"part-{number}", "cannot be written")
