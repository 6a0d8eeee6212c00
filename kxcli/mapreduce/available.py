"""What of this machine a run may use."""

import os
from contextlib import suppress

PROCESS = 70 << 20  # bytes that a process takes before it counts anything: the interpreter, arrays, a dictionary
_LEAST_ROOM = 1 << 22  # bytes: with less there would be very many files, and none the less memory
_COPIES = 2  # times that a partial stands in memory while it is merged or written
_LEAST = 1 << 28  # bytes that a run takes where little is free: with less it would hardly get anywhere
_UNKNOWN = 1 << 30  # bytes that a run takes where nobody tells what is free
# What bounds a control group's memory, and what it has taken, in either version of the kernel's interface.
_GROUPS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def cpus() -> int:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> int:
    """Return bytes of memory that a run takes unless it is told otherwise: half of what is free."""
    free = [bytes_ for bytes_ in (_free_of_machine(), _free_of_group()) if bytes_ is not None]
    return max(_LEAST, min(free) // 2) if free else _UNKNOWN


def workers(asked: int, memory: int) -> int:
    """Return how many workers to have, where there is memory for so many of them and the parent."""
    return max(1, min(asked or cpus(), memory // PROCESS - 1))


def room(memory: int, n_workers: int) -> int:
    """Return how many bytes each process may hold of a partial."""
    n = n_workers + (n_workers > 1)
    return max(_LEAST_ROOM, (memory - n * PROCESS) // (_COPIES * n))


def _free_of_machine() -> int | None:
    with suppress(OSError, ValueError, IndexError), open("/proc/meminfo", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    with suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _free_of_group() -> int | None:
    """Return what a control group, as a container has one, lets its processes take beside what they have taken."""
    for most, taken in _GROUPS:
        with suppress(OSError, ValueError):  # "max", where there is no bound, is no number
            return max(0, _number(most) - _number(taken))
    return None


def _number(name: str) -> int:
    with open(os.path.join("/sys/fs/cgroup", name), encoding="ascii") as file:
        return int(file.read())
