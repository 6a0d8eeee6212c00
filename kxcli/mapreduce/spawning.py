"""The environment of new processes: signals, stderr, imports."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker, util
from typing import Any

from kxcli.signals import block_signals


@contextmanager
def block_signals_of_children() -> Iterator[None]:
    """Block ending signals in this thread and in the threads and processes it starts.

    Before a worker ignores Ctrl-C, it would print a traceback for it.
    """
    with block_signals():
        resource_tracker.ensure_running()  # now, because this unblocks SIGINT at its end
    with block_signals():
        yield


@contextmanager
def silence_workers() -> Iterator[None]:
    """Start processes without stderr; the parent reports their errors.

    Under limits (of memory, open files, processes), each process would print a traceback at its end.
    """
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore")  # about a resource tracker that was killed and is restarted
        with suppress(OSError):  # it is closed
            stderr = os.dup(2)
            stack.callback(os.close, stderr)
            null = os.open(os.devnull, os.O_WRONLY)
            stack.callback(os.close, null)
            stack.callback(os.dup2, stderr, 2)
            os.dup2(null, 2)
        yield


@contextmanager
def isolate_workers() -> Iterator[None]:
    """Start processes without the main script and the current folder.

    multiprocessing starts `python -c`, which looks for modules in the current folder first. PYTHONSAFEPATH prevents
    that, and PYTHONPATH is the search path of this process, so that a worker imports the same kxcli.
    """
    path = os.pathsep.join(folder for folder in sys.path if folder)
    with _hide_main_script(), _set_environment(PYTHONSAFEPATH="1", PYTHONPATH=path), _add_safe_path_option():
        yield


@contextmanager
def _add_safe_path_option() -> Iterator[None]:
    """Start processes with -P if this one ignores the environment (-E).

    They ignore it, too, and with it PYTHONSAFEPATH.
    """
    if not sys.flags.ignore_environment:
        yield
        return
    flags = util._args_from_interpreter_flags  # type: ignore[attr-defined]
    util._args_from_interpreter_flags = lambda: [*flags(), "-P"]  # type: ignore[attr-defined]
    try:
        yield
    finally:
        util._args_from_interpreter_flags = flags  # type: ignore[attr-defined]


@contextmanager
def _hide_main_script() -> Iterator[None]:
    """Keep workers from importing the parent's main script.

    A task needs nothing of it.
    """
    main = sys.modules["__main__"].__dict__
    hidden: dict[str, Any] = {name: main.pop(name) for name in ("__file__", "__spec__") if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)


@contextmanager
def _set_environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
