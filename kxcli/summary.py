"""The facts of a run for --summary, and the limit of --max-skipped."""

import json
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from kxcli import __version__
from kxcli.urls import redact_text

_DIGITS = 3  # decimals of seconds


class SkipLimit(NamedTuple):
    """The documents that may be skipped: a number, or percent of all."""

    text: str
    number: float
    is_percent: bool

    def is_exceeded(self, n_skipped: int, n_documents: int) -> bool:
        """Return whether more were skipped than allowed.

        Args:
            n_skipped: The skipped or repaired documents.
            n_documents: All documents, including the skipped ones.
        """
        if self.is_percent:
            return 100 * n_skipped > self.number * n_documents
        return n_skipped > self.number


def parse_skip_limit(text: str) -> SkipLimit:
    """Return a limit written as N or P%; raise `ValueError` if it is invalid."""
    match = re.fullmatch(r"(\d+)|(\d+(?:\.\d*)?|\.\d+)%", text.strip(), re.ASCII)
    number = float(match[1] or match[2]) if match else -1.0
    if match is None or (match[2] and number > 100):
        raise ValueError(f"{text!r} is not a number of documents or a percentage; write it as 10 or 0.5%")
    return SkipLimit(text.strip(), number, is_percent=match[1] is None)


@dataclass
class InputSummary:
    """One input, as far as it has been read.

    Attributes:
        path: Its name, without the secrets of a URL.
        encoding: The encoding of its text; None if it has none, or was not opened.
        format: Its format.
        bytes: Its size as it is stored; of a stream, what was read of it.
        documents: The lines or records that were read and not skipped.
    """

    path: str
    encoding: str | None = None
    format: str | None = None
    bytes: int = 0
    documents: int = 0

    def split(self, n_inputs: int) -> Iterator["InputSummary"]:
        """Yield one for each input, if several have the same path and share its numbers."""
        n_inputs = max(n_inputs, 1)
        for rank in range(n_inputs):
            numbers = ((number + n_inputs - 1 - rank) // n_inputs for number in (self.bytes, self.documents))
            yield InputSummary(self.path, self.encoding, self.format, *numbers)


class RunSummary:
    """The facts of one run, as they become known.

    Args:
        command: The name of the command.
        options: The options on the command line, by name.
        path: The file of --summary; None if it is not written.

    Attributes:
        path: As above.
        totals: Sums over all inputs, such as tokens and types, by name.
        is_complete: Whether the command came to its end.
        error: The message of the error that ended the run.
    """

    def __init__(self, command: str, options: Mapping[str, Any], path: str | None) -> None:
        self.path = path
        self._command, self._options = command, options
        self._inputs: dict[str, InputSummary] = {}
        self._n_inputs: Counter[str] = Counter()  # by path, if it is known
        self._start, self._cpu_start = time.monotonic(), _measure_cpu()
        self._worker_seconds, self._worker_bytes = 0.0, 0
        self.totals: dict[str, int] = {}
        self.is_complete = False
        self.error: str | None = None

    @property
    def n_documents(self) -> int:
        """The number of documents that were read and not skipped."""
        return sum(one.documents for one in self._inputs.values())

    def add_input(
        self,
        path: str,
        *,
        encoding: str = "",
        kind: str = "",
        n_bytes: int = 0,
        n_documents: int = 0,
        n_inputs: int = 0,
    ) -> None:
        """Add facts about the inputs with a path.

        Numbers add up. Of several encodings or formats, the last one counts. There is at least one input.
        """
        self._n_inputs[path] += n_inputs
        one = self._inputs.setdefault(path, InputSummary(path))
        one.encoding, one.format = encoding or one.encoding, kind or one.format
        one.bytes += n_bytes
        one.documents += n_documents

    def add_usage(self, cpu_seconds: float, peak_bytes: int) -> None:
        """Add the usage of worker processes that the system does not count for this one."""
        self._worker_seconds += cpu_seconds
        self._worker_bytes = max(self._worker_bytes, peak_bytes)

    def encode(self, exit_status: int, skipped: Iterable[Mapping[str, Any]]) -> bytes:
        """Return the JSON object as a line of UTF-8.

        Args:
            exit_status: The exit status of the run.
            skipped: The causes of skips, with counts and places.
        """
        inputs = [part for one in self._inputs.values() for part in one.split(self._n_inputs[one.path])]
        usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        value = {
            "command": self._command,
            "version": __version__,
            "options": self._options,
            "exit_status": exit_status,
            "complete": self.is_complete and self.error is None,
            "error": self.error,
            "inputs": [asdict(one) for one in inputs],
            "totals": {
                "inputs": len(inputs),
                "bytes": sum(one.bytes for one in inputs),
                "documents": self.n_documents,
                **self.totals,
            },
            "skipped": list(skipped),
            "seconds": round(time.monotonic() - self._start, _DIGITS),
            "cpu_seconds": round(_measure_cpu() - self._cpu_start + self._worker_seconds, _DIGITS),
            "peak_memory_bytes": max(self._worker_bytes, *(usage.ru_maxrss * _RSS_UNIT for usage in usages)),
        }
        return (json.dumps(_redact(value), ensure_ascii=False) + "\n").encode("utf-8", "replace")


_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


def _measure_cpu() -> float:
    """Return the seconds that this process and its ended children computed."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _redact(value: Any) -> Any:
    """Return a JSON value without the secrets of URLs."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {name: _redact(item) for name, item in value.items()}
    return [*map(_redact, value)] if isinstance(value, (list, tuple)) else value
