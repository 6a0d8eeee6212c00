"""Clusters for tests: a real scheduler and real workers, each a process of its own.

Both test files about clusters load this as a plugin, and import it before that, too early for pytest to rewrite its
assertions: PYTEST_DONT_REWRITE. It has none.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from conftest import ROOT, share_dictionaries, wait_until

from kxcli.mapreduce.cluster.connection import Timeouts
from kxcli.mapreduce.cluster.engine import ClusterEngine

TESTS = ROOT / "tests"
STARTED = 120  # seconds for a scheduler or worker to start on a busy machine


class Cluster:
    """A scheduler, and the workers that a test starts."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.processes = []
        self.environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(folder),
            "PYTHONPATH": str(TESTS),
            "PYTHONDONTWRITEBYTECODE": "1",
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",
        }
        share_dictionaries(self.folder)
        file = self.folder / "scheduler.json"
        arguments = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
        self.scheduler = self.start("-m", "dask", "scheduler", *arguments)
        wait_until(lambda: file.exists() and file.read_text().endswith("}"), STARTED)
        self.address = json.loads(file.read_text())["address"]

    def start(self, *arguments):
        number = len(self.processes)
        with open(self.folder / f"log-{number}", "wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, *arguments],
                    cwd=self.folder,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
        return self.processes[-1]

    def worker(self, *options, before=""):
        """Start a worker; `before` is code that its process runs first."""
        script = f"{before}\nimport sys\nfrom distributed.cli.dask_worker import main\nmain(sys.argv[1:])"
        arguments = [self.address, "--no-dashboard", "--host", "127.0.0.1", "--local-directory", str(self.folder)]
        return self.start("-c", script, *arguments, *options)

    def stop(self, process):
        for child in [*psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []:
            child.kill()
        process.kill()
        process.wait()

    def close(self):
        for process in reversed(self.processes):
            self.stop(process)


@pytest.fixture
def new_cluster():
    """Return a function that starts a cluster until the test ends."""
    folder = tempfile.mkdtemp(prefix="kxcli-test-")
    started = []

    def start():
        started.append(Cluster(folder))
        return started[0]

    yield start
    for cluster in started:
        cluster.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster():
    """Return a scheduler with two workers of one and two threads; dead ones are restarted by the nanny of Dask.

    It ends with the tests of a file, because processes of Dask use the processor all the time.
    """
    with tempfile.TemporaryDirectory(prefix="kxcli-test-", ignore_cleanup_errors=True) as folder:
        made = Cluster(folder)
        try:
            made.worker("--nthreads", "1")
            made.worker("--nthreads", "2")
            with engine_at(made.address) as engine:
                wait_until(lambda: sum(threads(engine).values()) == 3, STARTED)
            yield made
        finally:
            made.close()


def engine_at(address, *, log=lambda message: None, max_remembered_bytes=1 << 28, **timeouts):
    return ClusterEngine(
        address,
        tempfile.gettempdir,
        log,
        timeouts=Timeouts(**timeouts),
        max_remembered_bytes=max_remembered_bytes,
    )


def threads(engine):
    return client(engine).nthreads()


def client(engine):
    return engine._connection.client
