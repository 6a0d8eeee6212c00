"""The client of a cluster: connects, checks workers, waits for results.

Dask writes nothing to stderr.
"""

import logging
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from kxcli.errors import ClusterError, MissingExtraError, UsageError
from kxcli.mapreduce.cluster.work import find_version_mismatch
from kxcli.mapreduce.versions import versions

if TYPE_CHECKING:
    from distributed import Client, Future, Security

_LOCAL = "local:"
_MAX_LOCAL = 256  # processes of some 100 MB each, which are started whether there is work for them or not
_CLOSE_SECONDS = 5

# Workers evaluate this: they have to answer even without kxcli, so none of its functions can be sent.
_GET_VERSIONS = (
    "__import__('importlib.util').util.find_spec('kxcli')"
    " and __import__('kxcli.mapreduce.versions', fromlist=['versions']).versions()"
)
_LOGGERS = ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application", "bokeh", "asyncio")


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait for a cluster.

    Attributes:
        connect: For the scheduler to answer.
        worker: For a cluster without workers to get one.
        check: Without a result until the cluster is checked for workers.
    """

    connect: float = 10
    worker: float = 30
    check: float = 2


class ClusterConnection:
    """A cluster that can work, until the block ends.

    Args:
        address: `tcp://host:port`, `tls://host:port`, or `local:N` for N processes on this machine, which end with it.
        make_folder: Returns the private folder of the run.
        log: Receives a message if there is no worker yet.
        timeouts: How long to wait.

    Attributes:
        n_threads: Of all workers.
    """

    def __init__(
        self,
        address: str,
        make_folder: Callable[[], str],
        log: Callable[[str], None],
        timeouts: Timeouts,
    ) -> None:
        self.address, self._make_folder, self._log, self.timeouts = address, make_folder, log, timeouts
        self.n_threads = 0
        self._n_local = _parse_local(address)
        self._stack = ExitStack()
        self._last_seen = 0.0  # when there were workers

    def __enter__(self) -> "ClusterConnection":
        try:
            import distributed

            if self._n_local:
                import kxcli.mapreduce.cluster.localhost  # noqa: F401
        except ImportError:
            raise MissingExtraError("--cluster", "cluster") from None
        with self._stack:
            self._stack.enter_context(_silence())
            address, security = self._start_local() if self._n_local else (self.address, None)
            self.client: Client = distributed.Client.__new__(distributed.Client)
            self._stack.callback(self._close)  # also while it connects
            try:
                self.client.__init__(  # type: ignore[misc]
                    address, timeout=self.timeouts.connect, security=security, set_as_default=False, name="kxcli"
                )
            except (OSError, TypeError, ValueError, RuntimeError) as error:
                what = f"no scheduler answers ({_get_first_line(error)})"
                hint = "start one with `dask scheduler`, or check the address"
                raise ClusterError(self.address, what, hint) from None
            self._wait_for_workers()
            self.n_threads = sum(self.check_workers().values())
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def check_workers(self) -> dict[str, int]:
        """Return the threads of each worker by address.

        Raises `ClusterError` if a worker has other versions.
        """
        answers: dict[str, Any] = self.client.run(eval, _GET_VERSIONS, on_error="return")
        for address, found in sorted(answers.items()):
            if isinstance(found, BaseException):
                what = f"this worker does not report its version of kxcli ({_get_first_line(found)})"
                raise ClusterError(address, what, "see its log")
            if (mismatch := find_version_mismatch(found or {}, versions())) is not None:
                raise ClusterError(address, *mismatch)
        threads = self.client.nthreads()
        return {address: threads.get(address, 1) for address in answers}

    def fetch(self, futures: "list[Future[Any]]") -> list[Any]:
        """Return the results of finished futures, or raise their error.

        Raises `ClusterError` if the scheduler is gone.
        """
        if self.client.status != "running":
            raise self.make_gone_error()
        try:
            return list(self.client.gather(futures))
        except Exception:
            if self.client.status != "running":
                raise self.make_gone_error() from None
            raise

    def wait_finished(self, queue: "SimpleQueue[Future[Any]]") -> "list[Future[Any]]":
        """Wait for finished futures in a queue.

        Raises `ClusterError` if none can come.
        """
        finished: list[Future[Any]] = []
        self._last_seen = time.monotonic()
        while not finished:
            with suppress(Empty):
                finished.append(queue.get(timeout=self.timeouts.check))
                continue
            self._check_has_workers()
        with suppress(Empty):
            while True:
                finished.append(queue.get_nowait())
        return finished

    def make_gone_error(self) -> ClusterError:
        """Return the error of a scheduler that has ended."""
        return ClusterError(self.address, "the scheduler is gone, and the results with it", "run this again")

    def _start_local(self) -> "tuple[str, Security]":
        """Start a cluster on this machine; return its address and key."""
        from kxcli.mapreduce.cluster.localhost import start_cluster

        try:
            return self._stack.enter_context(start_cluster(self._n_local, self._make_folder()))
        except (OSError, RuntimeError) as error:  # a limit on processes, threads, memory or open files
            what = f"its workers could not be started ({_get_first_line(error)})"
            raise ClusterError(self.address, what, "use fewer of them, or -j without --cluster") from None

    def _close(self) -> None:
        with suppress(Exception):  # the scheduler may be gone
            self.client.close(timeout=_CLOSE_SECONDS)
        with suppress(Exception):  # its thread and sockets, which stay if it could not connect or close
            self.client._loop_runner.stop()
        self.client.status = "closed"  # so that its destructor does not try again, and complain

    def _wait_for_workers(self) -> None:
        end = time.monotonic() + self.timeouts.worker
        is_logged = False
        while not self.client.nthreads():
            if not is_logged:
                self._log(f"waiting for a worker at {self.address}, up to {self.timeouts.worker:g} seconds")
                is_logged = True
            if time.monotonic() > end:
                raise self._make_no_worker_error()
            time.sleep(0.2)

    def _check_has_workers(self) -> None:
        if self.client.status != "running":
            raise self.make_gone_error()
        try:
            has_workers = bool(self.client.nthreads())
        except (OSError, RuntimeError, AttributeError):
            raise self.make_gone_error() from None
        if has_workers:
            self._last_seen = time.monotonic()
        elif time.monotonic() - self._last_seen > self.timeouts.worker:
            raise self._make_no_worker_error()

    def _make_no_worker_error(self) -> ClusterError:
        what = f"the scheduler has had no worker for {self.timeouts.worker:g} seconds"
        return ClusterError(self.address, what, "start some with `dask worker`")


def _parse_local(address: str) -> int:
    """Return the number of local workers, 0 for an address; raises `UsageError`."""
    if address.startswith(("tcp://", "tls://")):
        return 0
    if not address.startswith(_LOCAL):
        raise UsageError(f"--cluster {address}: name a scheduler, as tcp://HOST:8786 or tls://HOST:8786, or local:N.")
    number = address[len(_LOCAL) :]
    if not re.fullmatch(r"[1-9][0-9]{0,3}", number) or int(number) > _MAX_LOCAL:
        raise UsageError(f"--cluster {address}: N of local:N is a number of processes from 1 to {_MAX_LOCAL}.")
    return int(number)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Dask from writing to stderr: its errors become errors of this program."""
    import dask

    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings(), dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
        for module in ("distributed", "dask", "tornado"):
            warnings.filterwarnings("ignore", module=module)
        yield


def _get_first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
