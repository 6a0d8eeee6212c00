"""Local inputs that change while they are read: an error in all readers, except for appends."""

import gzip
import os
import shutil
import threading

import numpy as np
import pytest

from kxcli.cli import main
from kxcli.corpus import count_tables, knowledge, labeled_texts, tables
from kxcli.corpus.named_inputs import resolve_sources
from kxcli.corpus.reader_spec import ReaderSpec
from kxcli.corpus.shards import TaskPlanner, TaskReader
from kxcli.corpus.sources import Source
from kxcli.errors import InputError

LONG_AGO = 10**18  # ns: any later change has another time, even with a coarse clock of the disk

CHANGES = ("replaced", "replaced by a longer one", "rewritten", "rewritten by a longer one", "truncated", "touched")


def write(path, data):
    path.write_bytes(data)
    os.utime(path, ns=(LONG_AGO, LONG_AGO))


def change(path, how):
    size = path.stat().st_size
    if how.startswith("replaced"):
        other = path.with_name("other")
        other.write_bytes(b"\n" * (size + 9 * how.endswith("longer one")))
        os.replace(other, path)
    elif how.startswith("rewritten"):
        with open(path, "r+b") as file:
            file.write(b"\n" * (size + 9 * how.endswith("longer one")))
    elif how == "truncated":
        os.truncate(path, size // 2)
    elif how == "touched":
        os.utime(path)
    else:
        with open(path, "ab") as file:
            file.write(b"a b\n" * 1000)


FORMS = {
    "text": ("a.txt", b"a b\n" * 2_000),
    "jsonl": ("a.jsonl", b'{"text": "a b"}\n' * 1_000),
    "csv": ("a.csv", b"text\n" + b'"a b"\n' * 2_000),
    "gz": ("a.txt.gz", gzip.compress(os.urandom(12_000).hex().encode())),
}


def iter_documents(path, form, *, size=1_000, is_reread=False):
    """Return an iterator over the documents of a file; its state is recorded now."""
    spec = ReaderSpec("text", (), "stop")
    kind = "text" if form == "gz" else form
    planner = TaskPlanner(spec, kind, "utf-8", size, None, lambda _diagnostic: None, is_reread=is_reread)
    sources = [source.allow_append() for source in resolve_sources([str(path)])]
    reader = TaskReader(spec, "utf-8")
    return (document for task in planner.iter_tasks(sources) for document in reader(task, []))


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("form", FORMS)
def test_change_between_shards_is_an_error(tmp_path, form, how):
    name, data = FORMS[form]
    write(tmp_path / name, data)
    documents = iter_documents(tmp_path / name, form)
    next(documents)
    change(tmp_path / name, how)
    with pytest.raises(InputError, match=f"{name}: changed while it was read"):
        list(documents)


@pytest.mark.parametrize("how", CHANGES)
def test_change_before_the_first_shard_is_an_error(tmp_path, how):
    write(tmp_path / "a.txt", FORMS["text"][1])
    documents = iter_documents(tmp_path / "a.txt", "text")
    change(tmp_path / "a.txt", how)
    with pytest.raises(InputError, match=r"a\.txt: changed while it was read"):
        list(documents)


@pytest.mark.parametrize("size", [10, 40_000, 100_000, 200_000])
def test_change_within_a_task_is_an_error(tmp_path, size):
    for how in CHANGES:
        write(tmp_path / "a.txt", b"%08d\n" % size * (size // 9 + 1))
        documents = iter_documents(tmp_path / "a.txt", "text", size=4_000_000)
        next(documents)
        change(tmp_path / "a.txt", how)
        with pytest.raises(InputError, match=r"a\.txt: changed while it was read"):
            list(documents)


@pytest.mark.parametrize("form", ["text", "jsonl"])
def test_append_between_shards_is_ignored(tmp_path, form):
    name, data = FORMS[form]
    write(tmp_path / name, data)
    documents = iter_documents(tmp_path / name, form)
    next(documents)
    change(tmp_path / name, "appended to")
    assert sum(1 for _ in documents) == data.count(b"\n") - 1


def test_small_file_may_be_replaced_before_it_is_opened(tmp_path):
    write(tmp_path / "a.txt", b"old\n")
    documents = iter_documents(tmp_path / "a.txt", "text")
    (tmp_path / "b.txt").write_bytes(b"new text\n")
    os.replace(tmp_path / "b.txt", tmp_path / "a.txt")
    assert [document.text for document in documents] == ["new text"]


def test_replaced_small_file_is_an_error_if_reread(tmp_path):
    write(tmp_path / "a.txt", b"old\n")
    documents = iter_documents(tmp_path / "a.txt", "text", is_reread=True)
    (tmp_path / "b.txt").write_bytes(b"new\n")
    os.replace(tmp_path / "b.txt", tmp_path / "a.txt")
    with pytest.raises(InputError, match="changed while it was read"):
        list(documents)


def read_on_other_host(path, size, changed_how=None):
    """Return the documents of a file whose device and inode differ on the host of the reader."""
    spec = ReaderSpec("text", (), "stop")
    planner = TaskPlanner(spec, "text", "utf-8", size, None, lambda _diagnostic: None, is_reread=True)
    tasks = [*planner.iter_tasks([source.allow_append().make_absolute() for source in resolve_sources([str(path)])])]
    shutil.copy2(path, path.with_name("copy"))
    os.replace(path.with_name("copy"), path)
    if changed_how is not None:
        change(path, changed_how)
    return [document.text for task in tasks for document in TaskReader(spec, "utf-8")(task, [])]


@pytest.mark.parametrize("size", [1_000, 1_000_000])
def test_inode_may_differ_on_another_host(tmp_path, size):
    write(tmp_path / "a.txt", b"a b\n" * 2_000)
    assert read_on_other_host(tmp_path / "a.txt", size) == ["a b"] * 2_000


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("size", [1_000, 1_000_000])
def test_change_on_another_host_is_an_error(tmp_path, size, how):
    write(tmp_path / "a.txt", b"a b\n" * 2_000)
    with pytest.raises(InputError, match=r"a\.txt: changed while it was read"):
        read_on_other_host(tmp_path / "a.txt", size, how)


def kb_entries(path):
    return knowledge.read_entries(path, "stop", lambda _diagnostic: None)


def labelled_texts(path):
    return labeled_texts.read_labeled_texts(path, "stop", lambda _diagnostic: None)


def merged_rows(path):
    return count_tables.read_count_rows(
        resolve_sources([path])[0].allow_append(),
        None,
        "utf-8",
        default_columns=("word", "count"),
        known="count",
        report=[].append,
    )


def table_blocks(path):
    reading = tables.TableReading(None, "utf-8", None, "stop", lambda _diagnostic: None)
    with tables.open_table([resolve_sources([path])[0].allow_append()], reading) as table:
        yield from table.iter_blocks([tables.ColumnGroup((0,), False)])


READERS = {
    "kb": (kb_entries, b"%06d name\tid%06d\n"),
    "labelled": (labelled_texts, b'{"text_id": "%06d", "text": "text %06d"}\n'),
    "merge": (merged_rows, b"word%06d\t1%06d\n"),
    "tsv": (table_blocks, b"%d\t%d\n"),
}


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("n", [100, 20_000])
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_detects_a_change(tmp_path, reader, n, how):
    read, line = READERS[reader]
    path = tmp_path / "a.jsonl" if reader == "labelled" else tmp_path / "a.tsv"
    write(path, b"".join(line % (i, i) for i in range(n)))
    rows = iter(read(str(path)))
    next(rows)
    change(path, how)
    with pytest.raises(InputError, match=r"a\.(tsv|jsonl): changed while it was read"):
        list(rows)


@pytest.mark.parametrize("how", ["rewritten", "touched"])
def test_rewritten_mapped_array_is_an_error(tmp_path, how):
    np.save(tmp_path / "a.npy", np.arange(300_000.0))
    os.utime(tmp_path / "a.npy", ns=(LONG_AGO, LONG_AGO))
    blocks = table_blocks(str(tmp_path / "a.npy"))
    next(blocks)
    change(tmp_path / "a.npy", how)
    with pytest.raises(InputError, match=r"a\.npy: changed while it was read"):
        list(blocks)


@pytest.mark.parametrize("reader", ["kb", "labelled", "merge", "tsv"])
def test_every_reader_allows_appends(tmp_path, reader):
    read, line = READERS[reader]
    path = tmp_path / "a.jsonl" if reader == "labelled" else tmp_path / "a.tsv"
    write(path, b"".join(line % (i, i) for i in range(100)))
    rows = iter(read(str(path)))
    first = next(rows)
    with open(path, "ab") as file:
        file.write(line % (100, 100))
    found = [first, *rows]
    n_rows = sum(len(block.lines) for block in found) if reader == "tsv" else len(found)
    assert n_rows in (100, 101)  # with or without the appended one


COMMANDS = {
    "wordcount": ["wordcount", "-t", "space", "--shard-size", "1K"],
    "newwords": ["newwords", "--shard-size", "1K"],
    "entity-link": ["entity-link", "--kb", "kb.tsv", "--kb-cache", "cache", "--shard-size", "1K"],
    "hsic": ["hsic", "--matrix", "edges"],
    "merge": ["wordcount", "--merge"],
}


@pytest.mark.parametrize(
    ("command", "how"),
    [
        *((command, "replaced") for command in COMMANDS),
        *((command, "rewritten by a longer one") for command in ("wordcount", "newwords", "entity-link")),
    ],
)
def test_every_command_fails_on_a_changed_input(tmp_path, monkeypatch, capsys, command, how):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "kb.tsv", "北京\t1\n".encode())
    write(tmp_path / "a.txt", b"".join(b"%d\t%d\n" % (i, i * i) for i in range(1_500)))
    os.mkfifo(tmp_path / "first")

    def feed():
        with open(tmp_path / "first", "wb") as pipe:  # opened after the inputs are resolved
            change(tmp_path / "a.txt", how)
            pipe.write(b"1\t2\n")

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    code = main([*COMMANDS[command], *(["-j", "1"] if command != "merge" else []), "first", "a.txt"])
    feeder.join(10)
    out, err = capsys.readouterr()
    assert code == 1
    assert not out or command == "entity-link"  # writes as it reads
    assert "kxcli: error: a.txt: changed while it was read" in err


@pytest.mark.parametrize("folder", ["/dev/fd", "/proc/self/fd", "/proc/PID/fd", "/proc/thread-self/fd"])
def test_open_descriptor_is_read_as_a_stream(tmp_path, folder):
    (tmp_path / "a.txt").write_bytes(b"a b\n")
    with open(tmp_path / "a.txt", "rb") as file:
        path = f"{folder.replace('PID', str(os.getpid()))}/{file.fileno()}"
        if not os.path.exists(path):
            pytest.skip(f"no {folder} here")
        (tmp_path / "link").symlink_to(path)
        (tmp_path / "link2").symlink_to("link")
        for name in (path, str(tmp_path / "link"), str(tmp_path / "link2")):
            assert resolve_sources([name]) == [Source(name)]
        assert resolve_sources([str(tmp_path)], recursive=True) == resolve_sources([str(tmp_path / "a.txt")])
    (tmp_path / "plain").symlink_to("a.txt")
    assert resolve_sources([str(tmp_path / "plain")])[0].size == 4


def test_workers_read_the_named_descriptor(kxcli):
    (kxcli.folder / "large.txt").write_bytes(b"a b\n" * 300_000)
    (kxcli.folder / "small.txt").write_bytes(b"c d\n" * 10)
    with open(kxcli.folder / "small.txt", "rb") as file:
        path = f"/dev/fd/{file.fileno()}"
        ended = kxcli("wordcount", "-t", "space", "-j", "2", "large.txt", path, pass_fds=[file.fileno()])
    assert ended.text == "a\t300000\nb\t300000\nc\t10\nd\t10\n"
