"""What a run tells its user on stderr: messages, counts of what was left out, and a progress bar.

Made once in `commands/` and handed down.  stdout is data alone; nothing here writes to it.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from kxcli.urls import redact_text
from kxcli.wording import MAX_EXAMPLES, escape, format_count, format_examples, format_traceback

_LONGEST = 2_000  # characters of a message


class Verbosity:
    """What the user said about messages, known also where a run ends before its options are all read."""

    def __init__(self) -> None:
        self.is_verbose = False

    def print_traceback(self, error: BaseException) -> None:
        """Print the traceback of an error if the user requested it."""
        if self.is_verbose:
            for line in format_traceback(error):
                _print(redact_text(line))


class Report:
    """Messages on stderr, in the form `kxcli: level: message`.

    quiet: errors alone.  verbose: what is done and how long it took, too.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet, self.verbose = quiet, verbose
        self._losses: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}
        self._start = time.monotonic()

    def error(self, message: str) -> None:
        """Tell what ended the run."""
        self._write(f"kxcli: error: {message}")

    def warning(self, message: str) -> None:
        """Tell what may make the result other than the user thinks."""
        if not self.quiet:
            self._write(f"kxcli: warning: {message}")

    def note(self, message: str) -> None:
        """Tell a choice that was made for the user."""
        if not self.quiet:
            self._write(f"kxcli: {message}")

    def detail(self, message: str) -> None:
        """Tell, with -v alone, what is done."""
        if self.verbose and not self.quiet:
            self._write(f"kxcli: [{time.monotonic() - self._start:.2f} s] {message}")

    def record_skips(self, kind: str, count: int, examples: Iterable[str]) -> None:
        """Count what was left out; told by `close`."""
        self._losses[kind] += count
        kept = self._examples.setdefault(kind, [])
        kept.extend(list(examples)[: MAX_EXAMPLES - len(kept)])

    def close(self) -> None:
        """Tell what was left out, in the order in which each kind came up first."""
        for kind, count in self._losses.items():
            self.warning(f"{format_count(count, kind)}: {format_examples(self._examples[kind], count)}")
        self._losses.clear()

    @contextmanager
    def progress(self, total: int | None, what: str = "", unit: str = "B") -> "Iterator[Progress]":
        """Show a bar while the block runs, where stderr is a terminal; `total` None: not known."""
        if self.quiet or not _is_terminal():
            yield Progress(None)
            return
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no monitor thread: a process that starts others stays single-threaded
        with tqdm(
            desc=what or None,
            total=total,
            unit=unit,
            unit_scale=True,
            unit_divisor=1024 if unit == "B" else 1000,
            file=sys.stderr,
            leave=False,
            delay=0.5,
        ) as bar:
            yield Progress(bar)

    @staticmethod
    def _write(line: str) -> None:
        # A message is one line that can be read, whatever a file name or a cell contains.
        line = redact_text(line)
        if len(line) > _LONGEST:
            line = f"{line[: _LONGEST // 2]} [...] {line[-_LONGEST // 2 :]}"
        _print(escape(line))


class _Bar(Protocol):
    def update(self, n: int) -> object: ...


class Progress:
    """A bar that may be none."""

    def __init__(self, bar: _Bar | None) -> None:
        self._bar = bar

    def advance(self, size: int) -> None:
        """Move the bar on by so many bytes, or whatever its unit is."""
        if self._bar is not None:
            self._bar.update(size)


def _print(line: str) -> None:
    with suppress(OSError, ValueError, AttributeError):  # a closed stderr is no reason to fail
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
