"""The job that counts the words of each document."""

from typing import TYPE_CHECKING, Any

from kxcli.mining.documents.keys import DocumentUnit
from kxcli.mining.wordcount.counting import Counting, WordSplitter
from kxcli.mining.wordcount.counts import AnyCounter, KeyLayout, WordCountPartial
from kxcli.mining.wordcount.job import CountingJob

if TYPE_CHECKING:
    from kxcli.mining.documents.counts import DocumentCounts


class DocumentWordCount(CountingJob["DocumentCounts"]):
    """The job that counts the words of each document.

    Records with the same number and group are one document; n-grams do not cross their borders. Cost: linear in the
    text; memory grows with the pairs of a document and an n-gram in it, or with those of one partial if partials are
    spilled.

    Args:
        counting: The words.
        unit: What has a number.
    """

    def __init__(self, counting: Counting, unit: DocumentUnit) -> None:
        super().__init__(counting)
        self.layout = KeyLayout(counting.is_grouped, counting.orders)
        self._unit = unit

    def finish(self, partial: WordCountPartial) -> "DocumentCounts":
        """Return the final counts."""
        from kxcli.mining.documents.counts import DocumentCounts  # imports numpy

        return DocumentCounts(self.layout, partial)

    @property
    def kernel_options(self) -> dict[str, Any]:
        """What the kernel counts."""
        return {"documents": self._unit}

    def make_python_counter(self, splitter: WordSplitter) -> AnyCounter:
        """Return a counter without the kernel."""
        from kxcli.mining.documents.keys import PythonDocumentCounter

        return PythonDocumentCounter(self.counting, splitter, self._unit)
