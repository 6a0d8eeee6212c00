"""The client of a cluster: connected, its workers asked who they are, its answers waited for; and silent."""

import logging
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from kxcli.errors import ClusterError, MissingExtraError, UsageError
from kxcli.mapreduce.cluster.work import difference
from kxcli.mapreduce.versions import versions

if TYPE_CHECKING:
    from distributed import Client, Future

_LOCAL = "local:"
_MAX_LOCAL = 256  # processes of some 100 MB each, which are started whether there is work for them or not
_CONNECTED = 10  # seconds until a scheduler that does not answer is not there
_PATIENCE = 30  # seconds that a cluster may be without any worker
_GLANCE = 2  # seconds without an answer after which it is looked whether there are workers
_CLOSED = 5  # seconds to take leave in

# What a worker evaluates: it has to answer where kxcli is not installed, and no function of ours can be sent there.
_WHO = (
    "__import__('importlib.util').util.find_spec('kxcli')"
    " and __import__('kxcli.mapreduce.versions', fromlist=['versions']).versions()"
)
_LOUD = ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application", "bokeh", "asyncio")


class Connection:
    """A cluster that can work, until the block ends.

    address: `tcp://host:port`, `tls://host:port`, or `local:N` for N processes on this machine, gone at the end.
    folder: makes the run's private folder.  tell: is told what is waited for.
    """

    def __init__(self, address: str, folder: Callable[[], str], tell: Callable[[str], None]) -> None:
        self.address, self._folder, self._tell = address, folder, tell
        self.workers = 0
        self._n_local = _local(address)
        self._stack = ExitStack()
        self._last_seen = 0.0  # when there were workers

    def __enter__(self) -> "Connection":
        try:
            import distributed

            if self._n_local:
                from kxcli.mapreduce.cluster.localhost import start_cluster
        except ImportError:
            raise MissingExtraError("--cluster", "cluster") from None
        with self._stack:
            self._stack.enter_context(_silence())
            address, security = self.address, None
            if self._n_local:
                try:
                    address, security = self._stack.enter_context(start_cluster(self._n_local, self._folder()))
                except (OSError, RuntimeError) as error:  # a limit on processes, threads, memory or open files
                    what = f"its workers could not be started ({_first_line(error)})"
                    raise ClusterError(self.address, what, "use fewer of them, or -j without --cluster") from None
            self.client: Client = distributed.Client.__new__(distributed.Client)
            self._stack.callback(self._close)  # also where it is still at connecting
            try:
                self.client.__init__(  # type: ignore[misc]
                    address, timeout=_CONNECTED, security=security, set_as_default=False, name="kxcli"
                )
            except (OSError, TypeError, ValueError, RuntimeError) as error:
                what = f"no scheduler answers ({_first_line(error)})"
                hint = "start one with `dask scheduler`, or look at the address"
                raise ClusterError(self.address, what, hint) from None
            self._wait_for_workers()
            self.workers = sum(self.check_workers().values())
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _close(self) -> None:
        with suppress(Exception):  # the scheduler may be gone
            self.client.close(timeout=_CLOSED)
        with suppress(Exception):  # its thread and sockets, which it keeps where it could not connect or take leave
            self.client._loop_runner.stop()
        self.client.status = "closed"  # so that it does not try, and complain, again when it is collected

    def _wait_for_workers(self) -> None:
        end = time.monotonic() + _PATIENCE
        is_told = False
        while not self.client.nthreads():
            if not is_told:
                self._tell(f"waiting for a worker at {self.address}, up to {_PATIENCE} seconds")
                is_told = True
            if time.monotonic() > end:
                raise self._without_workers()
            time.sleep(0.2)

    def check_workers(self) -> dict[str, int]:
        """Return the workers by address, with their threads; `ClusterError` where one would not compute the same."""
        answers: dict[str, Any] = self.client.run(eval, _WHO, on_error="return")
        for address, found in sorted(answers.items()):
            if isinstance(found, BaseException):
                what = f"this worker does not say which kxcli it has ({_first_line(found)})"
                raise ClusterError(address, what, "look at its log")
            if (wrong := difference(found or {}, versions())) is not None:
                raise ClusterError(address, *wrong)
        threads = self.client.nthreads()
        return {address: threads.get(address, 1) for address in answers}

    def gathered(self, futures: "list[Future[Any]]") -> list[Any]:
        """Return results that are there, or raise what they ended in; `ClusterError` where the scheduler is gone."""
        if self.client.status != "running":
            raise self.gone()
        try:
            return list(self.client.gather(futures))
        except Exception:
            if self.client.status != "running":
                raise self.gone() from None
            raise

    def finished(self, queue: "SimpleQueue[Future[Any]]") -> "list[Future[Any]]":
        """Wait for futures that put themselves in a queue; `ClusterError` where none can come."""
        done: list[Future[Any]] = []
        self._last_seen = time.monotonic()
        while not done:
            with suppress(Empty):
                done.append(queue.get(timeout=_GLANCE))
                continue
            self._look_for_workers()
        with suppress(Empty):
            while True:
                done.append(queue.get_nowait())
        return done

    def _look_for_workers(self) -> None:
        if self.client.status != "running":
            raise self.gone()
        try:
            is_anyone_there = bool(self.client.nthreads())
        except (OSError, RuntimeError, AttributeError):
            raise self.gone() from None
        if is_anyone_there:
            self._last_seen = time.monotonic()
        elif time.monotonic() - self._last_seen > _PATIENCE:
            raise self._without_workers()

    def gone(self) -> ClusterError:
        """Return the error of a scheduler that is not there any more."""
        return ClusterError(self.address, "the scheduler is gone, and what was computed with it", "run this again")

    def _without_workers(self) -> ClusterError:
        what = f"the scheduler has had no worker for {_PATIENCE} seconds"
        return ClusterError(self.address, what, "start some with `dask worker`")


def _local(address: str) -> int:
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
    """Let nobody but us write to stderr: what matters of it becomes an error of ours."""
    import dask

    for name in _LOUD:
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings(), dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
        for module in ("distributed", "dask", "tornado"):
            warnings.filterwarnings("ignore", module=module)
        yield


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
