"""What the benchmarks share: whole commands measured with all that they start, and parts of big files."""

import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path


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


def get_child_seconds() -> float:
    """Return the CPU seconds of all processes that were started here and have ended, with theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure_memory(command: list[str]) -> tuple[float, int]:
    """Return wall seconds and peak memory of a command and all that it starts."""
    seconds, peak, _ = measure_peaks(command)
    return seconds, peak


def measure_peaks(command: list[str], stdout: int | None = None) -> tuple[float, int, int]:
    """Return wall seconds of a command, peak memory of it and all that it starts, and that of the largest process."""
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
    watcher.start()
    code = process.wait()
    seconds = time.perf_counter() - start
    ended.set()
    watcher.join()
    if code:
        raise SystemExit(f"{command} ended with {code}")
    return seconds, peak, largest


def write_part(paths: list[str], size: int, output: str) -> int:
    """Write about `size` bytes of whole lines, in equal shares of the files; return how many."""
    with open(output, "wb") as part:
        for path in paths:
            with open(path, "rb") as file:
                data = file.read(size // len(paths)) + file.readline()
            part.write(data if data.endswith(b"\n") else data + b"\n")
        return part.tell()
