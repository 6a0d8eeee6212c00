"""Collocates compared on the same text in one run, as ratios.

    python benchmarks/collocate.py FILE... [--word 经济] [--runs 3] [--part BYTES]

Measures wall and CPU seconds of these, each in a process of its own, in turns, with start-up and output:

  word     jieba.cut line by line; the windows of one word into a Counter; the formulas of AntConc in numpy
  pairs    the same for the windows of all words
  kxcli    `kxcli collocate` for the word and for all pairs, with `-j 1` and `-j 2`

The loops run on a part of the text and are scaled to the whole; on the part, their rows must be those of kxcli. The
numbers are medians; memory is the peak of the whole process tree.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
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
                pairs.update((word, other) for other in near if node is not None or word <= other)
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
    """Run a loop in this process."""
    node = word if name == "word" else None
    write_scores(*count_pairs(paths, node), node)


# The comparison


def list_commands(paths: list[str], part: str, word: str) -> dict[str, tuple[list[str], bool]]:
    """Return the commands, and whether they run on the part."""
    use = [KXCLI, "collocate", "-q", "--window", str(WINDOW), "--min-count", str(MIN_COUNT)]
    loops = {
        name: ([sys.executable, __file__, "--loop", name, "--word", word, part], True) for name in ("word", "pairs")
    }
    kxcli = {
        f"kxcli {name} -j {workers}": ([*use, "-j", str(workers), *which, *paths], False)
        for name, which in (("word", [word]), ("pairs", ["--pairs"]))
        for workers in (1, 2)
    }
    return loops | kxcli


def check_rows(part: str, word: str) -> None:
    """Compare the pairs and counts of the loops on the part with those of kxcli."""
    for name, which, shown in (("word", [word], 1), ("pairs", ["--pairs"], 2)):
        loop = subprocess.run(
            [sys.executable, __file__, "--loop", name, "--word", word, part], capture_output=True, text=True, check=True
        )
        use = [KXCLI, "collocate", "-q", "--window", str(WINDOW), "--min-count", str(MIN_COUNT), *which, part]
        ours = subprocess.run(use, capture_output=True, text=True, check=True)
        counts = [
            sorted(
                (*sorted(row[:shown]), row[shown]) for row in (line.split("\t") for line in ended.stdout.splitlines())
            )
            for ended in (loop, ours)
        ]
        assert counts[0] == counts[1], f"{name}: the rows differ"
        print(f"{name}: {len(counts[0]):,} rows of the part are equal")


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
        check_rows(part, options.word)
        measure_all(list_commands(options.paths, part, options.word), options.runs, scale, folder)


def measure_all(commands: dict[str, tuple[list[str], bool]], n_runs: int, scale: float, folder: str) -> None:
    """Measure commands in turns, and print medians."""
    usages: dict[str, list[Usage]] = {name: [] for name in commands}
    for _ in range(n_runs):
        for name, (command, _) in commands.items():
            with open(os.path.join(folder, OUTPUT), "wb") as output:
                usages[name].append(measure_usage(command, output.fileno()))
    print("| | seconds | CPU seconds | of the loop's CPU | peak memory, MB |\n|---|---|---|---|---|")
    cpu = {
        name: median([usage.cpu_seconds for usage in usages[name]]) * scale_of(commands[name], scale)
        for name in commands
    }
    for name in commands:
        seconds = median([usage.seconds for usage in usages[name]]) * scale_of(commands[name], scale)
        base = cpu["word" if "word" in name else "pairs"]
        peak = max(usage.peak for usage in usages[name]) / 1e6
        print(f"| {name} | {seconds:.1f} | {cpu[name]:.1f} | {cpu[name] / base:.3f} | {peak:.0f} |")


def scale_of(command: tuple[list[str], bool], scale: float) -> float:
    """Return what the times of a command are multiplied by."""
    return scale if command[1] else 1.0


def median(numbers: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(numbers)


if __name__ == "__main__":
    main()
