"""`kxcli newwords` equals its definition for every form of input and every memory limit."""

import csv
import gzip
import io
import json
import logging
import math
import os
import pickle
import random
import resource
import signal
import subprocess
import tempfile
import time
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLES, mapped, members, wait_until
from hypothesis import given
from hypothesis import strategies as st
from newwords_definition import lexicon as defined
from test_failures import ended, put, running, workers_of

from kxcli.corpus import spool
from kxcli.mining import Discovery, Selection, find_words
from kxcli.mining.newwords import alphabet, lexicon
from kxcli.mining.newwords.listing import list_words
from kxcli.mining.text.simplification import simplify
from kxcli.storage.array_spool import SpooledArray
from kxcli.tally import key_runs, keys

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # jieba's source has escapes that newer Python versions warn about
    import jieba

jieba.setLogLevel(logging.CRITICAL)

PMI = ("newwords", "--method", "pmi")

# Results


def rounded(rows):
    """Return the word, count, pmi, entropies and documents of rows, rounded."""
    return [(word, count, *(v if v is None else round(v, 4) for v in row[:4])) for word, count, *row in rows]


def by_definition(documents, discovery, **options):
    return defined(documents, discovery.order, discovery.min_count, discovery.thresholds, **options)


ALPHABETS = [
    "ab",
    "ab \n",
    "aab，\n",
    "天地",
    "天天地玄a1\n",
    "𠮷𠀀a\n",
    "天𠮷😀b",
    "aＡé½①_'\r\n",
    "天\x00\x0b\u2028\ud800",
]


@st.composite
def lists_of_texts(draw):
    """Texts of few characters and few repeated pieces, for collisions."""
    some = st.text(draw(st.sampled_from(ALPHABETS)), max_size=9)
    pieces = st.sampled_from(draw(st.lists(some, min_size=1, max_size=4)))
    return draw(st.lists(st.lists(st.one_of(pieces, pieces, some), max_size=12).map("".join), max_size=5))


ratios = st.builds(lambda a, b: math.log(a / b), st.integers(1, 24), st.integers(1, 9))  # often an exact tie
levels = st.one_of(
    st.sampled_from([-9.0, -1.0, 0.0, 0.5, 1.0, 2.0, math.inf, math.log(2), math.nextafter(math.log(2), 1)]),
    ratios,
    ratios.map(lambda value: math.nextafter(value, math.inf)),
)


@st.composite
def discoveries(draw):
    order = draw(st.integers(2, 6))
    shape = st.one_of(st.none(), st.lists(levels, min_size=1, max_size=order - 1).map(tuple))
    return Discovery("pmi", order, draw(st.integers(1, 5)), draw(shape))


@given(texts=lists_of_texts(), discovery=discoveries())
def test_lexicon_equals_the_definition(texts, discovery):
    assert rounded(find_words(texts, discovery)) == rounded(by_definition(texts, discovery))


@pytest.fixture
def tiny(monkeypatch):
    """Set all buffers and tables to tiny sizes."""
    for module, sizes in {
        keys: {"_MAX_PENDING": 9, "_MAX_KEYS": 12},
        key_runs: {"_MIN_MERGE_PAIRS": 5, "_SAMPLE": 2},
        alphabet: {"_MIN_RECORD": 11},
        lexicon: {"_MIN_BITS": 3},
    }.items():
        for name, size in sizes.items():
            monkeypatch.setattr(module, name, size)


def in_workers(texts, draw):
    """Return a `reduce` with random tasks in random order, in isolated workers."""
    records = list(alphabet.iter_records(texts))

    def reduce(job, shared, what):
        sent = pickle.dumps((job, shared))
        job.setup(shared)
        given = draw.sample(records, len(records))
        merged = None
        while given:
            worker, theirs = pickle.loads(sent)
            worker.setup(theirs)
            partial = None
            for _ in range(draw.randint(1, 3)):
                size = draw.randint(1, 4)
                task, given = given[:size], given[size:]
                partial = worker.map(task) if partial is None else worker.merge(partial, worker.map(task))
            partial = job.load(mapped(worker.dump(partial)))
            merged = partial if merged is None else job.merge(merged, partial)
        return None if merged is None else job.finish(merged)

    return reduce


@pytest.mark.parametrize("room", [None, 64 * 7])
@given(texts=lists_of_texts(), discovery=discoveries(), seed=st.integers(0, 1 << 30))
def test_lexicon_does_not_depend_on_workers(tiny, room, texts, discovery, seed):
    reduce = in_workers(texts, random.Random(seed))
    found = list_words(lexicon.find_lexicon(discovery, reduce, room), Selection(), reduce, room)
    assert rounded(found) == rounded(find_words(texts, discovery))
    assert rounded(found) == rounded(by_definition(texts, discovery))


@pytest.mark.parametrize("method", ["entropy", "pmi"])
def test_passes_do_not_depend_on_memory(method):
    """Checkpoints of a killed run are valid with other workers and other memory."""
    records = list(alphabet.iter_records([word_text(random.Random(1), HAN[:300], 500, 10_000)]))
    passes = {}

    def noting(room):
        def reduce(job, shared, what):
            passes.setdefault(room, []).append((what, pickle.dumps(shared)))
            job.setup(shared)
            return job.finish(job.load(job.dump(job.map(records))))

        return reduce

    lexicons = [lexicon.find_lexicon(Discovery(method), noting(room), room) for room in (None, 1 << 10)]
    found = [list_words(found, Selection(), noting(None)) for found in lexicons]
    assert found[0] == found[1] != []
    assert passes[None] == passes[1 << 10]


def word_text(draw, characters, n_words, n_tokens, border="，", *, line=40):
    """Return a text of repeated words, a few of them frequent."""
    words = ["".join(draw.choices(characters, k=draw.choice([1, 2, 2, 3, 4, 7]))) for _ in range(n_words)]
    tokens = draw.choices(words, [1 / n for n in range(1, n_words + 1)], k=n_tokens)
    return "".join(
        token + ("\n" if n % line == line - 1 else border if n % 3 == 2 else "") for n, token in enumerate(tokens)
    )


HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 2000)]


@pytest.mark.full
@pytest.mark.parametrize("order", [3, 6])
def test_large_vocabulary_equals_the_definition(tmp_path, order):
    text = word_text(random.Random(order), HAN[:300], 2000, 20_000)
    discovery = Discovery("pmi", order, 3, (1.0,))
    for documents in [text], text.split("\n"):
        expected = rounded(by_definition(documents, discovery))
        assert max(len(word) for word, *_ in expected) > order
        assert rounded(find_words(documents, discovery)) == expected


@pytest.mark.full
def test_more_than_65536_characters_are_distinguished():
    draw = random.Random(3)
    characters = draw.sample([chr(code) for code in range(0x110000) if chr(code).isalnum()], 70_000)
    words = []
    while characters:
        words.append("".join(characters.pop() for _ in range(min(len(characters), draw.randint(1, 8)))))
    text = "\n".join("".join(draw.sample(words, len(words))) for _ in range(2)) + "\n" + "，".join(words[:5000])
    discovery = Discovery("pmi", 6, 2)
    expected = rounded(by_definition(text.split("\n"), discovery))
    assert len(set("".join(word for word, *_ in expected))) > 1 << 16
    assert rounded(find_words(text.split("\n"), discovery)) == expected


def test_single_string_is_rejected():
    with pytest.raises(TypeError, match="list of texts"):
        find_words("今天天气")


@pytest.mark.parametrize("texts", [[], [""], ["，", "\n"], iter([])])
def test_empty_input_has_no_words(texts):
    assert find_words(texts) == []


@pytest.mark.parametrize("options", [(), ("--all",), ("--method", "pmi"), ("--phrases",), ("--unique-lines",)])
@pytest.mark.parametrize("n_files", [1, 2])
def test_file_of_no_bytes_has_no_words(kxcli, options, n_files):
    paths = [put(kxcli, f"empty{number}.txt") for number in range(n_files)]
    ended = kxcli("newwords", *options, *paths)
    assert (ended.code, ended.out) == (0, b""), ended.err


def test_small_text_has_expected_words():
    """By hand: T = 8, c(天) = 4, c(天气) = 2, so 天气 has log(8 * 2 / (4 * 2)), and 天 stays single."""
    found = find_words(["天气，天", "天气，天。甲乙"], Discovery("pmi", 2, 2, (math.log(2),)))
    assert rounded(found) == [("天", 2, None, 1.3863, 1.0397, 2), ("天气", 2, 0.6931, 0.6931, 0.6931, 2)]


# Thresholds


@pytest.mark.parametrize(
    ("order", "given", "expected"),
    [
        (2, None, (2,)),
        (4, None, (2, 4, 6)),
        (6, None, (2, 4, 6, 8, 10)),
        (6, (3.0,), (3, 3, 3, 3, 3)),
        (6, (1.0, 2.5), (1, 2.5, 4, 5.5, 7)),
        (5, (5.0, 5.0, 4.0), (5, 5, 4, 3)),
        (4, (-1.0, 0.0, 9.0), (-1, 0, 9)),
    ],
)
def test_thresholds_continue_by_last_step(order, given, expected):
    assert Discovery("pmi", order, 1, given).thresholds == expected


@pytest.mark.parametrize(("order", "given"), [(2, (1.0, 2.0)), (4, (1.0,) * 4), (6, (1.0,) * 6), (4, ())])
def test_invalid_thresholds_are_rejected(order, given):
    with pytest.raises(ValueError, match="threshold"):
        Discovery("pmi", order, 1, given)


@pytest.mark.parametrize("settings", [{"order": 1}, {"order": 7}, {"min_count": 0}])
def test_invalid_discovery_is_rejected(settings):
    with pytest.raises(ValueError, match=r"order|min_count"):
        Discovery(**settings)


SMALL = "桂花冰酿今天桂花冰酿，甲。桂花冰酿甲今天，甲今天\n桂花冰酿\n"


@pytest.mark.full
def test_thresholds_are_parsed(kxcli):
    def out(*options):
        return kxcli(*PMI, "--all", "--min-count", 1, *options, "-q", stdin=SMALL).out

    assert out("--order", 6, "--min-pmi", "0,1") == out("--min-pmi", "0.0, 1e0,2") != out("--min-pmi", "0")
    assert out("--min-pmi", "-3") == out("--min-pmi=-3,-3,-3,-3,-3")
    assert out("--order", 2) == out("--order", 2, "--min-pmi", 2)


@pytest.mark.parametrize(
    "options",
    [
        ["--min-pmi", ""],
        ["--min-pmi", ","],
        ["--min-pmi", "2,"],
        ["--min-pmi", "nan"],
        ["--min-pmi", "2,nan"],
        ["--min-pmi", "two"],
        ["--min-pmi", "2;4"],
        ["--min-pmi", "1,2,3,4,5,6"],
        ["--order", "2", "--min-pmi", "1,2"],
        ["--order", "1"],
        ["--order", "7"],
        ["--min-count", "0"],
        ["--min-entropy", "-1"],
        ["--top", "-1"],
        ["--sort", "word"],
        ["--format", "xml"],
        ["--memory", "none"],
        ["-f", "userdict", "--header"],
        ["--all", "--known", "known.txt"],
    ],
    ids=" ".join,
)
def test_invalid_options_are_usage_errors(kxcli, options):
    put(kxcli, "known.txt", "今天\n")
    err = kxcli(*PMI, *options, "missing.txt", code=2).err
    assert err.startswith("kxcli: error: ") and err.count("\n") == 1 and options[-2] in err


@pytest.mark.parametrize("options", [("--min-pmi=-inf",), ("--min-pmi=-inf,2",), ("--min-entropy", "nan")])
def test_non_finite_numbers_are_rejected_or_respected(kxcli, options):
    process = subprocess.run(
        kxcli.command(*PMI, "--all", "--min-count", 1, *options),
        input=SMALL.encode(),
        capture_output=True,
        env=kxcli.environment,
    )
    assert b"Warning" not in process.stderr and b"internal" not in process.stderr
    assert process.returncode == 2 or (process.returncode == 0 and process.stdout)


# Forms of input


def tsv(rows):
    lines = [
        (word, count, "" if pmi is None else f"{pmi:.4f}", f"{left:.4f}", f"{right:.4f}", docs)
        for word, count, pmi, left, right, docs, *_ in rows
    ]
    return "".join("\t".join(map(str, line)) + "\n" for line in lines).encode()


NAMES = ["news.txt", "traditional.txt"]
GOLDEN = (*PMI, "--order", 3, "--min-count", 2)


@pytest.fixture(scope="session")
def texts():
    return [(SAMPLES / name).read_text(encoding="utf-8") for name in NAMES]


def split_lines(texts):
    return [line for text in texts for line in text.split("\n")]


@pytest.fixture(scope="session")
def golden(texts):
    """Return the whole lexicon of two samples by the definition."""
    return by_definition(split_lines(texts), Discovery("pmi", 3, 2))


def as_records(texts):
    return "".join(
        json.dumps({"n": 1, "text": line}) + "\n" for text in texts for line in text.split("\n") if line
    ).encode()


def as_they_are(folder, texts):
    return [SAMPLES / name for name in NAMES], b""


def on_stdin(folder, texts):
    return [], "".join(texts).encode()


def compressed(folder, texts):
    return ["a", "b.txt.gz"], b""


def compressed_on_stdin(folder, texts):
    return ["-"], gzip.compress("".join(texts).encode())


def in_a_file_and_on_stdin(folder, texts):
    return ["b.txt.gz", "-"], texts[0].encode()


def in_a_folder(folder, texts):
    return ["-r", "folder", "--encoding", "auto", "-q"], b""


def in_records(folder, texts):
    return ["--input-format", "jsonl", "--field", "text", "a.json"], b""


def in_records_on_stdin(folder, texts):
    return ["--input-format", "jsonl"], as_records(texts)


WAYS = [as_they_are, on_stdin, compressed, compressed_on_stdin]
WAYS += [in_a_file_and_on_stdin, in_a_folder, in_records, in_records_on_stdin]


@pytest.mark.parametrize("way_in", WAYS, ids=lambda way_in: way_in.__name__)
def test_samples_equal_the_definition_for_every_input_form(kxcli, texts, golden, way_in):
    put(kxcli, "a", gzip.compress(texts[0].encode()))
    put(kxcli, "b.txt.gz", gzip.compress(texts[1].encode()))
    put(kxcli, "folder/x/a.txt", texts[0])
    put(kxcli, "folder/b", texts[1].encode("gb18030"))
    put(kxcli, "a.json", as_records(texts))
    arguments, stdin = way_in(kxcli.folder, texts)
    small = ("--shard-size", "1K")
    for more in ("-j", 1, *small), ("-j", 2, *small), *([("-j", 1), ("-j", 2)] if way_in is as_they_are else []):
        ended = kxcli(*GOLDEN, "--all", *more, *arguments, stdin=stdin)
        assert ended.out == tsv(golden)
        assert ended.err == ""
        assert kxcli.leftovers() == []


def test_detected_encodings_are_logged(kxcli, texts):
    put(kxcli, "folder/b", texts[1].encode("gb18030"))
    assert "folder/b: " in kxcli(*GOLDEN, "--all", "-r", "folder", "--encoding", "auto").err


# Known words


@pytest.fixture(scope="session")
def dictionary():
    """Return the words of jieba's dictionary."""
    return {line.split(" ")[0] for line in Path(jieba.__file__).with_name("dict.txt").read_text("utf-8").splitlines()}


def get_rows_of_cut(ended, golden):
    """Return the first six cells of the rows of the words of the cut, without those that the list adds."""
    words = {word for word, *_ in golden}
    rows = [line.split("\t")[:6] for line in ended.text.splitlines()]
    return "".join("\t".join(row) + "\n" for row in rows if row[0] in words).encode()


def is_listed(word):
    """Return whether a word of mostly Chinese text is listed: no single character, no number, not without Han."""
    return len(word) > 1 and not word.isnumeric() and any("一" <= character <= "鿿" for character in word)


def test_new_words_exclude_jiebas_dictionary(kxcli, texts, golden, dictionary):
    rows = by_definition(split_lines(texts), Discovery("pmi", 3, 2), has_merged_edges=True)
    expected = [row for row in rows if is_listed(row[0]) and dictionary.isdisjoint((row[0], simplify(row[0])))]
    assert 0 < len(expected) < sum(len(row[0]) > 1 for row in golden)
    ended = kxcli(*GOLDEN, "--sort", "count", "--keep-parts", *as_they_are(None, None)[0])
    assert get_rows_of_cut(ended, golden) == tsv(expected)


FEW = (*PMI, "--min-count", 2, "--min-pmi", "0.1")
ASKED = "今天，桂花冰酿，拾光，甲\n" * 3


def words_of(ended):
    return [row[0] for row in ended.rows]


KNOWN = {
    "list": "桂花冰酿\n甲\n",
    "userdict": "桂花冰酿 5 n\n甲 3\n",
    "tsv": "桂花冰酿\t3\t1.0000\t0.1\t0.1\n",
    "header": "word\tcount\n桂花冰酿\t3\n",
    "mark and CRLF": "\ufeff桂花冰酿\r\n\r\n",
    "no line end": "甲\n \n\n  桂花冰酿",
}


@pytest.mark.parametrize("form", KNOWN)
def test_known_adds_to_the_dictionary_or_replaces_it(kxcli, form):
    put(kxcli, "known", KNOWN[form])
    assert words_of(kxcli(*FEW, "--known", "known", stdin=ASKED)) == ["拾光"]
    assert words_of(kxcli(*FEW, "--known", "known", "--known-only", stdin=ASKED)) == ["今天", "拾光"]


def test_known_accepts_several_files_and_earlier_output(kxcli):
    assert words_of(kxcli(*FEW, stdin=ASKED)) == ["拾光", "桂花冰酿"]
    kxcli(*FEW, "-o", "earlier.tsv", stdin="桂花冰酿\n" * 9)
    put(kxcli, "list", "今天\n")
    only = (*FEW, "--known-only", "--known")
    assert words_of(kxcli(*only, "list", "--known", "earlier.tsv", stdin=ASKED)) == ["拾光"]
    assert words_of(kxcli(*only, "/dev/null", stdin=ASKED)) == ["今天", "拾光", "桂花冰酿"]


@pytest.mark.parametrize(("name", "place"), [("missing", "missing: "), ("bad", "bad:2: ")])
def test_unreadable_known_words_fail_before_reading_input(kxcli, name, place):
    put(kxcli, "bad", b"a\n\xff\n")
    err = kxcli(*FEW, "--known", name, "none.txt", code=1).err
    assert err.startswith(f"kxcli: error: {place}") and err.count("\n") == 1


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_all_does_not_import_jieba(kxcli, texts, golden, harm):
    given = (*GOLDEN, *as_they_are(None, None)[0], "-j", 2)
    if harm == "missing":
        put(kxcli, "other/jieba.py", "raise ImportError('no jieba here')\n")
    else:
        put(kxcli, "other/jieba/dict.txt", b"\xff\xff\n")
        for path in Path(jieba.__file__).parent.iterdir():
            if path.name not in ("dict.txt", "__pycache__"):
                (kxcli.folder / "other" / "jieba" / path.name).symlink_to(path)
    kxcli.environment["PYTHONPATH"] = str(kxcli.folder / "other")
    assert kxcli(*given, code=1).out == b""  # the damage is detected
    assert kxcli(*given, "--all").out == tsv(golden)
    put(kxcli, "known", "一\n")
    expected = by_definition(split_lines(texts), Discovery("pmi", 3, 2), has_merged_edges=True)
    ended = kxcli(*given, "--known-only", "--known", "known", "--sort", "count", "--keep-parts")
    assert get_rows_of_cut(ended, golden) == tsv(row for row in expected if is_listed(row[0]))


# Selection, order and format


def pmi_of(row):
    return -math.inf if row[2] is None else round(row[2], 4)


def entropy_of(row):
    return round(min(row[3:5]), 4)


def score_of(row):
    return round((row[2] or 0) + min(row[3:5]), 4)


@pytest.mark.parametrize(("sort", "value"), [("score", score_of), ("pmi", pmi_of), ("entropy", entropy_of)])
def test_words_are_sorted_by_a_value_and_then_by_code_points(kxcli, golden, sort, value):
    given = (*GOLDEN, "--all", *as_they_are(None, None)[0])
    expected = sorted(golden, key=lambda row: (-value(row), row[0]))
    assert len({value(row) for row in golden}) < len(golden)
    assert kxcli(*given, "--sort", sort).out == tsv(expected) != tsv(golden)
    assert kxcli(*given, "--sort", sort, "--top", 9).out == tsv(expected[:9])


def test_options_filter_words(kxcli, golden):
    given = (*GOLDEN, "--all", *as_they_are(None, None)[0])
    free = [row for row in golden if min(row[3:5]) >= 1]
    assert 9 < len(free) < len(golden)
    assert kxcli(*given, "--min-entropy", 1).out == tsv(free)
    assert kxcli(*given, "--min-entropy", 1, "--top", 9, "--sort", "count").out == tsv(free[:9])
    assert kxcli(*given, "--header", "--top", 1).text.startswith(
        "word\tcount\tpmi\tleft_entropy\tright_entropy\tdocs\n"
    )


def test_csv_and_jsonl_have_the_rows_of_tsv(kxcli, golden):
    given = (*GOLDEN, "--all", *as_they_are(None, None)[0])
    expected = [line.split("\t") for line in tsv(golden).decode().splitlines()]
    header, *lines = csv.reader(io.StringIO(kxcli(*given, "-f", "csv").text))
    assert (header, lines) == (["word", "count", "pmi", "left_entropy", "right_entropy", "docs"], expected)
    assert list(csv.reader(io.StringIO(kxcli(*given, "-f", "csv", "--no-header").text))) == expected
    records = [json.loads(line) for line in kxcli(*given, "-f", "jsonl").text.splitlines()]
    assert [list(record) for record in records] == [header] * len(golden)
    assert [tuple(record.values()) for record in records] == rounded(golden)


@pytest.mark.full
def test_userdict_output_loads_in_jieba_and_wordcount(kxcli, tmp_path, golden, dictionary):
    new = [row for row in golden if is_listed(row[0]) and dictionary.isdisjoint((row[0], simplify(row[0])))]
    inputs = as_they_are(None, None)[0]
    kxcli(*GOLDEN, *inputs, "-f", "userdict", "--min-probability", 0, "-o", "words.txt")
    lines = (kxcli.folder / "words.txt").read_text("utf-8").splitlines()
    written = {word: int(count) for word, count in map(str.split, lines)}
    counts = {word: n for word, n, *_ in new if all(ord(char) <= 0x9FD5 for char in word) and not word.isascii()}
    assert written.keys() <= counts.keys()
    assert all(count >= counts[word] for word, count in written.items())

    tokenizer = jieba.Tokenizer()
    tokenizer.tmp_dir = str(tmp_path)  # for its cache
    with open(kxcli.folder / "words.txt", "rb") as file:
        tokenizer.load_userdict(file)
    assert {word: tokenizer.FREQ[word] for word in written} == written

    before, after = (dict(kxcli("wordcount", *options, *inputs).rows) for options in ([], ["--userdict", "words.txt"]))
    assert all(int(after[word]) >= counts[word] / 2 for word in written)
    assert len(written.keys() & (after.keys() - before.keys())) > 10


def test_userdict_output_skips_words_that_jieba_never_finds(kxcli):
    text = "𠮷野，桂花冰酿，ＡＢ，㐀㐁\n" * 3
    given = (*FEW, "--script", "any", "-f", "userdict", "--min-probability", 0)
    ended = kxcli(*given, stdin=text)
    assert ended.text == "桂花冰酿 3\n"
    assert ended.err.startswith("kxcli: warning: 3 words skipped ") and ended.err.count("\n") == 1
    assert all(word in ended.err for word in ("𠮷野", "ＡＢ", "㐀㐁"))
    assert kxcli(*given, "-q", stdin=text).err == ""


def test_top_applies_to_printed_userdict_words(kxcli):
    text = "𠮷野\n𠮷野，桂花冰酿，拾光\n" * 3
    ended = kxcli(*FEW, "-f", "userdict", "--min-probability", 0, "--top", 2, stdin=text)
    assert ended.text == "拾光 3\n桂花冰酿 3\n"


# Few words

NOTHING = {
    "no byte": ((), b"", b""),
    "no kept character": (("--all",), "，。！ \n\n☃😀_\n".encode(), b""),
    "too rare": (("--all",), b"ab\n" * 31, b""),
    "all known": (("--min-count", 1), "今天\n今天\n".encode(), b""),
    "thresholds": (("--min-count", 1, "--min-pmi", "inf"), SMALL.encode(), b""),
    "entropy": (("--all", "--min-count", 1, "--min-entropy", 99), SMALL.encode(), b""),
    "no word to know": (("--known-only", "--known", "/dev/null"), b"a b c\n" * 99, b""),
    "fewer than --top": (("--all", "--top", 5), b"a\n" * 32, b"a\t32\t\t3.4657\t3.4657\t32\n"),
}


@pytest.mark.parametrize("name", NOTHING)
def test_few_or_no_words_are_noted(kxcli, name):
    options, stdin, expected = NOTHING[name]
    ended = kxcli(*PMI, *options, stdin=stdin)
    assert ended.out == expected
    assert ended.err.startswith("kxcli: ") and "error" not in ended.err and ended.err.count("\n") == 1


def test_quiet_silences_the_notes(kxcli):
    assert kxcli(*PMI, "-q").err == ""
    assert kxcli(*PMI, "--all", "--top", 5, "-q", stdin="a\n" * 32).err == ""


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl", "userdict"])
def test_empty_lexicon_prints_nothing(kxcli, form):
    header = b"word,count,pmi,left_entropy,right_entropy,docs,probability,part_of\n" if form == "csv" else b""
    assert kxcli(*PMI, "-f", form).out == header


def test_top_0_prints_nothing_without_a_note(kxcli):
    ended = kxcli(*PMI, "--all", "--min-count", 1, "--top", 0, stdin=SMALL)
    assert (ended.out, ended.err) == (b"", "")


# Memory, and long lines


@pytest.fixture(scope="session")
def big(tmp_path_factory):
    """Return a file of a megabyte or two."""
    path = tmp_path_factory.mktemp("big") / "big.txt"
    path.write_text(word_text(random.Random(1), HAN, 20_000, 200_000), encoding="utf-8")
    return path


def runs_below(folder):
    """Return the files with counts in a temporary folder."""
    with suppress(OSError):  # the folder was removed
        return set(folder.rglob("*.partials"))
    return set()


@pytest.mark.full
def test_memory_limit_keeps_output_and_leaves_no_file(kxcli, workers, big):
    given = (*PMI, "--order", 4, "--all", "--min-count", 2, "-j", workers, big)
    expected = kxcli(*given).out
    assert expected.count(b"\n") > 10_000
    for memory, is_written in ("1M", True), ("2G", False):
        seen = set()
        with tempfile.TemporaryFile() as out, running(kxcli, *given, "-q", "--memory", memory, stdout=out) as process:
            while process.poll() is None:
                seen |= runs_below(kxcli.tmp)
                time.sleep(0.01)
            assert ended(process, 0) == ""
            out.seek(0)
            assert out.read() == expected
        assert bool(seen) == is_written
        assert kxcli.leftovers() == []


@pytest.mark.full
@pytest.mark.parametrize(
    "border", [pytest.param("", id="no border", marks=pytest.mark.slow), pytest.param("，", id="borders")]
)
def test_long_line_equals_the_definition(kxcli, border):
    draw = random.Random(2)
    tokens = draw.choices(["".join(draw.choices(HAN, k=draw.randint(1, 5))) for _ in range(3000)], k=500_000)
    text = "".join(token + border * (n % 5 == 4) for n, token in enumerate(tokens))
    data = text.encode()
    assert len(data) > 1 << 22  # longer lines of a stream go to disk
    expected = tsv(find_words([text], Discovery("pmi")))
    put(kxcli, "long.txt", data + b"\n")
    for arguments, stdin in ((["-j", 1, "long.txt"], b""), (["-j", 2, "--shard-size", "100K"], data)):
        assert kxcli(*PMI, "--all", *arguments, stdin=stdin).out == expected
        assert kxcli.leftovers() == []


# Failures


def random_text(n, line=50, seed=4):
    draw = random.Random(seed)
    return "".join("".join(draw.choices(HAN, k=line)) + "\n" for _ in range(n // line))


def is_disk_error(err):
    return err.startswith("kxcli: error: ") and "TMPDIR" in err and err.count("\n") == 1


def test_full_disk_at_tmpdir_is_reported(kxcli, workers, small_disk):
    kxcli.environment["TMPDIR"] = str(small_disk)
    put(kxcli, "a", random_text(100_000))
    ended = kxcli(*PMI, "-j", workers, "--shard-size", "50K", "a", "-o", "out.tsv", code=1)
    assert is_disk_error(ended.err)
    assert os.listdir(small_disk) == [] and not (kxcli.folder / "out.tsv").exists()


@pytest.mark.costly
@pytest.mark.parametrize(("limit", "n"), [(200_000, 200_000), (2_000_000, 900_000)], ids=["records", "counts"])
def test_file_size_limit_is_reported(kxcli, workers, limit, n):
    """A character takes 2 bytes; with little memory, pairs go to files of 4 MB and more."""

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    put(kxcli, "a", random_text(n))
    given = (*PMI, "-j", workers, "--shard-size", "200K", "-q", "--memory", "1M", "a")
    assert is_disk_error(kxcli(*given, code=1, preexec_fn=limited).err)
    assert kxcli.leftovers() == []
    kxcli(*given)


PHASES = [("pmi", phase) for phase in ("2-grams", "neighbors", "characters", "3-grams", "4-grams", "segments")]
PHASES += [("entropy", phase) for phase in ("5-grams", "cut 2")]


def until(process, phase):
    """Wait until a run reports a phase."""
    for line in process.stderr:
        if line.endswith(f"] {phase}\n".encode()):
            return
    raise AssertionError(f"it never came to {phase}")


SIGNALS = [(signal.SIGTERM, 143), (signal.SIGINT, 130)]  # alternating


@pytest.mark.costly
@pytest.mark.parametrize(
    ("method", "phase", "number", "code"), [(*phase, *SIGNALS[n % 2]) for n, phase in enumerate(PHASES)]
)
def test_signal_in_any_phase_ends_all_processes(kxcli, big, method, phase, number, code):
    jobs = 1 + PHASES.index((method, phase)) % 2 if number == signal.SIGINT else 2
    use = ("newwords", "--method", method, "--min-count", 2, "-v", "-j", jobs, "-o", "out.tsv", big)
    with running(kxcli, *use) as process:
        until(process, phase)
        os.killpg(process.pid, number)
        err = ended(process, code)
    assert "error" not in err
    assert kxcli.leftovers() == [] and not (kxcli.folder / "out.tsv").exists()


class Stopped(BaseException):
    pass


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_signal_during_read_sets_exit_status(tmp_path):
    def stop(number, frame):
        raise Stopped

    path = str(tmp_path / "file")
    np.zeros(1000, dtype=np.uint64).tofile(path)
    (task,) = spool.iter_tasks([SpooledArray(path, 100, 500, 2)] * 100, 1 << 20)
    before = signal.signal(signal.SIGALRM, stop)
    try:
        for n in range(400):
            with pytest.raises(Stopped):
                signal.setitimer(signal.ITIMER_REAL, 0.0005 + n % 7 * 1e-5)
                while True:
                    list(spool.read_spooled(task))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.costly
@pytest.mark.full
@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize("phase", ["2-grams", "segments"])
def test_killed_worker_is_reported(kxcli, big, phase, retries):
    use = (*PMI, "--min-count", 2)
    with running(kxcli, *use, "-v", "-j", 2, "--retries", retries, "-o", "out.tsv", big) as process:
        until(process, phase)
        os.kill(workers_of(process)[0], signal.SIGKILL)
        process.wait(timeout=120)
        err = process.stderr.read().decode()
        wait_until(lambda: members(process.pid) == [])
    reported = [line for line in err.splitlines() if line.startswith("kxcli: ") and "killed by signal 9" in line]
    assert len(reported) == 1
    is_idle = "an idle worker" in reported[0]  # possible between two phases
    assert reported[0].startswith("kxcli: warning: " if retries or is_idle else "kxcli: error: ")
    assert process.returncode == (0 if retries or is_idle else 1)
    assert str(kxcli.tmp) not in reported[0]  # messages name only user files
    if retries:
        assert (kxcli.folder / "out.tsv").read_bytes() == kxcli(*use, "-j", 1, big).out
    assert kxcli.leftovers() == []


def test_closed_pipe_ends_silently(kxcli, workers):
    put(kxcli, "a", random_text(50_000) * 2)
    kxcli_ = kxcli.command(*PMI, "--order", 4, "--all", "--min-count", 2, "-j", workers, "a")
    process = subprocess.run(
        ["bash", "-c", '"$@" | head -n 1; exit ${PIPESTATUS[0]}', "-", *kxcli_],
        cwd=kxcli.folder,
        env=kxcli.environment,
        capture_output=True,
        timeout=120,
    )
    assert (process.returncode, process.stderr, process.stdout.count(b"\n")) == (0, b"", 1)
    assert kxcli.leftovers() == []


@pytest.mark.parametrize("size", ["1M", "100"])
def test_bad_bytes_are_reported_with_line_or_skipped(kxcli, workers, size):
    put(kxcli, "a", b"\xe5\xa4\xa9a b\n" * 400 + b"\xff a\n" + b"a b\n" * 100)
    given = (*PMI, "--all", "-j", workers, "--shard-size", size, "a", "-o", "out.tsv")
    err = kxcli(*given, code=1).err
    assert err.startswith("kxcli: error: a:401: byte 0xff is not valid utf-8") and err.count("\n") == 1
    assert sorted(os.listdir(kxcli.folder)) == [".cache", "a", "tmp"]
    err = kxcli(*given, "--on-error", "skip").err
    assert "kxcli: warning: 1 " in err and "a:401" in err
    found = (kxcli.folder / "out.tsv").read_bytes()
    assert found == tsv(find_words(["天a b"] * 400 + ["a b"] * 100, Discovery("pmi")))
    assert kxcli.leftovers() == []


@pytest.mark.parametrize("name", [".", "none.txt"])
def test_unreadable_input_is_an_error(kxcli, name):
    err = kxcli(*PMI, name, code=1).err
    assert err.startswith(f"kxcli: error: {name}: ") and err.count("\n") == 1
