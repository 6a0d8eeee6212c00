"""Collocates compared on the same text in one run, as ratios.

    python benchmarks/collocate.py FILE... [--word 经济] [--runs 3] [--part BYTES]

Measures wall and CPU seconds of these, each in a process of its own, in turns, with the output of all rows:

  word     jieba.cut line by line; the windows of one word into a Counter; the formulas of AntConc in numpy
  pairs    the same for the windows of all words
  kxcli    `kxcli collocate` for the word and for all pairs, with `-j 1` and `-j 2`

The loops run on a part of the text, without the start of Python and jieba, and are scaled to the whole; on the part,
their rows must be those of kxcli. The numbers are medians; memory is the peak of the whole process tree.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from measuring import Usage, iter_lines, measure_usage, write_part

KXCLI = str(Path(sys.executable).with_name("kxcli"))
WINDOW = 5
MIN_COUNT = 5
OUTPUT = "out.tsv"
Pair = tuple[str, str]


# The loops


def count_pairs(paths: list[str], node: str | None) -> tuple[Counter[str], Counter[Pair]]:
    """Count the words, and the pairs of a word, or of all words, and a word within the window."""
    import jieba

    words: Counter[str] = Counter()
    pairs: Counter[Pair] = Counter()
    for line in iter_lines(paths):
        tokens = [token for token in jieba.cut(line) if any(map(str.isalnum, token))]
        words.update(tokens)
        for at, word in enumerate(tokens):
            if node is None or word == node:
                near = tokens[max(0, at - WINDOW) : at] + tokens[at + 1 : at + 1 + WINDOW]
                pairs.update((word, other) for other in near if node is not None or word < other)
    return words, pairs


def write_scores(words: Counter[str], pairs: Counter[Pair], node: str | None) -> None:
    """Write the frequent pairs with the measures of AntConc, the highest logDice first."""
    import numpy as np

    rows = [(pair, count) for pair, count in pairs.items() if count >= MIN_COUNT]
    joint = np.array([count for _, count in rows], float)
    first = np.array([words[pair[0]] for pair, _ in rows], float)
    second = np.array([words[pair[1]] for pair, _ in rows], float)
    n, size = sum(words.values()), 2 * WINDOW
    expected = first * second * size / n
    dice = 14 + np.log2(2 * joint / (first + second))
    mi, t_score = np.log2(joint / expected), (joint - expected) / np.sqrt(joint)
    table = [joint, first * size - joint, second * size - joint, n * size - (first + second) * size + joint]
    margins = [(table[0] + table[1]), (table[2] + table[3])], [(table[0] + table[2]), (table[1] + table[3])]
    means = [row * column / (n * size) for row in margins[0] for column in margins[1]]
    g2 = 2 * sum(cell * np.log(np.maximum(cell, 1e-9) / mean) for cell, mean in zip(table, means, strict=True))
    for at in np.argsort(-dice, kind="stable"):
        pair, count = rows[at]
        cells = pair if node is None else pair[1:]
        print(*cells, count, *(f"{scores[at]:.4f}" for scores in (dice, mi, t_score, g2)), sep="\t")


def run_loop(name: str, paths: list[str], word: str) -> None:
    """Run a loop in this process, and write its wall and CPU seconds to stderr."""
    import jieba

    jieba.setLogLevel("ERROR")
    jieba.initialize()
    start, start_cpu = time.perf_counter(), time.process_time()
    node = word if name == "word" else None
    write_scores(*count_pairs(paths, node), node)
    print(time.perf_counter() - start, time.process_time() - start_cpu, file=sys.stderr)


# The comparison


def make_use(which: list[str], paths: list[str], workers: int) -> list[str]:
    """Return the command line of kxcli."""
    limits = ["--window", str(WINDOW), "--min-count", str(MIN_COUNT)]
    return [KXCLI, "collocate", "-q", "-j", str(workers), *limits, *which, *paths]


def start_loop(name: str, part: str, word: str) -> tuple[str, float, float]:
    """Run a loop, and return its output, wall seconds and CPU seconds."""
    command = [sys.executable, __file__, "--loop", name, "--word", word, part]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, cpu_seconds = map(float, ended.stderr.split())
    return ended.stdout, seconds, cpu_seconds


def list_counts(output: str, n_words: int) -> list[tuple[str, ...]]:
    """Return the words of pairs, in any order, with their counts."""
    rows = (line.split("\t") for line in output.splitlines())
    return sorted((*sorted(row[:n_words]), row[n_words]) for row in rows)


def check_rows(name: str, output: str, which: list[str], part: str) -> None:
    """Compare the pairs and counts of a loop with those of kxcli."""
    ours = subprocess.run(make_use(which, [part], 1), capture_output=True, text=True, check=True).stdout
    n_words = 2 if which == ["--pairs"] else 1
    assert list_counts(output, n_words) == list_counts(ours, n_words), "the rows differ"
    print(f"{name}: {len(output.splitlines()):,} rows of the part are equal", file=sys.stderr)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", metavar="FILE")
    parser.add_argument("--word", default="经济")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--part", type=int, default=4_000_000, metavar="BYTES")
    parser.add_argument("--loop", choices=["word", "pairs"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.loop:
        run_loop(options.loop, options.paths, options.word)
        return
    if not options.paths:
        print("collocate: name files to measure on: make bench FILES=...")
        return
    with tempfile.TemporaryDirectory() as folder:
        part = os.path.join(folder, "part")
        whole = sum(os.path.getsize(path) for path in options.paths)
        scale = whole / write_part(options.paths, min(options.part, whole), part)
        print("| | seconds | CPU seconds | of the loop's CPU | peak memory, MB |\n|---|---|---|---|---|")
        for name, which in (("word", [options.word]), ("pairs", ["--pairs"])):
            compare(name, which, options, part, scale, os.path.join(folder, OUTPUT))


def compare(
    name: str, which: list[str], options: argparse.Namespace, part: str, scale: float, output_path: str
) -> None:
    """Measure a loop and kxcli in turns, and print medians."""
    loops, usages = list[tuple[float, float]](), dict[int, list[Usage]]({1: [], 2: []})
    for number in range(options.runs):
        output, *seconds = start_loop(name, part, options.word)
        loops.append((seconds[0] * scale, seconds[1] * scale))
        if number == 0:
            check_rows(name, output, which, part)
        for workers, own in usages.items():
            with open(output_path, "wb") as file:
                own.append(measure_usage(make_use(which, options.paths, workers), file.fileno()))
    wall, base = (statistics.median(column) for column in zip(*loops, strict=True))
    print(f"| loop, {name} | {wall:.1f} | {base:.1f} | 1 | |")
    for workers, own in usages.items():
        seconds_of_run = statistics.median(usage.seconds for usage in own)
        cpu = statistics.median(usage.cpu_seconds for usage in own)
        peak = max(usage.peak for usage in own) / 1e6
        print(f"| kxcli, {name}, -j {workers} | {seconds_of_run:.1f} | {cpu:.1f} | {cpu / base:.3f} | {peak:.0f} |")


if __name__ == "__main__":
    main()
