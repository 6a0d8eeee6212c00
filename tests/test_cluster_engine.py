"""Toy jobs on the cluster engine: a real scheduler and real workers, each a process of its own."""

import gc
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, suppress

import distributed
import numpy as np
import psutil
import pytest
from clusters import STARTED, TESTS, client, engine_at, threads
from conftest import ROOT, wait_until
from distributed.comm.core import CommClosedError
from engine_toys import (
    BrokenMerge,
    Count,
    FailToWrite,
    Kill,
    Mark,
    Numbers,
    Sum,
    SumOfArrays,
    SumOfThread,
    Write,
    ignore,
    read,
)

from kxcli.errors import ClusterError, InputError, MissingExtraError, UsageError, WorkerDiedError
from kxcli.mapreduce.cluster import work
from kxcli.mapreduce.cluster.connection import Timeouts
from kxcli.mapreduce.cluster.engine import ClusterEngine
from kxcli.mapreduce.job import Call
from kxcli.mapreduce.local import LocalEngine
from kxcli.storage import array_file

pytest_plugins = ["clusters"]
pytestmark = pytest.mark.full


@pytest.fixture(autouse=True)
def collect_garbage():
    """Collect garbage, so that warnings about unclosed resources appear in the test that leaves them."""
    yield
    gc.collect()


@pytest.fixture
def engine(cluster):
    with engine_at(cluster.address) as engine:
        wait_until(lambda: sum(threads(engine).values()) == 3, STARTED)
        yield engine


def count_tasks(dask_scheduler=None):
    return len(dask_scheduler.tasks)


def count_batches(dask_scheduler=None):
    return sum(str(key).startswith("kxcli-map") for key in dask_scheduler.tasks)


def reduce(engine, tasks, job=None, shared=2, finished=None):
    def on_done(done):
        if finished is not None:
            finished.append((done.number, done.task.numbers, done.diagnostics))

    return engine.reduce(Call(read, tasks, job or Sum(), shared, on_done))


@pytest.mark.parametrize("n", [1, 2, 300])
def test_reduce_merges_all_partials_and_numbers_tasks(engine, n):
    done = []
    tasks = [Numbers((number, number + 1)) for number in range(n)]
    with LocalEngine(1, (), tempfile.gettempdir) as here:
        assert reduce(engine, iter(tasks), finished=done) == reduce(here, tasks)
    assert sorted(done) == [(number, task.numbers, list(task.numbers)) for number, task in enumerate(tasks)]


def test_no_task_gives_no_partial(engine):
    assert reduce(engine, []) is None
    assert engine.reduce_into(Call(read, [], Count(), None, ignore), Write("nowhere"), 3) == []
    assert list(engine.stream(Call(read, [], Sum(), 2, ignore))) == []


def test_stream_keeps_order_of_tasks(engine):
    done = []
    tasks = [Numbers(tuple(range(n % 7 * 1000 + 1))) for n in range(60)]
    found = engine.stream(Call(read, tasks, Sum(), 2, lambda one: done.append(len(one.diagnostics))))
    assert list(found) == [2 * sum(task.numbers) for task in tasks]
    assert sorted(done) == sorted(len(task.numbers) for task in tasks)


@pytest.mark.parametrize("shared", [None, 0], ids=["nothing", "zero"])
def test_partials_are_split_and_merged(engine, shared):
    tasks = [Numbers((n % 10, n % 17, n)) for n in range(100)]
    with LocalEngine(1, (), tempfile.gettempdir) as here:
        expected = reduce(here, tasks, Count(), shared).counts
    assert reduce(engine, tasks, Count(), shared).counts == expected


def test_each_partial_holds_keys_of_one_part(engine, tmp_path):
    n_parts = 5
    tasks = [Numbers((n, n % 100, 500 + n % 10), size=1000) for n in range(300)]
    written = engine.reduce_into(Call(read, tasks, Count(), None, ignore), Write(str(tmp_path)), n_parts)
    counts = {}
    for part, (size, largest, pid) in enumerate(written):
        items = eval((tmp_path / f"part-{part}").read_text())
        assert {number % n_parts for number, _ in items} == {part}
        assert len(items) == size
        assert 0 < largest <= size, "keys of another part were in the same partial"
        assert pid != os.getpid()
        counts.update(items)
    with LocalEngine(1, (), tempfile.gettempdir) as here:
        assert counts == reduce(here, tasks, Count(), None).counts


def test_failing_write_is_raised(engine):
    with pytest.raises(InputError) as caught:
        engine.reduce_into(Call(read, [Numbers((1, 2))], Count(), None, ignore), FailToWrite(), 3)
    assert caught.value.path == "part-0"


def test_tasks_run_on_both_workers(engine, tmp_path):
    seen = client(engine).run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)
    tasks = [Numbers((n,), action=Mark(str(tmp_path), str(n))) for n in range(60)]
    assert reduce(engine, tasks) == 2 * sum(range(60))
    now = client(engine).run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)
    assert now - seen > 60  # each task is at least one of Dask here
    pids = {int(path.read_text()) for path in tmp_path.iterdir()}
    assert len(pids) == 2
    assert os.getpid() not in pids
    wait_until(lambda: client(engine).run_on_scheduler(count_tasks) == 0)


def test_tasks_are_taken_as_needed(engine):
    taken, ahead, n_done = 0, [], 0

    def tasks():
        nonlocal taken
        for n in range(200):
            taken += 1
            yield Numbers((n,))

    def on_done(done):
        nonlocal n_done
        n_done += 1
        ahead.append(taken - n_done)

    engine.reduce(Call(read, tasks(), Sum(), 1, on_done))
    largest = 200 // (4 * engine.n_workers) + 1  # tasks in a batch
    assert max(ahead) <= (3 * engine.n_workers + 1) * largest
    taken, found = 0, engine.stream(Call(read, tasks(), Sum(), 1, ignore))
    for n in range(30):
        assert next(found) == n
        assert taken <= n + 3 * engine.n_workers + 2
    found.close()
    wait_until(lambda: client(engine).run_on_scheduler(count_tasks) == 0)


@pytest.mark.parametrize("method", ["reduce", "stream"])
@pytest.mark.parametrize("bad", [(5, 30), (30, 5), (98, 99)])
def test_first_failure_in_input_order_is_raised(engine, bad, method):
    tasks = [Numbers((-n if n in bad else n,)) for n in range(1, 100)]
    got = []
    with pytest.raises(InputError) as caught:
        if method == "reduce":
            reduce(engine, tasks)
        else:
            got.extend(engine.stream(Call(read, tasks, Sum(), 1, ignore)))
    assert str(caught.value) == f"numbers:{min(bad)}: {-min(bad)} is negative"
    assert "in read" in "".join(caught.value.__notes__)
    assert got == list(range(1, len(got) + 1))


@pytest.mark.parametrize(("numbers", "line"), [((1, 2, -3, 4), 3), ((1, 2, 3), None)])
def test_failing_task_precedes_failing_task_source(engine, numbers, line):
    def tasks():
        yield from (Numbers((n,)) for n in numbers)
        raise InputError("planner", "broke")

    with pytest.raises(InputError) as caught:
        reduce(engine, tasks())
    assert caught.value.line == line


def test_failing_merge_is_raised(engine):
    with pytest.raises(InputError, match="disk: is full"):
        reduce(engine, [Numbers((n,)) for n in range(100)], BrokenMerge())


def test_each_thread_has_its_own_job(engine):
    assert reduce(engine, [Numbers((n,)) for n in range(100)], SumOfThread()) == sum(range(100))


def test_shared_arrays_are_sent_without_their_file(engine, tmp_path):
    path = str(tmp_path / "arrays")
    array_file.save_arrays({"a": np.full(300_000, 3), "b": np.arange(4)}, {}, path)
    mapped = array_file.ArrayFile(path, is_checked=True)
    os.unlink(path)  # as if it were on another machine
    total = 900_000 + 6 + 5
    tasks = [Numbers((n,)) for n in range(10)]
    with LocalEngine(1, (), tempfile.gettempdir) as here:
        for shared in ({"arrays": mapped, "more": 5}, {"arrays": {"c": np.array([total - 5])}, "more": 5}):
            expected = reduce(here, tasks, SumOfArrays(), shared)
            assert reduce(engine, tasks, SumOfArrays(), shared) == expected == total * sum(range(10))


def test_scheduler_forgets_batches_when_partials_are_fetched(cluster, tmp_path):
    largest = []
    tasks = [Numbers((n,), payload=bytes(1 << 13), size=0) for n in range(100)]  # each is a batch
    for remembered in (1 << 28, 1 << 16):
        with engine_at(cluster.address, max_remembered_bytes=remembered) as engine:
            n_batches = []

            def on_done(done, engine=engine, n_batches=n_batches):
                if done.number % 10 == 0:
                    n_batches.append(client(engine).run_on_scheduler(count_batches))

            found = engine.reduce(Call(read, iter(tasks), Count(), None, on_done))
            assert found.counts == dict.fromkeys(range(100), 1)
            largest.append(max(n_batches))
    assert largest[0] > 80
    assert largest[1] < largest[0] / 2
    with engine_at(cluster.address, max_remembered_bytes=1 << 16) as engine:
        written = engine.reduce_into(Call(read, tasks, Count(), None, ignore), Write(str(tmp_path)), 3)
    assert sum(size for size, _, _ in written) == 100


def test_killed_worker_does_not_change_result(engine, tmp_path):
    """The worker loses its partials and its tasks."""
    done = []
    tasks = [Numbers((n, n % 10), payload=bytes(1000)) for n in range(100)]
    tasks[80] = Numbers((80, 0), action=Kill(str(tmp_path), 1))
    with LocalEngine(1, (), tempfile.gettempdir) as here:
        expected = reduce(here, [Numbers(task.numbers) for task in tasks], Count(), None).counts
    assert reduce(engine, iter(tasks), Count(), None, done).counts == expected
    assert (tmp_path / "killed-0").exists()
    assert sorted(done) == [(number, task.numbers, list(task.numbers)) for number, task in enumerate(tasks)]


def test_stream_continues_if_worker_is_killed(engine, tmp_path):
    tasks = [Numbers((n,)) for n in range(40)]
    tasks[20] = Numbers((20,), action=Kill(str(tmp_path), 1))
    assert list(engine.stream(Call(read, tasks, Sum(), 1, ignore))) == list(range(40))
    assert (tmp_path / "killed-0").exists()


def test_task_that_kills_every_worker_is_named(engine, tmp_path):
    tasks = [Numbers((n,)) for n in range(20)]
    tasks[0] = Numbers((0,), action=Kill(str(tmp_path), 10))
    with pytest.raises(WorkerDiedError, match=r"^numbers \(0,\): every worker that had this part of the input died;"):
        reduce(engine, tasks)


OTHER_VERSION = "import kxcli\nkxcli.__version__ = '0.0.1'"
OTHER_NUMPY = "from kxcli.mapreduce.versions import versions\nversions()['numpy'] = '0.0.1'"  # it is cached
NO_KXCLI = f"import sys\nsys.path[:] = [path for path in sys.path if path != {str(ROOT)!r}]"


@pytest.fixture
def add_worker(cluster, engine):
    """Return a function that adds a worker until the test ends."""
    workers = []

    def add(before):
        workers.append(cluster.worker("--no-nanny", "--nthreads", "1", before=before))
        wait_until(lambda: len(threads(engine)) == 3)

    yield add
    for worker in workers:
        cluster.stop(worker)
    wait_until(lambda: len(threads(engine)) == 2)


@pytest.mark.costly
@pytest.mark.parametrize(
    ("before", "what"),
    [
        (OTHER_NUMPY, "this worker has numpy 0.0.1, but .*; install numpy .* for all workers"),
        (OTHER_VERSION, "this worker has kxcli 0.0.1, but .*; install kxcli"),
        (NO_KXCLI, "this worker has no kxcli, but .*; install kxcli"),
    ],
    ids=["another numpy", "another kxcli", "none"],
)
def test_worker_with_other_versions_is_refused(engine, cluster, add_worker, before, what):
    here = set(threads(engine))
    add_worker(before)
    (other,) = set(threads(engine)) - here
    with pytest.raises(ClusterError, match=f"^{other}: {what}"), engine_at(cluster.address):
        pass


def test_late_worker_with_other_versions_is_refused(engine):
    """It joins after all workers were checked, so it checks itself."""
    versions, *rest = work.pickle_job(read, Sum(), 1)
    batch = work.pickle_value([Numbers((1,))])
    sent = work.JobPayload({**versions, "jieba": "0.0.1"}, *rest)
    future = client(engine).submit(work.map_batch, sent, batch, pure=False)
    with pytest.raises(ClusterError, match=r"this worker has jieba .*, but this run needs 0.0.1; install jieba 0.0.1"):
        future.result(timeout=STARTED)


def test_missing_scheduler_is_reported():
    before = set(threading.enumerate())
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{closed.getsockname()[1]}"
        with (
            pytest.raises(ClusterError, match=f"^{address}: no scheduler answers") as caught,
            engine_at(address, connect=1),
        ):
            pass
    assert "\n" not in str(caught.value)
    assert set(threading.enumerate()) <= before


def test_missing_extra_is_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(MissingExtraError, match=r"--cluster needs .* pip install .*'dask>="),
        engine_at("local:2"),
    ):
        pass


@pytest.mark.parametrize("address", ["", "host:8786", "local", "locally:2", "ftp://host"])
def test_invalid_address_is_refused(address):
    with pytest.raises(UsageError, match="name a scheduler"), engine_at(address):
        pass


def test_scheduler_without_workers_or_gone_is_reported(new_cluster, tmp_path):
    cluster = new_cluster()
    logged = []
    with (
        pytest.raises(ClusterError, match="has had no worker"),
        engine_at(cluster.address, log=logged.append, worker=0.5),
    ):
        pass
    assert len(logged) == 1
    cluster.worker("--no-nanny", "--nthreads", "1")
    with engine_at(cluster.address, worker=STARTED, check=0.1) as engine:
        engine._connection.timeouts = Timeouts(worker=0.5, check=0.1)
        with pytest.raises(ClusterError, match="has had no worker"):
            reduce(engine, [Numbers((1,), action=Kill(str(tmp_path), 1))])
        engine._connection.timeouts = Timeouts(worker=STARTED, check=0.1)
        cluster.worker("--no-nanny", "--nthreads", "1")
        wait_until(lambda: threads(engine))

        def kill(done):
            cluster.stop(cluster.scheduler)

        tasks = [Numbers((n,)) for n in range(100)]
        with pytest.raises(ClusterError, match="the scheduler is gone"):
            engine.reduce(Call(read, tasks, Sum(), 1, kill))


CLIENT = """
import signal, sys
from kxcli.errors import InterruptedBySignal, KxcliError
from kxcli.mapreduce.cluster.engine import ClusterEngine
from kxcli.mapreduce.job import Call
from engine_toys import Numbers, Sum, Wait, ignore, read

def stop(number, frame):
    raise InterruptedBySignal(number)

signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
address, folder, begun, end, method = sys.argv[1:]
tasks = [Numbers((n,), action=Wait(begun, end)) for n in range(100)]
try:
    with ClusterEngine(address, lambda: folder, print) as engine:
        found = getattr(engine, method)(Call(read, tasks, Sum(), 1, ignore))
        print(found if method == "reduce" else sum(found))
except InterruptedBySignal as end:
    sys.exit(end.exit_code)
except KxcliError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def start_client(tmp_path):
    """Return a function that starts a client; at the end of the test, all its processes are killed."""
    clients = []

    def start(address, method="reduce"):
        places = [str(tmp_path), str(tmp_path / "begun"), str(tmp_path / "end")]
        clients.append(
            subprocess.Popen(
                [sys.executable, "-c", CLIENT, address, *places, method],
                env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(TESTS), "PYTHONDONTWRITEBYTECODE": "1"},
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        return clients[-1]

    yield start
    for process in clients:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("method", ["reduce", "stream"])
def test_ended_client_leaves_no_task(engine, cluster, start_client, tmp_path, method):
    process = start_client(cluster.address, method)
    wait_until((tmp_path / "begun").exists)
    process.terminate()
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (128 + signal.SIGTERM, "", "")
    wait_until(lambda: client(engine).run_on_scheduler(count_tasks) == 0)
    (tmp_path / "end").touch()
    assert reduce(engine, [Numbers((n,)) for n in range(10)]) == 90  # the threads are free again


def test_client_ended_while_connecting_is_silent(start_client):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        process = start_client(f"tcp://127.0.0.1:{mute.getsockname()[1]}")
        connection, _ = mute.accept()
        process.terminate()
        out, err = process.communicate(timeout=120)
        connection.close()
    assert (process.returncode, out, err) == (128 + signal.SIGTERM, "", "")


def test_failing_connection_is_reported_in_one_line(start_client):
    process = start_client("tls://127.0.0.1:1")  # without a certificate
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, "")
    assert err.startswith("tls://127.0.0.1:1: no scheduler answers (")
    assert err.count("\n") == 1


def family(process):
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
def test_ended_local_cluster_leaves_no_process(start_client, tmp_path, number):
    process = start_client("local:2")
    wait_until((tmp_path / "begun").exists)
    children = family(process)
    assert len([child for child in children if "spawn_main" in " ".join(child.cmdline())]) == 2
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    out, err = process.communicate(timeout=120)
    if number != signal.SIGKILL:
        assert (process.returncode, out, err) == (128 + number, "", "")
    wait_until(lambda: not any(child.is_running() for child in children))


def listening(process):
    """Return the addresses of the servers of a process and its children."""
    processes = [psutil.Process(process.pid), *family(process)]
    found = [one.laddr for each in processes for one in each.net_connections() if one.status == "LISTEN"]
    return [(address.ip, address.port) for address in found]


def request(address, context=None):
    """Return the answer of a server to a request, by TLS if there is a context."""
    with ExitStack() as stack, suppress(ssl.SSLError, ConnectionError):
        connection = stack.enter_context(socket.create_connection(address, timeout=120))
        if context is not None:
            connection = stack.enter_context(context.wrap_socket(connection))
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return connection.recv(1000)
    return b""


def test_local_cluster_refuses_other_clients(start_client, tmp_path, cluster):
    assert request(("127.0.0.1", int(cluster.address.rpartition(":")[2]))) != b""  # a cluster without encryption
    process = start_client("local:1")
    wait_until((tmp_path / "begun").exists, STARTED)
    addresses = listening(process)
    assert len(addresses) == 3  # the scheduler, a nanny, and a worker
    stranger = distributed.Security.temporary()  # of the same kind, with another key
    trusting = stranger.get_connection_args("client")["ssl_context"]  # accepts any server
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    for address in addresses:
        assert address[0] == "127.0.0.1"
        assert request(address) == b""
        assert request(address, stranger.get_connection_args("client")["ssl_context"]) == b""
        assert request(address, trusting) == b""
        for scheme, security in (("tcp", None), ("tls", stranger)):
            with pytest.raises(CommClosedError):  # a timeout is another error
                distributed.Client(f"{scheme}://127.0.0.1:{address[1]}", security=security, timeout=60)
    secrets = [b"PRIVATE KEY", b"CERTIFICATE"]
    for member in [psutil.Process(process.pid), *family(process)]:
        shown = " ".join([*member.cmdline(), *member.environ().values()]).encode()
        assert not any(secret in shown for secret in secrets)
    children = family(process)
    (tmp_path / "end").touch()
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (0, f"{sum(range(100))}\n", "")
    wait_until(lambda: not any(child.is_running() for child in children))


@pytest.mark.parametrize("n", ["", "0", "-1", "x", "1.5", "+1", " 1", "01", "٣", "257", "99999999999", "9" * 5000])
def test_invalid_number_of_local_workers_is_refused(n):
    with pytest.raises(UsageError, match="from 1 to 256"):
        ClusterEngine(f"local:{n}", tempfile.gettempdir, print)


def test_local_cluster_ended_while_starting_leaves_no_process(start_client):
    process = start_client("local:2")
    wait_until(lambda: len(family(process)) >= 2)
    children = family(process)
    process.terminate()
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (128 + signal.SIGTERM, "", "")
    wait_until(lambda: not any(child.is_running() for child in children))
