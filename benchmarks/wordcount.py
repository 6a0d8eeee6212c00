"""Word counts compared on the same text in one run, as ratios.

    python benchmarks/wordcount.py FILE... [--runs 3] [--part BYTES] [--old PATH_TO_KXCLI]

Measures wall and CPU seconds of these, each in a process of its own, in turns:

  plain      jieba.cut line by line into one Counter; on a part of the text, without start-up, scaled to the whole
  rjieba     rjieba.cut line by line, its tokens discarded: the Rust port without counting
  rjieba x2  rjieba.cut into a Counter in two processes, over batches of lines
  kxcli      `kxcli wordcount -j 1` and `-j 2`, with start-up and output

rjieba is installed into a temporary folder; if pip fails, its lines are missing. The times of a count of one line are
compared with those of Python importing click. With --old, several commands on the part are compared with those of an
older kxcli, such as that of another environment.

Memory is the peak of the whole process tree, shared pages counted once (proportional set size), sampled every 50 ms.
The numbers are medians. 90 MB of text or more make start-up irrelevant.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from multiprocessing import Pool
from pathlib import Path

from measuring import Usage, iter_lines, measure_usage, write_part

KXCLI = str(Path(sys.executable).with_name("kxcli"))
OUTPUT = "out.tsv"
OLD_COMMANDS = (
    "wordcount",
    "wordcount --ngram 1-2",
    "wordcount --df",
    "wordcount --tokenizer full",
    "wordcount --tokenizer search",
    "newwords --method entropy",
    "newwords --method pmi",
)


# The loops


def plain(paths: list[str]) -> Counter[str]:
    """Count as a plain loop does."""
    import jieba

    counts: Counter[str] = Counter()
    for line in iter_lines(paths):
        for word in jieba.cut(line):
            counts[word] += 1
    return counts


def rjieba(paths: list[str]) -> Counter[str]:
    """Cut with the Rust port and discard the tokens."""
    from rjieba import cut

    for line in iter_lines(paths):
        cut(line)
    return Counter()


def rjieba_two(paths: list[str]) -> Counter[str]:
    """Count with the Rust port in two processes."""
    counts: Counter[str] = Counter()
    lines = iter_lines(paths)
    with Pool(2) as pool:
        for part in pool.imap_unordered(count_batch, iter(lambda: list(islice(lines, 2000)), [])):
            counts.update(part)
        pool.close()
        pool.join()
    return counts


def count_batch(lines: list[str]) -> Counter[str]:
    """Count the words of some lines."""
    from rjieba import cut

    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(cut(line))
    return counts


LOOPS = {"plain": plain, "rjieba": rjieba, "rjieba x2": rjieba_two}


def run_loop(name: str, paths: list[str], folder: str) -> None:
    """Run a loop in this process; write its seconds, and its words as kxcli does, into the folder with rjieba."""
    sys.path.insert(0, folder)
    if name == "plain":
        import jieba

        jieba.setLogLevel("ERROR")
        jieba.initialize()
    wall, cpu = time.perf_counter(), time.process_time()
    counts = LOOPS[name](paths)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    rows = sorted((row for row in counts.items() if any(map(str.isalnum, row[0]))), key=lambda row: (-row[1], row[0]))
    with open(os.path.join(folder, OUTPUT), "w", encoding="utf-8") as file:
        file.write(f"{wall} {cpu}\n")
        file.writelines(f"{word}\t{count}\n" for word, count in rows)


# Measuring


class Bench:
    """Commands on some files, with a temporary folder."""

    def __init__(self, files: list[str], part_size: int, folder: str) -> None:
        self.files, self.folder = files, folder
        self.size = sum(map(os.path.getsize, files))
        self.part, self.out = os.path.join(folder, "part.txt"), os.path.join(folder, OUTPUT)
        self.share = self.size / write_part(files, part_size, self.part)
        self.has_rjieba = self._install_rjieba()

    def _install_rjieba(self) -> bool:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", self.folder, "rjieba"]
        if subprocess.run(command, capture_output=True).returncode:
            print("rjieba cannot be installed; its lines are missing\n")
            return False
        return True

    def run_loop(self, name: str) -> Usage:
        """Measure a loop over the files; of the plain loop over the part."""
        files = [self.part] if name == "plain" else self.files
        usage = measure_usage([sys.executable, __file__, *files, "--loop", name, "--folder", self.folder])
        if name == "plain":  # without start-up; minutes on the whole
            wall, cpu = map(float, Path(self.out).read_bytes().partition(b"\n")[0].split())
            usage = usage._replace(seconds=wall * self.share, cpu_seconds=cpu * self.share)
        return usage

    def run_kxcli(self, *arguments: str, kxcli: str = KXCLI) -> tuple[Usage, bytes]:
        """Measure kxcli; return its output, too."""
        usage = measure_usage([kxcli, *arguments, "-q", "-o", self.out])
        return usage, Path(self.out).read_bytes()


def compute_median(usages: Iterable[Usage]) -> Usage:
    """Return the median of each column; of memory the maximum."""
    wall, cpu, *peaks = zip(*usages, strict=True)
    return Usage(statistics.median(wall), statistics.median(cpu), *map(max, peaks))


def compare_loops(bench: Bench, runs: int) -> bool:
    """Print the table of loops and kxcli; return whether all counts agree."""
    usages: dict[str, list[Usage]] = {}
    outputs = {"part": bench.run_kxcli("wordcount", bench.part)[1]}  # and then the dictionary is in the cache
    for run in range(runs):
        for name in LOOPS if bench.has_rjieba else ["plain"]:
            if name != "plain" or run == 0:
                usages.setdefault(name, []).append(bench.run_loop(name))
            if name == "plain" and run == 0:
                outputs["plain"] = Path(bench.out).read_bytes().partition(b"\n")[2]
        for jobs in "1", "2":
            name = f"kxcli -j {jobs}"
            usage, outputs[name] = bench.run_kxcli("wordcount", "-j", jobs, *bench.files)
            usages.setdefault(name, []).append(usage)

    median = {name: compute_median(values) for name, values in usages.items()}
    print("| | wall s | CPU s | plain / it, wall | plain / it, CPU | rjieba / it, CPU | peak memory, MB |")
    print("|---|---|---|---|---|---|---|")
    for name, usage in median.items():
        cells = [f"{usage.seconds:.2f}", f"{usage.cpu_seconds:.2f}", f"{median['plain'].seconds / usage.seconds:.1f}"]
        cells.append(f"{median['plain'].cpu_seconds / usage.cpu_seconds:.1f}")
        cells.append(f"{median['rjieba'].cpu_seconds / usage.cpu_seconds:.2f}" if bench.has_rjieba else "")
        print("| " + " | ".join([name, *cells, f"{usage.peak / 1e6:.0f}"]) + " |")
    if bench.has_rjieba:
        ratio = median["rjieba x2"].seconds / median["kxcli -j 2"].seconds
        print(f"\nkxcli -j 2 is {ratio:.1f} times as fast as rjieba x2 (wall)")
    return outputs["plain"] == outputs["part"] and outputs["kxcli -j 1"] == outputs["kxcli -j 2"]


def compare_start(bench: Bench) -> None:
    """Print the ratio of a count of one line to an import of click."""
    line = os.path.join(bench.folder, "line.txt")
    Path(line).write_text("今天天气很好\n", encoding="utf-8")
    commands = [sys.executable, "-c", "import click"], [KXCLI, "wordcount", "-q", "-o", bench.out, line]
    click, kxcli = (compute_median(pair) for pair in zip(*iter_pairs(*commands), strict=True))
    print(
        f"\nOne line: {kxcli.seconds * 1e3:.0f} ms wall, {kxcli.cpu_seconds * 1e3:.0f} ms CPU; `import click`: "
        f"{click.seconds * 1e3:.0f} and {click.cpu_seconds * 1e3:.0f}: {kxcli.seconds / click.seconds:.2f} and "
        f"{kxcli.cpu_seconds / click.cpu_seconds:.2f} times"
    )


def iter_pairs(first: list[str], second: list[str], runs: int = 15) -> Iterator[tuple[Usage, Usage]]:
    """Yield the usages of two commands in turns, after one run of each to fill caches."""
    for run in range(runs + 1):
        pair = measure_usage(first, is_watched=False), measure_usage(second, is_watched=False)
        if run:
            yield pair


def compare_old(bench: Bench, old: str) -> None:
    """Print CPU seconds of commands on the part, by an older kxcli and this one."""
    print(f"\n{os.path.getsize(bench.part) / 1e6:.0f} MB, -j 1\n")
    print("| | old, CPU s | new, CPU s | ratio | outputs |\n|---|---|---|---|---|")
    for command in OLD_COMMANDS:
        arguments = [*command.split(), "-j", "1", bench.part]
        (before, expected), (now, output) = (bench.run_kxcli(*arguments, kxcli=kxcli) for kxcli in (old, KXCLI))
        ratio = before.cpu_seconds / now.cpu_seconds
        same = "equal" if output == expected else "DIFFERENT"
        print(f"| {command} | {before.cpu_seconds:.2f} | {now.cpu_seconds:.2f} | {ratio:.1f} | {same} |", flush=True)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--part", type=int, default=9 << 20, help="bytes for the slow loop and old commands")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--old", help="executable of an older kxcli")
    parser.add_argument("--loop", choices=LOOPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.loop:
        run_loop(options.loop, options.files, options.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.files, options.part, folder)
        print(
            f"{bench.size / 1e6:.0f} MB in {len(options.files)} files; plain on 1/{bench.share:.1f} of it\n", flush=True
        )
        are_equal = compare_loops(bench, options.runs)
        compare_start(bench)
        if options.old:
            compare_old(bench, options.old)
    print("\nall counts agree" if are_equal else "\nCOUNTS DIFFER")
    sys.exit(not are_equal)


if __name__ == "__main__":
    main()
