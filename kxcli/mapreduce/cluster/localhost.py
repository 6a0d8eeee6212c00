"""A cluster on this machine for one run, closed to other runs and users.

Anyone with access to a scheduler or a worker can run any program there, and each user of a machine reaches the ports of
its loopback address. So both ends of each connection have to show the key of the run, which stays in memory.
"""

import logging
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import cryptography  # noqa: F401 -- `Security.temporary` needs it
import dask
from distributed import Nanny, Scheduler, Security, SpecCluster, Worker
from distributed.utils import LoopRunner, sync

from kxcli.mapreduce.spawning import hold_back_signals, isolate_workers, silence_workers

_CLOSED = 5  # seconds to take leave in


class _NoHttp:
    """Part of a server without a port for HTTP."""

    def start_http_server(self, *args: Any, **kwargs: Any) -> None:
        """Start no HTTP server."""


class LocalScheduler(_NoHttp, Scheduler):  # type: ignore[misc, unused-ignore]
    """A scheduler without HTTP."""


class LocalWorker(_NoHttp, Worker):  # type: ignore[misc, unused-ignore]
    """A worker without HTTP."""


@contextmanager
def start_cluster(n: int, folder: str) -> Iterator[tuple[str, Security]]:
    """Start a scheduler in this process, and n workers; yield its address and key.

    When the block ends, no process is left.
    """
    before = set(multiprocessing.active_children())
    security = Security.temporary()
    common = {"host": "127.0.0.1", "protocol": "tls://", "security": security}
    worker = {
        **common,
        "nthreads": 1,
        "memory_limit": 1 / n,  # of this machine's
        "worker_class": LocalWorker,
        "local_directory": folder,
        "silence_logs": logging.CRITICAL + 1,
    }
    runner = LoopRunner()
    clusters: list[Any] = []

    async def start() -> str:
        clusters.append(
            SpecCluster(
                scheduler={"cls": LocalScheduler, "options": {**common, "port": 0, "dashboard": False}},
                workers={number: {"cls": Nanny, "options": worker} for number in range(n)},
                security=security,
                silence_logs=logging.CRITICAL + 1,
                asynchronous=True,
            )
        )
        cluster = await clusters[0]
        return str(cluster.scheduler_address)

    async def stop() -> None:
        kill()
        for cluster in clusters:
            await cluster.close()

    def kill() -> None:
        """Kill the workers, and start none again. They have nothing to clean up.

        Asked to end, they would finish their tasks first.
        """
        for cluster in clusters:
            for nanny in cluster.workers.values():
                nanny.auto_restart = False
        for process in set(multiprocessing.active_children()) - before:
            process.kill()
            process.join()

    # The scheduler has its own idea of a temporary folder, and a worker that died is started again at any time.
    with dask.config.set({"temporary-directory": folder}), isolate_workers():
        try:
            with hold_back_signals():  # the loop's thread starts the workers
                runner.start()
            with silence_workers():
                address = sync(runner.loop, start)
            yield address, security
        finally:
            kill()  # now, as the thread may be at work on starting more of them
            with suppress(Exception):
                sync(runner.loop, stop, callback_timeout=_CLOSED)
            kill()
            runner.stop()
