"""Forged models, compiled knowledge bases and .npy files: one message, little memory."""

import hashlib
import io
import json
import os
import random
import resource
import struct
import subprocess
import sys
import time
import warnings
import zipfile
import zlib
from contextlib import suppress
from copy import copy
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kxcli import schema
from kxcli.cli import main
from kxcli.errors import InputError
from kxcli.mining.linking import Entry, LabeledMention, LabeledText, Linker, ModelError
from kxcli.mining.linking.kb.compiling import compile_entries
from kxcli.mining.linking.kb.entries import SkippedEntries
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase, check_knowledge_base
from kxcli.mining.linking.training import linking_model as model_module
from kxcli.mining.linking.training.linking_model import LinkingModel
from kxcli.pipelines.linking import knowledge_cache, model_files
from kxcli.report import Report
from kxcli.storage import array_file

pytestmark = pytest.mark.full  # together some ten seconds

ENTRIES = [
    Entry("1", "小米", ["小米科技", "MI"], ["公司"], [("总部", "北京"), ("员工", "3000")]),
    Entry("2", "小米", ["粟", "谷子"], ["粮食"], [("做法", "熬粥"), ("热量", "358")]),
    Entry("3", "北京", ["Beijing city", "京"], ["城市"], [("国家", "中国"), ("人口", "2184")]),
    Entry("4", "雷军", ["Lei Jun"], ["人物"], [("公司", "小米"), ("国家", "中国")]),
]
TEXTS = [
    "雷军在北京发布了小米手机",
    "小米熬粥很好吃",
    "Lei Jun moved to Beijing city",
    "无",
    "",
    "京小米科技MI谷子" * 3,
]
LABELED = [
    *[
        LabeledText(f"{n}号雷军发布小米", [LabeledMention(2, 4, ("4",), True), LabeledMention(6, 8, ("1",), True)])
        for n in range(10)
    ],
    *[LabeledText(f"今天小米粥{n}碗", [LabeledMention(2, 4, ("2",), True)]) for n in range(10, 20)],
    *[
        LabeledText(f"第{n}号红米也好", [LabeledMention(len(f"第{n}号"), len(f"第{n}号") + 2, (), True)])
        for n in range(20, 30)
    ],
]


@pytest.fixture(scope="module")
def base():
    return compile_entries(enumerate(ENTRIES, 1), SkippedEntries())


@pytest.fixture(scope="module")
def arrays():
    linker = Linker(ENTRIES)
    linker.train(LABELED)
    return linker.model.arrays()


def with_header(arrays, header):
    """Return arrays with another header and a valid checksum of the arrays."""
    header = {**header, "arrays": model_module._hash_arrays(arrays)} if isinstance(header, dict) else header
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    return {**arrays, "header": np.frombuffer(data, dtype=np.uint8)}


def header_of(arrays):
    return json.loads(bytes(arrays["header"]))


def npy(array):
    data = io.BytesIO()
    np.lib.format.write_array(data, np.asanyarray(array), allow_pickle=True)
    return data.getvalue()


def raw_npy(header, data=b"", version=1):
    header = header.encode() + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(header)) + header + data


def zip_members(members, method=zipfile.ZIP_DEFLATED):
    data = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(data, "w", method) as file:
        warnings.simplefilter("ignore")  # about repeated names
        for name, member in members:
            file.writestr(name, member)
    return data.getvalue()


def members(arrays):
    return [(f"{name}.npy", npy(array)) for name, array in arrays.items()]


def refuse(path, base):
    """Return the error of a model; it must have the file and the fix."""
    with pytest.raises(InputError) as error:
        model_files.load_model(os.fspath(path), base)
    message = str(error.value)
    assert message.startswith(f"{path}: ") and message.endswith(f"; make one with --train LABELED --model {path}")
    assert "\n" not in message and len(message) < 700 + 2 * len(str(path))
    return message.split("; ")[0].removeprefix(f"{path}: ")


# Headers

ODD = [None, True, False, -1, 0, 1, 2, 0.5, 10**400, 2**70, -1.5, "x", "\x1b[31m", [], {}, [[]], [None], {"a": 1}]
ODD_HEADERS = [
    b"",
    b"\xff",
    b"[" * 100_000,
    b'{"version":' * 100_000,
    b"NaN",
    b"9" * 10_000,
    b"1",
    b"null",
    b"[1]",
    b'"a"',
]


@pytest.mark.parametrize("header", ODD_HEADERS, ids=lambda header: repr(header[:12]))
def test_header_without_object_is_error(tmp_path, base, arrays, header):
    path = tmp_path / "m.npz"
    path.write_bytes(zip_members(members(with_header(arrays, header))))
    assert refuse(path, base).startswith("is no model of kxcli entity-link")
    with pytest.raises(ValueError, match="is no model of kxcli entity-link"):
        Linker(ENTRIES).load_model(with_header(arrays, header))


@pytest.mark.parametrize("name", ["version", "threshold", "mention_threshold", "has_tagger", "is_linked", "features"])
def test_odd_model_header_is_error(tmp_path, base, arrays, name):
    path = tmp_path / "m.npz"
    good = header_of(arrays)
    n_refused = 0
    for value in [*ODD, float("nan"), float("inf"), -float("inf")]:
        if type(value) is type(good[name]) and value == good[name]:
            continue
        forged = with_header(arrays, {**good, name: value})
        try:
            LinkingModel.from_arrays(forged, base)
        except ModelError:
            n_refused += 1
            path.write_bytes(zip_members(members(forged)))
            refuse(path, base)
        else:  # another threshold
            assert isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
    assert n_refused >= len(ODD) - 3
    lacking = with_header(arrays, {key: value for key, value in good.items() if key != name})
    with pytest.raises(ModelError):
        LinkingModel.from_arrays(lacking, base)
    with pytest.raises(ModelError, match="unknown key"):
        LinkingModel.from_arrays(with_header(arrays, {**good, "more": 1}), base)


# Files

HUGE = {"descr": "<f8", "fortran_order": False, "shape": (1 << 29,)}
NPY_HEADERS = {
    "objects": "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    "fields": "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }",
    "huge": "{'descr': '<f8', 'fortran_order': False, 'shape': (1180591620717411303424,), }",
    "huge product": "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296), }",
    "huge of no rows": "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 1180591620717411303424), }",
    "negative": "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
    "flags": "{'descr': '<f8', 'fortran_order': False, 'shape': (True,), }",
    "long": "{'descr': '<f8', 'fortran_order': False, 'shape': (1L,), }",  # by Python 2
    "fraction": "{'descr': '<f8', 'fortran_order': False, 'shape': (1.0,), }",
    "no tuple": "{'descr': '<f8', 'fortran_order': False, 'shape': 1, }",
    "null shape": "{'descr': '<f8', 'fortran_order': False, 'shape': None, }",
    "lacks shape": "{'descr': '<f8', 'fortran_order': False, }",
    "another key": "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1, }",
    "order": "{'descr': '<f8', 'fortran_order': 3, 'shape': (1,), }",
    "dtype": "{'descr': 'nonsense', 'fortran_order': False, 'shape': (1,), }",
    "huge dtype": "{'descr': '<U99999999999', 'fortran_order': False, 'shape': (1,), }",
    "dtype of none": "{'descr': None, 'fortran_order': False, 'shape': (1,), }",
    "dates": "{'descr': '<M8[s]', 'fortran_order': False, 'shape': (1,), }",
    "complex": "{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }",
    "void": "{'descr': '|V8', 'fortran_order': False, 'shape': (1,), }",
    "list": "[1, 2]",
    "open": "{'descr': ",
    "call": "__import__('os').abort()",
    "deep": "[" * 9_000,
    "deeper": "[" * 60_000,
    "deep minus": "-" * 9_000 + "1",
    "deep tuple": "{'descr': '<f8', 'fortran_order': False, 'shape': " + "(" * 3_000 + ")" * 3_000 + "}",
    "nul": "{'descr': '<f8\0', 'fortran_order': False, 'shape': (1,), }",
    "tokens": "{'descr': '''<f8, 'fortran_order': False",
    "empty": "",
}


@pytest.mark.parametrize("version", [1, 2, 3, 9])
@pytest.mark.parametrize("name", NPY_HEADERS)
def test_forged_array_header_is_error(tmp_path, base, arrays, name, version):
    if version == 1 and len(NPY_HEADERS[name]) > 65_000:
        return
    data = raw_npy(NPY_HEADERS[name], bytes(8), version)
    path = tmp_path / "m.npz"
    for victim in "header", "ranking":
        others = [(one, data if one == f"{victim}.npy" else member) for one, member in members(arrays)]
        path.write_bytes(zip_members(others))
        refuse(path, base)
        with warnings.catch_warnings(), np.load(path) as loaded:
            warnings.simplefilter("ignore")  # about headers of Python 2
            with pytest.raises(ValueError, match=r"model|damaged"):
                Linker(ENTRIES).load_model(loaded)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", [name for name in NPY_HEADERS if name != "long"])
def test_forged_npy_file_is_error(tmp_path, capsys, name, packed):
    for version in (1, 2, 3):
        if version == 1 and len(NPY_HEADERS[name]) > 65_000:
            continue
        data = raw_npy(NPY_HEADERS[name], b"" if "no rows" in name else bytes(8), version)
        path = tmp_path / ("a.npy.gz" if packed else "a.npy")
        path.write_bytes(zlib.compress(data, wbits=31) if packed else data)
        assert main(["hsic", "-q", "-x", "1", "-y", "1", str(path)]) == 1
        err = capsys.readouterr().err
        assert err.startswith(f"kxcli: error: {path}: ") and err.count("\n") == 1 and "internal" not in err


def test_npy_of_python_2_is_read_silently(tmp_path, capsys):
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (8L, 2L), }"
    (tmp_path / "a.npy").write_bytes(raw_npy(header, np.arange(16.0).tobytes()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(["hsic", "-x", "1", "-y", "2", "--permutations", "99", str(tmp_path / "a.npy")]) == 0
    assert capsys.readouterr().err == ""


def patch(data, mark, offset, value, size):
    """Return a zip file with another value in all of its local (or central) headers."""
    data, at = bytearray(data), data.find(mark)
    while at >= 0:
        data[at + offset : at + offset + size] = value.to_bytes(size, "little")
        at = data.find(mark, at + 4)
    return bytes(data)


LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
FILES = {
    "lzma": lambda arrays: zip_members(members(arrays), zipfile.ZIP_LZMA),
    "bzip2": lambda arrays: zip_members(members(arrays), zipfile.ZIP_BZIP2),
    "unknown method": lambda arrays: patch(zip_members(members(arrays)), CENTRAL, 10, 97, 2),
    "stored as deflated": lambda arrays: patch(zip_members(members(arrays), zipfile.ZIP_STORED), CENTRAL, 10, 8, 2),
    "deflated as lzma": lambda arrays: patch(
        patch(zip_members(members(arrays)), CENTRAL, 10, zipfile.ZIP_LZMA, 2), LOCAL, 8, zipfile.ZIP_LZMA, 2
    ),
    "encrypted": lambda arrays: patch(patch(zip_members(members(arrays)), CENTRAL, 8, 1, 2), LOCAL, 6, 1, 2),
    "wrong checksum": lambda arrays: patch(zip_members(members(arrays)), CENTRAL, 16, 7, 4),
    "short sizes": lambda arrays: patch(zip_members(members(arrays)), CENTRAL, 24, 10, 4),
    "long sizes": lambda arrays: patch(zip_members(members(arrays)), CENTRAL, 24, 0xFFFFFFF0, 4),
    "zip64 without its field": lambda arrays: patch(zip_members(members(arrays)), CENTRAL, 24, 0xFFFFFFFF, 4),
    "short compressed sizes": lambda arrays: patch(zip_members(members(arrays)), CENTRAL, 20, 5, 4),
    "places outside": lambda arrays: patch(zip_members(members(arrays)), CENTRAL, 42, 0x7FFFFFFF, 4),
    "all at one place": lambda arrays: patch(zip_members(members(arrays)), CENTRAL, 42, 0, 4),
    "an array twice": lambda arrays: zip_members([*members(arrays), members(arrays)[0]]),
    "the header twice": lambda arrays: zip_members([*members(arrays), ("header.npy", npy(arrays["header"]))]),
    "another array": lambda arrays: zip_members([*members(arrays), ("more.npy", npy(np.arange(3)))]),
    "another file": lambda arrays: zip_members([*members(arrays), ("readme.txt", b"x")]),
    "no suffix": lambda arrays: zip_members([(name.removesuffix(".npy"), data) for name, data in members(arrays)]),
    "a path": lambda arrays: zip_members([*members(arrays), ("../../x.npy", npy(np.arange(3)))]),
    "many files": lambda arrays: zip_members([*members(arrays), *[(f"{n}.npy", b"") for n in range(2000)]]),
    "trailing bytes in an array": lambda arrays: zip_members([(name, data + b"x") for name, data in members(arrays)]),
    "an array cut short": lambda arrays: zip_members([(name, data[:-1]) for name, data in members(arrays)]),
    "cut": lambda arrays: zip_members(members(arrays))[:-30],
    "cut to its mark": lambda arrays: LOCAL,
    "empty zip": lambda arrays: zip_members([]),
    "fields": lambda arrays: zip_members(
        [(n, d if n != "ranking.npy" else npy(np.zeros(3, [("a", "f8")]))) for n, d in members(arrays)]
    ),
}


@pytest.mark.parametrize("file", FILES)
def test_forged_zip_file_is_error(tmp_path, base, arrays, file):
    path = tmp_path / "m.npz"
    path.write_bytes(FILES[file](arrays))
    refuse(path, base)
    if not file.startswith(("cut", "empty")):  # numpy itself refuses them
        with np.load(path) as loaded, suppress(ValueError):  # numpy may read more than kxcli
            Linker(ENTRIES).load_model(loaded)


def test_intact_models_are_accepted(tmp_path, base, arrays):
    path = tmp_path / "m.npz"
    for method in zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED:
        path.write_bytes(zip_members(members(arrays), method))
        found = model_files.load_model(os.fspath(path), base)
        assert found.keys() == arrays.keys()
        assert all(np.array_equal(found[name], arrays[name]) for name in arrays)


def zeros(size):
    """Return a deflated .npz member of zeros with a header of floats."""
    header = raw_npy(str({**HUGE, "shape": (size // 8,)}))
    packer, crc, parts, left = zlib.compressobj(1, wbits=-15), zlib.crc32(header), [], size
    parts.append(packer.compress(header))
    block = bytes(1 << 24)
    while left:
        crc = zlib.crc32(block[:left], crc)
        parts.append(packer.compress(block[:left]))
        left -= min(left, len(block))
    parts.append(packer.flush())
    return b"".join(parts), crc, len(header) + size


def bomb(path, arrays, name, size):
    """Write a model with one array of zeros, with valid sizes and checksums."""
    data, crc, whole = zeros(size)
    packed = zip_members([(one, member) for one, member in members(arrays) if one != f"{name}.npy"], zipfile.ZIP_STORED)
    encoded = f"{name}.npy".encode()
    sizes = struct.pack("<LLL", crc, len(data), whole)
    local = LOCAL + struct.pack("<5H", 20, 0, 8, 0, 0x21) + sizes + struct.pack("<HH", len(encoded), 0) + encoded
    end = packed.rfind(b"PK\x05\x06")
    start, count = (
        struct.unpack("<L", packed[end + 16 : end + 20])[0],
        struct.unpack("<H", packed[end + 10 : end + 12])[0],
    )
    entry = CENTRAL + struct.pack("<6H", 20, 20, 0, 8, 0, 0x21) + sizes
    entry += struct.pack("<5HLL", len(encoded), 0, 0, 0, 0, 0, start) + encoded
    central = packed[start:end] + entry
    tail = b"PK\x05\x06" + struct.pack(
        "<4H2LH", 0, 0, count + 1, count + 1, len(central), start + len(local) + len(data), 0
    )
    path.write_bytes(packed[:start] + local + data + central + tail)


@pytest.mark.parametrize("name", ["header", "ranking", "learned.data", "statistics.slots.0", "more"])
def test_gigabytes_of_zeros_are_not_inflated(tmp_path, base, arrays, name):
    path = tmp_path / "m.npz"
    bomb(path, arrays, name, 1 << 28)  # of 256 MB, each in a file of 1 MB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refuse(path, base)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_device_or_folder_as_model_is_error(tmp_path, base):
    assert refuse("/dev/zero", base).startswith("is no model of kxcli entity-link")
    assert refuse("/dev/null", base).startswith("is no model of kxcli entity-link")
    assert refuse(tmp_path, base) == "Is a directory"


@pytest.mark.parametrize("what", [None, 3, "model.npz", [], np.arange(3), np.array(3)], ids=repr)
def test_model_must_be_arrays_by_name(what):
    with pytest.raises(ValueError, match="is no model of kxcli entity-link"):
        Linker(ENTRIES).load_model(what)


# Dtypes, shapes and values


def odd_forms(array):
    """Return variants of an array: other dtypes, shapes and odd values."""
    yield array.astype(object)
    yield array.astype("S8")
    yield array.astype("U8")
    yield array.astype(array.dtype.newbyteorder(">")) if array.itemsize > 1 else array.astype("i1")
    yield np.zeros(array.shape, "f2")
    yield array.astype("c16")
    yield np.zeros(array.shape, "M8[s]")
    yield np.zeros(array.shape, [("a", "i4")])
    yield array[np.newaxis]
    yield np.zeros((*array.shape, 0), array.dtype)
    yield array.ravel()[:0].reshape(0, *array.shape[1:]) if array.ndim else np.zeros(2, array.dtype)
    if array.ndim:
        yield np.concatenate((array, array))
        yield array[:-1]
        yield np.concatenate((array, array[-1:] if len(array) else np.zeros((1, *array.shape[1:]), array.dtype)))


def odd_values(array):
    kind = array.dtype
    most = np.finfo(kind).max if kind.kind == "f" else True if kind.kind == "b" else np.iinfo(kind).max
    least = np.finfo(kind).min if kind.kind == "f" else False if kind.kind == "b" else np.iinfo(kind).min
    yield np.full_like(array, most)
    yield np.full_like(array, least)
    yield np.zeros_like(array)
    yield np.ones_like(array)
    if array.ndim and len(array):
        yield array[::-1].copy()
        yield np.roll(array, 1)
        for at in {0, len(array) - 1}:
            for value in (most, 1):
                changed = array.copy()
                changed[at] = value
                yield changed
    if kind.kind == "f":
        yield np.full_like(array, np.nan)
        yield np.full_like(array, np.inf)


@cache
def make_linker():
    return Linker(ENTRIES)


def links(arrays, base):
    linker = copy(make_linker())
    linker.model = LinkingModel.from_arrays(arrays, base)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return linker.link(TEXTS)


def test_model_arrays_must_have_declared_forms(base, arrays):
    for name, array in arrays.items():
        for odd in odd_forms(array):
            changed = {**arrays, name: odd}
            forged = changed if name == "header" else with_header(changed, header_of(arrays))
            try:
                links(forged, base)
            except ModelError as error:
                assert str(error).split()[0] in ("is", "was")
            else:  # a size that no other array determines
                assert odd.dtype == array.dtype and odd.ndim == array.ndim


def test_odd_model_values_are_error_or_other_result(base, arrays):
    for name, array in arrays.items():
        if name == "header":
            continue
        for odd in odd_values(array):
            try:
                links(with_header({**arrays, name: odd}, header_of(arrays)), base)
            except ModelError as error:
                assert name.partition(".")[0] in str(error)


def link_with(arrays):
    """Link with a knowledge base if its arrays have the declared forms."""
    check_knowledge_base(arrays)
    linker = copy(make_linker())
    linker.model = LinkingModel.from_prior(KnowledgeBase.from_arrays(arrays))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return linker.link(TEXTS)


def test_knowledge_base_arrays_must_have_declared_forms(base):
    arrays = base.arrays()
    assert link_with(arrays) == Linker(ENTRIES).link(TEXTS)
    for name, array in arrays.items():
        with suppress(schema.SchemaError):  # a table of slots without numbers may be missing
            link_with({key: value for key, value in arrays.items() if key != name})
            assert name[-1].isdigit()
        for odd in odd_forms(array):
            try:
                link_with({**arrays, name: odd})
            except schema.SchemaError:
                continue
            assert odd.dtype == array.dtype and odd.ndim == array.ndim


def test_odd_knowledge_base_values_are_error_or_other_result(base):
    arrays = base.arrays()
    for name, array in arrays.items():
        for odd in odd_values(array):
            try:
                link_with({**arrays, name: odd})
            except schema.SchemaError as error:
                assert name.split(".")[0] in str(error)


def forge_kb(base, seed):
    """Change some values of some arrays of a knowledge base, mostly small ones."""
    rng = random.Random(seed)
    arrays = {name: array.copy() for name, array in base.arrays().items()}
    for name in rng.sample(sorted(arrays), rng.randint(1, 3)):
        array = arrays[name]
        for _ in range(rng.randint(1, 8)):
            if array.size:
                at = rng.randrange(len(array))
                array[at] = rng.choice([array[rng.randrange(len(array))], 0, 1, 2, 3, rng.randrange(100)])
    return arrays


@settings(
    derandomize=True, max_examples=150, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10**9))
def test_forged_knowledge_base_never_crashes(base, seed):
    with suppress(schema.SchemaError):
        link_with(forge_kb(base, seed))


@pytest.mark.slow
def test_many_forged_knowledge_bases_never_crash(base):
    n_refused = 0
    for seed in range(20_000):
        try:
            link_with(forge_kb(base, seed))
        except schema.SchemaError:
            n_refused += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
    assert 0 < n_refused < 20_000


def forge_model(arrays, seed):
    rng = random.Random(seed)
    forged = {name: array.copy() for name, array in arrays.items()}
    for name in rng.sample(sorted(forged), rng.randint(1, 3)):
        array = forged[name].reshape(-1)
        for _ in range(rng.randint(1, 8)):
            if name != "header" and len(array):
                at = rng.randrange(len(array))
                array[at] = rng.choice([array[rng.randrange(len(array))], 0, 1, 2, 3, rng.randrange(100)])
        forged[name] = array.reshape(forged[name].shape)
    return with_header(forged, header_of(arrays))


@settings(
    derandomize=True, max_examples=100, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10**9))
def test_forged_model_never_crashes(base, arrays, seed):
    with suppress(ModelError):
        links(forge_model(arrays, seed), base)


# The cache

CACHE_MARK = b"kxcli arrays 2\n"


def write_signed(path, header, body):
    """Write a compiled knowledge base with a valid checksum."""
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    rest = len(header).to_bytes(8, "little") + header + body
    path.write_bytes(CACHE_MARK + hashlib.sha256(rest).digest() + rest)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A compiled knowledge base, a function that loads it, and the expected arrays."""
    tmp_path.chmod(0o700)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kb.tsv").write_text("小米\t1\n雷军\t2\n小米\t3\n")
    logged = []

    def run():
        logged.clear()
        report = Report(verbose=True)
        monkeypatch.setattr(report, "detail", logged.append)
        found = knowledge_cache.load_knowledge_base(["kb.tsv"], "cache", "stop", report)
        return {name: array.tobytes() for name, array in found.items()}, list(logged)

    expected, _ = run()
    (path,) = (tmp_path / "cache").iterdir()
    return path, run, expected


def cache_parts(path):
    rest = path.read_bytes()[len(CACHE_MARK) + 32 :]
    stop = 8 + int.from_bytes(rest[:8], "little")
    return json.loads(rest[8:stop]), rest[stop:]


def forged_cache_headers(header):
    """Yield headers of the cache with one odd value each."""
    for name in header:
        for value in ODD:
            if value != header[name] or type(value) is not type(header[name]):
                yield {**header, name: value}
        yield {key: value for key, value in header.items() if key != name}
    yield {**header, "more": 1}
    for name, place in header["arrays"].items():
        for at in range(3):
            for value in [*ODD, "|O", "<c16", ">i8", "|V8", "<U4", [["a", "<i4"]]]:
                odd = [*place[:at], value, *place[at + 1 :]]
                if odd != place or type(value) is not type(place[at]):
                    yield {**header, "arrays": {**header["arrays"], name: odd}}
        yield {**header, "arrays": {key: value for key, value in header["arrays"].items() if key != name}}
        if name != "digest":
            break
    about = header["about"]
    for name in about:
        for value in [*ODD, [[1, "x"]], [[0, 1]], [["x", 1]], [["x", 1, [[1, 1]]]], [["x", True, []]]]:
            if value not in ([], about[name]) and not (name == "names" and type(value) is int and 0 <= value < 2**63):
                yield {**header, "about": {**about, name: value}}


def test_forged_cache_header_is_compiled_again(cache):
    path, run, expected = cache
    header, body = cache_parts(path)
    headers = [*forged_cache_headers(header), *ODD_HEADERS, b" " * (1 << 21)]
    for number, forged in enumerate(headers):
        write_signed(path, forged, body)
        if isinstance(forged, bytes) or (number % 7 == 0 and forged["arrays"] == header["arrays"]):
            found, reported = run()
            assert found == expected and any("is compiled again" in line for line in reported), forged
        else:  # without compiling each time; a changed array may have fewer values and be valid
            kept = knowledge_cache._open_cached(os.fspath(path), 1, Report(verbose=False))
            assert kept is None or forged["arrays"] != header["arrays"], forged


@pytest.mark.parametrize("harm", ["cut", "longer", "empty", "mark", "sparse"])
def test_damaged_cache_is_compiled_again(cache, harm):
    path, run, expected = cache
    data = path.read_bytes()
    if harm == "sparse":
        with open(path, "wb") as file:
            file.truncate(1 << 33)
    else:
        path.write_bytes({"cut": data[:-1], "longer": data + b"x", "empty": b"", "mark": data[:15]}[harm])
    start = time.monotonic()
    found, reported = run()
    assert found == expected and any("is compiled again" in line for line in reported)
    assert time.monotonic() - start < 60
    assert not any("is compiled again" in line for line in run()[1])


def test_failed_map_of_cache_is_input_error(cache):
    path, _, _ = cache
    array_file._map_again(os.fspath(path))
    path.write_bytes(b"x")
    with pytest.raises(InputError, match="was changed while it was used; leave the folder of --kb-cache alone"):
        array_file._map_again(os.fspath(path))


def test_forged_model_needs_little_memory(tmp_path, base, arrays):
    bomb(tmp_path / "m.npz", arrays, "learned.data", 1 << 28)
    (tmp_path / "kb.tsv").write_text("小米\t1\n")
    code = (
        "import sys; from kxcli.cli import main; code = main(sys.argv[1:]);"
        "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0]); sys.exit(code)"
    )
    use = ["entity-link", "--kb", "kb.tsv", "--kb-cache", "cache", "--model", "m.npz", "-j", "1", "kb.tsv"]
    done = subprocess.run([sys.executable, "-c", code, *use], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "would take 268," in done.stderr
    assert int(done.stdout) << 10 < 300 << 20
