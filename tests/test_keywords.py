"""`kxcli keywords` equals jieba.analyse, and a plain loop for IDF learned from the inputs."""

import csv
import gzip
import io
import json
import math
import re
from functools import cache
from importlib import resources

import pytest
from conftest import ROOT, SAMPLES
from hypothesis import given
from hypothesis import strategies as st
from kernel_texts import texts as any_text
from keywords_definition import format_tsv, jieba, learn, make_extractor, rank

from kxcli.mining import Dictionary, Extraction, Segmentation, extract_keywords, learn_idf
from kxcli.mining.keywords import job
from kxcli.mining.keywords.extraction import JIEBA_STOPWORDS
from kxcli.mining.keywords.frequencies import CountDocumentFrequencies, build_idf
from kxcli.mining.keywords.idf import IdfError, IdfLookup, IdfTable, load_jieba_idf, parse_idf
from kxcli.mining.keywords.job import make_resources
from kxcli.mining.keywords.tags import JIEBA_TAGS
from kxcli.mining.keywords.textrank import rank_words
from kxcli.mining.rendered_lines import fill_placeholders
from kxcli.mining.segment import prepare
from kxcli.mining.wordcount.job import Text
from kxcli.pipelines.keywords.render_keywords import make_keyword_job


def read_lines(name):
    path = SAMPLES / name
    data = path.read_bytes()
    return (gzip.decompress(data) if name.endswith(".gz") else data).decode().removesuffix("\n").split("\n")


LINES = [
    *read_lines("news.txt"),
    *read_lines("tech.txt"),
    "",
    *read_lines("essays.txt.gz"),
    *read_lines("traditional.txt"),
]
FEW = LINES[::9]  # jieba's tagger is slow

# Equal to jieba.analyse


@pytest.fixture(scope="module", autouse=True)
def _taggers():
    """Load each tagger once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "PosTokenizer", cache(job.PosTokenizer))
        yield


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("keywords") / "lines.txt"
    path.write_text("".join(f"{line}\n" for line in LINES), encoding="utf-8")
    return path


@pytest.mark.parametrize("top", [1, 5, 20, 10_000])
def test_tfidf_equals_jieba(top):
    extractor = make_extractor()
    expected = [rank(extractor, line, top) for line in LINES]
    assert [*map(list, extract_keywords(LINES, Extraction(top=top)))] == expected


def test_tfidf_with_tags_equals_jieba():
    extractor = make_extractor()
    expected = [rank(extractor, line, tags=("n", "nr")) for line in FEW]
    assert [*extract_keywords(FEW, Extraction(tags=("n", "nr")))] == expected


@pytest.mark.parametrize("tags", [(), ("n", "eng", "m")])
def test_textrank_equals_jieba(tags):
    extractor = make_extractor("textrank")
    expected = [rank(extractor, line, tags=tags) for line in FEW]
    assert [*extract_keywords(FEW, Extraction("textrank", tags=tags))] == expected


@given(any_text)
def test_tfidf_of_any_text_equals_jieba(text):
    assert next(extract_keywords([text])) == rank(make_extractor(), text)


class Pair:
    def __init__(self, word):
        self.word, self.flag = word, "n" if word else "x"


@given(st.lists(st.sampled_from(["", "aa", "bb", "cc", "dd", "ee", "the"]), max_size=40))
def test_ranks_of_any_words_equal_jieba(words):
    extractor = jieba.analyse.TextRank()
    extractor.tokenizer = type("Tagger", (), {"cut": lambda _self, _text: map(Pair, words)})()
    expected = extractor.textrank("", topK=None, withWeight=True)
    assert rank_words([word if word not in ("", "the") else None for word in words]) == dict(expected)


def test_tables_of_jieba_are_the_same():
    table, loader = load_jieba_idf(), jieba.analyse.default_tfidf.idf_loader
    assert (dict(table.items()), table.default) == loader.get_idf()
    assert jieba.analyse.TFIDF.STOP_WORDS == JIEBA_STOPWORDS


def test_stopwords_are_those_of_jieba_and_more(kxcli, corpus):
    (kxcli.folder / "stop").write_text("今天\nGDP\n", encoding="utf-8")
    text = "今天的 GDP 和 gdp 以及 The 增长率"
    ended = kxcli("keywords", "--stopwords", "stop", stdin=text)
    extractor = make_extractor(stopwords=["今天", "gdp"])  # jieba ignores words with capitals
    assert ended.text == format_tsv([rank(extractor, text)]) and "增长率" in ended.text
    assert "GDP" not in ended.text


def test_idf_file_equals_jieba(kxcli, corpus):
    idf = dict(list(load_jieba_idf().items())[::7])
    lines = "".join(f"{word} {value}\n" for word, value in idf.items())
    (kxcli.folder / "idf").write_text(lines + "今天 99\n今天 1\n\n", encoding="utf-8")  # the last line counts
    extractor = make_extractor(idf=idf | {"今天": 1.0})
    expected = format_tsv(rank(extractor, line) for line in LINES)
    assert kxcli("keywords", "--idf", "idf", corpus).text == expected


def test_user_dictionary_and_tags_equal_jieba():
    dictionary = "睡前消息 5 nz\n雨天 3\n"
    tokenizer = jieba.Tokenizer()
    tokenizer.load_userdict(io.BytesIO(dictionary.encode()))
    extractor = make_extractor()
    extractor.tokenizer, extractor.postokenizer = tokenizer, jieba.posseg.POSTokenizer(tokenizer)
    segmentation = Segmentation(dictionary=Dictionary(user=dictionary))
    text = "睡前消息说雨天，睡前看消息"
    for tags in ((), ("nz", "n")):
        extraction = Extraction(tags=tags, segmentation=segmentation)
        assert next(extract_keywords([text], extraction)) == rank(extractor, text, tags=tags)


# IDF learned from the inputs


def test_learned_idf_equals_a_plain_loop(kxcli, corpus):
    idf = learn(LINES)
    assert learn_idf(LINES) == idf
    extractor = make_extractor(idf=idf)
    expected = format_tsv(rank(extractor, line, 3) for line in LINES)
    ended = kxcli("keywords", "--learn-idf", "--save-idf", "idf", "--top", 3, corpus)
    assert ended.text == expected
    saved = (kxcli.folder / "idf").read_text("utf-8").splitlines()
    assert saved == [f"{word} {repr(idf[word]).removesuffix('.0')}" for word in sorted(idf)]
    assert kxcli("keywords", "--idf", "idf", "--top", 3, corpus).text == expected


def cut_pattern(text):
    return re.findall(".[ a]*", text)


documents = st.lists(st.text("天地 a\n", max_size=6), max_size=6)
CUTS = [
    (Segmentation("space"), str.split),
    (Segmentation("char"), list),
    (Segmentation("regex", pattern=".[ a]*"), cut_pattern),
]


@given(documents, documents, st.sampled_from(CUTS), st.integers(1, 2))
def test_learned_idf_of_merged_partials_equals_a_plain_loop(left, right, way, min_length):
    segmentation, cut = way
    counting = CountDocumentFrequencies(Extraction(segmentation=segmentation, min_length=min_length))
    counting.setup(prepare(segmentation))
    partials = [counting.load(counting.dump(counting.map(map(Text, texts)))) for texts in (right, left)]
    merged = counting.merge(*partials)
    parts = counting.split(merged, 3)
    for one in (merged, counting.merge(counting.merge(parts[1], parts[2]), parts[0])):
        assert dict(build_idf(counting.finish(one)).items()) == learn(left + right, cut, min_length)


@given(st.dictionaries(st.text(max_size=3), st.floats(-9, 9), min_size=1))
def test_table_finds_every_word(idf):
    find = IdfLookup(IdfTable.from_mapping(idf))
    assert {word: find(word) for word in idf} == idf
    assert find("unknown") == sorted(idf.values())[len(idf) // 2]


def test_learning_from_nothing_finds_nothing(kxcli):
    (kxcli.folder / "empty").write_bytes(b"\n \n")
    ended = kxcli("keywords", "--learn-idf", "--save-idf", "idf", "empty")
    assert ended.out == b"" and (kxcli.folder / "idf").read_bytes() == b""
    assert kxcli("keywords", "--learn-idf", "-r", ".", "--glob", "*.none").out == b""


def test_word_in_all_documents_has_no_weight(kxcli):
    (kxcli.folder / "a.txt").write_text("北京 上海\n北京 天津 北京\n", encoding="utf-8")
    rows = kxcli("keywords", "--learn-idf", "a.txt").rows
    half = str(math.log(2) / 2)
    assert rows[:2] == [["1", "上海", half], ["1", "北京", "0"]]
    assert rows[2:] == [["2", "天津", str(math.log(2) / 3)], ["2", "北京", "0"]]


def test_words_with_white_space_are_not_saved(kxcli):
    (kxcli.folder / "a.txt").write_text("天 地，天 人，地人\n", encoding="utf-8")
    use = ("keywords", "--learn-idf", "-t", "regex", "--pattern", "[^，]+", "a.txt")
    ended = kxcli(*use, "--save-idf", "idf")
    assert ended.out == kxcli(*use).out
    assert (kxcli.folder / "idf").read_text("utf-8") == "地人 0\n"
    assert "2 words with white space skipped in the output of --save-idf: 天 人, 天 地" in ended.err


def test_stop_words_do_not_change_the_learned_idf(kxcli, corpus):
    (kxcli.folder / "stop").write_text("会议\n", encoding="utf-8")
    for number, options in enumerate(([], ["--stopwords", "stop", "--method", "tfidf", "--pos", "n"])):
        kxcli("keywords", "--learn-idf", "--save-idf", number, *options, "-o", "out", SAMPLES / "mentions.txt")
    assert (kxcli.folder / "0").read_bytes() == (kxcli.folder / "1").read_bytes()


# Words


def test_options_of_words(kxcli):
    def words(*options, text="ＧＤＰ gdp GDP 的 ！！ --"):
        return {row[1] for row in kxcli("keywords", *options, stdin=text).rows}

    assert words() == {"gdp", "GDP", "--"}
    assert words("--lower") == {"gdp", "--"}
    assert words("--lower", "--normalize", "nfkc") == {"gdp", "--", "!!"} - {"!!"}
    assert words("-t", "space") == {"ＧＤＰ", "gdp", "GDP", "！！", "--"}
    assert words("-t", "char", "--min-length", 1, text="a 的") == {"a", "的"}
    assert words("--min-length", 3) == {"gdp", "GDP"}
    assert words("-t", "search", text="中国科学院") > words(text="中国科学院")


def test_lower_case_words_are_counted_together():
    (found,) = extract_keywords(["GDP gdp 增长率 增长率"], Extraction(lower=True), idf={"gdp": 1.0, "增长率": 1.0})
    assert found == [("gdp", 0.5), ("增长率", 0.5)]


def test_equal_weights_are_ordered_by_code_points():
    (found,) = extract_keywords(
        ["乙乙 甲甲 AB 丙丙"], Extraction(top=3, segmentation=Segmentation("space")), idf={"": 1.0}
    )
    assert [word for word, _ in found] == ["AB", "丙丙", "乙乙"]


# Input and output


def test_formats(kxcli):
    record = {"id": 7, "text": '北京,天气"好"', "n": None}
    (kxcli.folder / "a.jsonl").write_text(json.dumps(record, ensure_ascii=False) + '\n{"text": "的"}\n', "utf-8")
    use = ("keywords", "--field", "text", "a.jsonl")
    tsv = kxcli(*use, "--header").rows
    assert tsv[0] == ["document", "keyword", "weight"] and [row[:2] for row in tsv[1:]] == [
        ["1", "天气"],
        ["1", "北京"],
    ]
    assert kxcli(*use, "--no-header").rows == tsv[1:]
    assert [*csv.reader(io.StringIO(kxcli(*use, "-f", "csv").text))] == tsv
    objects = [json.loads(line) for line in kxcli(*use, "-f", "jsonl").text.splitlines()]
    keywords = [{"word": word, "weight": float(weight)} for _, word, weight in tsv[1:]]
    assert objects == [record | {"keywords": keywords}, {"text": "的", "keywords": []}]
    assert [*objects[0]] == ["id", "text", "n", "keywords"]


@pytest.mark.parametrize("row_format", ["tsv", "csv", "jsonl"])
def test_odd_words_are_escaped(kxcli, row_format):
    text = '左"右, 上\t下'
    use = (
        "keywords",
        "-t",
        "regex",
        "--pattern",
        "(?s).+",
        "-f",
        row_format,
        "--no-header"[: 11 * (row_format == "csv")],
    )
    ended = kxcli(*[one for one in use if one], stdin=text)
    if row_format == "csv":
        assert [row[1] for row in csv.reader(io.StringIO(ended.text))] == [text]
    elif row_format == "tsv":
        assert [row[1] for row in ended.rows] == [text.replace("\t", "\\t")]
    else:
        assert json.loads(ended.text)["keywords"][0]["word"] == text


def test_documents_are_numbered_over_all_inputs(kxcli):
    for name, text in (("a", "北京\n\n上海\n"), ("b", ""), ("c", "天津\n")):
        (kxcli.folder / name).write_text(text, encoding="utf-8")
    assert [row[:2] for row in kxcli("keywords", "a", "b", "c").rows] == [["1", "北京"], ["3", "上海"], ["4", "天津"]]


def test_skipped_records_have_no_number(kxcli):
    (kxcli.folder / "a.jsonl").write_text('{"text": "北京"}\nbad\n{"text": "上海"}\n', encoding="utf-8")
    ended = kxcli("keywords", "--input-format", "jsonl", "--on-error", "skip", "a.jsonl")
    assert [row[:2] for row in ended.rows] == [["1", "北京"], ["2", "上海"]]
    assert "1 record" in ended.err


# Any number of workers, any split of the input, with and without the kernel

USES = {
    "tfidf": ("--top", "5"),
    "learned": ("--learn-idf", "--top", "3", "-f", "jsonl"),
    "textrank": ("--method", "textrank", "-f", "csv"),
}


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slow] * (name == "textrank")) for name in USES])
def use(request):
    return ("keywords", *USES[request.param])


def split_corpus(folder, lines):
    """Write lines to three files, and return their names."""
    for name, part in (("a", lines[:9]), ("b", lines[9:10]), ("c", lines[10:])):
        (folder / name).write_text("".join(f"{line}\n" for line in part), encoding="utf-8")
    (folder / "all").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return ("a", "b", "c")


def test_output_is_the_same_for_any_split(kxcli, use):
    names = split_corpus(kxcli.folder, LINES[:40] if "textrank" not in use else FEW)
    expected = kxcli(*use, "-j", 1, "all").out
    assert expected
    for options in (("-j", 2, "--shard-size", "1K"), ("-j", 1, "--shard-size", 300)):
        assert kxcli(*use, *options, "all").out == expected
        assert kxcli(*use, *options, *names).out == expected


def test_output_without_the_kernel_is_the_same(kxcli, use):
    split_corpus(kxcli.folder, FEW)
    expected = kxcli(*use, "all").out
    kxcli.environment["KXCLI_KERNEL"] = "off"
    assert kxcli(*use, "all").out == expected


def test_checkpoint_resumes_both_passes(kxcli, workers):
    names = split_corpus(kxcli.folder, LINES)
    use = ("keywords", "--learn-idf", "--shard-size", "2K", "--save-idf", "idf", *names)
    expected = kxcli(*use).out
    saved = (kxcli.folder / "idf").read_bytes()
    for found in (r"found 0 of \d", r"found (\d+) of \1 "):
        (kxcli.folder / "idf").unlink()
        ended = kxcli(*use, "--checkpoint", "ck", "-j", workers)
        assert ended.out == expected and re.search(found, ended.err)
        assert (kxcli.folder / "idf").read_bytes() == saved


def test_standard_input_is_a_document_per_line(kxcli, corpus):
    assert kxcli("keywords", stdin=corpus.read_bytes()).out == kxcli("keywords", corpus).out


@given(st.lists(st.sampled_from(["北京 天气", "", "上海"]), max_size=6), st.integers(0, 6))
def test_merged_partials_are_those_of_all_records(lines, at):
    extraction = Extraction(segmentation=Segmentation("space"))
    finding = make_keyword_job(extraction, "tsv")
    finding.setup(make_resources(extraction, IdfTable.from_mapping({"北京": 1.0})))
    records = [Line(line) for line in lines]
    partials = [finding.load(finding.dump(finding.map(some))) for some in (records[:at], records[at:])]
    both, whole = (finding.finish(one) for one in (finding.merge(*partials), finding.map(records)))
    assert b"".join(fill_placeholders([both])) == b"".join(fill_placeholders([whole]))


class Line(Text):
    n_before, source, record, key = 0, None, "{", None


# Errors


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("甲 1\n乙\n", "idf:2: '乙' is not `word idf`, separated by one space; correct the line"),
        ("甲 1\n乙 1 n\n", "idf:2: '乙 1 n' is not"),
        ("甲 nan\n", "idf:1: '甲 nan' is not"),
        ("甲 1e999\n", "idf:1: "),
        ("甲\t1\n", "idf:1: "),
        (" 1\n", "idf:1: "),
        ("\n \n", "idf:1: has no word; give lines of `word idf`"),
        ("甲 1\n" + "乙" * 70_000, "idf:2: "),
    ],
)
def test_bad_idf_file_is_an_error_with_its_line(kxcli, data, message):
    (kxcli.folder / "idf").write_text(data, encoding="utf-8")
    err = kxcli("keywords", "--idf", "idf", stdin="x", code=1).err
    assert err.startswith(f"kxcli: error: {message}") and err.count("\n") == 1


def test_error_of_idf_lines_is_readable():
    with pytest.raises(IdfError, match=r"^line 1: 'x' is not `word idf`, separated by one space; correct the line$"):
        parse_idf(["x"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--learn-idf"], "<stdin>: is a stream, and --learn-idf reads its inputs twice; give files."),
        (["--learn-idf", "--save-idf", "in", "in"], "--save-idf in would overwrite an input"),
        (["--learn-idf", "--save-idf", "out", "-o", "out", "in"], "--save-idf and -o name the same file"),
        (["--pos", "n,,v", "in"], "'n,,v' has an empty tag; write tags as n,ns,vn."),
        (
            ["-t", "search", "--method", "textrank", "in"],
            "cannot be combined with --pos or --method textrank; jieba tags",
        ),
        (["--top", "0", "in"], "--top"),
    ],
)
def test_usage_errors(kxcli, arguments, message):
    (kxcli.folder / "in").write_text("北京\n", encoding="utf-8")
    assert message in kxcli("keywords", *arguments, stdin="x", code=2).err


def test_tag_that_no_word_has_is_a_warning(kxcli):
    text = "小明来到北京\n"
    ended = kxcli("keywords", "--pos", "NR,ns,\u540d,zz", stdin=text)
    assert [row[1] for row in ended.rows] == ["北京"]
    assert ended.err == (
        "kxcli: warning: --pos: no word has the tag NR; did you mean nr?\n"
        "kxcli: warning: --pos: no word has the tag zz; did you mean z?\n"
        "kxcli: warning: --pos: no word has the tag 名; see the table of tags in docs/segment.md\n"
    )
    (kxcli.folder / "user.txt").write_text("小明 9000 zz\n", encoding="utf-8")
    ended = kxcli("keywords", "--pos", "zz", "--userdict", "user.txt", stdin=text)
    assert (ended.rows[0][1], ended.err) == ("小明", "")
    assert kxcli("keywords", "--method", "textrank", stdin=text).err == ""


def test_tags_are_those_of_jieba():
    dictionary = resources.files("jieba").joinpath("dict.txt").read_text(encoding="utf-8")
    tags = {line.split()[2] for line in dictionary.splitlines()}
    tags |= {tag for states in jieba.posseg.char_state_tab_P.values() for _, tag in states}
    assert tags | {"eng"} == JIEBA_TAGS
    page = (ROOT / "docs/segment.md").read_text(encoding="utf-8").partition("## Tags")[2].partition("\n## ")[0]
    assert set(re.findall("`([a-z]+)`", page)) >= JIEBA_TAGS


def test_record_with_keywords_is_an_error(kxcli):
    (kxcli.folder / "a.jsonl").write_text('{"text": "北京", "keywords": 1}\n', encoding="utf-8")
    use = ("keywords", "--field", "text", "a.jsonl")
    assert "a.jsonl:1: " in kxcli(*use, "-f", "jsonl", code=1).err
    assert kxcli(*use).rows[0][:2] == ["1", "北京"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"method": "x"}, ValueError, "method must be one of 'tfidf', 'textrank', not 'x' (str)"),
        ({"top": 0}, ValueError, "top must be 1 or more, not 0"),
        ({"tags": "n"}, TypeError, "tags must be a list of tags (strings)"),
        ({"tags": ["n"], "segmentation": Segmentation("char")}, ValueError, 'in the mode "jieba" only, not in "char"'),
        ({"lower": 1}, TypeError, "lower must be True or False"),
    ],
)
def test_bad_arguments_in_python(arguments, error, message):
    with pytest.raises(error) as failure:
        Extraction(**arguments)
    assert message in str(failure.value)


@pytest.mark.parametrize(
    ("idf", "error", "message"),
    [
        ([("a", 1)], TypeError, "idf must be a mapping from words to numbers"),
        ({1: 1}, TypeError, "a word of idf must be a string"),
        ({"a": "1"}, TypeError, "idf['a'] must be a number"),
        ({"a": math.inf}, ValueError, "idf['a'] must be a finite number"),
        ({}, ValueError, "idf has no words"),
    ],
)
def test_bad_idf_in_python(idf, error, message):
    with pytest.raises(error) as failure:
        extract_keywords(["a"], idf=idf)
    assert message in str(failure.value)


def test_idf_for_textrank_is_refused_in_python():
    with pytest.raises(ValueError, match="no effect with TextRank"):
        extract_keywords(["a"], Extraction("textrank"), idf={"a": 1.0})
    with pytest.raises(TypeError, match=r"texts must be a list of texts \(strings\)"):
        extract_keywords("北京")
