"""The counts of whole corpora, by the command line, equal those of a plain loop over jieba's tokens."""

import json
import lzma
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from itertools import islice

import pytest
from collocate_definition import measure
from conftest import ROOT, SHARED
from kernel_texts import Reference
from keyness_definition import keyness
from keywords_definition import format_tsv, learn, make_extractor, rank
from kwic_definition import find_literals, find_regex, find_tokens, list_rows, write_tsv
from test_ranges import peak_memory

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


@pytest.fixture(scope="module")
def first_documents(texts):
    """Return a file with some hundred documents, for jieba's tagger."""
    path = texts["lctt"].with_name("first")
    lines = [line for name, n in (("bedtimenews", 20), ("fewclue", 500)) for line in read_first(texts[name], n)]
    path.write_bytes(b"".join(lines))
    return path


def read_first(path, n):
    with open(path, "rb") as file:
        return [*islice(file, n)]


def list_jieba_keywords(path, method):
    command = [sys.executable, "-W", "ignore", ROOT / "tests" / "keywords_definition.py", path, method]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")


@pytest.mark.parametrize("name", CORPORA)
def test_keywords_equal_jieba(kxcli, texts, name):
    expected = list_jieba_keywords(texts[name], "tfidf")
    for workers in (1, 2):
        assert kxcli.run("keywords", "-j", workers, texts[name]).text.split("\n") == expected


def test_ranked_keywords_equal_jieba(kxcli, first_documents):
    expected = list_jieba_keywords(first_documents, "textrank")
    ended = kxcli.run("keywords", "--method", "textrank", "-j", 2, first_documents)
    assert ended.text.split("\n") == expected


def test_keywords_by_learned_idf_equal_a_plain_loop(kxcli, texts, reference):
    path = kxcli.folder / "first"
    path.write_bytes(b"".join(read_first(texts["fewclue"], 20_000)))
    documents = path.read_text("utf-8-sig").removesuffix("\n").split("\n")
    extractor = make_extractor(idf=learn(documents, reference.cut), tokenize=reference.cut)
    expected = format_tsv(rank(extractor, document, 5) for document in documents)
    ended = kxcli.run("keywords", "--learn-idf", "--top", 5, "-j", 2, path)
    assert ended.text.split("\n") == expected.split("\n")


@pytest.fixture(scope="module")
def patterns(texts):
    """Return a file of frequent words; some are parts of others."""
    path = texts["lctt"].with_name("patterns")
    words = [*"的一中人", "中国", "疫情", "发展", "经济", "系统", "操作系统", "Linux", "文件", "文件系统"]
    path.write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", CORPORA)
def test_concordances_equal_the_definition(kxcli, texts, reference, patterns, name):
    files = {str(texts[name]): texts[name].read_text(encoding="utf-8").removeprefix("\ufeff")}
    many = patterns.read_text(encoding="utf-8").split()
    for options, find in (
        (["疫情"], lambda line: find_literals(line, ["疫情"]) if "疫情" in line else []),
        (["-i", "LINUX"], lambda line: find_regex(line, "linux", True)),
        (["--regex", "[0-9]+年"], lambda line: find_regex(line, "[0-9]+年")),
        (["--tokens", "下"], lambda line: find_tokens(line, reference.cut(line), "下") if "下" in line else []),
        (["--patterns-from", patterns], lambda line: find_regex(line, "|".join(sorted(many, key=len, reverse=True)))),
    ):
        expected = write_tsv(list_rows(files, find, 30))
        for workers in (1, 2):
            assert kxcli.run("kwic", *options, "-j", workers, texts[name]).text == expected, options


def test_keyness_equals_its_definition(kxcli, texts, oracle):
    """The counts are those of the oracle; of kxcli come the values and the order."""
    target, reference = (
        {word: int(count) for word, count in (line.split("\t") for line in oracle(name)) if any(map(str.isalnum, word))}
        for name in ("bedtimenews", "lctt")
    )
    expected = keyness(target, reference)
    command = ("keyness", texts["bedtimenews"], "--reference", texts["lctt"], "-f", "jsonl")
    rows = [*kxcli.run(*command).text.splitlines(), *kxcli.run(*command, "--negative").text.splitlines()]
    assert len(rows) > 0.99 * len(expected)  # others have equal rates
    for row in map(json.loads, rows):
        word = row.pop("word")
        for name, value in row.items():
            is_exact = name in ("odds_ratio", "p_value", "q_value")
            assert value == pytest.approx(
                expected[word][name], rel=1e-3 if is_exact else 1e-6, abs=0 if is_exact else 0.006
            )


JIEBA_OPTIONS = {
    # options of jieba's command line: those of segment, and MB of each corpus
    "": ((), 4),
    "-a": (("-t", "full"), 4),
    "-n": (("--no-hmm",), 2),
    "-p": (("--pos",), 0.3),
}


@pytest.mark.parametrize("jieba_options", JIEBA_OPTIONS)
@pytest.mark.parametrize("name", CORPORA)
def test_segmentation_equals_jiebas_command_line(kxcli, texts, name, jieba_options):
    options, megabytes = JIEBA_OPTIONS[jieba_options]
    part = kxcli.folder / "part.txt"
    with open(texts[name], "rb") as file:
        data = file.read(int(megabytes * 1e6)) + file.readline()
    part.write_bytes(data.removeprefix("\ufeff".encode()).removesuffix(b"\n"))
    command = [sys.executable, "-W", "ignore", "-m", "jieba", *jieba_options.split(), "-q", "-d", " ", part]
    environment = {**os.environ, "PYTHONUTF8": "1", "TMPDIR": str(kxcli.tmp)}
    expected = subprocess.run(command, check=True, capture_output=True, env=environment).stdout
    for workers in (1, 2):
        assert kxcli.run("segment", *options, "-j", workers, part).out == expected


@pytest.mark.parametrize("mode", ["jieba", "search", "full", "char", "space"])
def test_joined_tokens_are_the_same_for_any_shards(kxcli, texts, mode):
    expected = kxcli.run("segment", "-t", mode, "-j", 1, *texts.values()).out
    for size in ("300K", "7M"):
        assert kxcli.run("segment", "-t", mode, "-j", 2, "--shard-size", size, *texts.values()).out == expected


def list_words(reference, path, size=-1):
    """Return the words of each line."""
    with open(path, "rb") as file:
        data = file.read(size) + file.readline() if size >= 0 else file.read()
    lines = data.decode("utf-8-sig").removesuffix("\n").split("\n")
    return [[token for token in reference.cut(line.rstrip("\r")) if any(map(str.isalnum, token))] for line in lines]


@pytest.mark.parametrize("name", CORPORA)
def test_collocates_of_a_word_equal_their_definition(kxcli, texts, reference, name):
    lines = list_words(reference, texts[name])
    words = Counter(word for line in lines for word in line)
    for left, right in [(5, 5), (4, 1)]:
        before, after = Counter(), Counter()
        for line in lines:
            for at in [at for at, word in enumerate(line) if word == "经济"]:
                before.update(line[max(0, at - left) : at])
                after.update(line[at + 1 : at + 1 + right])
        rows = kxcli.run("collocate", "经济", "--window", f"{left},{right}", texts[name]).rows
        assert {row[0] for row in rows} == {word for word, count in (before + after).items() if count >= 5}
        for collocate, *counts, total, log_dice, mi, mi3, t_score, z_score, g2 in rows:
            joint = before[collocate] + after[collocate]
            assert [*map(int, counts), int(total)] == [joint, before[collocate], after[collocate], words[collocate]]
            values = measure(joint, words["经济"], words[collocate], words.total(), left + right)
            scores = [float(score) for score in (log_dice, mi, mi3, t_score, z_score, g2)]
            assert scores == pytest.approx(values, rel=1e-9, abs=6e-5)


def test_collocates_of_all_words_equal_their_definition(kxcli, texts, reference):
    part = kxcli.folder / "part.txt"
    size = 3_000_000
    with open(texts["lctt"], "rb") as file:
        part.write_bytes(file.read(size) + file.readline())
    pairs = Counter()
    for line in list_words(reference, part):
        for at, word in enumerate(line):
            pairs.update((word, other) for other in line[at + 1 : at + 4] if other != word)
    expected = {tuple(sorted(pair)): 0 for pair in pairs}
    for pair, count in pairs.items():
        expected[tuple(sorted(pair))] += count
    for workers in (1, 2):
        rows = kxcli.run("collocate", "--pairs", "--window", 3, "--min-count", 2, "-j", workers, part).rows
        counts = {tuple(sorted(row[:2])): int(row[2]) for row in rows}
        assert counts == {pair: count for pair, count in expected.items() if count >= 2}
        assert all(int(row[4]) == pairs[row[0], row[1]] >= int(row[3]) for row in rows)


def test_pairs_of_a_whole_corpus_fit_into_little_memory(kxcli, texts):
    use = ("collocate", "--pairs", "--min-count", 10, "-j", 2, texts["bedtimenews"])
    _, whole = peak_memory(kxcli, *use)
    peak, out = peak_memory(kxcli, *use, "--memory", "200M")
    assert out == whole and out.count(b"\n") > 200_000
    assert peak < 250 << 20  # of one process: without a limit, the pairs alone take 600 MB
