"""Files by device and inode, and paths that lead to open descriptors."""

import os
import re
from collections.abc import Iterable
from contextlib import suppress

FileId = tuple[int, int]  # device and inode

# /dev/stdout, /dev/fd and /proc/self lead here; other systems than Linux end at /dev/fd.
DESCRIPTOR = re.compile(r"/proc/(?P<pid>\d+)(?:/task/\d+)?/fd/(?P<number>\d+)|/dev/fd/(?P<own>\d+)")

_MAX_LINKS = 40  # symbolic links on a path, as in Linux


def get_file_id(status: os.stat_result) -> FileId:
    """Return the device and inode of a file."""
    return status.st_dev, status.st_ino


def get_file_ids(paths: Iterable[str | int]) -> frozenset[FileId]:
    """Return the devices and inodes of existing files, given by path or descriptor."""
    found = set()
    for path in paths:
        with suppress(OSError, ValueError):
            found.add(get_file_id(os.stat(path)))
    return frozenset(found)


def find_descriptor_path(path: str) -> str | None:
    """Return the descriptor of a path such as /dev/fd/N, None for other paths.

    /dev/stdout, /dev/fd/N, /proc/self/fd/N and symbolic links to them lead to descriptors.
    """
    for _ in range(_MAX_LINKS):
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if DESCRIPTOR.fullmatch(path):
            return path
        if not os.path.islink(path):
            return None
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    return None
