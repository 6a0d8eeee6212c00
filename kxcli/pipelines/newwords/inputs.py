"""Inputs -> the words of their texts."""

from functools import partial

from kxcli.corpus.reader_spec import ReaderSpec
from kxcli.mining.newwords.alphabet import MAX_RECORD, CountCharacters, iter_part_records
from kxcli.mining.newwords.discovery import SAFE_SPLIT_PATTERN, Discovery
from kxcli.mining.newwords.lexicon import find_lexicon
from kxcli.mining.newwords.lines import FindFirstLines
from kxcli.mining.newwords.listing import Selection, Word, list_words
from kxcli.pipelines import corpus_run, engines
from kxcli.pipelines.array_corpus import ArrayCorpus
from kxcli.pipelines.inputs import make_reader_spec
from kxcli.pipelines.session import Session

# Bytes of memory for a byte of a whole line: the peak above that of an empty run was 10 for a JSON line of 10 MB of
# "aaa...", 14 for articles, and 25 for a list of empty objects next to the text.
_LINE_COST = 30


def make_spec(session: Session, unique_lines: bool) -> ReaderSpec:
    """Return how the inputs are read."""
    return make_reader_spec(
        session.source,
        unit="blocks",  # lines are documents
        split_pattern=None if unique_lines else SAFE_SPLIT_PATTERN,
        max_part=MAX_RECORD,
        max_line=engines.get_max_line_bytes(session.run, _LINE_COST),
    )


def list_input_words(session: Session, discovery: Discovery, selection: Selection, *, unique_lines: bool) -> list[Word]:
    """Return the selected words of the inputs, in their order."""
    modules = ["kxcli.mining.newwords.lexicon", "kxcli.corpus.spool"]
    with corpus_run.open_corpus(session, modules, make_spec(session, unique_lines)) as corpus:
        arrays = ArrayCorpus(corpus, partial(iter_part_records, splits_lines=unique_lines))
        scratch = corpus.open_scratch()
        if unique_lines:
            arrays.drop_repeated_lines(CountCharacters(), FindFirstLines(scratch))
        return list_words(find_lexicon(discovery, arrays.run, scratch.room), selection)
