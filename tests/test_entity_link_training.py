"""`kxcli entity-link` with labeled texts: training, linking with a model, evaluation, failures."""

import gzip
import io
import json
import os
import re
import signal
import stat
import tempfile
import unicodedata
import zipfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import SAMPLES, Program, wait_until
from test_entity_link import KB, jsonl
from test_failures import EVIL, ended, raw_controls, running

from kxcli.corpus import knowledge
from kxcli.errors import InputError
from kxcli.mining.linking import NIL, Entry, LabeledMention, LabeledText, Linker, Linking
from kxcli.mining.linking.kb.compiling import compile_entries
from kxcli.mining.linking.kb.entries import SkippedEntries
from kxcli.mining.linking.training.linking_model import LinkingModel, ModelError
from kxcli.mining.linking.training.train_model import train
from kxcli.pipelines.linking import model_files

pytestmark = pytest.mark.full

OLD = b"an old model"
MANY = 64  # runners-up, more than any name of the samples has
COUNTS = [
    *("gold", "linked", "right", "found", "covered", "ambiguous", "ambiguous_found", "ambiguous_right"),
    *("mention_gold", "mention_linked", "mention_right"),
]
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


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def label_text(text, *mentions, **more):
    """Return a record; mentions: pairs of a mention, at its first position, and an id, None for no id."""
    items = [
        {"mention": mention, "offset": text.index(mention)} | ({} if key is None else {"kb_id": key})
        for mention, key in mentions
    ]
    return {"text": text, "mention_data": items, **more}


def found(ended):
    """Return the links of each line, as pairs of mention and id."""
    return [[(item["mention"], item["kb_id"]) for item in one["mention_data"]] for one in objects(ended.text)]


def rows_of(ended):
    """Return the rows of an evaluation by type, each as a dictionary."""
    head, *rows = ended.rows
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


@pytest.fixture(scope="module")
def sample():
    """A model of the first 100 texts of the labeled sample, and the other 50 to evaluate it."""
    with tempfile.TemporaryDirectory(prefix="kxcli-test-") as name:
        kxcli = Program(Path(name))
        lines = (SAMPLES / "labelled.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        train, gold, model = (kxcli.folder / name for name in ("train.jsonl", "gold.jsonl", "model.npz"))
        train.write_text("".join(lines[:100]), encoding="utf-8")
        gold.write_text("".join(lines[100:]), encoding="utf-8")
        kb = SAMPLES / "encyclopedia.jsonl"
        ended = kxcli("entity-link", "--kb", kb, "--train", train, "--model", "model.npz")
        assert not kxcli.leftovers()
        yield SimpleNamespace(
            kb=kb, train=train, gold=gold, model=model, err=ended.err, out=ended.out, data=model.read_bytes()
        )


TOY = [
    *(label_text(f"雷军发布了小米手机第{n}代", ("雷军", "l"), ("小米", "c")) for n in range(20)),
    *(label_text(f"早上熬了{n}碗小米粥", ("小米", "g")) for n in range(20)),
]


@pytest.fixture
def toy(kxcli):
    """Runs of the program in a folder with a knowledge base and labeled texts."""
    (kxcli.folder / "kb.jsonl").write_text(jsonl(KB), encoding="utf-8")
    (kxcli.folder / "toy.jsonl").write_text(jsonl(TOY), encoding="utf-8")

    def run(*arguments, **options):
        return kxcli("entity-link", "--kb", "kb.jsonl", *arguments, **options)

    def put(name, lines):
        data = lines if isinstance(lines, bytes) else (lines if isinstance(lines, str) else jsonl(lines)).encode()
        (kxcli.folder / name).write_bytes(data)
        return name

    def train(lines):
        put("labelled.jsonl", lines)
        return run("--train", "labelled.jsonl", "--model", "model.npz").err

    def refused(*arguments, code=1, **options):
        """Run to an error with one message; check that no file but the cache changes."""
        before = files(kxcli.folder)
        ended = run(*arguments, code=code, **options)
        err = ended.err
        assert ended.out == b"" and err.startswith("kxcli: error: ") and "internal error" not in err
        assert err.count("\n") == 1 and not raw_controls(err)
        assert files(kxcli.folder) == before and not kxcli.leftovers()
        return err.removeprefix("kxcli: error: ")

    return SimpleNamespace(run=run, put=put, train=train, refused=refused, folder=kxcli.folder, program=kxcli)


@pytest.fixture(scope="module")
def toy_base():
    entries = [Entry(e["subject_id"], e["subject"], e["alias"], e.get("type", ()), facts(e)) for e in KB]
    return compile_entries(enumerate(entries, 1), SkippedEntries())


@pytest.fixture(scope="module")
def toy_model(toy_base):
    """The arrays of a model trained on the toy texts."""
    return train(toy_base, [make_labeled_text(one) for one in TOY]).model.arrays()


def facts(entry):
    return [(fact["predicate"], fact["object"]) for fact in entry.get("data", ())]


def make_labeled_text(one):
    marks = []
    for item in sorted(one["mention_data"], key=lambda item: int(item["offset"])):
        start, key = int(item["offset"]), item.get("kb_id")
        ids = () if key in (None, NIL) else (key,)
        marks.append(LabeledMention(start, start + len(item["mention"]), ids, key is not None))
    return LabeledText(one["text"], marks)


def files(folder):
    """Return the contents of the files of a folder, without the cache."""
    return {
        path: path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".cache" not in path.relative_to(folder).parts
    }


def saved(arrays):
    """Return a model file."""
    data = io.BytesIO()
    np.savez_compressed(data, **arrays)
    return data.getvalue()


def with_header(arrays, **changes):
    header = json.loads(bytes(arrays["header"])) | changes
    return {**arrays, "header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)}


# Training


def test_training_reports_its_quality(sample):
    assert sample.out == b""
    labels = [item for one in objects(sample.train.read_text(encoding="utf-8")) for item in one["mention_data"]]
    assert sample.err.count("\n") == 1
    assert f"model.npz: trained on 100 texts with {len(labels)} mentions, with a tagger; " in sample.err
    scores = re.search(r"F1 of mentions (0\.\d{3}) and of links (0\.\d{3}), without a model (0\.\d{3})\n", sample.err)
    mention_f1, link_f1, untrained_f1 = map(float, scores.groups())
    assert untrained_f1 < link_f1 < mention_f1


def test_model_raises_f1(kxcli, sample):
    def f1(*options):
        ended = kxcli("entity-link", "--kb", sample.kb, "--evaluate", sample.gold, *options)
        return float(rows_of(ended)["total"]["f1"])

    assert f1("--model", sample.model) > f1() + 0.02


def parts_of(folder, sample):
    lines = sample.train.read_bytes().splitlines(keepends=True)
    for name, part in (("a", lines[:30]), ("b", []), ("c", lines[30:99]), ("d", [lines[99].rstrip(b"\n")])):
        (folder / name).write_bytes(b"".join(part))
    return ["a", "b", "c", "d"]


def packed_on_windows(folder, sample):
    lines = b"\xef\xbb\xbf" + sample.train.read_bytes().replace(b"\n", b"\r\n\r\n")
    (folder / "labelled.gz").write_bytes(gzip.compress(lines))
    return ["labelled.gz"]


@pytest.mark.costly
@pytest.mark.parametrize(
    ("options", "seed", "labeled"),
    [
        (["-q"], "1", None),
        ([], "0", parts_of),
        ([], "0", packed_on_windows),
    ],
    ids=["again", "in parts", "packed"],
)
def test_same_texts_train_the_same_model(kxcli, sample, options, seed, labeled):
    kxcli.environment["PYTHONHASHSEED"] = seed
    paths = [sample.train] if labeled is None else labeled(kxcli.folder, sample)
    given = [argument for path in paths for argument in ("--train", path)]
    for _ in range(2 if labeled is None else 1):  # the second time with a compiled knowledge base
        ended = kxcli("entity-link", "--kb", sample.kb, *given, "--model", "model.npz", *options)
        assert (kxcli.folder / "model.npz").read_bytes() == sample.data
        assert ended.out == b"" and (ended.err == "") == ("-q" in options)


def test_labeled_texts_and_model_may_be_pipes(kxcli, sample):
    os.mkfifo(kxcli.folder / "fifo")
    process = kxcli.start("entity-link", "--kb", sample.kb, "--train", "fifo", "--model", "/dev/stdout")
    (kxcli.folder / "fifo").write_bytes(sample.train.read_bytes())
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, sample.data) and b"kxcli: /dev/stdout: trained " in err


def test_model_replaces_the_old_file(toy):
    toy.put("there.npz", OLD)
    (toy.folder / "there.npz").chmod(0o640)
    (toy.folder / "link.npz").symlink_to("there.npz")
    toy.run("--train", "toy.jsonl", "--model", "link.npz")
    assert (toy.folder / "link.npz").is_symlink()
    assert stat.S_IMODE((toy.folder / "there.npz").stat().st_mode) == 0o640
    assert found(toy.run("--model", "link.npz", stdin="雷军熬了小米粥\n")) == [[("雷军", "l"), ("小米", "g")]]


def test_model_has_numeric_arrays(sample):
    with np.load(sample.model, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    assert all(array.dtype.kind in "uif" for array in arrays.values())
    header = json.loads(bytes(arrays["header"]))
    assert 0 < header["threshold"] < 1 and header["has_tagger"] and header["is_linked"]


# Linking with a model


@pytest.mark.parametrize("form", ["jsonl", "tsv"])
def test_output_does_not_depend_on_workers_and_shards(kxcli, sample, form):
    lines = sample.gold.read_bytes()
    (kxcli.folder / "in").write_bytes(lines)

    def run(*arguments, **options):
        use = ("--kb", sample.kb, "--model", sample.model, "-f", form)
        return kxcli("entity-link", *use, *arguments, **options).out

    whole = run("-j", 1, "in")
    other = run("-j", 2, "--shard-size", "2K", "in") if form == "jsonl" else run("--shard-size", 300, stdin=lines)
    assert other == whole and whole.count(b"\n") > 40


def test_formats_and_options_agree(kxcli, sample):
    def run(*options):
        return kxcli("entity-link", "--kb", sample.kb, "--model", sample.model, *options, sample.gold)

    plain = objects(run().text)
    several = objects(run("--candidates", 2).text)
    rows = run("--candidates", 2, "-f", "tsv", "--header").rows
    linked = []
    for one, other in zip(plain, several, strict=True):
        for item, more in zip(one["mention_data"], other["mention_data"], strict=True):
            others = more.pop("candidates")
            assert item == more and len(others) <= 2
            scores = [item["score"], *(each["score"] for each in others)]
            assert scores == sorted(scores, reverse=True) or item["kb_id"] == NIL
            assert item["kb_id"] not in [each["kb_id"] for each in others]
            start = item["offset"]
            assert one["text"][start : start + len(item["mention"])] == item["mention"]
            for rank, each in enumerate([item, *others], 1):
                row = [one["text_id"], str(start), item["mention"], each["kb_id"], str(each["score"]), str(rank)]
                linked.append(row)
    assert rows[0] == ["text_id", "offset", "mention", "kb_id", "subject", "score", "rank"]
    assert [row[:4] + row[5:] for row in rows[1:]] == linked

    def ids(*options):
        return [[item["kb_id"] for item in one["mention_data"]] for one in objects(run(*options).text)]

    kept = ids("--nil-threshold", "0.6")
    assert any(NIL in keys for keys in kept)
    assert ids("--nil-threshold", "0.6", "--nil", "drop") == [[key for key in keys if key != NIL] for keys in kept]
    assert {key for keys in ids("--nil-threshold", "1") for key in keys} == {NIL}
    with np.load(sample.model) as file:
        threshold = json.loads(bytes(file["header"]))["threshold"]
    assert ids("--nil-threshold", threshold) == [[item["kb_id"] for item in one["mention_data"]] for one in plain]
    low = objects(run("--nil-threshold", "0", "--candidates", 1).text)
    assert all(item["kb_id"] != NIL or not item["candidates"] for one in low for item in one["mention_data"])


def test_compressed_knowledge_base_fits_the_model(kxcli, sample):
    (kxcli.folder / "kb.gz").write_bytes(gzip.compress(sample.kb.read_bytes()))
    first, second = (
        kxcli("entity-link", "--kb", kb, "--model", sample.model, sample.gold) for kb in (sample.kb, "kb.gz")
    )
    assert first.out == second.out and not second.err


def test_python_reads_and_trains_the_same_model(kxcli, sample):
    entries = [Entry(*one[1:]) for one in knowledge.read_entries(os.fspath(sample.kb), "strict", lambda loss: None)]
    with np.load(sample.model) as file:
        arrays = {name: file[name] for name in file.files}
    base = compile_entries(enumerate(entries, 1), SkippedEntries())
    linker = Linker.from_model(LinkingModel.from_arrays(arrays, base), Linking())
    ended = kxcli("entity-link", "--kb", sample.kb, "--model", sample.model, "--candidates", MANY, sample.gold)
    texts = [one["text"] for one in objects(ended.text)]
    together, alone = linker.link(texts), [linker.link([text])[0] for text in texts]
    assert together == alone
    for one, mentions in zip(objects(ended.text), together, strict=True):
        expected = []
        for item in one["mention_data"]:
            start, best = item["offset"], [] if item["kb_id"] == NIL else [(item["kb_id"], item["score"])]
            others = [(each["kb_id"], each["score"]) for each in item["candidates"]]
            expected.append((start, start + len(item["mention"]), item["kb_id"], item["score"], (*best, *others)))
        assert [(*mention,) for mention in mentions] == expected
    own = Linker(entries)
    trained = own.train([make_labeled_text(one) for one in objects(sample.train.read_text(encoding="utf-8"))])
    assert saved(trained.model.arrays()) == sample.data and own.link(texts) == together
    assert f"of links {trained.link_f1:.3f}" in sample.err
    with pytest.raises(ModelError, match="another knowledge base"):
        LinkingModel.from_arrays(arrays, compile_entries(enumerate(entries[1:], 1), SkippedEntries()))


# Learning


def test_names_of_labeled_texts_are_learned(toy):
    lines = TOY + [label_text(f"大麦厂发布了第{n}部手机", ("大麦厂", "c")) for n in range(20)]
    lines += [label_text(f"阿黄在院子里叫了{n}声", ("阿黄", NIL)) for n in range(20)]
    toy.train(lines)
    texts = "今天大麦厂发布了手机\n阿黄叫了\n雷军发布了小米\n"
    assert found(toy.run(stdin=texts)) == [[], [], [("雷军", "l"), ("小米", "c")]]
    assert found(toy.run("--model", "model.npz", stdin=texts)) == [
        [("大麦厂", "c")],
        [("阿黄", NIL)],
        [("雷军", "l"), ("小米", "c")],
    ]
    assert found(toy.run("--model", "model.npz", "--nil", "drop", stdin=texts))[1] == []


def test_unlabeled_names_and_nil_are_learned(toy):
    lines = TOY + [label_text(f"请看第{n}页的ABC表") for n in range(20)]
    lines += [label_text(f"株式会社第{n}号展台", ("株式会社", NIL)) for n in range(20)]
    toy.train(lines)
    texts = "请看第7页的ABC表格\n株式会社第99号展台\n雷军熬小米粥\n"
    assert found(toy.run(stdin=texts))[:2] == [[("ABC", "f")], [("株式会社", "f")]]
    assert found(toy.run("--model", "model.npz", stdin=texts)) == [
        [],
        [("株式会社", NIL)],
        [("雷军", "l"), ("小米", "g")],
    ]


def test_links_are_learned(toy):
    toy.train([label_text(f"甲说小米是第{n}名", ("小米", "g")) for n in range(30)])
    assert found(toy.run(stdin="小米\n")) == [[("小米", "c")]]
    assert found(toy.run("--model", "model.npz", stdin="小米\n")) == [[("小米", "g")]]


def test_labels_without_ids_train_mentions_only(toy):
    def without(one):
        return label_text(one["text"], *((item["mention"], None) for item in one["mention_data"]))

    lines = [*map(without, TOY), *(label_text(f"请看第{n}页的ABC表") for n in range(20))]
    err = toy.train(lines)
    assert "no kb_id is given, so links are not learned" in err and "of links" not in err
    texts = "雷军发布了小米手机\n早上熬了小米粥\n请看第7页的ABC表格\n"
    assert found(toy.run("--model", "model.npz", stdin=texts)) == [
        [("雷军", "l"), ("小米", "c")],
        [("小米", "g")],
        [],
    ]


def test_labels_of_nil_train_no_links(toy):
    err = toy.train([label_text(f"早上熬了{n}碗小米粥", ("小米", NIL)) for n in range(40)])
    assert "no kb_id is given" not in err
    assert found(toy.run("--model", "model.npz", stdin="早上熬了99碗小米粥\n")) == [[("小米", NIL)]]


def test_one_labeled_mention_is_enough(toy):
    err = toy.train(TOY[:1])
    assert "trained on 1 text with 2 mentions" in err
    assert len(found(toy.run("--model", "model.npz", stdin="雷军发布了小米手机\n"))) == 1


def test_tagger_finds_unlisted_names(toy):
    first, second, third = "王李张刘陈杨赵黄", "伟芳娜敏静强磊军洋艳", "明超秀霞平刚桂波"
    ends = ["买了东西", "回家了", "去了公园", "看了电影", "写了信"]
    lines = []
    for n in range(220):
        name = first[n % 8] + second[n * 7 % 10] + third[n * 5 // 8 % 8]
        lines.append(label_text(f"昨天{name}先生{ends[n % 5]}，天气很好", (name, NIL)))
    err = toy.train(TOY + lines)
    assert "with a tagger" in err
    texts = "昨天司马光先生买了东西，天气很好\n昨天陆小曼先生回家了，天气很好\n天气很好\n"
    assert found(toy.run(stdin=texts)) == [[], [], []]
    assert found(toy.run("--model", "model.npz", stdin=texts)) == [[("司马光", NIL)], [("陆小曼", NIL)], []]


def test_offsets_may_be_digits_or_floats(toy):
    lines = [one | {"text_id": n} for n, one in enumerate(TOY)]
    for one in lines:
        for item in one["mention_data"]:
            item["offset"] = str(item["offset"])
            item["all_ids"] = [item["kb_id"]]
    toy.train(lines)
    data = (toy.folder / "model.npz").read_bytes()
    for one in lines:
        for item in one["mention_data"]:
            item["offset"] = float(item["offset"])
            del item["all_ids"]
    toy.train(lines)
    assert (toy.folder / "model.npz").read_bytes() == data


# Evaluation


def folded(name):
    return unicodedata.normalize("NFKC", name).casefold()


def evaluate(golds, linked, entries):
    """Return counts and ratios by type, from gold records and linked lines with all runners-up."""
    types = {entry["subject_id"]: entry.get("type", []) for entry in entries}
    n_entries = Counter()
    for entry in entries:
        n_entries.update({folded(name) for name in [entry["subject"], *entry["alias"]]})
    counts = {"total": Counter()}

    def count(kinds, **amounts):
        for kind in ["total", *kinds]:
            counts.setdefault(kind, Counter()).update(amounts)

    for gold, one in zip(golds, linked, strict=True):
        assert gold["text"] == one["text"]
        spans = {(item["offset"], item["mention"]): item for item in one["mention_data"]}
        for item in spans.values():
            count([], mention_linked=1)
            if item["kb_id"] != NIL:
                count(types[item["kb_id"]], linked=1)
        for item in gold["mention_data"]:
            offset, mention, key = int(item["offset"]), item["mention"], item.get("kb_id")
            is_there = gold["text"][offset : offset + len(mention)] == mention
            mine = spans.get((offset, mention)) if is_there else None
            if key == NIL:
                count([], mention_gold=1, mention_right=mine is not None)
                continue
            ids = item.get("all_ids") or ([] if key is None else [key])
            is_found = mine is not None and mine["kb_id"] != NIL
            is_right = is_found and mine["kb_id"] in ids
            options = [] if mine is None else [mine["kb_id"], *(each["kb_id"] for each in mine["candidates"])]
            kinds = types.get(mine["kb_id"] if is_right else (ids or [""])[0], [])
            count(kinds, gold=1, found=is_found, right=is_right, covered=bool({*options} & {*ids}))
            count(kinds, mention_gold=1, mention_right=mine is not None)
            if is_there and n_entries[folded(mention)] > 1:
                count(kinds, ambiguous=1, ambiguous_found=is_found, ambiguous_right=is_right)
    return {kind: add_ratios(kind, own) for kind, own in counts.items()}


def add_ratios(kind, counts):
    row = {name: counts[name] for name in COUNTS}
    for name, (part, whole) in RATIOS.items():
        row[name] = row[part] / row[whole] if row[whole] else None
    for prefix in ("", "mention_"):
        n = row[f"{prefix}gold"] + row[f"{prefix}linked"]
        row[f"{prefix}f1"] = 2 * row[f"{prefix}right"] / n if n else None
    if kind != "total":
        row |= dict.fromkeys(("mention_linked", "mention_precision", "mention_f1"))
    return row


ODD = [
    label_text("小米发布了手机", ("小米", "10009"), text_id="odd"),
    {
        "text": "喝小米粥",
        "mention_data": [{"mention": "小米", "offset": "1", "kb_id": "none", "all_ids": ["10009", "10003"]}],
    },
    {"text": "花木兰", "mention_data": [{"mention": "花木兰", "offset": 7, "kb_id": "10061"}]},
    label_text("苹果和花木兰", ("苹果", "nowhere"), ("花木兰", None)),
    label_text("没有名字"),
    label_text("他叫小米粥", ("小米粥", "10009"), ("他", NIL)),
]


def is_close(value, expected):
    return value is expected is None or (value is not None and abs(value - expected) < 1e-12)


@pytest.mark.parametrize("options", [["--model"], []], ids=["with a model", "without"])
def test_evaluation_equals_counts_of_linked_output(kxcli, sample, options):
    gold = objects(sample.gold.read_text(encoding="utf-8")) + ODD
    (kxcli.folder / "gold").write_text(jsonl(gold), encoding="utf-8")
    use = ["--kb", sample.kb, *(["--model", sample.model] if options else [])]
    linked = objects(kxcli("entity-link", *use, "--candidates", MANY, "gold").text)
    expected = evaluate(gold, linked, objects(sample.kb.read_text(encoding="utf-8")))
    ended = kxcli("entity-link", *use, "--evaluate", "gold", "-f", "jsonl")
    rows_by_type = {row.pop("type"): row for row in objects(ended.text)}
    assert rows_by_type.keys() == expected.keys() and next(iter(rows_by_type)) == "total"
    for kind, row in rows_by_type.items():
        assert row.keys() == expected[kind].keys()
        assert all(is_close(row[name], expected[kind][name]) for name in row), kind
    sizes = [row["gold"] for row in rows_by_type.values()]
    assert sizes == sorted(sizes, reverse=True) and expected["total"]["right"] > 50
    assert "1 labeled mention counted as missed (the text at the offset differs): gold:53" in ended.err
    assert "1 labeled mention whose kb_id the knowledge base does not have: gold:54" in ended.err
    assert "1 labeled mention without a kb_id" in ended.err
    kxcli("entity-link", *use, "--evaluate", "gold", "-o", "out", "-q")
    head, *rows = [line.split("\t") for line in (kxcli.folder / "out").read_text(encoding="utf-8").splitlines()]
    assert head == ["type", *rows_by_type["total"]]
    for (kind, *cells), (name, row) in zip(rows, rows_by_type.items(), strict=True):
        assert kind == name and cells == [as_cell(column, value) for column, value in row.items()]


def as_cell(column, value):
    is_ratio = column.endswith(("precision", "recall", "f1", "accuracy", "accuracy_found"))
    return "" if value is None else f"{value:.4f}" if is_ratio else str(value)


def test_each_kind_of_mistake_is_listed(toy):
    texts = [
        label_text("昨天雷军发布了小米手机", ("雷军", "l"), ("小米", "g"), text_id="a\t1"),
        label_text("一碗粟", ("粟", "g")),
        label_text("李四来了", ("李四", NIL), ("来了", None)),
        label_text("小米和雷军和ABC", ("小米", "c"), ("雷军", NIL)),
        label_text("小米科技园", ("科技园", "x")),
        label_text("早上熬粥，喝的是" + "很" * 30 + "好的小米，真的" + "很" * 30 + "好", ("小米", "c")),
    ]
    toy.put("gold", texts)
    ended = toy.run("--evaluate", "gold", "--errors", "errors.tsv")
    head, *rows = [line.split("\t") for line in (toy.folder / "errors.tsv").read_text(encoding="utf-8").splitlines()]
    assert head == [
        *("text_id", "offset", "mention", "kind", "right_id", "right_subject"),
        *("linked_id", "linked_subject", "linked_mention", "score", "right_rank", "context"),
    ]
    assert [row[:9] + row[10:11] for row in rows] == [
        ["a\\t1", "7", "小米", "wrong", "g", "小米", "c", "小米", "小米", "2"],
        ["2", "2", "粟", "rejected", "g", "小米", NIL, "", "粟", "1"],
        ["3", "0", "李四", "missed", NIL, "", "", "", "", ""],
        ["3", "2", "来了", "missed", "", "", "", "", "", ""],
        ["4", "3", "雷军", "spurious", NIL, "", "l", "雷军", "雷军", ""],
        ["4", "6", "ABC", "spurious", "", "", "f", "file", "ABC", ""],
        ["5", "2", "科技园", "boundary", "x", "", "c", "小米", "小米科技", ""],
        ["6", "40", "小米", "wrong", "c", "小米", "g", "小米", "小米", "2"],
    ]
    assert [row[11] for row in rows][-2:] == ["小米科技园", "…" + "很" * 18 + "好的小米，真的" + "很" * 17 + "…"]
    linked = objects(toy.run("gold").text)
    scores = {(one["text_id"], str(m["offset"])): str(m["score"]) for one in linked for m in one["mention_data"]}
    assert [row[9] for row in rows[:2]] == [scores["a\t1", "7"], scores["2", "2"]]
    total = rows_of(ended)["total"]
    assert (total["gold"], total["right"], total["found"]) == ("7", "2", "4")


def test_mistakes_are_all_differences(kxcli, sample):
    use = ["--kb", sample.kb, "--model", sample.model]
    kxcli("entity-link", *use, "--evaluate", sample.gold, "--errors", "errors.tsv")
    rows = [line.split("\t") for line in (kxcli.folder / "errors.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    linked = kxcli("entity-link", *use, sample.gold)

    def links(text):
        return {
            (one["text_id"], int(item["offset"]), item["mention"], item["kb_id"])
            for one in objects(text)
            for item in one["mention_data"]
        }

    gold, given = links(sample.gold.read_text(encoding="utf-8")), links(linked.text)
    spans = {one[:3] for one in given}
    listed_gold = {(row[0], int(row[1]), row[2], row[4]) for row in rows if row[4]}
    assert listed_gold == {one for one in gold - given if one[3] != NIL or one[:3] not in spans} | {
        one for one in gold - given if one[3] == NIL and one[:3] in {other[:3] for other in given if other[3] != NIL}
    }
    wrong = {one for one in given - gold if one[3] != NIL}
    assert {(row[0], int(row[1]), row[8], row[6]) for row in rows if row[6] and row[6] != NIL} == wrong
    assert all(row[2] in row[11] and row[8] in row[11] for row in rows) and {"wrong", "spurious"} <= {
        row[3] for row in rows
    }


def test_evaluation_reads_compressed_gold_and_pipes(toy):
    toy.put("gold", TOY)
    expected = toy.run("--evaluate", "gold").out
    toy.put("gold.gz", gzip.compress(jsonl(TOY).encode()))
    assert toy.run("--evaluate", "gold.gz").out == expected
    assert toy.run("--evaluate", "/dev/stdin", stdin=jsonl(TOY)).out == expected
    assert toy.run("--evaluate", "gold", "--header").out == expected


# Labeled texts that cannot be used


def test_unusable_labels_are_counted(toy):
    odd = [
        {"text": "雷军来了", "mention_data": [{"mention": "雷军", "offset": 1, "kb_id": "l"}]},
        {"text": "雷军来了", "mention_data": [{"mention": "雷军"}, 7, {"mention": "", "offset": 0, "kb_id": "l"}]},
        {"text": "雷军来了", "mention_data": [{"mention": "雷军", "offset": -4, "kb_id": "l"}]},
        label_text("小米来了", ("小米", "nowhere")),
        {"text": "小米来了", "mention_data": [{"mention": "小米", "offset": 0, "kb_id": key} for key in ("c", NIL)]},
        {"text": "没有标注"},
    ]
    err = toy.train(TOY + odd)
    assert "trained on 46 texts with 62 mentions" in err
    assert (
        "5 labeled mentions skipped (the text at the offset differs): "
        "labelled.jsonl:41, labelled.jsonl:42, labelled.jsonl:42 and 2 more" in err
    )
    assert "1 labeled mention whose kb_id the knowledge base does not have: labelled.jsonl:44" in err
    assert "1 label skipped (the same line labels the same mention again): labelled.jsonl:45" in err
    toy.run("--train", "labelled.jsonl", "--model", "model.npz", "-q")
    assert found(toy.run("--model", "model.npz", stdin="雷军熬小米粥")) == [[("雷军", "l"), ("小米", "g")]]


def test_mention_without_characters_is_not_learned(toy):
    lines = [label_text(f"\uffff小米{n}", ("\uffff", NIL), ("小米", "c")) for n in range(20)]
    toy.train(lines + [label_text(f"米粥{n}和", (f"粥{n}", NIL)) for n in range(20)])
    together = found(toy.run("--model", "model.npz", stdin="米粥\n\uffff小米\n\uffff\n"))
    assert together[1:] == [[("小米", "c")], []]
    assert found(toy.run("--model", "model.npz", stdin="\uffff\n")) == [[]]


def test_unknown_ids_train_mentions(toy):
    err = toy.train(TOY + [label_text(f"早上煮了{n}碗麦子", ("麦子", "nowhere")) for n in range(20)])
    assert "20 labeled mentions whose kb_id the knowledge base does not have" in err
    assert found(toy.run("--model", "model.npz", stdin="早上煮了99碗麦子\n")) == [[("麦子", NIL)]]


def test_labels_of_another_knowledge_base_are_reported(toy):
    err = toy.train([label_text(f"早上熬了{n}碗小米粥", ("小米", "nowhere")) for n in range(20)])
    assert "labelled.jsonl: has no kb_id that the knowledge base has" in err
    assert "20 labeled mentions whose kb_id the knowledge base does not have: labelled.jsonl:1, " in err
    assert found(toy.run("--model", "model.npz", stdin="早上熬了99碗小米粥\n")) == [[("小米", NIL)]]


def test_bad_lines_are_reported_or_skipped(toy):
    bad = ["{", '"x"', '{"txt": "x"}', '{"text": 1}', '{"text": "x", "mention_data": 1}', '{"text": "\\ud800"}']
    for line in bad[::2]:
        toy.put("bad.jsonl", jsonl(TOY[:1]) + "\n" + line + "\n")
        err = toy.refused("--train", "bad.jsonl", "--model", "model.npz")
        assert err.startswith("bad.jsonl:3: ") and "; " in err, line
    assert toy.refused("--evaluate", "bad.jsonl") == err
    toy.put("bad.jsonl", jsonl(TOY[:20]).encode() + "\n".join(bad).encode() + b"\n\xff\n" + jsonl(TOY[20:]).encode())
    ended = toy.run("--train", "bad.jsonl", "--model", "model.npz", "--on-error", "skip")
    assert "trained on 40 texts" in ended.err and "bad.jsonl:21, bad.jsonl:23, bad.jsonl:24 and 2 more" in ended.err
    assert "1 record skipped: not a JSON object: bad.jsonl:22\n" in ended.err
    model = (toy.folder / "model.npz").read_bytes()
    toy.run("--train", "toy.jsonl", "--model", "model.npz")
    assert (toy.folder / "model.npz").read_bytes() == model
    ended = toy.run("--evaluate", "bad.jsonl", "--on-error", "skip")
    assert rows_of(ended)["total"]["gold"] == "60" and "5 records skipped: not valid JSONL" in ended.err


@pytest.mark.parametrize(
    ("labeled", "what"),
    [
        (b"", "has no labeled mention; give JSONL"),
        (b'{"text": "x"}\n', "has no labeled mention; give JSONL"),
        (jsonl(TOY).encode() + b"\xff\n", "bad:41: byte 0xff is not valid"),
        (jsonl(TOY).encode() + b"{\n", "bad:41: is not JSON"),
        (gzip.compress(jsonl(TOY).encode())[:-9], "bad: the compressed data "),
        (saved({"a": np.arange(3)}), "bad:"),
        (None, "bad: No such file or directory; "),
    ],
    ids=["empty", "no label", "bytes", "JSON", "gz", "npz", "missing"],
)
def test_unusable_labeled_texts_keep_the_old_model(toy, labeled, what):
    if labeled is not None:
        toy.put("bad", labeled)
    err = toy.refused("--train", "bad", "--model", "model.npz")
    assert err.startswith("bad") and what in err and "; " in err
    if "JSON" in what and "label" not in what:  # a later file leaves an old model, too
        toy.put("model.npz", OLD)
        assert toy.refused("--train", "toy.jsonl", "--train", "bad", "--model", "model.npz") == err


def test_skips_are_reported_if_nothing_remains(toy):
    toy.put("bad", jsonl([{"text": "x", "mention_data": [{"mention": "x", "offset": 1}]}]))
    ended = toy.run("--train", "bad", "--model", "model.npz", code=1)
    assert "1 labeled mention skipped (the text at the offset differs): bad:1\n" in ended.err
    assert "error: bad: has no labeled mention; " in ended.err
    assert not (toy.folder / "model.npz").exists()


def test_folder_is_reported(toy):
    (toy.folder / "folder").mkdir()
    assert toy.refused("--train", "folder", "--model", "model.npz").startswith("folder: Is a directory; ")
    assert toy.refused("--evaluate", "folder").startswith("folder: Is a directory; ")


def test_unusable_gold_is_reported(toy):
    assert toy.refused("--evaluate", "none").startswith("none: No such file or directory; ")
    toy.put("errors.tsv", OLD)
    toy.put("bad", jsonl(TOY) + "{\n")
    assert toy.refused("--evaluate", "bad", "--errors", "errors.tsv").startswith("bad:41: is not JSON")
    toy.put("model.npz", saved({"a": np.arange(3)}))
    assert toy.refused("--evaluate", "model.npz").startswith("model.npz:")
    for empty in ("", jsonl([label_text("没有名字"), {"text": "雷军"}])):
        toy.put("empty", empty)
        ended = toy.run("--evaluate", "empty", "--errors", "errors.tsv")
        assert "empty: has no labeled mention, so there is nothing to find" in ended.err
        total = rows_of(ended)["total"]
        assert (total["gold"], total["recall"], total["linked"]) == ("0", "", "1" if empty else "0")


def test_empty_knowledge_base_learns_names(toy):
    toy.put("kb.jsonl", "")
    err = toy.train([label_text(f"早上熬了{n}碗小米粥", ("小米", NIL)) for n in range(20)])
    assert "kb.jsonl: has no name in it" in err
    assert found(toy.run("--model", "model.npz", stdin="早上熬了99碗小米粥\n")) == [[("小米", NIL)]]


def test_control_characters_in_file_names_are_escaped(toy):
    toy.put(EVIL, "{\n")
    toy.refused("--train", EVIL, "--model", "model.npz")
    toy.refused("--train", "toy.jsonl", "--model", f"{EVIL}/x")
    toy.refused("--evaluate", EVIL)
    toy.refused("--model", EVIL, stdin="x")
    toy.refused("--evaluate", "toy.jsonl", "--errors", f"{EVIL}/x")


# Models that cannot be used


def test_unwritable_model_is_reported_before_training(toy):
    (toy.folder / "folder").mkdir()
    (toy.folder / "loop").symlink_to("loop")
    for target in ("none/model.npz", "folder", "folder/", "toy.jsonl/x", "loop"):
        err = toy.refused("--train", "missing", "--model", target)
        assert err.startswith(f"{target}: ") and "; " in err and "-o" not in err.split("; ")[1]
    assert toy.refused("--evaluate", "missing", "--errors", "loop") == err.replace("--model", "--errors")
    if os.geteuid():
        (toy.folder / "folder").chmod(0o500)
        err = toy.refused("--train", "missing", "--model", "folder/model.npz")
        assert err == "folder/model.npz: its folder cannot be written; name another file with --model\n"


def test_full_device_is_reported(toy):
    err = toy.refused("--train", "toy.jsonl", "--model", "/dev/full")
    assert err == "/dev/full: No space left on device; make room, or name another file with --model\n"
    err = toy.refused("--evaluate", "toy.jsonl", "--errors", "/dev/full")
    assert err == "/dev/full: No space left on device; make room, or name another file with --errors\n"
    assert "-o" in toy.refused("--evaluate", "toy.jsonl", "-o", "/dev/full")


def test_full_disk_keeps_old_files(toy, small_disk):
    for name in ("model.npz", "errors.tsv"):
        (small_disk / name).write_bytes(OLD)
    with suppress(OSError), open(small_disk / "full", "wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    err = toy.refused("--train", "toy.jsonl", "--model", "disk/model.npz")
    assert err.startswith("disk/model.npz: No space left on device; ")
    toy.put("gold", [label_text("雷军", ("雷军", "c"))] * 2000)
    err = toy.refused("--evaluate", "gold", "--errors", "disk/errors.tsv")
    assert err.startswith("disk/errors.tsv: No space left on device; ")


def lacking(arrays, field):
    header = json.loads(bytes(arrays["header"]))
    del header[field]
    return {**arrays, "header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)}


def without(arrays, name):
    return {key: array for key, array in arrays.items() if key != name}


def shorter(arrays, name):
    return {**arrays, name: arrays[name][:-1]}


def objects_in(arrays, name):
    return {**arrays, name: np.array([{"a": 1}], dtype=object)}


def cut(data):
    return data[: len(data) // 2]


def flipped(arrays):
    """Return a model with flipped bits in compressed data."""
    data = saved(arrays)
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        info = file.getinfo("mention.columns.npy")
    start = info.header_offset + 30 + len(info.filename) + 60
    return data[:start] + bytes(byte ^ 0xFF for byte in data[start : start + 40]) + data[start + 40 :]


def locked(arrays):
    """Return a model with members that are marked as encrypted."""
    data = bytearray(saved(arrays))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + flags] |= 1
            at = data.find(mark, at + 4)
    return bytes(data)


def one_array(arrays):
    data = io.BytesIO()
    np.save(data, np.arange(3))
    return data.getvalue()


HARMED = {
    "empty": lambda arrays: b"",
    "text": lambda arrays: jsonl(TOY).encode(),
    "cut off": lambda arrays: cut(saved(arrays)),
    "flipped": flipped,
    "locked": locked,
    "one array": one_array,
    "an object": lambda arrays: one_object(),
    "others": lambda arrays: saved({"a": np.arange(3)}),
    "header of objects": lambda arrays: saved(objects_in(arrays, "header")),
    "header of no JSON": lambda arrays: saved({**arrays, "header": np.frombuffer(b"\xff{", dtype=np.uint8)}),
    "header of a list": lambda arrays: saved({**arrays, "header": np.frombuffer(b"[1]", dtype=np.uint8)}),
    "ranking of objects": lambda arrays: saved(objects_in(arrays, "ranking")),
    "lacks ranking": lambda arrays: saved(without(arrays, "ranking")),
    "lacks header": lambda arrays: saved(without(arrays, "header")),
    "lacks statistics": lambda arrays: saved(without(arrays, "statistics.starts")),
    "short ranking": lambda arrays: saved(shorter(arrays, "ranking")),
    "short link": lambda arrays: saved(shorter(arrays, "link.dense")),
    "short counts": lambda arrays: saved(shorter(arrays, "statistics.n_mentions")),
    "threshold": lambda arrays: saved(with_header(arrays, threshold=None)),
    "text as threshold": lambda arrays: saved(with_header(arrays, mention_threshold="x")),
    "lacks is_linked": lambda arrays: saved(lacking(arrays, "is_linked")),
    "lacks has_tagger": lambda arrays: saved(lacking(arrays, "has_tagger")),
    "a tagger that is not there": lambda arrays: saved(with_header(arrays, has_tagger=True)),
    "version": lambda arrays: saved(with_header(arrays, version=999)),
    "evil version": lambda arrays: saved(with_header(arrays, version="\x1b[31m")),
    "features": lambda arrays: saved(with_header(arrays, features=[[], []])),
    "knowledge base": lambda arrays: saved(with_header(arrays, knowledge_base="00" * 32)),
}


def one_object():
    data = io.BytesIO()
    np.save(data, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return data.getvalue()


def expected_error(harm):
    if harm in ("version", "features"):
        return "train it again"
    return "was trained with another knowledge base" if harm == "knowledge base" else "is no model|is damaged"


@pytest.mark.parametrize(
    "harm", ["flipped", "one array", "an object", "lacks ranking", "evil version", "knowledge base"]
)
def test_unusable_model_is_reported(toy, toy_model, harm):
    toy.put("model.npz", HARMED[harm](toy_model))
    err = toy.refused("--model", "model.npz", "toy.jsonl")
    assert err.startswith("model.npz: ") and err.endswith("; make one with --train LABELED --model model.npz\n")
    assert re.search(expected_error(harm), err)
    for use in (("-j", 2, "--shard-size", 300, "toy.jsonl", "-o", "out"), ("--evaluate", "toy.jsonl", "--errors", "e")):
        assert harm != "flipped" or toy.refused("--model", "model.npz", *use) == err


@pytest.mark.parametrize("harm", HARMED)
def test_every_unusable_model_is_reported(toy_base, toy_model, tmp_path, harm):
    path = tmp_path / "model.npz"
    path.write_bytes(HARMED[harm](toy_model))
    with pytest.raises(InputError) as error:
        model_files.load_model(os.fspath(path), toy_base)
    assert error.value.args[0] == os.fspath(path) and re.search(expected_error(harm), error.value.args[1])


def test_any_flipped_bit_is_reported_or_harmless(toy_base, toy_model, tmp_path):
    data, path = saved(toy_model), tmp_path / "model.npz"
    n_reported = 0
    for at in range(7, len(data), max(1, len(data) // 80)):
        path.write_bytes(data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
        try:
            arrays = model_files.load_model(os.fspath(path), toy_base)
        except InputError as error:
            n_reported += 1
            assert error.args[0] == os.fspath(path)
        else:
            assert all(np.array_equal(arrays[name], array) for name, array in toy_model.items())
    assert n_reported > 50


def test_unreadable_model_is_reported(toy):
    (toy.folder / "folder").mkdir()
    hint = "; make one with --train LABELED --model"
    assert toy.refused("--model", "none", "toy.jsonl") == f"none: No such file or directory{hint} none\n"
    assert (
        toy.refused("--model", "folder", "toy.jsonl", "-j", "2", "-o", "x") == f"folder: Is a directory{hint} folder\n"
    )
    assert toy.refused("--model", "kb.jsonl", "--evaluate", "toy.jsonl").startswith("kb.jsonl: is no model of kxcli")


def test_model_needs_its_knowledge_base(toy):
    toy.run("--train", "toy.jsonl", "--model", "model.npz")
    toy.put("kb.jsonl", [{**KB[0], "alias": [*KB[0]["alias"], "米家"]}, *KB[1:]])
    err = toy.refused("--model", "model.npz", "toy.jsonl")
    assert err.startswith("model.npz: was trained with another knowledge base")
    assert "another knowledge base" in toy.refused("--model", "model.npz", "--evaluate", "toy.jsonl")


def test_model_may_be_a_pipe(toy):
    toy.run("--train", "toy.jsonl", "--model", "model.npz")
    expected = toy.run("--model", "model.npz", "toy.jsonl").out
    os.mkfifo(toy.folder / "fifo")
    process = toy.program.start("entity-link", "--kb", "kb.jsonl", "--model", "fifo", "toy.jsonl")
    with suppress(BrokenPipeError):
        (toy.folder / "fifo").write_bytes((toy.folder / "model.npz").read_bytes())
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (0, expected, b"")


# Usage


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--train", "toy.jsonl"], "--train requires --model"),
        (["--train", "toy.jsonl", "--model", ""], "--train requires --model"),
        (["--train", "toy.jsonl", "--model", "m.npz", "toy.jsonl"], "INPUT has no effect with --train"),
        (["--train", "toy.jsonl", "--model", "m.npz", "--files-from", "toy.jsonl"], "--files-from has no effect"),
        (
            ["--train", "toy.jsonl", "--model", "m.npz", "--evaluate", "toy.jsonl"],
            "--train cannot be combined with --evaluate",
        ),
        (["--train", "toy.jsonl", "--model", "m.npz", "--errors", "e"], "--errors requires --evaluate"),
        (["--errors", "e", "toy.jsonl"], "--errors requires --evaluate"),
        (["--evaluate", "toy.jsonl", "toy.jsonl"], "INPUT has no effect with --evaluate"),
        (["--evaluate", "toy.jsonl", "--errors", "e", "-o", "./e"], "--errors and -o name the same file"),
        (["--evaluate", "toy.jsonl", "-f", "table"], "table"),
        (["--evaluate", "toy.jsonl", "--candidates", "2"], "--candidates"),
        (["--train", "toy.jsonl", "--model", "m.npz", "-o", "out"], "--output"),
        (["--train", "toy.jsonl", "--model", "m.npz", "--encoding", "none"], "--encoding"),
        (["--train", "-", "--model", "m.npz"], "'--train': needs a file, not -"),
        (["--train", "toy.jsonl", "--model", "-"], "'--model': needs a file, not -"),
        (["--evaluate", "-"], "'--evaluate': needs a file, not -"),
    ],
)
def test_wrong_options_are_reported(toy, arguments, what):
    assert what in toy.refused(*arguments, code=2)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--train", "toy.jsonl", "--model", "./toy.jsonl"],
        ["--train", "toy.jsonl", "--model", "kb.jsonl"],
        ["--evaluate", "toy.jsonl", "--errors", "./toy.jsonl"],
        ["--evaluate", "toy.jsonl", "--errors", "kb.jsonl"],
        ["--evaluate", "toy.jsonl", "--model", "model.npz", "--errors", "model.npz"],
    ],
)
def test_inputs_are_not_overwritten(toy, toy_model, arguments):
    toy.put("model.npz", saved(toy_model))
    toy.refused(*arguments, code=2)


# Signals


@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGTERM, 143)]
)
def test_signal_during_training_keeps_old_model(toy, number, code):
    toy.put(
        "big.jsonl",
        [label_text(f"昨天第{n}号先生熬了小米粥，天气很好", (f"第{n}号", NIL), ("小米", "g")) for n in range(20_000)],
    )
    toy.put("model.npz", OLD)
    before = files(toy.folder)
    use = ("entity-link", "--kb", "kb.jsonl", "--train", "big.jsonl", "--model", "model.npz", "-v")
    with running(toy.program, *use) as process:
        while line := process.stderr.readline():
            if b"training on" in line:
                break
        os.kill(process.pid, number)
        assert "Traceback" not in ended(process, code)
        assert process.stdout.read() == b""
    assert files(toy.folder) == before and not toy.program.leftovers()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_signal_during_evaluation_keeps_old_mistakes(toy, number, code):
    toy.put("gold", [label_text("雷军发布了小米手机", ("雷军", "c"), ("小米", "g"))] * 30_000)
    toy.put("errors.tsv", OLD)
    before = files(toy.folder)
    with running(
        toy.program, "entity-link", "--kb", "kb.jsonl", "--evaluate", "gold", "--errors", "errors.tsv"
    ) as process:
        wait_until(lambda: [*toy.folder.glob(".kxcli-*")])
        os.kill(process.pid, number)
        assert ended(process, code) == "" and process.stdout.read() == b""
    assert files(toy.folder) == before and not toy.program.leftovers()
