"""The counts of whole corpora, by the command line, equal those of a plain loop over jieba's tokens."""

import lzma
import subprocess
import sys
from collections import Counter
from functools import cache

import pytest
from conftest import SHARED
from kernel_texts import Reference

CORPORA = ["bedtimenews", "fewclue", "lctt"]
OPTIONS = {
    "search": ["-t", "search"],
    "full": ["-t", "full"],
    "no-hmm": ["--no-hmm"],
    "ngrams": ["--ngram", "1-2", "--df"],
    "ngrams-search": ["--ngram", "2", "--df", "-t", "search", "--no-hmm"],
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def texts(corpora, tmp_path_factory):
    """Return the paths of the uncompressed corpora by name."""
    folder = tmp_path_factory.mktemp("corpora")
    for name in CORPORA:
        with lzma.open(corpora / f"{name}.txt.xz") as file:
            (folder / name).write_bytes(file.read())
    return {name: folder / name for name in CORPORA}


@pytest.fixture(scope="module")
def oracle(texts):
    """Return a function that runs the oracle on a corpus, once; its lines have punctuation, too."""

    @cache
    def run(name):
        command = [sys.executable, "-W", "ignore", SHARED / "eval" / "wordcount_reference.py", "--punct", texts[name]]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")[:-1]

    return run


@pytest.mark.parametrize("name", CORPORA)
def test_counts_equal_the_oracle(kxcli, texts, oracle, name):
    for workers in (1, 2):
        assert kxcli.run("wordcount", "--punct", "-j", workers, texts[name]).text.split("\n")[:-1] == oracle(name)
    words = [line for line in oracle(name) if any(map(str.isalnum, line.split("\t")[0]))]
    assert kxcli.run("wordcount", texts[name]).text.split("\n")[:-1] == words


@pytest.fixture(scope="module")
def reference():
    return Reference()


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_counts_of_options_equal_a_plain_loop(kxcli, texts, reference, options):
    expected = count_lines(reference, texts["fewclue"], options)
    ended = kxcli.run("wordcount", texts["fewclue"], *options, "-j", 2)
    assert ended.text.splitlines() == expected


def count_lines(reference, path, options):
    """Return the lines of the output of wordcount."""
    mode = next((mode for mode in ("search", "full") if mode in options), "jieba")
    orders = {"1-2": (1, 2), "2": (2,)}[options[1]] if "--ngram" in options else (1,)
    counts, documents = Counter(), Counter()
    with open(path, encoding="utf-8-sig", newline="\n") as lines:
        for line in lines:
            words = []
            for token in reference.cut(line.rstrip("\r\n"), mode, "--no-hmm" not in options):
                if any(map(str.isalnum, token)):
                    words.append(token)
                elif not token.isspace():
                    words.append(None)
            grams = [
                (" ".join(words[start : start + order]), order)
                for order in orders
                for start in range(len(words) - order + 1)
                if None not in words[start : start + order]
            ]
            counts.update(grams)
            documents.update(set(grams))
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if "--df" in options:
        return [f"{gram[0]}\t{count}\t{documents[gram]}" for gram, count in rows]
    return [f"{gram[0]}\t{count}" for gram, count in rows]
