"""Safe reading of untrusted .npy headers and .npz files."""

import math
import warnings
import zipfile
from collections.abc import Callable, Mapping
from typing import IO, Any, BinaryIO, NamedTuple

import numpy as np

from kxcli.arrays import AnyArray

_READERS: dict[tuple[int, int], Callable[[BinaryIO], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_SUFFIX = ".npy"
_MAX_MEMBERS = 1000  # arrays; a model has far fewer
_MAX_COLUMNS = 1 << 16  # arrays of a table; reading their headers takes seconds
_MAX_RATIO = 10  # inflated bytes for each of the file; models have 2 to 3, zeros 1,000
_MIN_LIMIT_BYTES = 1 << 24  # inflated bytes that are accepted with any ratio
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the methods of numpy
_IS_ENCRYPTED = 1  # a bit of the flags of a zip member


class NpyError(ValueError):
    """A foreign or damaged file; the message is the cause."""


class NpyHeader(NamedTuple):
    """The header of an array: shape, order and dtype."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]

    @property
    def n_bytes(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(file: BinaryIO) -> NpyHeader:
    """Read the header of a .npy file, without its array.

    Raises:
        NpyError: If the file is damaged or of an unknown version.
        OSError: If the file cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about headers of Python 2
            version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call, unused-ignore]
            if version not in _READERS:
                raise NpyError(f"has the unknown version {version[0]}.{version[1]} of the format")
            header = NpyHeader(*_READERS[version](file))
    except (NpyError, OSError, zipfile.BadZipFile):
        raise
    except Exception as error:
        raise NpyError(f"is damaged ({_shorten_error(error)})") from error
    if any(type(size) is not int or size < 0 for size in header.shape):
        raise NpyError(f"is damaged (shape {header.shape})")
    return header


class NpzFile:
    """An open .npz file; `headers` are the headers of its arrays by name.

    Raises:
        NpyError: If numpy cannot have written the file: repeated names, other compression, encryption, sizes that
            differ from the headers, or an inflated size beyond that of a model.
    """

    def __init__(self, file: BinaryIO, size: int | None) -> None:
        """Read the headers of a file of `size` bytes.

        If it is None, the arrays are columns: there may be many, of any inflated size.
        """
        try:
            self._zip = zipfile.ZipFile(file)
        except Exception as error:
            raise NpyError("is not a .npz file") from error
        self.headers: dict[str, NpyHeader] = {}
        self._starts: dict[str, int] = {}
        members = self._zip.infolist()
        limit = _MAX_COLUMNS if size is None else _MAX_MEMBERS
        if len(members) > limit:
            raise NpyError(f"has {len(members):,} arrays, more than the limit of {limit:,}")
        for member in members:
            name = member.filename.removesuffix(_SUFFIX)
            if name in self.headers or not member.filename.endswith(_SUFFIX):
                raise NpyError(f"has a file {member.filename!a} that numpy does not write")
            self._read_member_header(name, member)
        total = sum(member.file_size for member in members)
        if size is not None and total > max(_MIN_LIMIT_BYTES, _MAX_RATIO * size):
            raise NpyError(f"would take {total:,} bytes of memory, too much for its size")

    def _read_member_header(self, name: str, member: zipfile.ZipInfo) -> None:
        if member.compress_type not in _METHODS or member.flag_bits & _IS_ENCRYPTED:
            raise NpyError(f"has the array {name!a} compressed by an unknown method, or encrypted")
        try:
            with self._zip.open(member) as file:
                header = self.headers[name] = read_header(file)  # type: ignore[arg-type]
                start = self._starts[name] = file.tell()
        except NpyError as error:
            raise NpyError(f"has the array {name!a}, which {error}") from error
        except Exception as error:
            raise _make_read_error(name, error) from error
        if header.dtype.hasobject:
            raise NpyError(f"has the array {name!a} of Python objects, which are not read")
        if start + header.n_bytes != member.file_size:
            raise NpyError(f"has the array {name!a}, whose size differs from its header")

    def open(self, name: str) -> IO[bytes]:
        """Open the bytes of an array; reading to the end verifies the checksum."""
        try:
            file = self._zip.open(name + _SUFFIX)
            file.read(self._starts[name])
        except Exception as error:
            raise _make_read_error(name, error) from error
        return file

    def arrays(self) -> Mapping[str, AnyArray]:
        """Inflate and return all arrays."""
        return {name: self.array(name) for name in self.headers}

    def array(self, name: str) -> AnyArray:
        """Inflate and return an array."""
        header = self.headers[name]
        try:
            with self._zip.open(name + _SUFFIX) as file:
                data = file.read()[self._starts[name] :]  # reading to the end verifies the checksum
            array = np.frombuffer(data, header.dtype)
            return array.reshape(header.shape, order="F" if header.is_fortran else "C")
        except Exception as error:
            raise _make_read_error(name, error) from error


def _make_read_error(name: str, error: Exception) -> NpyError:
    return NpyError(f"is damaged: the array {name!a} cannot be read ({_shorten_error(error)})")


def _shorten_error(error: Exception) -> str:
    """Return the message of an error as one short line."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
