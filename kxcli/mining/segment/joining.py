"""Joined tokens, as jieba's command line prints them.

`PythonJoiner` is the slow twin of the kernel's `Segmenter.join`; see `kxcli/_kernel.pyi`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Protocol

from kxcli.mining.segment.blocks import is_in_block

_LINE_END = re.compile(r"\r\n?|\n")


class Joiner(Protocol):
    """Joins the tokens of texts; the kernel's `Segmenter` is one."""

    def join(self, data: bytes | str, delimiter: bytes, is_lines: bool, /) -> bytes | int:
        """Return joined tokens as UTF-8, or the position of the first bad byte."""
        ...


class PythonJoiner:
    """The twin of the kernel's `Segmenter.join`.

    Args:
        cut: Returns the tokens of a text.
        has_empty_tokens: Whether to write the empty tokens of jieba's full mode.
    """

    def __init__(self, cut: Callable[[str], Iterable[str]], *, has_empty_tokens: bool = False) -> None:
        self._cut, self._has_empty_tokens = cut, has_empty_tokens

    def join(self, data: bytes | str, delimiter: bytes, is_lines: bool, /) -> bytes | int:
        """Return joined tokens as UTF-8, or the position of the first bad byte."""
        try:
            text = data if isinstance(data, str) else str(data, "utf-8")
        except UnicodeDecodeError as error:
            return error.start
        join = partial(self._join_document, delimiter.decode("utf-8"))
        if is_lines:
            lines = text.removesuffix("\n").split("\n") if text else []
            joined = "".join([join(line.removesuffix("\r")) + "\n" for line in lines])
        else:
            joined = join(text)
        return joined.encode("utf-8", "surrogatepass")

    def _join_document(self, delimiter: str, text: str) -> str:
        tokens = self._cut(text)
        if self._has_empty_tokens:
            tokens = insert_empty_tokens(tokens)
        if "\n" in text or "\r" in text:
            tokens = [_LINE_END.sub(" ", token) for token in tokens]
        return delimiter.join(tokens)


def insert_empty_tokens(tokens: Iterable[str]) -> Iterator[str]:
    """Yield the tokens of jieba's full mode with its empty ones.

    jieba splits the text between blocks at white space, so there is an empty token at each end of white space that is
    not next to other characters outside blocks, and one between two white spaces.

    Args:
        tokens: The other tokens of a text.
    """
    follows_other = follows_space = False
    for token in tokens:
        is_space = token.isspace()
        is_other = not is_space and not is_in_block(token[0])
        if not follows_other if is_space else follows_space and not is_other:
            yield ""
        yield token
        follows_other, follows_space = is_other, is_space
    if follows_space:
        yield ""
