"""What is kept of a run, by itself: a toy job, kept, taken up, damaged, changed."""

import math
import multiprocessing
import os
import random
from dataclasses import dataclass

import numpy as np
import pytest
from test_engine import Sum, read

from kxcli.corpus.records import ReaderSpec
from kxcli.errors import InputError, KxcliError, OutputError
from kxcli.mapreduce.checkpoint import CheckpointEngine, _SnapshotTimer
from kxcli.mapreduce.fingerprint import fingerprint
from kxcli.mapreduce.job import Call
from kxcli.mapreduce.local import LocalEngine


@dataclass(frozen=True)
class Known:
    """A task that another run knows again: some numbers of a source."""

    source: str
    number: int
    numbers: tuple[int, ...]
    size: int = 1

    def release(self):
        pass

    @property
    def name(self):
        return self.source

    @property
    def identity(self):
        return self.source, self.number


class Plain:
    """What is told here is JSON as it stands, but for a mark, so that reading it back shows."""

    @staticmethod
    def to_json(told):
        return [told]

    @staticmethod
    def from_json(value):
        (told,) = value
        return told


class Run:
    """A run over a folder: its result, the number of stored tasks, and the diagnostics; each task gets a file."""

    def __init__(self, folder, tasks, *, workers=1, way="reduce", job=None, shared=2, about=0, stop=None, seconds=0):
        self.told, self.notes, self.result = [], [], None

        def on_done(done):
            assert tasks[done.number] == done.task
            self.told.append((done.task.identity, done.diagnostics))
            if len(self.told) == stop:
                raise KeyboardInterrupt

        with (
            LocalEngine(workers, (), lambda: str(folder)) as engine,
            CheckpointEngine(engine, str(folder), Plain, self.notes.append, min_interval=seconds, max_share=0) as kept,
        ):
            kept.expect({task.source for task in tasks}, about)
            found = getattr(kept, way)(Call(read, tasks, job or Sum(), shared, on_done))
            self.result = found if way == "reduce" else list(found)
        self.kept, self.n = (int(word) for word in self.notes[-1].rpartition(": ")[2].split() if word.isdigit())


def tasks_of(*sources, n=10):
    return [Known(source, k, (len(source) * 100 + k + 1,)) for source in sources for k in range(n)]


def expected(tasks, way, shared=2):
    results = [shared * sum(task.numbers) for task in tasks]
    return sum(results) if way == "reduce" else results


def files(folder):
    return sorted(path for path in folder.rglob("kept-*.partial"))


@pytest.fixture(params=["reduce", "stream"])
def way(request):
    return request.param


def test_a_finished_run_is_read_back(tmp_path, way, workers):
    tasks = tasks_of("a", "bb")
    first = Run(tmp_path, tasks, way=way, workers=workers)
    again = Run(tmp_path, tasks, way=way, workers=workers)
    assert first.result == again.result == expected(tasks, way)
    assert (first.kept, again.kept, again.n) == (0, 20, 20)
    assert sorted(first.told) == sorted(again.told) == [(task.identity, [*task.numbers]) for task in tasks]


def test_a_run_that_was_stopped_goes_on(tmp_path, way, workers):
    tasks = tasks_of("a", "bb")
    rng = random.Random(1)
    for _ in range(6):
        with pytest.raises(KeyboardInterrupt):
            Run(tmp_path, tasks, way=way, workers=workers, stop=rng.randint(5, 19))
    last = Run(tmp_path, tasks, way=way, workers=workers)
    assert last.result == expected(tasks, way)
    assert last.kept > 2
    assert sorted(last.told) == [(task.identity, [*task.numbers]) for task in tasks]


def test_the_same_is_kept_for_any_number_of_workers(tmp_path, way):
    tasks = tasks_of("a", "bb")
    Run(tmp_path, tasks, way=way, workers=2)
    assert Run(tmp_path, tasks, way=way, workers=1).kept == 20


def test_of_more_input_only_what_is_new_is_computed(tmp_path, way):
    Run(tmp_path, tasks_of("a"), way=way)
    more = tasks_of("ccc", "a", "bb")
    run = Run(tmp_path, more, way=way)
    assert (run.kept, run.n) == (10, 30)
    assert run.result == expected(more, way)


def test_of_less_input_only_that_is_in_the_result(tmp_path, way):
    Run(tmp_path, tasks_of("a", "bb"), way=way)
    for some in tasks_of("a"), tasks_of("bb"), tasks_of("a", "bb"), tasks_of("bb", "ccc"):
        assert Run(tmp_path, some, way=way).result == expected(some, way)


def test_files_that_share_a_task_are_not_both_used(tmp_path):
    for sources in ("a", "bb"), ("a",), ("bb", "ccc"), ("a", "bb", "ccc"), ("ccc",), ("a", "ccc"):
        tasks = tasks_of(*sources)
        assert Run(tmp_path, tasks, seconds=math.inf).result == expected(tasks, "reduce")  # one file a run
    assert len(files(tmp_path)) > 3


class Twice(Sum):
    def map(self, records):
        return 2 * super().map(records)


@pytest.mark.parametrize("other", [{"shared": 3}, {"about": 1}, {"job": Twice()}, {"shared": 3, "about": 1}])
def test_what_another_job_left_is_never_used(tmp_path, way, other):
    tasks = tasks_of("a")
    Run(tmp_path, tasks, way=way)
    run = Run(tmp_path, tasks, way=way, **other)
    assert run.kept == 0
    assert "changed" in run.notes[-1]
    factor = other.get("shared", 2) * (2 if "job" in other else 1)
    assert run.result == expected(tasks, way, shared=factor)
    assert Run(tmp_path, tasks, way=way).kept == 10  # and that is still there


@pytest.mark.parametrize("harm", ["a bit", "cut", "empty", "more", "head"])
def test_what_is_damaged_is_computed_again_and_told(tmp_path, way, harm):
    tasks = tasks_of("a")
    Run(tmp_path, tasks, way=way)
    victim = files(tmp_path)[3]
    data = bytearray(victim.read_bytes())
    if harm == "a bit":
        data[-1] ^= 1
    elif harm == "head":
        data[60] ^= 1
    victim.write_bytes({"cut": data[:-3], "empty": b"", "more": data + b"x"}.get(harm, bytes(data)))
    run = Run(tmp_path, tasks, way=way)
    assert run.result == expected(tasks, way)
    assert (run.kept, run.n) == (9, 10)
    assert f"{victim}: is damaged" in run.notes[0]
    assert Run(tmp_path, tasks, way=way).kept == 10


def test_what_was_not_written_to_its_end_is_not_seen(tmp_path, way):
    tasks = tasks_of("a")
    Run(tmp_path, tasks, way=way)
    victim = files(tmp_path)[0]
    victim.rename(victim.with_suffix(".part"))
    run = Run(tmp_path, tasks, way=way)
    assert (run.kept, run.result, len(run.notes)) == (9, expected(tasks, way), 1)


def test_what_comes_before_a_failure_is_kept(tmp_path, way, workers):
    tasks = [*tasks_of("a"), Known("bad", 0, (-7,)), *tasks_of("bb")]
    with pytest.raises(InputError):
        Run(tmp_path, tasks, way=way, workers=workers)
    tasks[10] = Known("bad", 0, (7,))
    run = Run(tmp_path, tasks, way=way, workers=workers)
    assert run.kept >= 7
    assert run.result == expected(tasks, way)


def test_nothing_at_all_is_kept_of_nothing(tmp_path, way):
    for _ in range(2):
        assert Run(tmp_path, [], way=way).result == (None if way == "reduce" else [])


def hold(folder, held, go):
    with LocalEngine(1, (), lambda: folder) as engine, CheckpointEngine(engine, folder, Plain, print):
        held.set()
        go.wait(20)


def test_a_second_run_says_that_there_is_a_first(tmp_path):
    context = multiprocessing.get_context("spawn")
    held, go = context.Event(), context.Event()
    first = context.Process(target=hold, args=(str(tmp_path), held, go))
    first.start()
    assert held.wait(30)
    with pytest.raises(KxcliError, match="another run is using it; wait"):
        Run(tmp_path, tasks_of("a"))
    go.set()
    first.join()
    assert Run(tmp_path, tasks_of("a")).n == 10


def test_a_folder_that_cannot_be_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="--checkpoint"):
        Run(tmp_path / "file", tasks_of("a"))


def test_a_full_disk_is_told(small_disk):
    class Fat(Sum):
        def dump(self, partial):
            return b" " * 30_000 + super().dump(partial)

    with pytest.raises(OutputError, match="No space left on device; make room in the folder of --checkpoint"):
        Run(small_disk, tasks_of("a"), job=Fat())


def test_a_file_is_not_much_larger_than_it_may_be(monkeypatch):
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


def test_files_that_nobody_asks_for_go_in_the_end(tmp_path):
    Run(tmp_path, tasks_of("a"))
    for path in files(tmp_path):
        os.utime(path, (1, 1))
    Run(tmp_path, tasks_of("a"))  # asks for them: they stay
    assert len(files(tmp_path)) == 10
    for path in files(tmp_path):
        os.utime(path, (1, 1))
    (tmp_path / "notes.txt").write_text("mine")
    other = tmp_path / ("0" * 32)  # might be one of ours, but what is in it is not
    other.mkdir()
    for name in "film.mkv.part", "tmp1.partial":
        (other / name).write_text("mine")
        os.utime(other / name, (1, 1))
    (other / "kept-1.part").write_text("a run that was killed began it")
    Run(tmp_path, tasks_of("a"), about=1, way="stream")
    assert len(files(tmp_path)) == 10
    assert Run(tmp_path, tasks_of("a")).kept == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert sorted(os.listdir(other)) == ["film.mkv.part", "tmp1.partial"]


@dataclass(frozen=True)
class Value:
    a: object
    b: object = 0


def test_fingerprints_tell_values_apart_and_know_equal_ones():
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
