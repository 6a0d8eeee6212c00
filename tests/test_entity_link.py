"""`kxcli entity-link`: links, formats, order, the cache of knowledge bases, and failures."""

import bz2
import gzip
import json
import lzma
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
from conftest import SHARED, mapped, members, wait_until
from hypothesis import given
from hypothesis import strategies as st
from test_failures import workers_of

from kxcli.corpus.documents import Document
from kxcli.mining.linking import NIL, Entry, Linker, Linking, LinkJob, LinkText
from kxcli.mining.linking.job import LinkResources
from kxcli.mining.linking.kb.compiling import compile_entries
from kxcli.mining.linking.kb.entries import SkippedEntries
from kxcli.mining.linking.linker import link_texts
from kxcli.mining.linking.training.linking_model import LinkingModel
from kxcli.mining.rendered_lines import RenderedLines, fill_placeholders
from kxcli.output.rows import escape_tsv
from kxcli.pipelines.linking import render_links
from kxcli.pipelines.linking.render_links import make_link_job

KB = [
    {
        "subject_id": "c",
        "subject": "小米",
        "alias": ["小米", "小米科技", "MI"],
        "type": ["Organization"],
        "data": [{"predicate": "摘要", "object": "雷军创办的手机公司"}, {"predicate": "总部", "object": "北京"}],
    },
    {
        "subject_id": "g",
        "subject": "小米",
        "alias": ["粟"],
        "type": ["Food"],
        "data": [
            {"predicate": "摘要", "object": "熬粥的粮食，早上喝小米粥养胃"},
            {"predicate": "科", "object": "禾本科"},
        ],
    },
    {"subject_id": "l", "subject": "雷军", "alias": [], "type": ["Person"], "data": []},
    {"subject_id": "f", "subject": "file", "alias": ["i̇stanbul", "ABC", "株式会社"]},
]
TEXTS = ["雷军发布了小米新手机", "", "早上熬粥，喝的是小米", "a ﬁle in İSTANBUL，ＡＢＣ和東京㍿の。"]


def jsonl(objects):
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects)


@pytest.fixture
def kb(kxcli):
    path = kxcli.folder / "kb.jsonl"
    path.write_text(jsonl(KB), encoding="utf-8")
    return path


def links(ended):
    """Return the links as {text_id: [(mention, id)]}; check that every mention is at its offset."""
    found = {}
    for line in ended.text.splitlines():
        one = json.loads(line)
        for item in one["mention_data"]:
            assert one["text"][item["offset"] : item["offset"] + len(item["mention"])] == item["mention"]
            assert 0 < item["score"] < 1
        found[one["text_id"]] = [(item["mention"], item["kb_id"]) for item in one["mention_data"]]
    return found


LINKS = {
    "1": [("雷军", "l"), ("小米", "c")],
    "2": [],
    "3": [("小米", "g")],
    "4": [("ﬁle", "f"), ("İSTANBUL", "f"), ("ＡＢＣ", "f"), ("㍿", "f")],
}


def test_lines_keep_their_order(kxcli, kb, workers):
    ended = kxcli("entity-link", "--kb", kb, "-j", workers, stdin="\n".join(TEXTS))
    assert links(ended) == LINKS
    assert [json.loads(line)["text"] for line in ended.text.splitlines()] == TEXTS
    assert not ended.err and not kxcli.leftovers()


def test_records_keep_ids_but_not_labels(kxcli, kb):
    records = [
        {"text_id": 7, "text": TEXTS[0], "mention_data": [1]},
        {"text_id": "x\t", "text": 'q"\\小米'},
        {"text": "粟"},
    ]
    ended = kxcli("entity-link", "--kb", kb, stdin="\n \t" + jsonl(records))
    assert links(ended) == {7: LINKS["1"], "x\t": [("小米", "c")], "4": [("粟", NIL)]}
    rows = kxcli("entity-link", "--kb", kb, "-f", "tsv", "--header", stdin="\n" + jsonl(records)).rows
    assert rows[0] == ["text_id", "offset", "mention", "kb_id", "subject", "score"]
    assert [row[:5] for row in rows[1:]] == [
        ["7", "0", "雷军", "l", "雷军"],
        ["7", "5", "小米", "c", "小米"],
        ["x\\t", "3", "小米", "c", "小米"],
        ["4", "0", "粟", "NIL", ""],
    ]


def test_line_numbers_count_through_all_inputs(kxcli, kb):
    for name, lines in (("a", "小米\n\n无"), ("b", '{"text": "雷军"}\n\n{"text": "MI"}\n'), ("c", ""), ("d", "小米\n")):
        (kxcli.folder / name).write_text(lines, encoding="utf-8")
    ended = kxcli("entity-link", "--kb", kb, "a", "b", "c", "d")
    assert [*links(ended)] == ["1", "2", "3", "4", "6", "7"]


@pytest.mark.parametrize("form", ["text", "jsonl", "skip", "utf-16"])
def test_output_does_not_depend_on_workers_and_shards(kxcli, kb, form):
    lines = [TEXTS[n % 4] + "粥" * (n % 7) for n in range(300)]
    if form == "jsonl":
        lines = [json.dumps({"text_id": n, "text": text} if n % 3 else {"text": text}) for n, text in enumerate(lines)]
    data = "\n".join(lines).encode("utf-16" if form == "utf-16" else "utf-8")
    if form == "skip":
        data = data.replace("发布".encode(), b"\xff") + b"\n\xff"
    (kxcli.folder / "in").write_bytes(data)
    options = [*(["--on-error", "skip"] if form == "skip" else []), *(["--encoding", form] if "utf" in form else [])]

    def run(output, jobs, size, *where, stdin=b""):
        use = ["--kb", kb, "-f", output, "-j", jobs, "--shard-size", size, *options, *where]
        return kxcli("entity-link", *use, stdin=stdin)

    for output in ("jsonl", "tsv") if form == "text" else ("jsonl",):
        whole = run(output, 1, "1M", "in")
        stream = run(output, 2, "1K", "in") if output == "jsonl" else run(output, 2, "500", stdin=data)
        assert run(output, 1, "700", "in").out == stream.out == whole.out and whole.out.count(b"\n") > 200
        assert ("76 lines skipped" in whole.err) == (form == "skip")


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_compressed_files_are_read(kxcli, kb, suffix, pack):
    packed = kxcli.folder / "packed"
    packed.write_bytes(pack(kb.read_bytes()))
    assert links(kxcli("entity-link", "--kb", packed, stdin=pack("\n".join(TEXTS).encode()))) == LINKS


def test_tsv_knowledge_base_has_names_ids_and_descriptions(kxcli):
    (kxcli.folder / "kb.tsv").write_text("\ufeff小米\tc\t手机 公司\nMI\tc\n小米\tg\t熬粥 粮食\n", encoding="utf-8")
    ended = kxcli("entity-link", "--kb", "kb.tsv", stdin="小米手机\n熬粥的小米粮食\n")
    assert links(ended) == {"1": [("小米", "c")], "2": [("小米", "g")]}


def test_options_of_candidates_nil_and_overlap(kxcli, kb):
    text = "小米科技的小米和粟"
    (one,) = map(json.loads, kxcli("entity-link", "--kb", kb, "--candidates", 5, stdin=text).text.splitlines())
    first, second, third = one["mention_data"]
    assert (first["mention"], first["kb_id"], first["candidates"]) == ("小米科技", "c", [])
    assert (second["kb_id"], [c["kb_id"] for c in second["candidates"]]) == ("c", ["g"])
    assert second["candidates"][0]["score"] < second["score"]
    assert (third["kb_id"], [c["kb_id"] for c in third["candidates"]]) == (NIL, ["g"])
    assert third["candidates"][0]["score"] == third["score"] < 0.5
    rows = kxcli("entity-link", "--kb", kb, "--candidates", 1, "-f", "tsv", stdin=text).rows
    assert [(row[2], row[3], row[6]) for row in rows] == [
        ("小米科技", "c", "1"),
        ("小米", "c", "1"),
        ("小米", "g", "2"),
        ("粟", NIL, "1"),
        ("粟", "g", "2"),
    ]

    def found(*options):
        return links(kxcli("entity-link", "--kb", kb, *options, stdin=text))["1"]

    assert found("--nil", "drop") == [("小米科技", "c"), ("小米", "c")]
    assert found("--nil-threshold", "0")[-1] == ("粟", "g")
    assert {key for _, key in found("--nil-threshold", "1")} == {NIL}
    assert found("--overlap", "all")[:2] == [("小米", "c"), ("小米科技", "c")]
    assert found("--overlap", "longest") == found()


def test_title_marks_raise_the_score(kxcli, kb):
    assert links(kxcli("entity-link", "--kb", kb, stdin="读《粟》，种粟"))["1"] == [("粟", "g"), ("粟", NIL)]


BAD = [
    ('{"subject_id": "1"', "is not JSON"),
    ("[1]", "is a list, not a JSON object"),
    ('{"subject": "无"}', "has no subject_id"),
    ('{"subject_id": "9", "subject": "\\ud800"}', "has half a surrogate pair"),
]


@pytest.mark.parametrize(("line", "what"), BAD)
def test_bad_line_of_knowledge_base_is_reported(kxcli, kb, line, what):
    kb.write_text(jsonl(KB[:1]) + line + "\n" + jsonl(KB[1:]), encoding="utf-8")
    ended = kxcli("entity-link", "--kb", kb, stdin="小米", code=1)
    assert f"kb.jsonl:2: {what}" in ended.err and not ended.out
    for _ in range(2):  # compiled, and from the cache
        ended = kxcli("entity-link", "--kb", kb, "--on-error", "skip", stdin="\n".join(TEXTS))
        assert links(ended) == LINKS
        cause = "not a JSON object" if "not a JSON object" in what else "not valid JSONL"
        assert f"1 record skipped: {cause}: {kb}:2" in ended.err


def test_unusable_entries_are_counted(kxcli, kb):
    more = [
        {"subject_id": "c", "subject": "又"},
        {"subject_id": "e", "subject": ""},
        {"subject_id": "p", "subject": "甲甲", "alias": ["", "乙乙"]},
    ]
    kb.write_text(jsonl(KB + more), encoding="utf-8")
    for _ in range(2):
        ended = kxcli("entity-link", "--kb", kb, stdin="乙乙和又")
        assert links(ended) == {"1": [("乙乙", "p"), ("又", NIL)]}
        assert f"1 entry with the id of an earlier entry (names added, types and facts ignored): {kb}:5" in ended.err
        assert f"1 entry without a name, which cannot be found: {kb}:6" in ended.err
        assert f"1 empty name skipped: {kb}:7" in ended.err
    (kxcli.folder / "bad.tsv").write_text("小米\n", encoding="utf-8")
    assert "bad.tsv:1: has no tab and id" in kxcli("entity-link", "--kb", "bad.tsv", stdin="x", code=1).err
    (kxcli.folder / "bytes.tsv").write_bytes(b"a\t1\n\xff\t2\n")
    assert "bytes.tsv:2: byte 0xff" in kxcli("entity-link", "--kb", "bytes.tsv", stdin="x", code=1).err


def test_empty_knowledge_base_is_reported(kxcli):
    (kxcli.folder / "kb").write_text("")
    ended = kxcli("entity-link", "--kb", "kb", stdin="小米\n")
    assert links(ended) == {"1": []} and "has no name in it" in ended.err


def cached(kxcli):
    folder = kxcli.folder / ".cache" / "kxcli" / "kb"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def test_damaged_or_stale_cache_is_rebuilt(kxcli, kb):
    def run():
        return kxcli("entity-link", "--kb", kb, "-v", stdin="\n".join(TEXTS))

    expected = run()
    (file,) = cached(kxcli)
    whole = file.read_bytes()
    assert file.parent.stat().st_mode & 0o777 == 0o700 and file.stat().st_mode & 0o777 == 0o600
    assert "has the knowledge base" in run().err
    for damaged in (b"", whole[:99], whole[:-1], whole + b"x", whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:]):
        file.unlink()
        file.write_bytes(damaged)
        ended = run()
        assert ended.out == expected.out and "the knowledge base is compiled again" in ended.err
        assert file.read_bytes() == whole
    kb.write_text(jsonl(KB[2:]), encoding="utf-8")
    assert links(run())["1"] == [("雷军", "l")] and len(cached(kxcli)) == 2


def test_unused_cache_files_are_removed(kxcli, kb):
    month = 30 * 24 * 60 * 60

    def run():
        return kxcli("entity-link", "--kb", kb, "-v", stdin="小米")

    def age(file, seconds):
        os.utime(file, times=(time.time() - seconds,) * 2)

    run()
    (used,) = cached(kxcli)
    old, young, other, folder, link = (
        used.with_name(name)
        for name in ("0" * 32 + ".kxkb", "1" * 32 + ".kxkb", "mine.kxkb", "2" * 32 + ".kxkb", "3" * 32 + ".kxkb")
    )
    for file in (old, young, other):
        file.write_bytes(b"")
    folder.mkdir()
    link.symlink_to(other)
    os.utime(link, times=(0, 0), follow_symlinks=False)
    for file in (used, old, other, folder):
        age(file, month + 1000)
    age(young, month - 1000)
    run()
    assert time.time() - used.stat().st_mtime < 1000 and old.exists()
    kb.write_text(jsonl(KB[1:]), encoding="utf-8")
    ended = run()
    assert not old.exists() and f"{old}: was not used for 30 days" in ended.err
    assert {used, young, other, folder, link} < {*cached(kxcli)} and len(cached(kxcli)) == 6


def test_unwritable_cache_is_no_error(kxcli, kb, workers):
    folder = kxcli.folder / "shared"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    ended = kxcli(
        "entity-link", "--kb", kb, "--kb-cache", folder, "-j", workers, "--shard-size", 9, stdin="\n".join(TEXTS)
    )
    assert (
        links(ended) == LINKS
        and "other users can write to it; the compiled knowledge base is not cached; run `chmod go-w" in ended.err
    )
    assert not list(folder.iterdir())
    ended = kxcli("entity-link", "--kb", kb, "--kb-cache", kb, "-q", stdin="\n".join(TEXTS))
    assert links(ended) == LINKS and not ended.err
    if os.geteuid():
        folder.chmod(0o500)
        assert links(kxcli("entity-link", "--kb", kb, "--kb-cache", folder, stdin="\n".join(TEXTS))) == LINKS


def test_knowledge_base_from_pipe_is_not_cached(kxcli, kb):
    read, write = os.pipe()
    os.write(write, kb.read_bytes())
    os.close(write)
    assert links(kxcli("entity-link", "--kb", f"/dev/fd/{read}", stdin="\n".join(TEXTS), pass_fds=[read])) == LINKS
    os.close(read)
    assert not cached(kxcli)


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        ([], 2, "--kb"),
        (["--kb", "-"], 2, "'--kb': needs a file, not -"),
        (["--kb", "none"], 1, "none: No such file"),
        (["--kb", "."], 1, "Is a directory"),
        (["--kb", "kb.jsonl", "none"], 1, "none: No such file"),
        (["--kb", "kb.jsonl", "--header"], 2, "--header has no effect with -f jsonl"),
        (["--kb", "kb.jsonl", "--input-format", "npy"], 2, "npy"),
        (["--kb", "kb.jsonl", "--nil-threshold", "2"], 2, "nil-threshold"),
        (["--kb", "kb.jsonl", "--field", "body"], 2, "<stdin>: neither its name nor its content shows"),
    ],
)
def test_wrong_options_are_reported(kxcli, kb, arguments, code, what):
    assert what in kxcli("entity-link", *arguments, stdin="x", code=code).err


def test_bad_records_are_reported_or_skipped(kxcli, kb, workers):
    lines = [
        '{"text": "小米"}',
        '{"text": 1}',
        '{"text_id": [], "text": "x"}',
        '{"text_id": "\\ud800", "text": "x"}',
        "{",
    ]
    (kxcli.folder / "in").write_text("\n".join(lines * 20), encoding="utf-8")
    options = ["--kb", kb, "-j", workers, "--shard-size", 99, "in"]
    assert "in:2: has a number in the field 'text'" in kxcli("entity-link", *options, code=1).err
    ended = kxcli("entity-link", *options, "--on-error", "skip")
    assert [*links(ended)] == [str(n) for n in range(1, 100, 5)]
    assert "40 records skipped: not valid JSONL: in:4, in:5, in:9 and 37 more" in ended.err
    assert "40 records skipped: field missing or of another type: in:2, in:3, in:7 and 37 more" in ended.err


def test_failed_run_keeps_old_output(kxcli, kb):
    (kxcli.folder / "out").write_text("old")
    kxcli("entity-link", "--kb", kb, "-o", "out", stdin=b"\xff", code=1)
    assert (kxcli.folder / "out").read_text() == "old"
    kxcli("entity-link", "--kb", kb, "-o", "out", "-f", "tsv", stdin="雷军")
    assert (kxcli.folder / "out").read_text(encoding="utf-8").startswith("1\t0\t雷军\tl\t雷军\t")


@pytest.mark.full
def test_closed_pipe_and_signal_end_quietly(kxcli, kb, workers):
    (kxcli.folder / "in").write_text("雷军发布了小米\n" * 100_000, encoding="utf-8")
    process = kxcli.start("entity-link", "--kb", kb, "-j", workers, "--shard-size", "20K", "in")
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) == 0 and process.stderr.read() == b""
    process.stderr.close()
    process = kxcli.start("entity-link", "--kb", kb, "-j", workers, "--shard-size", "20K", "in", "-o", "out")
    wait_until(lambda: [*kxcli.folder.glob(".kxcli-*")])
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(20) == 143 and process.communicate() == (b"", b"")
    wait_until(lambda: not members(process.pid))
    assert not kxcli.leftovers() and not (kxcli.folder / "out").exists() and not [*kxcli.folder.glob(".kxcli-*")]


@pytest.mark.full
@pytest.mark.parametrize("retries", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_dead_worker_is_reported(kxcli, kb, retries):
    (kxcli.folder / "in").write_text("雷军发布了小米\n" * 50_000, encoding="utf-8")
    use = ("entity-link", "--kb", kb, "-j", 2, "--shard-size", "20K", "--retries", retries, "in", "-o", "out")
    process = kxcli.start(*use)
    wait_until(lambda: len(workers_of(process)) == 2)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert b"was killed by signal 9" in err
    assert (process.returncode, (kxcli.folder / "out").exists()) == ((0, True) if retries else (1, False))
    if retries:
        assert (kxcli.folder / "out").read_bytes() == kxcli("entity-link", "--kb", kb, "-j", 1, "in").out


@pytest.mark.full
@pytest.mark.parametrize("n", [50_000, pytest.param(700_000, marks=pytest.mark.slow)])
def test_many_entries_of_one_name_and_a_long_line(kxcli, n):
    names = "".join(f"小米\t{n}\t第{n}种\n" for n in range(10_000)) + "一\tone\n"
    (kxcli.folder / "kb.tsv").write_text(names, encoding="utf-8")
    (kxcli.folder / "in").write_text("有一个小米\n" * 2_000 + "一种小米，" * n + "\n", encoding="utf-8")
    ended = kxcli("entity-link", "--kb", "kb.tsv", "--nil", "drop", "-f", "tsv", "in", "-j", 2)
    assert ended.text.count("\n") == 2_000 + n
    assert ended.rows[0][:3] == ["1", "3", "小米"] and ended.rows[-1][:3] == ["2001", str(5 * n - 3), "小米"]


@pytest.fixture(scope="module")
def odd_base():
    entries = [
        Entry('q"\\\t', 'sub\tject "q"', ['"', "\\x", "a b"], (), [("", "小米 粥")]),
        Entry("n\n1", "小米", ["𠮷野", "a b", "\U0001f600"], (), [("", "北京")]),
        Entry("\x7f", "小", ["小米粥", "ﬁ", "é", "\udc80"]),
        Entry("", "米\r", ["\x01\x02", "粟"]),
    ]
    return compile_entries(enumerate(entries, 1), SkippedEntries())


@st.composite
def document_lists(draw):
    pieces = [
        "小米",
        "小",
        "米",
        "粥",
        "𠮷野",
        "\U0001f600",
        '"',
        "\\x",
        "\\",
        "a\tb",
        "a\r\nb",
        "a\rb",
        "a\x1fb",
        "é",
        "e\u0301",
        "ﬁ",
    ]
    pieces += [" ", "。", "x", "\x00", "\x01\x02", "\x1f", "\x7f", "\x85", "\u2028", "\udc80", "\xfe\xff", "《粟》"]
    texts = st.lists(st.sampled_from(pieces), max_size=9).map("".join)
    keys = st.none() | st.integers() | st.sampled_from(["", "k", 'q"\t\n\\', "\xff\xfe", "\udfff"])
    document = st.builds(Document, texts, key=keys, n_before=st.sampled_from([0, 0, 0, 1, 3]))
    found = draw(st.lists(document, max_size=12))
    return found + draw(st.sampled_from([[], [Document("", has_continuation=True, n_before=2)]]))


def render_simply(base, documents, linking, form, n_candidates, first):
    """Return the expected output and the number of lines, where the first line has the number `first`."""
    out, number = [], first - 1
    for document in documents:
        number += document.n_before + (not document.has_continuation)
        if document.has_continuation:
            continue
        text, key = document.text, str(number) if document.key is None else document.key
        found, mentions, rows = link_texts(LinkingModel.from_prior(base), [text], linking), [], []
        for at, (start, stop, entry, score) in enumerate(
            zip(*(a.tolist() for a in (found.starts, found.stops, found.entries, found.scores)), strict=True)
        ):
            others = found.list_candidates(at)[entry >= 0 :][:n_candidates]
            names = [(NIL, "", score) if entry < 0 else (base.ids[entry], base.subjects[entry], score)]
            names += [(base.ids[one], base.subjects[one], value) for one, value in others]
            item = {"mention": text[start:stop], "offset": start, "kb_id": names[0][0], "score": score}
            if n_candidates:
                item["candidates"] = [{"kb_id": name, "score": value} for name, _, value in names[1:]]
            mentions.append(item)
            for rank, (name, subject, value) in enumerate(names, 1):
                rows.append([key, start, text[start:stop], name, subject, value, *([rank] if n_candidates else [])])
        if form == "jsonl":
            out.append(json.dumps({"text_id": key, "text": text, "mention_data": mentions}, ensure_ascii=False))
        else:
            out += ["\t".join(map(escape_tsv, row)) for row in rows]
    return "".join(line + "\n" for line in out).encode("utf-8", "surrogatepass"), number - first + 1


@pytest.mark.full
@given(data=st.data())
def test_renderers_equal_a_simple_writer(odd_base, data):
    documents = data.draw(document_lists())
    form, n_candidates = data.draw(st.sampled_from(["jsonl", "tsv"])), data.draw(st.sampled_from([0, 1, 5]))
    linking = Linking(
        data.draw(st.sampled_from(["all", "best"])), nil_threshold=data.draw(st.sampled_from([0.0, 0.6, 1.0]))
    )
    job = make_link_job(linking, form, n_candidates)
    job.batch_size = data.draw(st.sampled_from([1, 20, 1 << 16]))
    job.setup(LinkResources(odd_base.arrays()))
    with mock.patch.object(render_links, "_CACHE_SIZE", data.draw(st.sampled_from([1, 3, 1 << 13]))):
        made = job.map(documents)
    assert job.load(mapped(job.dump(made))) == made
    first = data.draw(st.integers(1, 3))
    n_lines = sum(rendered.n_lines for rendered in made)
    out = fill_placeholders([[RenderedLines(first - 1, [], b"")], made])
    expected = render_simply(odd_base, documents, linking, form, n_candidates, first)
    assert (b"".join(out), n_lines) == expected


def test_linker_from_python():
    entries = [Entry(e["subject_id"], e["subject"], e.get("alias", ()), e.get("type", ()), facts(e)) for e in KB]
    linker = Linker(iter(entries))
    found = linker.link(iter(TEXTS))
    assert [[(t[m.start : m.stop], m.entry) for m in ms] for t, ms in zip(TEXTS, found, strict=True)] == [
        *LINKS.values()
    ]
    assert [key for key, _ in found[2][0].candidates] == ["g", "c"]
    assert linker.link([]) == [] and Linker([]).link(["小米"]) == [[]]
    assert Linker(entries, Linking(nil="drop")).link(["粟"]) == [[]]
    assert all(a.stop <= b.start for a, b in pairwise(linker.link(["小米科技小米" * 30_000])[0]))
    with pytest.raises(TypeError, match="texts must be a list of texts, not "):
        linker.link("小米")
    with pytest.raises(ValueError, match="two entries have the id 'c'"):
        Linker(entries + entries)


class CountRenderer:
    """Renders the number of mentions of each text, after its key."""

    def __init__(self, base):
        self.n_entries = len(base.ids)

    def __call__(self, records, found):
        counts = np.bincount(found.texts, minlength=len(records)).tolist()
        return b"".join(b"%d/%d " % (n, self.n_entries) for n in counts), [0]


def test_link_job_from_python():
    entries = [Entry(e["subject_id"], e["subject"], e.get("alias", ())) for e in KB]
    job = LinkJob(Linking(), CountRenderer, batch_size=1)
    job.setup(LinkResources(Linker(entries).model.lexicon.base.arrays()))
    first = job.map([LinkText(TEXTS[0]), LinkText("", has_continuation=True), LinkText("雷军", n_before=2)])
    last = job.load(job.dump(job.map([LinkText("无", n_before=1)])))
    parts = [(1, [1], b"2/4 "), (3, [3], b"1/4 "), (2, [2], b"0/4 ")]
    assert job.finish(job.merge(first, last)) == [RenderedLines(*part) for part in parts]


def facts(entry):
    return [(fact["predicate"], fact["object"]) for fact in entry.get("data", ())]


@pytest.fixture(scope="session")
def linking():
    folder = SHARED / "data" / "linking"
    if not folder.is_dir():
        pytest.skip("no labeled texts")
    return folder


def score_f1(kxcli, linking, kb, gold):
    """Return F1 by the official scorer."""
    kxcli("entity-link", "--kb", linking / kb, linking / gold, "-o", "out")
    scorer = SHARED / "eval" / "link_f1.py"
    scored = subprocess.run(
        [sys.executable, scorer, linking / gold, kxcli.folder / "out"], capture_output=True, text=True, check=True
    )
    return float(scored.stdout.split("F1 ")[1].split()[0])


@pytest.mark.slow
def test_f1_of_diseases_without_a_model(kxcli, linking):
    assert score_f1(kxcli, linking, "disease/kb.jsonl", "disease/ncbi.train.jsonl") > 0.58


@pytest.mark.full
def test_accuracy_of_ambiguous_places_without_a_model(kxcli, linking):
    assert score_f1(kxcli, linking, "places/kb.jsonl", "places/train.jsonl") > 0.82
    holders = {}
    for line in (linking / "places" / "kb.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        for name in {entry["subject"], *entry["alias"]}:
            holders.setdefault(name.casefold(), set()).add(entry["subject_id"])
    right = n = 0
    gold_lines = (linking / "places" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    for gold, line in zip(gold_lines, (kxcli.folder / "out").read_text(encoding="utf-8").splitlines(), strict=True):
        linked = {(m["offset"], m["mention"]): m["kb_id"] for m in json.loads(line)["mention_data"]}
        for item in json.loads(gold)["mention_data"]:
            if item["kb_id"] != NIL and len(holders.get(item["mention"].casefold(), ())) > 1:
                n += 1
                right += linked.get((int(item["offset"]), item["mention"])) in (item.get("all_ids") or [item["kb_id"]])
    assert n > 700 and right / n > 0.65
