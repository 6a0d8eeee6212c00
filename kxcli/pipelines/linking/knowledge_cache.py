"""A knowledge base in files -> its arrays, from the cache if it has them."""

import hashlib
import os
import re
import stat
import sys
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from kxcli.arrays import NamedArrays
from kxcli.corpus.diagnostics import Notice, OnError, SkippedRecords
from kxcli.corpus.knowledge import FileWarning, read_entries
from kxcli.corpus.sources import Source, find_local
from kxcli.errors import format_reason
from kxcli.mining.linking.kb.compiling import compile_entries
from kxcli.mining.linking.kb.entries import Entry, SkippedEntries
from kxcli.mining.linking.kb.knowledge_base import VERSION, check_knowledge_base
from kxcli.report import Report
from kxcli.schema import IntegerField, ListField, RecordField, RowField, SchemaError, TextField
from kxcli.storage.array_file import ArrayFile, save_arrays
from kxcli.storage.container import UNFINISHED_PATTERN, DamagedError
from kxcli.storage.private_files import UnsafeError, get_cache_folder, make_private_folder
from kxcli.storage.stale_files import MAX_UNUSED_DAYS, remove_unused
from kxcli.urls import get_display_name
from kxcli.wording import format_count

_CHUNK = 1 << 20  # bytes
_SUFFIX = ".kxkb"
_FILE_NAMES = re.compile(rf"[0-9a-f]{{32}}\.kxkb{UNFINISHED_PATTERN}")


def load_knowledge_base(paths: Sequence[str], folder: str | None, on_error: OnError, report: Report) -> NamedArrays:
    """Return the knowledge base of some files as arrays; report skips.

    Args:
        paths: The files, which are one knowledge base.
        folder: The folder of the cache; None for the default of the user.
        on_error: Whether a bad line ends the run.
        report: Gets skips and notices, also those of the run that filled the cache.
    """
    names = [*map(get_display_name, paths)]
    where = get_cache_folder("kb") if folder is None else folder
    target, sources = None, list[Source]()
    if _ensure_private(where, report.detail if folder is None else report.warning) and all(map(_is_file, paths)):
        sources = [*map(find_local, paths)]
        target = os.path.join(where, _make_key(sources, on_error) + _SUFFIX)
    arrays: NamedArrays
    file = None if target is None else _open_cached(target, len(paths), report)
    if file is not None:
        arrays, about = file, file.about
    else:
        report.detail(f"{', '.join(names)}: compiling the knowledge base")
        arrays, about = _compile_files(paths, on_error, report)
        for source in sources:  # a file that changed meanwhile does not belong to the key
            source.check()
        if target is not None:
            arrays = _save(arrays, about, target, len(paths), report) or arrays
    for number, message in about["notes"]:
        report.note(f"{names[number]}: {message}")
    for number, message in about["warnings"]:
        report.warning(f"{names[number]}: {message}")
    for kind, count, places in about["skips"]:
        report.record_skips(kind, count, [f"{names[number]}:{line}" for number, line in places])
    if not about["names"]:
        report.warning(f"{', '.join(names)}: has no name in it, so none can be found")
    return arrays


def _declare_about(n_files: int) -> RecordField:
    """Declare the values stored with the arrays; files are numbered from 0."""
    file = IntegerField(maximum=n_files - 1)
    messages = ListField(RowField((file, TextField())))
    skips = ListField(RowField((TextField(), IntegerField(), ListField(RowField((file, IntegerField()))))))
    return RecordField({"skips": skips, "notes": messages, "warnings": messages, "names": IntegerField()})


def _ensure_private(folder: str, log: Callable[[str], None]) -> bool:
    """Create a missing folder; return whether only this user can write to it."""
    effect = "the compiled knowledge base is not cached"
    try:
        make_private_folder(folder)
    except UnsafeError as error:
        log(f"{folder}: {error.what}; {effect}; {error.hint('name a folder of your own with --kb-cache')}")
    except OSError as error:
        log(f"{folder}: {format_reason(error)}; {effect}; name a folder that can be written with --kb-cache")
    else:
        return True
    return False


def _is_file(path: str) -> bool:
    """Return whether a path can be read twice, first for its key."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _make_key(sources: Sequence[Source], on_error: OnError) -> str:
    """Return a hash of all dependencies: contents, versions, Unicode data."""
    about = f"{VERSION} {unicodedata.unidata_version} {sys.byteorder} {on_error}"
    digest = hashlib.sha256(about.encode("ascii"))
    for source in sources:
        content = hashlib.sha256()
        with source.open() as file:
            while data := file.read(_CHUNK):
                content.update(data)
        digest.update(content.digest())
    return digest.hexdigest()[:32]


def _open_cached(target: str, n_files: int, report: Report) -> ArrayFile | None:
    try:
        file = ArrayFile(target, _declare_about(n_files), is_checked=True)
        check_knowledge_base(file)
    except FileNotFoundError:
        return None
    except (OSError, SchemaError, DamagedError) as error:
        is_forged = isinstance(error, SchemaError)
        what = (
            format_reason(error) if isinstance(error, OSError) else f"is damaged ({error})" if is_forged else str(error)
        )
        report.detail(f"{target}: {what}; the knowledge base is compiled again")
        return None
    report.detail(f"{target}: has the knowledge base")
    with suppress(OSError):
        os.utime(target)
    return file


def _save(arrays: NamedArrays, about: Any, target: str, n_files: int, report: Report) -> ArrayFile | None:
    """Write arrays to the cache and map the file; None if that is impossible."""
    with suppress(OSError, DamagedError):
        save_arrays(arrays, about, target)
        file = ArrayFile(target, _declare_about(n_files), is_checked=False)
        remove_unused(
            os.path.dirname(target),
            _FILE_NAMES,
            lambda path: report.detail(f"{path}: was not used for {MAX_UNUSED_DAYS} days, and is removed"),
        )
        return file
    report.detail(f"{target}: cannot be written, so the knowledge base is compiled every time")
    return None


def _compile_files(paths: Sequence[str], on_error: OnError, report: Report) -> tuple[NamedArrays, Any]:
    """Return the arrays of a knowledge base and the values of `_declare_about`."""
    starts = list[int]()  # for each file, the number of lines before it
    about: dict[str, Any] = {"skips": [], "notes": [], "warnings": []}

    def iter_entries() -> Iterator[tuple[int, Entry]]:
        """Yield the entries, numbered by their lines through all files."""
        last = 0
        for file, path in enumerate(paths):
            starts.append(last)
            diagnostics: list[SkippedRecords | Notice | FileWarning] = []
            for entry in read_entries(path, on_error, diagnostics.append):
                last = max(last, starts[-1] + entry.line)
                yield starts[-1] + entry.line, Entry(*entry[1:])
            for one in diagnostics:
                if isinstance(one, SkippedRecords):
                    about["skips"].append([one.kind, one.count, [[file, place.line] for place in one.places]])
                else:
                    about["notes" if isinstance(one, Notice) else "warnings"].append([file, one.message])

    def locate(line: int) -> tuple[int, int]:
        """Return the number of the file of a line, and the line in it."""
        file = bisect_left(starts, line) - 1
        return file, line - starts[file]

    skipped = SkippedEntries()
    base = compile_entries(iter_entries(), skipped)
    about["skips"] += [[kind, n, [*map(locate, skipped.examples[kind])]] for kind, n in skipped.counts.items()]
    about["names"] = len(base.name_matcher)
    report.detail(f"{format_count(len(base.ids), 'entries')}, {format_count(about['names'], 'names')}")
    return base.arrays(), about
