"""Errors for users, with their exit codes.

The message of an error is one sentence: the place, the fault, and the fix. Workers pickle errors for the parent
process, so each error keeps its arguments in `args`.
"""

import re
import shlex
import signal


class KxcliError(Exception):
    """An error; `str()` describes it in one line."""

    exit_code = 1


class UsageError(KxcliError):
    """Options that exclude each other, or an invalid value."""

    exit_code = 2


class InputError(KxcliError):
    """Invalid or unreadable input.

    Args:
        path: The input.
        what: The fault.
        hint: The fix.
        line: The number of the line, from 1.
        offset: The first bad byte, for a worker with a byte range that does not know its first line;
            `corpus.diagnostics.locate_error` turns it into a line.
    """

    def __init__(
        self, path: str, what: str, hint: str = "", line: int | None = None, offset: int | None = None
    ) -> None:
        super().__init__(path, what, hint, line, offset)
        self.path, self.what, self.hint, self.line, self.offset = path, what, hint, line, offset

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{where}: {self.what}; {self.hint}" if self.hint else f"{where}: {self.what}"


def make_changed_error(path: str) -> InputError:
    """Return the error for an input changed during the run."""
    return InputError(path, "changed while it was read", "run again when nobody writes to it")


class TooManySkippedError(KxcliError):
    """More skipped documents than --max-skipped allows.

    Args:
        n_skipped: The skipped or repaired documents.
        n_documents: All documents, including the skipped ones.
        limit: The limit as the user wrote it.
    """

    def __init__(self, n_skipped: int, n_documents: int, limit: str) -> None:
        super().__init__(n_skipped, n_documents, limit)

    def __str__(self) -> str:
        n_skipped, n_documents, limit = self.args
        share = f" ({n_skipped / n_documents:.2%})" if n_documents else ""
        what = f"skipped or repaired {n_skipped:,} of {n_documents:,} documents{share}"
        return f"{what}, more than --max-skipped {limit}; fix the inputs, or raise the limit"


class DamagedPartialError(KxcliError):
    """A partial from a damaged file."""

    def __init__(self, what: str) -> None:
        super().__init__(what)

    def __str__(self) -> str:
        return f"a file of saved counts is damaged ({self.args[0]}); remove the folder of --checkpoint, and run again"


class OutputError(KxcliError):
    """Output that cannot be written."""

    def __init__(self, path: str, what: str, hint: str = "") -> None:
        super().__init__(path, what, hint)

    def __str__(self) -> str:
        path, what, hint = self.args
        return f"{path}: {what}; {hint}" if hint else f"{path}: {what}"


class MissingExtraError(KxcliError):
    """A missing library of an optional feature."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, extra)

    def __str__(self) -> str:
        what, extra = self.args
        return f"{what} needs an extra library; install it with: pip install {list_requirements(extra)}"


def list_requirements(extra: str) -> str:
    """Return the arguments of `pip install` for an extra."""
    from importlib.metadata import PackageNotFoundError, requires

    names = []
    try:
        for requirement in requires("kxcli") or ():
            name, _, marker = requirement.partition(";")
            if re.search(rf"\bextra == ['\"]{extra}['\"]", marker):
                names.append(shlex.quote(name.strip()))
    except PackageNotFoundError:  # it runs from a checkout
        pass
    return " ".join(names) or f"'.[{extra}]' in the checkout of kxcli"


class WorkerDiedError(KxcliError):
    """The death of a worker process.

    Args:
        task: The task that it had; None if it had none.
        exit_code: The negative number of the signal, or the exit status; None if several workers of a cluster died in
            turn for unknown reasons.
    """

    def __init__(self, task: str | None, exit_code: int | None) -> None:
        super().__init__(task, exit_code)

    @property
    def summary(self) -> str:
        """The first half of the message."""
        task, code = self.args
        if code is None:
            return (
                f"{task}: every worker that had this part of the input died; "
                "if memory ran out, use workers with more memory, or fewer threads per worker"
            )
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        return f"an idle worker process {how}" if task is None else f"{task}: its worker process {how}"

    @property
    def is_bus_error(self) -> bool:
        """Whether a mapped file or its disk failed, so that retries are useless."""
        return bool(self.args[1] == -signal.SIGBUS)

    def __str__(self) -> str:
        if self.is_bus_error:
            what = "a file that it had mapped into memory was truncated, or its disk failed"
            return f"{self.summary}: {what}; leave TMPDIR and the folders of --checkpoint and --kb-cache alone"
        return f"{self.summary}; if memory ran out, use less (--memory, -j), or a machine with more"


class ClusterError(KxcliError):
    """A cluster without suitable workers, or without a connection."""

    def __init__(self, address: str, what: str, hint: str) -> None:
        super().__init__(address, what, hint)

    def __str__(self) -> str:
        return "{}: {}; {}".format(*self.args)


class InterruptedBySignal(BaseException):
    """The end of the run by a signal, raised in the main thread for the clean-up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def format_reason(error: OSError) -> str:
    """Return the description of an error, such as "No such file or directory"."""
    return error.strerror or str(error)
