"""The probability that an entry of the lexicon is a word."""

import csv
import math
import random
from pathlib import Path

import numpy as np
import pytest
from test_newwords_shards import make_reduce

from kxcli.mining import Discovery, Selection, find_words
from kxcli.mining.newwords.lexicon import find_lexicon
from kxcli.mining.newwords.listing import list_words
from kxcli.mining.newwords.probability import COEFFICIENTS, INTERCEPT, compute_features, estimate_probabilities
from kxcli.mining.newwords.runs import is_spaced
from kxcli.mining.segment.jieba_reference import read_dictionary_words

REVIEWS = Path(__file__).parents[2] / "shared" / "data" / "corpus" / "waimai_10k.csv"
WORDS = ["天地", "玄黄", "宇宙洪", "荒", "的", "了", "日月盈昃", "K线"]


def make_texts(n=400):
    """Return texts of a few words in random order, the single characters the most frequent."""
    draw = random.Random(3)
    weights = [3, 3, 2, 6, 20, 20, 2, 1]
    return ["".join(draw.choices(WORDS, weights, k=8)) + "，的" for _ in range(n)]


@pytest.fixture(scope="module")
def reduce():
    return make_reduce(make_texts())


@pytest.fixture(scope="module")
def table(reduce):
    return find_lexicon(Discovery(order=4), reduce)


def describe_slowly(word, texts, counts, table):
    """Return the features of a word by their definitions."""
    row = table.words.index(word)
    characters = [ch for text in texts for ch in text if ch.isalnum()]
    n_unspaced = sum(not is_spaced(ord(ch)) for ch in characters)
    total = sum(counts.values())
    occurrences = sum(text.startswith(word, at) for text in texts for at in range(len(text)))
    rare = table.alphabet.min_count / 2

    def count_part(part):
        return counts.get(part, rare)

    return {
        "part_pmi": min(
            math.log(total * counts[word] / (count_part(word[:at]) * count_part(word[at:])))
            for at in range(1, len(word))
        ),
        "is_pair": float(len(word) == 2),
        "log_frequency": max(math.log(characters.count(ch) / n_unspaced) for ch in word),
        "free_share": max(counts.get(ch, 0) / characters.count(ch) for ch in word),
        "edge_share": min(table.left.edge_share[row], table.right.edge_share[row]),
        "relative_entropy": min(table.left.merged_entropy[row], table.right.merged_entropy[row])
        / math.log(occurrences + 1),
        "log_whole_share": math.log(counts[word] / occurrences),
    }


def test_features_equal_their_definitions(table):
    texts, counts = make_texts(), dict(zip(table.words, table.counts.tolist(), strict=True))
    rows = [row for row, word in enumerate(table.words) if len(word) > 1]
    features = compute_features(table, table.take(np.array(rows)))
    assert list(features) == list(COEFFICIENTS)
    assert len(rows) >= 4
    for at, row in enumerate(rows):
        slow = describe_slowly(table.words[row], texts, counts, table)
        assert {name: values[at] for name, values in features.items()} == pytest.approx(slow)


def test_probability_is_that_of_the_logistic_model(table):
    features = compute_features(table, table)
    found = estimate_probabilities(table, table)
    for row, word in enumerate(table.words):
        if len(word) == 1:
            assert math.isnan(found[row])
        else:
            logit = INTERCEPT + sum(value * features[name][row] for name, value in COEFFICIENTS.items())
            assert found[row] == pytest.approx(1 / (1 + math.exp(-logit)), abs=0.0051)
            assert round(found[row], 2) == found[row]


def test_probability_does_not_depend_on_known_words(table, reduce):
    """The dictionary selects words, but takes no part in the model."""
    all_new = {word.word: word.probability for word in list_words(table, Selection(frozenset()), reduce)}
    some = {word.word: word.probability for word in list_words(table, Selection(frozenset(["天地", "荒"])), reduce)}
    assert len(some) < len(all_new)
    assert some == {word: all_new[word] for word in some}


def test_words_are_sorted_by_probability_then_count(table, reduce):
    words = list_words(table, Selection(frozenset()), reduce)
    assert words == sorted(words, key=lambda word: (-word.probability, -word.count, word.word))
    assert words[0].probability > words[-1].probability
    assert words == list_words(table, Selection(frozenset(), sort="probability"), reduce)


def test_min_probability_keeps_the_limit(table, reduce):
    words = list_words(table, Selection(frozenset()), reduce)
    limit = words[len(words) // 2].probability
    assert list_words(table, Selection(frozenset(), min_probability=limit), reduce) == [
        word for word in words if word.probability >= limit
    ]


@pytest.mark.parametrize("options", [{"min_probability": 0.5}, {"sort": "probability"}])
def test_probability_needs_known_words(options):
    with pytest.raises(ValueError, match="known words"):
        Selection(**options)


def test_all_words_have_no_probability():
    assert {word.probability for word in find_words(make_texts(20), Discovery(min_count=2))} == {None}


def test_empty_lexicon_has_no_probability():
    assert find_words([""], selection=Selection(frozenset())) == []


def test_printed_probability_has_two_decimals_and_no_column_with_all(kxcli):
    (kxcli.folder / "in.txt").write_text("\n".join(make_texts()), encoding="utf-8")
    rows = kxcli("newwords", "--header", "in.txt").rows
    assert rows[0][6] == "probability"
    assert all(len(row[6]) == 4 for row in rows[1:])
    assert "probability" not in kxcli("newwords", "--header", "--all", "in.txt").rows[0]
    some = kxcli("newwords", "--min-probability", rows[1][6], "in.txt").rows
    assert [row[0] for row in some] == [row[0] for row in rows[1:] if row[6] == rows[1][6]]


@pytest.mark.skipif(not REVIEWS.exists(), reason="needs the shared corpora")
def test_dictionary_words_come_first_in_reviews():
    """The model does not see which words the dictionary has."""
    known = read_dictionary_words()
    with REVIEWS.open(encoding="utf-8-sig", newline="") as lines:
        reduce = make_reduce([row["review"] for row in csv.DictReader(lines)])
    table = find_lexicon(Discovery(), reduce)

    def count_known(words):
        return sum(word in known for word in words)

    by_probability, by_count = (
        [word.word for word in list_words(table, Selection(frozenset(), sort=sort), reduce) if not word.word.isascii()]
        for sort in ("probability", "count")
    )
    assert count_known(by_probability[:500]) > count_known(by_count[:500])
    assert count_known(by_probability[-300:]) < 0.6 * count_known(by_probability[:300])
