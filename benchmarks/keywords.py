"""Keywords by TF-IDF and TextRank compared on the same text in one run, as ratios of CPU seconds.

    python benchmarks/keywords.py FILE... [--part 1M] [--runs 3]

Measures the median of the runs of, each in a process of its own:

  jieba        a loop over `jieba.analyse.extract_tags`, on a part of the text, without start-up, scaled to the whole
  scikit-learn `TfidfVectorizer` with `jieba.lcut`, and the top words of each row, on the part; if it is installed
  kxcli        `kxcli keywords` with -j 1, -j 2 and --learn-idf, on the whole text, with start-up and output
  TextRank     `jieba.analyse.textrank` and `kxcli keywords --method textrank`, on the part

CPU seconds are those of one process, so there are none for `-j 2`. Memory is the peak of the process tree, shared pages
counted once, in a run that is not timed. The rows of jieba and kxcli on the part are compared.
"""

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import iter_lines, measure_usage, write_part

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "tests"))

TOP = 20


def run_here(role: str, path: str, output: str) -> None:
    """Run one of the slow ways in this process; write its CPU and wall seconds without start-up, then the rows."""
    from keywords_definition import format_tsv, jieba, make_extractor, rank

    documents = [*iter_lines([path])]
    rows = ""
    if role == "scikit-learn":
        jieba.initialize()
        start = time.process_time(), time.perf_counter()
        extract_by_vectorizer(documents, jieba.lcut)
        stop = time.process_time(), time.perf_counter()
    else:
        extractor = make_extractor(role, tokenize=jieba.cut, tag=jieba.posseg.cut)
        rank(extractor, "开始")
        start = time.process_time(), time.perf_counter()
        found = [rank(extractor, document, TOP) for document in documents]
        stop = time.process_time(), time.perf_counter()
        rows = format_tsv(found)
    Path(output).write_text(f"{stop[0] - start[0]} {stop[1] - start[1]}\n{rows}", encoding="utf-8")


def extract_by_vectorizer(documents: list[str], cut: object) -> list[list[str]]:
    """Return the words with the highest weights of each document, as users of scikit-learn do."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(tokenizer=cut, token_pattern=None, lowercase=False)
    matrix = vectorizer.fit_transform(documents)
    words = vectorizer.get_feature_names_out()
    found = []
    for row in matrix:
        order = row.data.argsort()[::-1][:TOP]
        found.append(words[row.indices[order]].tolist())
    return found


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--part", type=int, default=1 << 20, help="bytes for jieba and scikit-learn")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--role", choices=["tfidf", "textrank", "scikit-learn"], help=argparse.SUPPRESS)
    parser.add_argument("--output", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        run_here(given.role, given.files[0], given.output)
        return
    size = sum(map(os.path.getsize, given.files))
    roles = {"tfidf": "jieba.analyse.extract_tags"}
    if importlib.util.find_spec("sklearn") is not None:
        roles["scikit-learn"] = "scikit-learn's TfidfVectorizer with jieba"
    roles["textrank"] = "jieba.analyse.textrank"
    cpu: dict[str, list[float]] = {}
    wall: dict[str, list[float]] = {}
    memory: dict[str, int] = {}
    is_same = True
    with tempfile.TemporaryDirectory() as folder:
        part, out = (os.path.join(folder, name) for name in ("part.txt", "out.tsv"))
        share = size / write_part(given.files, given.part, part)
        kxcli = [sys.executable, "-m", "kxcli", "keywords", "-q", "--top", str(TOP), "-o", out]
        for role, name in roles.items():
            command = [sys.executable, "-W", "ignore", __file__, "--output", out, "--role", role, part]
            memory[name] = measure_usage(command).peak
            first, _, rows = Path(out).read_bytes().partition(b"\n")
            cpu[name], wall[name] = ([float(seconds) * share] for seconds in first.split())
            if role != "scikit-learn":
                subprocess.run([*kxcli, "--method", role, part], check=True)
                is_same = is_same and Path(out).read_bytes() == rows
        commands = {
            "kxcli keywords -j 1": ["-j", "1", *given.files],
            "kxcli keywords -j 2": ["-j", "2", *given.files],
            "kxcli keywords --learn-idf -j 1": ["--learn-idf", "-j", "1", *given.files],
            "kxcli keywords --method textrank -j 1": ["--method", "textrank", "-j", "1", part],
        }
        for run in range(given.runs + 1):
            for name, arguments in commands.items():
                usage = measure_usage([*kxcli, *arguments], is_watched=not run)
                if not run:
                    memory[name] = usage.peak
                    continue
                scale = share if "textrank" in name else 1
                cpu.setdefault(name, []).append(usage.cpu_seconds * scale)
                wall.setdefault(name, []).append(usage.seconds * scale)

    median = {name: statistics.median(values) for name, values in cpu.items()}
    print(f"{size / 1e6:.0f} MB in {len(given.files)} files; jieba, scikit-learn and TextRank on parts of it\n")
    print("| | CPU seconds | seconds | times as fast as jieba | peak memory, MB |\n|---|---|---|---|---|")
    for name, seconds in wall.items():
        unit = roles["textrank" if "textrank" in name else "tfidf"]
        is_single = not name.endswith("-j 2")
        ratio = median[unit] / median[name] if is_single else statistics.median(wall[unit]) / statistics.median(seconds)
        shown = f"{median[name]:.1f}" if is_single else ""
        print(f"| {name} | {shown} | {statistics.median(seconds):.1f} | {ratio:.1f} | {memory[name] / 1e6:.0f} |")
    print("\nall keywords agree" if is_same else "\nKEYWORDS DIFFER")
    sys.exit(not is_same)


if __name__ == "__main__":
    main()
