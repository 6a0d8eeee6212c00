"""Cost of a cluster: scheduler time and memory per batch, by the number of parts.

    python benchmarks/cluster.py [BATCHES]

Starts a scheduler and two workers on this machine, and runs nearly empty batches.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kxcli.corpus.reader_spec import SourceFormat
from kxcli.corpus.shards import ByteRange, ShardTask
from kxcli.corpus.sources import Source
from kxcli.mapreduce.cluster.engine import ClusterEngine
from kxcli.mapreduce.cluster.work import pickle_value
from kxcli.mapreduce.job import Call

HERE = os.path.dirname(os.path.abspath(__file__))


@dataclass(frozen=True)
class Empty:
    """A task about as long as the name of a file and two numbers, as large as a batch may be."""

    name: str
    start: int
    size: int = 1 << 28


def read(task: Empty, diagnostics: object, spooled: object) -> tuple[()]:
    """Return the records of a task: none."""
    return ()


class Nothing:
    """A job whose partials are empty, and can be split."""

    def setup(self, shared: Any) -> None:
        """Need nothing."""

    def map(self, records: Any) -> bytes:
        """Return nothing."""
        return b""

    def merge(self, left: bytes, right: bytes) -> bytes:
        """Return nothing."""
        return left

    def split(self, partial: bytes, n: int) -> list[bytes]:
        """Return nothing, n times."""
        return [partial] * n

    def finish(self, partial: bytes) -> bytes:
        """Return nothing."""
        return partial

    def dump(self, partial: bytes) -> bytes:
        """Return nothing."""
        return partial

    def load(self, data: bytes | memoryview) -> bytes:
        """Return nothing."""
        return bytes(data)


@dataclass(frozen=True)
class Write:
    """Writes nothing."""

    def __call__(self, number: int, partial: bytes) -> int:
        """Return the number of the part."""
        return number


@contextmanager
def scheduler() -> Iterator[tuple[str, int]]:
    """Start a scheduler and two workers; give its address and the id of its process."""
    environment = {**os.environ, "PYTHONPATH": HERE}
    started: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="kxcli-bench-") as folder:
        file = Path(folder, "address")

        def start(*arguments: str) -> None:
            command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard", "--host", "127.0.0.1"]
            started.append(subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL))

        try:
            start("scheduler", "--port", "0", "--scheduler-file", str(file))
            while not file.exists():
                time.sleep(0.05)
            for _ in range(2):
                start("worker", "--scheduler-file", str(file), "--nthreads", "1", "--local-directory", folder)
            time.sleep(3)
            yield json.loads(file.read_text())["address"], started[0].pid
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait()


def read_resident_bytes(pid: int) -> int:
    """Return the bytes of memory that a process has."""
    pages = Path("/proc", str(pid), "statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def read_cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has taken."""
    fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def count_tasks(dask_scheduler: Any = None) -> int:
    """Return how many tasks a scheduler knows."""
    return len(dask_scheduler.tasks)


def measure(parts: int, n: int) -> str:
    """Return a row."""
    n_done = n_tasks = at_end = 0

    def on_done(done: Any) -> None:
        nonlocal n_done, n_tasks, at_end
        n_done += 1
        if n_done == n:
            n_tasks, at_end = client.run_on_scheduler(count_tasks), read_resident_bytes(pid)

    with scheduler() as (address, pid), ClusterEngine(address, tempfile.gettempdir, print) as engine:
        client = engine._connection.client
        before, cpu = read_resident_bytes(pid), read_cpu_seconds(pid)
        tasks = [Empty("/corpus/part-000017.txt", number << 28) for number in range(n)]
        start = time.monotonic()
        engine.reduce_into(Call(read, tasks, Nothing(), None, on_done), Write(), parts)
        took, cpu = time.monotonic() - start, read_cpu_seconds(pid) - cpu
    columns = [
        f"{parts}",
        f"{n}",
        f"{n_tasks / n:.1f}",
        f"{1000 * took / n:.1f}",
        f"{1000 * cpu / n:.1f}",
        f"{before / 2**20:.0f}",
        f"{at_end / 2**20:.0f}",
        f"{(at_end - before) / n / 2**10:.1f}",
    ]
    return "\t".join(columns)


def main() -> None:
    """Print a row for each number of parts."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print("parts\tbatches\ttasks kept/batch\tms/batch\tscheduler: CPU ms/batch\tMB at the start\tat the end\tKB/batch")
    for parts in (4, 16, 64):
        print(measure(parts, n), flush=True)
    shown = "/corpus/part-000017.txt"
    source = Source(shown, 1 << 40)
    batch = []
    for at in range(4096, 4096 + 256):
        shard = ByteRange(source, at << 20, (at + 1) << 20, SourceFormat("text", "utf-8"), shown)
        batch.append(ShardTask((shard,), 1 << 20, shown))
    print(f"a batch of 256 ranges of 1M is sent as {len(pickle_value(batch)):,} bytes")


if __name__ == "__main__":
    import cluster  # workers find the job by this module's name

    cluster.main()
