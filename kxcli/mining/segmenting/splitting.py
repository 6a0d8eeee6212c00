"""The tokens of texts, with their tags and positions."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

from kxcli.kernel import load_kernel
from kxcli.mining.arguments import check_type, iter_strings
from kxcli.mining.segment import load_tokenizer, prepare
from kxcli.mining.segment.joining import Joiner, PythonJoiner
from kxcli.mining.segment.offsets import load_locator, locate_adjacent
from kxcli.mining.wordcount.counting import WordFilter, WordRules

if TYPE_CHECKING:
    from kxcli.mining.segment.compiled import CompiledDictionary

_MAX_CACHED = 1 << 17  # tokens of some 200 bytes


@dataclass(frozen=True)
class Segmenting(WordRules):
    """The tokens to keep, and their form.

    Args:
        segmentation: How texts become tokens.
        keeps_punctuation: Also keep tokens without a letter or digit (`str.isalnum`), and white space.
        stopwords: Tokens to exclude.
        min_length: Minimum number of characters of a token.
        lower: Convert tokens to lower case.
        nfkc: Convert each text to Unicode's NFKC form before it is cut.
    """

    keeps_punctuation: bool = True

    @property
    def keeps_white_space(self) -> bool:
        """Whether tokens of white space are kept."""
        return self.keeps_punctuation

    @property
    def keeps_all(self) -> bool:
        """Whether no token is excluded or changed."""
        return self.keeps_punctuation and not self.changes_words


class TokenColumns(NamedTuple):
    """The tokens of a text, as columns of equal length.

    Attributes:
        words: The tokens, in the form that is kept.
        offsets: The position of each token's first character in the text; empty if not requested.
        tags: The part of speech of each token; empty if not requested.
    """

    words: list[str]
    offsets: list[int]
    tags: list[str]


class TokenSplitter:
    """Cuts texts into tokens.

    Args:
        segmenting: The tokens.
        shared: The value of `segment.prepare`; not used with tags.
        has_tags: Whether jieba tags the tokens; its model for tags cuts some texts in another way.
    """

    def __init__(self, segmenting: Segmenting, shared: "CompiledDictionary | None", *, has_tags: bool = False) -> None:
        self._segmenting, self._shared, self._has_tags = segmenting, shared, has_tags
        self._filter = lru_cache(_MAX_CACHED)(WordFilter(segmenting))
        self._cut: Callable[[str], list[str]] | None = None
        self._locate: Callable[[str], Iterable[tuple[int, str]]] | None = None
        self._tag: Callable[[str], list[tuple[str, str]]] | None = None

    def split_words(self, text: str) -> list[str]:
        """Return the tokens of a text, without tags."""
        if self._cut is None:
            self._cut = load_tokenizer(self._segmenting.segmentation, self._shared)
        tokens = self._cut(self._segmenting.normalize(text))
        if self._segmenting.keeps_all:
            return tokens
        return [word for token in tokens for word in self._filter(token) if word is not None]

    def split_columns(self, text: str, *, has_offsets: bool = False) -> TokenColumns:
        """Return the tokens of a text, with tags if this is how texts are cut.

        Args:
            text: The text.
            has_offsets: Whether to compute the positions, which are those in the normalized text.
        """
        if not self._has_tags and not has_offsets:
            return TokenColumns(self.split_words(text), [], [])
        text = self._segmenting.normalize(text)
        if self._has_tags:
            pairs = self._find_tags(text)
            tokens, tags = [token for token, _ in pairs], [tag for _, tag in pairs]
            offsets = [offset for offset, _ in locate_adjacent(tokens)] if has_offsets else []
        else:
            located = list(self._find_places(text))
            offsets, tokens, tags = [offset for offset, _ in located], [token for _, token in located], []
        if self._segmenting.keeps_all:
            return TokenColumns(tokens, offsets, tags)
        words = [self._filter(token) for token in tokens]
        at = [number for number, found in enumerate(words) if found not in ((), (None,))]
        return TokenColumns(
            [str(words[number][0]) for number in at],
            [offsets[number] for number in at] if has_offsets else [],
            [tags[number] for number in at] if self._has_tags else [],
        )

    def _find_places(self, text: str) -> Iterable[tuple[int, str]]:
        if self._locate is None:
            self._locate = load_locator(self._segmenting.segmentation, self._shared)
        return self._locate(text)

    def _find_tags(self, text: str) -> list[tuple[str, str]]:
        if self._tag is None:
            from kxcli.mining.segment.jieba_reference import PosTokenizer

            segmentation = self._segmenting.segmentation
            self._tag = partial(PosTokenizer(segmentation.dictionary).cut, hmm=segmentation.hmm)
        return self._tag(text)


def load_joiner(
    segmenting: Segmenting, shared: "CompiledDictionary | None", tag_delimiter: str | None = None
) -> Joiner:
    """Return an object that joins the tokens of texts in their normalized form.

    Args:
        segmenting: The tokens.
        shared: The value of `segment.prepare`; not used with tags.
        tag_delimiter: Separates a token and its tag; None for no tags.
    """
    segmentation = segmenting.segmentation
    if tag_delimiter is not None:
        tagger = TokenSplitter(segmenting, None, has_tags=True)
        return PythonJoiner(partial(_append_tags, tagger, tag_delimiter))
    kernel = None if shared is None else load_kernel()
    if shared is not None and kernel is not None:
        change = None if segmenting.keeps_all else partial(_change_token, WordFilter(segmenting))
        joiner: Joiner = kernel.Segmenter(shared.open(), segmentation.mode, segmentation.hmm, change)
        return joiner
    has_empty_tokens = segmentation.mode == "full" and segmenting.keeps_all
    return PythonJoiner(TokenSplitter(segmenting, shared).split_words, has_empty_tokens=has_empty_tokens)


def _change_token(accept: WordFilter, token: str) -> str | None:
    """Return the form of a token, or None if it is excluded."""
    return next(iter(accept(token)), None)


def _append_tags(splitter: TokenSplitter, delimiter: str, text: str) -> list[str]:
    words, _, tags = splitter.split_columns(text)
    return [word + delimiter + tag for word, tag in zip(words, tags, strict=True)]


def segment_texts(texts: Iterable[str], segmenting: Segmenting | None = None) -> Iterator[list[str]]:
    """Yield the tokens of each text.

    >>> list(segment_texts(["小明来到北京"]))
    [['小明', '来到', '北京']]

    Args:
        texts: Read one after the other, when its tokens are taken.
        segmenting: The tokens; by default all tokens of jieba's default mode, with punctuation and white space.

    Raises:
        TypeError: A text is not a string; names its position.
    """
    strings, segmenting = iter_strings("texts", texts), _check(segmenting)
    return map(TokenSplitter(segmenting, prepare(segmenting.segmentation)).split_words, strings)


def tag_texts(texts: Iterable[str], segmenting: Segmenting | None = None) -> Iterator[list[tuple[str, str]]]:
    """Yield the tokens of each text with the tags of `jieba.posseg`.

    >>> list(tag_texts(["小明来到北京"]))
    [[('小明', 'nr'), ('来到', 'v'), ('北京', 'ns')]]

    Args:
        texts: Read one after the other, when its tokens are taken.
        segmenting: The tokens; by default all.

    Raises:
        TypeError: A text is not a string; names its position.
        ValueError: The mode is not "jieba".
    """
    strings, segmenting = iter_strings("texts", texts), _check(segmenting)
    if (mode := segmenting.segmentation.mode) != "jieba":
        raise ValueError(f'jieba assigns tags in the mode "jieba" only, not in "{mode}"')
    splitter = TokenSplitter(segmenting, None, has_tags=True)
    columns = map(splitter.split_columns, strings)
    return (list(zip(words, tags, strict=True)) for words, _, tags in columns)


def _check(segmenting: Segmenting | None) -> Segmenting:
    segmenting = Segmenting() if segmenting is None else segmenting
    check_type("segmenting", segmenting, Segmenting)
    return segmenting
