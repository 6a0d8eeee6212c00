"""Toy jobs on the checkpoint engine: stored, continued, damaged, changed."""

import math
import multiprocessing
import os
import random
from dataclasses import dataclass

import numpy as np
import pytest
from engine_toys import Numbers, Sum, SumTwice, read

from kxcli.corpus.reader_spec import ReaderSpec
from kxcli.errors import InputError, KxcliError, OutputError
from kxcli.mapreduce.checkpoint import CheckpointEngine, _SnapshotTimer
from kxcli.mapreduce.fingerprint import fingerprint
from kxcli.mapreduce.job import Call
from kxcli.mapreduce.local import LocalEngine


class ListCodec:
    """Writes each diagnostic as a list of one."""

    @staticmethod
    def to_json(diagnostic):
        return [diagnostic]

    @staticmethod
    def from_json(value):
        (diagnostic,) = value
        return diagnostic


class Run:
    """A run over a folder: its result, the number of stored tasks, and the finished ones; each task gets a file."""

    def __init__(self, folder, tasks, *, workers=1, method="reduce", job=None, shared=2, about=0, stop=None, seconds=0):
        self.done, self.notes, self.result = [], [], None

        def on_done(done):
            assert tasks[done.number] == done.task
            self.done.append((done.task.identity, done.diagnostics))
            if len(self.done) == stop:
                raise KeyboardInterrupt

        with (
            LocalEngine(workers, (), lambda: str(folder)) as engine,
            CheckpointEngine(
                engine, str(folder), ListCodec, self.notes.append, min_interval=seconds, max_share=0
            ) as engine,
        ):
            engine.expect({task.identity[0] for task in tasks}, about)
            found = getattr(engine, method)(Call(read, tasks, job or Sum(), shared, on_done))
            self.result = found if method == "reduce" else list(found)
        self.n_stored, self.n_tasks = (
            int(word) for word in self.notes[-1].rpartition(": ")[2].split() if word.isdigit()
        )


def make_tasks(*sources, n=10):
    return [Numbers((len(source) * 100 + k + 1,), identity=(source, k)) for source in sources for k in range(n)]


def compute(tasks, method, shared=2):
    results = [shared * sum(task.numbers) for task in tasks]
    return sum(results) if method == "reduce" else results


def files(folder):
    return sorted(path for path in folder.rglob("kept-*.partial"))


@pytest.fixture(params=["reduce", "stream"])
def method(request):
    return request.param


def test_finished_run_is_loaded(tmp_path, method, workers):
    tasks = make_tasks("a", "bb")
    first = Run(tmp_path, tasks, method=method, workers=workers)
    again = Run(tmp_path, tasks, method=method, workers=workers)
    assert first.result == again.result == compute(tasks, method)
    assert (first.n_stored, again.n_stored, again.n_tasks) == (0, 20, 20)
    assert sorted(first.done) == sorted(again.done) == [(task.identity, [*task.numbers]) for task in tasks]


def test_stopped_run_continues(tmp_path, method, workers):
    tasks = make_tasks("a", "bb")
    rng = random.Random(1)
    for _ in range(6):
        with pytest.raises(KeyboardInterrupt):
            Run(tmp_path, tasks, method=method, workers=workers, stop=rng.randint(5, 19))
    last = Run(tmp_path, tasks, method=method, workers=workers)
    assert last.result == compute(tasks, method)
    assert last.n_stored > 2
    assert sorted(last.done) == [(task.identity, [*task.numbers]) for task in tasks]


def test_stored_tasks_serve_any_number_of_workers(tmp_path, method):
    tasks = make_tasks("a", "bb")
    Run(tmp_path, tasks, method=method, workers=2)
    assert Run(tmp_path, tasks, method=method, workers=1).n_stored == 20


def test_more_input_computes_only_new_tasks(tmp_path, method):
    Run(tmp_path, make_tasks("a"), method=method)
    more = make_tasks("ccc", "a", "bb")
    run = Run(tmp_path, more, method=method)
    assert (run.n_stored, run.n_tasks) == (10, 30)
    assert run.result == compute(more, method)


def test_less_input_uses_only_its_tasks(tmp_path, method):
    Run(tmp_path, make_tasks("a", "bb"), method=method)
    for some in make_tasks("a"), make_tasks("bb"), make_tasks("a", "bb"), make_tasks("bb", "ccc"):
        assert Run(tmp_path, some, method=method).result == compute(some, method)


def test_only_one_file_with_a_common_task_is_used(tmp_path):
    for sources in ("a", "bb"), ("a",), ("bb", "ccc"), ("a", "bb", "ccc"), ("ccc",), ("a", "ccc"):
        tasks = make_tasks(*sources)
        assert Run(tmp_path, tasks, seconds=math.inf).result == compute(tasks, "reduce")  # one file a run
    assert len(files(tmp_path)) > 3


@pytest.mark.parametrize("other", [{"shared": 3}, {"about": 1}, {"job": SumTwice()}, {"shared": 3, "about": 1}])
def test_files_of_another_job_are_not_used(tmp_path, method, other):
    tasks = make_tasks("a")
    Run(tmp_path, tasks, method=method)
    run = Run(tmp_path, tasks, method=method, **other)
    assert run.n_stored == 0
    assert "changed" in run.notes[-1]
    factor = other.get("shared", 2) * (2 if "job" in other else 1)
    assert run.result == compute(tasks, method, shared=factor)
    assert Run(tmp_path, tasks, method=method).n_stored == 10  # which is still there


@pytest.mark.parametrize("harm", ["a bit", "cut", "empty", "more", "head"])
def test_damaged_file_is_reported_and_computed_again(tmp_path, method, harm):
    tasks = make_tasks("a")
    Run(tmp_path, tasks, method=method)
    victim = files(tmp_path)[3]
    data = bytearray(victim.read_bytes())
    if harm == "a bit":
        data[-1] ^= 1
    elif harm == "head":
        data[60] ^= 1
    victim.write_bytes({"cut": data[:-3], "empty": b"", "more": data + b"x"}.get(harm, bytes(data)))
    run = Run(tmp_path, tasks, method=method)
    assert run.result == compute(tasks, method)
    assert (run.n_stored, run.n_tasks) == (9, 10)
    assert f"{victim}: is damaged" in run.notes[0]
    assert Run(tmp_path, tasks, method=method).n_stored == 10


def test_unfinished_file_is_ignored(tmp_path, method):
    tasks = make_tasks("a")
    Run(tmp_path, tasks, method=method)
    victim = files(tmp_path)[0]
    victim.rename(victim.with_suffix(".part"))
    run = Run(tmp_path, tasks, method=method)
    assert (run.n_stored, run.result, len(run.notes)) == (9, compute(tasks, method), 1)


def test_tasks_before_a_failure_are_stored(tmp_path, method, workers):
    tasks = [*make_tasks("a"), Numbers((-7,), identity=("bad", 0)), *make_tasks("bb")]
    with pytest.raises(InputError):
        Run(tmp_path, tasks, method=method, workers=workers)
    tasks[10] = Numbers((7,), identity=("bad", 0))
    run = Run(tmp_path, tasks, method=method, workers=workers)
    assert run.n_stored >= 7
    assert run.result == compute(tasks, method)


def test_no_task_stores_nothing(tmp_path, method):
    for _ in range(2):
        assert Run(tmp_path, [], method=method).result == (None if method == "reduce" else [])


def hold(folder, held, go):
    with LocalEngine(1, (), lambda: folder) as engine, CheckpointEngine(engine, folder, ListCodec, print):
        held.set()
        go.wait(20)


def test_second_run_is_refused(tmp_path):
    context = multiprocessing.get_context("spawn")
    held, go = context.Event(), context.Event()
    first = context.Process(target=hold, args=(str(tmp_path), held, go))
    first.start()
    assert held.wait(30)
    with pytest.raises(KxcliError, match="another run is using it; wait"):
        Run(tmp_path, make_tasks("a"))
    go.set()
    first.join()
    assert Run(tmp_path, make_tasks("a")).n_tasks == 10


def test_file_instead_of_folder_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="--checkpoint"):
        Run(tmp_path / "file", make_tasks("a"))


def test_full_disk_is_reported(small_disk):
    class Fat(Sum):
        def dump(self, partial):
            return b" " * 30_000 + super().dump(partial)

    with pytest.raises(OutputError, match="No space left on device; make room in the folder of --checkpoint"):
        Run(small_disk, make_tasks("a"), job=Fat())


def test_timer_limits_size_of_files(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    clock = _SnapshotTimer(2.0, 0.05)
    seconds = []
    for _ in range(400):
        start = now[0]
        while not clock.is_over:
            now[0] += 0.1
        clock.restart(int((now[0] - start) * 5_000_000))  # 5 MB/s
        seconds.append(now[0] - start)
    assert min(seconds) >= 2
    assert max(seconds) <= (1 << 25) / 5_000_000 + 0.2  # a twentieth of the time so far would be more


def test_unused_files_are_removed(tmp_path):
    Run(tmp_path, make_tasks("a"))
    for path in files(tmp_path):
        os.utime(path, (1, 1))
    Run(tmp_path, make_tasks("a"))  # uses them: they stay
    assert len(files(tmp_path)) == 10
    for path in files(tmp_path):
        os.utime(path, (1, 1))
    (tmp_path / "notes.txt").write_text("mine")
    other = tmp_path / ("0" * 32)  # a name of ours, with files of others
    other.mkdir()
    for name in "film.mkv.part", "tmp1.partial":
        (other / name).write_text("mine")
        os.utime(other / name, (1, 1))
    (other / "kept-1.part").write_text("of a run that was killed")
    Run(tmp_path, make_tasks("a"), about=1, method="stream")
    assert len(files(tmp_path)) == 10
    assert Run(tmp_path, make_tasks("a")).n_stored == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert sorted(os.listdir(other)) == ["film.mkv.part", "tmp1.partial"]


@dataclass(frozen=True)
class Value:
    a: object
    b: object = 0


def test_fingerprints_are_equal_only_for_equal_values():
    values = [
        *(0, 1, -1, 1.0, True, None, "", "1", b"1", "a", b"a", "\ud800", (), [], {}, frozenset(), ("a",), ["a"]),
        *(("a", "b"), ("ab",), {"a": 1}, {"a": 2}, {"b": 1}, {1: "a"}, {"a"}, frozenset("a"), Value("a"), Value("b")),
        *(Value("a", 1), Value(Value("a")), np.arange(3), np.arange(3.0), np.arange(4), np.zeros((2, 2))),
        *(np.zeros(4), np.zeros((4, 1)), Value, Sum, fingerprint, np.array(["a"], dtype=object), 10**30, Sum()),
    ]
    prints = [fingerprint(value) for value in values]
    assert len(set(prints)) == len(values)
    assert fingerprint({"a": 1, "b": {2, 3}}) == fingerprint({"b": {3, 2}, "a": 1})
    words = [f"word{n}" for n in range(100)]
    assert fingerprint(frozenset(words)) == fingerprint(frozenset(reversed(words)))
    assert fingerprint(np.arange(6)[::2]) == fingerprint(np.array([0, 2, 4]))
    assert fingerprint(ReaderSpec(max_line=1 << 20)) == fingerprint(ReaderSpec()) != fingerprint(ReaderSpec(field="a"))
