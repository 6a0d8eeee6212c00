"""Messages on stderr, counts of skipped records, and the progress bar.

The program makes one report and passes it to all that prints messages.  stdout is only for data.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from kxcli.errors import TooManySkippedError
from kxcli.urls import redact_text
from kxcli.wording import MAX_EXAMPLES, escape, format_count, format_examples, format_traceback

if TYPE_CHECKING:
    from kxcli.summary import RunSummary, SkipLimit

_MAX_MESSAGE = 2_000  # characters of a message
_BAR_SECONDS = 0.5  # before a progress bar appears


class _Skips(NamedTuple):
    """Skipped records of one kind.

    Attributes:
        count: Their number.
        examples: Some places.
        n_documents: How many of them are documents.
        is_repair: Whether they were repaired, and read.
    """

    count: int  # type: ignore[assignment]  # hides tuple.count
    examples: list[str]
    n_documents: int
    is_repair: bool


class Report:
    """Messages on stderr, in the form `kxcli: level: message`.

    Attributes:
        quiet: Whether only errors are printed.
        verbose: Whether the steps, with their time, and tracebacks are printed too.
        summary: The facts for --summary; None if nothing needs them.
        skip_limit: The limit of --max-skipped; it needs a summary.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet, self.verbose = quiet, verbose
        self.summary: RunSummary | None = None
        self.skip_limit: SkipLimit | None = None
        self._skips: dict[str, _Skips] = {}
        self._n_reported = 0  # kinds of skips
        self._encodings: Counter[tuple[str | None, bool]] = Counter()
        self._last_encoded = ""
        self._start = time.monotonic()

    def error(self, message: str) -> None:
        """Print the final error of the run."""
        self._write(f"kxcli: error: {message}")
        if self.summary is not None:
            self.summary.error = message

    def traceback(self, error: BaseException) -> None:
        """Print the traceback of an error, if verbose."""
        if self.verbose:
            for line in format_traceback(error):
                _print(redact_text(line))

    def warning(self, message: str) -> None:
        """Print a warning about an unexpected result."""
        if not self.quiet:
            self._write(f"kxcli: warning: {message}")

    def note(self, message: str) -> None:
        """Print a decision made for the user."""
        if not self.quiet:
            self._write(f"kxcli: {message}")

    def detail(self, message: str) -> None:
        """Print a step of the run with its time, if verbose."""
        if self.verbose and not self.quiet:
            self._write(f"kxcli: [{time.monotonic() - self._start:.2f} s] {message}")

    def record_encoding(self, name: str | None, message: str, *, n_inputs: int = 1, has_warning: bool = False) -> None:
        """Count detected encodings for the note of `close`, or print a note if verbose.

        Args:
            name: The encoding; None if the file is empty.
            message: The note.
            n_inputs: How many inputs have it.
            has_warning: Whether there is a warning instead of the note.
        """
        if not self.verbose:
            self._encodings[name, has_warning] += n_inputs
            self._last_encoded = "" if has_warning or name is None else message
        elif not has_warning:
            self.note(message)

    def record_skips(
        self,
        kind: str,
        count: int,
        examples: Iterable[str],
        *,
        are_documents: bool = False,
        is_repair: bool = False,
    ) -> None:
        """Count skipped records of one kind, for the warnings of `close`.

        Args:
            kind: The noun and the cause.
            count: Their number.
            examples: Some places.
            are_documents: Whether they are lines or records of the inputs, which --max-skipped limits.
            is_repair: Whether they were repaired, and read.
        """
        known = self._skips.get(kind, _Skips(0, [], 0, is_repair))
        known.examples.extend(list(examples)[: MAX_EXAMPLES - len(known.examples)])
        n_documents = known.n_documents + (count if are_documents else 0)
        self._skips[kind] = _Skips(known.count + count, known.examples, n_documents, is_repair)

    def check_skips(self) -> None:
        """Raise `TooManySkippedError` if --max-skipped is exceeded."""
        if self.skip_limit is None or self.summary is None:
            return
        n_skipped = sum(skips.n_documents for skips in self._skips.values())
        n_left_out = sum(skips.n_documents for skips in self._skips.values() if not skips.is_repair)
        n_documents = self.summary.n_documents + n_left_out
        if self.skip_limit.is_exceeded(n_skipped, n_documents):
            self.close()
            raise TooManySkippedError(n_skipped, n_documents, self.skip_limit.text)

    def list_skips(self) -> list[dict[str, Any]]:
        """Return the kinds of skipped records with counts and places, as JSON values."""
        return [{"cause": kind, "count": skips.count, "places": skips.examples} for kind, skips in self._skips.items()]

    def close(self) -> None:
        """Print a note about encodings, and a warning for each kind of skipped records.

        These are in order of first appearance; the most frequent encoding is the first.
        """
        if self._encodings.total() > 1:
            self.note(f"{_format_encodings(self._encodings)} (-v lists them)")
        elif self._last_encoded:
            self.note(self._last_encoded)
        self._last_encoded = ""
        self._encodings.clear()
        for kind, skips in list(self._skips.items())[self._n_reported :]:
            self.warning(f"{format_count(skips.count, kind)}: {format_examples(skips.examples, skips.count)}")
        self._n_reported = len(self._skips)

    @contextmanager
    def progress(
        self, total: int | None, what: str = "", unit: str = "B", *, is_shown: bool = True
    ) -> "Iterator[Progress]":
        """Show a progress bar during the block, if stderr is a terminal.

        Args:
            total: The number of units; None if unknown.
            what: A label.
            unit: The unit.
            is_shown: Whether there may be a bar at all.
        """
        progress = Progress(total, what, unit, is_shown=is_shown and not self.quiet and _is_terminal())
        try:
            yield progress
        finally:
            progress.close()

    @staticmethod
    def _write(line: str) -> None:
        # A file name or a cell may contain control characters and secrets.
        line = redact_text(line)
        if len(line) > _MAX_MESSAGE:
            line = f"{line[: _MAX_MESSAGE // 2]} [...] {line[-_MAX_MESSAGE // 2 :]}"
        _print(escape(line))


class Progress:
    """A progress bar that appears after a moment.

    A short run does not import it.

    Args:
        total: The number of units; None if unknown.
        what: A label.
        unit: The unit.
        is_shown: Whether there is a bar at all.
    """

    def __init__(self, total: int | None, what: str, unit: str, *, is_shown: bool) -> None:
        self._total, self._what, self._unit, self._is_shown = total, what, unit, is_shown
        self._start, self._n_before = time.time(), 0
        self._bar: Any = None

    def advance(self, size: int) -> None:
        """Advance the bar by a number of its units."""
        if self._bar is not None:
            self._bar.update(size)
        elif self._is_shown:
            self._n_before += size
            if time.time() >= self._start + _BAR_SECONDS:
                self._show_bar()

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()

    def _show_bar(self) -> None:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no monitor thread: a process that starts others stays single-threaded
        self._bar = tqdm(
            desc=self._what or None,
            total=self._total,
            unit=self._unit,
            unit_scale=True,
            unit_divisor=1024 if self._unit == "B" else 1000,
            file=sys.stderr,
            leave=False,
        )
        self._bar.start_t = self._bar.last_print_t = self._start
        self._bar.update(self._n_before)


def _format_encodings(counts: "Counter[tuple[str | None, bool]]") -> str:
    """Return the numbers of files by encoding, the most frequent first."""
    n_empty = counts[None, False]
    detected = [(name, count) for name, count in counts.most_common() if name[0] is not None]
    parts: list[str] = []
    for (name, has_warning), count in detected:
        text = f"as {name}{' (with a warning)' if has_warning else ''}"
        parts.append(f"{count:,} {text}" if parts else f"{format_count(count, 'files')} read {text}")
    if n_empty:
        parts.append(f"{n_empty:,} empty" if parts else f"{format_count(n_empty, 'files')} empty")
    return ", ".join(parts)


def _print(line: str) -> None:
    with suppress(OSError, ValueError, AttributeError):  # stderr is closed
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
