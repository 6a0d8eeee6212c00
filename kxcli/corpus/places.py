"""Places in inputs, as they are told: a worker that has a byte range does not know the lines before it."""

from kxcli.corpus.diagnostics import Place
from kxcli.corpus.remote import is_url
from kxcli.corpus.sources import Source
from kxcli.errors import InputError


def format_place(place: Place, source: Source | None = None) -> str:
    """Return `path:line` of a place; where it was given from a byte range, the file's lines before are counted.

    source: what the place is in; None: the local file at its path, or one of several URLs that are shown alike.
    Where that costs too much, the byte is told at which the line begins.
    """
    if not place.offset:
        return f"{place.path}:{place.line}"
    if source is None and is_url(place.path):
        return f"{place.path}: line {place.line} from byte {place.offset}"
    source = source or Source(place.path)
    line = source.find_line(place.line, place.offset)
    if line is None:
        return f"{place.path}: byte {source.find_byte(place.line, place.offset)}"
    return f"{place.path}:{line}"


def locate_error(error: InputError, source: Source | None = None) -> InputError:
    """Return the error with its line counted from the start of the file, or with its byte, where that is far.

    source: what it came from; None: the local file at its path.
    """
    if error.line is None or not error.offset:
        return error
    source = source or Source(error.path)
    line = source.find_line(error.line, error.offset)
    what = error.what if line is not None else f"byte {source.find_byte(error.line, error.offset)}: {error.what}"
    found = InputError(error.path, what, error.hint, line=line)
    for note in getattr(error, "__notes__", ()):
        found.add_note(note)
    return found
