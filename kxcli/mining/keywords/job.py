"""The job that finds the keywords of documents: records -> rendered keywords."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from kxcli.mining.arguments import check_type, iter_strings
from kxcli.mining.keywords.extraction import Extraction, Keyword
from kxcli.mining.keywords.frequencies import CountDocumentFrequencies, build_idf
from kxcli.mining.keywords.idf import IdfTable, check_idf, load_jieba_idf
from kxcli.mining.keywords.textrank import TextRank
from kxcli.mining.keywords.tfidf import TfIdf
from kxcli.mining.ordered_parts import LineRecord
from kxcli.mining.rendered_lines import RenderedLines, RenderedLinesJob, render_lines
from kxcli.mining.segment import load_tokenizer, prepare
from kxcli.mining.segment.jieba_reference import PosTokenizer
from kxcli.mining.wordcount.job import Text

if TYPE_CHECKING:
    from kxcli.mining.segment.compiled import CompiledDictionary


class KeywordRecord(LineRecord, Protocol):
    """A document with its fields."""

    @property
    def text(self) -> str:
        """The text."""
        ...

    @property
    def key(self) -> str | int | None:
        """Its identifier, if the output has it instead of a number."""
        ...

    @property
    def record(self) -> str:
        """The fields as a JSON object without its last brace."""
        ...


class KeywordResources(NamedTuple):
    """What all workers share; `idf` is None for TextRank."""

    dictionary: "CompiledDictionary | None"
    idf: IdfTable | None


def make_resources(
    extraction: Extraction, idf: IdfTable | None, warn: Callable[[str], None] | None = None
) -> KeywordResources:
    """Return the dictionary and IDF for an extraction.

    Args:
        extraction: How keywords are found.
        idf: The IDF by word; None for that of jieba.
        warn: Receives the reason if the kernel cannot take the dictionary.
    """
    if extraction.method == "textrank":
        return KeywordResources(None, None)
    dictionary = None
    if not extraction.tags:
        dictionary = prepare(extraction.segmentation) if warn is None else prepare(extraction.segmentation, warn)
    return KeywordResources(dictionary, load_jieba_idf() if idf is None else idf)


class KeywordJob(RenderedLinesJob):
    """The job: `map` finds and renders the keywords of some documents.

    Cost: linear in the text; memory is for one document, next to the resources.

    Args:
        extraction: How keywords are found.
        render: Returns the output of a record; it is pickled.
    """

    def __init__(self, extraction: Extraction, render: Callable[[KeywordRecord, list[Keyword]], bytes]) -> None:
        self._extraction, self._render = extraction, render
        self._resources: KeywordResources | None = None
        self._extract: Callable[[str], list[Keyword]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_resources": None, "_extract": None}

    def setup(self, resources: KeywordResources) -> None:
        """Keep the resources; the first record loads them."""
        self._resources, self._extract = resources, None

    def map(self, records: Iterable[KeywordRecord]) -> list[RenderedLines]:
        """Return the rendered keywords of records."""

        def render(record: KeywordRecord) -> bytes:
            if self._extract is None:
                assert self._resources is not None, "setup comes first"
                self._extract = load_extractor(self._extraction, self._resources)
            return self._render(record, self._extract(record.text))

        return render_lines(records, render)


def load_extractor(extraction: Extraction, resources: KeywordResources) -> Callable[[str], list[Keyword]]:
    """Return the function that finds the keywords of a text; takes up to two seconds."""
    normalize = partial(unicodedata.normalize, "NFKC") if extraction.nfkc else str
    change_case = str.lower if extraction.lower else str
    segmentation, tags = extraction.segmentation, extraction.tags
    if not tags:
        cut = load_tokenizer(segmentation, resources.dictionary)
        find = _load_tfidf(extraction, resources).extract
        return lambda text: find(map(change_case, cut(normalize(text))))
    tagger = PosTokenizer(segmentation.dictionary)

    def split(text: str) -> list[str | None]:
        """Return the words of a text, with None in the place of those with other tags."""
        tokens = tagger.cut(normalize(text), hmm=segmentation.hmm)
        return [change_case(word) if tag in tags else None for word, tag in tokens]

    if extraction.method == "textrank":
        rank = TextRank(extraction)
        return lambda text: rank.extract(split(text))
    tfidf = _load_tfidf(extraction, resources)
    return lambda text: tfidf.extract(filter(None, split(text)))


def _load_tfidf(extraction: Extraction, resources: KeywordResources) -> TfIdf:
    assert resources.idf is not None, "only TextRank has no IDF"
    return TfIdf(extraction, resources.idf)


def extract_keywords(
    texts: Iterable[str], extraction: Extraction | None = None, *, idf: Mapping[str, float] | None = None
) -> Iterator[list[Keyword]]:
    """Yield the keywords of each text, the one with the highest weight first.

    Args:
        texts: Read one after the other, when the next keywords are requested.
        extraction: How keywords are found; by default as in `jieba.analyse.extract_tags`.
        idf: The IDF by word, as `learn_idf` returns it; by default that of jieba. Other words have the upper median.

    Raises:
        TypeError: A text is not a string; names its position.
    """
    strings = iter_strings("texts", texts)
    extraction = Extraction() if extraction is None else extraction
    check_type("extraction", extraction, Extraction)
    if idf is not None:
        check_idf(idf)
        if extraction.method == "textrank":
            raise ValueError("idf has no effect with TextRank; omit it")
        table = IdfTable.from_mapping(idf)
    return map(load_extractor(extraction, make_resources(extraction, None if idf is None else table)), strings)


def learn_idf(texts: Iterable[str], extraction: Extraction | None = None) -> dict[str, float]:
    """Return the IDF of the words of texts.

    Args:
        texts: Read once; each is a document.
        extraction: The words; the one for `extract_keywords`, by default that of jieba.
    """
    strings = iter_strings("texts", texts)
    extraction = Extraction() if extraction is None else extraction
    check_type("extraction", extraction, Extraction)
    job = CountDocumentFrequencies(extraction)
    job.setup(prepare(extraction.segmentation))
    return dict(build_idf(job.finish(job.map(map(Text, strings)))).items())
