"""The entropy method and unique lines: each step equals a definition on strings."""

import json
import math
import os
import pickle
import random
import re
import sys
from collections import Counter
from functools import reduce as folded
from itertools import pairwise

import numpy as np
import pytest
from conftest import SAMPLES, mapped
from hypothesis import given
from hypothesis import strategies as st
from test_failures import put

from kxcli.corpus.spool import select_lines
from kxcli.mining import Discovery, Selection, find_words
from kxcli.mining.newwords import alphabet, branching, cutting, lexicon, rescoring
from kxcli.mining.newwords.alphabet import Alphabet, CountCharacters
from kxcli.mining.newwords.cohesion import compute_cohesion
from kxcli.mining.newwords.cutting import CountWords, CutCounts, CutModel
from kxcli.mining.newwords.grams import Ngrams
from kxcli.mining.newwords.lines import FindFirstLines, hash_lines
from kxcli.mining.newwords.listing import list_words
from kxcli.mining.newwords.neighbors import SideCounts
from kxcli.mining.newwords.runs import count_runs
from kxcli.storage.array_spool import ArraySpool
from kxcli.tally.scratch import Scratch

NONE = float("-inf")

# Texts, and definitions on strings


@st.composite
def lists_of_texts(draw):
    """Texts of few characters and few repeated pieces, for collisions."""
    characters = draw(
        st.sampled_from(
            ["天地", "天天地玄a1\n", "天地玄黄，", "天𠮷Ａ１я，。", "ab 天\n", "天가あ½e\u0300é_", "天ｚ０ჿᄀ"]
        )
    )
    some = st.text(characters, max_size=9)
    pieces = st.sampled_from(draw(st.lists(some, min_size=1, max_size=4)))
    return draw(st.lists(st.lists(st.one_of(pieces, pieces, some), max_size=12).map("".join), max_size=5))


seeds = st.integers(0, 1 << 30).map(random.Random)


def is_spaced(char):
    """Return whether a character is of a script with spaces, a digit, or full width."""
    return char < "\u1100" or "\uff10" <= char <= "\uff5a"


def units_of(texts):
    """Return the units of texts: characters of scripts without spaces, runs of the others, and "" for separators."""
    units = [""]
    for char in "\n".join(texts):
        joins = units[-1] and is_spaced(units[-1][0])
        if (is_spaced(char) and char.isalnum() and joins) or (joins and char == "\u0300"):
            units[-1] += char
        else:
            units.append(char if char.isalnum() else "")
    return units


def runs_of(texts):
    """Return the counts of runs."""
    return Counter(unit for unit in units_of(texts) if unit and is_spaced(unit[0]))


def blocks_of(texts, min_count=1):
    """Return lists of adjacent units; rare runs separate."""
    runs, blocks = runs_of(texts), [[]]
    for unit in units_of(texts):
        if unit and runs.get(unit, min_count) >= min_count:
            blocks[-1].append(unit)
        else:
            blocks.append([])
    return [block for block in blocks if block]


def counts_of(texts, order, min_count):
    """Return the counts of n-grams up to an order in blocks."""
    return Counter(
        "".join(block[i : i + n])
        for block in blocks_of(texts, min_count)
        for n in range(1, order + 1)
        for i in range(len(block) - n + 1)
    )


def split_units(gram):
    return [unit for unit in units_of([gram]) if unit]


def one_by_one(texts):
    """Return a `reduce` in one process."""
    kept = list(alphabet.iter_records(texts))

    def reduce(job, shared, what=""):
        job.setup(shared)
        return job.finish(job.map(kept)) if kept else None

    return reduce


def in_workers(texts, draw):
    """Return a `reduce` of random tasks, merged in random order, some as bytes."""
    kept = list(alphabet.iter_records(texts))

    def reduce(job, shared, what=""):
        sent = pickle.dumps((job, shared))
        job.setup(shared)
        given, partials = draw.sample(kept, len(kept)), []
        while given:
            size = draw.randint(1, 4)
            task, given = given[:size], given[size:]
            worker, theirs = pickle.loads(sent)
            worker.setup(theirs)
            partials.append(worker.map(task))
        while len(partials) > 1:
            one, two = (partials.pop(draw.randrange(len(partials))) for _ in "ab")
            partials.append(job.merge(job.load(mapped(job.dump(one))) if draw.random() < 0.5 else one, two))
        return job.finish(job.load(job.dump(partials[0]))) if partials else None

    return reduce


@pytest.fixture
def small_records(monkeypatch):
    """Make each text its own record."""
    monkeypatch.setattr(alphabet, "_MIN_RECORD", 1)


def counted(texts, order, min_count):
    """Return the n-grams of texts, or None without any character."""
    reduce = one_by_one(texts)
    found = reduce(CountCharacters(), None)
    letters = Alphabet.from_counts(np.zeros(1, dtype=np.int64) if found is None else found, lambda n: min_count)
    if not letters.total:
        return None
    letters = letters.with_runs(found, count_runs(reduce, min_count, 10**6, None))
    sides = [SideCounts(len(letters.codes) - 1, letters.first_digits) for _ in "ab"]
    return lexicon.count_ngrams(letters, order, reduce, None, *sides)


def spell(grams, n):
    """Return the n-grams of one length as strings by number; number 0 is ""."""
    if n == 1:
        return ["", *grams.alphabet.spell(np.arange(1, len(grams.alphabet.codes)))]
    return ["", *grams.spell(n, np.arange(1, len(grams.levels[n - 2].counts))).to_texts(grams.alphabet)]


def by_text(grams, columns):
    """Return values by length and number as a dictionary by string."""
    return {
        gram: value
        for n, column in enumerate(columns, 1)
        for gram, value in zip(spell(grams, n), column.tolist(), strict=True)
        if gram
    }


# The best cut


def best_cut(block, score, longest_word, longest_block=10**9):
    """Return the word starts of each piece; ties prefer the longest last word."""
    starts = set()
    for piece in range(0, len(block), longest_block):
        best, last = [0], [0]
        for end in range(1, min(longest_block, len(block) - piece) + 1):
            choices = ((best[end - k] + score(piece + end - k, k), k) for k in range(1, min(longest_word, end) + 1))
            value, k = max(choices)
            best.append(value)
            last.append(k)
        end = len(best) - 1
        while end:
            end -= last[end]
            starts.add(piece + end)
    return starts


# Boundary scores


def standardized(values):
    """Return values in deviations from the mean of those without runs, if there are any."""
    if not values:
        return {}
    typical = [value for gram, value in values.items() if not any(map(is_spaced, gram))] or [*values.values()]
    mean = math.fsum(typical) / len(typical)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in typical) / len(typical))
    return {gram: (value - mean) / (deviation if deviation > 1e-12 else 1.0) for gram, value in values.items()}


def boundary_by_definition(texts, order, min_count):
    """Return the boundary scores of characters and frequent n-grams by string."""
    counts = counts_of(texts, order + 1, min_count)
    units = {gram: split_units(gram) for gram in counts}
    total = sum(map(str.isalnum, "".join(texts)))
    digits = {gram for gram, own in units.items() if any(is_spaced(unit[0]) and unit.isnumeric() for unit in own)}
    kept = {
        gram for gram, count in counts.items() if len(units[gram]) == 1 or (count >= min_count and gram not in digits)
    }
    scored = kept - digits

    def entropy(gram, side):
        part = slice(-1) if side == "right" else slice(1, None)
        longer = [counts[other] for other in scored if "".join(units[other][part]) == gram]
        return math.log(counts[gram]) - sum(count * math.log(count) for count in longer) / counts[gram]

    def variation(gram, side):
        if len(units[gram]) == 1:
            return entropy(gram, side)
        return entropy(gram, side) - entropy("".join(units[gram][:-1] if side == "right" else units[gram][1:]), side)

    def pmi(gram):
        cuts = (("".join(units[gram][:k]), "".join(units[gram][k:])) for k in range(1, len(units[gram])))
        return min(math.log(total * counts[gram] / (counts[a] * counts[b])) for a, b in cuts)

    scores = dict.fromkeys((gram for gram in kept if len(units[gram]) <= order), 0.0)
    for n in range(1, order + 1):
        of_length = [gram for gram in scored if len(units[gram]) == n]
        for side in "left", "right":
            for gram, z in standardized({gram: variation(gram, side) for gram in of_length}).items():
                scores[gram] += z
        if n > 1:
            for gram, z in standardized({gram: pmi(gram) for gram in of_length}).items():
                scores[gram] += z / 2
        for gram in of_length:
            scores[gram] = scores[gram] / 2 if n == 1 else min(scores[gram], 5.0)
    return scores


def compute_boundary_scores(grams, order):
    values = compute_cohesion(Ngrams(grams.alphabet, grams.levels[: order - 1]))
    return branching.compute_boundary_scores(
        grams, values, branching._find_joinable(grams), branching._find_runless(grams), order
    )


@given(texts=lists_of_texts(), order=st.integers(2, 5), min_count=st.integers(1, 4))
def test_boundary_scores_equal_the_definition(texts, order, min_count):
    grams = counted(texts, order + 1, min_count)
    if grams is not None:
        found = by_text(grams, compute_boundary_scores(grams, order))
        assert found == pytest.approx(boundary_by_definition(texts, order, min_count), abs=1e-9)


def test_boundary_scores_are_capped_at_five_deviations():
    draw = random.Random(1)
    text = "".join(
        "天地" + draw.choice("玄黄宇宙洪荒日月盈昃") + ("，" if draw.random() < 0.2 else "") for _ in range(3000)
    )
    found = by_text(grams := counted([text], 3, 1), compute_boundary_scores(grams, 2))
    assert max(score for gram, score in found.items() if len(gram) == 2) <= 5.0
    assert found == pytest.approx(boundary_by_definition([text], 2, 1), abs=1e-9)


# Scores after a cut


WORD = (2.0, 2.3, 1.2, 8.2, 6.7)  # by length


def places_by_definition(words):
    """Return the log probability of the characters' positions for each word."""
    seen, of_character, of_place = Counter(), Counter(), Counter()

    def places(word):
        units = split_units(word)
        if len(units) == 1:
            return [(word, "single")]
        return [(units[0], "first"), *((unit, "other") for unit in units[1:-1]), (units[-1], "last")]

    for word, count in words.items():
        for char, place in places(word):
            seen[char, place] += count
            of_character[char] += count
            of_place[place] += count
    n = max(1, sum(of_place.values()))

    def probable(char, place):
        share = (seen[char, place] + 2 * of_place[place] / n) / (of_character[char] + 2)
        return math.log(max(share, sys.float_info.min))

    return {word: sum(probable(char, place) for char, place in places(word)) for word in words}


def average(values, counts):
    """Return the mean of values over the characters of a text without runs."""
    weights = {char: count for char, count in counts.items() if len(split_units(char)) == 1 and not is_spaced(char[0])}
    return math.fsum(count * values(char) for char, count in weights.items()) / max(1, sum(weights.values()))


def contexts_by_definition(texts, order, min_count):
    """Return the scores of the neighbors of characters and frequent n-grams by string."""
    counts = counts_of(texts, order + 1, min_count)
    units = {gram: split_units(gram) for gram in counts}
    digits = {gram for gram, own in units.items() if any(is_spaced(unit[0]) and unit.isnumeric() for unit in own)}
    kept = {
        gram for gram, count in counts.items() if len(units[gram]) == 1 or (count >= min_count and gram not in digits)
    }

    def longer(gram, side):
        part = slice(-1) if side == "right" else slice(1, None)
        return [other for other in kept if "".join(units[other][part]) == gram]

    def openness(gram, side):
        return math.log(max(1 - sum(counts[other] for other in longer(gram, side)) / counts[gram], 0.02))

    def divergence(gram, n, side):
        pairs = []
        for other in longer(gram, side):
            part = units[gram][-n:] if side == "right" else units[gram][:n]
            longer_part = units[other][-n - 1 :] if side == "right" else units[other][: n + 1]
            pairs.append((counts[other] / counts[gram], counts["".join(longer_part)] / counts["".join(part)]))
        rest = [max(1 - math.fsum(shares), 1e-3) for shares in zip(*pairs, strict=True)] or [1, 1]
        return max(math.fsum(share * math.log(share / other) for share, other in [*pairs, rest]), 0)

    mean = sum(average(lambda char, side=side: openness(char, side), counts) for side in ("left", "right")) / 2
    scores = {}
    for gram in kept:
        n = len(units[gram])
        if n <= order:
            scores[gram] = 0
            for side in ("left", "right") if n > 1 else ():
                scores[gram] += 0.55 * (openness(gram, side) - mean) + 0.7 * divergence(gram, n - 1, side)
                scores[gram] += 0.65 * divergence(gram, 2, side) if n == 4 else 0
    return scores


@given(texts=lists_of_texts(), order=st.integers(2, 5), min_count=st.integers(1, 4))
def test_scores_of_contexts_equal_the_definition(texts, order, min_count):
    grams = counted(texts, order + 1, min_count)
    if grams is not None:
        longest = min(order, len(grams.levels) + 1)
        found = by_text(grams, rescoring.score_contexts(grams, longest))
        assert found == pytest.approx(contexts_by_definition(texts, order, min_count), abs=1e-9)


def test_phrases_have_contexts_of_their_parts():
    draw = random.Random(2)
    nouns, verbs = (["".join(draw.sample(HAN, 2)) for _ in range(30)] for _ in "ab")
    text = "".join(draw.choice(["也", "", ""]) + "要" + draw.choice(verbs) + draw.choice(nouns) for _ in range(5000))
    grams = counted([text], 3, 4)
    scores = by_text(grams, rescoring.score_contexts(grams, 2))
    assert scores["也要"] < min(scores[verb] for verb in verbs)


@given(texts=lists_of_texts(), order=st.integers(2, 5), most=st.sampled_from([0, 1, 9, 10**6]), draw=seeds)
def test_scores_after_a_cut_equal_the_definition(texts, order, most, draw):
    grams = counted(texts, order, 2)
    if grams is None:
        return
    counts = [grams.alphabet.counts, *(level.counts for level in grams.levels)]

    def some(size):
        return np.array([0, *(draw.randint(0, most) for _ in range(size - 1))], dtype=np.int64)

    words, aligned = [[some(len(count)) for count in counts] for _ in "ab"]
    contexts = [np.array([draw.uniform(-3, 5) for _ in count]) for count in counts]
    count_of, word_of, aligned_of, context_of = (
        by_text(grams, columns) for columns in (counts, words, aligned, contexts)
    )
    place_of = places_by_definition(word_of)

    types = Counter(
        unit
        for word, count in word_of.items()
        if len(split_units(word)) > 1 and count >= 3
        for unit in split_units(word)
    )
    mean = average(lambda char: math.log(types[char] + 1), count_of)
    n_words = max(1, sum(word_of.values()))
    expected = {}
    for gram, context in context_of.items():
        n_aligned = max(aligned_of[gram], 0.5)
        frequency, share = math.log(n_aligned / n_words), math.log(n_aligned / count_of[gram])
        n = len(split_units(gram))
        if n == 1:
            expected[gram] = context + WORD[0] + 0.8 * frequency - 0.5 * (math.log(types[gram] + 1) - mean)
            continue
        frequency *= 1 if n < 4 else 1.65
        expected[gram] = context + WORD[n - 1] + frequency + share / 4 + place_of[gram] / 4
    found = CutCounts(words, aligned)
    assert by_text(grams, rescoring.score_words(contexts, found, grams, 3)) == pytest.approx(expected, abs=1e-9)


# Counts of a cut


def recounted_by_definition(texts, score_of, order, longest_block, min_count):
    """Return the counts of words, and of n-grams between two cuts."""
    words, aligned = Counter(), Counter()
    for block in blocks_of(texts, min_count):
        cut = best_cut(
            block, lambda i, k, block=block: score_of.get("".join(block[i : i + k]), NONE), order, longest_block
        )
        edges = sorted({*cut, len(block)})
        words.update("".join(block[a:b]) for a, b in pairwise(edges))
        aligned.update("".join(block[a:b]) for a in edges for b in edges if 2 <= b - a <= order)
    return words, aligned


@given(
    texts=lists_of_texts(),
    order=st.integers(2, 5),
    min_count=st.integers(1, 3),
    longest_block=st.sampled_from([3, 1000]),
    draw=seeds,
)
def test_cut_counts_equal_the_definition(small_records, monkeypatch, texts, order, min_count, longest_block, draw):
    monkeypatch.setattr(cutting, "_MAX_BLOCK", longest_block)
    grams = counted(texts, order, min_count)
    if grams is None:
        return
    sizes = [len(grams.alphabet.codes), *(len(level.counts) for level in grams.levels)]
    scores = [np.array([draw.randint(-2, 3) for _ in range(sizes[0])], dtype=np.float32)]
    for size in sizes[1:]:
        some = [NONE, *(draw.choice([NONE, *range(-4, 5)]) for _ in range(size - 1))]
        scores.append(np.array(some, dtype=np.float32))
    candidates = [score != NONE for score in scores]
    cut = CutModel(grams, candidates, scores)
    words, aligned = recounted_by_definition(texts, by_text(grams, scores), order, longest_block, min_count)

    within = re.findall(r".*?(?:[\W_]|$)", "\n".join(texts), re.DOTALL)  # split at every border
    for reduce in one_by_one(texts), in_workers(texts, draw), in_workers(within, draw):
        found = reduce(CountWords(), cut)
        assert +Counter(by_text(grams, found.words)) == +words
        kept = {gram for gram, is_kept in by_text(grams, candidates).items() if is_kept and len(split_units(gram)) > 1}
        of_grams = Counter({gram: n for gram, n in by_text(grams, found.aligned).items() if gram in kept})
        assert +of_grams == Counter({gram: n for gram, n in aligned.items() if gram in kept})
        assert found.aligned[0].tolist() == found.words[0].tolist()
        assert [len(column) for column in found.words] == [len(column) for column in found.aligned] == sizes


# Results


def rounded(words):
    """Return the columns that do not depend on documents."""
    return [
        (word, n, *(v if v is None else round(v, 4) for v in values))
        for word, n, *values in (word[:5] for word in words)
    ]


HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 400)]
LATIN = [*["Python3", "naïve", "пример", "ＡＢ１２", "x", "2024"] * 5, "rare"]


def invented(seed, n_words=100, n_tokens=6000):
    """Return invented words, and a random text of them and some adjacent Latin words."""
    draw = random.Random(seed)
    characters = draw.sample(HAN, len(HAN))
    words = ["".join(characters.pop() for _ in range(draw.choice([2, 2, 3, 4]))) for _ in range(n_words)]
    text = []
    for n in range(n_tokens):
        text.append(draw.choice(words))
        if draw.random() < 0.05:
            text.append(draw.choice(LATIN))
        if draw.random() < 0.2:
            text.append("\n" if n % 3 == 0 else draw.choice("，。！"))
        elif text[-1] in LATIN and draw.random() < 0.3:
            text.append(" ")
    return words, "".join(text)


@pytest.mark.parametrize("seed", range(3))
def test_invented_words_are_found_and_latin_words_are_not_cut(seed):
    words, text = invented(seed)
    found = find_words([text])
    known = {word: n for word, n, *_ in found}
    assert {word.word for word in [word for word in found if not is_spaced(word.word[0])][: len(words)]} == set(words)
    runs = {run: count for run, count in runs_of([text]).items() if count >= 32}
    assert {word for word in known if is_spaced(word[0])} == set(runs)
    assert all(0.9 * count <= known[run] <= count for run, count in runs.items())  # some are parts of mixed n-grams
    assert sum(known[word] for word in words) > 0.95 * sum(text.count(word) for word in words)


def test_default_method_is_entropy():
    _, text = invented(9, n_tokens=1000)
    assert find_words([text]) == find_words([text], Discovery("entropy")) != find_words([text], Discovery("pmi"))


@pytest.mark.full
@pytest.mark.parametrize("place", ["whole", "parts"])
@given(texts=lists_of_texts(), order=st.integers(2, 6), min_count=st.integers(1, 4), draw=seeds)
def test_lexicon_does_not_depend_on_workers(small_records, place, texts, order, min_count, draw):
    room = 1 if place == "parts" else None
    discovery = Discovery(order=order, min_count=min_count)
    expected = find_words(["\n".join(texts)], discovery)
    reduce = in_workers(texts, draw)
    found = list_words(lexicon.find_lexicon(discovery, reduce, room), Selection(), reduce)
    assert rounded(found) == rounded(expected)
    assert sum(len(word.word) * word.count for word in expected) <= sum(map(len, units_of(texts)))
    assert all(word.count >= min_count for word in expected)


@pytest.mark.parametrize("order", [2, 4])
def test_lexicon_does_not_depend_on_record_splits(small_records, order):
    _, text = invented(order, n_tokens=1500)
    discovery = Discovery(order=order)
    expected = rounded(find_words([text], discovery))
    assert sum(len(word) * n for word, n, *_ in expected) <= sum(map(len, units_of([text])))
    for seed in range(2):
        reduce = in_workers(text.split("\n"), random.Random(seed))
        assert rounded(list_words(lexicon.find_lexicon(discovery, reduce, 1 << 15), Selection(), reduce)) == expected


@pytest.mark.parametrize("text", ["天，", "天地，", "天地玄，", "天地玄黄宇宙，", "ab cd ", "天a，"])
@pytest.mark.parametrize("order", range(2, 7))
def test_text_without_long_n_grams_is_mined(text, order):
    found = find_words([text * 5], Discovery(order=order, min_count=2))
    assert sum(len(word.word) * word.count for word in found) == 5 * sum(map(str.isalnum, text))


@pytest.mark.parametrize("discovery", [Discovery(min_count=7), Discovery("pmi", min_count=7)])
@pytest.mark.parametrize("n_characters", [0, 10**6, 10**12])
def test_explicit_min_count_is_used(discovery, n_characters):
    assert discovery.min_count_for(n_characters) == discovery.min_count_spaced == 7


@pytest.mark.parametrize(
    ("n_characters", "least"),
    [(0, 4), (24_999_999, 4), (25_000_000, 5), (30_000_000, 6), (159_999_999, 31), (160_000_000, 32), (10**12, 32)],
)
def test_default_min_count_grows_with_the_text(n_characters, least):
    assert Discovery().min_count_for(n_characters) == least
    assert (
        Discovery("pmi").min_count_for(n_characters)
        == Discovery().min_count_spaced
        == Discovery("pmi").min_count_spaced
        == 32
    )


@pytest.mark.parametrize(
    "settings", [{"min_pmi": (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)}, {"order": 1}, {"order": 7}, {"min_count": 0}]
)
def test_invalid_settings_with_entropy_are_rejected(settings):
    with pytest.raises(ValueError, match=r"pmi|order|min_count"):
        Discovery(method="entropy", **settings)


# Unique lines

line_characters = st.sampled_from(["a", "ab", "a\r", "aa\x00\x01", "天地\r", "a𠮷😀\r", "a\u2028\x0b\ud800\uffff"])
lines = line_characters.flatmap(lambda some: st.text(some, max_size=8))


def as_codes(text, width=4):
    if width == 2:
        return np.frombuffer(text.encode("utf-16-le", "surrogatepass"), dtype="<u2")
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def as_line(line):
    return line.removesuffix("\r")


def hashes_of(some, width=4):
    return hash_lines(as_codes("".join(f"{line}\n" for line in some), width)).tolist()


@given(st.lists(lines, max_size=20))
def test_line_hashes_are_equal_for_equal_lines_only(some):
    some += [changed for line in some[:5] for changed in (line[::-1], line[:-1], line * 2, line[1:], line + "\r")]
    hashes = hashes_of(some)
    assert len(hashes) == len(some)
    seen = {as_line(line): number for line, number in zip(some, hashes, strict=True)}
    assert hashes == [seen[as_line(line)] for line in some]
    assert len(set(hashes)) == len(seen)
    assert hashes == [number for line in some for number in hashes_of([line])]


@given(st.lists(st.text("a\r天\x00\uffff", max_size=5), max_size=8))
def test_line_hashes_do_not_depend_on_character_width(some):
    assert hashes_of(some, 2) == hashes_of(some)


def test_many_lines_have_distinct_hashes():
    some = [chr(code) for code in range(0xD800) if chr(code) not in "\r\n"]
    some += ["a" * n for n in range(2, 2000)]
    some += ["a" * n + "b" + "a" * (3000 - n) for n in range(3001)]
    assert len(set(hashes_of(some))) == len(some)


@given(st.text("a\r\n", max_size=12))
def test_unterminated_text_is_not_a_line(text):
    whole = text[: text.rfind("\n") + 1]
    assert hash_lines(as_codes(text)).tolist() == hashes_of(whole.split("\n")[:-1])


def write_to_spools(records, folder):
    """Return records spooled to two files of a folder."""
    spools = ArraySpool(str(folder)), ArraySpool(str(folder))
    return [spools[number % 2].write(record) for number, record in enumerate(records)]


def first_lines(kept, scratch, draw):
    """Return the remaining lines of records."""
    job = FindFirstLines(scratch)
    job.setup(None)
    numbered = [(number, one.load()) for number, one in enumerate(kept)]
    partials = []
    for pair in draw.sample(numbered, len(numbered)):
        if partials and draw.random() < 0.3:
            partials[-1] = job.merge(partials[-1], job.map([pair]))
        else:
            partials.append(job.load(mapped(job.dump(job.map([pair])))) if draw.random() < 0.5 else job.map([pair]))
    draw.shuffle(partials)
    return job.finish(folded(job.merge, partials))


def check_first_lines(folder, records, scratch, draw):
    """The remaining lines are the first of each set of equal ones, in order."""
    texts = ["".join(f"{line}\n" for line in record) for record in records]
    wide = [any(char > "\uffff" for char in text) for text in texts]
    kept = write_to_spools([as_codes(text, 4 if so else 2) for text, so in zip(texts, wide, strict=True)], folder)
    left = select_lines(kept, first_lines(kept, scratch, draw), str(folder))
    seen, expected = set(), []
    for record in records:
        new = [line for line in record if not (as_line(line) in seen or seen.add(as_line(line)))]
        expected.append("".join(f"{line}\n" for line in new))
    found = [one.load().tobytes().decode(f"utf-{8 * one.width}-le", "surrogatepass") for one in left]
    assert found == [text for text in expected if text]
    assert set(os.listdir(folder)) == {os.path.basename(one.path) for one in left}
    for name in os.listdir(folder):
        os.unlink(folder / name)


unclosed = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@unclosed
@pytest.mark.parametrize("room", [None, 1, 64 * 7])
@given(records=st.lists(st.lists(lines, min_size=1, max_size=8), min_size=1, max_size=6), draw=seeds)
def test_first_of_equal_lines_is_kept(tmp_path, room, records, draw):
    check_first_lines(tmp_path, records, room and Scratch(lambda: str(tmp_path), room), draw)


@unclosed
@pytest.mark.parametrize("room", [None, 1 << 12])
def test_first_of_many_equal_lines_is_kept(tmp_path, room):
    draw = random.Random(4)
    some = ["".join(draw.choices("天地玄黄a\r", k=draw.randint(0, 5))) for _ in range(3000)]
    records = [draw.choices(some, k=draw.randint(1, 60)) for _ in range(200)]
    check_first_lines(tmp_path, records, room and Scratch(lambda: str(tmp_path), room), draw)


# The command

ALL = ("newwords", "--all", "--min-count", 2)


@pytest.fixture(scope="session")
def news():
    return [line for name in ("news.txt", "tech.txt") for line in (SAMPLES / name).read_text("utf-8").splitlines()]


def text_of(some, end="\n"):
    return "".join(line + end for line in some).encode()


@pytest.mark.full
@pytest.mark.parametrize(("method", "workers"), [("entropy", 2), ("pmi", 1)])
def test_unique_lines_equal_input_without_repeats(kxcli, workers, news, method):
    draw = random.Random(3)
    repeated = draw.sample(news * 4, 4 * len(news))
    with_cr = "".join(line + draw.choice(["\n", "\r\n"]) for line in [*repeated, "", "", *news[:3]])
    put(kxcli, "unique.txt", text_of(news))
    put(kxcli, "cr.txt", with_cr.encode().rstrip())  # the last line has no LF
    put(kxcli, "a.jsonl", text_of(json.dumps({"id": n, "text": line}) for n, line in enumerate(repeated)))
    use = (*ALL, "--method", method, "-j", workers)
    expected = kxcli(*use, "unique.txt").out
    assert expected.count(b"\n") > 500
    assert kxcli(*use, "cr.txt").out != expected
    put(kxcli, "b.jsonl", text_of(json.dumps({"text": line}) for line in news[::2]))
    records = ["--field", "text", "a.jsonl", "b.jsonl"]
    for arguments in ["unique.txt"], ["cr.txt"], [*records, "--memory", "1M"]:
        for size in "1M", "1K":
            assert kxcli(*use, "--unique-lines", "--shard-size", size, *arguments).out == expected
    assert kxcli(*use, "--unique-lines", stdin=text_of(repeated, "\r\n")).out == expected
    assert kxcli.leftovers() == []


def test_unique_lines_compare_files_and_stdin(kxcli, news):
    put(kxcli, "a", text_of(news[:9]))
    expected = kxcli(*ALL, "a").out
    assert kxcli(*ALL, "--unique-lines", "a", "a", "-", stdin=text_of(news[4:7], "\r\n")).out == expected
    assert kxcli(*ALL, "a", "a").out != expected


@pytest.mark.parametrize("stdin", ["", "\n", "\n\r\n\n", "，\n，\n"])
def test_unique_lines_of_empty_text(kxcli, stdin):
    assert kxcli("newwords", "--unique-lines", "-q", stdin=stdin).out == b""


def test_command_defaults_to_entropy(kxcli, news):
    data = text_of(news)
    default = kxcli(*ALL, stdin=data).out
    assert default == kxcli(*ALL, "--method", "entropy", stdin=data).out
    assert default != kxcli(*ALL, "--method", "pmi", stdin=data).out


def test_minimum_pmi_and_documents_filter_the_list(kxcli, news):
    rows = kxcli(*ALL, stdin=text_of(news)).rows
    thresholds = {2: 3.0, 3: 5.0, 4: 7.0}
    expected = [row for row in rows if int(row[5]) >= 5 and (not row[2] or float(row[2]) >= thresholds[len(row[0])])]
    assert 0 < len(expected) < len(rows)
    assert kxcli(*ALL, "--min-pmi", "3,5", "--min-docs", 5, stdin=text_of(news)).rows == expected


@pytest.mark.full
def test_output_does_not_depend_on_workers_shards_and_memory(kxcli):
    given = (*ALL, "-q", "-r", "--encoding", "auto", "--input-format", "text", SAMPLES)
    expected = kxcli(*given, "-j", 1).out
    assert expected.count(b"\n") > 1000
    shards, memory = ["--shard-size", "1K"], ["--memory", "1M"]
    for jobs, more in (1, [*shards, *memory]), (2, []), (2, shards), (2, memory):
        assert kxcli(*given, "-j", jobs, *more).out == expected
    assert kxcli.leftovers() == []


def test_rare_words_in_spaced_scripts_are_not_stored():
    text = "".join(f"用户{number:06x}登录，" for number in range(3000)) + "kxcli，" * 40
    spelled = []
    records_ = list(alphabet.iter_records([text]))

    def reduce(job, shared, what):
        job.setup(shared)
        found = job.finish(job.map(records_))
        if what == "spellings":
            spelled.extend(found)
        return found

    found = lexicon.find_lexicon(Discovery(), reduce)
    words = dict(zip(found.words, found.counts.tolist(), strict=True))
    assert words["kxcli"] == 40
    assert spelled == ["kxcli"]
