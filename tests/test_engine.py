"""The engine by itself: a toy job in real processes."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pytest
from conftest import members, wait_until

from kxcli.errors import InputError, WorkerDiedError
from kxcli.mapreduce.job import Call
from kxcli.mapreduce.local import LocalEngine


@dataclass(frozen=True)
class Numbers:
    """A task: some numbers; a negative one fails, zero kills the process that has it."""

    numbers: tuple[int, ...]
    size: int = 1

    def release(self):
        pass

    @property
    def name(self):
        return f"numbers {self.numbers}"


def read(task, diagnostics, spooled):
    for number in task.numbers:
        if number < 0:
            raise InputError("numbers", f"{number} is negative", line=-number)
        if number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        diagnostics.append(number)
        yield number


def read_numbers(task, diagnostics, spooled):
    yield task.numbers


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
        return int(data)


class BrokenDump(Sum):
    def dump(self, partial):
        raise InputError("disk", "is full")


@dataclass
class Places:
    """A sum, and the processes that it was added up in."""

    total: int
    pids: set[int]


class Where:
    def setup(self, shared):
        self.factor = shared

    def map(self, records):
        return Places(self.factor * sum(records), {os.getpid()})

    def merge(self, left, right):
        return Places(left.total + right.total, left.pids | right.pids)

    def dump(self, partial):
        return " ".join(map(str, (partial.total, *partial.pids))).encode()

    def load(self, data):
        total, *pids = map(int, data.split())
        return Places(total, set(pids))


def note_in(notes):
    """Return an `on_done` that appends the number of a task, its numbers and its diagnostics to `notes`, if given."""
    return lambda done: notes is not None and notes.append((done.number, done.task.numbers, done.diagnostics))


def run(tasks, workers, told=None):
    with LocalEngine(workers, (), tempfile.gettempdir) as engine:
        return engine.reduce(Call(read, tasks, Sum(), 2, note_in(told)))


def test_partials_of_all_tasks_are_merged(workers):
    told = []
    tasks = [Numbers((n, n + 1)) for n in range(1, 200)]
    assert run(tasks, workers, told) == 2 * sum(2 * n + 1 for n in range(1, 200))
    assert sorted(told) == [(n - 1, (n, n + 1), [n, n + 1]) for n in range(1, 200)]


def stream(tasks, workers, told=None):
    with LocalEngine(workers, (), tempfile.gettempdir) as engine:
        yield from engine.stream(Call(read, tasks, Sum(), 2, note_in(told)))


def test_a_stream_keeps_the_order_of_the_tasks(workers):
    told = []
    tasks = [Numbers(tuple(range(1, n % 7 * 1000 + 2))) for n in range(100)]
    assert list(stream(tasks, workers, told)) == [2 * sum(task.numbers) for task in tasks]
    assert len(told) == len(tasks)


def test_a_stream_of_nothing_is_nothing(workers):
    assert list(stream([], workers)) == []


def test_a_stream_is_not_far_ahead_of_whoever_takes_it(workers):
    taken = []

    def tasks():
        for n in range(1, 1000):
            taken.append(n)
            yield Numbers((n,))

    results = stream(tasks(), workers)
    for n in range(1, 50):
        assert next(results) == 2 * n
        assert len(taken) <= n + 4 * workers + 1
    results.close()


def test_what_comes_before_a_failure_is_streamed(workers):
    results = stream([Numbers((-n if n in (40, 60) else n,)) for n in range(1, 100)], workers)
    got = []
    with pytest.raises(InputError) as caught:
        got.extend(results)
    assert caught.value.line == 40
    assert got[:39] == [2 * n for n in range(1, 40)][: len(got)]


def test_job_after_stream_after_job(workers):
    with LocalEngine(workers, (), tempfile.gettempdir) as engine:
        tasks = [Numbers((n,)) for n in range(1, 30)]
        for _ in range(3):
            nothing = lambda done: None  # noqa: E731
            assert engine.reduce(Call(read, tasks, Sum(), 1, nothing)) == sum(range(1, 30))
            assert list(engine.stream(Call(read, tasks, Sum(), 3, nothing))) == [3 * n for n in range(1, 30)]


class SumOfArray(Sum):
    def setup(self, shared):
        self.factor = int(shared["array"].sum()) + shared["more"]


@pytest.mark.parametrize("way", ["reduce", "stream"])
@pytest.mark.parametrize("size", [1000, 200_000])
def test_the_file_of_a_shared_array_is_gone_when_its_job_is_done(tmp_path, way, size):
    shared = {"array": np.ones(size, dtype=np.int64), "more": 5}
    seen = []

    def on_done(done):
        seen.append([name for name in os.listdir(tmp_path) if name.endswith(".shared")])

    with LocalEngine(2, (), lambda: str(tmp_path)) as engine:
        tasks = [Numbers((n,)) for n in range(1, 30)]
        for _ in range(2):
            found = getattr(engine, way)(Call(read, tasks, SumOfArray(), shared, on_done))
            total = found if way == "reduce" else sum(found)
            assert total == (size + 5) * sum(range(1, 30))
            assert os.listdir(tmp_path) == []
        assert {len(names) for names in seen} == {int(size > 1000)}
        bad = [*tasks, Numbers((-3,)), *tasks]
        with pytest.raises(InputError):
            found = getattr(engine, way)(Call(read, bad, SumOfArray(), shared, on_done))
            list(found)
        assert os.listdir(tmp_path) == []
    if way == "stream":
        with LocalEngine(2, (), lambda: str(tmp_path)) as engine:
            found = engine.stream(Call(read, tasks, SumOfArray(), shared, on_done))
            next(found)
            found.close()  # whoever took it has enough
            assert os.listdir(tmp_path) == []


def test_the_file_of_a_shared_array_is_gone_when_a_worker_dies(tmp_path):
    shared = {"array": np.ones(200_000, dtype=np.int64), "more": 0}
    with LocalEngine(2, (), lambda: str(tmp_path)) as engine, pytest.raises(WorkerDiedError):
        tasks = [Numbers((n,)) for n in (1, 2, 0, 3)]
        engine.reduce(Call(read, tasks, SumOfArray(), shared, lambda done: None))
    assert os.listdir(tmp_path) == []


def test_no_task_is_no_partial(workers):
    assert run([], workers) is None


def test_a_single_task_runs_in_this_process():
    class Here(Sum):
        def map(self, records):
            list(records)
            return os.getpid()

    job = Here()  # a local class: it could not travel to a worker
    with LocalEngine(8, (), tempfile.gettempdir) as engine:
        got = engine.reduce(Call(read, [Numbers((1,))], job, 1, lambda done: None))
    assert got == os.getpid()


def test_tasks_are_taken_as_they_are_needed(workers):
    taken, done = [], []

    def tasks():
        for n in range(1, 100):
            taken.append(n)
            yield Numbers((n,))

    with LocalEngine(workers, (), tempfile.gettempdir) as engine:
        engine.reduce(Call(read, tasks(), Sum(), 1, lambda _: done.append(len(taken) - len(done))))
    assert max(done) <= workers + 2


@pytest.mark.parametrize("bad", [(5, 30), (30, 5), (1, 2), (98, 99)])
def test_the_first_failure_in_input_order_is_raised(bad, workers):
    tasks = [Numbers((-n if n in bad else n,)) for n in range(1, 100)]
    with pytest.raises(InputError) as caught:
        run(tasks, workers)
    assert caught.value.line == min(bad)


def test_an_error_of_the_tasks_themselves_comes_after_those_given_out(workers):
    def tasks():
        yield from (Numbers((n,)) for n in (1, 2, -3, 4))
        raise InputError("planner", "broke")

    with pytest.raises(InputError) as caught:
        run(tasks(), workers)
    assert caught.value.line == 3


def test_a_worker_error_brings_its_traceback_home():
    with pytest.raises(InputError) as caught:
        run([Numbers((n,)) for n in (1, -2, 3)], 2)
    assert "in read" in "".join(caught.value.__notes__)


def test_a_killed_worker_is_told_with_the_task_it_had():
    tasks = [Numbers((n,)) for n in (1, 2, 3, 0, 5, 6)]
    with pytest.raises(WorkerDiedError) as caught:
        run(tasks, 2)
    assert "numbers (0,)" in str(caught.value)
    assert "signal 9" in str(caught.value)


def test_the_same_workers_do_job_after_job(workers):
    pids = {}
    with LocalEngine(workers, (), tempfile.gettempdir) as engine:
        for factor in (1, 2, 3):
            tasks = [Numbers((n,)) for n in range(1, 2 + 10 * factor)]
            done = []
            got = engine.reduce(Call(read, tasks, Where(), factor, lambda one, done=done: done.append(one)))
            pids[factor] = got.pids
            assert got.total == factor * sum(task.numbers[0] for task in tasks)
            assert len(done) == len(tasks)
    assert pids[1] | pids[2] | pids[3] == pids[3]
    assert (os.getpid() in pids[3]) == (workers == 1)


def test_a_partial_that_cannot_be_handed_over_is_an_error_of_the_run(workers):
    if workers == 1:
        pytest.skip("one process hands nothing over")
    with pytest.raises(InputError, match="is full"), LocalEngine(workers, (), tempfile.gettempdir) as engine:
        engine.reduce(Call(read, [Numbers((n,)) for n in (1, 2, 3)], BrokenDump(), 1, lambda done: None))


class Truncate(SumOfArray):
    """Truncates the file of shared arrays in the first task, and reads them in each."""

    def setup(self, shared):
        self.array = shared["array"]

    def map(self, records):
        (numbers,) = records
        if 0 in numbers:
            for name in os.listdir(numbers[1]):
                os.truncate(os.path.join(numbers[1], name), 4096)
        return int(self.array.sum())


@pytest.mark.parametrize("way", ["reduce", "stream"])
def test_a_shared_array_whose_file_is_truncated_is_an_error_that_names_it(tmp_path, way):
    shared = {"array": np.ones(1_000_000, dtype=np.int64)}
    told = []
    with LocalEngine(2, (), lambda: str(tmp_path), retries=3, warn=told.append) as engine:
        tasks = [Numbers((0, str(tmp_path))), *(Numbers((n,)) for n in range(1, 5))]
        with pytest.raises(InputError, match=rf"{tmp_path}/.*\.shared: was truncated while it was used; "):
            found = getattr(engine, way)(Call(read_numbers, tasks, Truncate(), shared, lambda done: None))
            list(found)
    assert told == []  # it is not tried again
    assert os.listdir(tmp_path) == []


class BusError(Sum):
    def map(self, records):
        os.kill(os.getpid(), signal.SIGBUS)


def test_a_worker_that_dies_of_a_bus_error_is_not_tried_again(tmp_path):
    told = []
    with LocalEngine(2, (), lambda: str(tmp_path), retries=3, warn=told.append) as engine:
        tasks = [Numbers((n,)) for n in range(1, 5)]
        with pytest.raises(WorkerDiedError, match=r"numbers \(1,\): .* mapped into memory was truncated"):
            engine.reduce(Call(read, tasks, BusError(), 1, lambda done: None))
    assert told == []


ENDLESS = """
import sys
from test_engine import Endless, Numbers, read_numbers
import multiprocessing
from kxcli.mapreduce import pool
from kxcli.mapreduce.job import Call
from kxcli.mapreduce.local import LocalEngine

pool._choose_context = lambda: multiprocessing.get_context(sys.argv[2])
with LocalEngine(2, ("test_engine",), lambda: sys.argv[1]) as engine:
    tasks = [Numbers((sys.argv[1], n)) for n in (1, 2)]
    engine.reduce(Call(read_numbers, tasks, Endless(), 1, lambda done: None))
"""


class Endless(Sum):
    """Computes for ever, in one call that never lets another thread run."""

    def map(self, records):
        ((folder, number),) = records
        with open(os.path.join(folder, f"begun-{number}"), "w"):
            pass
        re.match(r"(a*)*b", "a" * 40)


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_a_worker_at_work_ends_when_its_parent_is_killed(tmp_path, method):
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(tmp_path), method],
        env={**os.environ, "PYTHONPATH": os.path.dirname(__file__), "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        wait_until(lambda: (tmp_path / "begun-1").exists() and (tmp_path / "begun-2").exists())
        process.kill()
        _, err = process.communicate()
        wait_until(lambda: members(process.pid) == [])
        assert err == b""
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
