"""Toy jobs that add records to a partial, in this process, in threads of it, and in workers."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest
from conftest import wait_until
from engine_toys import FoldingSum, HeavySum, Numbers, Sum, ignore, read
from hypothesis import given
from hypothesis import strategies as st

from kxcli.errors import InputError, KxcliError
from kxcli.mapreduce.checkpoint import CheckpointEngine
from kxcli.mapreduce.job import Call, fold_records
from kxcli.mapreduce.local import LocalEngine
from kxcli.storage.workspace import Workspace


class ThreadEngine(LocalEngine):
    """Runs every job in threads."""

    def iter_snapshots(self, call, should_snapshot):
        yield from super().iter_snapshots(call._replace(allows_threads=True), should_snapshot)

    def stream(self, call):
        yield from super().stream(call._replace(allows_threads=True))


WAYS = {"serial": (LocalEngine, 1), "pool": (LocalEngine, 2), "threads": (ThreadEngine, 3)}


def start_engine(folder, way="threads", **options):
    kind, n_workers = WAYS[way]
    return kind(n_workers, (), lambda: str(folder), **options)


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


def numbers(*values):
    return [Numbers((value,)) for value in values]


@pytest.mark.parametrize("kind", [Sum, FoldingSum])
@given(first=st.lists(st.integers(0, 9)), second=st.lists(st.integers(0, 9)))
def test_records_are_added_to_a_partial(kind, first, second):
    job = kind()
    job.setup(2)
    whole = fold_records(job, None, [*first, *second])
    assert fold_records(job, job.map(first), second) == job.merge(job.map(first), job.map(second)) == whole


@pytest.mark.parametrize("kind", [Sum, HeavySum, FoldingSum])
@pytest.mark.parametrize("max_bytes", [1, 100, sys.maxsize])
def test_sum_is_equal_in_any_way(tmp_path, way, kind, max_bytes):
    tasks = [Numbers((n, n + 1)) for n in range(50)]
    job, done = kind(), []
    with start_engine(tmp_path, way, max_partial_bytes=max_bytes) as engine:
        total = engine.reduce(Call(read, tasks, job, 2, done.append))
    assert job.dump(total) == b"5000"
    assert sorted((one.number, *one.diagnostics) for one in done) == [(n, n, n + 1) for n in range(50)]
    assert os.listdir(tmp_path) == []


def test_finished_tasks_are_reported_in_main_thread(tmp_path):
    seen, working = set(), set()
    task = Numbers((1,), action=lambda: working.add(threading.get_ident()))
    with start_engine(tmp_path) as engine:
        engine.reduce(Call(read, [task] * 50, Sum(), 1, lambda _: seen.add(threading.get_ident())))
    assert seen == {threading.get_ident()}
    assert not working & seen


def test_threads_need_no_current_folder(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    working = set()
    task = Numbers((1,), action=lambda: working.add(threading.get_ident()))
    with start_engine(tmp_path) as engine:
        assert engine.reduce(Call(read, [task] * 50, Sum(), 1, ignore)) == 50
    assert working and threading.get_ident() not in working


def test_one_worker_needs_no_thread(tmp_path, monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", None)
    with ThreadEngine(1, (), lambda: str(tmp_path)) as engine:
        assert engine.reduce(Call(read, numbers(1, 2, 3), Sum(), 1, ignore)) == 6


def test_snapshots_have_the_tasks_reported_before(tmp_path, way):
    reported, expected = [], []

    def should_snapshot():
        return len(reported) >= 7

    with start_engine(tmp_path, way) as engine:
        call = Call(read, numbers(*range(100)), FoldingSum(), 1, lambda done: reported.append(done.number))
        for found in engine.iter_snapshots(call, should_snapshot):
            assert found == [sum(reported)]
            expected += reported
            reported.clear()
    assert sorted(expected) == list(range(100))


def test_tasks_are_taken_as_they_are_needed(tmp_path):
    n_taken = n_done = 0

    def tasks():
        nonlocal n_taken
        for task in numbers(*range(200)):
            n_taken += 1
            assert n_taken <= n_done + 5
            yield task

    def on_done(done):
        nonlocal n_done
        n_done += 1

    with start_engine(tmp_path) as engine:
        assert engine.reduce(Call(read, tasks(), Sum(), 1, on_done)) == sum(range(200))


@pytest.mark.parametrize("bad", [(0,), (5,), (199,), (150, 20, 21)])
def test_first_failure_in_input_order_is_raised(tmp_path, way, bad):
    tasks = numbers(*(-n - 1 if n in bad else n for n in range(200)))
    with start_engine(tmp_path, way) as engine, pytest.raises(InputError, match=f"-{min(bad) + 1} is negative"):
        engine.reduce(Call(read, tasks, FoldingSum(), 1, ignore))


def test_failing_task_precedes_failing_task_source(tmp_path, way):
    def tasks():
        yield from numbers(1, 2, -3)
        raise InputError("list", "is broken")

    with start_engine(tmp_path, way) as engine, pytest.raises(InputError, match="-3 is negative"):
        engine.reduce(Call(read, tasks(), FoldingSum(), 1, ignore))


def test_failing_task_source_is_raised_at_last(tmp_path, way):
    def tasks():
        yield from numbers(1, 2, 3)
        raise InputError("list", "is broken")

    done = []
    with start_engine(tmp_path, way) as engine, pytest.raises(InputError, match="list: is broken"):
        engine.reduce(Call(read, tasks(), FoldingSum(), 1, done.append))
    assert len(done) == 3


def test_failing_spill_is_raised(tmp_path):
    with (
        start_engine(tmp_path / "missing", max_partial_bytes=1) as engine,
        pytest.raises(KxcliError, match="missing"),
    ):
        engine.reduce(Call(read, numbers(*range(9)), HeavySum(), 1, ignore))


def test_interrupted_run_leaves_no_thread_and_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def interrupt(done):
        raise KeyboardInterrupt

    tasks = [Numbers((n,), action=lambda: time.sleep(0.05)) for n in range(9)]
    with (
        pytest.raises(KeyboardInterrupt),
        Workspace() as workspace,
        ThreadEngine(3, (), workspace.make_folder, max_partial_bytes=1) as engine,
    ):
        engine.reduce(Call(read, tasks, HeavySum(), 1, interrupt))
    assert os.listdir(tmp_path) == []


def test_partials_of_a_stream_are_in_order(tmp_path, way):
    source = random.Random(1)
    tasks = [Numbers((n,), action=partial(time.sleep, source.choice([0, 0, 0.01]))) for n in range(40)]
    done = []
    with start_engine(tmp_path, way) as engine:
        partials = list(engine.stream(Call(read, tasks, Sum(), 2, done.append)))
    assert partials == [2 * n for n in range(40)]
    assert sorted((one.number, *one.diagnostics) for one in done) == [(n, n) for n in range(40)]


@pytest.mark.parametrize("bad", [(0,), (5,), (39,), (30, 20, 21)])
def test_stream_ends_with_the_first_failure(tmp_path, way, bad):
    tasks = numbers(*(-n - 1 if n in bad else n for n in range(40)))
    partials = []
    with start_engine(tmp_path, way) as engine, pytest.raises(InputError, match=f"-{min(bad) + 1} is negative"):
        partials.extend(engine.stream(Call(read, tasks, Sum(), 1, ignore)))
    assert partials == [*range(min(bad))]


def test_stream_takes_tasks_as_they_are_needed(tmp_path):
    taken = []
    with start_engine(tmp_path) as engine:
        stream = engine.stream(Call(read, (taken.append(n) or Numbers((n,)) for n in range(99)), Sum(), 1, ignore))
        for number, found in enumerate(stream):
            assert found == number
            assert len(taken) <= number + 10


def test_interrupted_stream_leaves_no_thread(tmp_path):
    tasks = [Numbers((n,), action=partial(time.sleep, 0.02)) for n in range(20)]
    with start_engine(tmp_path) as engine, closing(engine.stream(Call(read, tasks, Sum(), 1, ignore))) as stream:
        assert next(stream) == 0


def test_stream_holds_nothing_back_while_the_input_pauses(tmp_path):
    received, pauses = [], []

    def tasks():
        for n in range(9):
            if n % 4 == 0:  # the next ones come after a pause
                assert received == [*range(n)]
                pauses.clear()
            if n % 4 == 3:
                pauses.append(n)
            yield Numbers((n,), size=1 << 20)

    with start_engine(tmp_path) as engine:
        call = Call(read, tasks(), Sum(), 1, ignore, is_idle=lambda: bool(pauses))
        for found in engine.stream(call):
            received.append(found)  # noqa: PERF402 -- one by one
    assert received == [*range(9)]


class NoCodec:
    @staticmethod
    def to_json(diagnostic):
        return diagnostic

    from_json = to_json


def test_failing_task_is_not_in_a_checkpoint(tmp_path, way):
    def run(last):
        tasks = [Numbers((n, n), identity=("a", n)) for n in range(30)]
        tasks[20] = replace(tasks[20], numbers=(1000, last))
        with (
            start_engine(tmp_path, way) as engine,
            CheckpointEngine(engine, str(tmp_path / "kept"), NoCodec, ignore, min_interval=0, max_share=0) as engine,
        ):
            engine.expect({"a"})
            return engine.reduce(Call(read, tasks, FoldingSum(), 1, ignore))

    with pytest.raises(InputError):
        run(-1)
    assert run(0) == [2 * sum(range(30)) - 40 + 1000]


SCRIPT = """
import signal, sys, time
from dataclasses import replace
from engine_toys import HeavySum, Numbers, Wait, ignore, read
from kxcli.cli import _raise_on_signals
from kxcli.mapreduce.job import Call
from kxcli.mapreduce.local import LocalEngine
from kxcli.storage.workspace import Workspace

_raise_on_signals()
with Workspace() as workspace, LocalEngine(3, (), workspace.make_folder, max_partial_bytes=1) as engine:
    tasks = [*(Numbers((n,)) for n in range(20)), *(Numbers((n,), action=Wait(*sys.argv[1:])) for n in range(3))]
    engine.reduce(Call(read, tasks, HeavySum(), 1, ignore, allows_threads=True))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_a_run_with_busy_threads(tmp_path, number):
    begun, temporary = tmp_path / "begun", tmp_path / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-c", SCRIPT, begun, tmp_path / "never"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(temporary)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    wait_until(begun.exists)
    start = time.monotonic()
    process.send_signal(number)
    assert b"InterruptedBySignal" in process.communicate(timeout=20)[1]
    assert time.monotonic() - start < 10
    assert os.listdir(temporary) == []
