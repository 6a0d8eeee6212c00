"""Collocates from inputs to output."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from kxcli.mining.collocations.measures import MEASURES
from kxcli.mining.collocations.ranking import rank_collocates
from kxcli.mining.collocations.rows import TYPES, Collocate, Columns
from kxcli.mining.segment import prepare
from kxcli.mining.wordcount.counting import WordSplitter
from kxcli.mining.wordcount.counts import WordCountPartial
from kxcli.pipelines import corpus_run, engines
from kxcli.pipelines.absent_words import explain_absence
from kxcli.pipelines.inputs import make_reader_spec
from kxcli.pipelines.session import Session
from kxcli.report import Report
from kxcli.wording import format_count

if TYPE_CHECKING:
    from kxcli.corpus.reader_spec import ReaderSpec, Unit
    from kxcli.mining.collocations.job import PairCount, PairCounts
    from kxcli.mining.collocations.ranking import CollocateRanking
    from kxcli.mining.segment.compiled import CompiledDictionary
    from kxcli.mining.wordcount.counting import Counting
    from kxcli.output.rows import Cell

_MODULES = ("kxcli.mining.collocations.job", "kxcli.corpus.shards")  # that workers import
# Bytes of memory for a byte of a whole line, as for n-grams of several lengths: see pipelines/wordcount/reading.py.
_LINE_COST = 75


def make_pair_spec(session: Session, counting: "Counting", unit: "Unit") -> "ReaderSpec":
    """Return how documents are read."""
    return make_reader_spec(
        session.source,
        unit=unit,
        split_pattern=counting.safe_split_pattern,
        max_line=engines.get_max_line_bytes(session.run, _LINE_COST),
    )


def write_collocates(session: Session, job: "PairCount", ranking: "CollocateRanking") -> None:
    """Count the words of the inputs, and write the collocates."""
    dictionary = prepare(job.counting.segmentation, session.report.warning)
    spec = make_pair_spec(session, job.counting, "document" if dictionary is None else "bytes")
    with corpus_run.open_corpus(session, _MODULES, spec) as corpus:
        counts = corpus.run(job, dictionary) or job.finish(WordCountPartial())
        blocks = rank_collocates(counts, ranking, corpus.open_scratch())
        first = next(blocks, None)
        if first is None and ranking.top != 0:
            _explain_no_rows(session.report, job, counts, dictionary, ranking.min_count)
        blocks = chain([] if first is None else [first], blocks)
        hidden = ("word", "word_total") if job.word is not None else ()
        columns = [name for name in Collocate._fields if name not in hidden]
        session.write_rows(_iter_cells(blocks, columns, has_numbers=session.sink.has_numbers), columns, TYPES)


def _explain_no_rows(
    report: Report, job: "PairCount", counts: "PairCounts", dictionary: "CompiledDictionary | None", min_count: int
) -> None:
    """Report why there are no collocates."""
    if job.word is None:
        report.note(f"no pair has a count of {min_count} or more; lower --min-count")
    elif n := counts.count_word(job.word):
        occurs = f"{job.word} occurs {format_count(n, 'times')}"
        report.note(f"{occurs}, but no pair has a count of {min_count} or more; lower --min-count")
    else:
        report.warning(f"{job.word} {_explain_missing_word(job.word, job.counting, dictionary)}")


def _explain_missing_word(word: str, counting: "Counting", dictionary: "CompiledDictionary | None") -> str:
    """Return the reason for a word that does not occur, and the fix."""
    if word.isspace():
        return "is white space, which is not counted; name a word"
    if not counting.keeps_punctuation and not any(map(str.isalnum, word)):
        return "has no letter or digit, so it is not counted; add --punct"
    if len(word) < counting.min_length:
        return f"has fewer characters than --min-length {counting.min_length}; lower --min-length"
    words = [part for part in WordSplitter(counting, dictionary).split(word) if part is not None]
    return explain_absence(words)


def _iter_cells(blocks: Iterable[Columns], names: list[str], *, has_numbers: bool) -> "Iterator[tuple[Cell, ...]]":
    """Yield the cells of some columns; scores have 4 decimals."""
    for columns in blocks:
        cells = dict(zip(Collocate._fields, columns, strict=True))
        if not has_numbers:
            cells |= {name: [f"{score:.4f}" for score in cells[name]] for name in MEASURES}
        yield from zip(*map(cells.__getitem__, names), strict=True)
