"""Reading of labeled texts, and scoring of links: by the task definition, its scorer, and examples."""

import contextlib
import gzip
import io
import json
import lzma
import runpy
import sys
from pathlib import Path
from unittest import mock

import pytest
from conftest import SAMPLES, SHARED
from hypothesis import given
from hypothesis import strategies as st

from kxcli.batching import CACHE_BATCH
from kxcli.corpus.labeled_texts import Label, LabeledSpan, read_labeled_texts
from kxcli.errors import InputError, OutputError
from kxcli.mining.linking import NIL, Entry, Linker, Mention
from kxcli.mining.linking.kb.compiling import compile_entries
from kxcli.mining.linking.kb.entries import SkippedEntries
from kxcli.mining.linking.metrics import EvaluationTally, GoldMention, LinkMistake, find_mistakes
from kxcli.output import sink
from kxcli.pipelines.linking import evaluation
from kxcli.pipelines.linking.evaluation import EntryLookup
from kxcli.pipelines.settings import OutputSettings
from kxcli.report import Report

SCORER = SHARED / "eval" / "link_f1.py"
TYPES = {"x": ("Person",), "y": ("Place", "City"), "z": (), "w": ("Place", "Place"), "?": ()}
RATIOS = {
    "precision": ("right", "linked"),
    "recall": ("right", "gold"),
    "accuracy": ("right", "found"),
    "candidate_recall": ("covered", "gold"),
    "ambiguous_accuracy": ("ambiguous_right", "ambiguous"),
    "ambiguous_accuracy_found": ("ambiguous_right", "ambiguous_found"),
    "mention_precision": ("mention_right", "mention_linked"),
    "mention_recall": ("mention_right", "mention_gold"),
}


class FakeLookup:
    """A knowledge base with as many entries of a name as it has characters."""

    def count_entries(self, name):
        return len(name)

    def get_types(self, key):
        return TYPES.get(key, ())

    def get_subject(self, key):
        return f"the {key}" if key in "xyzw" else None


labels = st.one_of(
    st.fixed_dictionaries({}, optional={"kb_id": st.sampled_from([NIL, "x", "y", "z", "?", None])}),
    st.fixed_dictionaries(
        {
            "kb_id": st.sampled_from([NIL, "x", "y", None]),
            "all_ids": st.lists(st.sampled_from(["x", "y", "w", NIL]), max_size=3),
        }
    ),
)
links = st.builds(
    lambda start, length, entry, score, candidates: Mention(start, start + length, entry, score, candidates),
    st.integers(0, 5),
    st.integers(1, 3),
    st.sampled_from([NIL, "x", "y", "z", "w"]),
    st.sampled_from([0.25, 0.5]),
    st.lists(st.tuples(st.sampled_from("xyzw"), st.just(0.5)), max_size=3).map(tuple),
)


@st.composite
def items(draw, text):
    """A labeled mention, mostly one at its offset."""
    start = draw(st.integers(0, len(text) - 1))
    mention = text[start : start + draw(st.integers(1, 3))]
    if not draw(st.integers(0, 4)):
        start, mention = draw(st.integers(-1, 6)), draw(st.sampled_from(["a", "ba", ""]))
    offset = draw(st.sampled_from([start, str(start), float(start)]))
    return {"mention": mention, "offset": offset, **draw(labels)}


@st.composite
def cases(draw):
    """Records with labels, and links in each text, mostly at a label."""
    records, linked = [], []
    for number in range(draw(st.integers(0, 4))):
        text = draw(st.text("ab", min_size=3, max_size=7))
        several = draw(st.one_of(st.lists(items(text), min_size=1, max_size=5), st.none()))
        mentions = draw(st.lists(links, max_size=3))
        for item in several or []:
            start, ids = int(item["offset"]), item.get("all_ids") or [item.get("kb_id")]
            for one in draw(st.lists(links, min_size=1, max_size=2)):
                entry = draw(st.sampled_from([one.entry, ids[0], ids[-1]])) or NIL
                mentions.append(one._replace(start=start, stop=start + len(item["mention"]), entry=entry))
        linked.append([one for one in mentions if 0 <= one.start < one.stop <= len(text)])
        records.append({"text_id": draw(st.sampled_from([number, str(number)])), "text": text, "mention_data": several})
    return records, linked


def evaluate(folder, records, linked, errors_path=None, batch_size=CACHE_BATCH):
    """Return the tally of a file of records, with a linker that returns `linked`."""
    path = folder / "gold.jsonl"
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    given_texts = []

    def link(texts):
        given_texts.extend(texts)
        return linked[len(given_texts) - len(texts) : len(given_texts)]

    report = Report(quiet=True)
    tally = evaluation.evaluate_file(
        link, str(path), FakeLookup(), on_error="stop", report=report, errors_path=errors_path, batch_size=batch_size
    )
    assert given_texts == [record["text"] for record in records]
    return tally


def table(tally):
    """Return the rows of the output, by type, in their order."""
    data = b"".join(evaluation.encode_evaluation(tally, OutputSettings(None, "jsonl", None)))
    return {row.pop("type"): row for row in map(json.loads, data.decode("utf-8").splitlines())}


def count_by_definition(records, linked, kind=None):
    """Return the counts of the task definition, for all items or a type."""
    n = dict.fromkeys(evaluation.COLUMNS[1:], 0)
    for record, mentions in zip(records, linked, strict=True):
        text, gold = record["text"], {}
        for item in record["mention_data"] or []:
            gold.setdefault((int(item["offset"]), item["mention"]), []).append(item)
        found = {}
        for mention in mentions:
            found.setdefault((mention.start, text[mention.start : mention.stop]), []).append(mention)
        last = {key: [one for one in several if one.entry != NIL][-1:] for key, several in found.items()}
        n["linked"] += sum(kind is None or kind in TYPES[one.entry] for several in last.values() for one in several)
        n["mention_linked"] += len(found)
        for key, several in gold.items():
            with_id = [item for item in several if item.get("kb_id") != NIL]
            ids = [] if not with_id else with_id[-1].get("all_ids") or [with_id[-1].get("kb_id")]
            ids = [one for one in ids if one not in (None, NIL)]
            entries = [one.entry for one in last.get(key, [])]
            is_right = bool(entries) and entries[0] in ids
            types = TYPES.get(entries[0] if is_right else ids[0], ()) if ids else ()
            if kind is not None and kind not in types:
                continue
            n["mention_gold"] += 1
            n["mention_right"] += key in found
            if not with_id:
                continue
            listed = last.get(key) or found.get(key, [])[:1]
            n["gold"] += 1
            n["found"] += bool(entries)
            n["right"] += is_right
            n["covered"] += is_right or any(one in ids for mention in listed for one, _ in mention.candidates)
            if len(key[1]) > 1 and key[0] >= 0 and text[key[0] :].startswith(key[1]):
                n["ambiguous"] += 1
                n["ambiguous_found"] += bool(entries)
                n["ambiguous_right"] += is_right
    for name, (part, whole) in RATIOS.items():
        n[name] = n[part] / n[whole] if n[whole] else None
    for name, gold_name, linked_name in (("", "gold", "linked"), ("mention_", "mention_gold", "mention_linked")):
        both = n[gold_name] + n[linked_name]
        n[f"{name}f1"] = pytest.approx(2 * n[f"{name}right"] / both) if both else None
    if kind is not None:
        n.update(mention_linked=None, mention_precision=None, mention_f1=None)
    return n


@given(cases())
def test_counts_equal_the_task_definition(tmp_path, case):
    records, linked = case
    rows = table(evaluate(tmp_path, records, linked))
    assert next(iter(rows)) == "total"
    for kind, row in rows.items():
        assert row == count_by_definition(records, linked, None if kind == "total" else kind)
    missing = {"Person", "Place", "City"} - set(rows)
    for kind in missing:
        twin = count_by_definition(records, linked, kind)
        assert twin["gold"] == twin["linked"] == 0
    order = [(-row["gold"], -row["linked"], kind) for kind, row in rows.items()][1:]
    assert order == sorted(order)
    assert table(evaluate(tmp_path, records, linked, batch_size=4)) == rows


def run_scorer(folder, records, linked, *options):
    """Return the numbers that the official scorer prints."""
    found = [
        [{"mention": record["text"][one.start : one.stop], "offset": one.start, "kb_id": one.entry} for one in several]
        for record, several in zip(records, linked, strict=True)
    ]
    path = folder / "linked.jsonl"
    lines = [
        json.dumps({"text_id": record["text_id"], "mention_data": items}) + "\n"
        for record, items in zip(records, found, strict=True)
    ]
    path.write_text("".join(lines), encoding="utf-8")
    output = io.StringIO()
    arguments = [str(SCORER), str(folder / "gold.jsonl"), str(path), *options]
    with mock.patch.object(sys, "argv", arguments), contextlib.redirect_stdout(output):
        runpy.run_path(str(SCORER), run_name="__main__")
    return [word for word in output.getvalue().split() if word[0].isdigit()]


def format_ratios(row, *names):
    return ["0.0000" if row[name] is None else f"{row[name]:.4f}" for name in names]


def assert_equal_to_scorer(folder, records, linked):
    row = table(evaluate(folder, records, linked))["total"]
    assert run_scorer(folder, records, linked) == format_ratios(row, "precision", "recall", "f1", "accuracy")
    found = run_scorer(folder, records, linked, "--mentions")
    assert found == format_ratios(row, "mention_precision", "mention_recall", "mention_f1")


needs_scorer = pytest.mark.skipif(not SCORER.is_file(), reason="no scorer")


@needs_scorer
@pytest.mark.full
@given(cases())
def test_ratios_equal_the_official_scorer(tmp_path, case):
    assert_equal_to_scorer(tmp_path, *case)


@needs_scorer
@pytest.mark.full
def test_ratios_of_real_texts_equal_the_official_scorer(tmp_path):
    folder = SHARED / "data" / "linking" / "places"
    if not folder.is_dir():
        pytest.skip("no labeled texts")
    entries = [json.loads(line) for line in (folder / "kb.jsonl").read_text(encoding="utf-8").splitlines()]
    records = [json.loads(line) for line in (folder / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    linker = Linker(Entry(entry["subject_id"], entry["subject"], entry["alias"]) for entry in entries)
    assert_equal_to_scorer(tmp_path, records, linker.link([record["text"] for record in records]))


def overlap(one, other):
    return one.start < other.stop and other.start < one.stop


@given(
    st.lists(
        st.builds(
            lambda start, length, ids: GoldMention(start, start + length, *ids),
            st.integers(0, 5),
            st.integers(1, 3),
            st.sampled_from([((), True), ((), False), (("x",), True), (("y", "z"), True)]),
        ),
        max_size=4,
        unique_by=lambda one: (one.start, one.stop),
    ),
    st.lists(links, max_size=4, unique_by=lambda one: (one.start, one.stop)),
)
def test_mistakes_have_the_right_kind_and_are_complete(gold, linked):
    found = find_mistakes([*gold, GoldMention(-1, -1, ("x",))], linked)
    linked_at = {(one.start, one.stop): one for one in linked}
    gold_at = {(one.start, one.stop): one for one in gold}
    for kind, item, mention in found:
        if kind == "missed":
            assert mention is None and not any(overlap(item, one) and one[:2] not in gold_at for one in linked)
        elif kind == "rejected":
            assert item.ids and mention == linked_at[item[:2]] and mention.entry == NIL
        elif kind == "wrong":
            assert mention == linked_at[item[:2]] and mention.entry not in (NIL, *item.ids)
        elif kind == "boundary":
            assert overlap(item, mention) and mention[:2] not in gold_at
        elif item is None:
            assert mention.entry != NIL and not any(overlap(mention, one) for one in gold)
        else:
            assert item.is_nil and mention == linked_at[item[:2]] and mention.entry != NIL
    for one in gold:
        mention = linked_at.get(one[:2])
        is_wrong = mention is None or (one.has_id and mention.entry not in (one.ids or (NIL,)))
        assert is_wrong == any(
            mistake.gold == one for mistake in found if mistake.linked in (None, mention) or mention is None
        )
    for one in linked:
        item = gold_at.get(one[:2])
        if one.entry != NIL and (item is None or (item.has_id and one.entry not in item.ids)):
            assert any(mistake.linked == one for mistake in found)
    assert len(set(found)) == len(found)
    assert [mistake.span for mistake in found] == sorted(mistake.span for mistake in found)


def test_each_kind_of_mistake():
    def mention(start, stop, entry, *candidates):
        return Mention(start, stop, entry, 0.5, tuple((key, 0.5) for key in candidates))

    gold = [
        GoldMention(0, 2, ("x",)),
        GoldMention(2, 4, ("x",)),
        GoldMention(4, 6, ("x",)),
        GoldMention(6, 8, ()),
        GoldMention(8, 10, ("y",)),
    ]
    linked = [
        mention(2, 4, NIL, "w", "x"),
        mention(4, 6, "w", "w"),
        mention(6, 8, "w", "w"),
        mention(9, 11, "w", "w"),
        mention(12, 13, "z", "z"),
        mention(14, 15, NIL, "z"),
    ]
    assert find_mistakes(gold, linked) == [
        LinkMistake("missed", gold[0], None),
        LinkMistake("rejected", gold[1], linked[0]),
        LinkMistake("wrong", gold[2], linked[1]),
        LinkMistake("spurious", gold[3], linked[2]),
        LinkMistake("boundary", gold[4], linked[3]),
        LinkMistake("spurious", None, linked[4]),
    ]
    inside = [mention(0, 1, "w"), mention(0, 2, "x"), mention(8, 10, "y"), mention(9, 10, NIL)]
    assert find_mistakes([gold[0], gold[4]], inside) == [LinkMistake("boundary", gold[0], inside[0])]
    assert find_mistakes([GoldMention(0, 2, (), has_id=False)], [mention(0, 2, "x")]) == []


def test_overlaps_take_no_quadratic_time():
    n = 50_000
    gold = [GoldMention(3 * place, 3 * place + 2, ("x",)) for place in range(n)]
    linked = [Mention(3 * place + 1, 3 * place + 3, "x", 0.5, ()) for place in range(n)]
    assert [error.kind for error in find_mistakes(gold, linked)] == ["boundary"] * n


def test_file_of_mistakes_has_a_row_for_each(tmp_path):
    records = [
        {
            "text_id": "t\t1",
            "text": "0123456789012345678901234567890小米和雷军在京",
            "mention_data": [
                {"mention": "小米", "offset": 31, "kb_id": "x", "all_ids": ["x", "w"]},
                {"mention": "雷军", "offset": 34, "kb_id": "?"},
                {"mention": "nowhere", "offset": 0, "kb_id": "x"},
            ],
        },
        {"text": "京", "mention_data": [{"mention": "京", "offset": 0, "kb_id": NIL}]},
    ]
    linked = [
        [
            Mention(31, 33, "z", 0.75, (("z", 0.75), ("w", 0.2))),
            Mention(34, 35, "y", 0.5, ()),
            Mention(36, 38, "y", 1.0, ()),
        ],
        [],
    ]
    path = tmp_path / "errors.tsv"
    path.write_text("old")
    evaluate(tmp_path, records, linked, str(path))
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    assert rows[0] == [*evaluation.ERROR_COLUMNS]
    right = ["x | w", "the x | the w"]
    assert rows[1] == [
        *("t\\t1", "31", "小米", "wrong", *right, "z", "the z", "小米", "0.75", "2"),
        "…12345678901234567890小米和雷军在京",
    ]
    assert rows[2][1:] == [
        *("34", "雷军", "boundary", "?", "", "y", "the y", "雷", "0.5", ""),
        "…45678901234567890小米和雷军在京",
    ]
    assert rows[3][1:11] == ["36", "在京", "spurious", "", "", "y", "the y", "在京", "1.0", ""]
    assert rows[4] == ["2", "0", "京", "missed", NIL, "", "", "", "", "", "", "京"]
    assert len(rows) == 5


def test_unwritable_file_of_mistakes_is_reported(tmp_path):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "no" / "errors", tmp_path / "folder"):
        with pytest.raises(OutputError):
            sink.check(str(path), option="--errors")
    with pytest.raises(OutputError, match=r"no/errors: No such file or directory; .* with --errors"):
        evaluate(tmp_path, [], [], str(tmp_path / "no" / "errors"))
    sink.check(str(tmp_path / "a"), option="--errors")


def test_failed_evaluation_keeps_old_file_of_mistakes(tmp_path):
    (tmp_path / "errors").write_text("old")
    with pytest.raises(InputError, match=r"gold.jsonl:2: has no field 'text'"):
        evaluate(tmp_path, [{"text": "a"}, {"x": 1}], [[]], str(tmp_path / "errors"))
    assert (tmp_path / "errors").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["errors", "gold.jsonl"]


def tsv(tally):
    return [
        line.split("\t")
        for line in b"".join(evaluation.encode_evaluation(tally, OutputSettings(None, "tsv", None)))
        .decode("utf-8")
        .splitlines()
    ]


def test_ratios_without_denominator_are_empty(tmp_path):
    empty = tsv(evaluate(tmp_path, [], []))
    assert empty[0] == [*evaluation.COLUMNS] and len(empty) == 2
    assert [cell for cell in empty[1] if cell != "0"] == ["total"] + [""] * 10
    assert (
        len(b"".join(evaluation.encode_evaluation(EvaluationTally(), OutputSettings(None, "tsv", False))).splitlines())
        == 1
    )
    records = [{"text": "ab", "mention_data": [{"mention": "a", "offset": 0, "kb_id": NIL}]}]
    row = table(evaluate(tmp_path, records, [[Mention(0, 1, NIL, 0.1, (("x", 0.1),))]]))["total"]
    assert (row["gold"], row["linked"], row["precision"], row["recall"], row["f1"]) == (0, 0, None, None, None)
    assert (row["mention_precision"], row["mention_recall"], row["mention_f1"]) == (1, 1, 1)
    row = table(evaluate(tmp_path, records, [[Mention(0, 1, "x", 0.1, ())]]))["total"]
    assert (row["linked"], row["precision"], row["recall"], row["f1"]) == (1, 0, None, 0)


def test_ratios_have_four_decimals_in_tsv_only(tmp_path):
    records = [{"text": "aab", "mention_data": [{"mention": "a", "offset": n, "kb_id": "x"} for n in (0, 1, 2)]}]
    tally = evaluate(tmp_path, records, [[Mention(0, 1, "x", 0.1, ()), Mention(1, 2, "x", 0.1, ())]])
    rows = {row[0]: dict(zip(evaluation.COLUMNS, row, strict=True)) for row in tsv(tally)}
    assert [*rows] == ["type", "total", "Person"]
    assert (rows["Person"]["recall"], rows["Person"]["gold"], rows["Person"]["mention_f1"]) == ("0.6667", "3", "")
    assert table(tally)["total"]["recall"] == 2 / 3


def test_texts_with_one_text_id_stay_separate(tmp_path):
    records = [{"text_id": 1, "text": "a", "mention_data": [{"mention": "a", "offset": 0, "kb_id": "x"}]}] * 3
    assert table(evaluate(tmp_path, records, [[]] * 3))["total"]["gold"] == 3


def read(path, on_error="stop"):
    skips = []
    found = list(read_labeled_texts(str(path), on_error, skips.append))
    return found, {one.kind: (one.count, [place.line for place in one.places]) for one in skips}


def write_gold(folder, *lines):
    path = folder / "gold.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_records_have_their_lines(tmp_path):
    path = write_gold(
        tmp_path,
        '{"text_id": 7, "text": "𠮷小米和小米", "mention_data": [{"mention": "小米", "offset": "4", "kb_id": 12},'
        ' {"mention": "小米", "offset": 1, "kb_id": "NIL"}]}',
        " ",
        '{"text": "a", "mention_data": null}',
        '{"text_id": "x", "text": "a", "mention_data": [{"mention": "a", "offset": 0, "all_ids": ["1", "2", "1"]}]}',
        '{"text": ""}',
    )
    found, skips = read(path)
    assert not skips
    assert [(one.line, one.text_id) for one in found] == [(1, "7"), (3, "3"), (4, "x"), (5, "5")]
    assert found[0].mentions == (LabeledSpan(1, 3, (), True), LabeledSpan(4, 6, ("12",), True))
    assert [one.mentions for one in found[1:]] == [(), (LabeledSpan(0, 1, ("1", "2"), True),), ()]
    for pack in (gzip.compress, lzma.compress):
        packed = tmp_path / "packed"
        packed.write_bytes(pack(path.read_bytes()))
        assert read(packed)[0] == found


def test_misplaced_mentions_are_counted(tmp_path):
    items = [
        {"mention": "b", "offset": 0, "kb_id": "x"},
        {"mention": "b", "offset": 0, "kb_id": "y"},
        {"mention": "c", "offset": -1, "kb_id": NIL},
        {"mention": "", "offset": 1},
        {"mention": "a", "offset": "one", "kb_id": "x"},
        {"mention": "a", "offset": True, "kb_id": "x"},
        {"mention": "a", "offset": 0.5, "kb_id": "x"},
        {"offset": 0, "kb_id": "x"},
        {"mention": "a", "kb_id": "x"},
        {"mention": "a", "offset": 0, "kb_id": "x"},
        {"mention": "a", "offset": "0", "kb_id": NIL},
        "a",
    ]
    (found,), skips = read(write_gold(tmp_path, "", json.dumps({"text": "abc", "mention_data": items})))
    assert skips == {
        "labeled mentions skipped (the text at the offset differs)": (10, [2, 2, 2]),
        "labels skipped (the same line labels the same mention again)": (2, [2, 2]),
    }
    assert found.mentions == (LabeledSpan(0, 1, ("x",), True),)
    x = Label(("x",), True)
    assert found.misplaced == (Label(("y",), True), Label((), True), Label((), False), x, x, x, x, x, Label((), False))


BAD = [
    ('{"text": "a"', "is not JSON"),
    ("小米\tc", "is not JSON"),
    ("[1]", "is a list, not a JSON object"),
    ('{"mention_data": []}', "has no field 'text'; give JSON objects with text_id, text and mention_data"),
    ('{"text": 1}', "has no string in the field 'text'"),
    ('{"text": "a", "text_id": [1]}', "has neither a string nor a whole number in the field 'text_id'"),
    ('{"text": "a", "mention_data": {"a": 1}}', "has no list in the field 'mention_data'"),
    ('{"text": "\\ud800"}', "has half a surrogate pair"),
    ('{"text": "a", "mention_data": [{"mention": "a", "offset": 0, "kb_id": "\\ud800"}]}', "has half a surrogate pair"),
]


@pytest.mark.parametrize(("line", "what"), BAD)
def test_bad_record_is_reported_with_its_line(tmp_path, line, what):
    path = write_gold(tmp_path, '{"text": "a"}', line, '{"text": "b"}')
    with pytest.raises(InputError) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}:2: {what}")
    found, skips = read(path, "skip")
    assert [one.text for one in found] == ["a", "b"]
    cause = "not a JSON object" if "not a JSON object" in what else "not valid JSONL"
    assert skips == {f"records skipped: {cause}": (1, [2])}


def test_bad_bytes_and_missing_files_are_reported(tmp_path):
    path = tmp_path / "gold"
    path.write_bytes(b'{"text": "a"}\n{"text": "\xff"}\n')
    with pytest.raises(InputError, match="gold:2: byte 0xff is not valid utf-8"):
        read(path)
    assert [one.text for one in read(path, "skip")[0]] == ["a"]
    assert [one.text for one in read(path, "replace")[0]] == ["a", "\ufffd"]
    with pytest.raises(InputError, match="none: No such file"):
        read(tmp_path / "none")


def test_unreachable_gold_is_reported(tmp_path, capsys):
    items = [{"mention": "a", "offset": 0, "kb_id": "?"}, {"mention": "b", "offset": 1}]
    path = write_gold(tmp_path, json.dumps({"text": "ab", "mention_data": items}))
    report = Report()
    evaluation.evaluate_file(lambda texts: [[] for _ in texts], str(path), FakeLookup(), on_error="stop", report=report)
    report.close()
    err = capsys.readouterr().err
    assert f"1 labeled mention whose kb_id the knowledge base does not have: {path}:1\n" in err
    assert f"1 labeled mention without a kb_id (no link is right): {path}:1\n" in err
    write_gold(tmp_path, '{"text": "ab"}')
    evaluation.evaluate_file(lambda texts: [[] for _ in texts], str(path), FakeLookup(), on_error="stop", report=report)
    assert "gold.jsonl: has no labeled mention" in capsys.readouterr().err


def test_entry_lookup_of_a_compiled_base():
    entries = [
        Entry("1", "小米", ["ＭＩ"], ["Food", "Plant", "Food"]),
        Entry("2", "小米", [], ["Firm"]),
        Entry("3", ""),
    ]
    known = EntryLookup(compile_entries(enumerate(entries), SkippedEntries()))
    assert [known.count_entries(name) for name in ("小米", "mi", " MI ", "米")] == [2, 1, 1, 0]
    assert [known.get_types(key) for key in "1234"] == [("Food", "Plant"), ("Firm",), (), ()]
    assert [known.get_subject(key) for key in "1234"] == ["小米", "小米", "", None]


def test_labeled_sample_fits_the_encyclopedia():
    lines = Path(SAMPLES, "encyclopedia.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [Entry(e["subject_id"], e["subject"], e["alias"], e["type"]) for e in map(json.loads, lines)]
    known = EntryLookup(compile_entries(enumerate(entries, 1), SkippedEntries()))
    found, skips = read(SAMPLES / "labelled.jsonl")
    assert len(found) == 150 and not skips
    mentions = [(one.text[m.start : m.stop], m) for one in found for m in one.mentions]
    assert len(mentions) == 241 and sum(not m.ids for _, m in mentions) == 15
    assert all(known.get_subject(key) is not None for _, m in mentions for key in m.ids)
    assert sum(known.count_entries(name) > 1 for name, m in mentions if m.ids) > 150
