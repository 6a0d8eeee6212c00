"""The engine where workers die, where partials grow too heavy, and where it is asked for what it has so far."""

import os
import random
import signal
import tempfile
from dataclasses import dataclass

import pytest
from test_engine import Numbers, Sum, read

from kxcli.errors import InputError, OutputError, WorkerDiedError
from kxcli.mapreduce.job import Call
from kxcli.mapreduce.local import LocalEngine


@dataclass(frozen=True)
class Deadly:
    """A task that kills the process that has it, as often as its file has letters."""

    number: int
    marks: str
    size: int = 1

    def release(self):
        pass

    @property
    def name(self):
        return f"number {self.number}"


def read_deadly(task, diagnostics, spooled):
    diagnostics.append(task.number)
    try:
        left = os.path.getsize(task.marks)
    except OSError:
        left = 0
    if left:
        os.truncate(task.marks, left - 1)
        os.kill(os.getpid(), signal.SIGKILL)
    yield task.number


class HeavySum(Sum):
    """A sum that is too heavy from 100 on."""

    def weight(self, partial):
        return partial

    def load(self, data):
        return int(bytes(data))


def deadly(folder, deaths, n=60):
    """Return tasks 1 to n, those in `deaths` with the number of workers that they kill."""
    for number, times in deaths.items():
        (folder / str(number)).write_text("x" * times)
    return [Deadly(number, str(folder / str(number))) for number in range(1, n + 1)]


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield path


def reduced(tasks, folder, *, job=Sum, reader=read_deadly, workers=2, on_done=lambda done: None, **options):
    with LocalEngine(workers, (), lambda: folder, **options) as engine:
        return engine.reduce(Call(reader, tasks, job(), 1, on_done))


@pytest.mark.parametrize(("deaths", "room"), [({1: 1, 2: 1, 60: 1}, 100), ({30: 3}, 10**9)])
def test_what_a_dead_worker_had_goes_to_another(tmp_path, folder, deaths, room):
    told, done = [], []
    total = reduced(
        deadly(tmp_path, deaths),
        folder,
        job=HeavySum,
        retries=3,
        max_partial_bytes=room,
        warn=told.append,
        on_done=lambda one: done.append((one.task.number, one.diagnostics)),
    )
    assert total == sum(range(1, 61))
    assert sorted(done) == [(number, [number]) for number in range(1, 61)]
    assert len(told) == sum(deaths.values())
    assert all(f"number {number}: " in "\n".join(told) and "signal 9" in told[0] for number in deaths)
    assert os.listdir(folder) == []


def test_nothing_is_counted_twice_whenever_workers_die(tmp_path, folder):
    rng = random.Random(7)
    for trial in range(2):
        where = tmp_path / str(trial)
        where.mkdir()
        deaths = {rng.randint(1, 60): rng.randint(1, 2) for _ in range(4)}
        tasks = deadly(where, deaths)
        assert reduced(tasks, folder, job=HeavySum, retries=2, max_partial_bytes=rng.choice([50, 500, 5000])) == sum(
            range(1, 61)
        )


def test_a_task_that_kills_again_and_again_is_the_one_to_name(tmp_path, folder):
    told = []
    with pytest.raises(WorkerDiedError, match=r"number 30: .* signal 9"):
        reduced(deadly(tmp_path, {30: 100}), folder, retries=2, warn=told.append)
    assert (tmp_path / "30").stat().st_size == 100 - 3
    assert len(told) == 2


def test_a_stream_goes_on_in_order_where_workers_die(tmp_path, folder):
    tasks = deadly(tmp_path, {1: 1, 7: 2, 60: 1})
    with LocalEngine(2, (), lambda: folder, retries=2) as engine:
        results = engine.stream(Call(read_deadly, tasks, Sum(), 1, lambda done: None))
        assert list(results) == list(range(1, 61))


def test_workers_that_died_between_jobs_are_replaced(folder):
    tasks = [Numbers((n,)) for n in range(1, 30)]
    with LocalEngine(2, (), lambda: folder, retries=1) as engine:
        for _ in range(3):
            assert engine.reduce(Call(read, tasks, Sum(), 1, lambda done: None)) == sum(range(1, 30))
            for worker in engine._pool.workers:
                os.kill(worker.process.pid, signal.SIGKILL)
                worker.process.join()


def test_heavy_partials_go_to_files_and_come_back(folder, workers):
    seen = []
    total = reduced(
        [Numbers((n, n)) for n in range(1, 200)],
        folder,
        job=HeavySum,
        reader=read,
        workers=workers,
        max_partial_bytes=1000,
        on_done=lambda _: seen.append(sum(entry.stat().st_size for entry in os.scandir(folder))),
    )
    assert total == 2 * sum(range(1, 200))
    assert len(set(seen)) > 10
    assert os.listdir(folder) == []


class FatSum(HeavySum):
    def dump(self, partial):
        return b" " * 100_000 + str(partial).encode()


def test_no_room_for_heavy_partials_is_told(small_disk, workers):
    tasks = [Numbers((n,)) for n in range(1, 100)]
    with pytest.raises(OutputError, match="No space left on device; point TMPDIR at"):
        reduced(tasks, str(small_disk), job=FatSum, reader=read, workers=workers, max_partial_bytes=1)


def test_legs_give_together_what_the_whole_gives(folder, workers):
    asked, done, given = [], [], []

    def is_over():
        asked.append(None)
        return len(asked) % 7 == 0

    tasks = [Numbers((n,)) for n in range(1, 100)]
    with LocalEngine(workers, (), lambda: folder) as engine:
        for partial in engine.iter_snapshots(
            Call(read, tasks, Sum(), 1, lambda one: done.append(one.task.numbers[0])), is_over
        ):
            given.append(partial)
            assert sum(given) == sum(done)  # all that was told of, and nothing else
    assert sum(given) == sum(range(1, 100))
    assert len(given) > 5


def test_what_comes_before_a_failing_task_is_given_leg_by_leg(folder, workers):
    tasks = [Numbers((-n if n == 50 else n,)) for n in range(1, 100)]
    given = []
    with LocalEngine(workers, (), lambda: folder) as engine, pytest.raises(InputError) as caught:
        for partial in engine.iter_snapshots(Call(read, tasks, Sum(), 1, lambda done: None), lambda: True):
            given += [partial]
    assert caught.value.line == 50
    assert len(given) >= 40 / workers
