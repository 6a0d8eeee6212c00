"""Confusion matrices of `--encoding auto`, and of charset-normalizer if it is installed.

Each text is encoded in every encoding of its language. Detected are whole texts (their first MiB), pieces of up to 200
bytes at random places, and pieces of 200 bytes that are cut anywhere, within characters too. Before the path of a text
is its language: hans, hant, yue, ja or ko.

    python benchmarks/encoding_detection.py hans:news.txt hant:traditional.txt ja:japanese.txt.gz ko:korean.txt.xz
"""

import argparse
import bz2
import gzip
import lzma
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from kxcli.corpus.encoding_guess import guess_encoding, name_encoding

UTF = ("utf-8", "utf-16-le", "utf-16-be")
ENCODINGS = {
    "hans": ("gb18030", *UTF),
    "hant": ("cp950", "gb18030", *UTF),
    "yue": ("big5hkscs", "gb18030", *UTF),
    "ja": ("cp932", "euc_jp", *UTF),
    "ko": ("cp949", *UTF),
}
NAMES = [name_encoding(name) for name in ("gb18030", "cp950", "cp932", "euc_jp", "cp949", *UTF)]
CODECS = ["utf_8", "gb18030", "gbk", "gb2312", "big5", "cp950", "big5hkscs", "shift_jis", "cp932", "euc_jp", "euc_kr"]
CODECS += ["cp949", "utf_16_le", "utf_16_be"]  # that charset-normalizer chooses from
ALIASES = {"gbk": "gb18030", "gb2312": "gb18030", "big5": "cp950", "shift_jis": "cp932", "euc_kr": "cp949"}
ALIASES |= {"ascii": "utf-8"}

Case = tuple[str, bytes]  # the name of the encoding, and text in it
Detector = Callable[[bytes], tuple[str, bool]]  # returns the name of the encoding, and whether it is doubtful


def detect(data: bytes) -> tuple[str, bool]:
    """Return the encoding by kxcli."""
    guess = guess_encoding(data, complete=True)
    return name_encoding(guess.encoding), bool(guess.doubt)


def load_charset_normalizer() -> Detector | None:
    """Return the detector of charset-normalizer, or None if it is not installed."""
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return None

    def detect_charset(data: bytes) -> tuple[str, bool]:
        best = from_bytes(data, cp_isolation=CODECS).best()
        if best is None:
            return "none", False
        return name_encoding(ALIASES.get(best.encoding, best.encoding.replace("utf_", "utf-").replace("_", "-"))), False

    return detect_charset


def read_text(path: str) -> str:
    """Return the text of a file in UTF-8, compressed by its suffix."""
    data = Path(path).read_bytes()
    unpack = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}.get(Path(path).suffix)
    return (unpack(data) if unpack else data).decode()


def iter_pieces(text: str, encoding: str, size: int, n: int, source: random.Random) -> Iterator[bytes]:
    """Yield pieces of whole characters that are not all ASCII."""
    while n:
        place = source.randrange(len(text))
        piece = text[place : place + size]
        while len(data := piece.encode(encoding, "ignore")) > size:
            piece = piece[:-1]
        if not piece.isascii():
            n -= 1
            yield data


def iter_cuts(data: bytes, size: int, n: int, source: random.Random) -> Iterator[bytes]:
    """Yield pieces that are cut at any byte, with several bytes beyond ASCII."""
    while n:
        place = source.randrange(max(1, len(data) - size))
        piece = data[place : place + size]
        if len(piece) - len(piece.decode("ascii", "ignore")) > 4:
            n -= 1
            yield piece


def print_matrix(cases: Iterable[Case], run: Detector, title: str) -> None:
    """Print how often each encoding was read as each."""
    counts, warned = Counter[tuple[str, str]](), Counter[str]()
    start = time.process_time()
    for name, data in cases:
        found, is_doubtful = run(data)
        counts[name, found] += 1
        warned[name] += is_doubtful
    seconds = time.process_time() - start
    others = sorted({found for _, found in counts} - set(NAMES))
    print(f"\n{title}: {1e3 * seconds / counts.total():.1f} ms each")
    print("| in | " + " | ".join(f"as {name}" for name in [*NAMES, *others]) + " | with a warning |")
    print("| --- |" + " ---: |" * (len(NAMES) + len(others) + 1))
    for name in NAMES:
        if any(true == name for true, _ in counts):
            row = [f"{counts[name, found]:,}" if counts[name, found] else "" for found in [*NAMES, *others]]
            print(f"| {name} | {' | '.join(row)} | {warned[name] or ''} |")


def main() -> None:
    """Detect the encodings of texts, of pieces and of cut pieces."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="+", metavar="LANGUAGE:PATH")
    parser.add_argument("--pieces", type=int, default=200, help="pieces of each text in each encoding (200)")
    parser.add_argument("--size", type=int, default=200, help="bytes of a piece (200)")
    options = parser.parse_args()
    source = random.Random(1)
    whole, pieces, cuts = list[Case](), list[Case](), list[Case]()
    for argument in options.texts:
        language, _, path = argument.partition(":")
        text = read_text(path)
        for encoding in ENCODINGS[language]:
            name, data = name_encoding(encoding), text.encode(encoding, "ignore")
            whole.append((name, data[: 1 << 20]))
            pieces += [(name, one) for one in iter_pieces(text, encoding, options.size, options.pieces, source)]
            if not encoding.startswith("utf-16"):  # cut in two, a unit of UTF-16 is lost, and with it all others
                cuts += [(name, one) for one in iter_cuts(data, options.size, options.pieces, source)]
    for title, run in (("kxcli", detect), ("charset-normalizer", load_charset_normalizer())):
        if run is not None:
            print_matrix(whole, run, f"{title}, whole texts")
            print_matrix(pieces, run, f"{title}, {options.size} bytes of whole characters")
            print_matrix(cuts, run, f"{title}, {options.size} bytes cut anywhere")


if __name__ == "__main__":
    main()
