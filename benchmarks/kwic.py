"""Concordances compared on the same text in one run, as ratios.

    python benchmarks/kwic.py FILE... [--pattern 疫情] [--patterns 5000] [--part BYTES] [--runs 3]

Measures the CPU seconds of these, each in a process of its own, with start-up:

  grep       `grep -n`: prints lines, without contexts
  loop       a plain Python loop that finds the pattern in each line and prints its contexts
  find       a loop of `str.find` over many patterns in each line; its hits overlap; on a part of the text
  jieba      a loop that cuts each line with jieba and compares each token; on a part of the text
  kxcli      `kxcli kwic -j 1`: the pattern, --patterns-from, --tokens; and -j 2 for the pattern

The many patterns are frequent words of the text. The times of a part are scaled to the whole. The numbers are medians
of the runs; those of loops over a part are of one run.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import iter_lines, measure_usage, write_part

KXCLI = str(Path(sys.executable).with_name("kxcli"))
WIDTH = 30
SKIPPED_WORDS = 2000  # the most frequent ones


def run_loop(patterns: list[str], files: list[str]) -> None:
    """Print each occurrence of patterns with its contexts."""
    for path in files:
        for number, line in enumerate(iter_lines([path]), 1):
            for pattern in patterns:
                at = line.find(pattern)
                while at >= 0:
                    stop = at + len(pattern)
                    left, right = line[max(0, at - WIDTH) : at], line[stop : stop + WIDTH]
                    print(f"{path}:{number}", left, pattern, right, sep="\t")
                    at = line.find(pattern, stop)


def run_jieba(pattern: str, files: list[str]) -> None:
    """Print each token that is the pattern with its contexts."""
    import jieba

    jieba.setLogLevel("ERROR")
    for path in files:
        for number, line in enumerate(iter_lines([path]), 1):
            at = 0
            for token in jieba.cut(line):
                stop = at + len(token)
                if token == pattern:
                    left, right = line[max(0, at - WIDTH) : at], line[stop : stop + WIDTH]
                    print(f"{path}:{number}", left, token, right, sep="\t")
                at = stop


class KwicBench:
    """Commands on some files, with their output in a temporary folder."""

    def __init__(self, files: list[str], pattern: str, n_patterns: int, part_size: int, folder: str) -> None:
        self.files, self.pattern, self.folder = files, pattern, folder
        self.part, self.patterns = os.path.join(folder, "part.txt"), os.path.join(folder, "patterns.txt")
        self.share = sum(map(os.path.getsize, files)) / write_part(files, part_size, self.part)
        words = ["wordcount", "-q", "--min-length", "2", "--top", str(SKIPPED_WORDS + n_patterns), *files]
        ranked = subprocess.run([KXCLI, *words], check=True, capture_output=True, text=True).stdout.splitlines()
        chosen = [line.partition("\t")[0] for line in ranked[SKIPPED_WORDS:]]
        Path(self.patterns).write_text("".join(f"{word}\n" for word in chosen), encoding="utf-8")

    def measure(self, command: list[str], runs: int = 1, share: float = 1) -> tuple[float, bytes]:
        """Return CPU seconds of a command, scaled to the whole text, and its output."""
        out = os.path.join(self.folder, "out.tsv")
        seconds = []
        for _ in range(runs):
            with open(out, "wb") as file:
                seconds.append(measure_usage(command, file.fileno(), is_watched=False).cpu_seconds * share)
        return statistics.median(seconds), Path(out).read_bytes()

    def run_python(self, loop: str, runs: int, *, on_part: bool) -> tuple[float, bytes]:
        """Measure a loop of this file."""
        files, share = ([self.part], self.share) if on_part else (self.files, 1)
        patterns = ["--pattern", self.pattern, "--patterns-file", self.patterns]
        return self.measure([sys.executable, __file__, *files, *patterns, "--loop", loop], runs, share)

    def run_kxcli(self, runs: int, *arguments: str) -> tuple[float, bytes]:
        """Measure kxcli on all files."""
        return self.measure([KXCLI, "kwic", "-q", *arguments], runs)


def compare(bench: KwicBench, runs: int) -> bool:
    """Print the table; return whether the outputs agree."""
    pattern, files = bench.pattern, bench.files
    kxcli, found = bench.run_kxcli(runs, "-j", "1", pattern, *files)
    two, found_by_two = bench.run_kxcli(runs, "-j", "2", pattern, *files)
    grep, _ = bench.measure(["grep", "-n", pattern, *files], runs)
    loop, found_by_loop = bench.run_python("loop", runs, on_part=False)
    many, _ = bench.run_kxcli(runs, "-j", "1", "--patterns-from", bench.patterns, *files)
    find, _ = bench.run_python("find", 1, on_part=True)
    tokens, _ = bench.run_kxcli(runs, "-j", "1", "--tokens", pattern, *files)
    jieba, found_by_jieba = bench.run_python("jieba", 1, on_part=True)
    _, tokens_of_part = bench.run_kxcli(1, "-j", "1", "--tokens", pattern, bench.part)
    n_patterns = Path(bench.patterns).read_bytes().count(b"\n")
    print("| | instead | CPU s | kxcli, CPU s | ratio |\n|---|---|---|---|---|")
    for name, instead, seconds, ours in (
        (f"`kwic {pattern}`", "grep -n", grep, kxcli),
        (f"`kwic {pattern}`", "a plain Python loop", loop, kxcli),
        (f"`kwic {pattern} -j 2`", "a plain Python loop", loop, two),
        (f"`--patterns-from`, {n_patterns:,} words", "a loop of str.find", find, many),
        (f"`--tokens {pattern}`", "a loop over jieba's tokens", jieba, tokens),
    ):
        print(f"| {name} | {instead} | {seconds:.2f} | {ours:.2f} | {seconds / ours:.2f} |")
    return found == found_by_two == found_by_loop and tokens_of_part == found_by_jieba


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--pattern", default="疫情")
    parser.add_argument("--patterns", type=int, default=5000, help="number of patterns for --patterns-from")
    parser.add_argument("--part", type=int, default=2 << 20, help="bytes for the slow loops")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--loop", choices=["loop", "find", "jieba"], help=argparse.SUPPRESS)
    parser.add_argument("--patterns-file", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.loop == "jieba":
        run_jieba(options.pattern, options.files)
    elif options.loop:
        many = Path(options.patterns_file).read_text(encoding="utf-8").splitlines()
        run_loop([options.pattern] if options.loop == "loop" else many, options.files)
    else:
        with tempfile.TemporaryDirectory() as folder:
            bench = KwicBench(options.files, options.pattern, options.patterns, options.part, folder)
            size = sum(map(os.path.getsize, options.files))
            print(f"{size / 1e6:.0f} MB; the slow loops on 1/{bench.share:.1f} of it\n", flush=True)
            agree = compare(bench, options.runs)
        print("\nall outputs agree" if agree else "\nOUTPUTS DIFFER")
        sys.exit(not agree)


if __name__ == "__main__":
    main()
