"""Keys of counts by document, and the counter without the kernel.

The kernel makes the same keys (`kernel/counter_dump.c`). A key is the group and `KEY_END`, the n-gram and `KEY_END`,
the order, and the number of the document; the group is absent if counts are not grouped, the order if there is only
one. Each document also has a row for each order without an n-gram, with the sum of its counts. So the rows of a group
begin with its documents, and those of an n-gram follow each other in the order of the documents.
"""

from typing import Literal

from kxcli.mining.wordcount.counting import Counting, WordSplitter
from kxcli.mining.wordcount.counts import KEY_END
from kxcli.mining.wordcount.python_counter import PythonCounter

# Whether a number is that of the first line of a text, or of a whole text.
DocumentUnit = Literal["lines", "texts"]

N_DIGITS = 11  # of the number of a document, in base 64
FIRST_DIGIT = "0"  # the others are the characters after it
DIGIT_BITS = 6


def encode_number(number: int) -> str:
    """Return the number of a document as it is in keys."""
    shifts = range(DIGIT_BITS * (N_DIGITS - 1), -1, -DIGIT_BITS)
    return "".join([chr(ord(FIRST_DIGIT) + (number >> shift & (1 << DIGIT_BITS) - 1)) for shift in shifts])


class PythonDocumentCounter(PythonCounter):
    """The twin of `kxcli._kernel.Counter` with documents.

    Args:
        counting: What is counted.
        splitter: Cuts texts into its words.
        unit: What has a number.
    """

    def __init__(self, counting: Counting, splitter: WordSplitter, unit: DocumentUnit) -> None:
        super().__init__(counting, splitter)
        self._counts_lines = unit == "lines"
        self._orders = range(counting.orders[0], counting.orders[1] + 1)

    def add(self, data: bytes | str, group: str, is_lines: bool, has_continuation: bool, number: int = 0) -> int:
        """Count a text; see `kxcli/_kernel.pyi`."""
        try:
            text = data if isinstance(data, str) else str(data, "utf-8")
        except UnicodeDecodeError as error:
            return error.start
        lines = text.split("\n") if is_lines else [text]
        if is_lines and self._counts_lines and not lines[-1]:
            lines.pop()  # nothing follows the last line end
        for position, line in enumerate(lines, 1):
            self._count_line(line, group, number)
            if position < len(lines) or not has_continuation:
                self._end_document()
            number += self._counts_lines
        return -1

    def dump(self) -> tuple[bytes, list[tuple[str, int, int]]]:
        """Return the counts as a run, and no totals."""
        return self._rows.dump(), []

    def _count_line(self, text: str, group: str, number: int) -> None:
        end = ("" if self._layout.has_orders else KEY_END) + encode_number(number)
        sums = dict.fromkeys(self._orders, 0)
        for order, grams in self.find_grams(text):
            sums[order] += len(grams)
            self._rows.add([key + end for key in self._layout.keys(group, order, grams)])
        for order, total in sums.items():
            self._rows.add_number(self._layout.keys(group, order, [""])[0] + end, total)
