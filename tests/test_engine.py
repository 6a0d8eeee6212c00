"""Toy jobs on the local engine, in this process and in workers."""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress

import numpy as np
import pytest
from conftest import members, wait_until
from engine_toys import (
    BrokenDump,
    CollectProcesses,
    FindProcess,
    Kill,
    Numbers,
    Sum,
    SumOfArrays,
    Truncate,
    ignore,
    kill_by_bus_error,
    read,
)

from kxcli.errors import InputError, WorkerDiedError
from kxcli.mapreduce.job import Call
from kxcli.mapreduce.local import LocalEngine


def start_engine(workers, folder=None, **options):
    return LocalEngine(workers, (), tempfile.gettempdir if folder is None else lambda: str(folder), **options)


@pytest.fixture(scope="module")
def engines():
    """Return engines by number of workers; a test that harms its workers starts its own."""
    with start_engine(1) as one, start_engine(2) as two:
        yield {1: one, 2: two}


@pytest.fixture
def engine(engines, workers):
    return engines[workers]


LARGE = 1 << 20  # bytes of a task that is worth a worker


def numbers(*values):
    return [Numbers((value,)) for value in values]


def test_reduce_merges_all_partials_and_numbers_tasks(engine):
    done = []
    tasks = [Numbers((n, n + 1)) for n in range(200)]
    total = engine.reduce(Call(read, tasks, Sum(), 2, done.append))
    assert total == 2 * sum(2 * n + 1 for n in range(200))
    done.sort(key=lambda one: one.number)
    assert [(one.number, one.task, one.diagnostics) for one in done] == [
        (n, task, list(task.numbers)) for n, task in enumerate(tasks)
    ]


def test_stream_keeps_order_of_tasks(engine):
    done = []
    tasks = [Numbers(tuple(range(1, n % 7 * 1000 + 2))) for n in range(100)]
    assert list(engine.stream(Call(read, tasks, Sum(), 2, done.append))) == [2 * sum(task.numbers) for task in tasks]
    assert all(tasks[one.number] == one.task for one in done)
    assert len(done) == len(tasks)


def test_no_task_gives_no_partial(engine):
    assert list(engine.stream(Call(read, [], Sum(), 2, ignore))) == []
    assert engine.reduce(Call(read, [], Sum(), 2, ignore)) is None


def test_stream_takes_only_a_few_tasks_ahead(engine, workers):
    n_taken = 0

    def tasks():
        nonlocal n_taken
        for task in numbers(*range(1, 1000)):
            n_taken += 1
            yield task

    partials = engine.stream(Call(read, tasks(), Sum(), 2, ignore))
    for n in range(1, 50):
        assert next(partials) == 2 * n
        assert n_taken <= n + 4 * workers + 1
    partials.close()


@pytest.mark.parametrize("method", ["reduce", "stream"])
def test_job_after_an_abandoned_one_gets_its_own_answers(engines, method):
    slow = [Numbers(tuple(range(1, 200_000))) for _ in range(8)]
    stream = engines[2].stream(Call(read, slow, Sum(), 1, ignore))
    next(stream)
    stream.close()
    call = Call(read, numbers(*range(1, 100)), Sum(), 2, ignore)
    total = engines[2].reduce(call) if method == "reduce" else sum(engines[2].stream(call))
    assert total == 2 * sum(range(1, 100))


def test_reduce_takes_tasks_as_needed(engine, workers):
    n_taken, n_ahead = 0, []

    def tasks():
        nonlocal n_taken
        for task in numbers(*range(1, 100)):
            n_taken += 1
            yield task

    engine.reduce(Call(read, tasks(), Sum(), 1, lambda done: n_ahead.append(n_taken - len(n_ahead))))
    assert max(n_ahead) <= workers + 2


def test_stream_yields_partials_before_a_failure(engine):
    partials = []
    with pytest.raises(InputError) as caught:
        tasks = numbers(*(-n if n in (40, 60) else n for n in range(1, 100)))
        partials.extend(engine.stream(Call(read, tasks, Sum(), 2, ignore)))
    assert caught.value.line == 40
    assert partials[:39] == [2 * n for n in range(1, 40)][: len(partials)]


@pytest.mark.parametrize("bad", [(5, 30), (30, 5), (1, 2), (98, 99)])
def test_first_failure_in_input_order_is_raised(engine, bad):
    tasks = numbers(*(-n if n in bad else n for n in range(1, 100)))
    with pytest.raises(InputError) as caught:
        engine.reduce(Call(read, tasks, Sum(), 2, ignore))
    assert caught.value.line == min(bad)


def test_failing_task_precedes_failing_task_source(engine):
    def tasks():
        yield from numbers(1, 2, -3, 4)
        raise InputError("planner", "broke")

    with pytest.raises(InputError) as caught:
        engine.reduce(Call(read, tasks(), Sum(), 2, ignore))
    assert caught.value.line == 3


def test_workers_stay_for_next_job(workers):
    pids = {}
    with start_engine(workers) as engine:
        for factor in (1, 2, 3):
            tasks = numbers(*range(1, 2 + 10 * factor))
            done = []
            partial = engine.reduce(Call(read, tasks, CollectProcesses(), factor, done.append))
            pids[factor] = partial.pids
            assert partial.total == factor * sum(task.numbers[0] for task in tasks)
            assert len(done) == len(tasks)
            assert list(engine.stream(Call(read, tasks, Sum(), 3, ignore))) == [3 * task.numbers[0] for task in tasks]
    assert pids[1] | pids[2] | pids[3] == pids[3]
    assert (os.getpid() in pids[3]) == (workers == 1)


def test_single_task_runs_in_this_process(engines):
    class Here(Sum):
        def map(self, records):
            list(records)
            return os.getpid()

    job = Here()  # a local class cannot be pickled
    assert engines[2].reduce(Call(read, numbers(1), job, 1, ignore)) == os.getpid()


@pytest.mark.parametrize(
    ("sizes", "is_idle", "n_here"),
    [
        ([LARGE], lambda: False, 1),
        ([1, 1, LARGE, 1], lambda: False, 4),
        ([1, LARGE, LARGE, 1], lambda: False, 1),
        ([LARGE, LARGE, LARGE], lambda: True, 3),
        ([LARGE], None, 1),
        ([1, 1], None, 0),
    ],
)
def test_stream_starts_workers_for_two_large_tasks(engines, sizes, is_idle, n_here):
    tasks = [Numbers((1,), size=size) for size in sizes]
    pids = list(engines[2].stream(Call(read, tasks, FindProcess(), 1, ignore, is_idle=is_idle)))
    assert [pid == os.getpid() for pid in pids] == [number < n_here for number in range(len(sizes))]


@pytest.mark.parametrize("is_idle", [None, lambda: False])
def test_stream_yields_what_precedes_an_error_of_the_tasks(engines, is_idle):
    def fail():
        yield Numbers((1,), size=LARGE)
        raise InputError("numbers", "stop", "here")

    found = engines[2].stream(Call(read, fail(), Sum(), 3, ignore, is_idle=is_idle))
    assert next(found) == 3
    with pytest.raises(InputError, match="stop"):
        next(found)


def test_worker_error_has_traceback_of_worker(engines):
    with pytest.raises(InputError) as caught:
        engines[2].reduce(Call(read, numbers(1, -2, 3), Sum(), 1, ignore))
    assert "in read" in "".join(caught.value.__notes__)


def test_failing_dump_is_raised(engines):
    with pytest.raises(InputError, match="is full"):
        engines[2].reduce(Call(read, numbers(1, 2, 3), BrokenDump(), 1, ignore))


def test_killed_worker_is_reported_with_its_task(tmp_path):
    tasks = [*numbers(1, 2, 3), Numbers((4,), Kill(str(tmp_path), 1)), *numbers(5, 6)]
    with start_engine(2) as engine, pytest.raises(WorkerDiedError, match=r"numbers \(4,\): .*signal 9"):
        engine.reduce(Call(read, tasks, Sum(), 1, ignore))


def test_worker_that_dies_of_bus_error_is_not_retried(tmp_path):
    warnings = []
    tasks = [Numbers((n,), kill_by_bus_error) for n in range(1, 5)]
    with (
        start_engine(2, tmp_path, retries=3, warn=warnings.append) as engine,
        pytest.raises(WorkerDiedError, match=r"numbers \(1,\): .* mapped into memory was truncated"),
    ):
        engine.reduce(Call(read, tasks, Sum(), 1, ignore))
    assert warnings == []


# Shared arrays


def share(size, more=5):
    return {"arrays": {"a": np.ones(size, dtype=np.int64)}, "more": more}


@pytest.mark.parametrize("method", ["reduce", "stream"])
@pytest.mark.parametrize("size", [1000, 200_000])
def test_file_of_shared_arrays_is_removed_after_job(tmp_path, method, size):
    n_files = []
    shared = share(size)
    tasks = numbers(*range(1, 30))

    def run(engine, tasks):
        partials = getattr(engine, method)(Call(read, tasks, SumOfArrays(), shared, count_files))
        return partials if method == "reduce" else sum(partials)

    def count_files(done):
        n_files.append(sum(name.endswith(".shared") for name in os.listdir(tmp_path)))

    with start_engine(2, tmp_path) as engine:
        for _ in range(2):
            assert run(engine, tasks) == (size + 5) * sum(range(1, 30))
            assert os.listdir(tmp_path) == []
        assert set(n_files) == {int(size > 1000)}
        with pytest.raises(InputError):
            run(engine, [*tasks, Numbers((-3,)), *tasks])
        assert os.listdir(tmp_path) == []
    if method == "stream":
        with start_engine(2, tmp_path) as engine:
            partials = engine.stream(Call(read, tasks, SumOfArrays(), shared, ignore))
            next(partials)
            partials.close()
            assert os.listdir(tmp_path) == []


def test_file_of_shared_arrays_is_removed_after_worker_death(tmp_path):
    (tmp_path / "marks").mkdir()
    (tmp_path / "run").mkdir()
    tasks = [*numbers(1, 2), Numbers((3,), Kill(str(tmp_path / "marks"), 1)), *numbers(4)]
    with start_engine(2, tmp_path / "run") as engine, pytest.raises(WorkerDiedError):
        engine.reduce(Call(read, tasks, SumOfArrays(), share(200_000), ignore))
    assert os.listdir(tmp_path / "run") == []


@pytest.mark.parametrize("method", ["reduce", "stream"])
def test_truncated_file_of_shared_arrays_is_named(tmp_path, method):
    warnings = []
    tasks = [Numbers((1,), Truncate(str(tmp_path))), *numbers(2, 3, 4)]
    with (
        start_engine(2, tmp_path, retries=3, warn=warnings.append) as engine,
        pytest.raises(InputError, match=rf"{tmp_path}/.*\.shared: was truncated while it was used; "),
    ):
        list(getattr(engine, method)(Call(read, tasks, SumOfArrays(), share(1_000_000), ignore)))
    assert warnings == []  # without a retry
    assert os.listdir(tmp_path) == []


ENDLESS = """
import multiprocessing, os, sys
from engine_toys import Loop, Numbers, Sum, ignore, read
from kxcli.mapreduce import pool
from kxcli.mapreduce.job import Call
from kxcli.mapreduce.local import LocalEngine

folder, method = sys.argv[1:]
pool._choose_context = lambda: multiprocessing.get_context(method)
with LocalEngine(2, ("engine_toys",), lambda: folder) as engine:
    tasks = [Numbers((n,), Loop(os.path.join(folder, f"begun-{n}"))) for n in (1, 2)]
    engine.reduce(Call(read, tasks, Sum(), 1, ignore))
"""


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_busy_worker_ends_when_its_parent_is_killed(tmp_path, method):
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
