"""The CPUs and the memory of this machine."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress

PROCESS_BYTES = 70 << 20  # of a process without any partial: the interpreter, arrays, a dictionary
THREAD_BYTES = 24 << 20  # of a further thread without any partial: its tables, and a block of text
_MIN_PARTIAL_BYTES = 1 << 22  # less would make very many files, and save no memory
_N_COPIES = 2  # of a partial in memory while it is merged or written
_MIN_MEMORY = 1 << 28  # bytes: a run takes up to that many if they are free, because it is slow with less
_DEFAULT_MEMORY = 1 << 30  # bytes, if the free memory is not known
_GROUP_FILES = {
    # file system: (files of limits, file of used bytes, name of the bytes that the kernel can free)
    "cgroup2": (("memory.max", "memory.high"), "memory.current", "inactive_file"),
    "cgroup": (("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file"),
}


def count_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def get_default_memory(root: str = "/") -> int:
    """Return half of the free memory: the default of a run, in bytes.

    Args:
        root: The folder that contains `proc` and `sys`.
    """
    free = [*_list_machine_memory(root), *_iter_group_memory(root)]
    return max(min(free) // 2, min(_MIN_MEMORY, *free)) if free else _DEFAULT_MEMORY


def choose_n_workers(n_requested: int, memory: int, *, are_threads: bool = False) -> int:
    """Return the number of workers, as far as there is memory for them."""
    each = THREAD_BYTES if are_threads else PROCESS_BYTES
    return max(1, min(n_requested or count_cpus(), (memory - PROCESS_BYTES) // each))


def get_partial_limit(memory: int, n_workers: int, *, are_threads: bool = False) -> int:
    """Return the bytes available to each worker for a partial."""
    n = n_workers + (n_workers > 1)  # the parent, or the main thread, merges
    fixed = PROCESS_BYTES + n_workers * THREAD_BYTES if are_threads else n * PROCESS_BYTES
    return max(_MIN_PARTIAL_BYTES, (memory - fixed) // (_N_COPIES * n))


def _list_machine_memory(root: str) -> list[int]:
    for line in _read_lines(root, "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return [int(line.split()[1]) << 10]
    with suppress(OSError, ValueError, AttributeError):
        return [os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    return []


def _iter_group_memory(root: str) -> Iterator[int]:
    """Yield the free memory of each limited control group of this process.

    A limit is set by a container, a unit of systemd (MemoryMax, MemoryHigh) or a batch system, in either version of the
    kernel's interface.
    """
    paths = {}
    for line in _read_lines(root, "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if not controllers or "memory" in controllers.split(","):
            paths["cgroup" if controllers else "cgroup2"] = path
    for line in _read_lines(root, "proc/self/mountinfo"):
        mount, _, about = line.partition(" - ")
        kind, options = about.split(" ")[0], about.split(" ")[-1]
        if kind not in paths or (kind == "cgroup" and "memory" not in options.split(",")):
            continue
        top, point = (_unescape(field) for field in mount.split(" ")[3:5])
        folder = os.path.join(root, point.lstrip("/"))
        yield from _iter_limits(folder, kind)
        within = os.path.relpath(paths[kind], top)
        for name in within.split("/") if within != "." and not within.startswith("..") else ():
            folder = os.path.join(folder, name)
            yield from _iter_limits(folder, kind)


def _iter_limits(folder: str, kind: str) -> Iterator[int]:
    """Yield the bytes left of each limit of a group.

    The kernel counts cached files as used, but frees them when it needs the memory.
    """
    limits, used_file, name = _GROUP_FILES[kind]
    used = sum(int(line) for line in _read_lines(folder, used_file))
    used -= sum(int(line.split()[1]) for line in _read_lines(folder, "memory.stat") if line.split()[0] == name)
    for limit in limits:
        for line in _read_lines(folder, limit):
            if line.isdigit():  # or "max", if there is none
                yield max(0, int(line) - used)


def _read_lines(folder: str, name: str) -> list[str]:
    """Return the lines of a file of the kernel, none if it cannot be read."""
    with suppress(OSError), open(os.path.join(folder, name), encoding="utf-8", errors="surrogateescape") as file:
        return file.read().splitlines()
    return []


def _unescape(field: str) -> str:
    """Return a path of mountinfo without its octal escapes."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
