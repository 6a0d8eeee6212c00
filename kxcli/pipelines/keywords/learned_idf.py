"""IDF learned from the inputs of a run."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from kxcli.errors import UsageError
from kxcli.mining.keywords.extraction import Extraction
from kxcli.mining.keywords.frequencies import CountDocumentFrequencies, build_idf
from kxcli.mining.keywords.idf import IdfTable
from kxcli.mining.segment import prepare
from kxcli.output import sink
from kxcli.output.rows import format_shortest
from kxcli.pipelines.corpus_run import Corpus
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.mining.segment.compiled import CompiledDictionary

_BLOCK_ROWS = 10_000
_UNSAVED = "words with white space skipped in the output of --save-idf"


def learn_idf(corpus: Corpus, extraction: Extraction) -> IdfTable:
    """Read the inputs and return the IDF of their words.

    Raises:
        UsageError: An input cannot be read again.
    """
    for source in (source for source in corpus.sources if source.size is None):
        raise UsageError(f"{source.path}: is a stream, and --learn-idf reads its inputs twice; give files.")
    corpus.report.detail("learning IDF")
    job = CountDocumentFrequencies(extraction)
    dictionary: CompiledDictionary | None = prepare(extraction.segmentation, corpus.report.warning)
    with corpus.open_call(corpus.reader, job, dictionary, "IDF") as call:
        partial = corpus.engine.reduce(call)
    corpus.report.check_skips()
    return IdfTable.from_mapping({}) if partial is None else build_idf(job.finish(partial), corpus.open_scratch())


def save_idf(table: IdfTable, path: str, report: Report) -> None:
    """Write a table to a file, a word and its IDF per line, ordered by code points."""
    unsaved = list[str]()

    def iter_lines() -> Iterator[str]:
        for word, idf in table.items():
            if any(map(str.isspace, word)):
                unsaved.append(word)
            else:
                yield f"{word} {format_shortest(idf)}\n"

    sink.write(_encode_blocks(iter_lines()), path, option="--save-idf")
    if unsaved:
        report.record_skips(_UNSAVED, len(unsaved), unsaved)


def _encode_blocks(lines: Iterable[str]) -> Iterator[bytes]:
    lines = iter(lines)
    while block := "".join(islice(lines, _BLOCK_ROWS)):
        yield block.encode("utf-8")
