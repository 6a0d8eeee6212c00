"""What a short run imports."""

import re

import pytest

from kxcli import kernel

HEAVY = {"numpy", "jieba", "tqdm", "multiprocessing", "subprocess", "socket", "requests", "fsspec", "dask"}


def imported_libraries(kxcli, *arguments):
    """Run the program, and return the names of the packages and modules that it imports."""
    kxcli.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    ended = kxcli.run(*arguments)
    return {name.split(".")[0] for name in re.findall(r"\| +([\w.]+)$", ended.err, re.MULTILINE)}


@pytest.mark.skipif(kernel.load_kernel() is None, reason=kernel.explain_absence())
def test_count_of_a_line_imports_no_heavy_library(kxcli):
    kxcli.environment["XDG_CACHE_HOME"] = str(kxcli.folder / "cache")  # without dictionaries
    text = kxcli.folder / "line.txt"
    text.write_text("今天天气很好，我们去公园散步。\n", encoding="utf-8")
    assert "jieba" in imported_libraries(kxcli, "wordcount", text)  # compiles the dictionary, and stores it
    assert not HEAVY & imported_libraries(kxcli, "wordcount", text)


@pytest.mark.skipif(kernel.load_kernel() is None, reason=kernel.explain_absence())
def test_plain_text_is_counted_without_processes(kxcli):
    text = kxcli.folder / "lines.txt"
    text.write_text("今天天气很好，我们去公园散步。\n" * 1000, encoding="utf-8")
    kxcli.run("wordcount", text)
    options = ("wordcount", "-j", 2, "--shard-size", "4K")
    assert "multiprocessing" not in imported_libraries(kxcli, *options, text)
    json = kxcli.folder / "lines.jsonl"
    json.write_text('{"text": "今天天气很好"}\n' * 1000, encoding="utf-8")
    assert "multiprocessing" in imported_libraries(kxcli, *options, "--input-format", "jsonl", json)


@pytest.mark.parametrize("arguments", [("--help",), ("wordcount", "--help"), ("hsic", "--help")], ids=" ".join)
def test_help_imports_no_heavy_library(kxcli, arguments):
    assert not HEAVY & imported_libraries(kxcli, *arguments)
