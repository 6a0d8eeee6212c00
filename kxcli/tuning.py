"""Settings of the interpreter and its allocator, the same in the parent and its workers."""

import ctypes
import gc
import os
import resource
from contextlib import suppress

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

# Of the libraries that numpy's matrix products may stand on.
_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def configure_process() -> None:
    """Tune this process for many small objects and arrays that come and go; changes speed alone.

    The cycle collector is made rare: no token or row is in a cycle.  Freed memory is kept for the next shard instead
    of being given back and zeroed anew by the kernel, which costs a tenth of the time; that is glibc's to allow.
    Matrix products take one thread, before numpy is imported: there is a worker for each CPU, and digits are not to
    depend on how a product was shared out.
    """
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    gc.set_threshold(200_000, 20, 100)
    with suppress(OSError, ValueError):  # each mapped file takes a descriptor, and a checkpoint may have many
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with suppress(AttributeError, OSError, TypeError):
        allocator = ctypes.CDLL(None)
        allocator.mallopt(_M_MMAP_THRESHOLD, 1 << 25)  # larger arrays are few, and would leave gaps
        allocator.mallopt(_M_TRIM_THRESHOLD, 1 << 30)


def trim_heap() -> None:
    """Give freed memory back, where a phase that needed much has ended and another begins."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
