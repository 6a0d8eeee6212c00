"""Compiled dictionaries in the cache of the user."""

import os
import pickle
import random

import pytest
from conftest import SAMPLES
from kernel_texts import Reference

from kxcli.kernel.dictionary_cache import load_compiled
from kxcli.mining.segment import compiled
from kxcli.mining.segment.compiled import CompiledDictionary
from kxcli.mining.segment.dictionary import Dictionary

_kernel = pytest.importorskip("kxcli._kernel")

DATA = bytes(range(256)) * 20


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder of the cache, which does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "kxcli" / "dictionaries"


@pytest.fixture
def calls():
    return []


@pytest.fixture
def load(calls):
    """Return a function that loads `DATA` for a key; `calls` has the keys that were compiled."""

    def load(about="a"):
        def compile_it():
            calls.append(about)
            return DATA

        data = load_compiled(about, compile_it, lambda data: True)
        assert data == DATA
        return data

    return load


def test_dictionary_is_compiled_once(folder, load, calls):
    for _ in range(3):
        load()
        load("b")
    assert calls == ["a", "b"]
    assert len(list(folder.iterdir())) == 2
    assert isinstance(load(), memoryview)


def test_damaged_file_is_replaced(folder, load, calls):
    load()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    start = len(whole) - len(DATA)
    for place in [*range(start), *random.Random(1).sample(range(start, len(whole)), 50)]:
        damaged = bytearray(whole)
        damaged[place] ^= 0x41
        path.write_bytes(damaged)
        load()
        assert path.read_bytes() == whole or place < start  # of the head, not all matters
    for size in (0, 1, 100, len(whole) - 1):
        path.write_bytes(whole[:size])
        load()
        assert path.read_bytes() == whole
    assert len(calls) > 50


def test_file_of_another_dictionary_is_not_taken(folder, load, calls):
    """The name of a file is only a short checksum."""
    load()
    (path,) = folder.iterdir()
    load("b")
    (other,) = set(folder.iterdir()) - {path}
    other.write_bytes(path.read_bytes())
    load("b")
    assert calls == ["a", "b", "b"]


def test_file_that_the_kernel_refuses_is_replaced(folder, monkeypatch):
    """Its checksum is right: another version of the kernel has written it."""
    data = Reference(Dictionary("天地 5")).compile()
    results = [DATA, data]
    monkeypatch.setattr(compiled, "_compile", lambda dictionary: results.pop(0))
    for expected in (DATA, data, data):
        compiled.compile_dictionary.cache_clear()
        assert compiled.compile_dictionary(Dictionary("天地 5")).data == expected
    assert len(list(folder.iterdir())) == 1
    compiled.compile_dictionary.cache_clear()


def test_another_layout_has_another_file(folder, monkeypatch):
    monkeypatch.setattr(compiled, "_compile", lambda dictionary: DATA)
    for layout in (_kernel.LAYOUT, _kernel.LAYOUT + 1):
        monkeypatch.setattr(_kernel, "LAYOUT", layout)
        compiled.compile_dictionary.cache_clear()
        compiled.compile_dictionary(Dictionary("天地 5"))
    assert len(list(folder.iterdir())) == 2
    compiled.compile_dictionary.cache_clear()


def test_dictionary_is_compiled_without_a_cache(tmp_path, monkeypatch, load, calls):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    load()
    load()
    assert calls == ["a", "a"]


def test_folder_of_others_is_not_read(folder, load, calls):
    load()
    os.chmod(folder, 0o777)
    load()
    os.chmod(folder, 0o700)
    (path,) = folder.iterdir()
    os.chmod(path, 0o666)
    load()
    assert calls == ["a"] * 3


def test_key_depends_on_the_texts_and_on_jieba(folder, monkeypatch):
    monkeypatch.setattr(compiled, "_compile", lambda dictionary: DATA)

    def count_files(*dictionaries):
        for dictionary in dictionaries:
            compiled.compile_dictionary.cache_clear()
            compiled.compile_dictionary(dictionary)
        return len(list(folder.iterdir()))

    some = [Dictionary(), Dictionary("在 5"), Dictionary(user="在 5"), Dictionary("在 5", "在 5"), Dictionary(user="")]
    assert count_files(*some, *some) == len(some)
    monkeypatch.setattr(compiled, "_stamp_jieba", lambda: "another version")
    assert count_files(*some) == 2 * len(some)
    compiled.compile_dictionary.cache_clear()


def test_compiled_dictionary_is_pickled_with_its_bytes():
    data = Reference(Dictionary("天地 5")).compile()
    loaded = pickle.loads(pickle.dumps(CompiledDictionary(memoryview(data))))
    assert loaded.data == data
    assert _kernel.Segmenter(loaded.open(), "jieba", False).cut("天地") == ["天地"]


@pytest.mark.full
def test_counts_are_equal_with_a_damaged_cache(kxcli):
    kxcli.environment["XDG_CACHE_HOME"] = str(kxcli.folder / "cache")
    expected = kxcli.run("wordcount", SAMPLES / "news.txt").out
    (path,) = (kxcli.folder / "cache" / "kxcli" / "dictionaries").iterdir()
    assert kxcli.run("wordcount", SAMPLES / "news.txt").out == expected
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + b"\xff" * 100 + whole[len(whole) // 2 + 100 :])
    ended = kxcli.run("wordcount", SAMPLES / "news.txt")
    assert (ended.out, ended.err) == (expected, "")
    assert path.read_bytes() == whole
