"""A knowledge base in a file -> its arrays, from the cache where that has them."""

import hashlib
import os
import re
import stat
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, cast

import numpy.typing as npt

from kxcli.corpus import arrayfile, knowledge
from kxcli.corpus.ledger import Loss, OnError
from kxcli.corpus.sources import Source
from kxcli.errors import reason
from kxcli.mining.linking.compiling import Entry, Trouble, compiled
from kxcli.mining.linking.kb import VERSION
from kxcli.report import Report
from kxcli.schema import Integer, Items, Record, Row, Text
from kxcli.storage import UnsafeError, private_folder

Arrays = Mapping[str, npt.NDArray[Any]]

_CHUNK = 1 << 20
_SUFFIX = ".kxkb"
_OURS = re.compile(r"[0-9a-f]{32}\.kxkb")
_ABOUT = Record({"losses": Items(Row((Text(), Integer(), Items(Integer())))), "names": Integer()})
_KEPT_FOR = 30 * 24 * 60 * 60  # seconds after its last use, when there is another one to be kept


def arrays_of(path: str, folder: str | None, on_error: str, report: Report) -> Arrays:
    """Return a knowledge base as arrays, which are in memory where no folder can keep them; tells what was left out.

    folder: None: the user's own one.
    """
    where = default_folder() if folder is None else folder
    is_private = _is_private(where, report.detail if folder is None else report.warning)
    target = os.path.join(where, _key(path, on_error) + _SUFFIX) if is_private and _is_file(path) else None
    found = None if target is None else _kept(target, report)
    if found is None:
        arrays, about = _compiled(path, on_error, report)
        found = None if target is None else _saved(arrays, about, target, report)
    else:
        arrays, about = found, found.about
    for kind, count, lines in about["losses"]:
        report.lost(kind, count, [f"{path}:{line}" for line in lines])
    if not about["names"]:
        report.warning(f"{path}: has no name in it, so none can be found")
    return arrays if found is None else found


def default_folder() -> str:
    """Return the folder for compiled knowledge bases."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return os.path.join(home if os.path.isabs(home) else os.path.expanduser("~/.cache"), "kxcli", "kb")


def _is_private(folder: str, tell: Callable[[str], None]) -> bool:
    """Make a folder if it is missing; return whether only this user can write to it, and report why if not."""
    try:
        private_folder(folder)
    except UnsafeError as error:
        tell(
            f"{folder}: {error.what}; nothing is kept there; {error.hint('name a folder of your own with --kb-cache')}"
        )
    except OSError as error:
        tell(f"{folder}: {reason(error)}; nothing is kept there; name a folder that can be written with --kb-cache")
    else:
        return True
    return False


def _is_file(path: str) -> bool:
    """Return whether it can be read twice, once for its content's key."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _key(path: str, on_error: str) -> str:
    """Return what a compiled knowledge base depends on: content, version, and the Unicode data that folds names."""
    about = f"{VERSION} {unicodedata.unidata_version} {sys.byteorder} {on_error}"
    digest = hashlib.sha256(about.encode("ascii"))
    with Source(path).open() as file:
        while data := file.read(_CHUNK):
            digest.update(data)
    return digest.hexdigest()[:32]


def _kept(target: str, report: Report) -> arrayfile.ArrayFile | None:
    try:
        found = arrayfile.ArrayFile(target, _ABOUT, is_checked=True)
    except FileNotFoundError:
        return None
    except (OSError, UnsafeError, arrayfile.DamagedError) as error:
        what = reason(error) if isinstance(error, OSError) else f"is damaged ({error})"
        report.detail(f"{target}: {what}; the knowledge base is compiled again")
        return None
    report.detail(f"{target}: has the knowledge base")
    with suppress(OSError):
        os.utime(target)
    return found


def _saved(arrays: Arrays, about: Any, target: str, report: Report) -> arrayfile.ArrayFile | None:
    """Keep arrays; without room or the right to, they stay in memory alone."""
    with suppress(OSError, UnsafeError, arrayfile.DamagedError):
        arrayfile.save(arrays, about, target)
        found = arrayfile.ArrayFile(target, _ABOUT, is_checked=False)
        _remove_unused(os.path.dirname(target), report)
        return found
    report.detail(f"{target}: cannot be written, so the knowledge base is compiled every time")
    return None


def _remove_unused(folder: str, report: Report) -> None:
    """Remove compiled knowledge bases that nobody has used for long: one that was changed has another name."""
    oldest = time.time() - _KEPT_FOR
    with suppress(OSError), os.scandir(folder) as files:
        for file in files:
            if _OURS.fullmatch(file.name):
                with suppress(OSError):
                    status = file.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_mtime < oldest:
                        os.unlink(file.path)
                        report.detail(f"{file.path}: was not used for long, and is removed")


def _compiled(path: str, on_error: str, report: Report) -> tuple[Arrays, Any]:
    report.detail(f"{path}: compiling the knowledge base")
    told: list[Loss] = []
    trouble = Trouble()
    base = compiled(_entries(path, on_error, told), trouble)
    losses: list[Any] = [[loss.kind, loss.count, [place.line for place in loss.places]] for loss in told]
    losses += [[kind, count, trouble.places[kind]] for kind, count in trouble.counts.items()]
    report.detail(f"{len(base.ids):,} entries, {len(base.names):,} names")
    return base.arrays(), {"losses": losses, "names": len(base.names)}


def _entries(path: str, on_error: str, told: list[Loss]) -> Iterator[tuple[int, Entry]]:
    for found in knowledge.entries(path, cast(OnError, on_error), told.append):
        yield found.line, Entry(*found[1:])
