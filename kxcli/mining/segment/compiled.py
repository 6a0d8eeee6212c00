"""Dictionaries in the compiled form of the kernel."""

import os
import re
import sys
from array import array
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from kxcli.kernel import load_kernel
from kxcli.mining.segment.blocks import HAN_FIRST, HAN_LAST
from kxcli.mining.segment.dictionary import Dictionary

if TYPE_CHECKING:
    from kxcli import _kernel

_STATES = "BEMS"  # of jieba's model, in the order of the kernel
_IMPOSSIBLE = -3.14e100  # log probability of what the model lacks, as in jieba's `finalseg`
_ALNUM, _SPACE = 1, 2


class CompileError(ValueError):
    """The kernel cannot take a dictionary; the text says why."""


class CompiledDictionary:
    """The bytes of a compiled dictionary.

    To pickle them copies them, because they may be those of a mapped file.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = data

    def __reduce__(self) -> "tuple[Callable[[bytes], CompiledDictionary], tuple[bytes]]":
        return CompiledDictionary, (bytes(self.data),)

    def open(self) -> "_kernel.Dictionary":
        """Return the dictionary for the kernel."""
        kernel = load_kernel()
        assert kernel is not None, "only the kernel compiles dictionaries"
        dictionary: _kernel.Dictionary = kernel.Dictionary(self.data)
        return dictionary


@lru_cache(maxsize=2)
def compile_dictionary(dictionary: Dictionary) -> CompiledDictionary:
    """Compile a dictionary, or take it from the cache; requires the kernel.

    Takes a second unless it is in the cache.

    Raises:
        CompileError: There are too many words for the kernel, or the sum of the frequencies is too large.
    """
    from kxcli.kernel.dictionary_cache import load_compiled

    kernel = load_kernel()
    assert kernel is not None
    about = f"{kernel.LAYOUT:x} {_hash_text(dictionary.main)} {_hash_text(dictionary.user)} {_stamp_jieba()}"
    return CompiledDictionary(load_compiled(about, lambda: _compile(dictionary), _is_accepted))


def _is_accepted(data: bytes | memoryview) -> bool:
    """Return whether the kernel takes a dictionary; takes a millisecond."""
    try:
        CompiledDictionary(data).open()
    except ValueError:
        return False
    return True


def _hash_text(text: str | None) -> str:
    """Return the digest of a text, if there is one."""
    if text is None:
        return "-"
    import hashlib

    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _stamp_jieba() -> str:
    """Return place, sizes and times of jieba's files, without importing it."""
    spec = find_spec("jieba")
    assert spec is not None, "kxcli requires jieba"
    assert spec.origin is not None, "jieba is in files"
    folder = os.path.dirname(spec.origin)
    stamps = [folder]
    for name in ("dict.txt", "finalseg/prob_start.py", "finalseg/prob_trans.py", "finalseg/prob_emit.py"):
        status = os.stat(os.path.join(folder, name))
        stamps.append(f"{status.st_size} {status.st_mtime_ns}")
    return " ".join(stamps)


def _compile(dictionary: Dictionary) -> bytes:
    from kxcli.mining.segment.jieba_reference import JiebaTokenizer, read_frequencies

    kernel = load_kernel()
    assert kernel is not None
    splits: list[bytes] = []
    if dictionary.user is None:
        frequencies, total = read_frequencies(dictionary.main)
    else:
        jieba = JiebaTokenizer(dictionary)
        frequencies, total = jieba.frequencies, jieba.total
        splits = sorted(word.encode("utf-8") for word in jieba.splits)
    words = {word.encode("utf-8"): frequency for word, frequency in frequencies.items() if frequency}
    for word in splits:
        words.setdefault(word, 0)
    lines = b"".join([b"%s %d\n" % row for row in sorted(words.items())])
    if total >= 1 << 63:
        raise CompileError(f"the frequencies of the dictionary add up to {total}")
    try:
        compiled: bytes = kernel.compile_dictionary(
            lines, total, b"".join(word + b"\n" for word in splits), _list_probabilities(), _list_kinds()
        )
    except ValueError as error:
        raise CompileError(str(error)) from None
    return compiled


def _list_probabilities() -> bytes:
    """Return the log probabilities of jieba's model: start, transitions, emissions."""
    from kxcli.mining.segment.jieba_reference import load_hmm_tables

    start, transitions, emissions = load_hmm_tables()
    numbers = array("d", [start[state] for state in _STATES])
    for state in _STATES:
        numbers.extend(transitions[state].get(following, _IMPOSSIBLE) for following in _STATES)
    for character in map(chr, range(HAN_FIRST, HAN_LAST + 1)):
        numbers.extend(emissions[state].get(character, _IMPOSSIBLE) for state in _STATES)
    return numbers.tobytes()


def _list_kinds() -> bytes:
    """Return for each code point whether it is a letter or digit, or white space."""
    text = "".join(map(chr, range(sys.maxunicode + 1)))
    kinds = bytearray(len(text))
    for pattern, kind in ((r"[^\W_]+", _ALNUM), (r"\s+", _SPACE)):  # as `str.isalnum` and `str.isspace`
        for match in re.finditer(pattern, text):
            kinds[match.start() : match.end()] = bytes([kind]) * len(match[0])
    return bytes(kinds)
