"""`--document`, `--dispersion` and `-f mtx` of wordcount, on the command line."""

import bz2
import errno
import gzip
import json
import os
from collections import Counter

import pytest
from conftest import SAMPLES
from test_ranges import peak_memory

from kxcli.corpus import numbering
from kxcli.mining import Counting, Segmentation, count_matrix
from kxcli.mining.documents.api import TermMatrix
from kxcli.output import sink

NEWS = (SAMPLES / "news.txt").read_bytes()


@pytest.fixture
def corpus(kxcli):
    """A folder of four files: one longer than a shard, one compressed, one of JSON lines, and an empty one."""
    lines = NEWS.splitlines(keepends=True)
    records = [{"text": line.decode().strip(), "label": "ab"[i % 2]} for i, line in enumerate(lines[9:12])]
    (kxcli.folder / "c").mkdir()
    for name, data in {
        "long.txt": b"".join(lines[:7]) + b"\n" + lines[7],
        "packed.txt": gzip.compress(b"".join(lines[7:9])),
        "records.jsonl": "".join(json.dumps(record) + "\n" for record in records).encode(),
        "void.txt": b"",
    }.items():
        (kxcli.folder / "c" / name).write_bytes(data)
    return kxcli


FILES = ["c/long.txt", "c/packed.txt", "c/void.txt"]


def read_matrix(folder, name="m"):
    """Return the cells of a matrix by the labels of rows and columns, and the rows of both files of labels."""
    rows, columns = (
        [line.split("\t") for line in (folder / f"{name}.{kind}.tsv").read_text("utf-8").splitlines()]
        for kind in ("rows", "columns")
    )
    head, shape, *entries = (folder / f"{name}.mtx").read_text().splitlines()
    assert head == "%%MatrixMarket matrix coordinate integer general"
    assert list(map(int, shape.split())) == [len(rows) - 1, len(columns) - 1, len(entries)]
    cells = {}
    for row, column, count in (map(int, entry.split()) for entry in entries):
        cells.setdefault(tuple(rows[row]), Counter())[columns[column][0]] = count
    assert sum(map(len, cells.values())) == len(entries)
    return cells, rows, columns


# Files as documents


def test_df_counts_files(corpus):
    found = {word: int(df) for word, _, df in corpus("wordcount", "--df", "--document", "file", *FILES).rows}
    expected = Counter()
    for name in FILES:
        expected.update(word for word, _ in corpus("wordcount", name).rows)
    assert found == expected
    assert max(found.values()) == 2


def test_counts_do_not_depend_on_the_unit_of_documents(corpus):
    by_line = corpus("wordcount", "--df", "--ngram", "1-2", *FILES).rows
    by_file = corpus("wordcount", "--df", "--ngram", "1-2", "--document", "file", *FILES).rows
    assert [row[:2] for row in by_line] == [row[:2] for row in by_file]
    assert by_line != by_file


def test_df_of_files_by_group(corpus):
    corpus("wordcount", "c/records.jsonl", "--by", "label", "-o", "whole.tsv", "--header")
    ended = corpus("wordcount", *["c/records.jsonl"] * 2, "--by", "label", "--df", "--document", "file", "--header")
    assert {row[3] for row in ended.rows[1:]} == {"2"}
    whole = [line.split("\t") for line in (corpus.folder / "whole.tsv").read_text("utf-8").splitlines()]
    assert sorted((group, word, str(2 * int(n))) for group, word, n in whole[1:]) == sorted(
        tuple(row[:3]) for row in ended.rows[1:]
    )


def test_dispersion_of_lines_equals_that_of_files_with_a_line_each(kxcli):
    lines = NEWS.splitlines(keepends=True)[:5]
    for number, line in enumerate(lines):
        (kxcli.folder / f"{number}.txt").write_bytes(line)
    options = ("wordcount", "--dispersion", "--df", "--per-million", "-f", "jsonl", "--top", 9)
    by_line = kxcli(*options, stdin=b"".join(lines))
    by_file = kxcli(*options, "--document", "file", *(f"{number}.txt" for number in range(5)))
    assert by_line.out == by_file.out
    row = json.loads(by_line.text.splitlines()[0])
    assert list(row) == ["word", "count", "df", "per_million", "range", "dp", "dp_norm", "juilland_d"]
    assert row["df"] == row["range"] and 0 < row["dp"] < row["dp_norm"] < 1


def test_merge_refuses_dispersion(kxcli):
    kxcli("wordcount", "--dispersion", "-o", "d.csv", stdin="好")
    assert "count without --dispersion, then merge" in kxcli("wordcount", "--merge", "d.csv", code=1).err


def test_undefined_dispersion_is_null(kxcli):
    ended = kxcli("wordcount", "--dispersion", "-f", "jsonl", stdin="好")
    assert json.loads(ended.text) == {
        "word": "好",
        "count": 1,
        "range": 1,
        "dp": 0,
        "dp_norm": None,
        "juilland_d": None,
    }
    assert kxcli("wordcount", "--dispersion", stdin="好").text == "好\t1\t1\t0\t\t\n"


@pytest.mark.parametrize("document", ["line", "file"])
def test_output_does_not_depend_on_tasks(corpus, document):
    options = ("wordcount", "--dispersion", "--ngram", "1-2", "--document", document, *FILES)
    first = corpus(*options, "-j", 1).out
    assert first
    for more in (
        ("-j", 1, "--shard-size", 700),
        ("-j", 2, "--shard-size", "1K"),
        ("-j", 1, "--engine", "jieba", "--shard-size", "2K"),
        ("-j", 1, "--memory", "32M", "--shard-size", 900),
        ("-j", 1, "--encoding", "auto", "-q"),
    ):
        assert corpus(*options, *more).out == first, more
    data = (corpus.folder / FILES[0]).read_bytes()
    (corpus.folder / "long.txt.bz2").write_bytes(bz2.compress(data))
    assert corpus(*options[:-3], "long.txt.bz2", *FILES[1:], "-j", 1, "--shard-size", 600).out == first
    assert corpus(*options[:-3], "-", *FILES[1:], "--shard-size", 500, stdin=data).out == first


@pytest.mark.parametrize("document", ["line", "file"])
def test_run_continues_from_a_checkpoint(corpus, document):
    options = ("wordcount", "--dispersion", "--document", document, "--shard-size", "1K", "-j", 1)
    first = corpus(*options, *FILES).out
    resumable = (*options, "--checkpoint", "ck")
    assert corpus(*resumable, *FILES).out == first
    assert corpus(*resumable, *FILES).out == first
    assert corpus(*resumable, *FILES[1:]).out == corpus(*options, *FILES[1:]).out  # files have other numbers


@pytest.mark.full
def test_cluster_counts_the_same(corpus):
    options = ("wordcount", "--document", "file", "-o", "counts.mtx", *FILES)
    outputs = []
    for more in ((), ("--cluster", "local:1", "--shard-size", "1K")):
        corpus(*options, *more)
        outputs.append({path.name: path.read_bytes() for path in corpus.folder.glob("counts.*")})
    assert len(outputs[0]) == 3 and outputs[0] == outputs[1]


def test_skipped_lines_have_no_document(kxcli):
    data = "甲 乙\n".encode() + b"\xff\n" + "乙 丙\n".encode()
    for engine in "kernel", "jieba":
        options = ("--engine", engine) if engine == "jieba" else ()
        ended = kxcli("wordcount", *options, "-o", "m.mtx", "--on-error", "skip", stdin=data)
        assert "skipped" in ended.err
        cells, rows, _ = read_matrix(kxcli.folder)
        assert cells == {("<stdin>", "1"): Counter("甲乙"), ("<stdin>", "2"): Counter("乙丙")}
        assert len(rows) == 3


def test_too_many_inputs_to_number_are_refused(corpus, monkeypatch):
    monkeypatch.setattr(numbering, "_MAX_SOURCES", 2)
    ended = corpus("wordcount", "--df", "--document", "file", *FILES, code=2)
    assert "there are 3 inputs" in ended.err


# Matrices


@pytest.mark.parametrize("document", ["line", "file"])
def test_matrix_has_the_counts_of_each_document(corpus, document):
    corpus("wordcount", *FILES, "--ngram", "1-2", "--document", document, "-o", "m.mtx", "--shard-size", "1K")
    cells, rows, columns = read_matrix(corpus.folder)
    documents = {}
    for name in FILES:
        path = corpus.folder / name
        data = gzip.decompress(path.read_bytes()) if "packed" in name else path.read_bytes()
        if document == "file":
            documents[name,] = data
        else:
            documents |= {(name, str(number)): line for number, line in enumerate(data.splitlines(), 1)}
    assert [tuple(row) for row in rows[1:]] == list(documents)
    assert rows[0] == ["file", "document"][: 1 if document == "file" else 2]
    expected = {
        label: Counter({word: int(n) for word, n in corpus("wordcount", "--ngram", "1-2", stdin=data).rows})
        for label, data in documents.items()
        if data.strip()
    }
    assert cells == {label: counts for label, counts in expected.items() if counts}
    total, df = Counter(), Counter()
    for counts in expected.values():
        total.update(counts)
        df.update(counts.keys())
    assert columns == [["word", "count", "df"], *([word, str(total[word]), str(df[word])] for word in sorted(total))]


def test_matrix_of_groups(kxcli):
    options = ("wordcount", SAMPLES / "reviews.jsonl", "--by", "label")
    kxcli(*options, "-o", "m.mtx", "--top", 7)
    cells, rows, columns = read_matrix(kxcli.folder)
    top = kxcli("wordcount", SAMPLES / "reviews.jsonl", "--field", "text", "--top", 7).rows
    assert [[word, count] for word, count, _ in columns[1:]] == sorted(top)
    expected = {}
    for group, word, count in kxcli(*options).rows:
        if [word] in [row[:1] for row in top]:
            expected.setdefault((group,), Counter())[word] = int(count)
    assert cells == expected and [tuple(row) for row in rows[1:]] == sorted(expected)


def test_matrix_of_several_groups(corpus):
    corpus("wordcount", "c/records.jsonl", "--by", "@stem,label", "-o", "m.mtx")
    cells, rows, _ = read_matrix(corpus.folder)
    assert rows == [["stem", "label"], ["records", "a"], ["records", "b"]]
    assert cells.keys() == {("records", "a"), ("records", "b")}


def test_group_without_words_is_a_row(kxcli):
    records = [{"text": "好", "by": "b"}, {"text": "", "by": "a"}]
    kxcli(
        "wordcount", "--by", "by", "--input-format", "jsonl", "-o", "m.mtx", stdin="\n".join(map(json.dumps, records))
    )
    cells, rows, _ = read_matrix(kxcli.folder)
    assert (cells, [row[0] for row in rows[1:]]) == ({("b",): Counter(["好"])}, ["a", "b"])


def test_matrix_without_entries(kxcli):
    kxcli("wordcount", "-o", "m.mtx", stdin="\n\n")
    cells, rows, columns = read_matrix(kxcli.folder)
    assert (cells, rows[1:], columns[1:]) == ({}, [["<stdin>", "1"], ["<stdin>", "2"]], [])
    (kxcli.folder / "empty.txt").touch()
    kxcli("wordcount", "-o", "m.mtx", "--document", "file", "empty.txt")
    assert read_matrix(kxcli.folder)[1][1:] == [["empty.txt"]]
    kxcli("wordcount", "-o", "m.mtx", "empty.txt")
    assert read_matrix(kxcli.folder)[1][1:] == []


def test_scipy_reads_the_matrix(corpus):
    mmread = pytest.importorskip("scipy.io").mmread
    corpus("wordcount", *FILES[:2], "--document", "file", "-o", "m.mtx.gz", "--min-count", 2)
    matrix = mmread(corpus.folder / "m.mtx.gz").toarray()
    with gzip.open(corpus.folder / "m.columns.tsv.gz", "rt", encoding="utf-8") as file:
        columns = [line.rstrip("\n").split("\t") for line in file][1:]
    assert matrix.sum(axis=0).tolist() == [int(count) for _, count, _ in columns]
    assert (matrix > 0).sum(axis=0).tolist() == [int(df) for _, _, df in columns]
    assert matrix.shape[0] == 2


def test_labels_of_a_matrix_overwrite_no_input(kxcli):
    (kxcli.folder / "m.rows.tsv").write_text("好\n", encoding="utf-8")
    ended = kxcli("wordcount", "m.rows.tsv", "-o", "m.mtx", code=2)
    assert "m.rows.tsv would overwrite an input" in ended.err
    assert (kxcli.folder / "m.rows.tsv").read_text(encoding="utf-8") == "好\n"
    kxcli("wordcount", "-r", ".", "--glob", "*.tsv", "-o", "m.mtx")
    assert read_matrix(kxcli.folder)[1] == [["file", "document"]]


def test_unwritable_labels_are_found_before_the_work(kxcli):
    (kxcli.folder / "m.columns.tsv").mkdir()
    ended = kxcli("wordcount", "no-such-file", "-o", "m.mtx", code=1)
    assert "m.columns.tsv" in ended.err


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/dev/null", "fifo"])
def test_matrix_needs_a_regular_file(kxcli, path):
    os.mkfifo(kxcli.folder / "fifo")
    ended = kxcli("wordcount", "no-such-file", "-f", "mtx", "-o", path, code=1)
    assert f"{path}: is not a regular file; name one with -o" in ended.err
    assert [path.name for path in kxcli.folder.iterdir() if not path.is_dir()] == ["fifo"]
    assert not os.path.exists(f"{path}.rows.tsv")


@pytest.mark.parametrize("is_new", [False, True])
@pytest.mark.parametrize("place", ["m.rows.tsv", "m.columns.tsv", "m.mtx"])
def test_files_of_a_matrix_are_replaced_together(kxcli, monkeypatch, is_new, place):
    """The disk is full while one of the files is written."""
    if not is_new:
        kxcli("wordcount", "-o", "m.mtx", stdin="旧\n旧")
    before = {path.name: path.read_bytes() for path in kxcli.folder.iterdir() if path.is_file()}
    compress = sink.compress_by_suffix

    def fail(blocks, path):
        yield from compress(blocks, path)
        if path == place:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sink, "compress_by_suffix", fail)
    ended = kxcli("wordcount", "-o", "m.mtx", stdin="新新", code=1)
    assert ended.err == f"kxcli: error: {place}: No space left on device; make room, or name another file with -o\n"
    assert {path.name: path.read_bytes() for path in kxcli.folder.iterdir() if path.is_file()} == before


@pytest.mark.slow
@pytest.mark.parametrize("options", [("--dispersion",), ("-o", "m.mtx")], ids=" ".join)
def test_documents_take_few_bytes_of_memory(kxcli, options):
    peaks = []
    for n in (300_000, 1_500_000):
        (kxcli.folder / "a").write_text("".join(f"w{i % 997}\n" for i in range(n)))
        peaks.append(peak_memory(kxcli, "wordcount", "-j", 1, "--memory", "150M", *options, "a")[0])
    assert peaks[1] - peaks[0] < 60 * 1_200_000


# Python


def test_matrix_in_python_equals_that_of_the_command(kxcli):
    pytest.importorskip("scipy.sparse")
    texts = NEWS.decode().splitlines()
    kxcli("wordcount", SAMPLES / "news.txt", "-o", "m.mtx", "--top", 50)
    cells, rows, columns = read_matrix(kxcli.folder)
    found = count_matrix(iter(texts), top=50)
    assert isinstance(found, TermMatrix) and found.matrix.format == "csr"
    assert found.words == [row[0] for row in columns[1:]]
    dense = found.matrix.toarray()
    expected = [[cells.get(tuple(row), Counter())[word] for word in found.words] for row in rows[1:]]
    assert dense.tolist() == expected


def test_matrix_in_python_has_a_row_for_each_text():
    pytest.importorskip("scipy.sparse")
    found = count_matrix(["a b a", "", "b"], Counting(Segmentation("space")), min_count=2)
    assert (found.matrix.toarray().tolist(), found.words) == ([[2, 1], [0, 0], [0, 1]], ["a", "b"])
    assert count_matrix([]).matrix.shape == (0, 0)


def test_matrix_in_python_rejects_wrong_arguments():
    with pytest.raises(TypeError, match=r"texts\[1\] must be a string"):
        count_matrix(["a", None])
    with pytest.raises(ValueError, match="is_grouped"):
        count_matrix(["a"], Counting(is_grouped=True))
    with pytest.raises(ValueError, match="min_count"):
        count_matrix(["a"], min_count=0)


# Keywords of files


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # of jieba
def test_keywords_of_files_are_those_of_jieba(corpus):
    from jieba.analyse import extract_tags

    ended = corpus("keywords", "--document", "file", "--top", 3, "--header", *FILES, "-j", 1, "--shard-size", 600)
    assert ended.rows[0] == ["file", "keyword", "weight"]
    found = {}
    for file, word, weight in ended.rows[1:]:
        found.setdefault(file, {})[word] = float(weight)
    for name in FILES[:2]:
        data = (corpus.folder / name).read_bytes()
        text = (gzip.decompress(data) if "packed" in name else data).decode()
        assert found[name] == dict(extract_tags(text, topK=3, withWeight=True))
    assert found.keys() == set(FILES[:2])


def test_keywords_of_files_as_json(corpus):
    files = ["c/records.jsonl", "c/void.txt", "c/long.txt"]
    options = ("keywords", "--document", "file", "--top", 2, "-f", "jsonl")
    ended = corpus(*options, "--learn-idf", *files)
    rows = [json.loads(line) for line in ended.text.splitlines()]
    assert [row["file"] for row in rows] == files
    assert [len(row["keywords"]) for row in rows] == [2, 0, 2]
    assert list(rows[0]) == ["file", "keywords"]
    data = (corpus.folder / "c/long.txt").read_bytes()
    piped = json.loads(corpus(*options, "--shard-size", 600, stdin=data).text)
    assert piped == {"file": "<stdin>", "keywords": json.loads(corpus(*options, "c/long.txt").text)["keywords"]}


def test_learned_idf_counts_files(kxcli):
    for name, text in {"a": "北京\n北京", "b": "北京\n上海", "c": "广州"}.items():
        (kxcli.folder / name).write_text(text, encoding="utf-8")
    kxcli("keywords", "--document", "file", "--learn-idf", "--save-idf", "idf.txt", "a", "b", "c")
    idf = dict(line.split(" ") for line in (kxcli.folder / "idf.txt").read_text(encoding="utf-8").splitlines())
    assert {word: round(float(value), 3) for word, value in idf.items()} == {
        "上海": 1.099,
        "北京": 0.405,
        "广州": 1.099,
    }


@pytest.mark.parametrize("is_piped", [False, True])
def test_file_beyond_the_memory_is_rejected(kxcli, monkeypatch, is_piped):
    from kxcli.pipelines import engines

    monkeypatch.setattr(engines, "get_max_line_bytes", lambda run, cost: 10)
    (kxcli.folder / "long").write_text("北京\n上海\n", encoding="utf-8")
    (kxcli.folder / "short").write_text("北京\n", encoding="utf-8")
    given = ("-", "short") if is_piped else ("long", "short")
    options = ("keywords", "--document", "file", "-j", 1, *given)
    data = (kxcli.folder / "long").read_bytes()
    ended = kxcli(*options, code=1, stdin=data)
    assert f"{'<stdin>' if is_piped else 'long'}: the file has more than" in ended.err and "split the file" in ended.err
    ended = kxcli(*options, "--on-error", "skip", stdin=data)
    assert [row[0] for row in ended.rows] == ["short"]
    assert "1 file skipped: more than" in ended.err and f"{'<stdin>' if is_piped else 'long'}:1" in ended.err
