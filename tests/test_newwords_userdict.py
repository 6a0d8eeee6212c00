"""`kxcli newwords -f userdict`: words that jieba then finds, without compounds."""

import random

import pytest

from kxcli.mining import find_words
from kxcli.mining.newwords.alphabet import iter_records
from kxcli.mining.newwords.userdict import select_user_words
from kxcli.mining.segment.dictionary import Dictionary
from kxcli.mining.segment.jieba_reference import JiebaTokenizer

WORDS = ["我们", "他们", "今天", "明天", "喜欢", "看见", "知道", "北京", "学习", "工作", "可以", "已经"]
NEW = ("璀瓒", "骐骥驿", "的了", "农民增收", "防洪林带", "耶律洪基")


@pytest.fixture(scope="module")
def texts():
    """Sentences of common words, each with one of some new words."""
    source = random.Random(1)
    return [
        "".join([*source.choices(WORDS, k=3), word, *source.choices(WORDS, k=3)]) for word in NEW for _ in range(60)
    ]


@pytest.fixture(scope="module")
def words(texts):
    """The lexicon of the texts."""
    found = {word.word: word for word in find_words(texts)}
    assert {*NEW} <= {*found}
    return found


@pytest.fixture(scope="module")
def selected(texts, words):
    """What is selected of the new words, a part of one, and compounds."""
    records = list(iter_records(texts))

    def reduce(job, shared, what):
        job.setup(shared)
        return job.finish(job.map(records))

    candidates = [*(words[word] for word in NEW[:-1]), words["耶律洪基"]._replace(word="洪基")]
    counts = {word.word: word.count for word in words.values()} | {"洪基": 60, "增收": 30, "防洪": 5}
    return select_user_words(candidates, counts, reduce)


def test_words_are_kept_in_their_order(selected):
    assert [word.word for word in selected.words] == ["璀瓒", "骐骥驿", "的了", "防洪林带"]


def test_frequency_is_the_count_unless_jieba_needs_more(selected, words):
    jieba = JiebaTokenizer(Dictionary())
    chosen = {word.word: word.count for word in selected.words}
    assert jieba.suggest_frequency("璀瓒") < words["璀瓒"].count == chosen["璀瓒"]
    assert chosen["的了"] == jieba.suggest_frequency("的了") > words["的了"].count


def test_compounds_of_frequent_words_are_excluded(selected):
    """增收 occurs by itself more than a fourth as often as 农民增收; 防洪 is rare by itself."""
    assert selected.compounds == ["农民增收"]


def test_words_that_jieba_does_not_find_are_excluded(selected, texts):
    """Jieba has 耶律洪基 in its dictionary, so it never finds 洪基."""
    assert selected.unfound == ["洪基"]
    jieba = JiebaTokenizer(Dictionary(user="".join(f"{word.word} {word.count}\n" for word in selected.words)))
    tokens = [token for text in texts for token in jieba.cut(text, hmm=True)]
    assert all(tokens.count(word.word) >= 30 for word in selected.words)


def test_no_words_need_no_pass_over_the_corpus():
    assert select_user_words([], {}, reduce=None).words == []
