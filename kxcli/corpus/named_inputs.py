"""Arguments -> sources: files, folders, lists of files, stdin and URLs."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kxcli.corpus.compression import read_up_to
from kxcli.corpus.sources import STDIN, Source, WaitingInput, find_local, get_file_status, open_stdin
from kxcli.corpus.walking import FileFilter, SkippedFiles, make_remote_source, walk_folder, walk_url
from kxcli.errors import InputError, KxcliError, UsageError, format_reason
from kxcli.urls import get_display_name, is_url

MAX_LIST_BYTES = 64 << 20  # of a remote list: about a million names, which are all resolved before a run begins


@dataclass(frozen=True)
class BadSource(Source):
    """An input that cannot be read.

    Attributes:
        error: The error of its name.
    """

    error: KxcliError | None = None


def resolve_sources(
    arguments: Sequence[str],
    *,
    recursive: bool = False,
    file_filter: FileFilter | None = None,
    files_from: Sequence[str] = (),
    null: bool = False,
    skips: SkippedFiles | None = None,
    max_list_bytes: int = MAX_LIST_BYTES,
    keeps_bad: bool = False,
) -> list[Source]:
    """Return the sources that the arguments name, in their order.

    The files of a folder are sorted by name. A file that is named twice gives two sources. The
    state of a URL is requested now.

    Args:
        arguments: Paths, URLs, or `-` for stdin, which is also read if there are no arguments and no lists.
        recursive: Whether to read the files in folders.
        file_filter: Which files of folders to read.
        files_from: Lists of files, one a line.
        null: Whether the names in the lists are separated by NUL bytes.
        skips: Receives the files of folders that are not read.
        max_list_bytes: Bytes of a remote list.
        keeps_bad: Whether an input that cannot be read gives a `BadSource`, instead of an error.

    Raises:
        InputError: For a missing file, or a folder without `recursive`.
    """
    names = list(arguments)
    for list_name in files_from:
        names.extend(_iter_list(list_name, null, max_list_bytes))
    if "-" in files_from and "-" in names:
        raise UsageError("stdin cannot be both the list of files (--files-from -) and an input (-).")
    if not files_from and not names:
        names = ["-"]
    if names.count("-") > 1 or files_from.count("-") > 1:
        raise UsageError("stdin (-) can be read only once.")
    file_filter, skips = file_filter or FileFilter(), skips or SkippedFiles()
    found: list[Source] = []
    for name in names:
        try:
            found.extend(_resolve_name(name, recursive, file_filter, skips))
        except KxcliError as error:
            if not keeps_bad:
                raise
            found.append(BadSource(STDIN if name == "-" else get_display_name(name), error=error))
    return found


def _resolve_name(name: str, recursive: bool, file_filter: FileFilter, skips: SkippedFiles) -> Iterator[Source]:
    if name == "-":
        yield open_stdin()
    elif is_url(name):
        yield from _resolve_remote(name, recursive, file_filter, skips)
    elif stat.S_ISDIR(get_file_status(name).st_mode):
        _refuse_folder(name, recursive)
        yield from walk_folder(name, file_filter, skips)
    else:
        yield find_local(name)


def _resolve_remote(url: str, recursive: bool, file_filter: FileFilter, skips: SkippedFiles) -> Iterator[Source]:
    from kxcli.corpus.remote import resolve_url
    from kxcli.corpus.remote.retries import with_retries

    file = resolve_url(url)
    state = with_retries(url, file.state)
    if state is None:
        _refuse_folder(url, recursive)
        yield from walk_url(file, file_filter, skips)
    else:
        yield make_remote_source(url, state)


def _refuse_folder(name: str, recursive: bool) -> None:
    if not recursive:
        raise InputError(get_display_name(name), "is a folder", "use -r to read the files in it")


def _iter_list(path: str, null: bool, max_bytes: int) -> Iterator[str]:
    """Yield the names in a list of files, one a line, or separated by NUL bytes."""
    from kxcli.corpus.remote import check_listed

    if path == "-":
        open_stdin()
    try:
        data = WaitingInput().readall() if path == "-" else _read_list(path, max_bytes)
    except OSError as error:
        raise InputError(path, format_reason(error), "check the path and its permissions") from None
    for number, line in enumerate(data.split(b"\0" if null else b"\n"), 1):
        if b"\0" in line:
            what, hint = "contains a NUL byte", "give a list in plain text; for NUL-separated names use -0"
            raise InputError(STDIN if path == "-" else get_display_name(path), what, hint, number)
        if line:
            name = os.fsdecode(line if null else line.removesuffix(b"\r"))
            check_listed(name, path)
            yield name


def _read_list(path: str, max_bytes: int) -> bytes:
    if not is_url(path):
        with open(path, "rb") as file:
            return file.read()
    with Source(path).open() as file:
        data = read_up_to(file, max_bytes + 1)
    if len(data) > max_bytes:
        what = f"is a list of more than {max_bytes >> 20} MiB"
        raise InputError(get_display_name(path), what, "fetch it, then give the local copy")
    return data
