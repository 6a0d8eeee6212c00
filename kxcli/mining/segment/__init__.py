"""Segmentation of texts: by jieba, character, white space, pattern or lexicon."""

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from re import _parser  # type: ignore[attr-defined]  # how many characters a pattern matches is nowhere else
from typing import TYPE_CHECKING, Literal, get_args

from kxcli.kernel import load_kernel
from kxcli.mining.arguments import check_choice, check_type
from kxcli.mining.segment import blocks
from kxcli.mining.segment.dictionary import Dictionary

if TYPE_CHECKING:
    from kxcli.mining.segment.compiled import CompiledDictionary

Mode = Literal["jieba", "search", "full", "char", "space", "regex", "lexicon"]
Engine = Literal["kernel", "jieba"]

_SAFE_SPLITS: dict[Mode, str | None] = {
    "jieba": blocks.SPLIT_AFTER_SEPARATOR,
    "search": blocks.SPLIT_AFTER_SEPARATOR,
    "full": blocks.SPLIT_BEFORE_BLOCK,
    "char": blocks.SPLIT_ANYWHERE,
    "space": blocks.SPLIT_AFTER_SPACE,
    "regex": None,
    "lexicon": r"(?<=[\t\n !-/:-@\[-`{-~、-〃「-】！-／：-＠])",  # marks of ASCII, Chinese and full width
}
_KERNEL_MODES = ("jieba", "search", "full", "char", "space")


@dataclass(frozen=True)
class Segmentation:
    """How texts are cut into tokens.

    Args:
        mode: jieba's default, search or full mode; single characters; white space; the matches of `pattern`; the most
            probable words of a lexicon, which is the main dictionary.
        hmm: Whether jieba's hidden Markov model may find words that are not in the dictionary.
        dictionary: The words for jieba's modes.
        engine: "kernel" is compiled code with jieba's exact results; where it is missing, jieba itself is used.
        pattern: A Python regular expression, only for the mode "regex".
    """

    mode: Mode = "jieba"
    hmm: bool = True
    dictionary: Dictionary = field(default_factory=Dictionary)
    engine: Engine = "kernel"
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
        if self.mode == "lexicon" and self.dictionary.main is None:
            raise ValueError('dictionary.main must be given for the mode "lexicon"')

    @property
    def safe_split_pattern(self) -> str | None:
        """Pattern of positions where splitting a text keeps its tokens, or None."""
        return _SAFE_SPLITS[self.mode]

    @property
    def uses_kernel(self) -> bool:
        """Whether the kernel is used in this process."""
        return self.engine == "kernel" and self.has_kernel_mode and load_kernel() is not None

    @property
    def has_kernel_mode(self) -> bool:
        """Whether the kernel has the mode."""
        return self.mode in _KERNEL_MODES

    def compile_pattern(self) -> re.Pattern[str]:
        """Return the compiled pattern of the mode "regex"."""
        assert self.pattern is not None, "other modes have no pattern"
        with _raise_recursion_limit():
            return _compile(self.pattern)


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


def _ignore(_text: str) -> None:
    pass


def prepare(segmentation: Segmentation, warn: Callable[[str], None] = _ignore) -> "CompiledDictionary | None":
    """Return the dictionary for all processes.

    It is None unless the kernel is used.

    Args:
        segmentation: How texts are cut.
        warn: Receives the reason if the kernel cannot take the dictionary; then jieba itself is used.
    """
    if not segmentation.uses_kernel:
        return None
    from kxcli.mining.segment.compiled import CompileError, compile_dictionary

    try:
        return compile_dictionary(segmentation.dictionary)
    except CompileError as error:
        warn(f"{error}; using jieba itself, which is many times slower")
        return None


def load_tokenizer(segmentation: Segmentation, shared: "CompiledDictionary | None") -> Callable[[str], list[str]]:
    """Return the function that cuts a text into tokens.

    Takes up to a second.

    Args:
        segmentation: How texts are cut.
        shared: The value of `prepare`.
    """
    mode, hmm = segmentation.mode, segmentation.hmm
    kernel = None if shared is None else load_kernel()
    if shared is not None and kernel is not None:  # another machine may have made the shared dictionary
        cut: Callable[[str], list[str]] = kernel.Segmenter(shared.open(), mode, hmm).cut
        return cut
    if mode == "char":
        return list
    if mode == "space":
        return str.split
    if mode == "regex":
        pattern = segmentation.compile_pattern()
        return lambda text: [m.group() for m in pattern.finditer(text) if m.group()]
    if mode == "lexicon":
        assert segmentation.dictionary.main is not None, "the mode requires it"
        from kxcli.mining.segment.lexicon import load_lexicon_tokenizer, parse_lexicon

        return load_lexicon_tokenizer(parse_lexicon(segmentation.dictionary.main))
    from kxcli.mining.segment.jieba_reference import JiebaTokenizer

    jieba = JiebaTokenizer(segmentation.dictionary)
    if mode == "full":
        return jieba.cut_all
    return partial(jieba.cut_for_search if mode == "search" else jieba.cut, hmm=hmm)
