"""Compression of outputs, by the suffix of their names."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from kxcli.storage.zstd_library import load_zstd
from kxcli.suffixes import guess_compressor

_PART_BYTES = 1 << 20  # compressed at a time


class Compressor(Protocol):
    """A compressor of one stream, as in the modules bz2, lzma and zstd."""

    def compress(self, data: bytes, /) -> bytes:
        """Return the bytes that are complete after some more data."""
        ...

    def flush(self) -> bytes:
        """Return the last bytes."""
        ...


def compress_by_suffix(blocks: Iterable[bytes], path: str) -> Iterable[bytes]:
    """Return the blocks of an output, compressed if the suffix of its name says so."""
    kind = guess_compressor(path)
    return blocks if kind is None else _compress(blocks, _COMPRESSORS[kind]())


def check_compressor(path: str) -> None:
    """Raise `MissingExtraError` if the compressor for a name is missing."""
    if guess_compressor(path) == "zstd":
        _make_zstd()


def _compress(blocks: Iterable[bytes], compressor: Compressor) -> Iterator[bytes]:
    """Yield compressed blocks.

    The compressor gets parts of a fixed size, so that its bytes do not depend on the blocks.
    """
    pending = bytearray()
    for block in blocks:
        pending += block
        while len(pending) >= _PART_BYTES:
            part = bytes(pending[:_PART_BYTES])
            del pending[:_PART_BYTES]
            if data := compressor.compress(part):
                yield data
    yield compressor.compress(bytes(pending)) + compressor.flush()


def _make_gzip() -> Compressor:
    import zlib

    return zlib.compressobj(wbits=16 + zlib.MAX_WBITS)  # a gzip header without name and time


def _make_bzip2() -> Compressor:
    import bz2

    return bz2.BZ2Compressor()


def _make_xz() -> Compressor:
    import lzma

    return lzma.LZMACompressor()


def _make_zstd() -> Any:
    return load_zstd("writing zstd-compressed output").ZstdCompressor()


_COMPRESSORS: dict[str, Callable[[], Compressor]] = {
    "gzip": _make_gzip,
    "bzip2": _make_bzip2,
    "xz": _make_xz,
    "zstd": _make_zstd,
}
