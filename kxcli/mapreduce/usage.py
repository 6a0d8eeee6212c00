"""The processor time and memory of worker processes.

They are children of multiprocessing's server, so the system does not add them to this process.
"""

import os
import re
from typing import NamedTuple


class Usage(NamedTuple):
    """What ended processes used.

    Attributes:
        cpu_seconds: Of all together.
        peak_bytes: Memory of the largest.
    """

    cpu_seconds: float = 0.0
    peak_bytes: int = 0

    def add(self, other: "Usage") -> "Usage":
        """Return the usage of both."""
        return Usage(self.cpu_seconds + other.cpu_seconds, max(self.peak_bytes, other.peak_bytes))


def measure_process(pid: int) -> Usage:
    """Return the usage of a running process so far.

    It is zero on a system without /proc.
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            peak = re.search(r"^VmHWM:\s+(\d+) kB", file.read(), re.MULTILINE)
        ticks = int(fields[11]) + int(fields[12])  # user and system
    except (OSError, IndexError, ValueError):  # it has ended, or there is no /proc
        return Usage()
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), int(peak[1]) << 10 if peak else 0)
