"""Toy tasks and jobs for the tests of engines; workers import this module without the libraries of the tests."""

import os
import re
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kxcli.errors import InputError


@dataclass(frozen=True)
class Numbers:
    """A task with some numbers; a negative one is an error.

    Attributes:
        numbers: what is read.
        action: called when the reading begins.
        payload: bytes to send along.
        size: the share of the work.
        identity: for checkpoints.
    """

    numbers: tuple[int, ...]
    action: object = None
    payload: bytes = b""
    size: int = 1
    identity: object = None

    @property
    def name(self):
        return f"numbers {self.numbers}"

    def release(self):
        pass


@dataclass(frozen=True)
class Kill:
    """Kills the process that reads a task, the first `times` times; each time leaves a file in the folder."""

    folder: str
    times: int

    def __call__(self):
        for number in range(self.times):
            with suppress(FileExistsError):
                Path(self.folder, f"killed-{number}").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Wait:
    """Makes a file, and waits for another one."""

    begun: str
    end: str

    def __call__(self):
        Path(self.begun).touch()
        while not Path(self.end).exists():
            time.sleep(0.01)


@dataclass(frozen=True)
class Mark:
    """Writes the id of the process to a file."""

    folder: str
    name: str

    def __call__(self):
        Path(self.folder, self.name).write_text(str(os.getpid()))


@dataclass(frozen=True)
class Truncate:
    """Truncates all files of a folder."""

    folder: str

    def __call__(self):
        for name in os.listdir(self.folder):
            os.truncate(os.path.join(self.folder, name), 4096)


@dataclass(frozen=True)
class Loop:
    """Makes a file, and computes forever in one call that never lets another thread run."""

    path: str

    def __call__(self):
        Path(self.path).touch()
        re.match(r"(a*)*b", "a" * 40)


def kill_by_bus_error():
    os.kill(os.getpid(), signal.SIGBUS)


def read(task, diagnostics, spooled):
    """Yield the numbers of a task; each is a diagnostic, too."""
    if task.action is not None:
        task.action()
    for number in task.numbers:
        if number < 0:
            raise InputError("numbers", f"{number} is negative", line=-number)
        diagnostics.append(number)
        yield number


class Sum:
    """The sum of all numbers, times a factor."""

    def setup(self, shared):
        self.factor = shared

    def map(self, records):
        return self.factor * sum(records)

    def merge(self, left, right):
        return left + right

    def finish(self, partial):
        return partial

    def dump(self, partial):
        return str(partial).encode()

    def load(self, data):
        return int(bytes(data))


class FindProcess(Sum):
    """The process of each task."""

    def map(self, records):
        list(records)
        return os.getpid()

    def dump(self, partial):
        return str(partial).encode()

    def load(self, data):
        return int(bytes(data))


class SumTwice(Sum):
    def map(self, records):
        return 2 * super().map(records)


class HeavySum(Sum):
    """A sum that weighs as much as it is large."""

    def weight(self, partial):
        return partial


class FoldingSum(Sum):
    """A sum that is changed in place, number by number; it weighs as much as it is large."""

    def map(self, records):
        return self.fold(None, records)

    def fold(self, partial, records):
        partial = [0] if partial is None else partial
        for number in records:
            partial[0] += self.factor * number
        return partial

    def merge(self, left, right):
        return [left[0] + right[0]]

    def dump(self, partial):
        return super().dump(partial[0])

    def load(self, data):
        return [super().load(data)]

    def weight(self, partial):
        return partial[0]


class FatSum(HeavySum):
    """A sum of 100 KB."""

    def dump(self, partial):
        return b" " * 100_000 + super().dump(partial)


class SumOfArrays(Sum):
    """The sum of all numbers, times the sum of the shared arrays."""

    def setup(self, shared):
        self.arrays, self.more = shared["arrays"], shared["more"]

    def map(self, records):
        numbers = list(records)  # the first reading may truncate the file of the arrays
        return sum(numbers) * (int(sum(array.sum() for array in self.arrays.values())) + self.more)


class BrokenMerge(Sum):
    def merge(self, left, right):
        raise InputError("disk", "is full")


class BrokenDump(Sum):
    def dump(self, partial):
        raise InputError("disk", "is full")


class SumOfThread(Sum):
    """A sum that only one thread may use."""

    def setup(self, shared):
        self.factor, self.thread = 1, threading.get_ident()

    def map(self, records):
        assert self.thread == threading.get_ident()
        return sum(records)


@dataclass
class SumByProcess:
    """A sum, and the processes that computed it."""

    total: int
    pids: set[int]


class CollectProcesses(Sum):
    def map(self, records):
        return SumByProcess(super().map(records), {os.getpid()})

    def merge(self, left, right):
        return SumByProcess(left.total + right.total, left.pids | right.pids)

    def dump(self, partial):
        return " ".join(map(str, (partial.total, *partial.pids))).encode()

    def load(self, data):
        total, *pids = map(int, bytes(data).split())
        return SumByProcess(total, set(pids))


@dataclass
class Tally:
    """Counts by number, and the largest number of them that was ever in one partial."""

    counts: dict[int, int]
    largest: int


class Count:
    """Counts numbers; its partials can be split."""

    def setup(self, shared):
        pass

    def map(self, records):
        counts = {}
        for number in records:
            counts[number] = counts.get(number, 0) + 1
        return Tally(counts, 0)

    def merge(self, left, right):
        for number, count in right.counts.items():
            left.counts[number] = left.counts.get(number, 0) + count
        return Tally(left.counts, max(left.largest, right.largest, len(left.counts)))

    def split(self, partial, n):
        return [
            Tally({number: count for number, count in partial.counts.items() if number % n == part}, 0)
            for part in range(n)
        ]

    def dump(self, partial):
        return repr((partial.largest, sorted(partial.counts.items()))).encode()

    def load(self, data):
        largest, items = eval(bytes(data))
        return Tally(dict(items), largest)


@dataclass(frozen=True)
class Write:
    """Writes a part to a folder; returns its size, its largest partial, and the process."""

    folder: str

    def __call__(self, number, partial):
        Path(self.folder, f"part-{number}").write_text(repr(sorted(partial.counts.items())))
        return len(partial.counts), partial.largest, os.getpid()


@dataclass(frozen=True)
class FailToWrite:
    def __call__(self, number, partial):
        raise InputError(f"part-{number}", "cannot be written")


def ignore(done):
    """Do nothing with a finished task."""
