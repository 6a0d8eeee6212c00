"""A cluster on this machine for one run, closed to other runs and users.

Anyone with access to a scheduler or a worker can run any program there, and each user of a machine reaches the ports of
its loopback address. So both ends of each connection have to present the key of the run, which stays in memory.
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

from kxcli.mapreduce.spawning import block_signals_of_children, isolate_workers, silence_workers

_CLOSE_SECONDS = 5


class _NoHttp:
    """Part of a server without a port for HTTP."""

    def start_http_server(self, *args: Any, **kwargs: Any) -> None:
        """Start no HTTP server."""


class LocalScheduler(_NoHttp, Scheduler):  # type: ignore[misc, unused-ignore]
    """A scheduler without HTTP."""


class LocalWorker(_NoHttp, Worker):  # type: ignore[misc, unused-ignore]
    """A worker without HTTP."""


@contextmanager
def start_cluster(n_workers: int, folder: str) -> Iterator[tuple[str, Security]]:
    """Start a scheduler in this process, and some workers; yield its address and key.

    At the end of the block no process is left.
    """
    security = Security.temporary()
    cluster = _LocalCluster(n_workers, folder, security)
    runner = LoopRunner()
    # The scheduler has its own idea of a temporary folder, and a worker that died is restarted at any time.
    with dask.config.set({"temporary-directory": folder}), isolate_workers():
        try:
            with block_signals_of_children():  # the loop's thread starts the workers
                runner.start()
            with silence_workers():
                address = sync(runner.loop, cluster.start)
            yield address, security
        finally:
            cluster.kill()  # now, because the thread may be starting more of them
            with suppress(Exception):
                sync(runner.loop, cluster.stop, callback_timeout=_CLOSE_SECONDS)
            cluster.kill()
            runner.stop()


class _LocalCluster:
    """A scheduler and its workers, in the thread of an event loop."""

    def __init__(self, n_workers: int, folder: str, security: Security) -> None:
        common = {"host": "127.0.0.1", "protocol": "tls://", "security": security}
        worker = {
            **common,
            "nthreads": 1,
            "memory_limit": 1 / n_workers,  # of this machine's
            "worker_class": LocalWorker,
            "local_directory": folder,
            "silence_logs": logging.CRITICAL + 1,
        }
        self._options = {
            "scheduler": {"cls": LocalScheduler, "options": {**common, "port": 0, "dashboard": False}},
            "workers": {number: {"cls": Nanny, "options": worker} for number in range(n_workers)},
            "security": security,
            "silence_logs": logging.CRITICAL + 1,
            "asynchronous": True,
        }
        self._other_processes = set(multiprocessing.active_children())
        self._cluster: Any = None

    async def start(self) -> str:
        """Start the scheduler and the workers; return the address."""
        self._cluster = SpecCluster(**self._options)
        await self._cluster
        return str(self._cluster.scheduler_address)

    async def stop(self) -> None:
        """Kill the workers, and stop the scheduler."""
        self.kill()
        if self._cluster is not None:
            await self._cluster.close()

    def kill(self) -> None:
        """Kill the workers for good.

        They have nothing to clean up, and a polite request would wait for their tasks.
        """
        for nanny in self._cluster.workers.values() if self._cluster is not None else ():
            nanny.auto_restart = False
        for process in set(multiprocessing.active_children()) - self._other_processes:
            process.kill()
            process.join()
