"""Inputs -> the words of their texts."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from kxcli.mining.newwords.alphabet import MAX_RECORD, CountCharacters, iter_part_records
from kxcli.mining.newwords.background import BackgroundCounts, count_background
from kxcli.mining.newwords.discovery import SAFE_SPLIT_PATTERN, Discovery
from kxcli.mining.newwords.examples import collect_examples
from kxcli.mining.newwords.lexicon import find_lexicon
from kxcli.mining.newwords.lines import FindFirstLines
from kxcli.mining.newwords.listing import Selection, Word, list_words
from kxcli.pipelines import corpus_run, engines
from kxcli.pipelines.array_corpus import ArrayCorpus
from kxcli.pipelines.inputs import choose_format, find_sources, make_reader_spec
from kxcli.pipelines.newwords.background import find_background, read_counts
from kxcli.pipelines.newwords.findable import choose_user_words
from kxcli.pipelines.session import Session
from kxcli.suffixes import guess_record_format

if TYPE_CHECKING:
    from kxcli.corpus.reader_spec import ReaderSpec, RequestedKind
    from kxcli.corpus.sources import Source

_MODULES = ("kxcli.mining.newwords.lexicon", "kxcli.corpus.spool")

# Bytes of memory for a byte of a whole line: the peak above that of an empty run was 10 for a JSON line of 10 MB of
# "aaa...", 14 for articles, and 25 for a list of empty objects next to the text.
_LINE_COST = 30


class LexiconRequest(NamedTuple):
    """A list of new words as requested.

    Attributes:
        discovery: How words are found.
        selection: The listed words and their order.
        unique_lines: Whether repeated lines count once.
        background: The inputs of the background; none if there is no background.
        is_userdict: Whether the words are for a user dictionary of jieba.
        n_examples: The number of examples of each word.
        top: Only the first words have examples.
    """

    discovery: Discovery
    selection: Selection
    unique_lines: bool
    background: tuple[str, ...]
    is_userdict: bool = False
    n_examples: int = 0
    top: int | None = None


class FoundWords(NamedTuple):
    """The listed words.

    Attributes:
        words: The words.
        n_words: The number of words of the whole lexicon.
        n_characters: The number of characters of the text.
        min_count: Minimum count of a word.
        min_count_spaced: Minimum count of a word in scripts with spaces.
    """

    words: list[Word]
    n_words: int
    n_characters: int
    min_count: int
    min_count_spaced: int


def make_spec(session: Session, unique_lines: bool) -> "ReaderSpec":
    """Return how texts are read."""
    return make_reader_spec(
        session.source,
        unit="blocks",  # lines are documents
        split_pattern=None if unique_lines else SAFE_SPLIT_PATTERN,
        max_part=MAX_RECORD,
        max_line=engines.get_max_line_bytes(session.run, _LINE_COST),
    )


def list_input_words(session: Session, request: LexiconRequest) -> FoundWords:
    """Return the new words of the inputs."""
    with ExitStack() as stack:
        background = find_background(session, request.background, stack)
        inputs = find_sources(session)
        spec = make_spec(session, request.unique_lines)
        open_inputs = stack.enter_context(
            corpus_run.open_corpora(session, _MODULES, spec, [*inputs, *background.texts])
        )
        form = request.discovery.form
        convert = partial(iter_part_records, splits_lines=request.unique_lines, form=form)
        corpus = open_inputs(inputs)
        arrays, scratch = ArrayCorpus(corpus, convert), corpus.open_scratch()
        if request.unique_lines:
            arrays.drop_repeated_lines(CountCharacters(), FindFirstLines(scratch))
        lexicon = find_lexicon(request.discovery, arrays.run, scratch.room)

        def count(words: Sequence[str]) -> BackgroundCounts:
            counts = count_words(words)
            if not counts.total:
                session.report.warning("the background has no text, so there is nothing to compare")
            return counts

        def count_words(words: Sequence[str]) -> BackgroundCounts:
            if background.tables:
                return read_counts(session, background.tables, words, form)
            others = ArrayCorpus(open_inputs(background.texts, _choose_format(session, background.texts)), convert)
            return count_background(words, lexicon.alphabet, others.run)

        counter = count if request.background else None
        words = list_words(lexicon, request.selection, arrays.run, scratch.room, counter)
        if request.is_userdict:
            words = choose_user_words(words, lexicon, arrays.run, session)
        shown = words[: request.top]
        contexts = collect_examples([word.word for word in shown], request.n_examples, lexicon.alphabet, arrays.run)
        words[: request.top] = [word._replace(examples=tuple(c)) for word, c in zip(shown, contexts, strict=True)]
        min_counts = lexicon.alphabet.min_count, request.discovery.min_count_spaced
        return FoundWords(words, len(lexicon), lexicon.alphabet.n_characters, *min_counts)


def _choose_format(session: Session, texts: "list[Source]") -> "RequestedKind":
    """Return the format of the background; --field describes only its records."""
    requested = choose_format(session.source, by=())
    has_plain = any(source.is_stdin or guess_record_format(source.path) is None for source in texts)
    return "auto" if requested == "records" and has_plain else requested
