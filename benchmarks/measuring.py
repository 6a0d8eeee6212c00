"""What the benchmarks share: whole commands measured with all that they start, and parts of big files."""

import os
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple


class Usage(NamedTuple):
    """What a command used, with all that it started."""

    seconds: float
    cpu_seconds: float
    peak: int  # bytes of all processes, shared pages counted once
    largest: int  # bytes of the largest process


def iter_lines(paths: Iterable[str]) -> Iterator[str]:
    """Yield the lines of UTF-8 files."""
    for path in paths:
        with open(path, encoding="utf-8-sig", newline="\n") as lines:
            for line in lines:
                yield line.rstrip("\r\n")


def tree_memory(session: int) -> tuple[int, int]:
    """Return bytes of the processes of a session: the proportional set sizes of all, the most that one had resident."""
    total = largest = 0
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if os.getsid(int(entry)) == session:
                    for line in Path("/proc", entry, "smaps_rollup").read_text().splitlines():
                        if line.startswith("Pss:"):
                            total += int(line.split()[1]) * 1024
                    for line in Path("/proc", entry, "status").read_text().splitlines():
                        if line.startswith("VmHWM:"):
                            largest = max(largest, int(line.split()[1]) * 1024)
            except (OSError, ProcessLookupError):
                continue
    return total, largest


def measure_seconds(command: list[str], stdout: int | None = None) -> float:
    """Return wall seconds of a command; looking at memory meanwhile would take time from it."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=stdout)
    return time.perf_counter() - start


def measure_memory(command: list[str]) -> tuple[float, int]:
    """Return wall seconds and peak memory of a command and all that it starts."""
    usage = measure_usage(command)
    return usage.seconds, usage.peak


def measure_peaks(command: list[str], stdout: int | None = None) -> tuple[float, int, int]:
    """Return wall seconds of a command, peak memory of it and all that it starts, and that of the largest process."""
    usage = measure_usage(command, stdout)
    return usage.seconds, usage.peak, usage.largest


def measure_usage(command: list[str], stdout: int | None = None, *, is_watched: bool = True) -> Usage:
    """Run a command and return its usage; CPU seconds include its children that it waits for.

    To watch its memory takes time from it; else the numbers for memory are 0.
    """
    peak = largest = 0
    start = time.perf_counter()
    process = subprocess.Popen(command, start_new_session=True, stdout=stdout)
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak, largest
        while not ended.wait(0.05):
            total, most = tree_memory(process.pid)
            peak, largest = max(peak, total), max(largest, most)

    watcher = threading.Thread(target=watch)
    if is_watched:
        watcher.start()
    _, status, resources = os.wait4(process.pid, 0)
    code = process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    ended.set()
    if is_watched:
        watcher.join()
    if code:
        raise SystemExit(f"{command} ended with {code}")
    return Usage(seconds, resources.ru_utime + resources.ru_stime, peak, largest)


def write_part(paths: list[str], size: int, output: str) -> int:
    """Write about `size` bytes of whole lines, in equal shares of the files; return how many."""
    with open(output, "wb") as part:
        for path in paths:
            with open(path, "rb") as file:
                data = file.read(size // len(paths)) + file.readline()
            part.write(data if data.endswith(b"\n") else data + b"\n")
        return part.tell()
