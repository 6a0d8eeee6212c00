"""Knowledge bases and labeled texts in files, and odd input."""

import gzip
import json
import os
from pathlib import Path

import click
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kxcli.cli import cli, main
from kxcli.corpus import knowledge
from kxcli.corpus.diagnostics import Notice
from kxcli.corpus.labeled_texts import read_labeled_texts
from kxcli.errors import InputError
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.pipelines.linking import knowledge_cache as compiling
from kxcli.report import Report


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def write(folder, name, text):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


def jsonl(*objects):
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects)


def entries_of(path, on_error="stop"):
    reported = []
    return [one[1:] for one in knowledge.read_entries(path, on_error, reported.append)], reported


def run(capsys, *arguments, code=0):
    assert main(["entity-link", *arguments]) == code
    return capsys.readouterr()


def links_of(capsys, kbs, text, *options):
    """Return the (mention, id) pairs of a text, and stderr."""
    with open("texts", "w", encoding="utf-8") as file:
        file.write(text)
    kb_options = [word for path in kbs for word in ("--kb", path)]
    out, err = run(capsys, *kb_options, "-j", "1", "-f", "tsv", *options, "texts")
    return [tuple(line.split("\t")[2:4]) for line in out.splitlines()], err


# ---------------------------------------------------------------------------------------------- headers and columns

HEADERS = [
    *(
        "name\tid",
        "Name\tID",
        "NAME\tId\tDescription",
        "\ufeffname\tid",
        '"name"\t"id"',
        "subject\tsubject_id",
        "#name\tkb_id",
    ),
    *(
        "alias\tkb-id\tdesc",
        "label\tQID",
        "entity name\tentity id",
        "名称\t编号",
        "实体\t实体ID\t描述",
        "ｎａｍｅ\tＩＤ",
        "title\turl\r",
    ),
    *(
        "mention\tkb_id\tsubject",
        "entity_label\twikidata_id",
        "'term'\t'code'",
        "词条\t标识\t说明",
        "name\tid\tcountry",
    ),
]


@pytest.mark.parametrize("header", HEADERS)
def test_header_is_skipped_and_reported(folder, capsys, header):
    write(folder, "kb.tsv", f"{header}\n督工\tE1\t主持人\n")
    found, reported = entries_of("kb.tsv")
    assert [one[0] for one in found] == ["E1"]
    assert [type(one) for one in reported] == [Notice] and "line 1 is skipped" in reported[0].message
    assert KnowledgeBase.from_arrays(
        compiling.load_knowledge_base(["kb.tsv"], None, "stop", Report(quiet=True))
    ).ids.to_list() == ["E1"]
    for _ in range(2):  # compiled, and from the cache
        found, err = links_of(capsys, ["kb.tsv"], "督工的 name 和 subject 名称")
        assert found == [("督工", "E1")]
        assert "kb.tsv: line 1 is skipped, as it names the columns" in err


@pytest.mark.parametrize(
    "line",
    [
        *(
            "name\tQ82799",
            "id\tQ5",
            "Name\t17",
            "title\tE9\tname",
            "名称\tE3",
            "Apple\tid",
            "name\tname1",
            "word\t词\tname",
        ),
        *("姓名学\tid2", "type\tclass\tdata", "Code\tDescription"),
    ],
)
def test_entry_named_like_header_is_kept(folder, line):
    write(folder, "kb.tsv", f"{line}\n督工\tE1\n")
    found, reported = entries_of("kb.tsv")
    assert len(found) == 2 and not reported


def test_only_the_first_line_is_a_header(folder):
    write(folder, "kb.tsv", "督工\tE1\nname\tid\n")
    assert [one[1] for one in entries_of("kb.tsv")[0]] == ["督工", "name"]
    write(folder, "blank.tsv", "\n \nname\tid\n督工\tE1\n")
    found, reported = entries_of("blank.tsv")
    assert [one[1] for one in found] == ["督工"] and "line 3 is skipped" in reported[0].message


@pytest.mark.parametrize(
    "header",
    ["id\tname", "kb_id\tsubject\tdescription", "编号\t名称", "name\tdescription\tid", "item\titemLabel", "QID\tLabel"],
)
@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_header_in_other_order_is_error(folder, header, on_error):
    write(folder, "kb.tsv", f"{header}\nE1\t督工\n")
    with pytest.raises(InputError, match=r"kb\.tsv:1: has columns in the order .*put the names first"):
        entries_of("kb.tsv", on_error)


@pytest.mark.parametrize("rows", ["E1\t督工\nE2\t小米\n", "12\tNew York\n", "Q1\t北京\t城市\nQ2\tNew York\n"])
def test_swapped_columns_warn(folder, capsys, rows):
    write(folder, "kb.tsv", rows)
    for _ in range(2):
        assert "warning: kb.tsv: the names are codes" in links_of(capsys, ["kb.tsv"], "督工")[1]


@pytest.mark.parametrize("rows", ["5G\tE1\n3M\tE2\n", "B2B\tb2b\n", "A1 road\tA1 road\n", "督工\tE1\nC919\t大飞机\n"])
def test_columns_in_order_do_not_warn(folder, capsys, rows):
    write(folder, "kb.tsv", rows)
    assert not links_of(capsys, ["kb.tsv"], "督工")[1]


def test_quotes_around_all_cells_warn(folder, capsys):
    write(folder, "kb.tsv", '"name"\t"id"\n"督工"\t"E1"\n')
    assert "in quotation marks" in links_of(capsys, ["kb.tsv"], "督工")[1]
    write(folder, "some.tsv", '"督工"\t"E1"\n小米\tE2\n')
    assert not links_of(capsys, ["some.tsv"], "督工")[1]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[{"subject_id": "1", "subject": "小米"}]', "is a JSON array, not an object on each line; convert it: jq"),
        ('[\n  {"subject_id": "1"}\n]', "is a JSON array"),
        ('\ufeff[ {"subject_id": "1"},\n', "is a JSON array"),
        ("name,id,description\n小米,1,手机\n", "has commas and no tab, like CSV; give TSV"),
        ('"小米","1"\n', "has commas and no tab"),
        ("小米\n", "has no tab and id after a name; give TSV"),
    ],
)
def test_other_format_is_error_with_its_name(folder, capsys, text, what):
    write(folder, "kb.txt", text)
    assert f"error: kb.txt:1: {what}" in run(capsys, "--kb", "kb.txt", "x", code=1).err


# ------------------------------------------------------------------------------------------------------ several files


def test_several_files_are_one_knowledge_base(folder, capsys):
    write(folder, "a.tsv", "name\tid\n甲骨文\t1\n")
    write(folder, "b.jsonl", jsonl({"subject_id": "2", "subject": "微软", "alias": ["MSFT"]}))
    for kbs in (["a.tsv", "b.jsonl"], ["b.jsonl", "a.tsv"]):
        for _ in range(2):
            assert links_of(capsys, kbs, "甲骨文和微软 MSFT")[0] == [("甲骨文", "1"), ("微软", "2"), ("MSFT", "2")]
    assert links_of(capsys, ["a.tsv"], "甲骨文和微软")[0] == [("甲骨文", "1")]


def test_the_cache_distinguishes_files_and_their_order(folder, capsys):
    write(folder, "a.tsv", "小米\t1\n")
    write(folder, "b.tsv", "小米\t2\n")
    write(folder, "ab.tsv", "小米\t1\n小米\t2\n")
    write(folder, "none.tsv", "")
    found = {}
    for _ in range(2):
        for kbs in (["a.tsv", "b.tsv"], ["b.tsv", "a.tsv"], ["ab.tsv"], ["ab.tsv", "none.tsv"], ["a.tsv"]):
            found.setdefault(tuple(kbs), []).append(links_of(capsys, kbs, "小米")[0])
    assert [own[0][0][1] for own in found.values()] == ["1", "2", "1", "1", "1"]
    assert all(own[0] == own[1] for own in found.values())
    assert len(os.listdir(folder / "cache" / "kxcli" / "kb")) == 5


def replace_file(path, data):
    path.with_name("new").write_bytes(data)
    os.replace(path.with_name("new"), path)


def append_file(path, data):
    with open(path, "ab") as file:
        file.write(data)


@pytest.mark.parametrize("change", [replace_file, type(Path()).write_bytes, append_file])
@pytest.mark.parametrize("compressed", [False, True])
def test_knowledge_base_changed_before_compiling_is_not_cached(folder, capsys, monkeypatch, change, compressed):
    pack = gzip.compress if compressed else bytes
    path = folder / "kb.tsv"
    path.write_bytes(pack("小米\t1\n".encode()))
    os.utime(path, ns=(10**18, 10**18))
    find_key = compiling._make_key

    def change_after_key(*arguments):
        key = find_key(*arguments)
        change(path, pack("小米\t2\n小麦\t3\n".encode()))
        return key

    write(folder, "a.txt", "小米")
    write(folder, "good.tsv", "小麦\t3\n")
    monkeypatch.setattr(compiling, "_make_key", change_after_key)
    err = run(capsys, "--kb", "good.tsv", "--kb", "kb.tsv", "-j", "1", "a.txt", code=1).err
    assert err == "kxcli: error: kb.tsv: changed while it was read; run again when nobody writes to it\n"
    monkeypatch.undo()
    assert not [*(folder / "cache" / "kxcli" / "kb").iterdir()]


def test_messages_have_the_right_file(folder, capsys):
    write(folder, "a.jsonl", jsonl({"subject_id": "1", "subject": "小米"}, {"subject_id": "2"}))
    write(folder, "b.tsv", "name\tid\n粟\t1\n大米\t3\n\t4\n")
    write(folder, "c.jsonl", "\n" + jsonl({"subject_id": "3", "subject": "稻", "type": ["Food"]}, {"no": 1}))
    for _ in range(2):
        found, err = links_of(capsys, ["a.jsonl", "b.tsv", "c.jsonl"], "小米和粟, 大米, 稻子", "--on-error", "skip")
        assert found == [("小米", "1"), ("粟", "NIL"), ("大米", "3"), ("稻", "NIL")]
        assert "b.tsv: line 1 is skipped" in err
        assert "not valid JSONL: c.jsonl:3" in err
        assert "without a name, which cannot be found: a.jsonl:2, b.tsv:4" in err
        assert "2 entries with the id of an earlier entry (names added, types and facts ignored): " in err
        assert "b.tsv:2, c.jsonl:2" in err
    err = run(capsys, "--kb", "a.jsonl", "--kb", "c.jsonl", "x", code=1).err
    assert "error: c.jsonl:3: has no subject_id" in err
    err = run(capsys, "--kb", "a.jsonl", "--kb", "missing", "x", code=1).err
    assert "error: missing: No such file" in err


def test_repeated_ids_add_their_names(folder):
    write(
        folder,
        "kb.jsonl",
        jsonl(
            {"subject_id": 1, "subject": "小米", "type": ["Company"]},
            {"subject_id": "2", "subject": "苹果"},
            {"subject_id": "1", "subject": "红米", "alias": ["黑米", "小米", ""]},
            {"subject_id": "1"},
        ),
    )
    base = KnowledgeBase.from_arrays(compiling.load_knowledge_base(["kb.jsonl"], None, "stop", Report(quiet=True)))
    assert base.ids.to_list() == ["1", "2"] and base.names.to_list() == ["小米", "苹果", "红米", "黑米"]
    assert base.n_names.tolist() == [3, 1]
    write(folder, "kb.tsv", "小米\t1\n苹果\t2\n红米\t1\n黑米\t1\n小米\t1\n")
    same = KnowledgeBase.from_arrays(compiling.load_knowledge_base(["kb.tsv"], None, "stop", Report(quiet=True)))
    assert sorted(same.names.to_list()) == sorted(base.names.to_list()) and same.n_names.tolist() == [3, 1]


# ------------------------------------------------------------------------------------------------- labels of no entry


@pytest.mark.parametrize("kb_id", ["NIL", "NIL_Person", "NIL_Work", "NIL_", "NIL_Other_2"])
def test_nil_prefixes_are_nil(folder, kb_id):
    labels = [{"mention": "小米", "offset": 0, "kb_id": kb_id}, {"mention": "粟", "offset": 3, "all_ids": [kb_id, "7"]}]
    write(folder, "gold.jsonl", jsonl({"text": "小米和粟", "mention_data": labels}))
    (one,) = read_labeled_texts("gold.jsonl", "stop", print)
    assert [(mention.ids, mention.has_id) for mention in one.mentions] == [((), True), (("7",), True)]


def test_ids_that_only_look_like_nil_are_ids(folder):
    labels = [{"mention": "小米", "offset": 0, "kb_id": "NILE"}, {"mention": "粟", "offset": 3, "kb_id": "nil"}]
    write(folder, "gold.jsonl", jsonl({"text": "小米和粟", "mention_data": labels}))
    (one,) = read_labeled_texts("gold.jsonl", "stop", print)
    assert [mention.ids for mention in one.mentions] == [("NILE",), ("nil",)]


def test_typed_nil_counts_as_nil_in_evaluation_and_training(folder, capsys):
    write(folder, "kb.tsv", "小米\t1\n苹果\t2\n")
    for kb_id in ("NIL", "NIL_Brand"):
        labels = [{"mention": "小米", "offset": 0, "kb_id": "1"}, {"mention": "苹果", "offset": 3, "kb_id": kb_id}]
        write(folder, f"{kb_id}.jsonl", jsonl({"text": "小米和苹果", "mention_data": labels}))
    tables = [run(capsys, "--kb", "kb.tsv", "--evaluate", f"{one}.jsonl") for one in ("NIL", "NIL_Brand")]
    assert tables[0] == tables[1] and tables[0].out.splitlines()[1].startswith("total\t1\t2\t1\t")
    for one in ("NIL", "NIL_Brand"):
        assert (
            "knowledge base does not have"
            not in run(capsys, "--kb", "kb.tsv", "--train", f"{one}.jsonl", "--model", f"{one}.npz").err
        )
    assert (folder / "NIL.npz").read_bytes() == (folder / "NIL_Brand.npz").read_bytes()


def test_misplaced_labels_are_missed_in_evaluation_and_skipped_in_training(folder, capsys):
    write(folder, "kb.tsv", "督工\tE1\n")
    labels = [{"mention": "督工", "offset": 1, "kb_id": "E1"}, {"mention": "督工", "offset": 0, "kb_id": "E1"}]
    write(folder, "gold.jsonl", jsonl({"text": "督工在", "mention_data": labels}))
    found = run(capsys, "--kb", "kb.tsv", "--evaluate", "gold.jsonl")
    assert found.out.splitlines()[1].startswith("total\t2\t1\t1\t1.0000\t0.5000")
    assert "1 labeled mention counted as missed (the text at the offset differs): gold.jsonl:1" in found.err
    assert (
        "1 labeled mention skipped (the text at the offset differs): gold.jsonl:1"
        in run(capsys, "--kb", "kb.tsv", "--train", "gold.jsonl", "--model", "m.npz").err
    )


# ----------------------------------------------------------------------------------------- models of few labeled texts

LABELS = [
    {"text": "督工来了", "mention_data": [{"mention": "督工", "offset": 0, "kb_id": "E1"}]},
    {"text": "小米和督工", "mention_data": [{"mention": "小米", "offset": 0, "kb_id": "E2"}]},
    {"text": "督工在小米", "mention_data": [{"mention": "督", "offset": 0, "kb_id": "E3"}]},
    {"text": "小米不是苹果", "mention_data": [{"mention": "小米", "offset": 0, "kb_id": "none"}]},
    {"text": "小米，督工，苹果，华为" * 50, "mention_data": [{"mention": "督工", "offset": 3, "kb_id": "E1"}]},
]


@pytest.mark.parametrize("label", LABELS)
def test_model_of_one_text_warns_and_has_moderate_threshold(folder, capsys, label):
    write(folder, "kb.tsv", "督工\tE1\n小米\tE2\n督\tE3\n苹果\tE4\n")
    write(folder, "one.jsonl", jsonl(label))
    err = run(capsys, "--kb", "kb.tsv", "--train", "one.jsonl", "--model", "m.npz").err
    assert "warning: m.npz: " in err and "label more" in err
    with np.load("m.npz") as arrays:
        header = json.loads(bytes(arrays["header"]))
    assert 0.3 < header["threshold"] < 0.7 and 0.3 < header["mention_threshold"] < 0.7


def test_one_labeled_text_does_not_stop_other_links(folder, capsys):
    write(folder, "kb.tsv", "督工\tE1\n小米\tE2\n苹果\tE4\n")
    write(folder, "one.jsonl", jsonl(LABELS[0]))
    run(capsys, "--kb", "kb.tsv", "--train", "one.jsonl", "--model", "m.npz")
    found, _ = links_of(capsys, ["kb.tsv"], "督工说，小米和苹果", "--model", "m.npz")
    assert found == [("督工", "E1"), ("小米", "E2"), ("苹果", "E4")]


def test_many_labeled_texts_do_not_warn(folder, capsys):
    write(folder, "kb.tsv", "督工\tE1\n小米\tE2\n")
    label = [{"mention": "督工", "offset": 0, "kb_id": "E1"}]
    write(folder, "many.jsonl", jsonl(*({"text": f"督工说{n}次", "mention_data": label} for n in range(25))))
    assert "warning" not in run(capsys, "--kb", "kb.tsv", "--train", "many.jsonl", "--model", "m.npz").err
    write(folder, "same.jsonl", jsonl(*({"text": "督工说", "mention_data": label} for _ in range(25))))
    assert "may link worse" in run(capsys, "--kb", "kb.tsv", "--train", "same.jsonl", "--model", "m.npz").err


# ------------------------------------------------------------------------------------------- options without an effect

USED = {
    "train": {"kb", "kb_cache", "model", "on_error", "quiet", "verbose", "train", "summary"},
    "evaluate": {
        *(
            "kb",
            "kb_cache",
            "model",
            "on_error",
            "quiet",
            "verbose",
            "evaluate",
            "errors",
            "nil",
            "nil_threshold",
            "summary",
        ),
        *("overlap", "output", "format", "header"),
    },
}


def value_of(option):
    if option.is_flag:
        return []
    if isinstance(option.type, click.Choice):
        return [option.type.choices[-1]]
    if option.type.name == "size":
        return ["2M"]
    if option.name in ("max_skipped", "delimiter"):
        return ["1%" if option.name == "max_skipped" else "tab"]
    return ["1"] if option.type.name in ("integer range", "float range") else ["value"]


@pytest.mark.parametrize("mode", ["train", "evaluate"])
def test_option_without_effect_is_usage_error(capsys, mode):
    modes = {"train": ["--train", "labels", "--model", "out"], "evaluate": ["--evaluate", "gold"]}
    params = cli.get_command(None, "entity-link").params
    assert USED[mode] < {param.name for param in params}
    checked = set()
    for param in params:
        if param.name in USED[mode] or param.name in ("train", "evaluate") or not isinstance(param, click.Option):
            continue
        for name in (*param.opts, *param.secondary_opts):
            err = run(capsys, "--kb", "kb", *modes[mode], name, *value_of(param), code=2).err
            what = "requires" if param.name in ("errors", "max_skipped") else "has no effect with"
            shown = name if name in param.secondary_opts else param.opts[-1]
            assert f"{shown} {what} --" in err
        checked.add(param.name)
    needed = {"jobs", "shard_size", "memory", "checkpoint", "retries", "cluster", "field", "input_format", "candidates"}
    assert needed < checked
    assert f"INPUT has no effect with --{mode}; remove it" in run(capsys, "--kb", "kb", *modes[mode], "x", code=2).err


def test_jobs_in_environment_is_accepted(folder, capsys, monkeypatch):
    monkeypatch.setenv("KXCLI_JOBS", "2")
    write(folder, "kb.tsv", "督工\tE1\n")
    write(
        folder, "gold.jsonl", jsonl({"text": "督工", "mention_data": [{"mention": "督工", "offset": 0, "kb_id": "E1"}]})
    )
    assert run(capsys, "--kb", "kb.tsv", "--evaluate", "gold.jsonl").out
    run(capsys, "--kb", "kb.tsv", "--train", "gold.jsonl", "--model", "m.npz")


# ------------------------------------------------------------------------------------------------------- any bytes

ATOMS = st.sampled_from(
    [
        *(
            "{",
            "}",
            "[",
            "]",
            '"',
            ":",
            ",",
            "\t",
            "\t\t",
            "\n",
            "\r\n",
            "\r",
            " ",
            "\ufeff",
            "\0",
            "\u2028",
            "\x85",
            "\uffff",
        ),
        *("name", "id", "NIL", "NIL_x", "小米", "É", "null", "true", "NaN", "-1e999", "9" * 5000, "\\ud800", "\\u0000"),
        *('"subject_id"', '"subject"', '"alias"', '"type"', '"data"', '"text"', '"text_id"', '"mention_data"'),
        *('"predicate"', '"object"', '"mention"', '"offset"', '"kb_id"', '"all_ids"', '{"subject_id": "1"', "[" * 3000),
    ]
).map(str.encode) | st.binary(max_size=3)
ANY_JSON = st.recursive(
    st.sampled_from([None, True, 0, -1, 1.5, 1e300, 2**80, "", "小米", "1", "NIL", "\ud800", "\0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["predicate", "object", "x"]), inner),
    max_leaves=5,
)


def rows_of(*fields):
    """Return files of JSON objects with some of the fields and any values."""
    objects = st.dictionaries(st.sampled_from(fields), ANY_JSON, max_size=len(fields))
    return st.lists(objects.map(lambda one: json.dumps(one).encode() + b"\n"), max_size=4).map(b"".join)


KB_FILES = st.lists(ATOMS, max_size=12).map(b"".join) | rows_of("subject_id", "subject", "alias", "type", "data")
MENTIONS = st.lists(
    st.dictionaries(
        st.sampled_from(["mention", "offset", "kb_id", "all_ids"]), ANY_JSON | st.integers(-2, 4), max_size=4
    ),
    max_size=3,
)
TEXT_FILES = (
    st.lists(ATOMS, max_size=12).map(b"".join)
    | rows_of("text", "text_id", "mention_data")
    | st.lists(MENTIONS.map(lambda own: json.dumps({"text": "小米", "mention_data": own}).encode() + b"\n")).map(
        b"".join
    )
)
ANY_FILE = settings(
    max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@ANY_FILE
@given(KB_FILES, st.sampled_from(["stop", "skip", "replace"]))
def test_any_file_is_knowledge_base_or_input_error(folder, data, on_error):
    write(folder, "any", data)
    try:
        arrays = compiling.load_knowledge_base(["any"], str(folder / "kb"), on_error, Report(quiet=True))
    except InputError as error:
        assert str(error).startswith("any") and "\n" not in str(error)
    else:
        base = KnowledgeBase.from_arrays(arrays)
        assert len(set(base.ids.to_list())) == len(base.ids)


@ANY_FILE
@given(TEXT_FILES, st.sampled_from(["stop", "skip", "replace"]))
def test_any_file_is_labeled_texts_or_input_error(folder, data, on_error):
    write(folder, "any", data)
    try:
        found = list(read_labeled_texts("any", on_error, lambda loss: None))
    except InputError as error:
        assert str(error).startswith("any") and "\n" not in str(error)
    else:
        for one in found:
            assert all(0 <= mention.start < mention.stop <= len(one.text) for mention in one.mentions)
            "".join([one.text, one.text_id, *(key for label in one.mentions for key in label.ids)]).encode()
