"""`kxcli segment`: the tokens of jieba's command line, records with tokens, and rows of tokens."""

import csv
import gzip
import io
import json
import os
import random
import subprocess
import sys

import pytest
from conftest import SAMPLES, examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kernel_texts import MODES, Reference, make_text, texts
from test_live_pipes import end, receive, send, start

from kxcli.kernel import load_kernel
from kxcli.mining import Segmentation, Segmenting, segment_texts, tag_texts
from kxcli.mining.segment.dictionary import Dictionary
from kxcli.mining.segment.joining import PythonJoiner, insert_empty_tokens
from kxcli.mining.segment.offsets import load_locator
from kxcli.mining.segmenting.job import JoinJob
from kxcli.mining.wordcount.counting import WordFilter

MODE_NAMES = [f"{mode}{'' if hmm else '-no-hmm'}" for mode, hmm in MODES]
ALL_MODES = pytest.mark.parametrize(("mode", "hmm"), MODES, ids=MODE_NAMES)
ODD_LINES = (
    "小明来到北京，北京下雨了\n\n他说:  a \t b。 。\r\nC++ 和 node.js 3.14%\n 开头\n结尾 \n"
    "\u3000全角\u3000空格\u2028行\n\u3000\n。，\n\r\n杭研大厦\v\f\x1c\x85\n𠀀㐀 é😀\ufeff"
)


@pytest.fixture(scope="module")
def run_jieba(tmp_path_factory):
    """Return a function for the output of jieba's command line, which has its cache in a folder of this module."""
    environment = {**os.environ, "PYTHONUTF8": "1", "TMPDIR": str(tmp_path_factory.mktemp("jieba"))}

    def run(*arguments, folder):
        command = [sys.executable, "-W", "ignore", "-m", "jieba", "-q", "-d", " ", *map(str, arguments)]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment, cwd=folder).stdout

    return run


@pytest.fixture(scope="module")
def reference():
    return Reference()


@pytest.fixture(scope="module")
def segmenters(reference):
    """Return a function for the kernel's segmenter of a mode."""
    kernel = load_kernel()
    if kernel is None:
        pytest.skip("there is no kernel")
    dictionary = kernel.Dictionary(reference.compile())
    made = {(mode, hmm): kernel.Segmenter(dictionary, mode, hmm) for mode, hmm in MODES}
    return lambda mode, hmm, *change: kernel.Segmenter(dictionary, mode, hmm, *change) if change else made[mode, hmm]


# The definition


def cut_as_printed(reference, text, mode, hmm):
    """Return the tokens of a document with the empty ones of jieba's full mode."""
    if mode == "full":
        return list(reference.jieba.tokenizer.cut(text, cut_all=True))
    return reference.cut(text, mode, hmm)


def join_document(tokens, delimiter):
    """Return tokens as a line without its end; a line end within is a space."""
    return delimiter.join(token.replace("\r\n", " ").replace("\r", " ").replace("\n", " ") for token in tokens)


def join_lines(reference, text, mode, hmm, delimiter=" "):
    """Return the output for a file."""
    lines = text.split("\n")
    lines = lines if lines[-1] else lines[:-1]
    documents = [line.removesuffix("\r") for line in lines]
    return "".join(join_document(cut_as_printed(reference, one, mode, hmm), delimiter) + "\n" for one in documents)


# The kernel and its twin


@ALL_MODES
@given(text=texts, delimiter=st.sampled_from([" ", "", "/", " | ", "、"]))
@examples(60)
@example(text=ODD_LINES, delimiter=" ")
@example(text="。 \r\n 。\r\r\n\r", delimiter="|")
def test_joined_tokens_are_those_of_jieba(reference, segmenters, mode, hmm, text, delimiter):
    twin = PythonJoiner(lambda one: reference.cut(one, mode, hmm), has_empty_tokens=mode == "full")
    expected = (
        join_lines(reference, text, mode, hmm, delimiter),
        join_document(cut_as_printed(reference, text, mode, hmm), delimiter),
    )
    for joiner in (segmenters(mode, hmm), twin):
        for is_lines, output in zip((True, False), expected, strict=True):
            assert joiner.join(text, delimiter.encode(), is_lines).decode("utf-8", "surrogatepass") == output


@ALL_MODES
@given(text=texts, rules=st.sampled_from([{"keeps_punctuation": False}, {"min_length": 2}, {"lower": True}]))
@settings(max_examples=30)
def test_changed_tokens_are_joined(reference, segmenters, mode, hmm, text, rules):
    accept = WordFilter(Segmenting(**rules))

    def change(token):
        return next(iter(accept(token)), None)

    kernel = segmenters(mode, hmm, change)
    twin = PythonJoiner(lambda one: [word for token in reference.cut(one, mode, hmm) if (word := change(token))])
    for is_lines in (True, False):
        for _ in range(2):  # then the forms are known
            assert kernel.join(text, b" ", is_lines) == twin.join(text, b" ", is_lines)


def test_error_of_a_changed_token_is_raised(segmenters):
    def change(token):
        if token == "下雨":
            raise LookupError(token)
        return 1 if token == "了" else token * 2

    segmenter = segmenters("jieba", True, change)
    for _ in range(2):
        with pytest.raises(LookupError, match="下雨"):
            segmenter.join("北京下雨", b" ", True)
        with pytest.raises(TypeError):
            segmenter.join("了", b" ", True)
        assert segmenter.join("北京，\n", b" ", True).decode() == "北京北京 ，，\n"
        assert segmenter.cut("北京下雨了") == ["北京", "下雨", "了"]
    with pytest.raises(TypeError, match="change"):
        segmenters("jieba", True, 1)


@ALL_MODES
def test_long_texts_are_joined_batch_by_batch(reference, segmenters, mode, hmm):
    source = random.Random(3)
    for _ in range(4):
        text = "".join(make_text(source) + source.choice(["\n", "\r\n", " ", "。"]) for _ in range(40))
        joined = segmenters(mode, hmm).join(text, b" ", True)
        assert joined.decode("utf-8", "surrogatepass") == join_lines(reference, text, mode, hmm)


@pytest.mark.parametrize("is_lines", [True, False])
def test_position_of_bad_byte_is_returned(reference, segmenters, is_lines):
    for data in ("北京\n上".encode() + b"\xff\n", b"\xe5", "a\ud800".encode("utf-8", "surrogatepass")):
        expected = next(at for at in range(len(data)) if not _is_text(data[: at + 1], data))
        twin = PythonJoiner(reference.cut)
        assert segmenters("jieba", True).join(data, b" ", is_lines) == twin.join(data, b" ", is_lines) == expected


def _is_text(start, data):
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return len(start) <= error.start
    return True


def test_wrong_arguments_of_the_kernel_are_refused(segmenters):
    join = segmenters("jieba", True).join
    for arguments in ((1, b" ", True), ("a", " ", True), ("a", b" "), (None, b" ", True)):
        with pytest.raises(TypeError):
            join(*arguments)
    assert join(b"", b" ", True) == join("", b"", False) == b""


@given(text=st.lists(st.sampled_from([" ", "\t", "\r\n", "。", "é", "北京", "a"]), max_size=12).map("".join))
def test_empty_tokens_are_those_of_jieba(reference, text):
    with_empty = list(reference.jieba.tokenizer.cut(text, cut_all=True))
    assert list(insert_empty_tokens([token for token in with_empty if token])) == with_empty


class Part:
    """A part of a long line."""

    is_lines, record = False, ""

    def __init__(self, text, has_continuation):
        self.data = self.text = text
        self.has_continuation = has_continuation


@pytest.mark.parametrize("mode", ["jieba", "search", "full", "char", "space"])
@given(text=texts.filter(lambda text: "\r" not in text), seed=st.integers(0, 99))
@examples(40)
def test_parts_of_a_long_line_become_one_line(reference, segmenters, mode, text, seed):
    import re

    pattern = Segmentation(mode).safe_split_pattern
    places = [match.start() for match in re.finditer(pattern, text) if match.start() > 0]
    source = random.Random(seed)
    places = sorted(source.sample(places, min(len(places), source.randint(0, 4))))
    pieces = [text[start:stop] for start, stop in zip([0, *places], [*places, len(text)], strict=True)]
    pieces.insert(source.randint(0, len(pieces)), "")
    job = JoinJob(Segmenting(Segmentation(mode)), " ")
    job.setup(None)
    job._own.joiner = segmenters(mode, True)
    records = [Part(piece, at < len(pieces) - 1) for at, piece in enumerate(pieces)]
    expected = join_document(cut_as_printed(reference, text, mode, True), " ") + "\n"
    assert b"".join(job.map([*records, Part("", False)])).decode("utf-8", "surrogatepass") == expected + "\n"


@pytest.fixture
def words(kxcli):
    """Return the option for a small dictionary, which jieba loads quickly."""
    lines = "小明 20 nr\n来到 80 v\n北京 100 ns\n下雨 50 v\n了 90 ul\n很快 50 d\n好吃 50 v\n"
    (kxcli.folder / "words.txt").write_text(lines, encoding="utf-8")
    return ("--dict", "words.txt")


# The command line of jieba


@pytest.fixture
def sample(kxcli):
    """Return a file with news and odd lines, without a line end at its end."""
    path = kxcli.folder / "sample.txt"
    news = (SAMPLES / "news.txt").read_text(encoding="utf-8")
    # jieba's command line takes a lone CR for a line end, too.
    path.write_bytes((news + ODD_LINES).encode())
    return path


@pytest.mark.parametrize(
    ("jieba_options", "options"),
    [
        ((), ()),
        pytest.param(("-a",), ("-t", "full"), marks=pytest.mark.slow),
        (("-n", "-u", "user.txt"), ("--no-hmm", "--userdict", "user.txt")),
        (("-D", "main.txt"), ("--dict", "main.txt")),
    ],
    ids=["default", "full", "userdict", "dict"],
)
def test_output_equals_that_of_jiebas_command_line(kxcli, sample, run_jieba, jieba_options, options):
    (kxcli.folder / "user.txt").write_text("青禾镇 100 ns\n来到北京\n下雨 0\n", encoding="utf-8")
    (kxcli.folder / "main.txt").write_text("北京 100 ns\n下雨 50 v\n小明 20 nr\n来到 80 v\n", encoding="utf-8")
    expected = run_jieba(*jieba_options, sample, folder=kxcli.folder)
    assert kxcli("segment", *options, sample).out == expected
    if options[:1] == ("--dict",):  # quick to load
        assert kxcli("segment", *options, "--engine", "jieba", sample).out == expected


def test_tags_equal_those_of_jiebas_command_line(kxcli, sample, run_jieba):
    (kxcli.folder / "user.txt").write_text("青禾镇 100 ns\n来到北京 zz\n下雨 0\n小明 9 xx\n", encoding="utf-8")
    expected = run_jieba("-p", "/", "-u", "user.txt", sample, folder=kxcli.folder)
    assert kxcli("segment", "--pos", "--pos-delimiter", "/", "--userdict", "user.txt", sample).out == expected


def test_tags_have_the_delimiter_of_jieba(kxcli, sample):
    assert kxcli("segment", "--pos", sample).out == kxcli("segment", "--pos", "--pos-delimiter", "_", sample).out


def test_tab_between_tokens_is_in_the_help(kxcli):
    assert kxcli("segment", "-d", "\t", stdin="北京下雨了\n").text == "北京\t下雨\t了\n"
    help_text = " ".join(kxcli("segment", "--help").text.split())
    assert "the shell writes a tab as $'\\t'." in help_text


def test_tags_are_those_of_the_main_dictionary(kxcli):
    """jieba's command line leaves the tags of its own dictionary with -D; `POSTokenizer` has those of the file."""
    (kxcli.folder / "main.txt").write_text("北京 100 city\n下雨 50\n小明 20 nr\n", encoding="utf-8")
    ended = kxcli.run("segment", "--pos", "--no-hmm", "--dict", "main.txt", stdin="小明，北京下雨a\n")
    assert (ended.text, ended.err) == ("小明_nr ，_x 北京_city 下雨_x a_eng\n", "")
    assert kxcli.leftovers() == []  # jieba would write a cache of its dictionary


# The same bytes


@pytest.mark.parametrize("options", [(), ("-f", "tsv", "--offsets"), ("-f", "jsonl")], ids=["text", "tsv", "jsonl"])
def test_output_does_not_depend_on_workers_and_shards(kxcli, options):
    lines = [line + "\n" for line in (SAMPLES / "news.txt").read_text(encoding="utf-8").splitlines() * 3]
    (kxcli.folder / "a").write_text("".join(lines), encoding="utf-8")
    (kxcli.folder / "b").write_text("".join(lines[:20]), encoding="utf-8")
    with gzip.open(kxcli.folder / "c.gz", "wt", encoding="utf-8") as file:
        file.writelines(lines[20:])
    expected = kxcli("segment", *options, "-j", 1, "a").out
    assert expected
    assert kxcli("segment", *options, "-j", 2, "--shard-size", "2K", "b", "c.gz").out == expected
    assert kxcli("segment", *options, "-j", 1, "--shard-size", 100, "a").out == expected
    assert kxcli("segment", *options, "-", stdin="".join(lines)).out == expected


def test_output_is_the_same_without_the_kernel(kxcli, words):
    uses = [("-t", mode) for mode in ("jieba", "full", "search")] + [("--no-punct",), ("-t", "full", "--lower")]
    kxcli.environment["KXCLI_KERNEL"] = "off"
    without = {use: kxcli("segment", *words, *use, stdin=ODD_LINES).out for use in uses}
    kxcli.environment.pop("KXCLI_KERNEL")
    for use, output in without.items():
        assert kxcli("segment", *words, *use, stdin=ODD_LINES).out == output


@pytest.mark.parametrize("options", [(), ("-f", "csv")], ids=["text", "csv"])
def test_run_continues_from_a_checkpoint(kxcli, options):
    (kxcli.folder / "a").write_text((SAMPLES / "news.txt").read_text(encoding="utf-8"), encoding="utf-8")
    use = ("segment", *options, "--shard-size", "1K", "--checkpoint", "ck", "-j", 1, "a")
    first, again = kxcli(*use), kxcli(*use)
    assert first.out == again.out == kxcli("segment", *options, "a").out
    assert "found 0 of" in first.err and "found 0 of" not in again.err
    assert "tasks done" in again.err


def test_long_line_is_split_for_text_only(kxcli):
    line = "小明来到北京，北京下雨了。 " * 200_000
    (kxcli.folder / "a").write_text(f"前\n{line}\n后\n", encoding="utf-8")
    first, long, last = kxcli("segment", "-j", 2, "a").text.splitlines()
    assert (first, last) == ("前", "后")
    assert long == " ".join(["小明 来到 北京 ， 北京 下雨 了 。  "] * 200_000)


# Formats


def test_records_are_passed_on_with_their_tokens(kxcli, words):
    records = '{"id": 1.50, "review": "很快，好吃" , "label": null}\n{"review": "", "x": {"y": []}}\n'
    ended = kxcli("segment", "--field", "review", "-f", "jsonl", "--input-format", "jsonl", stdin=records)
    assert ended.text == (
        '{"id": 1.50, "review": "很快，好吃" , "label": null, "tokens": ["很快", "，", "好吃"]}\n'
        '{"review": "", "x": {"y": []}, "tokens": []}\n'
    )
    use = ("--field", "review", "-f", "jsonl", "--input-format", "jsonl")
    tagged = kxcli("segment", "--pos", *words, *use, stdin=records)
    assert json.loads(tagged.text.splitlines()[0])["pos"] == ["d", "x", "v"]


def test_rows_of_csv_become_records_with_tokens(kxcli):
    (kxcli.folder / "a.csv").write_text('label,review\n1,"很快，\n好吃"\n', encoding="utf-8")
    (record,) = kxcli("segment", "--field", "review", "-f", "jsonl", "a.csv").text.splitlines()
    assert json.loads(record) == {"label": "1", "review": "很快，\n好吃", "tokens": ["很快", "，", "\n", "好吃"]}
    assert kxcli("segment", "--field", "review", "a.csv").text == "很快 ，   好吃\n"


def test_record_with_a_field_for_tokens_is_an_error(kxcli):
    records = '{"text": "a", "tokens": []}\n{"text": "b", "pos": []}\n'
    use = ("segment", "-f", "jsonl", "--input-format", "jsonl")
    assert "<stdin>:1: already has a field 'tokens'; rename it" in kxcli(*use, stdin=records, code=1).err
    skipped = kxcli(*use, "--pos", "--on-error", "skip", stdin=records)
    assert skipped.out == b"" and "2" in skipped.err
    assert kxcli(*use, "--on-error", "skip", stdin=records).text == '{"text": "b", "pos": [], "tokens": ["b"]}\n'


def test_rows_number_documents_over_all_inputs(kxcli, words):
    (kxcli.folder / "a").write_text("北京\n\n下雨\n", encoding="utf-8")
    (kxcli.folder / "b").write_text("来到北京", encoding="utf-8")
    ended = kxcli("segment", "-f", "tsv", "--header", "--offsets", "a", "b")
    assert ended.text == "document\toffset\ttoken\n1\t0\t北京\n3\t0\t下雨\n4\t0\t来到\n4\t2\t北京\n"
    tagged = kxcli("segment", *words, "-f", "csv", "--pos", "a", "b")
    assert tagged.text == "document,token,pos\n1,北京,ns\n3,下雨,v\n4,来到,v\n4,北京,ns\n"


ROWS = '他说"好",a\tb\n'


@pytest.mark.parametrize(("form", "dialect"), [("csv", "excel"), ("tsv", "excel-tab")])
def test_rows_are_escaped(kxcli, form, dialect):
    records = json.dumps({"text": '"好",\t\r\n\n'}) + "\n"
    text = kxcli("segment", "-f", form, "--no-header", "--input-format", "jsonl", stdin=records).text
    rows = list(csv.reader(io.StringIO(text, newline=""), dialect))
    tokens = ['"', "好", '"', ",", "\t", "\r\n", "\n"]
    if form == "tsv":
        assert text.splitlines() == ['1\t"', "1\t好", '1\t"', "1\t,", "1\t\\t", "1\t\\r\\n", "1\t\\n"]
    else:
        assert rows == [["1", token] for token in tokens]


@pytest.mark.parametrize(("form", "cell"), [("csv", '"n,""v"'), ("tsv", 'n,"v')])
def test_tags_are_escaped(kxcli, form, cell):
    (kxcli.folder / "d.txt").write_text('好 5 n,"v\n', encoding="utf-8")
    out = kxcli("segment", "--pos", "-f", form, "--no-header", "--dict", "d.txt", "--no-hmm", stdin="好\n").text
    assert out == f"1,好,{cell}\n".replace(",", "," if form == "csv" else "\t", 2)


@pytest.mark.parametrize("mode", ["jieba", "search", "char", "space", "regex"])
@given(text=texts)
@examples(40)
def test_offsets_are_the_places_of_tokens(reference, mode, text):
    segmentation = Segmentation(mode, pattern=r"(?<=[a-z京])\w+|[一-龥]{1,2}" if mode == "regex" else None)
    located = list(locator_of(reference, segmentation)(text))
    tokens = [token for _, token in located]
    if mode == "regex":
        assert tokens == next(segment_texts([text], Segmenting(segmentation)))
    else:
        assert tokens == reference.cut(text, mode)
    assert all(text.startswith(token, at) for at, token in located)
    if mode == "search":
        assert located == [(start, token) for token, start, _ in reference.jieba.tokenizer.tokenize(text, "search")]


def locator_of(reference, segmentation):
    """Return the locator with the tokens of a reference."""
    import kxcli.mining.segment.offsets as module

    def load(one, shared):
        return lambda text: reference.cut(text, one.mode)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_tokenizer", load)
        return load_locator(segmentation, None)


# Options


def test_options_exclude_and_change_tokens(kxcli, words):
    text = "The 小明，来到 北京。THE 了\n"
    (kxcli.folder / "stop.txt").write_text("the\n北京\n", encoding="utf-8")
    assert kxcli("segment", "--no-punct", stdin=text).text == "The 小明 来到 北京 THE 了\n"
    assert kxcli("segment", "--stopwords", "stop.txt", stdin=text).text == "The   小明 ， 来到   。 THE   了\n"
    assert (
        kxcli("segment", "--stopwords", "stop.txt", "--lower", "-d", "|", stdin=text).text
        == " |小明|，|来到| |。| |了\n"
    )
    assert kxcli("segment", "--min-length", 2, stdin=text).text == "The 小明 来到 北京 THE\n"
    assert kxcli("segment", "--normalize", "nfkc", stdin="ＡＢ①\n").text == "AB1\n"
    use = ("--no-punct", "--lower", "--min-length", 2)
    tagged = kxcli("segment", *words, "-f", "tsv", "--pos", "--offsets", *use, stdin=text)
    assert tagged.text == "1\t0\tthe\teng\n1\t4\t小明\tnr\n1\t7\t来到\tv\n1\t10\t北京\tns\n1\t13\tthe\teng\n"


def test_excluded_tokens_leave_no_empty_ones(kxcli):
    assert kxcli("segment", "-t", "full", "-d", "|", stdin="北京 。 a\n").text == "北京|| |。| ||a\n"
    assert kxcli("segment", "-t", "full", "-d", "|", "--no-punct", stdin="北京 。 a\n").text == "北京|a\n"
    assert kxcli("segment", "-t", "full", "-f", "tsv", stdin="北京 a\n").text == "1\t北京\n1\t \n1\ta\n"


def test_pattern_finds_tokens(kxcli):
    ended = kxcli("segment", "-t", "regex", "--pattern", "[a-z]+", "-f", "tsv", "--offsets", stdin="Xab, c\nd\n")
    assert ended.text == "1\t1\tab\n1\t5\tc\n2\t0\td\n"
    assert kxcli("segment", "-t", "regex", "--pattern", "[a-z]+", stdin="Xab, c\n\nd\n").text == "ab c\n\nd\n"


def test_bad_bytes_are_reported_skipped_or_replaced(kxcli, workers):
    data = "北京\n".encode() * 3000 + b"a\xff\n" + "下雨\n".encode()
    (kxcli.folder / "a").write_bytes(data)
    use = ("segment", "-j", workers, "--shard-size", "4K", "a")
    assert "a:3001: byte 0xff is not valid utf-8" in kxcli(*use, code=1).err
    skipped = kxcli(*use, "--on-error", "skip")
    assert skipped.text == "北京\n" * 3000 + "下雨\n" and "1 " in skipped.err
    assert kxcli(*use, "--on-error", "replace").text == "北京\n" * 3000 + "a \ufffd\n下雨\n"


def test_encodings_and_byte_order_mark_are_read(kxcli):
    for encoding in ("utf-8-sig", "gb18030", "utf-16"):
        (kxcli.folder / "a").write_bytes("北京下雨\r\n了".encode(encoding))
        name = "utf-8" if encoding == "utf-8-sig" else encoding
        assert kxcli("segment", "--encoding", name, "a").text == "北京 下雨\n了\n"


# A pipe that stays open


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("options", "make_line", "expected"),
    [
        ((), str, "{first} {last}\n"),
        (("-f", "jsonl"), str, '{{"text": "{first}{last}", "tokens": ["{first}", "{last}"]}}\n'),
        (("-f", "tsv"), str, "{number}\t{first}\n{number}\t{last}\n"),
        (("--input-format", "jsonl"), lambda text: json.dumps({"text": text}), "{first} {last}\n"),
    ],
    ids=["text", "jsonl", "tsv", "records"],
)
def test_line_goes_out_before_the_pipe_is_closed(jobs, options, make_line, expected):
    with start("segment", "-j", jobs, *options) as process:
        for number, (first, last) in enumerate([("北京", "下雨"), ("来到", "北京")], 1):
            send(process, f"{make_line(first + last)}\n".encode())
            lines = expected.format(number=number, first=first, last=last)
            assert "".join(receive(process) + "\n" for _ in range(lines.count("\n"))) == lines
        assert not end(process)


# Python


def test_texts_are_segmented_from_python(reference):
    assert list(segment_texts(["小明来到北京", "", "a b"])) == [["小明", "来到", "北京"], [], ["a", " ", "b"]]
    rules = Segmenting(Segmentation("search"), keeps_punctuation=False, stopwords={"大学"}, lower=True)
    assert list(segment_texts(["清华大学，OK"], rules)) == [["清华", "华大", "清华大学", "ok"]]
    assert next(segment_texts(iter(["北京"]))) == ["北京"]


def test_texts_are_tagged_from_python():
    dictionary = Dictionary(main="小明 9 nr\n来到 9 v\n北京 9 ns\n", user="来到北京 9999 zz\n")
    rules = Segmenting(Segmentation(dictionary=dictionary), keeps_punctuation=False)
    assert list(tag_texts(["小明来到北京。北京", ""], rules)) == [
        [("小明", "nr"), ("来到北京", "zz"), ("北京", "ns")],
        [],
    ]
    with pytest.raises(ValueError, match='"jieba" only'):
        tag_texts(["a"], Segmenting(Segmentation("char")))


def test_wrong_arguments_from_python_are_refused():
    with pytest.raises(TypeError, match=r"texts\[1\]"):
        list(segment_texts(["a", 1]))
    with pytest.raises(TypeError, match="texts must be a list"):
        segment_texts("北京")
    with pytest.raises(TypeError, match="segmenting"):
        segment_texts(["a"], Segmentation("char"))
