"""Bounded memory, checkpoints, and the growth of cost with the input, in one run.

    python benchmarks/scaling.py FILE... [--memory 300M] [--sizes 10M,100M,1G [--most 300M]] [--runs 3]

Without --sizes, on the files as they are:

  memory      `kxcli wordcount --ngram 1-2` with unbounded memory, and with --memory; the bytes are compared
  checkpoint  `kxcli wordcount` without, with a new --checkpoint, and with a finished one; the bytes are compared

With --sizes, seconds and memory of the commands on texts of these sizes. The texts repeat the files; in each copy,
one line of five has a character replaced by another of the text, so that new words and n-grams keep appearing.

Memory is the peak of the whole process tree, shared pages counted once (proportional set size), sampled every 50 ms.
Seconds are medians of the runs, with start-up and output.
"""

import argparse
import filecmp
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measuring import iter_lines, measure_memory

KXCLI = [sys.executable, "-m", "kxcli"]
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
CHANGED = 0.2  # share of the lines of a copy that are changed
NAMES = 20_000  # of the knowledge base that texts are linked to


def parse_size(size: str) -> int:
    """Return a size in bytes."""
    return int(size[:-1]) * UNITS[size[-1]]


def measure_median(command: list[str], runs: int) -> tuple[float, int]:
    """Return median seconds and the maximum peak memory of some runs of a command."""
    found = [measure_memory(command) for _ in range(runs)]
    return statistics.median(seconds for seconds, _ in found), max(peak for _, peak in found)


def compare_memory(files: list[str], memory: str, folder: Path, runs: int) -> bool:
    """Print how n-grams are counted with much memory and with little; return whether the bytes are the same."""
    count = [*KXCLI, "wordcount", "--ngram", "1-2", "-q", "-j", "2", *files]
    much, little = folder / "much.tsv", folder / "little.tsv"
    seconds, peak = measure_median([*count, "--memory", "1T", "-o", str(much)], runs)
    seconds_b, peak_b = measure_median([*count, "--memory", memory, "-o", str(little)], runs)
    with much.open("rb") as rows:
        n = sum(1 for _ in rows)
    size = sum(map(os.path.getsize, files))
    print(f"{size / 1e6:.0f} MB, `wordcount --ngram 1-2 -j 2`: {n:,} rows\n")
    print("| | seconds | times | peak memory, MiB | of the bound |\n|---|---|---|---|---|")
    print(f"| unbounded memory | {seconds:.1f} | 1 | {peak / 2**20:.0f} | |")
    ratio = peak_b / parse_size(memory)
    print(
        f"| `--memory {memory}` | {seconds_b:.1f} | {seconds_b / seconds:.2f} | {peak_b / 2**20:.0f} | {ratio:.2f} |\n"
    )
    return filecmp.cmp(much, little, shallow=False)


def compare_checkpoints(files: list[str], folder: Path, runs: int) -> bool:
    """Print what a checkpoint costs and spares; return whether the bytes are the same."""
    outputs = [folder / f"{name}.tsv" for name in ("without", "first", "again")]
    where = folder / "checkpoint"
    seconds: dict[str, list[float]] = {}
    for _ in range(runs):
        shutil.rmtree(where, ignore_errors=True)
        for output in outputs:
            keep = [] if output.stem == "without" else ["--checkpoint", str(where)]
            command = [*KXCLI, "wordcount", "-q", "-j", "2", *keep, "-o", str(output), *files]
            seconds.setdefault(output.stem, []).append(measure_memory(command)[0])
    plain = statistics.median(seconds["without"])
    size = sum(path.stat().st_size for path in where.rglob("*.partial"))
    print(f"`wordcount -j 2`; the finished checkpoint has {size / 1e6:.1f} MB\n")
    print("| | seconds | times |\n|---|---|---|")
    for name, label in (("without", "without"), ("first", "a new `--checkpoint`"), ("again", "a finished one")):
        value = statistics.median(seconds[name])
        print(f"| {label} | {value:.1f} | {value / plain:.2f} |")
    print()
    return all(filecmp.cmp(outputs[0], output, shallow=False) for output in outputs[1:])


def iter_changed_lines(files: list[str], rng: random.Random) -> Iterator[str]:
    """Yield lines without end: those of the files, again and again, from the second time on with changes."""
    signs = "".join(sorted({sign for line in iter_lines(files) for sign in line if sign.isalnum()}))
    yield from iter_lines(files)
    while True:
        for line in iter_lines(files):
            if line and rng.random() < CHANGED:
                at = rng.randrange(len(line))
                line = line[:at] + rng.choice(signs) + line[at + 1 :]
            yield line


def iter_sizes(files: list[str], sizes: list[int], folder: Path) -> Iterator[tuple[int, str]]:
    """Yield a text of each size, which is deleted when the next one is requested."""
    path = folder / "text.txt"
    with path.open("wb") as text:
        lines = iter_changed_lines(files, random.Random(1))
        for size in sorted(sizes):
            while text.tell() < size:
                text.write(next(lines).encode() + b"\n")
            text.flush()
            yield size, str(path)


def write_names(text: str, path: Path) -> None:
    """Write a knowledge base of words of a text."""
    rng = random.Random(2)
    names = set[str]()
    for line in iter_lines([text]):
        if len(line) > 20:
            at = rng.randrange(len(line) - 8)
            names.add(line[at : at + rng.randint(4, 8)].strip())
        if len(names) == NAMES:
            break
    with path.open("w", encoding="utf-8") as file:
        for number, name in enumerate(sorted(filter(None, names))):
            file.write(json.dumps({"subject_id": str(number), "subject": name}, ensure_ascii=False) + "\n")


def measure_growth(files: list[str], sizes: list[int], most: int, memory: str, folder: Path, runs: int) -> None:
    """Print seconds and memory by the size of the text."""
    base = folder / "names.jsonl"
    print("| MB | command | seconds | MB/s | peak memory, MiB | rows |\n|---|---|---|---|---|---|")
    for size, text in iter_sizes(files, sizes, folder):
        if not base.exists():
            write_names(text, base)
        for command in (
            ["wordcount"],
            ["wordcount", "--ngram", "1-2", "--memory", memory],
            ["newwords"],
            ["entity-link", "--kb", str(base), "--kb-cache", str(folder / "cache"), "-f", "tsv"],
        ):
            if "--ngram" in command and size > most:
                continue
            out = folder / "out.tsv"
            seconds, peak = measure_median([*KXCLI, *command, "-q", "-j", "2", "-o", str(out), text], runs)
            with out.open("rb") as rows:
                n = sum(1 for _ in rows)
            label = " ".join(part for part in command if not part.startswith((str(folder), "--kb")))
            print(
                f"| {size / 1e6:.0f} | `{label}` | {seconds:.1f} | {size / 1e6 / seconds:.1f} | {peak / 2**20:.0f} "
                f"| {n:,} |",
                flush=True,
            )


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--memory", default="300M")
    parser.add_argument("--sizes", type=lambda sizes: [*map(parse_size, sizes.split(","))])
    parser.add_argument("--most", type=parse_size, default="1G", help="maximum size for counting n-grams")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.sizes:
            measure_growth(given.files, given.sizes, given.most, given.memory, Path(folder), given.runs)
            return
        is_same = compare_memory(given.files, given.memory, Path(folder), given.runs)
        is_same = compare_checkpoints(given.files, Path(folder), given.runs) and is_same
    print("all bytes agree" if is_same else "BYTES DIFFER")
    sys.exit(not is_same)


if __name__ == "__main__":
    main()
