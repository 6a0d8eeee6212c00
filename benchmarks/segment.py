"""Segmentation compared with jieba's command line on the same text in one run, as ratios.

    python benchmarks/segment.py FILE... [--runs 3] [--part BYTES]

Measures wall and CPU seconds of these, each in a process of its own, in turns:

  jieba           `python -m jieba -d ' '`, with options for its full mode, without its model, and for tags; on a part
                  of the text, without the seconds for an empty file, scaled to the whole
  kxcli           `kxcli segment -j 1` and `-j 2`, with the same options and with others; with start-up and output

Tags, rows and records are measured on a small share of the text. The outputs for the part are compared byte by byte.
The numbers are medians. Memory is the peak of the whole process tree, shared pages counted once, sampled every 50 ms.
90 MB of text or more make start-up irrelevant.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import NamedTuple

from measuring import Usage, measure_usage, write_part

KXCLI = str(Path(sys.executable).with_name("kxcli"))
JIEBA = [sys.executable, "-W", "ignore", "-m", "jieba"]


class Pair(NamedTuple):
    """Options of jieba, and of kxcli for the same output."""

    jieba: str
    kxcli: str
    share: int  # kxcli reads this part of the text, 1/share; if it is 1, with one and with two workers


PAIRS = (Pair("", "", 1), Pair("-a", "-t full", 1), Pair("-n", "--no-hmm", 1), Pair("-p _", "--pos", 50))
OTHERS = ("--no-punct", "-f jsonl", "-f tsv")
OTHERS_SHARE = 10


class Bench:
    """The text, a part of it, and a file for outputs."""

    def __init__(self, files: list[str], part_size: int, folder: str) -> None:
        self.folder = folder
        self.whole, self.empty, self.out = (os.path.join(folder, name) for name in ("whole", "empty", "out"))
        Path(self.empty).touch()
        write_part(files, sum(map(os.path.getsize, files)), self.whole)
        self.part_size = part_size

    def write_share(self, size: int) -> str:
        """Write a file of about this size, and return its path."""
        path = os.path.join(self.folder, f"part{size}")
        if not os.path.exists(path):
            write_part([self.whole], size, path)
        return path

    def run_jieba(self, options: str, path: str) -> Usage:
        """Measure jieba's command line; its output is in `out`."""
        with open(self.out, "wb") as out:
            return measure_usage([*JIEBA, *options.split(), "-q", "-d", " ", path], out.fileno())

    def run_kxcli(self, options: str, path: str) -> Usage:
        """Measure kxcli; its output is in `out`."""
        return measure_usage([KXCLI, "segment", *options.split(), "-q", "-o", self.out, path])

    def read_out(self) -> bytes:
        """Return the last output."""
        return Path(self.out).read_bytes()


def compute_median(usages: list[Usage]) -> Usage:
    """Return the median of the seconds, and the largest memory."""
    return Usage(
        median(usage.seconds for usage in usages),
        median(usage.cpu_seconds for usage in usages),
        max(usage.peak for usage in usages),
        max(usage.largest for usage in usages),
    )


def print_row(name: str, usage: Usage, size: int, jieba: Usage | None) -> None:
    """Print a row of the table."""
    ratios = ["", ""]
    if jieba is not None:
        ratios = [f"{jieba.seconds / usage.seconds:.1f}", f"{jieba.cpu_seconds / usage.cpu_seconds:.1f}"]
    cells = [f"{usage.seconds:.2f}", f"{usage.cpu_seconds:.2f}", f"{size / usage.cpu_seconds / 1e6:.1f}", *ratios]
    print("| " + " | ".join([f"`{name}`", *cells, f"{usage.peak / 1e6:.0f}"]) + " |", flush=True)


def compare_pair(bench: Bench, pair: Pair, runs: int) -> bool:
    """Print the rows of jieba and kxcli with the same output; return whether it is the same."""
    whole = bench.write_share(os.path.getsize(bench.whole) // pair.share)
    part = bench.write_share(min(bench.part_size, os.path.getsize(whole)))
    scale = os.path.getsize(whole) / os.path.getsize(part)
    start, ended = bench.run_jieba(pair.jieba, bench.empty), bench.run_jieba(pair.jieba, part)
    expected = bench.read_out()
    bench.run_kxcli(pair.kxcli, part)  # and then the dictionary is in the cache
    is_equal = bench.read_out() == expected
    jieba = ended._replace(
        seconds=(ended.seconds - start.seconds) * scale, cpu_seconds=(ended.cpu_seconds - start.cpu_seconds) * scale
    )
    size = os.path.getsize(whole)
    print_row(f"python -m jieba -d ' ' {pair.jieba}".strip(), jieba, size, jieba)
    usages: dict[str, list[Usage]] = {}
    for _ in range(runs):
        for jobs in ("-j 1", "-j 2")[: 1 if pair.share > 1 else 2]:
            usages.setdefault(jobs, []).append(bench.run_kxcli(f"{pair.kxcli} {jobs}", whole))
    for jobs, some in usages.items():
        print_row(f"kxcli segment {pair.kxcli} {jobs}".replace("  ", " "), compute_median(some), size, jieba)
    return is_equal


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--part", type=int, default=2 << 20, help="bytes for jieba")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = folder  # jieba caches its dictionary there
        bench = Bench(options.files, options.part, folder)
        subprocess.run([*JIEBA, "-q", bench.empty], check=True)
        print(f"{os.path.getsize(bench.whole) / 1e6:.0f} MB; jieba on {options.part / 1e6:.1f} MB of it\n")
        print("| | wall s | CPU s | MB / CPU s | jieba / it, wall | jieba / it, CPU | peak memory, MB |")
        print("|---|---|---|---|---|---|---|", flush=True)
        are_equal = [compare_pair(bench, pair, options.runs) for pair in PAIRS]
        share = bench.write_share(os.path.getsize(bench.whole) // OTHERS_SHARE)
        for other in OTHERS:
            usage = compute_median([bench.run_kxcli(f"{other} -j 1", share) for _ in range(options.runs)])
            print_row(f"kxcli segment {other} -j 1", usage, os.path.getsize(share), None)
    print("\nall outputs are equal" if all(are_equal) else "\nOUTPUTS DIFFER")
    sys.exit(not all(are_equal))


if __name__ == "__main__":
    main()
