"""Find the spans of texts that may be mentions, and group them by surface form."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, FloatArray, IntArray, UInt64Array
from kxcli.arrays.ragged import expand_ranges, expand_rows
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.spans.abbreviations import Abbreviations, find_abbreviations
from kxcli.mining.linking.spans.bag_matcher import BagMatcher
from kxcli.mining.linking.spans.name_matcher import NameMatcher
from kxcli.mining.linking.tagger import TaggedSpans
from kxcli.mining.text.folding import FoldedTexts, fold_texts
from kxcli.mining.text.tokens import PrefixHashes, Tokens, hash_strings
from kxcli.mining.text.words import find_lowercase_initials

_TEXT_BITS = np.uint64(47)  # bits below a text's number in the key of a form: 2^17 texts, names differ by their hash
_HALF = np.int64(32)
_LOW = np.int64((1 << 32) - 1)


class MentionSpans(NamedTuple):
    """Spans that may be mentions, by start, then by stop.

    Args:
        starts: In the folded text.
        stops: In the folded text.
        begins: In the source.
        ends: In the source.
        forms: The number of the surface form of each span.
        spellings: The hash of the span in the source; mostly that of the folded name.
        tag_probabilities: The tagger's probability that the span is a mention, 0 if it is low.
    """

    starts: IntArray
    stops: IntArray
    begins: IntArray
    ends: IntArray
    forms: IntArray
    spellings: UInt64Array
    tag_probabilities: FloatArray

    def select(self, which: AnyArray) -> "MentionSpans":
        """Return some of the spans."""
        columns: Iterator[AnyArray] = (column[which] for column in self)
        return MentionSpans(*columns)


class SurfaceForms(NamedTuple):
    """The distinct surface forms of each text, ascending by text.

    Args:
        texts: The number of the text of each form.
        keys: The hash of the folded form.
        names: The number of the form's name in the knowledge base, or -1.
        first_spans: The first span of each form.
        n_spans: The number of its spans.
    """

    texts: IntArray
    keys: UInt64Array
    names: IntArray
    first_spans: IntArray
    n_spans: IntArray


class SimilarNames(NamedTuple):
    """Names with the same words as a surface form, in another order or number.

    Args:
        forms: The number of the form.
        names: The number of the name in the knowledge base, -1 for a learned name.
        keys: The hash of the name.
    """

    forms: IntArray
    names: IntArray
    keys: UInt64Array


class ShortForms(NamedTuple):
    """Abbreviations defined in a text, with their long forms.

    Args:
        shorts: The number of the short surface form.
        longs: The number of the long surface form.
        shares: The overlap of the long form's span and the definition's long form, relative to their union.
    """

    shorts: IntArray
    longs: IntArray
    shares: FloatArray


@dataclass(frozen=True)
class ParsedTexts:
    """Some texts with all spans that may be mentions.

    Args:
        folded: The folded texts.
        tokens: Their tokens.
        starts: Where each text starts in the folded text.
        spans: The spans of all texts.
        forms: The surface forms of the spans.
        similar: Names with the words of a form.
        short_forms: Abbreviations and their long forms.
        defined_forms: Numbers of the forms that are abbreviations, also of those with an unknown long form.
    """

    folded: FoldedTexts
    tokens: Tokens
    starts: IntArray
    spans: MentionSpans
    forms: SurfaceForms
    similar: SimilarNames
    short_forms: ShortForms
    defined_forms: IntArray


@dataclass(frozen=True)
class Lexicon:
    """Names to find in texts: of a knowledge base, and learned from labeled texts."""

    base: KnowledgeBase
    learned_names: Sequence[str]
    learned_matcher: NameMatcher
    learned_bag_matcher: BagMatcher
    learned_keys: UInt64Array


class _OriginSpans(NamedTuple):
    """Spans of the folded text from one origin, and a number for each."""

    starts: IntArray
    stops: IntArray
    numbers: AnyArray

    def select(self, rows: AnyArray) -> "_OriginSpans":
        """Return some of the spans."""
        return _OriginSpans(self.starts[rows], self.stops[rows], self.numbers[rows])


def parse_texts(texts: Sequence[str], lexicon: Lexicon, tagged: TaggedSpans | None = None) -> ParsedTexts:
    """Return the spans of some texts that may be mentions.

    Args:
        texts: The texts; they may be empty.
        lexicon: The names to find.
        tagged: Further spans, from a tagger.
    """
    folded = fold_texts(texts)
    tokens = Tokens.from_codes(folded.codes)
    abbreviations = find_abbreviations(texts)
    origins = _find_spans(folded, tokens, lexicon, abbreviations, tagged)
    keys = [(one.starts << _HALF) | one.stops for one in origins.values()]
    distinct, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    rows = dict(zip(origins, np.split(inverse.reshape(-1), np.cumsum([*map(len, keys)])[:-1]), strict=True))
    starts, stops = distinct >> _HALF, distinct & _LOW
    begins, ends = folded.sources(starts, stops)
    tag_probabilities = np.zeros(len(starts))
    if "tagged" in origins:
        tag_probabilities[rows["tagged"]] = origins["tagged"].numbers
    names = np.full(len(starts), -1)
    names[rows["names"]] = origins["names"].numbers
    forms, form_numbers = _group_spans(folded, tokens.prefix.span(starts, stops), begins, names)
    spellings = PrefixHashes(folded.source).span(begins, ends)
    spans = MentionSpans(starts, stops, begins, ends, form_numbers, spellings, tag_probabilities)
    known, learned = (
        (form_numbers.take(rows[origin]), origins[origin].numbers) for origin in ("name bags", "learned bags")
    )
    uses = form_numbers.take(rows["short forms"])
    return ParsedTexts(
        folded=folded,
        tokens=tokens,
        starts=folded.folded_starts(),
        spans=spans,
        forms=forms,
        similar=_find_similar_names(lexicon, forms, known, learned),
        short_forms=_find_long_forms(abbreviations, spans, uses, origins["short forms"].numbers),
        defined_forms=np.unique(uses),
    )


def _find_spans(
    folded: FoldedTexts,
    tokens: Tokens,
    lexicon: Lexicon,
    abbreviations: Abbreviations,
    tagged: TaggedSpans | None,
) -> dict[str, _OriginSpans]:
    """Return the spans by origin, with numbers of names or probabilities."""
    is_lowercase = find_lowercase_initials(folded, tokens)
    uses = np.repeat(np.arange(len(abbreviations.texts)), np.diff(abbreviations.use_starts))
    origins = {
        "names": _OriginSpans(*lexicon.base.name_matcher.word_matches(folded.codes)),
        "learned names": _OriginSpans(*lexicon.learned_matcher.word_matches(folded.codes)),
        "name bags": _OriginSpans(*lexicon.base.bag_matcher.matches(tokens, is_lowercase)),
        "learned bags": _OriginSpans(*lexicon.learned_bag_matcher.matches(tokens, is_lowercase)),
        "short forms": _OriginSpans(*folded.positions(abbreviations.starts, abbreviations.stops), uses),
    }
    if tagged is not None:
        offsets = folded.starts.take(tagged.texts)
        starts, stops = folded.positions(offsets + tagged.starts, offsets + tagged.stops)
        has_token = tokens.ends_before(stops) > starts
        origins["tagged"] = _OriginSpans(starts, stops, tagged.probabilities).select(has_token)
    return {origin: _drop_parts_of_characters(folded, one) for origin, one in origins.items()}


def _drop_parts_of_characters(folded: FoldedTexts, spans: _OriginSpans) -> _OriginSpans:
    """Return the spans of whole pieces of the source, as folding changes lengths."""
    if folded.begins is None:
        return spans
    spans = spans.select((spans.starts >= 0) & (spans.stops > spans.starts))
    begins, ends = folded.sources(spans.starts, spans.stops)
    return spans.select((begins >= 0) & (ends >= 0))


def _group_spans(
    folded: FoldedTexts, hashes: UInt64Array, begins: IntArray, names: IntArray
) -> tuple[SurfaceForms, IntArray]:
    """Return the surface forms of spans, and the number of each span's form.

    Args:
        folded: The folded texts.
        hashes: The hash of each folded span.
        begins: Where each span begins in the source.
        names: The number of each span's name, or -1. A span within a word has none, though its form may.
    """
    texts = np.searchsorted(folded.starts, begins, side="right") - 1
    keys = (texts.astype(np.uint64) << _TEXT_BITS) | (hashes >> (np.uint64(64) - _TEXT_BITS))
    _, firsts, inverse, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    form_names = np.full(len(firsts), -1)
    np.maximum.at(form_names, inverse, names)
    return SurfaceForms(texts.take(firsts), hashes.take(firsts), form_names, firsts, counts), inverse


def _find_similar_names(
    lexicon: Lexicon, forms: SurfaceForms, known: tuple[IntArray, AnyArray], learned: tuple[IntArray, AnyArray]
) -> SimilarNames:
    """Return the names with the words of a form.

    Args:
        lexicon: All names.
        forms: The surface forms.
        known: Forms and numbers of names of the knowledge base.
        learned: Forms and numbers of learned names.
    """
    distinct, inverse = np.unique(known[1], return_inverse=True)
    keys = hash_strings([lexicon.base.names[name] for name in distinct.tolist()]).take(inverse.reshape(-1))
    similar = SimilarNames(
        np.concatenate((known[0], learned[0])),
        np.concatenate((known[1].astype(np.int64), np.full(len(learned[1]), -1))),
        np.concatenate((keys, lexicon.learned_keys.take(learned[1]))),
    )
    others = np.flatnonzero(similar.keys != forms.keys.take(similar.forms))
    rows = np.unique(np.stack([column.take(others).view(np.uint64) for column in similar]), axis=1)
    return SimilarNames(rows[0].astype(np.int64), rows[1].view(np.int64), rows[2])


def _find_long_forms(
    abbreviations: Abbreviations, spans: MentionSpans, uses: IntArray, numbers: IntArray
) -> ShortForms:
    """Return the forms that abbreviations are short for.

    A long form is one with a span that ends where the long form of a definition ends.

    Args:
        abbreviations: The definitions in the texts.
        spans: All spans.
        uses: The form of each use of an abbreviation.
        numbers: The number of the abbreviation of each use.
    """
    pairs = np.unique((uses << _HALF) | numbers)
    by_short = np.argsort(abbreviations.shorts, kind="stable")
    bounds = np.searchsorted(abbreviations.shorts.take(by_short), np.arange(len(abbreviations.texts) + 1))
    at, owners = expand_rows(pairs & _LOW, bounds)
    definitions, shorts = by_short.take(at), (pairs >> _HALF).take(owners)
    low, high = abbreviations.long_starts.take(definitions), abbreviations.long_stops.take(definitions)
    by_end = np.argsort(spans.ends, kind="stable")
    ends = spans.ends.take(by_end)
    firsts = np.searchsorted(ends, high)
    sizes = np.searchsorted(ends, high, side="right") - firsts
    rows = np.repeat(np.arange(len(high)), sizes)
    longs = by_end.take(expand_ranges(firsts, sizes))
    begins, low, high = spans.begins.take(longs), low.take(rows), high.take(rows)
    shares = (high - np.maximum(begins, low)) / (high - np.minimum(begins, low))
    keys = (shorts.take(rows) << _HALF) | spans.forms.take(longs)
    order = np.lexsort((-shares, keys))
    order = order[(np.diff(keys.take(order), prepend=-1) != 0) & (shares.take(order) > 0)]
    order = order[(keys.take(order) >> _HALF) != (keys.take(order) & _LOW)]
    return ShortForms(keys.take(order) >> _HALF, keys.take(order) & _LOW, shares.take(order))
