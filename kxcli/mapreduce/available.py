"""What of this machine a run may use."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress

PROCESS_BYTES = 70 << 20  # bytes that a process takes before it counts anything: the interpreter, arrays, a dictionary
_MIN_PARTIAL_BYTES = 1 << 22  # bytes: with less there would be very many files, and none the less memory
_COPIES = 2  # times that a partial stands in memory while it is merged or written
_MIN_FREE = 1 << 28  # bytes of which a run takes more than half if they are free: with less it would be slow
_DEFAULT_MEMORY = 1 << 30  # bytes that a run takes where nobody tells what is free
_GROUP_FILES = {
    # file system: (limits of a control group, bytes that it has taken, the name of those that it can give back)
    "cgroup2": (("memory.max", "memory.high"), "memory.current", "inactive_file"),
    "cgroup": (("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file"),
}


def count_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def get_default_memory(root: str = "/") -> int:
    """Return the default memory of a run in bytes: half of the free memory.

    root: the folder that contains `proc` and `sys`.
    """
    free = [*_machine_free(root), *_group_free(root)]
    return max(min(free) // 2, min(_MIN_FREE, *free)) if free else _DEFAULT_MEMORY


def choose_n_workers(asked: int, memory: int) -> int:
    """Return how many workers to have, where there is memory for so many of them and the parent."""
    return max(1, min(asked or count_cpus(), memory // PROCESS_BYTES - 1))


def get_partial_limit(memory: int, n_workers: int) -> int:
    """Return how many bytes each process may hold of a partial."""
    n = n_workers + (n_workers > 1)
    return max(_MIN_PARTIAL_BYTES, (memory - n * PROCESS_BYTES) // (_COPIES * n))


def _machine_free(root: str) -> list[int]:
    for line in _lines(root, "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return [int(line.split()[1]) << 10]
    with suppress(OSError, ValueError, AttributeError):
        return [os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    return []


def _group_free(root: str) -> Iterator[int]:
    """Yield the free memory of each limited control group of this process.

    A limit is set by a container, a unit of systemd (MemoryMax, MemoryHigh) or a batch system, in either version of the
    kernel's interface.
    """
    paths = {}
    for line in _lines(root, "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if not controllers or "memory" in controllers.split(","):
            paths["cgroup" if controllers else "cgroup2"] = path
    for line in _lines(root, "proc/self/mountinfo"):
        mount, _, about = line.partition(" - ")
        kind, options = about.split(" ")[0], about.split(" ")[-1]
        if kind not in paths or (kind == "cgroup" and "memory" not in options.split(",")):
            continue
        top, point = (_unescape(field) for field in mount.split(" ")[3:5])
        folder = os.path.join(root, point.lstrip("/"))
        yield from _limit_free(folder, kind)
        within = os.path.relpath(paths[kind], top)
        for name in within.split("/") if within != "." and not within.startswith("..") else ():
            folder = os.path.join(folder, name)
            yield from _limit_free(folder, kind)


def _limit_free(folder: str, kind: str) -> Iterator[int]:
    """Yield what a group leaves of each limit.

    What the kernel keeps of files counts as taken, but is given back when it is needed.
    """
    limits, taken, name = _GROUP_FILES[kind]
    used = sum(int(line) for line in _lines(folder, taken))
    used -= sum(int(line.split()[1]) for line in _lines(folder, "memory.stat") if line.split()[0] == name)
    for limit in limits:
        for line in _lines(folder, limit):
            if line.isdigit():  # or "max", if there is none
                yield max(0, int(line) - used)


def _lines(folder: str, name: str) -> list[str]:
    """Return the lines of a file of the kernel, none if it cannot be read."""
    with suppress(OSError), open(os.path.join(folder, name), encoding="utf-8", errors="surrogateescape") as file:
        return file.read().splitlines()
    return []


def _unescape(field: str) -> str:
    """Return a path of mountinfo, where white space and backslashes are octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
