"""Settings of the interpreter and the allocator in all processes."""

import gc
import os
import resource
from contextlib import suppress

# From malloc.h of glibc.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

# Read by the libraries that numpy may use for matrix products.
_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def configure_process() -> None:
    """Tune this process for many small objects; changes speed alone.

    The cycle collector runs rarely: no token or row is in a cycle. Matrix products use one thread, because there is a
    worker for each CPU, and because digits must not depend on the number of threads. This has to be set before numpy is
    imported.
    """
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    gc.set_threshold(200_000, 20, 100)
    with suppress(OSError, ValueError):  # each mapped file takes a descriptor, and a checkpoint may have many
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def keep_heap() -> None:
    """Keep the freed memory of arrays for the next shard (with glibc).

    To return it, and to get it zeroed by the kernel again, costs a tenth of the time. It changes speed alone.
    """
    with suppress(AttributeError, OSError, TypeError):
        import ctypes

        allocator = ctypes.CDLL(None)
        allocator.mallopt(_M_MMAP_THRESHOLD, 1 << 25)  # larger arrays are few, and would leave gaps
        allocator.mallopt(_M_TRIM_THRESHOLD, 1 << 30)


def trim_heap() -> None:
    """Return freed memory to the system, between two phases of a run."""
    with suppress(AttributeError, OSError, TypeError):
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)
