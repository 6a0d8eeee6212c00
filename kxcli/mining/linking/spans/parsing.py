"""Texts -> the spans that may be mentions, grouped by what they say, before anything is counted or weighed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, FloatArray, Int32Array, IntArray, UInt64Array
from kxcli.arrays.ragged import expand_ranges, expand_rows
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.spans.abbreviations import Abbreviations, find_abbreviations
from kxcli.mining.linking.spans.bag_matcher import BagMatcher
from kxcli.mining.linking.spans.name_matcher import NameMatcher, at_word_edges
from kxcli.mining.linking.tagger import TaggedSpans
from kxcli.mining.text.folding import FoldedTexts, fold_texts
from kxcli.mining.text.tokens import PrefixHashes, Tokens, hash_strings
from kxcli.mining.text.words import find_lowercase_initials

_TEXT = np.uint64(47)  # bits below a text's number in a group's key: 2^17 texts, of which hashes tell names apart
_HALF = np.int64(32)
_LOW = np.int64((1 << 32) - 1)


class MentionSpans(NamedTuple):
    """Spans of running text, by start and then by stop.

    starts, stops: in the folded text.  begins, ends: in the source.  forms: the number of each one's group.
    spellings: the hash of how each is written in the source; mostly that of the folded name.
    tag_probabilities: the tagger's probability that it is a mention, 0 where that is small.
    """

    starts: IntArray
    stops: IntArray
    begins: IntArray
    ends: IntArray
    forms: IntArray
    spellings: UInt64Array
    tag_probabilities: FloatArray

    def select(self, which: AnyArray) -> "MentionSpans":
        """Return some of them."""
        columns: Iterator[AnyArray] = (column[which] for column in self)
        return MentionSpans(*columns)


class SurfaceForms(NamedTuple):
    """What is said in each text, once for all its spans: ascending by text.

    keys: the hash of the folded name.  names: its number in the knowledge base, or -1.  firsts: a span that says it.
    n_spans: how many do.
    """

    texts: IntArray
    keys: UInt64Array
    names: IntArray
    first_spans: IntArray
    n_spans: IntArray


class SimilarNames(NamedTuple):
    """Names that have the same words as what a group says, in another order or number.

    names: of the knowledge base, -1 for a learned one; keys: their hashes.
    """

    forms: IntArray
    names: IntArray
    keys: UInt64Array


class ShortForms(NamedTuple):
    """Groups that their text defines as a short form, and forms of what it stands for.

    shares: of the part of both spans that is common to the definition's long form and the group's span.
    """

    shorts: IntArray
    longs: IntArray
    shares: FloatArray


@dataclass(frozen=True)
class ParsedTexts:
    """Some texts, and all their spans that may be mentions.

    places: the place in the source of every folded character.  firsts: that of the first folded character of each text.
    defined: the forms that are short spellings, those too whose long spellings are no names.
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
    """What is looked for in texts: names of a knowledge base, and learned ones that it lacks, as strings too."""

    base: KnowledgeBase
    learned_names: Sequence[str]
    learned_matcher: NameMatcher
    learned_bag_matcher: BagMatcher
    learned_keys: UInt64Array


class _Piece(NamedTuple):
    """Spans of one origin, and a number that goes with each."""

    starts: IntArray
    stops: IntArray
    numbers: AnyArray


def parse_texts(texts: Sequence[str], lexicon: Lexicon, tagged: TaggedSpans | None = None) -> ParsedTexts:
    """Return the spans of some texts; an empty text has none."""
    whole = fold_texts(texts)
    places = np.arange(len(whole.codes)) if whole.begins is None else np.maximum.accumulate(whole.begins)
    tokens = Tokens.from_codes(whole.codes)
    is_lowercase = find_lowercase_initials(whole, tokens)
    short = find_abbreviations(texts)
    uses = np.repeat(np.arange(len(short.texts)), np.diff(short.use_starts))
    pieces = [
        _exact(whole, lexicon.base.name_matcher),
        _exact(whole, lexicon.learned_matcher),
        _Piece(*lexicon.base.bag_matcher.matches(tokens, is_lowercase)),
        _Piece(*lexicon.learned_bag_matcher.matches(tokens, is_lowercase)),
        _Piece(*_in_folded(whole, short.starts, short.stops), uses),
    ]
    if tagged is not None:
        offsets = whole.starts.take(tagged.texts)
        at = _in_folded(whole, offsets + tagged.starts, offsets + tagged.stops)
        has_token = tokens.ends_before(at[1]) > at[0]
        pieces.append(_Piece(at[0][has_token], at[1][has_token], tagged.probabilities[has_token]))
    pieces = [_whole_characters(whole, piece) for piece in pieces]
    keys = [(piece.starts << _HALF) | piece.stops for piece in pieces]
    distinct, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    rows = np.split(inverse.reshape(-1), np.cumsum([*map(len, keys)])[:-1])
    starts, stops = distinct >> _HALF, distinct & _LOW
    begins, ends = whole.sources(starts, stops)
    tag_probabilities = np.zeros(len(starts))
    if tagged is not None:
        tag_probabilities[rows[-1]] = pieces[-1].numbers
    names = np.full(len(starts), -1)
    names[rows[0]] = pieces[0].numbers
    forms, of_spans = _group_spans(whole, tokens, starts, stops, begins, names)
    spans = MentionSpans(
        starts, stops, begins, ends, of_spans, PrefixHashes(whole.source).span(begins, ends), tag_probabilities
    )
    return ParsedTexts(
        whole,
        tokens,
        np.searchsorted(places, whole.starts),
        spans,
        forms,
        _near(lexicon, forms, (of_spans.take(rows[2]), pieces[2].numbers), (of_spans.take(rows[3]), pieces[3].numbers)),
        _shorts(short, spans, of_spans.take(rows[4]), pieces[4].numbers),
        np.unique(of_spans.take(rows[4])),
    )


def _exact(whole: FoldedTexts, names: NameMatcher) -> _Piece:
    """Return the names in texts that cut no word."""
    found = names.matches(whole.codes)
    edges = np.flatnonzero(at_word_edges(found, whole.codes))
    return _Piece(found.starts.take(edges), found.stops.take(edges), found.names.take(edges).astype(np.int64))


def _in_folded(whole: FoldedTexts, begins: AnyArray, ends: AnyArray) -> tuple[IntArray, IntArray]:
    """Return where spans of the source are in the folded text; -1 where a border of theirs is not."""
    if whole.begins is None or whole.ends is None:
        return begins, ends
    return _place(whole.begins, begins), _place(whole.ends, ends, 1)


def _place(known: Int32Array, wanted: IntArray, more: int = 0) -> IntArray:
    """Return where `known`, ascending but for some -1, has what is wanted, and `more` behind it; -1 for nowhere."""
    held = np.flatnonzero(known >= 0)
    at = np.searchsorted(known.take(held), wanted).clip(max=max(len(held) - 1, 0))
    place = held.take(at)
    return np.where(known.take(place) == wanted, place + more, -1)


def _whole_characters(whole: FoldedTexts, piece: _Piece) -> _Piece:
    """Return those spans that have a place in both texts; folding makes several characters of one, and the reverse."""
    if whole.begins is None:
        return piece
    kept = np.flatnonzero((piece.starts >= 0) & (piece.stops > piece.starts))
    piece = _Piece(*(column.take(kept) for column in piece))
    begins, ends = whole.sources(piece.starts, piece.stops)
    kept = np.flatnonzero((begins >= 0) & (ends >= 0))
    return _Piece(*(column.take(kept) for column in piece))


def _group_spans(
    whole: FoldedTexts, tokens: Tokens, starts: IntArray, stops: IntArray, begins: IntArray, names: IntArray
) -> tuple[SurfaceForms, IntArray]:
    """Return the forms of spans, and the number of each span's group."""
    texts = np.searchsorted(whole.starts, begins, side="right") - 1
    hashes = tokens.prefix.span(starts, stops)
    keys = (texts.astype(np.uint64) << _TEXT) | (hashes >> (np.uint64(64) - _TEXT))
    _, firsts, inverse, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    of_forms = np.full(len(firsts), -1)
    np.maximum.at(of_forms, inverse, names)  # one that cuts a word has no name, though others that say the same have
    return SurfaceForms(texts.take(firsts), hashes.take(firsts), of_forms, firsts, counts), inverse


def _near(
    lexicon: Lexicon, forms: SurfaceForms, known: tuple[IntArray, IntArray], learned: tuple[IntArray, IntArray]
) -> SimilarNames:
    """Return the names near to forms, given (forms, names) of the knowledge base's and of the learned names."""
    distinct, inverse = np.unique(known[1], return_inverse=True)
    keys = hash_strings([lexicon.base.names[name] for name in distinct.tolist()]).take(inverse.reshape(-1))
    found = SimilarNames(
        np.concatenate((known[0], learned[0])),
        np.concatenate((known[1], np.full(len(learned[1]), -1))),
        np.concatenate((keys, lexicon.learned_keys.take(learned[1]))),
    )
    kept = np.flatnonzero(found.keys != forms.keys.take(found.forms))
    rows = np.unique(np.stack([column.take(kept).view(np.uint64) for column in found]), axis=1)
    return SimilarNames(rows[0].astype(np.int64), rows[1].view(np.int64), rows[2])


def _shorts(short: Abbreviations, spans: MentionSpans, forms: IntArray, numbers: IntArray) -> ShortForms:
    """Return what short spellings stand for, given the (group, number of the short form) of their uses.

    A long form's group is one with a span that ends where the definition's long form ends.
    """
    uses = np.unique((forms << _HALF) | numbers)
    by_short = np.argsort(short.shorts, kind="stable")
    bounds = np.searchsorted(short.shorts.take(by_short), np.arange(len(short.texts) + 1))
    of_use, owners = expand_rows(uses & _LOW, bounds)
    definitions, shorts = by_short.take(of_use), (uses >> _HALF).take(owners)
    low, high = short.long_starts.take(definitions), short.long_stops.take(definitions)
    by_end = np.argsort(spans.ends, kind="stable")
    ends = spans.ends.take(by_end)
    firsts, lasts = (np.searchsorted(ends, high, side=side) for side in ("left", "right"))
    rows = np.repeat(np.arange(len(high)), lasts - firsts)
    of_long = by_end.take(expand_ranges(firsts, lasts - firsts))
    begins, low, high = spans.begins.take(of_long), low.take(rows), high.take(rows)
    shares = (high - np.maximum(begins, low)) / (high - np.minimum(begins, low))
    keys = (shorts.take(rows) << _HALF) | spans.forms.take(of_long)
    order = np.lexsort((-shares, keys))
    order = order[(np.diff(keys.take(order), prepend=-1) != 0) & (shares.take(order) > 0)]
    order = order[(keys.take(order) >> _HALF) != (keys.take(order) & _LOW)]
    return ShortForms(keys.take(order) >> _HALF, keys.take(order) & _LOW, shares.take(order))
