"""Types of option values."""

import math
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class ParsedType(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic only in newer versions
    """A value that a function parses; its `ValueError` is the message."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name, self._parse = name, parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the parsed value."""
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


def parse_size(text: str) -> int:
    """Return a number of bytes; 300K, 300M, 2G are powers of 1,024."""
    match = re.fullmatch(r"(\d+)([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE | re.ASCII)
    size = int(match[1]) * _SIZES[match[2].upper()] if match else 0
    if not size:
        raise ValueError(f"{text!r} is not a size; write it as 300K, 300M or 2G")
    return size


def decode_option(text: str) -> str:
    """Return a string to compare with texts, names of columns or keys.

    In an ASCII locale Python leaves the bytes of other characters undecoded (as lone surrogates), which match nothing:
    they are decoded as UTF-8. Names of files stay undecoded, because files are opened by these bytes.
    """
    if not any("\ud800" <= ch <= "\udfff" for ch in text):
        return text
    try:
        return os.fsencode(text).decode("utf-8")
    except UnicodeError:
        raise ValueError("is not valid UTF-8; write it in UTF-8, with a UTF-8 locale") from None


SIZE = ParsedType("size", parse_size)
OPTION_TEXT = ParsedType("text", decode_option)


class NumberRange(click.FloatRange):
    """A number in a range; NaN is in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


class PathType(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic only in newer versions
    """The name of an input, an output or a folder.

    Args:
        role: Its use in a run.
        accepts_dash: Whether it may be `-`, for stdin or stdout; a folder may not.
        file_format: The format of an output; None for the one of -f.
        only_with: An option; with it, the run writes this output alone, and without it, the run reads it.
    """

    name = "path"

    def __init__(
        self,
        role: Literal["input", "output", "folder"],
        *,
        accepts_dash: bool = True,
        file_format: str | None = None,
        only_with: str = "",
    ) -> None:
        self.role, self.file_format, self.only_with = role, file_format, only_with
        self._accepts_dash = accepts_dash and role != "folder"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        if value == "-" and not self._accepts_dash:
            self.fail(f"needs a {'folder' if self.role == 'folder' else 'file'}, not -.", param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """Let the shell complete the name of a file or folder."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="dir" if self.role == "folder" else "file")]


class StopwordsType(PathType):
    """The name of a file, or `@` and the name of a list that comes with the program."""

    def __init__(self) -> None:
        super().__init__("input")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        from kxcli.mining.stopwords import LISTS

        if value.startswith("@") and value[1:] not in LISTS:
            lists = ", ".join(f"@{name}" for name in LISTS)
            self.fail(f"there is no list {value!r}: choose from {lists}, or write ./{value} for a file.", param, ctx)
        return super().convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """Let the shell complete the name of a list or a file."""
        from click.shell_completion import CompletionItem

        from kxcli.mining.stopwords import LISTS

        if incomplete.startswith("@"):
            return [CompletionItem(f"@{name}") for name in LISTS if f"@{name}".startswith(incomplete)]
        return super().shell_complete(ctx, param, incomplete)


INPUT_FILE, FOLDER = PathType("input"), PathType("folder")
