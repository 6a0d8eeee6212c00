"""The local engine with workers that die, partials that are too heavy, and snapshots."""

import os
import random
import signal
import tempfile

import pytest
from engine_toys import FatSum, HeavySum, Kill, Numbers, Sum, ignore, read

from kxcli.errors import InputError, OutputError, WorkerDiedError
from kxcli.mapreduce.job import Call
from kxcli.mapreduce.local import LocalEngine


def make_deadly_tasks(folder, deaths, n=60):
    """Return tasks of the numbers 1 to n; `deaths` has how many workers a number kills."""
    tasks = [Numbers((number,)) for number in range(1, n + 1)]
    for number, times in deaths.items():
        (folder / str(number)).mkdir()
        tasks[number - 1] = Numbers((number,), Kill(str(folder / str(number)), times))
    return tasks


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield path


def reduce(tasks, folder, *, job=Sum, workers=2, on_done=ignore, **options):
    with LocalEngine(workers, (), lambda: folder, **options) as engine:
        return engine.reduce(Call(read, tasks, job(), 1, on_done))


@pytest.mark.parametrize(("deaths", "limit"), [({1: 1, 2: 1, 60: 1}, 100), ({30: 3}, 10**9)])
def test_tasks_of_dead_worker_are_repeated(tmp_path, folder, deaths, limit):
    warnings, done = [], []
    total = reduce(
        make_deadly_tasks(tmp_path, deaths),
        folder,
        job=HeavySum,
        retries=3,
        max_partial_bytes=limit,
        warn=warnings.append,
        on_done=lambda one: done.append((one.number, one.task.numbers, one.diagnostics)),
    )
    assert total == sum(range(1, 61))
    assert sorted(done) == [(number - 1, (number,), [number]) for number in range(1, 61)]
    assert len(warnings) == sum(deaths.values())
    assert all(f"numbers ({number},): " in "\n".join(warnings) and "signal 9" in warnings[0] for number in deaths)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("seed", [7, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4))])
def test_repeated_tasks_count_once(tmp_path, folder, seed):
    rng = random.Random(seed)
    tasks = make_deadly_tasks(tmp_path, {rng.randint(1, 60): rng.randint(1, 2) for _ in range(3)})
    limit = rng.choice([50, 500, 5000])
    assert reduce(tasks, folder, job=HeavySum, retries=2, max_partial_bytes=limit) == sum(range(1, 61))


def test_task_that_kills_every_worker_is_named(tmp_path, folder):
    warnings = []
    with pytest.raises(WorkerDiedError, match=r"numbers \(30,\): .* signal 9"):
        reduce(make_deadly_tasks(tmp_path, {30: 100}), folder, retries=2, warn=warnings.append)
    assert len(os.listdir(tmp_path / "30")) == 3
    assert len(warnings) == 2


def test_stream_keeps_order_if_workers_die(tmp_path, folder):
    tasks = make_deadly_tasks(tmp_path, {1: 1, 7: 2, 60: 1})
    with LocalEngine(2, (), lambda: folder, retries=2) as engine:
        assert list(engine.stream(Call(read, tasks, Sum(), 1, ignore))) == list(range(1, 61))


def test_workers_that_die_between_jobs_are_replaced(folder):
    tasks = [Numbers((n,)) for n in range(1, 30)]
    with LocalEngine(2, (), lambda: folder, retries=1) as engine:
        for _ in range(3):
            assert engine.reduce(Call(read, tasks, Sum(), 1, ignore)) == sum(range(1, 30))
            for worker in engine._pool.workers:
                os.kill(worker.process.pid, signal.SIGKILL)
                worker.process.join()


def test_heavy_partials_are_spilled_and_merged(folder, workers):
    sizes = set()
    total = reduce(
        [Numbers((n, n)) for n in range(1, 200)],
        folder,
        job=HeavySum,
        workers=workers,
        max_partial_bytes=1000,
        on_done=lambda done: sizes.add(sum(entry.stat().st_size for entry in os.scandir(folder))),
    )
    assert total == 2 * sum(range(1, 200))
    assert len(sizes) > 10
    assert os.listdir(folder) == []


def test_full_disk_is_reported_when_partials_are_spilled(small_disk, workers):
    tasks = [Numbers((n,)) for n in range(1, 100)]
    with pytest.raises(OutputError, match="No space left on device; point TMPDIR at"):
        reduce(tasks, str(small_disk), job=FatSum, workers=workers, max_partial_bytes=1)


def test_snapshots_hold_every_reported_task(folder, workers):
    n_calls, done, snapshots = 0, [], []

    def should_snapshot():
        nonlocal n_calls
        n_calls += 1
        return n_calls % 7 == 0

    tasks = [Numbers((n,)) for n in range(1, 100)]
    call = Call(read, tasks, Sum(), 1, lambda one: done.append(one.task.numbers[0]))
    with LocalEngine(workers, (), lambda: folder) as engine:
        for partial in engine.iter_snapshots(call, should_snapshot):
            snapshots.append(partial)
            assert sum(snapshots) == sum(done)
    assert sum(snapshots) == sum(range(1, 100))
    assert len(snapshots) > 5


def test_snapshots_before_a_failure_are_yielded(folder, workers):
    tasks = [Numbers((-n if n == 50 else n,)) for n in range(1, 100)]
    snapshots = []
    with LocalEngine(workers, (), lambda: folder) as engine, pytest.raises(InputError) as caught:
        snapshots.extend(engine.iter_snapshots(Call(read, tasks, Sum(), 1, ignore), lambda: True))
    assert caught.value.line == 50
    assert len(snapshots) >= 40 / workers
