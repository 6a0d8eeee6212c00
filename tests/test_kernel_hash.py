"""The hashes of the kernel, and what they prevent: that a text decides how long its tokens take."""

import ctypes
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kernel_texts import Reference

from kxcli.mining.segment.dictionary import Dictionary

ROOT = Path(__file__).resolve().parent.parent
SOURCE = """
#include "hash.h"
uint64_t of_bytes(const HashKey *key, const uint8_t *bytes, size_t size) { return hash_bytes(key, bytes, size); }
uint64_t of_number(const HashKey *key, uint64_t number) { return hash_number(key, number); }
"""
TEXTS = [random.Random(size).randbytes(size) for size in (*range(1, 40), 255, 256, 1000)]

_kernel = pytest.importorskip("kxcli._kernel")


class HashKey(ctypes.Structure):
    """The struct of the same name."""

    _fields_ = (("first", ctypes.c_uint64), ("second", ctypes.c_uint64))


@pytest.fixture(scope="module")
def hashes(tmp_path_factory):
    """Return the functions for bytes and for a number."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is missing")
    folder = tmp_path_factory.mktemp("hash")
    (folder / "hash.c").write_text(SOURCE)
    flags = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{ROOT / 'kernel'}")
    subprocess.run(["gcc", *flags, "-o", folder / "hash.so", folder / "hash.c"], check=True)
    library = ctypes.CDLL(str(folder / "hash.so"))
    library.of_bytes.argtypes = (ctypes.POINTER(HashKey), ctypes.c_char_p, ctypes.c_size_t)
    library.of_number.argtypes = (ctypes.POINTER(HashKey), ctypes.c_uint64)
    library.of_bytes.restype = library.of_number.restype = ctypes.c_uint64

    def hash_bytes(key, text):
        return library.of_bytes(HashKey(*key), text, len(text))

    def hash_number(key, number):
        return library.of_number(HashKey(*key), number)

    return hash_bytes, hash_number


@pytest.mark.skipif(sys.hash_info.algorithm != "siphash13", reason="Python has another hash")
@pytest.mark.skipif(sys.byteorder != "little", reason="the kernel reads words in the order of the machine")
def test_hash_of_bytes_is_that_of_python(hashes):
    """With PYTHONHASHSEED=0, the key of Python's SipHash-1-3 is 0."""
    script = f"print(*[hash(text) % 2**64 for text in {TEXTS!r}])"
    environment = {"PYTHONHASHSEED": "0"}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert [hashes[0]((0, 0), text) for text in TEXTS] == list(map(int, ended.stdout.split()))


@pytest.mark.skipif(sys.byteorder != "little", reason="the kernel reads words in the order of the machine")
def test_hash_of_bytes_depends_on_the_whole_key(hashes):
    """Another implementation of SipHash, from the definition in the paper, has any key."""
    for text in TEXTS:
        for key in [(1, 0), (0, 1), (2**63, 0), (0, 2**63), (0x0706050403020100, 0x0F0E0D0C0B0A0908)]:
            assert hashes[0](key, text) == compute_siphash(key, text)


def compute_siphash(key, text, n_compression=1, n_finalization=3):
    mask = 2**64 - 1
    v = [
        int.from_bytes(b"somepseudorandomlygeneratedbytes"[i : i + 8], "big") ^ key[i // 8 % 2] for i in (0, 8, 16, 24)
    ]

    def rotate(number, n):
        return (number << n | number >> (64 - n)) & mask

    def mix(n_rounds):
        for _ in range(n_rounds):
            for a, b, shift, is_rotated in [(0, 1, 13, 1), (2, 3, 16, 0), (0, 3, 21, 0), (2, 1, 17, 1)]:
                v[a] = (v[a] + v[b]) & mask
                v[b] = rotate(v[b], shift) ^ v[a]
                if is_rotated:
                    v[a] = rotate(v[a], 32)

    padded = text + bytes(7 - len(text) % 8) + bytes([len(text) % 256])
    for start in range(0, len(padded), 8):
        word = int.from_bytes(padded[start : start + 8], "little")
        v[3] ^= word
        mix(n_compression)
        v[0] ^= word
    v[2] ^= 0xFF
    mix(n_finalization)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def test_numbers_with_equal_slots_have_others_under_another_key(hashes):
    """Also such as differ in few of their highest or lowest bits."""
    key, other = (random.Random(1).getrandbits(64), 2), (3, random.Random(2).getrandbits(64))
    mask = 2**14 - 1
    for numbers in (range(2**17), range(0, 2**64, 2**47), range(0, 2**49, 2**32)):
        slots = {}
        for number in numbers:
            slots.setdefault(hashes[1](key, number) & mask, []).append(number)
        largest = max(slots.values(), key=len)
        assert len(largest) < 3 * len(numbers) / 2**14 + 50
        assert len({hashes[1](other, number) & mask for number in largest}) > 0.8 * len(largest)


def test_counts_do_not_depend_on_the_key():
    """Each process has its own key."""
    data = Reference(Dictionary("天地 5")).compile()
    script = """
from kxcli import _kernel
counter = _kernel.Counter(_kernel.Dictionary(open(0, "rb").read()), "space", True, True, (1, 2), True, True, None)
for group in "zbac":
    counter.add(" ".join(f"{group}{i % 700}" for i in range(5000)), group, False, False)
print(counter.dump())
"""
    outputs = {
        subprocess.run([sys.executable, "-c", script], input=data, capture_output=True, check=True, cwd=ROOT).stdout
        for _ in range(3)
    }
    assert len(outputs) == 1
