"""Searches for words compared on the same text in one run, as ratios; and the quality of their lists.

    python benchmarks/newwords.py FILE... [--part 1M] [--runs 3] [--gold GOLD] [--before KXCLI]
    python benchmarks/newwords.py show|judge|names|userdict ...    (see newwords_lists.py)

Measures the median of the CPU seconds of the runs of, each in a process of its own:

  plain        the plain jieba loop, as in benchmarks/wordcount.py: the unit of all other speeds; on a part of the
             text, without start-up, scaled to the whole
  definition   the lexicon by its definition, in plain Python (tests/newwords_definition.py); on a part, scaled
  kxcli        `kxcli newwords` by each method, `-j 1` and `-j 2`, with `--all` and with its default list, on the whole
             text, with start-up and output
  before       the same of another version of kxcli, with its own defaults

Memory is the peak of the whole process tree, shared pages counted once (proportional set size), sampled every 50 ms
in a run that is not timed. With a gold text (words separated by spaces, one sentence per line), the lexicons are
scored as in the article: their 50,000 most frequent words become jieba's dictionary, without its model, and segment
the gold text; F1 is that of word spans. A second F1 is that of `kxcli segment --lexicon` with the whole lexicon. The
outputs of -j 1 and -j 2 are compared, and on the part those of the definition and kxcli.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import newwords_lists
from measuring import iter_lines, measure_memory, measure_usage, write_part
from newwords_lists import KXCLI, Gold

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "tests"))

METHODS = ("pmi", "entropy")
MIN_PMI = "2,4,6"
ORDER = "4"  # of the definition, and of kxcli where they are compared
MAX_WORDS = 50_000


def run_here(role: str, paths: list[str], output: str) -> None:
    """Run one of the slow ways in this process; write its CPU seconds without start-up, then the rows."""
    rows = []
    if role == "plain":
        import jieba

        jieba.setLogLevel("ERROR")
        jieba.initialize()
        start = time.process_time()
        for line in iter_lines(paths):
            for _ in jieba.cut(line):
                pass
    else:
        from newwords_definition import lexicon

        start = time.process_time()
        documents = list(iter_lines(paths))
        for word, count, *values, docs in lexicon(documents, int(ORDER), 32, tuple(map(float, MIN_PMI.split(",")))):
            rows.append("\t".join([word, str(count), *("" if v is None else f"{v:.4f}" for v in values), str(docs)]))
    seconds = time.process_time() - start
    Path(output).write_text("".join(line + "\n" for line in [str(seconds), *rows]), encoding="utf-8")


def score_top(lexicon: str, gold: Gold) -> float:
    """Return the F1 of jieba with the most frequent words of a lexicon as its dictionary, without its model."""
    import jieba

    rows = [line.split("\t") for line in Path(lexicon).read_text(encoding="utf-8").splitlines()[:MAX_WORDS]]
    jieba.setLogLevel("ERROR")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "lexicon.txt")
        Path(path).write_text("".join(f"{row[0]} {row[1]}\n" for row in rows), encoding="utf-8")
        tokenizer = jieba.Tokenizer(path)
        tokenizer.tmp_dir = folder
        tokenizer.initialize()
        return gold.score([tokenizer.lcut("".join(words), HMM=False) for words in gold.sentences])


def score_whole(lexicon: str, gold: Gold, folder: str) -> float:
    """Return the F1 of `kxcli segment` with a lexicon."""
    text = os.path.join(folder, "gold.txt")
    gold.write_text(text)
    command = [KXCLI, "segment", "-q", "--lexicon", lexicon, text]
    output = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    return gold.score([line.split() for line in output.split("\n")[:-1]])


def keep_columns(lines: bytes) -> list[bytes]:
    """Return the columns of the definition."""
    return [b"\t".join(line.split(b"\t")[:5]) for line in lines.splitlines()]


def main() -> None:
    """Measure and print the table."""
    if sys.argv[1:2] and sys.argv[1] in newwords_lists.PARTS:
        newwords_lists.main()
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument(
        "--part", type=int, default=1 << 20, help="bytes for the definition, four times as many for jieba"
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--gold", help="a segmented text to score the lexicons on")
    parser.add_argument("--before", help="the program kxcli of another version")
    parser.add_argument("--role", choices=["plain", "definition"], help=argparse.SUPPRESS)
    parser.add_argument("--output", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        run_here(given.role, given.files, given.output)
        return
    size = sum(map(os.path.getsize, given.files))
    gold = Gold(given.gold) if given.gold else None
    seconds: dict[str, list[float]] = {}
    memory: dict[str, int] = {}
    found: dict[str, bytes] = {}
    f1: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        part, out = os.path.join(folder, "part.txt"), os.path.join(folder, "out.tsv")
        pmi = ["--method", "pmi", "--min-pmi", MIN_PMI]
        for role, bytes_ in (("plain", 4 * given.part), ("definition", given.part)):
            share = size / write_part(given.files, bytes_, part)
            _, memory[role] = measure_memory([sys.executable, __file__, "--output", out, "--role", role, part])
            first, _, found[role] = Path(out).read_bytes().partition(b"\n")
            seconds[role] = [float(first) * share]
        subprocess.run([KXCLI, "newwords", "-q", "--all", "--order", ORDER, "-o", out, *pmi, part], check=True)
        found["kxcli, part"] = Path(out).read_bytes()
        programs = {"kxcli": KXCLI} | ({"before": given.before} if given.before else {})
        commands = {
            f"{name} {' '.join(options)} -j {jobs}": [program, "newwords", "-q", "-o", out, *options, "-j", jobs]
            for method in METHODS
            for jobs in ("1", "2")
            for options in (["--method", method, "--all"], ["--method", method])
            for name, program in programs.items()
            if jobs == "1" or (name == "kxcli" and "--all" in options)
        }
        for run in range(given.runs + 1):
            for name, command in commands.items():
                if run:
                    usage = measure_usage([*command, *given.files], is_watched=False)
                    seconds.setdefault(name, []).append(usage.cpu_seconds)
                    continue
                _, memory[name] = measure_memory([*command, *given.files])
                found[name] = Path(out).read_bytes()
                if gold is not None and "--all" in command:
                    f1[name] = f"{score_top(out, gold):.4f} | {score_whole(out, gold, folder):.4f}"

    median = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"{size / 1e6:.0f} MB in {len(given.files)} files; plain and definition on parts of it\n")
    print(
        "| | CPU s | of the plain loop | definition is slower by | peak memory, MB | F1 | F1 of segment |\n"
        "|---|---|---|---|---|---|---|"
    )
    for name, value in median.items():
        of_plain, slower = f"{value / median['plain']:.3f}", f"{median['definition'] / value:.1f}"
        print(f"| {name} | {value:.1f} | {of_plain} | {slower} | {memory[name] / 1e6:.0f} | {f1.get(name, ' | ')} |")
    same = keep_columns(found["definition"]) == keep_columns(found["kxcli, part"]) and all(
        found[f"kxcli --method {method} --all -j 1"] == found[f"kxcli --method {method} --all -j 2"]
        for method in METHODS
    )
    print("\nall lexicons agree" if same else "\nLEXICONS DIFFER")
    sys.exit(not same)


if __name__ == "__main__":
    main()
