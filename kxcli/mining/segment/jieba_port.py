"""rjieba, the Rust port of jieba, with exactly jieba's results.

The port computes the dictionary's best route, without the hidden Markov model (HMM) for unknown words. It differs from
jieba in one point: its blocks contain more Han characters, so the text is split at those first. The HMM runs here:
run by run for a short text, over arrays (`hmm_pass`) for a long one.  jieba computes the frequencies that it suggests
for user words, and they are added unchanged.  jieba's total counts every line of a dictionary, the port's every word
once; the difference decides between routes with equal products of frequencies.
"""

import math
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kxcli.mining.segment.blocks import FOREIGN_HAN, GLUE, HAN, is_in_block
from kxcli.mining.segment.dictionary import Dictionary

if TYPE_CHECKING:
    from kxcli.arrays import UInt16Array
    from kxcli.mining.segment.hmm_pass import HmmPass

_ONLY_HAN = re.compile(f"[{HAN}]{{2,}}")
_PART = re.compile(r"([a-zA-Z0-9]+(?:\.[0-9]+)?%?)")  # text outside Han that jieba's HMM does not split
_NEVER_FOUND = "\n"  # a word outside any block; only its frequency counts, in the total
_LOCK = threading.Lock()
_MAX_TOTAL = 1 << 63  # the port's total is a signed 64-bit integer
# dict.txt of jieba 0.42.1 has the line "B超 3 n" twice, and its total counts both.
_DEFAULT_EXCESS = 3
_MARGIN = 1e-9  # of log probabilities; exceeds the rounding error of their sums
_BY_ARRAYS_FROM = 1 << 16  # characters; importing numpy for shorter text takes longer than it saves
_GLUE = chr(GLUE)


class NotEqualError(Exception):
    """The port would differ from jieba with this dictionary; the text says why."""


@dataclass(frozen=True)
class PortDictionary:
    """Words to add to the port's dictionary or to an empty one.

    Attributes:
        added: Words with their frequencies.
        is_added_to_own: Whether the port's own dictionary is used.
        excess: jieba's total minus the sum of the frequencies.
        splits: Words that the HMM may not join.
    """

    added: tuple[tuple[str, int], ...] = ()
    is_added_to_own: bool = True
    excess: int = 0
    splits: frozenset[str] = frozenset()


def resolve(dictionary: Dictionary) -> PortDictionary:
    """Return the port's form of a dictionary.

    Takes about a second unless it is jieba's own dictionary; the result is not cached.

    Raises:
        NotEqualError: The port could differ from jieba.
    """
    from kxcli.mining.segment.jieba_reference import JiebaTokenizer

    if dictionary.is_default:
        return PortDictionary(excess=_DEFAULT_EXCESS)
    jieba = JiebaTokenizer(dictionary)
    frequencies = jieba.frequencies
    own = dictionary.main is None and all(frequencies[word] for word in jieba.user_words)
    words = jieba.user_words if own else frequencies
    added = {word: frequencies[word] for word in words if frequencies[word]}
    _check(added, frequencies, jieba.total, jieba.splits)
    return PortDictionary(tuple(added.items()), own, jieba.total - sum(frequencies.values()), jieba.splits)


def _check(added: dict[str, int], frequencies: dict[str, int], total: int, splits: frozenset[str]) -> None:
    """Raise `NotEqualError` if tokens of the route and of the HMM could be confused.

    The route splits a word into characters only if they score at least as high as the word. Single letters and digits
    are joined afterwards, and could form that word, or a part of it.
    """
    if total >= _MAX_TOTAL:
        raise NotEqualError(f"the frequencies of the dictionary add up to {total}")
    for word in splits:
        if frequencies[word]:
            raise NotEqualError(f"{word!r} is given both with frequency 0 and with another")
    for word, frequency in added.items():
        if len(word) > 1 and not _ONLY_HAN.fullmatch(word) and is_in_block(word):
            single = sum(math.log(frequencies.get(ch) or 1) - math.log(total) for ch in word)
            if math.log(frequency) - math.log(total) <= single + _MARGIN:
                raise NotEqualError(f"{word!r} is less frequent than its characters")


def _load_port(words: PortDictionary) -> Any:
    """Return the port with a dictionary.

    For jieba's own dictionary it is the module's instance, because another one takes 24 MB and 0.1 s per process. Only
    its total changes.
    """
    import rjieba

    if words.is_added_to_own and not words.added:
        with _LOCK, suppress(RuntimeError):  # another thread is using it, so it cannot change
            if words.excess and not rjieba.has_word(_NEVER_FOUND):
                rjieba.add_word(_NEVER_FOUND, words.excess, None)
            return rjieba
    port = rjieba.Jieba() if words.is_added_to_own else rjieba.Jieba.empty()
    for word, frequency in words.added:
        port.add_word(word, frequency, None)
    if words.excess:
        port.add_word(_NEVER_FOUND, words.excess, None)
    return port


class PortTokenizer:
    """Raw tokens by the port; `expand_token` makes them jieba's tokens."""

    def __init__(self, words: PortDictionary, *, hmm: bool, search: bool) -> None:
        port = _load_port(words)
        self._cut, self._is_word = port.cut, port.has_word
        self._hmm, self._search = hmm, search
        self._splits = set(words.splits)
        self._hmm_pass: HmmPass | None = None
        self.may_expand_words = search or bool(words.splits)

    def lines(self, pieces: Sequence[str]) -> "str | UInt16Array":
        """Return the raw tokens of pieces, one per line; empty lines separate pieces."""
        if not self._hmm:
            return "\n\n".join(["\n".join(self._cut_by_route(piece)) for piece in pieces])
        if sum(map(len, pieces)) < _BY_ARRAYS_FROM:
            return "\n\n".join(["\n".join(self._apply_hmm(self._cut_by_route(piece))) for piece in pieces])
        from kxcli.mining.segment.hmm_pass import HmmPass, classify_units, may_hold_foreign_han, to_units

        units = to_units("\n\n".join(["\n".join(self._cut(piece, False)) for piece in pieces]))
        kinds = classify_units(units)
        if may_hold_foreign_han(kinds):
            units = to_units("\n\n".join(["\n".join(self._cut_by_route(piece)) for piece in pieces]))
            kinds = classify_units(units)
        if self._hmm_pass is None:
            self._hmm_pass = HmmPass(self._is_word)
        return self._hmm_pass.join(units, kinds)

    def cut(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the raw tokens of each text."""
        if not self._hmm:
            return [self._cut_by_route(text) for text in texts]
        if sum(map(len, texts)) < _BY_ARRAYS_FROM:
            return [list(self._apply_hmm(self._cut_by_route(text))) for text in texts]
        lines = self.lines([text.replace("\n", " ") for text in texts])  # equivalent: both are white space
        assert not isinstance(lines, str)
        parts = lines.tobytes().decode("utf-16-le").split("\n\n")
        return [part.split("\n") if part else [] for part in parts]

    def expand_token(self, token: str) -> list[str]:
        """Return jieba's tokens for a raw token."""
        if _GLUE in token and len(token) > 1:
            parts = token.split(_GLUE)
            is_of_singles = token.isascii() and not any(len(part) > 1 and self._is_word(part) for part in parts)
            words = list(self._cut_run("".join(parts)) if is_of_singles else self._apply_hmm(parts))
        elif token in self._splits and _ONLY_HAN.fullmatch(token):
            words = list(token)
        else:
            words = [token]
        return [part for word in words for part in self._iter_search_words(word)] if self._search else words

    def _cut_by_route(self, text: str) -> list[str]:
        """Return the tokens of the dictionary's best route."""
        if FOREIGN_HAN.search(text) is None:
            whole: list[str] = self._cut(text, False)
            return whole
        tokens: list[str] = []
        for number, part in enumerate(FOREIGN_HAN.split(text)):
            if number % 2:
                tokens.append(part)
            elif part:
                tokens.extend(self._cut(part, False))
        return tokens

    def _apply_hmm(self, route: Iterable[str]) -> Iterator[str]:
        """Yield the tokens of a route, with runs of single characters cut by the HMM."""
        run = ""
        for token in route:
            if is_in_block(token) and (
                len(token) == 1 or (token.isascii() and token.isalnum() and not self._is_word(token))
            ):
                run += token
                continue
            if run:
                yield from self._cut_run(run)
                run = ""
            yield token
        if run:
            yield from self._cut_run(run)

    def _cut_run(self, run: str) -> Iterable[str]:
        if len(run) == 1 or self._is_word(run):
            return run
        if run.isascii():
            return filter(None, _PART.split(run))
        from kxcli.mining.segment.jieba_reference import cut_with_hmm

        return cut_with_hmm(run, self._splits)

    def _iter_search_words(self, word: str) -> Iterator[str]:
        """Yield the tokens of jieba's search mode for a word of its default mode."""
        for length in (2, 3):
            if len(word) > length:
                for start in range(len(word) - length + 1):
                    if self._is_word(part := word[start : start + length]):
                        yield part
        yield word
