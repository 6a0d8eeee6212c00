"""Unsupported formats, recognized by their first bytes and refused with a fix."""

import re

from kxcli.errors import InputError

HEAD_BYTES = 512  # a tar header

_SIZES_OF_LZMA = rb"(?:\x00[\x01-\x04]|[\x01\x02\x03\x04\x06\x08\x0c\x10\x18\x20\x30\x40\x60\x80\xc0]\x00)"
_FORMATS = (  # what the first bytes match, what that is, and how it is read
    (rb"PK\x03\x04.{26}(?:\[Content_Types\]|_rels/)|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document", ""),
    (rb"PK(?:\x03\x04|\x05\x06|\x07\x08)", "a zip archive", "unzip -p"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x -so"),
    (rb"Rar!\x1a\x07", "a rar archive", "unrar p -inul"),
    (rb"\x04\x22\x4d\x18|\x02\x21\x4c\x18", "compressed by lz4", "lz4 -dc"),
    (rb"\x1f[\x9d\xa0\x1e]", "compressed by compress or pack", "gzip -dc"),
    # The sizes are those that xz takes for lzma: of the dictionary, and of the data, known (below 256 GiB) or not.
    (rb"\x5d\x00\x00" + _SIZES_OF_LZMA + rb"(?:\xff{8}|.{4}.\x00\x00\x00)", "compressed by lzma", "xz -dc"),
    (rb"LZIP\x01", "compressed by lzip", "lzip -dc"),
    (rb"\x89LZO\x00\r\n\x1a\n", "compressed by lzop", "lzop -dc"),
    (rb"PAR1\x15", "a Parquet file", ""),
    (rb"%PDF-\d", "a PDF document", ""),
)
_PATTERNS = [(re.compile(magic, re.DOTALL), what, command) for magic, what, command in _FORMATS]
_CONVERT = "convert it to text, CSV or JSONL"


def reject_archive(head: bytes, path: str) -> None:
    """Raise `InputError` if the first `HEAD_BYTES` of an input are of such a format."""
    what, command = "a tar archive", "tar -xOf"
    if not _is_tar(head):
        found = next(((what, command) for magic, what, command in _PATTERNS if magic.match(head)), None)
        if found is None:
            return
        what, command = found
    raise InputError(path, f"is {what}", f"use: {command} FILE | kxcli ..." if command else _CONVERT)


def _is_tar(head: bytes) -> bool:
    """Return whether these are the first bytes of a tar archive.

    The oldest archives have no magic number, but the sum of the header's bytes as an octal number.
    """
    if head[257:262] == b"ustar" and b"\0" in head[:257]:
        return True
    stored = re.fullmatch(rb" *([0-7]{4,7})[\0 ]*", head[148:156])
    return stored is not None and len(head) == HEAD_BYTES and int(stored[1], 8) == sum(head) - sum(head[148:156]) + 256
