"""Phrases: pairs of words that often occur together."""

import random
import re

import numpy as np
import pytest

from kxcli.mining import Discovery, find_words

WORDS = {"姑苏慕容": 40, "姑苏": 100, "慕容": 100, "枯荣大师": 25, "枯荣": 25, "大师": 120}
OTHERS = [chr(0x5000 + 7 * n) for n in range(150)]


def make_texts():
    """Return random lines of words between other characters."""
    draw = random.Random(5)
    words = [word for word, count in WORDS.items() for _ in range(count)] + draw.choices(OTHERS, k=20_000)
    draw.shuffle(words)
    return ["".join(words[at : at + 20]) for at in range(0, len(words), 20)]


@pytest.fixture(scope="module")
def texts():
    return make_texts()


def test_phrases_have_their_parts(texts):
    found = {word.word: word for word in find_words(texts, Discovery(phrases=True))}
    assert found["姑苏慕容"].parts == "姑苏 慕容" and found["枯荣大师"].parts == "枯荣 大师"
    assert found["姑苏"].parts == "" and found["大师"].parts == ""
    assert found["姑苏慕容"].count == 40


def test_words_are_those_without_phrases(texts):
    found = find_words(texts, Discovery(phrases=True))
    assert [word for word in found if not word.parts] == find_words(texts, Discovery())


def test_parts_are_words_that_belong_together(texts):
    """Check each phrase by its definition: two words, a share of each, cohesion and varied neighbors."""
    found = find_words(texts, Discovery(phrases=True))
    counts = {word.word: word.count for word in found}
    phrases = [word for word in found if word.parts]
    assert phrases
    for phrase in phrases:
        first, last = phrase.parts.split(" ")
        assert first + last == phrase.word and phrase.pmi >= 3
        assert phrase.count >= 0.03 * max(counts[first], counts[last])
        splits = [(phrase.word[:at], phrase.word[at:]) for at in range(1, len(phrase.word))]
        known = [pair for pair in splits if {*pair} <= counts.keys()]
        assert (first, last) == max(known, key=lambda pair: (counts[pair[0]] * counts[pair[1]], *pair))
        for pattern in (f"(.|^){phrase.word}", f"{phrase.word}(.|$)"):
            neighbors = np.unique(re.findall(pattern, "\n".join(texts), re.M), return_counts=True)[1]
            assert -(neighbors / neighbors.sum() * np.log(neighbors / neighbors.sum())).sum() >= 1


def test_phrases_need_the_entropy_method():
    with pytest.raises(ValueError, match="phrases"):
        Discovery("pmi", phrases=True)


def test_column_of_parts(kxcli, texts):
    (kxcli.folder / "a.txt").write_text("\n".join(texts), encoding="utf-8")
    rows = [row.split("\t") for row in kxcli("newwords", "--phrases", "--header", "a.txt").text.splitlines()]
    at = rows[0].index("parts")
    assert {row[0]: row[at] for row in rows}["枯荣大师"] == "枯荣 大师"
    plain = kxcli("newwords", "--all", "a.txt").rows
    assert plain and not any(row[0] == "枯荣大师" for row in plain)
    for more in (("-j", 2, "--shard-size", "1K"), ("--memory", "100M")):
        ended = kxcli("newwords", "--phrases", "--header", *more, "a.txt")
        assert [row.split("\t") for row in ended.text.splitlines()] == rows
