"""What can go wrong for a user, each with its exit code.

Every error carries one clear sentence: where, what is wrong, what to do.  They travel from workers to the
parent by pickling, so each keeps its arguments in `args`.
"""

import re
import shlex
import signal


class KxcliError(Exception):
    """An error to be told in one line; `str()` is that line without the program's name."""

    exit_code = 1


class UsageError(KxcliError):
    """Options that do not fit together, or values that no run could use."""

    exit_code = 2


class InputError(KxcliError):
    """Input that cannot be read as asked.

    `line` counts from 1.  A worker that was handed a byte range does not know its first line: it gives `offset`,
    the byte where the trouble starts, and `corpus.diagnostics.locate_error` turns that into a line.
    """

    def __init__(
        self, path: str, what: str, hint: str = "", line: int | None = None, offset: int | None = None
    ) -> None:
        super().__init__(path, what, hint, line, offset)
        self.path, self.what, self.hint, self.line, self.offset = path, what, hint, line, offset

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{where}: {self.what}; {self.hint}" if self.hint else f"{where}: {self.what}"


def changed_error(path: str) -> InputError:
    """Return the error for an input that is not as it was when the run began."""
    return InputError(path, "changed while it was read", "run again when nobody writes to it")


class DamagedPartialError(KxcliError):
    """A partial from a damaged file."""

    def __init__(self, what: str) -> None:
        super().__init__(what)

    def __str__(self) -> str:
        return (
            f"counts that were read back are damaged ({self.args[0]}); remove the folder of --checkpoint, and run again"
        )


class OutputError(KxcliError):
    """Output that cannot be written."""

    def __init__(self, path: str, what: str, hint: str = "") -> None:
        super().__init__(path, what, hint)

    def __str__(self) -> str:
        path, what, hint = self.args
        return f"{path}: {what}; {hint}" if hint else f"{path}: {what}"


class MissingExtraError(KxcliError):
    """A library that an optional feature needs is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, extra)

    def __str__(self) -> str:
        what, extra = self.args
        return f"{what} needs an extra library; install it with: pip install {requirements(extra)}"


def requirements(extra: str) -> str:
    """Return the arguments of `pip install` for an extra."""
    from importlib.metadata import PackageNotFoundError, requires

    names = []
    try:
        for requirement in requires("kxcli") or ():
            name, _, marker = requirement.partition(";")
            if re.search(rf"\bextra == ['\"]{extra}['\"]", marker):
                names.append(shlex.quote(name.strip()))
    except PackageNotFoundError:  # it is run from a checkout and was not installed
        pass
    return " ".join(names) or f"'.[{extra}]' in the checkout of kxcli"


class WorkerDiedError(KxcliError):
    """A worker process was killed, or ended itself, while it had a task.

    exit_code: None, where several workers of a cluster did, one after the other, and nobody tells how.
    """

    def __init__(self, task: str | None, exit_code: int | None) -> None:
        super().__init__(task, exit_code)

    @property
    def what_happened(self) -> str:
        """The first half of the message."""
        task, code = self.args
        if code is None:
            return (
                f"{task}: every worker that had this part of the input died; "
                "where memory ran out, use workers with more, or fewer threads on each"
            )
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        return (
            f"a worker process that had nothing to do {how}"
            if task is None
            else (f"{task}: the worker process that had this part of the input {how}")
        )

    @property
    def is_bus_error(self) -> bool:
        """Whether a mapped file became shorter or its disk failed; no retry helps."""
        return bool(self.args[1] == -signal.SIGBUS)

    def __str__(self) -> str:
        if self.is_bus_error:
            what = "a file that it had mapped into memory was truncated, or its disk failed"
            return f"{self.what_happened}: {what}; leave TMPDIR and the folders of --checkpoint and --kb-cache alone"
        return f"{self.what_happened}; where memory ran out, use less of it (--memory, -j), or a machine with more"


class ClusterError(KxcliError):
    """A cluster that cannot do the work: it is not there, has no workers, or not the right ones."""

    def __init__(self, address: str, what: str, hint: str) -> None:
        super().__init__(address, what, hint)

    def __str__(self) -> str:
        return "{}: {}; {}".format(*self.args)


class InterruptedBySignal(BaseException):
    """SIGTERM or SIGHUP arrived; raised in the main thread so that everything is cleaned up on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def reason(error: OSError) -> str:
    """Return the operating system's words for an error, as in "No such file or directory"."""
    return error.strerror or str(error)
