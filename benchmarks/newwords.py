"""Searches for words compared on the same text in one run, as ratios.

    python benchmarks/newwords.py FILE... [--part 1M] [--runs 3] [--gold GOLD]

Measures the median of the runs of, each in a process of its own:

  plain        the plain jieba loop, as in benchmarks/wordcount.py: the unit of all other speeds; on a part of the
             text,
               without start-up, scaled to the whole
  definition   the lexicon by its definition, in plain Python (tests/newwords_definition.py); on a part, scaled
  kxcli        `kxcli newwords --all` by each method, `-j 1` and `-j 2`, on the whole text, with start-up and output

Memory is the peak of the whole process tree, shared pages counted once (proportional set size), sampled every 50 ms
in a run that is not timed. With a gold text (words separated by spaces, one sentence per line), the lexicons are
scored as in the article: their 50,000 most frequent words become jieba's dictionary, without its model, and segment
the gold text; F1 is that of word spans. The outputs of -j 1 and -j 2 are compared, and on the part those of the
definition and kxcli.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import iter_lines, measure_memory, measure_seconds, write_part

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "tests"))

METHODS = ("pmi", "entropy")
MIN_PMI = "2,4,6"
MOST_WORDS = 50_000


def run_here(role: str, paths: list[str], output: str) -> None:
    """Run one of the slow ways in this process; write its seconds without start-up, then the rows."""
    rows = []
    if role == "plain":
        import jieba

        jieba.setLogLevel("ERROR")
        jieba.initialize()
        start = time.perf_counter()
        for line in iter_lines(paths):
            for _ in jieba.cut(line):
                pass
    else:
        from newwords_definition import lexicon

        start = time.perf_counter()
        text = "\n".join(iter_lines(paths))
        for word, count, *values in lexicon(text, 4, 32, tuple(map(float, MIN_PMI.split(",")))):
            rows.append("\t".join([word, str(count), *("" if v is None else f"{v:.4f}" for v in values)]))
    seconds = time.perf_counter() - start
    Path(output).write_text("".join(line + "\n" for line in [str(seconds), *rows]), encoding="utf-8")


def spans(words: list[str]) -> set[tuple[int, int]]:
    """Return where each word begins and ends."""
    found, start = set(), 0
    for word in words:
        found.add((start, start + len(word)))
        start += len(word)
    return found


def score(lexicon: str, gold: str) -> float:
    """Return the F1 of word spans that jieba finds in a gold text with a lexicon."""
    import jieba

    rows = [line.split("\t") for line in Path(lexicon).read_text(encoding="utf-8").splitlines()[:MOST_WORDS]]
    jieba.setLogLevel("ERROR")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "lexicon.txt")
        Path(path).write_text("".join(f"{row[0]} {row[1]}\n" for row in rows), encoding="utf-8")
        tokenizer = jieba.Tokenizer(path)
        tokenizer.tmp_dir = folder
        tokenizer.initialize()
    hits = n_gold = n_found = 0
    for line in iter_lines([gold]):
        expected, found = spans(line.split()), spans(tokenizer.lcut("".join(line.split()), HMM=False))
        hits, n_gold, n_found = hits + len(expected & found), n_gold + len(expected), n_found + len(found)
    return 2 * hits / (n_gold + n_found)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument(
        "--part", type=int, default=1 << 20, help="bytes for the definition, four times as many for jieba"
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--gold", help="a segmented text to score the lexicons on")
    parser.add_argument("--role", choices=["plain", "definition"], help=argparse.SUPPRESS)
    parser.add_argument("--output", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        run_here(given.role, given.files, given.output)
        return
    size = sum(map(os.path.getsize, given.files))
    seconds: dict[str, list[float]] = {}
    memory: dict[str, int] = {}
    found: dict[str, bytes] = {}
    f1: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        part, out = os.path.join(folder, "part.txt"), os.path.join(folder, "out.tsv")
        kxcli = [sys.executable, "-m", "kxcli", "newwords", "--all", "-q", "-o", out]
        pmi = ["--method", "pmi", "--min-pmi", MIN_PMI]
        for role, bytes_ in (("plain", 4 * given.part), ("definition", given.part)):
            share = size / write_part(given.files, bytes_, part)
            _, memory[role] = measure_memory([sys.executable, __file__, "--output", out, "--role", role, part])
            first, _, found[role] = Path(out).read_bytes().partition(b"\n")
            seconds[role] = [float(first) * share]
        subprocess.run([*kxcli, *pmi, part], check=True)
        found["kxcli, part"] = Path(out).read_bytes()
        for run in range(given.runs + 1):
            for method in METHODS:
                for jobs in ("1", "2"):
                    name = f"kxcli --method {method} -j {jobs}"
                    options = pmi if method == "pmi" else ["--method", method]
                    command = [*kxcli, *options, "-j", jobs, *given.files]
                    if run:
                        seconds.setdefault(name, []).append(measure_seconds(command))
                        continue
                    _, memory[name] = measure_memory(command)
                    found[name] = Path(out).read_bytes()
                    if given.gold:
                        f1[name] = f"{score(out, given.gold):.4f}"

    median = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"{size / 1e6:.0f} MB in {len(given.files)} files; plain and definition on parts of it\n")
    print(
        "| | seconds | of the plain loop | definition is slower by | peak memory, MB | F1 |\n|---|---|---|---|---|---|"
    )
    for name, value in median.items():
        of_plain, slower = f"{value / median['plain']:.3f}", f"{median['definition'] / value:.1f}"
        print(f"| {name} | {value:.1f} | {of_plain} | {slower} | {memory[name] / 1e6:.0f} | {f1.get(name, '')} |")
    same = found["definition"] == found["kxcli, part"] and all(
        found[f"kxcli --method {method} -j 1"] == found[f"kxcli --method {method} -j 2"] for method in METHODS
    )
    print("\nall lexicons agree" if same else "\nLEXICONS DIFFER")
    sys.exit(not same)


if __name__ == "__main__":
    main()
