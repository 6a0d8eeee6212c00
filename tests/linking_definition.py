"""The definition of entity linking in dicts and loops, one text, form, candidate and span at a time.

Only folding, the definitions of short forms and the scripts of characters are taken from the program: they have tests
of their own.  Numbers that a compiled knowledge base holds in 32 bits are rounded to these here too.
"""

import re
from collections import Counter, defaultdict
from math import exp, inf, log, log1p, sqrt

import numpy as np

from kxcli.mining.linking.spans.abbreviations import find_abbreviations
from kxcli.mining.linking.spans.bag_matcher import JOINERS, MAX_WORDS
from kxcli.mining.text.character_tables import make_letter_table, make_spaced_table
from kxcli.mining.text.folding import BORDER, fold, fold_texts
from kxcli.mining.text.words import ARTICLES, CLASSICAL, LIGHT, NUMERALS, OUR

KNOWN, LEARNED, LOOSE, FROM_LONG = 1, 2, 4, 8
MIN_BEST = 1e-6
NUMBER = re.compile(r"[-+]?\d{1,15}(\.\d+)?")


def narrow(value):
    return float(np.float32(value))


def spaced(character):
    return bool(make_spaced_table()[min(ord(character), 0x20000)])


def letter(character):
    return bool(make_letter_table()[min(ord(character), 0x20000)])


def ideograph(character):
    return letter(character) and not spaced(character)


# ------------------------------------------------------------------------------------------------- tokens and terms


def tokens(text):
    """Return start and stop of every word, ideograph and mark."""
    found = []
    for place, character in enumerate(text):
        if character.isspace() or character == BORDER:
            continue
        if found and spaced(character) and found[-1][1] == place and spaced(text[place - 1]):
            found[-1] = (found[-1][0], place + 1)
        else:
            found.append((place, place + 1))
    return found


def terms(text):
    """Return all words, all pairs of adjacent letters of other scripts, and isolated such letters."""
    runs = []
    for place, character in enumerate(text):
        if not letter(character):
            continue
        if runs and runs[-1][1] == place and spaced(text[place - 1]) == spaced(character):
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    found = set()
    for start, stop in runs:
        if spaced(text[start]) or stop - start == 1:
            found.add(text[start:stop])
        else:
            found |= {text[place : place + 2] for place in range(start, stop - 1)}
    return found


def is_plural(word):
    return len(word) >= 4 and word.endswith("s") and not word.endswith(("ss", "us", "is"))


def american(word):
    return CLASSICAL.sub("", OUR.sub(lambda found: found[0][:-2] + "r", word))


def stem(word):
    """Return a word without its plural ending, in American spelling."""
    if is_plural(word):
        word = word[:-3] + "y" if word.endswith("ies") and len(word) > 4 else word[:-1]
    return american(word)


def words(text):
    """Return start and stop of all words but articles."""
    return [(a, b) for a, b in tokens(text) if spaced(text[a]) and text[a:b] not in ARTICLES]


def counted(text):
    """Return the words without light words; a name has at least one."""
    return [text[a:b] for a, b in words(text) if text[a:b] not in LIGHT]


def bag(name):
    """Return the sorted stems of the words of a name, or None if it has no bag."""
    found = counted(name)
    if any(ideograph(name[start]) for start, _ in tokens(name)):
        return None
    if not 0 < len(found) <= MAX_WORDS or sum(map(len, found)) < 4:
        return None
    return tuple(sorted(map(stem, found)))


def windows(text):
    """Yield start and stop of every window of words without a break."""
    own, part, pieces = [], 0, tokens(text)
    for number, (start, stop) in enumerate(pieces):
        piece = text[start:stop]
        is_open = number == 0 or pieces[number - 1][1] < start
        is_spaced = is_open and (number + 1 == len(pieces) or stop < pieces[number + 1][0])
        is_mark = not letter(piece[0])
        is_break = is_mark and piece != "," and (piece not in JOINERS or is_spaced)
        if is_break or ideograph(piece[0]) or BORDER in text[own[-1][1] if own else 0 : start]:
            part += 1
        if spaced(piece[0]) and piece not in LIGHT:
            own.append((start, stop, part))
    for first in range(len(own)):
        for last in range(first, min(first + MAX_WORDS, len(own))):
            if own[first][2] == own[last][2]:
                yield own[first][0], own[last][1]


def find_ordinary_words(names):
    """Return the words of names with a lowercase initial and four letters or more."""
    found = set()
    for name in names:
        whole = fold_texts([name.replace(BORDER, "")])
        text = "".join(map(chr, whole.codes.tolist()))[:-1]
        for start, stop in words(text):
            word = text[start:stop]
            is_capital = chr(int(whole.characters(np.array([start]))[0])).isupper()
            if len(word) >= 4 and word not in LIGHT and not is_capital and not re.search("[0-9]", word):
                found.add(american(word))
    return found


def in_order(text):
    """Return the words from the first to the last that is not light, in American spelling."""
    all_ = [text[a:b] for a, b in words(text)]
    at = [number for number, word in enumerate(all_) if word not in LIGHT]
    return [american(word) for word in all_[at[0] : at[-1] + 1]]


def agree(name, piece, has_small, ordinary):
    """Return whether a window with the stems of a name matches it.

    has_small: whether a word of the window has a lowercase initial.
    """
    own, theirs = counted(name), counted(piece)
    is_ordinary = ordinary is None or any(american(word) in ordinary for word in own)
    is_ordinary |= any(american(word) != word for word in (*own, *theirs))
    same = sorted(map(american, own)) == sorted(map(american, theirs))
    if "/" in piece and not is_ordinary:
        return False
    if "," in piece:
        is_number = bool(re.search("[0-9]", theirs[-1])) or theirs[-1] in NUMERALS
        is_same = in_order(name) == in_order(piece)
        if not ((is_ordinary and is_number) or ("," in name and (is_ordinary or is_same))):
            return False
    if len(theirs) == 1:
        return is_ordinary or not has_small if same else is_ordinary and not any(map(is_plural, own))
    is_known_order = "," in name or in_order(name) == in_order(piece)
    return is_ordinary or (same and not has_small and is_known_order)


def loose(text, is_small, names, ordinary):
    """Yield start, stop and name of all loose matches in a folded text.

    is_small: whether the character at a place is a small letter in the text as given.
    """
    bags = defaultdict(list)
    for name in names:
        bags[bag(name)].append(name)
    for start, stop in windows(text):
        piece = text[start:stop]
        has_small = any(is_small(start + a) for a, b in words(piece) if piece[a:b] not in LIGHT)
        for name in bags.get(tuple(sorted(map(stem, counted(piece)))), ()):
            if agree(name, piece, has_small, ordinary):
                yield start, stop, name


def cuts_word(text, start, stop):
    before = start > 0 and spaced(text[start - 1]) and spaced(text[start])
    return before or (stop < len(text) and spaced(text[stop - 1]) and spaced(text[stop]))


def occurrences(text, name):
    """Return the positions of a name in a folded text at word edges."""
    places = range(len(text) - len(name) + 1)
    return [p for p in places if text.startswith(name, p) and not cuts_word(text, p, p + len(name))]


# --------------------------------------------------------------------------------------------- knowledge base


def in_capitals(name):
    letters = [character for character in name if character.isalpha()]
    return name.isupper() and all(map(str.isupper, letters))


class Base:
    """A knowledge base; entries are numbers."""

    def __init__(self, entries):
        self.entries = entries
        n = self.n = len(entries)
        self.n_facts = [len(entry.facts) for entry in entries]
        self.names = defaultdict(list)  # folded name -> (entry, is subject, spelling)
        self.spellings = defaultdict(list)
        self.n_names = []
        for number, entry in enumerate(entries):
            own = {}
            for place, raw in enumerate((entry.subject, *(a for a in entry.aliases if a != entry.subject))):
                name = fold(raw.replace(BORDER, "")).strip(" ")
                if name and len(name) <= 1000:
                    own.setdefault(name, (place == 0, " ".join(raw.split())))
                    self.spellings[name].append(raw)
            self.n_names.append(len(own))
            for name, (is_subject, spelling) in own.items():
                self.names[name].append((number, is_subject, spelling))
        self.names = dict(self.names)
        self.capitals = {name for name, own in self.spellings.items() if all(map(in_capitals, own))}
        self.ordinary = find_ordinary_words([raw for entry in entries for raw in (entry.subject, *entry.aliases)])
        for holders in self.names.values():
            holders.sort(key=lambda one: (-self._prominence(*one[:2]), one[0]))
        self.types = [[*dict.fromkeys(kind for kind in entry.types if kind)] for entry in entries]
        self.type_weights = self._rarities(Counter(kind for own in self.types for kind in own), n)
        self._terms(n)
        self._values(n)
        self._numbers()

    def _prominence(self, entry, is_subject):
        return 0.3 * np.log1p(self.n_facts[entry]) + 0.5 * np.log1p(self.n_names[entry]) + 0.5 * is_subject

    def _rarities(self, counts, n):
        return {thing: narrow(log(n / count) / log(max(n, 2))) for thing, count in counts.items()}

    def _terms(self, n):
        described = ["\n".join([e.subject, *e.aliases, *(text for _, text in e.facts)]) for e in self.entries]
        self.terms = [terms(fold(text)) for text in described]
        counts = Counter(term for own in self.terms for term in own)
        self.idf = {term: narrow(log1p(n / count)) for term, count in counts.items()}
        self.term_weights = [narrow(sum(self.idf[term] for term in own)) for own in self.terms]

    def _values(self, n):
        everything = []
        for entry in self.entries:
            own = {}
            for predicate, text in entry.facts:
                value = fold(text.replace(BORDER, "")).strip(" ")
                if len(text) <= 40 and value and not NUMBER.fullmatch(value):
                    own[predicate, value] = None
            everything.append(own)
        counts = Counter(fact for own in everything for fact in own)
        self.facts = [[fact for fact in own if counts[fact] > 1] for own in everything]
        self.fact_weights = self._rarities(counts, n)

    def is_searched(self, value):
        """Return whether an object is searched in texts."""
        return len(value) >= 3 or value in self.names

    def _numbers(self):
        raw = []
        for entry in self.entries:
            own = {}
            for predicate, text in entry.facts:
                if len(text) <= 40 and NUMBER.fullmatch(text):
                    own.setdefault(predicate, float(text))
            raw.append(own)
        self.numbers = [{} for _ in raw]
        for predicate in {predicate: None for own in raw for predicate in own}:
            values = [own[predicate] for own in raw if predicate in own]
            mean = sum(values) / len(values)
            deviation = sqrt(sum((value - mean) ** 2 for value in values) / len(values))
            for own, standard in zip(raw, self.numbers, strict=True):
                if predicate in own:
                    varies = len(set(values)) > 1
                    standard[predicate] = narrow((own[predicate] - mean) / deviation) if varies else 0.0


class Counted:
    """Counts of names in labeled texts: occurrences, mentions, and links to entries."""

    def __init__(self, rows=()):
        self.n_occurrences, self.n_mentions, self.links, self.n_links = Counter(), Counter(), {}, Counter()
        for name, n_occurrences, n_mentions, entries in rows:
            self.n_occurrences[name] += n_occurrences
            self.n_mentions[name] += n_mentions
            self.links.setdefault(name, Counter()).update(entries)
            self.n_links.update(entries)

    def rate(self, name):
        return (self.n_mentions[name] + 0.5) / (self.n_occurrences[name] + 1.0)


# ------------------------------------------------------------------------------------------------------- parsing


class Text:
    """A text with its spans: {(start, stop) in the folded text: (begin, end) in the source}.

    forms: surface form -> its spans.  similar: form -> names with its words.  short_forms: form -> {long form: share}.
    """

    def __init__(self, source, base, learned, tagged=()):
        self.source = source
        whole = fold_texts([source])
        self.text = "".join(map(chr, whole.codes.tolist()))[:-1]
        n = len(self.text)
        self.begins = list(range(n)) if whole.begins is None else whole.begins.tolist()
        self.ends = list(range(1, n + 1)) if whole.ends is None else whole.ends.tolist()
        self.tokens = tokens(self.text)
        self.spans, self.tag_probabilities, self.similar = {}, {}, defaultdict(set)
        for name in {**base.names, **dict.fromkeys(learned)}:
            for start in occurrences(self.text, name):
                self._put(start, start + len(name))
        for names, ordinary in ((base.names, base.ordinary), (learned, None)):
            for start, stop, name in loose(self.text, self._is_small, names, ordinary):
                if self._put(start, stop):
                    self.similar[self.form((start, stop))] |= {name} - {self.form((start, stop))}
        for begin, end, chance in tagged:
            if self._put_source(begin, end):
                self.tag_probabilities[self._folded(begin, end)] = chance
        self._shorts()
        self.forms = defaultdict(list)
        for span in sorted(self.spans):
            self.forms[self.form(span)].append(span)
        self._longs()

    def form(self, span):
        return self.text[span[0] : span[1]]

    def _is_small(self, place):
        return self.source[max(self.begins[: place + 1])].islower()

    def holders(self, form, base):
        """Return the entries with a name; a tagged span within a word is no name."""
        is_name = any(not cuts_word(self.text, *span) for span in self.forms[form])
        return base.names.get(form, []) if is_name else []

    def _put(self, start, stop):
        """Add a span if its edges are edges of the source."""
        if start < stop and self.begins[start] >= 0 and self.ends[stop - 1] >= 0:
            self.spans[start, stop] = (self.begins[start], self.ends[stop - 1])
            return True
        return False

    def _folded(self, begin, end):
        if begin in self.begins and end in self.ends:
            return self.begins.index(begin), self.ends.index(end) + 1
        return None

    def _put_source(self, begin, end):
        span = self._folded(begin, end)
        return span is not None and self._put(*span)

    def _shorts(self):
        self.abbreviations = short = find_abbreviations([self.source])
        self.defined_forms = defaultdict(set)  # surface form -> numbers of its abbreviations
        for number in range(len(short.texts)):
            for row in range(short.use_starts[number], short.use_starts[number + 1]):
                begin, end = int(short.starts[row]), int(short.stops[row])
                if self._put_source(begin, end):
                    self.defined_forms[self.form(self._folded(begin, end))].add(number)

    def _longs(self):
        self.short_forms = {}
        for form, numbers in self.defined_forms.items():
            longs = {}
            for number, first, last in zip(
                self.abbreviations.shorts.tolist(),
                self.abbreviations.long_starts.tolist(),
                self.abbreviations.long_stops.tolist(),
                strict=True,
            ):
                for span, (begin, end) in self.spans.items():
                    if number in numbers and end == last and self.form(span) != form:
                        share = (last - max(begin, first)) / (last - min(begin, first))
                        longs[self.form(span)] = max(longs.get(self.form(span), 0.0), share)
            self.short_forms[form] = longs


# ---------------------------------------------------------------------------------------------------- candidates


class Candidate:
    def __init__(self, base, counted, entry):
        self.entry, self.origins, self.spellings = entry, 0, set()
        self.features = dict.fromkeys(FEATURES, 0.0)
        self.features["links"] = log1p(counted.n_links[entry])
        self.features["facts"] = log1p(base.n_facts[entry])
        self.features["names"] = log1p(base.n_names[entry])

    def most(self, **features):
        for name, value in features.items():
            self.features[name] = max(self.features[name], float(value))


FEATURES = (
    *("subject", "alias", "written", "loose", "share", "count", "near_share", "links", "facts", "names", "words"),
    *(
        "agree",
        "agree_best",
        "types",
        "object",
        "object_near",
        "object_next",
        "other_name",
        "is_object",
        "close",
        "closer",
    ),
    *("from_long", "best_share", "best_agree", "best_closer", "best_words", "best_facts"),
)


def softmax(scores):
    powers = [exp(score - max(scores)) for score in scores]
    return [power / sum(powers) for power in powers]


def score(features, weights):
    return round(sum(weights[name] * value for name, value in features.items()), 9)


class LinkedMentions:
    """The candidates of every surface form of a text, by entry.

    weights: of the features, for beliefs without the context.  most: candidates of a name that are looked at.
    """

    def __init__(self, text, base, counted, weights, most=64):
        self.text, self.base, self.counted, self.weights, self.most = text, base, counted, weights, most
        self.candidates = {form: {} for form in text.forms}
        for form in text.forms:
            self._own(form)
        self._finish()
        if text.short_forms:
            beliefs = {form: self._shares(form) for form in text.forms}
            for form, longs in text.short_forms.items():
                for other, share in longs.items():
                    for entry, chance in beliefs[other].items():
                        one = self._candidate(form, entry)
                        one.origins |= FROM_LONG
                        one.most(from_long=chance * share)
            self._finish()
        self._add_context()

    def _candidate(self, form, entry):
        own = self.candidates[form]
        if entry not in own:
            own[entry] = Candidate(self.base, self.counted, entry)
        return own[entry]

    def _own(self, form):
        for entry, is_subject, spelling in self.text.holders(form, self.base)[: self.most]:
            one = self._candidate(form, entry)
            one.origins |= KNOWN
            one.spellings.add(spelling)
            one.most(subject=is_subject, alias=not is_subject)
        links = self.counted.links.get(form, Counter())
        for entry, count in links.items():
            one = self._candidate(form, entry)
            one.origins |= LEARNED
            one.most(share=count / (links.total() + 0.5), count=log1p(count))
        for name in self.text.similar[form]:
            for entry, _, _ in self.base.names.get(name, [])[: self.most]:
                self._candidate(form, entry).origins |= LOOSE
            links = self.counted.links.get(name, Counter())
            for entry, count in links.items():
                one = self._candidate(form, entry)
                one.origins |= LOOSE
                one.most(near_share=count / (links.total() + 0.5))

    def _finish(self):
        for form, own in self.candidates.items():
            self.candidates[form] = dict(sorted(own.items()))
            spans = self.text.forms[form]
            written = {self.text.source[slice(*self.text.spans[span])] for span in spans}
            for one in own.values():
                one.features["loose"] = float(one.origins == LOOSE)
                one.features["written"] = float(bool(one.spellings & written))

    def _shares(self, form, weights=None):
        own = self.candidates[form]
        if not own:
            return {}
        scores = [score(one.features, weights or self.weights) for one in own.values()]
        return dict(zip(own, softmax(scores), strict=True))

    def ranked(self, form, weights):
        """Return (entry, share), the best first, of equal ones the first entry."""
        return sorted(self._shares(form, weights).items(), key=lambda pair: (-pair[1], pair[0]))

    def _add_context(self):
        self.belief = {
            form: {entry: chance * self.counted.rate(form) for entry, chance in self._shares(form).items()}
            for form in self.candidates
        }
        found = {}
        for form, own in self.candidates.items():
            if len(own) > 1:
                for entry in own:
                    found[form, entry] = self._around(form, entry)
        for (form, entry), features in found.items():
            self.candidates[form][entry].features.update(features)
        for own in self.candidates.values():
            if len(own) > 1:
                for name in ("share", "agree", "closer", "words", "facts"):
                    self._margin(own, name)

    def _margin(self, own, name):
        values = sorted((one.features[name] for one in own.values()), reverse=True)
        second = max(values[1], 0.0)
        if values[0] > max(second * (1.0 + 1e-12), MIN_BEST):
            best = max(own.values(), key=lambda one: one.features[name])
            best.features[f"best_{name}"] = 1.0 - second / values[0]

    def _others(self, form):
        """Yield (entry, belief) of all candidates of other forms."""
        for other, own in self.belief.items():
            if other != form:
                yield from own.items()

    def _around(self, form, entry):
        base = self.base
        text_terms = terms(self.text.text) - terms(form)
        shared = sum(base.idf[term] for term in base.terms[entry] & text_terms)
        gains = []
        for fact in base.facts[entry]:
            left = sum(belief for other, belief in self._others(form) if fact in base.facts[other])
            gains.append(base.fact_weights[fact] * log1p(left))
        types = 0.0
        for kind in base.types[entry]:
            left = sum(belief for other, belief in self._others(form) if kind in base.types[other])
            types += base.type_weights[kind] * log1p(left)
        close, closer = self._closeness(form, entry)
        return {
            "words": shared / (30.0 + base.term_weights[entry]),
            "agree": sum(gains),
            "agree_best": max(gains, default=0.0),
            "types": types,
            "other_name": float(sum(belief for other, belief in self._others(form) if other == entry) > 0.2),
            "close": close,
            "closer": closer,
            **self._objects(form, entry),
        }

    def _objects(self, form, entry):
        base, text = self.base, self.text
        features = dict.fromkeys(("object", "object_near", "object_next", "is_object"), 0.0)
        for fact in base.facts[entry]:
            value = fact[1]
            if not base.is_searched(value):
                continue
            if value == form:
                left = sum(b * sum(v == form for _, v in base.facts[o]) for o, b in self._others(form))
                features["is_object"] = max(features["is_object"], log1p(left))
                continue
            places = occurrences(text.text, value)
            if places:
                gain = base.fact_weights[fact] * log1p(len(places))
                features["object"] = max(features["object"], gain)
            for start, stop in text.forms[form]:
                after = min((place - stop for place in places if place >= stop), default=inf)
                ends = [place + len(value) for place in places]
                before = min((start - end for end in ends if end <= start), default=inf)
                features["object_near"] = max(features["object_near"], exp(-min(after, before) / 60.0))
                features["object_next"] = max(features["object_next"], float(0 < after <= 3))
        return features

    def _closeness(self, form, entry):
        own, sums = self.base.numbers[entry], [0.0, 0.0]
        for other, beliefs in self.belief.items():
            if other == form:
                continue
            best = [0.0, 0.0]
            for rival, belief in sorted(beliefs.items(), key=lambda pair: (-pair[1], pair[0]))[:12]:
                theirs = self.base.numbers[rival]
                both = [predicate for predicate in own if predicate in theirs]
                if both:
                    distance = sqrt(sum((own[p] - theirs[p]) ** 2 for p in both) / len(both))
                    for number, reach in enumerate((0.15, 0.02)):
                        best[number] = max(best[number], belief * exp(-distance / reach))
            sums = [total + most for total, most in zip(sums, best, strict=True)]
        return log1p(sums[0]), log1p(sums[1])


# ------------------------------------------------------------------------------------------------------ mentions

OPEN, CLOSE = "\"'“‘「『《〈<＂＇", "\"'”’」』》〉>＂＇"
TITLES, BRACKETS = ("《〈", "》〉"), ("([（［", ")]）］")


def log_odds(chance):
    chance = min(max(chance, 0.01), 0.999)
    return log(chance / (1.0 - chance))


class MentionCandidates:
    """The spans that may be mentions, ascending, with dense and hashed features.

    ranking: weights of the features of candidates.
    """

    def __init__(self, linked, ranking):
        self.linked, self.text, self.base = linked, linked.text, linked.base
        self.ranked = {form: linked.ranked(form, ranking) for form in linked.candidates}
        self.spans = []
        for span in sorted(self.text.spans):
            form = self.text.form(span)
            is_labeled = linked.counted.n_mentions[form] > 0
            if self.ranked[form] or is_labeled or self.text.tag_probabilities.get(span, 0.0) > 0:
                self.spans.append(span)

    def best(self, span):
        """Return the best candidate or None, its share and the lead over the next one."""
        ranked = self.ranked[self.text.form(span)]
        if not ranked:
            return None, 0.0, 0.0
        second = ranked[1][1] if len(ranked) > 1 else 0.0
        return self.linked.candidates[self.text.form(span)][ranked[0][0]], ranked[0][1], ranked[0][1] - second

    def features(self, span):
        return {**self._of_group(span), **self._of_span(span), **self._overlaps(span)}

    def _of_group(self, span):
        form, counted, text = self.text.form(span), self.linked.counted, self.text
        best, chance, margin = self.best(span)
        n_occurrences, n_mentions = counted.n_occurrences[form], counted.n_mentions[form]
        rate = log((n_mentions + 0.3) / (n_occurrences - n_mentions + 0.3)) if n_occurrences else 0.0
        kinds = best.origins if best else 0
        features = best.features if best else dict.fromkeys(FEATURES, 0.0)
        is_defined = form in text.defined_forms
        longs = text.short_forms.get(form, {})
        return {
            "bias": 1.0,
            "seen": n_occurrences > 0,
            "rate": rate,
            "rate_often": rate * log1p(n_occurrences),
            "known": kinds & KNOWN > 0,
            "learned": kinds & LEARNED > 0,
            "loose": kinds == LOOSE,
            "defined": is_defined,
            "from_long": features["from_long"] if is_defined else 0.0,
            "long_rate": max((counted.rate(long) * share for long, share in longs.items()), default=0.0),
            "unsupported": is_defined and features["from_long"] < 0.3,
            "has_short": any(form in own for own in text.short_forms.values()),
            "length": log(len(form)),
            "repeats": log(len(text.forms[form])),
            "many": log(max(len(self.ranked[form]), 1)),
            "chance": chance,
            "margin": margin,
            "none": best is None,
            **{name: features[name] for name in ("subject", "links", "names", "facts")},
        }

    def _of_span(self, span):
        source, form = self.text.source, self.text.form(span)
        begin, end = self.text.spans[span]
        before = source[begin - 1] if begin else ""
        after = source[end : end + 1]

        def is_within(marks):
            return bool(before and after and before in marks[0] and after in marks[1])

        holders = self.text.holders(form, self.base)
        capitals = [c for c in source[begin:end] if c.isupper()]
        is_capital = bool(capitals) and not any(c.islower() for c in source[begin:end])
        is_written = any(source[begin:end] == spelling for _, _, spelling in holders)
        is_joined = any(c and c in "-‐‑" for c in (before, after))
        is_pair = len(form) == 2 and spaced(form[0])
        chance = self.text.tag_probabilities.get(span, 0.0)
        return {
            "titled": is_within(TITLES),
            "quoted": is_within((OPEN, CLOSE)) and not is_within(TITLES),
            "bracketed": is_within(BRACKETS),
            "written": is_written,
            "not_capitals": bool(holders) and form in self.base.capitals and len(form) <= 5 and not is_capital,
            "capitals": is_capital,
            "short": len(form) == 1 or (is_pair and (is_joined or not (is_written and is_capital))),
            "tag": log_odds(chance) if chance > 0 else 0.0,
            "untagged": chance == 0,
        }

    def _overlaps(self, span):
        form, counted = self.text.form(span), self.linked.counted
        found = {"inside": 0.0, "inside_rate": 0.0, "outside_rate": 0.0, "crossing_rate": 0.0, "tag_rival": log_odds(0)}
        for other in self.spans:
            if other == span or other[0] >= span[1] or other[1] <= span[0]:
                continue
            rival = log_odds(self.text.tag_probabilities.get(other, 0.0))
            found["tag_rival"] = max(found["tag_rival"], rival)
            if self.text.form(other) == form:
                continue
            rate = counted.rate(self.text.form(other))
            if other[0] <= span[0] and span[1] <= other[1]:
                found["inside"] = 1.0
                found["inside_rate"] = max(found["inside_rate"], rate)
            elif span[0] <= other[0] and other[1] <= span[1]:
                found["outside_rate"] = max(found["outside_rate"], rate)
            else:
                found["crossing_rate"] = max(found["crossing_rate"], rate)
        return found

    def marks(self, span):
        """Return the value of each hashed feature, or None."""
        form, text, counted = self.text.form(span), self.text, self.linked.counted
        best, _, _ = self.best(span)
        begin, end = text.spans[span]
        first = min(n for n, (_, stop) in enumerate(text.tokens) if stop > span[0])
        last = max(n for n, (start, _) in enumerate(text.tokens) if start < span[1])
        last = max(first, last)

        def token(number):
            return text.text[slice(*text.tokens[number])] if 0 <= number < len(text.tokens) else None

        before, after = token(first - 1), token(last + 1)
        kinds = self.base.types[best.entry][:3] if best else []
        return [
            ("name", form),
            ("kinds", best.origins if best else 0),
            ("often", min(counted.n_occurrences[form], 4), int(4 * counted.rate(form))),
            ("first", token(first)),
            ("last", token(last)),
            ("ending", form[-4:]),
            ("words", min(last - first + 1, 6)),
            ("length", min(len(form), 12)),
            ("last two", token(last - 1), token(last)) if last > first else None,
            ("shape", shape(text.source[begin:end])),
            ("before", before),
            ("two before", token(first - 2)),
            ("after", after),
            ("two after", token(last + 2)),
            ("around", before, after),
            ("both before", token(first - 2), before),
            ("both after", after, token(last + 2)),
            ("end before", None if before is None else before[-3:]),
            ("end after", None if after is None else after[-3:]),
            ("text start", True) if begin == 0 else None,
            ("entry", best.entry) if best else None,
            *(("type", kinds[number]) if number < len(kinds) else None for number in range(3)),
        ]


def shape(text):
    out = []
    for character in text[:12]:
        kind = "A" if character.isupper() else "a" if character.islower() else "0" if character.isdigit() else ""
        kind = kind or ("c" if character.isalpha() else character)
        if out[-2:] != [kind, kind]:
            out.append(kind)
    return "".join(out)


# ------------------------------------------------------------------------------------------------------ decisions


def logistic(value):
    return 1.0 / (1.0 + exp(-value))


def chosen(overlap, spans):
    """Return the selected spans (start, stop, score), ascending."""
    if overlap == "all":
        return sorted(spans)
    if overlap == "best":
        spans = sorted(spans, key=lambda span: (-span[2], span[0] - span[1], span[0]))
    else:
        spans = sorted(spans, key=lambda span: (span[0] - span[1], span[0]))
    kept = []
    for span in spans:
        if all(span[1] <= other[0] or other[1] <= span[0] for other in kept):
            kept.append(span)
    return sorted(kept)


def resolved(spoken, mention, link, threshold, mention_threshold, overlap="best", nil="keep"):
    """Return (start, stop, entry or None, score) of the mentions in a text.

    mention, link: weights of dense features by name.
    """
    own = {}
    for span in spoken.spans:
        features = spoken.features(span)
        own[span] = logistic(score(features, mention)), logistic(score(features, link))
    likely = [s for s in spoken.spans if spoken.best(s)[0] is not None and own[s][1] >= threshold]
    kept = {(start, stop): own[start, stop][1] for start, stop, _ in chosen(overlap, [(*s, own[s][1]) for s in likely])}
    found = [(*span, spoken.best(span)[0].entry, score_) for span, score_ in kept.items()]
    if nil == "keep":
        rest = [s for s in spoken.spans if s not in likely and own[s][0] >= mention_threshold]
        if overlap != "all":
            rest = [s for s in rest if all(s[1] <= k[0] or k[1] <= s[0] for k in kept)]
        found += [
            (start, stop, None, chance) for start, stop, chance in chosen(overlap, [(*s, own[s][0]) for s in rest])
        ]
    places = spoken.text.spans
    return [(*places[start, stop], entry, chance) for start, stop, entry, chance in sorted(found, key=lambda f: f[:2])]


def best_threshold(scores, is_right, n_gold):
    """Return the best threshold, midway between two scores, and its F1.

    Where none is right, that is 1.
    """
    tried = []
    distinct = sorted(set(scores), reverse=True)
    for threshold, lower in zip(distinct, [*distinct, 0.0][1:], strict=True):
        kept = [right for value, right in zip(scores, is_right, strict=True) if value >= threshold]
        tried.append(((threshold + lower) / 2, 2.0 * sum(kept) / (len(kept) + n_gold)))
    best = max(tried or [(0.5, 0.0)], key=lambda pair: pair[1])
    return best if best[1] or not tried else (1.0, 0.0)
