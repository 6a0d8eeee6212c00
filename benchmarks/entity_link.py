"""Linking compared with bare matching, on the same texts in one run, as ratios.

    python benchmarks/entity_link.py FILE... [--runs 3] [--quick]

Makes 300,000 names with a fixed seed (words of jieba's dictionary and pairs of them) and 50 MB of short texts (the
lines of the files, repeated if necessary). Measures the median of the runs of:

  pyahocorasick  the plain loop over its automaton, in one process, on the original texts; if it is installed
  bare matching  name matching over folded texts, in one process: the unit of all other speeds
  names alone    `kxcli entity-link -f tsv` with these names as the knowledge base, one entry each, `-j 1` and `-j 2`
  with a model   the same with `--model`, trained on texts that the script labels itself: lines with a name in 《》 and
                 an unmarked name; its links are meaningless, but the work per text is the same
  index          built with an empty cache, and loaded from the cache, both without text and minus the time for a
             single
                 name

The first two are timed without start-up and reading; all others are whole commands that write to a file. Private
memory is the maximum that one worker had to itself with `-j 2`, sampled every 20 ms in a run that is not timed. The
outputs of -j 1 and -j 2 are compared.
"""

import argparse
import importlib
import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from measuring import iter_lines, measure_seconds

SEED = 5
BARE = "bare matching"
KIB = 1024


@dataclass(frozen=True)
class Sizes:
    """Sizes of all inputs."""

    names: int = 300_000
    text: int = 50_000_000  # bytes
    labeled: int = 2_000  # texts


QUICK = Sizes(3_000, 3_000_000, 300)


def make_names(n: int) -> list[str]:
    """Return different words, and words joined, in equal shares."""
    import jieba

    source = random.Random(SEED)
    path = os.path.join(os.path.dirname(jieba.__file__), "dict.txt")
    words = [line.split(" ")[0] for line in iter_lines([path])]
    names = dict.fromkeys(source.sample([word for word in words if len(word) > 1], min(n // 2, len(words) // 2)))
    while len(names) < n:
        names["".join(source.sample(words, 2))] = None
    return list(names)


def write_texts(paths: list[str], size: int, output: str) -> None:
    """Write lines of the files, from the first again after the last, up to a size in bytes."""
    written = 0
    with open(output, "w", encoding="utf-8") as file:
        while written < size:
            before = written
            for line in filter(None, iter_lines(paths)):
                file.write(line + "\n")
                written += len(line.encode()) + 1
                if written >= size:
                    return
            if written == before:
                raise SystemExit("there is no text in the files")


def write_labeled(texts: str, names: list[str], n: int, output: str) -> None:
    """Write some lines, each with two names in it and these as its labels."""
    source = random.Random(SEED)
    with open(texts, encoding="utf-8") as lines, open(output, "w", encoding="utf-8") as file:
        for number, line in zip(range(n), lines, strict=False):
            text, labels = "", []
            for part, (left, right) in zip(split_halves(line.rstrip("\n")), (("《", "》"), ("", "")), strict=True):
                entry = source.randrange(len(names))
                text += part + left
                labels.append({"mention": names[entry], "offset": len(text), "kb_id": str(entry)})
                text += names[entry] + right
            record = {"text_id": str(number), "text": text, "mention_data": labels}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def split_halves(text: str) -> tuple[str, str]:
    """Return the first and the second half."""
    return text[: len(text) // 2], text[len(text) // 2 :]


def run_here(role: str, kb: str, texts: str) -> None:
    """Match in this process; write the seconds and how many names were found."""
    names = [line.split("\t")[0] for line in iter_lines([kb])]
    lines = list(iter_lines([texts]))
    found = 0
    if role == "pyahocorasick":
        ahocorasick = importlib.import_module("ahocorasick")

        automaton = ahocorasick.Automaton()
        for number, name in enumerate(names):
            automaton.add_word(name, number)
        automaton.make_automaton()
        start = time.perf_counter()
        for line in lines:
            for _ in automaton.iter(line):
                found += 1
    else:
        from kxcli.batching import iter_batches
        from kxcli.mining.linking.spans.name_matcher import NameMatcher
        from kxcli.mining.text.folding import fold_names, fold_texts

        index = NameMatcher.from_names(list(dict.fromkeys(fold_names(names))))
        parts = list(iter_batches(lines, len))
        index.matches(fold_texts(parts[0]).codes)
        start = time.perf_counter()
        for part in parts:
            found += len(index.matches(fold_texts(part).codes).starts)
    print(json.dumps([time.perf_counter() - start, found]))


def run_role(role: str, kb: str, texts: str) -> tuple[float, int]:
    """Match in a process; return the seconds and how many names were found."""
    command = [sys.executable, __file__, "--role", role, "--kb", kb, texts]
    seconds, found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return seconds, found


def private_memory(command: list[str]) -> int:
    """Return bytes that the largest worker of a command had to itself."""
    most = 0
    process = subprocess.Popen(command, start_new_session=True)
    ended = threading.Event()

    def watch() -> None:
        nonlocal most
        while not ended.wait(0.02):
            for entry in filter(str.isdigit, os.listdir("/proc")):
                try:
                    if (
                        os.getsid(int(entry)) == process.pid
                        and b"forkserver" in Path("/proc", entry, "cmdline").read_bytes()
                    ):
                        lines = Path("/proc", entry, "smaps_rollup").read_text().splitlines()
                        most = max(
                            most, sum(int(line.split()[1]) * KIB for line in lines if line.startswith("Private_"))
                        )
                except (OSError, ProcessLookupError):
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    ended.set()
    watcher.join()
    if code:
        raise SystemExit(f"{command} ended with {code}")
    return most


class Inputs:
    """What the script makes, in a folder of its own, and the commands over it."""

    def __init__(self, folder: str, files: list[str], size: Sizes) -> None:
        self.folder = folder
        self.kb, self.one, self.texts, self.empty, self.labeled, self.model, self.out = (
            os.path.join(folder, name)
            for name in ("kb.tsv", "one.tsv", "texts.txt", "empty", "labeled.jsonl", "model", "out.tsv")
        )
        names = make_names(size.names)
        rows = [f"{name}\t{number}\n" for number, name in enumerate(names)]
        Path(self.kb).write_text("".join(rows), encoding="utf-8")
        Path(self.one).write_text(rows[0], encoding="utf-8")
        Path(self.empty).touch()
        write_texts(files, size.text, self.texts)
        write_labeled(self.texts, names, size.labeled, self.labeled)

    def command(self, *options: str, kb: str | None = None, cache: str = "cache") -> list[str]:
        """Return a command that links, or trains."""
        where = ["--kb", kb or self.kb, "--kb-cache", os.path.join(self.folder, cache)]
        return [sys.executable, "-m", "kxcli", "entity-link", "-q", *where, *options]

    def link(self, texts: str, *options: str, kb: str | None = None, cache: str = "cache") -> list[str]:
        """Return a command that links texts to a table."""
        return self.command(*options, "-f", "tsv", "-o", self.out, texts, kb=kb, cache=cache)


def measure_matching(inputs: Inputs, runs: int) -> dict[str, list[float]]:
    """Measure matching without linking."""
    seconds: dict[str, list[float]] = {}
    roles = [BARE]
    if importlib.util.find_spec("ahocorasick") is None:
        print("pyahocorasick is skipped: it is not installed (pip install pyahocorasick)\n")
    else:
        roles.insert(0, "pyahocorasick")
    for _ in range(runs):
        for role in roles:
            seconds.setdefault(role, []).append(run_role(role, inputs.kb, inputs.texts)[0])
    return seconds


def measure_index(inputs: Inputs, runs: int) -> tuple[float, float]:
    """Return the seconds for building the index, and for loading it."""
    built, loaded = [], []
    subprocess.run(inputs.link(inputs.empty, kb=inputs.one), check=True)
    subprocess.run(inputs.link(inputs.empty), check=True)
    for run in range(runs):
        idle = measure_seconds(inputs.link(inputs.empty, kb=inputs.one))
        built.append(measure_seconds(inputs.link(inputs.empty, cache=f"cold{run}")) - idle)
        loaded.append(measure_seconds(inputs.link(inputs.empty)) - idle)
    return statistics.median(built), statistics.median(loaded)


def measure_linking(inputs: Inputs, runs: int) -> tuple[dict[str, list[float]], dict[str, int], bool]:
    """Return seconds and private memory of whole commands, and whether -j 1 and -j 2 give the same."""
    seconds: dict[str, list[float]] = {}
    memory: dict[str, int] = {}
    is_same = True
    subprocess.run(inputs.command("--train", inputs.labeled, "--model", inputs.model), check=True)
    for what, options in (("names alone", ()), ("with a model", ("--model", inputs.model))):
        outputs = []
        for jobs in ("1", "2"):
            name, command = f"{what}, -j {jobs}", inputs.link(inputs.texts, "-j", jobs, *options)
            seconds[name] = [measure_seconds(command) for _ in range(runs)]
            outputs.append(Path(inputs.out).read_bytes())
        memory[name] = private_memory(command)
        is_same = is_same and outputs[0] == outputs[1]
    return seconds, memory, is_same


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", help="texts in UTF-8, a short one a line")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that all of it runs")
    parser.add_argument("--role", choices=["pyahocorasick", BARE], help=argparse.SUPPRESS)
    parser.add_argument("--kb", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        run_here(given.role, given.kb, given.files[0])
        return
    size = QUICK if given.quick else Sizes()
    with tempfile.TemporaryDirectory() as folder:
        inputs = Inputs(folder, given.files, size)
        seconds = measure_matching(inputs, given.runs)
        built, loaded = measure_index(inputs, given.runs)
        of_commands, memory, is_same = measure_linking(inputs, given.runs)
        megabytes = os.path.getsize(inputs.texts) / 1e6
    median = {name: statistics.median(runs) for name, runs in (seconds | of_commands).items()}
    print(f"{size.names:,} names, {megabytes:.0f} MB of texts\n")
    print(f"| | seconds | MB/s | times {BARE} | private memory of a worker, MB |\n|---|---|---|---|---|")
    for name, value in median.items():
        private = f"{memory[name] / 1e6:.0f}" if name in memory else ""
        print(f"| {name} | {value:.2f} | {megabytes / value:.1f} | {value / median[BARE]:.2f} | {private} |")
    print(f"\nindex built in {built:.2f} s, loaded in {loaded:.2f} s")
    print("\noutputs agree" if is_same else "\nOUTPUTS DIFFER")
    sys.exit(not is_same)


if __name__ == "__main__":
    main()
