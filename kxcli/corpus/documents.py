"""The texts that a reader yields: a document, or a block of lines."""

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

from kxcli.errors import InputError


class Document(NamedTuple):
    """A text and its group.

    Attributes:
        text: The text, or a part of a very long line.
        group: The group that it is counted in; "" if there are no groups.
        has_continuation: Whether the next document continues this one.
        key: The identifier of the record, if the spec names a field for it.
        n_before: The number of lines without a document before it, if the spec counts them.
        source: The path of the input that begins with it, if the spec names sources; such a record has no text, and a
            continuation.
        record: Its fields as a JSON object without the last brace, if the spec adds a field.
        document: Its number, if the spec numbers documents.
    """

    text: str
    group: str = ""
    has_continuation: bool = False
    key: str | int | None = None
    n_before: int = 0
    source: str | None = None
    record: str = ""
    document: int = 0

    @property
    def data(self) -> str:
        """The text, as in `TextBlock`."""
        return self.text

    @property
    def is_lines(self) -> bool:
        """Whether each LF ends a document, as in `TextBlock`."""
        return False

    @property
    def n_lines(self) -> int:
        """One, for the first line of the record; see `TextBlock`."""
        return 1


class TextBlock:
    """Whole lines, each a document, for jobs that take bytes.

    Args:
        data: UTF-8 that may be invalid, or text.
        decode: Returns the text of the bytes.

    Attributes:
        group: The group of all lines.
        error: The error of a bad byte in `text`.
        document: The number of the first line, if the spec numbers documents.
    """

    has_continuation = False
    key: str | int | None = None
    n_before = 0
    source: str | None = None
    record = ""
    is_lines = True

    def __init__(self, data: bytes | str, decode: Callable[[], str] = str) -> None:
        self.data, self._decode = data, decode
        self.group = ""
        self.error: InputError | None = None
        self.document = 0

    @cached_property
    def n_lines(self) -> int:
        """The number of lines of text."""
        assert isinstance(self.data, str), "lines of bytes may be skipped"
        return count_text_lines(self.data)

    @cached_property
    def text(self) -> str:
        """The valid text; available until the next record is read.

        The line of a bad byte is skipped or repaired, and counted. If the byte is an error instead, there is no text,
        and the error is raised when the next record is read: the reader knows the place.
        """
        try:
            return self.data if isinstance(self.data, str) else self._decode()
        except InputError as error:
            self.error = error
            return ""


TextRecord = Document | TextBlock


def count_text_lines(data: bytes | str) -> int:
    """Return the number of lines; the last one may have no LF."""
    if isinstance(data, str):
        return data.count("\n") + (not data.endswith("\n"))
    return data.count(b"\n") + (not data.endswith(b"\n"))
