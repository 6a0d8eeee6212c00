"""A knowledge base in files -> its arrays, from the cache where that has them."""

import hashlib
import os
import re
import stat
import sys
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kxcli.arrays import AnyArray
from kxcli.corpus import knowledge
from kxcli.corpus.diagnostics import Diagnostic, Notice, OnError, SkippedRecords
from kxcli.corpus.sources import Source, find_local
from kxcli.errors import reason
from kxcli.mining.linking.kb.compiling import Entry, SkippedEntries, compile_entries
from kxcli.mining.linking.kb.knowledge_base import VERSION, check_knowledge_base
from kxcli.report import Report
from kxcli.schema import IntegerField, ListField, RecordField, RowField, SchemaError, TextField
from kxcli.storage.array_file import ArrayFile, save_arrays
from kxcli.storage.container import UNFINISHED_PATTERN, DamagedError
from kxcli.storage.private_files import UnsafeError, make_private_folder
from kxcli.storage.stale_files import remove_unused
from kxcli.urls import display_name
from kxcli.wording import format_count

Arrays = Mapping[str, AnyArray]

_CHUNK = 1 << 20
_SUFFIX = ".kxkb"
_NAMES = re.compile(rf"[0-9a-f]{{32}}\.kxkb{UNFINISHED_PATTERN}")


def load_knowledge_base(paths: Sequence[str], folder: str | None, on_error: OnError, report: Report) -> Arrays:
    """Return the knowledge base of some files as arrays.

    What was skipped is reported.
    folder: None: the user's own one.
    """
    where = default_folder() if folder is None else folder
    is_private = _is_private(where, report.detail if folder is None else report.warning)
    target, sources = None, list[Source]()
    if is_private and all(map(_is_file, paths)):
        sources = [*map(find_local, paths)]
        target = os.path.join(where, _key(sources, on_error) + _SUFFIX)
    found = None if target is None else _kept(target, len(paths), report)
    if found is None:
        arrays, about = _compiled(paths, on_error, report)
        for source in sources:  # else what was compiled is not what the key is of
            source.check()
        found = None if target is None else _saved(arrays, about, target, len(paths), report)
    else:
        arrays, about = found, found.about
    names = [*map(display_name, paths)]
    for number, message in about["notes"]:
        report.note(f"{names[number]}: {message}")
    for number, message in about["warnings"]:
        report.warning(f"{names[number]}: {message}")
    for kind, count, places in about["losses"]:
        report.record_skips(kind, count, [f"{names[number]}:{line}" for number, line in places])
    if not about["names"]:
        report.warning(f"{', '.join(names)}: has no name in it, so none can be found")
    return arrays if found is None else found


def _about(n_files: int) -> RecordField:
    """Declare what is stored with the arrays; files are numbered from 0."""
    file = IntegerField(maximum=n_files - 1)
    messages = ListField(RowField((file, TextField())))
    losses = ListField(RowField((TextField(), IntegerField(), ListField(RowField((file, IntegerField()))))))
    return RecordField({"losses": losses, "notes": messages, "warnings": messages, "names": IntegerField()})


def default_folder() -> str:
    """Return the folder for compiled knowledge bases."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return os.path.join(home if os.path.isabs(home) else os.path.expanduser("~/.cache"), "kxcli", "kb")


def _is_private(folder: str, tell: Callable[[str], None]) -> bool:
    """Make a missing folder; return whether only this user can write to it."""
    effect = "the compiled knowledge base is not cached"
    try:
        make_private_folder(folder)
    except UnsafeError as error:
        tell(f"{folder}: {error.what}; {effect}; {error.hint('name a folder of your own with --kb-cache')}")
    except OSError as error:
        tell(f"{folder}: {reason(error)}; {effect}; name a folder that can be written with --kb-cache")
    else:
        return True
    return False


def _is_file(path: str) -> bool:
    """Return whether it can be read twice, once for its content's key."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _key(sources: Sequence[Source], on_error: OnError) -> str:
    """Return the dependencies of a compiled base: contents, versions, Unicode data."""
    about = f"{VERSION} {unicodedata.unidata_version} {sys.byteorder} {on_error}"
    digest = hashlib.sha256(about.encode("ascii"))
    for source in sources:
        content = hashlib.sha256()
        with source.open() as file:
            while data := file.read(_CHUNK):
                content.update(data)
        digest.update(content.digest())
    return digest.hexdigest()[:32]


def _kept(target: str, n_files: int, report: Report) -> ArrayFile | None:
    try:
        found = ArrayFile(target, _about(n_files), is_checked=True)
        check_knowledge_base(found)
    except FileNotFoundError:
        return None
    except (OSError, SchemaError, DamagedError) as error:
        is_forged = isinstance(error, SchemaError)
        what = reason(error) if isinstance(error, OSError) else f"is damaged ({error})" if is_forged else str(error)
        report.detail(f"{target}: {what}; the knowledge base is compiled again")
        return None
    report.detail(f"{target}: has the knowledge base")
    with suppress(OSError):
        os.utime(target)
    return found


def _saved(arrays: Arrays, about: Any, target: str, n_files: int, report: Report) -> ArrayFile | None:
    """Keep arrays; without room or the right to, they stay in memory alone."""
    with suppress(OSError, DamagedError):
        save_arrays(arrays, about, target)
        found = ArrayFile(target, _about(n_files), is_checked=False)
        remove_unused(
            os.path.dirname(target),
            _NAMES,
            lambda path: report.detail(f"{path}: was not used for 30 days, and is removed"),
        )
        return found
    report.detail(f"{target}: cannot be written, so the knowledge base is compiled every time")
    return None


def _compiled(paths: Sequence[str], on_error: OnError, report: Report) -> tuple[Arrays, Any]:
    report.detail(f"{', '.join(map(display_name, paths))}: compiling the knowledge base")
    files = _Files(paths, on_error)
    skipped = SkippedEntries()
    base = compile_entries(files.entries(), skipped)
    files.losses += [
        [kind, count, [*map(files.place, skipped.examples[kind])]] for kind, count in skipped.counts.items()
    ]
    report.detail(f"{format_count(len(base.ids), 'entries')}, {format_count(len(base.name_matcher), 'names')}")
    about = {"losses": files.losses, "notes": files.notes, "warnings": files.warnings, "names": len(base.name_matcher)}
    return base.arrays(), about


class _Files:
    """The entries of some files, numbered by their lines through all files.

    losses, notes, warnings: as in `_about`.
    """

    def __init__(self, paths: Sequence[str], on_error: OnError) -> None:
        self._paths, self._on_error = paths, on_error
        self._starts = list[int]()  # the number before the first line of each file
        self.losses, self.notes, self.warnings = list[Any](), list[Any](), list[Any]()

    def entries(self) -> Iterator[tuple[int, Entry]]:
        """Yield the entries in order."""
        last = 0
        for number, path in enumerate(self._paths):
            start = last
            self._starts.append(start)
            told: list[Diagnostic | knowledge.FileWarning] = []
            for found in knowledge.read_entries(path, self._on_error, told.append):
                last = max(last, start + found.line)
                yield start + found.line, Entry(*found[1:])
            for one in told:
                self._keep(number, one)

    def place(self, at: int) -> list[int]:
        """Return the number of the file, and the line in it, of an entry's number."""
        number = bisect_left(self._starts, at) - 1
        return [number, at - self._starts[number]]

    def _keep(self, number: int, told: Diagnostic | knowledge.FileWarning) -> None:
        if isinstance(told, SkippedRecords):
            self.losses.append([told.kind, told.count, [[number, place.line] for place in told.places]])
        else:
            (self.notes if isinstance(told, Notice) else self.warnings).append([number, told.message])
