"""Arguments from Python that make no sense: an error that names them, before anything is computed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kxcli.mining
from kxcli.mining import Counting, Dictionary, Discovery, Ranking, Segmentation, Selection, count_words, find_words

WRONG = [
    # what is called; its arguments; the error; how its message begins
    (Dictionary, {"user": "user.txt"}, ValueError, "user is the text of a dictionary, and 'user.txt' looks like"),
    (Dictionary, {"user": "my words.dic"}, ValueError, "user is the text"),
    (Dictionary, {"user": "../lists/words"}, ValueError, "user is the text"),
    (Dictionary, {"user": "/etc/words"}, ValueError, "user is the text"),
    (Dictionary, {"main": "dict.txt.big.gz"}, ValueError, "main is the text"),
    (Dictionary, {"user": Path("user.txt")}, TypeError, "user must be the text of a dictionary, not "),
    (Dictionary, {"user": "云计算 5".encode()}, TypeError, "user must be"),
    (Dictionary, {"user": ["云计算 5"]}, TypeError, "user must be"),
    (Dictionary, {"main": 5}, TypeError, "main must be"),
    (Dictionary, {"main": "云计算"}, ValueError, "main, line 1: "),
    (Dictionary, {"main": "云计算 5\n雨 x"}, ValueError, "main, line 2: frequency 'x'"),
    (Dictionary, {"user": "雨 1\n\n云 " + "9" * 5000}, ValueError, "user, line 3: frequency '999"),
    (Dictionary, {"user": "雨\n\ud800 5"}, ValueError, "user has a lone surrogate at position 2"),
    (Segmentation, {"mode": "chars"}, ValueError, "mode must be one of 'jieba', "),
    (Segmentation, {"mode": ""}, ValueError, "mode must be"),
    (Segmentation, {"mode": None}, ValueError, "mode must be"),
    (Segmentation, {"mode": ["jieba"]}, ValueError, "mode must be"),
    (Segmentation, {"engine": "rust"}, ValueError, "engine must be one of 'kernel', 'jieba'"),
    (Segmentation, {"hmm": "no"}, TypeError, "hmm must be True or False"),
    (Segmentation, {"hmm": 1}, TypeError, "hmm must be"),
    (Segmentation, {"dictionary": "user.txt"}, TypeError, "dictionary must be a Dictionary"),
    (Segmentation, {"dictionary": None}, TypeError, "dictionary must be"),
    (Segmentation, {"mode": "regex"}, ValueError, "pattern must be given"),
    (Segmentation, {"mode": "regex", "pattern": ""}, ValueError, "pattern '' matches no character"),
    (Segmentation, {"mode": "regex", "pattern": "("}, ValueError, "pattern is not a regular expression"),
    (Segmentation, {"mode": "regex", "pattern": "x{99999999999}"}, ValueError, "pattern is not a"),
    (Segmentation, {"mode": "regex", "pattern": b"x"}, TypeError, "pattern must be a string"),
    (Segmentation, {"pattern": "x"}, ValueError, "pattern has no effect"),
    (Counting, {"segmentation": "char"}, TypeError, "segmentation must be a Segmentation"),
    (Counting, {"segmentation": None}, TypeError, "segmentation must be"),
    (Counting, {"orders": (2, 1)}, ValueError, "orders[1] must be 2 or more, not 1"),
    (Counting, {"orders": (0, 1)}, ValueError, "orders[0] must be 1 or more"),
    (Counting, {"orders": (-1, 1)}, ValueError, "orders[0]"),
    (Counting, {"orders": ()}, TypeError, "orders must be two integers"),
    (Counting, {"orders": (1,)}, TypeError, "orders must be"),
    (Counting, {"orders": (1, 1, 2)}, TypeError, "orders must be"),
    (Counting, {"orders": 2}, TypeError, "orders must be"),
    (Counting, {"orders": "12"}, TypeError, "orders must be"),
    (Counting, {"orders": ("1", "2")}, TypeError, "orders[0] must be an integer"),
    (Counting, {"orders": (1, 2.0)}, TypeError, "orders[1] must be an integer"),
    (Counting, {"orders": (True, 2)}, TypeError, "orders[0] must be"),
    (Counting, {"min_length": -3}, ValueError, "min_length must be 1 or more, not -3"),
    (Counting, {"min_length": 0}, ValueError, "min_length must be"),
    (Counting, {"min_length": 1.5}, TypeError, "min_length must be an integer"),
    (Counting, {"min_length": None}, TypeError, "min_length must be"),
    (Counting, {"stopwords": "的了"}, TypeError, "stopwords must be a list of stopwords (strings)"),
    (Counting, {"stopwords": b"x"}, TypeError, "stopwords must be"),
    (Counting, {"stopwords": None}, TypeError, "stopwords must be"),
    (Counting, {"stopwords": ["的", 5]}, TypeError, "stopwords[1] must be a string, not 5 (int)"),
    (Counting, {"stopwords": ["的", None]}, TypeError, "stopwords[1] must be a string, not None"),
    (Counting, {"lower": "yes"}, TypeError, "lower must be True or False"),
    (Counting, {"nfkc": "nfkc"}, TypeError, "nfkc must be"),
    (Counting, {"is_grouped": "label"}, TypeError, "is_grouped must be"),
    (Ranking, {"sort": "df"}, ValueError, "sort must be one of 'count', 'word'"),
    (Ranking, {"top": -1}, ValueError, "top must be 0 or more"),
    (Ranking, {"top": "10"}, TypeError, "top must be an integer"),
    (Ranking, {"min_count": 0}, ValueError, "min_count must be 1 or more"),
    (Discovery, {"method": "entropies"}, ValueError, "method must be one of"),
    (Discovery, {"order": "4"}, TypeError, "order must be an integer"),
    (Discovery, {"min_count": 1.5}, TypeError, "min_count must be an integer"),
    (Discovery, {"method": "pmi", "min_pmi": "2,4"}, TypeError, "min_pmi must be a tuple of numbers"),
    (Discovery, {"method": "pmi", "min_pmi": 2.0}, TypeError, "min_pmi must be"),
    (Discovery, {"method": "pmi", "min_pmi": (2.0, "4")}, TypeError, "min_pmi[1] must be a number"),
    (Selection, {"known": ["雨"]}, TypeError, "known must be a set of words (strings)"),
    (Selection, {"min_pmi": 2.0}, TypeError, "min_pmi must be a tuple of numbers"),
    (Selection, {"min_pmi": (2.0, "4")}, TypeError, "min_pmi[1] must be a number"),
    (Selection, {"min_pmi": ()}, ValueError, "there is no threshold"),
    (Selection, {"min_entropy": "1"}, TypeError, "min_entropy must be a number"),
    (Selection, {"min_entropy": float("nan")}, ValueError, "min_entropy must be from 0 to inf"),
    (Selection, {"min_entropy": -1.0}, ValueError, "min_entropy must be"),
    (Selection, {"min_docs": "2"}, TypeError, "min_docs must be an integer"),
    (Selection, {"min_docs": 0}, ValueError, "min_docs must be 1 or more"),
    (Selection, {"known": frozenset(), "min_probability": 1.5}, ValueError, "min_probability must be from 0 to 1"),
    (Selection, {"sort": "df"}, ValueError, "sort must be one of 'probability', 'count'"),
    (Selection, {"keep_parts": 1}, TypeError, "keep_parts must be True or False"),
    (Selection, {"script": "Han"}, ValueError, "script must be one of 'auto', 'any', 'han'"),
    (count_words, {"texts": ["雨"], "counting": "char"}, TypeError, "counting must be a Counting"),
    (count_words, {"texts": ["雨"], "counting": Segmentation("char")}, TypeError, "counting must be"),
    (find_words, {"texts": ["雨"], "discovery": "pmi"}, TypeError, "discovery must be a Discovery"),
]


@pytest.mark.parametrize(("called", "arguments", "error", "message"), WRONG)
def test_invalid_arguments_are_named(called, arguments, error, message):
    with pytest.raises(error) as raised:
        called(**arguments)
    assert str(raised.value).startswith(message)
    assert len(str(raised.value)) < 250


@pytest.mark.parametrize("function", [count_words, find_words])
@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("小明来到北京", "texts must be a list of texts (strings), not '小明来到北京' (str)"),
        (b"abc", "texts must be"),
        (None, "texts must be a list of texts (strings), not None"),
        (5, "texts must be"),
        (["小明", None], "texts[1] must be a string, not None"),
        (["小明", "雨", "雨".encode()], "texts[2] must be a string, not b'"),
        ([float("nan")], "texts[0] must be a string, not nan (float)"),
        ({"雨": 1, 5: 1}, "texts[1] must be a string"),
        (np.array(["雨", None], dtype=object), "texts[1] must be a string, not None"),
        ([["小明", "来到"]], "texts[0] must be a string"),
    ],
)
def test_texts_that_are_no_strings_are_named_with_their_position(function, texts, message):
    with pytest.raises(TypeError) as raised:
        function(texts)
    assert str(raised.value).startswith(message)


def test_valid_arguments_are_accepted():
    assert Dictionary(user="node.js\n").user == "node.js\n"
    assert Dictionary(user="云计算").user == "云计算"
    for words in ("AT&T 3", "AC/DC", "AC/DC 3 n", "node.js", "U.S.A", "A.B.C", "1.5"):
        assert Dictionary(user=words).user == words
    for name in ("/etc/x", "./x", "../x/y", "~/x", "my words.TXT", "a.dict", "a.csv.gz", "dir/a.utf8", "a.tsv"):
        with pytest.raises(ValueError, match="looks like the name of a file"):
            Dictionary(user=name)
    assert Counting(stopwords=["的", "了"]).stopwords == frozenset({"的", "了"})
    assert Counting(stopwords=iter({"的": 1})) == Counting(stopwords=frozenset({"的"}))
    assert Counting(orders=[1, 2]).orders == (1, 2)
    assert Counting(orders=(2, 2), min_length=1).orders == (2, 2)
    assert count_words(np.array(["雨 雨", "雨"]), Counting(Segmentation("space"))) == {"雨": 3}
    assert count_words(iter(())) == {}
    assert hash(Counting(stopwords={"的"})) == hash(Counting(stopwords=("的",)))


def test_importing_linking_loads_no_other_feature():
    code = (
        "import sys, kxcli.mining.linking; print(*(name for name in sys.modules if name.startswith('kxcli.mining.')))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name.split(".")[2] for name in loaded} == {
        *("arguments", "linking", "ordered_parts", "rendered_lines", "text")
    }


def test_the_lazy_package_lists_and_loads_its_names():
    assert dir(kxcli.mining) == sorted(kxcli.mining.__all__)
    assert kxcli.mining.count_words is count_words
    with pytest.raises(AttributeError, match="no attribute 'count_wrods'"):
        kxcli.mining.count_wrods  # noqa: B018
