"""Keywords of one text against another, compared in one run, as ratios.

    python benchmarks/keyness.py TARGET REFERENCE [--runs 3] [--part BYTES]

Measures wall and CPU seconds of these, each in a process of its own, in turns:

  script      jieba.cut into two Counters, then G², p-values, q-values and log ratios by numpy and scipy
  vectorizer  scikit-learn's CountVectorizer over jieba.lcut, then the same formulas
  kxcli       `kxcli keyness -j 1` and `-j 2`, with all twelve columns, and with a reference that is counted already

The first two run on a part of both texts, without the start of Python and jieba, and are scaled to the whole.
scikit-learn and scipy are installed into a temporary folder; if pip fails, the first two are missing. The words and G²
of all are compared on the part. Memory is the peak of the whole process tree.
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
from typing import Any

from measuring import Usage, iter_lines, measure_usage, write_part

KXCLI = str(Path(sys.executable).with_name("kxcli"))
SCRIPTS = ("script", "vectorizer")


def count_script(paths: list[str]) -> tuple[list[str], Any, Any]:
    """Return the words of two texts, and the counts of each."""
    import jieba
    import numpy as np

    counts = [Counter(word for line in iter_lines([path]) for word in jieba.cut(line)) for path in paths]
    words = sorted(word for word in counts[0].keys() | counts[1].keys() if any(map(str.isalnum, word)))
    return words, *(np.array([count[word] for word in words]) for count in counts)


def count_vectorizer(paths: list[str]) -> tuple[list[str], Any, Any]:
    """Return the words of two texts, and the counts of each, by scikit-learn."""
    import jieba
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer

    lines = [list(iter_lines([path])) for path in paths]
    vectorizer = CountVectorizer(analyzer=jieba.lcut)
    table = vectorizer.fit_transform([*lines[0], *lines[1]])
    target = np.asarray(table[: len(lines[0])].sum(axis=0)).ravel()
    reference = np.asarray(table[len(lines[0]) :].sum(axis=0)).ravel()
    words = vectorizer.get_feature_names_out()
    is_word = np.array([any(map(str.isalnum, word)) for word in words])
    return words[is_word].tolist(), target[is_word], reference[is_word]


def compare(words: list[str], target: Any, reference: Any, output: str) -> None:
    """Write the words with a higher rate in the target, their G² and q-values, the largest G² first."""
    import numpy as np
    from scipy.special import xlogy
    from scipy.stats import chi2, false_discovery_control

    n, n_ref = target.sum(), reference.sum()
    cells = np.array([target, n - target, reference, n_ref - reference], float)
    columns = [target + reference, n + n_ref - target - reference]
    expected = np.array([side * column / (n + n_ref) for side in (n, n_ref) for column in columns])
    g2 = 2 * xlogy(cells, cells / expected).sum(axis=0)
    q = false_discovery_control(chi2.sf(np.maximum(g2, 0), 1))
    ratio = np.log2(np.maximum(target, 0.5) / n) - np.log2(np.maximum(reference, 0.5) / n_ref)
    at = np.flatnonzero(target / n > reference / n_ref)
    at = at[np.argsort(-g2[at], kind="stable")]
    with open(output, "a", encoding="utf-8") as file:
        file.writelines(f"{words[i]}\t{g2[i]:.4f}\t{ratio[i]:.4f}\t{q[i]:.6g}\n" for i in at)


def run_script(name: str, paths: list[str], folder: str) -> None:
    """Run a script in this process, and write its seconds and its rows into the folder."""
    sys.path.insert(0, os.path.join(folder, "packages"))
    import jieba
    import scipy.stats  # noqa: F401

    if name == "vectorizer":
        import sklearn.feature_extraction.text  # noqa: F401
    jieba.setLogLevel("ERROR")
    jieba.initialize()
    output = os.path.join(folder, name)
    Path(output).write_text("")
    wall, cpu = time.perf_counter(), time.process_time()
    compare(*(count_script if name == "script" else count_vectorizer)(paths), output)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    Path(folder, f"{name}.seconds").write_text(f"{wall} {cpu}")


def install(folder: str) -> bool:
    """Install the packages of the scripts; return whether that worked."""
    packages = ["scikit-learn", "scipy>=1.11"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", os.path.join(folder, "packages")]
    if subprocess.run([*command, *packages], capture_output=True).returncode:
        print("scikit-learn cannot be installed; the lines of the scripts are missing\n")
        return False
    return True


def read_rows(path: str, word_at: int, value_at: int) -> dict[str, float]:
    """Return G² by word."""
    with open(path, encoding="utf-8") as lines:
        return {row[word_at]: float(row[value_at]) for row in (line.rstrip("\n").split("\t") for line in lines)}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs=2, metavar="TARGET REFERENCE")
    parser.add_argument("--part", type=int, default=4 << 20, help="bytes of each text for the scripts")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--script", choices=SCRIPTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.script:
        run_script(options.script, options.files, options.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(options.files, options.part, options.runs, folder)


def measure(files: list[str], part_size: int, runs: int, folder: str) -> None:
    """Print the table, and end with an error if results differ."""
    size, names = sum(map(os.path.getsize, files)), ("target", "reference")
    parts = [os.path.join(folder, f"{name}.part") for name in names]
    n_part = sum(write_part([file], part_size, part) for file, part in zip(files, parts, strict=True))
    table, out = os.path.join(folder, "counts.tsv"), os.path.join(folder, "out")
    subprocess.run([KXCLI, "wordcount", files[1], "-o", table], check=True)
    subprocess.run([KXCLI, "keyness", parts[0], "--reference", parts[1], "-o", out], check=True)
    expected = read_rows(out, 0, 5)
    commands = {
        "kxcli keyness -j 1": [files[0], "--reference", files[1], "-j", "1"],
        "kxcli keyness -j 2": [files[0], "--reference", files[1], "-j", "2"],
        "kxcli keyness -j 1, counted reference": [files[0], "--reference", table, "-j", "1"],
    }
    usages: dict[str, list[Usage]] = {}
    are_equal = True
    for name in SCRIPTS if install(folder) else ():  # once: minutes on the whole
        usage = measure_usage([sys.executable, __file__, *parts, "--script", name, "--folder", folder])
        wall, cpu = map(float, Path(folder, f"{name}.seconds").read_text().split())
        usages[name] = [usage._replace(seconds=wall * size / n_part, cpu_seconds=cpu * size / n_part)]
        found = read_rows(os.path.join(folder, name), 0, 1)
        are_equal &= found.keys() == expected.keys() and all(
            abs(found[word] - expected[word]) < 0.001 for word in found
        )
    for _ in range(runs):
        for name, arguments in commands.items():
            usages.setdefault(name, []).append(measure_usage([KXCLI, "keyness", "-q", *arguments, "-o", out]))
    print(f"{size / 1e6:.0f} MB; the scripts on 1/{size / n_part:.1f} of it\n")
    print("| | wall s | CPU s | script / it, wall | script / it, CPU | peak memory, MB |\n|---|---|---|---|---|---|")
    base = usages.get("script", usages["kxcli keyness -j 1"])[0]
    for name, values in usages.items():
        wall, cpu = (statistics.median(value[i] for value in values) for i in (0, 1))
        cells = [f"{wall:.2f}", f"{cpu:.2f}", f"{base.seconds / wall:.1f}", f"{base.cpu_seconds / cpu:.1f}"]
        print("| " + " | ".join([name, *cells, f"{max(value.peak for value in values) / 1e6:.0f}"]) + " |")
    print("\nall G² agree" if are_equal else "\nG² DIFFER")
    sys.exit(not are_equal)


if __name__ == "__main__":
    main()
