"""Segmentation of texts: jieba's three modes, characters, white space, a pattern."""

import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from re import _parser  # type: ignore[attr-defined]  # how many characters a pattern matches is nowhere else
from typing import TYPE_CHECKING, Literal, Protocol, get_args

from kxcli.mining.arguments import check_choice, check_type
from kxcli.mining.segment import blocks
from kxcli.mining.segment.dictionary import Dictionary

if TYPE_CHECKING:
    from kxcli.arrays import UInt16Array
    from kxcli.mining.segment.jieba_port import PortDictionary

Mode = Literal["jieba", "search", "full", "char", "space", "regex"]
Engine = Literal["fast", "jieba"]

_SAFE_SPLITS: dict[Mode, str | None] = {
    "jieba": blocks.SPLIT_AFTER_SEPARATOR,
    "search": blocks.SPLIT_AFTER_SEPARATOR,
    "full": blocks.SPLIT_BEFORE_BLOCK,
    "char": blocks.SPLIT_ANYWHERE,
    "space": blocks.SPLIT_AFTER_SPACE,
    "regex": None,
}


@dataclass(frozen=True)
class Segmentation:
    """How texts are cut into tokens.

    Args:
        mode: jieba's default, search or full mode; single characters; white space; the matches of `pattern`.
        hmm: Whether jieba's hidden Markov model may find words that are not in the dictionary.
        dictionary: The words for jieba's modes.
        engine: "fast" is the Rust port with jieba's exact results; full mode always uses jieba.
        pattern: A Python regular expression, only for the mode "regex".
    """

    mode: Mode = "jieba"
    hmm: bool = True
    dictionary: Dictionary = field(default_factory=Dictionary)
    engine: Engine = "fast"
    pattern: str | None = None

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, get_args(Mode))
        check_type("hmm", self.hmm, bool)
        check_type("dictionary", self.dictionary, Dictionary)
        check_choice("engine", self.engine, get_args(Engine))
        if self.mode == "regex":
            if self.pattern is None:
                raise ValueError('pattern must be given for the mode "regex"')
            check_pattern(self.pattern)
        elif self.pattern is not None:
            raise ValueError(f'pattern has no effect with the mode "{self.mode}"; use the mode "regex"')

    @property
    def safe_split_pattern(self) -> str | None:
        """Pattern of positions where splitting a text keeps its tokens, or None."""
        return _SAFE_SPLITS[self.mode]

    @property
    def uses_port(self) -> bool:
        """Whether the Rust port is used."""
        return self.engine == "fast" and self.mode in ("jieba", "search")


class Tokenizer(Protocol):
    """Cuts texts into raw tokens, each to be expanded regardless of context."""

    may_expand_words: bool  # whether raw tokens of letters and digits may expand

    def lines(self, pieces: Sequence[str]) -> "str | UInt16Array":
        """Return the raw tokens of pieces of text, one per line, as text or UTF-16 units."""
        ...

    def cut(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the raw tokens of each text, in order."""
        ...

    def expand_token(self, token: str) -> list[str]:
        """Return the tokens of a raw token."""
        ...


class PlainTokenizer:
    """A tokenizer by a function; raw tokens are tokens."""

    may_expand_words = False

    def __init__(self, cut: Callable[[str], list[str]]) -> None:
        self._cut = cut

    def lines(self, pieces: Sequence[str]) -> str:
        """Return the tokens, one per line; a token with an LF has no other characters."""
        return "\n".join(["\n".join(self._cut(piece)) for piece in pieces])

    def cut(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the tokens of each text."""
        return [self._cut(text) for text in texts]

    def expand_token(self, token: str) -> list[str]:
        """Return the token."""
        return [token]


def check_pattern(pattern: str) -> None:
    """Raise `ValueError` if a pattern is invalid or matches no character."""
    check_type("pattern", pattern, str)
    try:
        _compile(pattern)
        with warnings.catch_warnings(action="ignore"):
            width = _parser.parse(pattern).getwidth()[1]
    except (re.error, OverflowError) as error:
        raise ValueError(f"pattern is not a regular expression: {error}") from None
    except RecursionError:
        raise ValueError("pattern is nested too deeply") from None
    if not width:
        raise ValueError(f"pattern {pattern!r} matches no character, so it finds no words")


def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern without warnings about the syntax of future Python versions."""
    with warnings.catch_warnings(action="ignore"):
        return re.compile(pattern)


@contextmanager
def _raise_recursion_limit() -> Iterator[None]:
    """Raise the recursion limit, for compiling a pattern that compiled before."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + 200)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def prepare(segmentation: Segmentation) -> "PortDictionary | None":
    """Resolve the dictionary once for all processes, for `load_tokenizer`.

    Raises:
        NotEqualError: The fast engine differs from jieba with this dictionary.
    """
    if not segmentation.uses_port:
        return None
    from kxcli.mining.segment.jieba_port import resolve

    return resolve(segmentation.dictionary)


def load_tokenizer(segmentation: Segmentation, words: "PortDictionary | None") -> Tokenizer:
    """Return the tokenizer, given the value of `prepare`; takes 0.1 to 1 s."""
    mode, hmm = segmentation.mode, segmentation.hmm
    if words is not None:
        from kxcli.mining.segment.jieba_port import PortTokenizer

        return PortTokenizer(words, hmm=hmm, search=mode == "search")
    if mode == "char":
        return PlainTokenizer(list)
    if mode == "space":
        return PlainTokenizer(str.split)
    if mode == "regex":
        assert segmentation.pattern is not None
        with _raise_recursion_limit():
            pattern = _compile(segmentation.pattern)
        return PlainTokenizer(lambda text: [m.group() for m in pattern.finditer(text) if m.group()])
    from kxcli.mining.segment.jieba_reference import JiebaTokenizer

    jieba = JiebaTokenizer(segmentation.dictionary)
    if mode == "full":
        return PlainTokenizer(jieba.cut_all)
    cut = jieba.cut_for_search if mode == "search" else jieba.cut
    return PlainTokenizer(partial(cut, hmm=hmm))
