"""Word counts compared on the same text in one run, as ratios.

    python benchmarks/wordcount.py FILE... [--part 10M] [--runs 3]

Measures the median of the runs of, each in a process of its own:

  plain      the article's plain loop: jieba.lcut line by line into one Counter; on a part of the text, without
             start-up, scaled to the whole
  batches    the article's second form: batches of 1,000 lines, multiprocessing.Pool(2), counts merged; likewise
  rjieba     rjieba.cut alone, line by line, its tokens discarded, with start-up: a Rust port of jieba
  script     rjieba and a Counter in two processes, batches of 1,000 lines, with start-up
  kxcli      `kxcli wordcount -j 1` and `-j 2`, on the whole text, with start-up and output

rjieba is installed into a temporary folder; its counts are not exactly those of jieba. Ratios are of
CPU seconds. Memory is the peak of the whole process tree, shared pages counted once (proportional set size), sampled
every 50 ms. The counts of the part by plain, batches and kxcli are compared, and the whole outputs of -j 1 and -j 2.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import islice
from multiprocessing import Pool
from pathlib import Path

from measuring import get_child_seconds, iter_lines, measure_memory, write_part


def plain(paths: list[str]) -> Counter[str]:
    """Count as the article's plain loop does."""
    import jieba

    counts: Counter[str] = Counter()
    for line in iter_lines(paths):
        for word in jieba.cut(line):
            counts[word] += 1
    return counts


def count_batch(lines: list[str]) -> Counter[str]:
    """Count one of the article's batches."""
    import jieba

    return Counter(word for line in lines for word in jieba.cut(line))


def batches(paths: list[str]) -> Counter[str]:
    """Count as the article's pool does."""
    counts: Counter[str] = Counter()
    lines = iter_lines(paths)
    with Pool(2) as pool:
        for part in pool.imap(count_batch, iter(lambda: list(islice(lines, 1000)), [])):
            counts.update(part)
    return counts


def ported(paths: list[str]) -> Counter[str]:
    """Cut with the Rust port and throw the tokens away."""
    import rjieba

    for line in iter_lines(paths):
        rjieba.cut(line)
    return Counter()


def count_ported_batch(lines: list[str]) -> Counter[str]:
    """Count a batch with the Rust port."""
    import rjieba

    return Counter(word for line in lines for word in rjieba.cut(line))


def script(paths: list[str]) -> Counter[str]:
    """Count with the Rust port in two processes."""
    counts: Counter[str] = Counter()
    lines = iter_lines(paths)
    with Pool(2) as pool:
        for part in pool.imap_unordered(count_ported_batch, iter(lambda: list(islice(lines, 1000)), [])):
            counts.update(part)
    return counts


PORTED: dict[str, Callable[[list[str]], Counter[str]]] = {"rjieba": ported, "script": script}
ROLES: dict[str, Callable[[list[str]], Counter[str]]] = {"plain": plain, "batches": batches, **PORTED}


def run_here(role: str, paths: list[str], output: str) -> None:
    """Run one of the loops in this process; write seconds without start-up, then the words in kxcli's form."""
    if role not in PORTED:
        import jieba

        jieba.setLogLevel("ERROR")
        jieba.initialize()
    start, cpu_start = time.perf_counter(), time.process_time() + get_child_seconds()
    counts = ROLES[role](paths)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() + get_child_seconds() - cpu_start
    rows = sorted((item for item in counts.items() if any(map(str.isalnum, item[0]))), key=lambda r: (-r[1], r[0]))
    with open(output, "w", encoding="utf-8") as file:
        file.write(f"{seconds} {cpu_seconds}\n")
        file.writelines(f"{word}\t{count}\n" for word, count in rows)


def install_port(folder: str) -> None:
    """Install rjieba for the processes that are started later."""
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", folder, "rjieba==0.2.2"], check=True)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--part", type=int, default=9 << 20, help="bytes for the slow loops")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--role", choices=ROLES, help=argparse.SUPPRESS)
    parser.add_argument("--output", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        run_here(given.role, given.files, given.output)
        return
    size = sum(map(os.path.getsize, given.files))
    with tempfile.TemporaryDirectory() as folder:
        part, out = os.path.join(folder, "part.txt"), os.path.join(folder, "out.tsv")
        install_port(os.path.join(folder, "packages"))
        share = size / write_part(given.files, given.part, part)
        kxcli = [sys.executable, "-m", "kxcli", "wordcount", "-q", "-o", out]
        me = [sys.executable, __file__, "--output", out, "--role"]
        seconds: dict[str, list[float]] = {}
        cpu: dict[str, list[float]] = {}
        memory: dict[str, int] = {}
        found: dict[str, bytes] = {}
        for run in range(given.runs):
            for role in ("plain", "batches"):
                if run == 0:  # minutes each on the whole: one run of a part is enough for a ratio of tens
                    _, memory[role] = measure_memory([*me, role, part])
                    first, _, found[role] = Path(out).read_bytes().partition(b"\n")
                    seconds[role], cpu[role] = ([float(number) * share] for number in first.split())
            for name, command in {
                **{role: [*me, role] for role in PORTED},
                **{f"kxcli -j {jobs}": [*kxcli, "-j", jobs] for jobs in "12"},
            }.items():
                before = get_child_seconds()
                time_, peak = measure_memory([*command, *given.files])
                seconds.setdefault(name, []).append(time_)
                cpu.setdefault(name, []).append(get_child_seconds() - before)
                memory[name] = max(memory.get(name, 0), peak)
                found[name] = Path(out).read_bytes()
        subprocess.run([*kxcli, part], check=True)
        found["kxcli, part"] = Path(out).read_bytes()

    median = {name: statistics.median(values) for name, values in seconds.items()}
    cpu_median = {name: statistics.median(values) for name, values in cpu.items()}
    print(f"{size / 1e6:.0f} MB in {len(given.files)} files; plain and batches on 1/{share:.1f} of it\n")
    print(
        "| | CPU seconds | seconds | times the plain loop | times `rjieba.cut` | peak memory, MB |",
        "|---|---|---|---|---|---|",
        sep="\n",
    )
    for name, value in cpu_median.items():
        ratios = f"{cpu_median['plain'] / value:.1f} | {cpu_median['rjieba'] / value:.2f}"
        print(f"| {name} | {value:.1f} | {median[name]:.1f} | {ratios} | {memory[name] / 1e6:.0f} |")
    print(f"\n-j 2 is {median['kxcli -j 1'] / median['kxcli -j 2']:.2f} times as fast as -j 1")
    same = found["plain"] == found["batches"] == found["kxcli, part"] and found["kxcli -j 1"] == found["kxcli -j 2"]
    print("all counts agree" if same else "COUNTS DIFFER")
    sys.exit(not same)


if __name__ == "__main__":
    main()
