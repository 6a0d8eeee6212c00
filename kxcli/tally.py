"""Counts of words: added, merged, and written as bytes.

Most words are short, and to make and hash a Python string for each occurrence costs as much as segmentation.
So a tally also takes text with a word a line, whose short words numpy counts as integers (`packing`); they become
strings once, when the counts are asked for.
"""

import json
import struct
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kxcli.packing import Counts, Keys

_PACK_FROM = 1 << 16  # characters: below, numpy's import would take longer than it saves
_COUNT_FROM = 1 << 17  # words held uncounted
_MERGE_FROM = 1 << 17  # packed keys held unmerged: 2 MB
_LENGTHS = struct.Struct("<QQ")


class Tally:
    """How often each word was seen; merging is associative and commutative, whatever form the counts are in."""

    def __init__(self, counts: dict[str, int] | None = None) -> None:
        self._counts: Counter[str] = Counter(counts)
        self._loose: list[str] = []
        self._packed: list[tuple[Keys, Counts]] = []
        self._slots: Counts | None = None  # counts of the keys that this process's `KeyCounter` remembers
        self._merged_size = 0  # keys in the first packed part, once it is the merge of others

    def __reduce__(self) -> tuple[Callable[[bytes], "Tally"], tuple[bytes]]:
        return Tally.load, (self.dump(),)  # slots are those of this process alone

    def add(self, words: Iterable[str]) -> None:
        """Count each word once more."""
        self._counts.update(words)

    def _add_loose(self, words: list[str]) -> None:
        """Hold words that are not counted yet: counting many at a time is faster than merging counts."""
        self._loose += words
        if len(self._loose) > _COUNT_FROM:
            self._count_loose()

    def _count_loose(self) -> None:
        self._counts.update(self._loose)
        self._loose = []

    def add_lines(self, lines: "str | npt.NDArray[np.uint16]") -> None:
        """Count the words in lines of one word each, given as text or as UTF-16 units; empty lines are none."""
        if len(lines) < _PACK_FROM:
            text = lines if isinstance(lines, str) else lines.tobytes().decode("utf-16-le")
            self._counts.update(text.split("\n"))
            self._counts.pop("", None)
            return
        from kxcli.packing import key_counter, pack

        keys, long_words = pack(lines)
        self._add_loose(long_words)
        slots, others, counts = key_counter().count(keys)
        self._slots = slots if self._slots is None else self._slots + slots
        self._packed.append((others, counts))
        self._merge_packed(_MERGE_FROM)

    def merge(self, other: "Tally") -> "Tally":
        """Add the other's counts to this one's, and return this one."""
        self._add_loose(other._loose)
        for word, count in other._counts.items():
            self._counts[word] += count
        self._packed.extend(other._packed)
        if other._slots is not None:
            self._slots = other._slots if self._slots is None else self._slots + other._slots
        self._merge_packed(_MERGE_FROM)
        return self

    def counts(self) -> Counter[str]:
        """Return each word's count."""
        self._count_loose()
        self._merge_packed(0)
        if self._packed:
            from kxcli.packing import unpack

            ((keys, counts),) = self._packed
            words = dict(zip(unpack(keys), counts.tolist(), strict=True))
            words.pop("", None)
            for word, count in self._counts.items():
                words[word] = words.get(word, 0) + count
            self._counts, self._packed = Counter(words), []
        return self._counts

    def dump(self) -> bytes:
        """Return the tally as bytes: two lengths, the strings' counts as JSON, the packed keys and their counts."""
        self._count_loose()
        self._merge_packed(0)
        strings = json.dumps(self._counts, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        if not self._packed:
            return _LENGTHS.pack(len(strings), 0) + strings
        ((keys, counts),) = self._packed
        return b"".join(
            (
                _LENGTHS.pack(len(strings), len(keys)),
                strings,
                keys.astype("<u8").data,
                counts.astype("<i8").data,
            )
        )

    @classmethod
    def load(cls, data: bytes) -> "Tally":
        """Return the tally that was dumped."""
        n_strings, n_keys = _LENGTHS.unpack_from(data)
        start = _LENGTHS.size + n_strings
        tally = cls(json.loads(data[_LENGTHS.size : start].decode("utf-8")))
        if n_keys:
            import numpy as np

            keys = np.frombuffer(data, dtype="<u8", count=n_keys, offset=start)
            counts = np.frombuffer(data, dtype="<i8", count=n_keys, offset=start + 8 * n_keys)
            tally._packed = [(keys.astype(np.uint64), counts.astype(np.int64))]
        return tally

    def _merge_packed(self, limit: int) -> None:
        """Merge the packed parts into one where there are others, if they hold more than `limit` keys.

        The limit grows with the vocabulary, so that each key is sorted a few times only, however many parts come.
        """
        if self._slots is not None and not limit:
            from kxcli.packing import key_counter

            self._packed.append(key_counter().of_slots(self._slots))
            self._slots = None
        size = sum(len(keys) for keys, _ in self._packed)
        if len(self._packed) > 1 and (not limit or size > max(limit, 2 * self._merged_size)):
            from kxcli.packing import merged

            self._packed = [merged(self._packed)]
            self._merged_size = len(self._packed[0][0])
