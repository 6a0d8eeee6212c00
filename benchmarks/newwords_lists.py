"""The quality of the lists of newwords: for readers, for jieba, and by names.

    python benchmarks/newwords.py show FILE... [--top 100] [--options OPTIONS]
    python benchmarks/newwords.py judge FIRST SECOND
    python benchmarks/newwords.py names FILE NAMES [FILE NAMES]...
    python benchmarks/newwords.py userdict FILE... --gold GOLD [--probabilities 0.5,0.9]

show      writes the first rows of the default list of each corpus, in an order that hides their rank, as a table for a
          reader, who puts 1 (a word: lexicalized word, name, brand, term, slang or idiom) or 0 into the last column
judge     reads two such tables and prints the words of each reader by corpus, and how often they agree
names     prints how many of the names in NAMES, one per line, are in the whole default list of FILE
userdict  prints F1 of word spans on a gold text (words separated by spaces, one sentence per line) for jieba alone and
          with the user dictionary of each corpus, with and without its model; the text of GOLD itself is a corpus, too
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measuring import iter_lines

PARTS = ("show", "judge", "names", "userdict")
KXCLI = str(Path(sys.executable).with_name("kxcli"))


def run_newwords(*arguments: str) -> list[list[str]]:
    """Return the rows of a list."""
    command = [KXCLI, "newwords", "-q", *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    return [line.split("\t") for line in output.splitlines()]


def find_spans(words: list[str]) -> set[tuple[int, int]]:
    """Return where each word begins and ends."""
    found, start = set(), 0
    for word in words:
        found.add((start, start + len(word)))
        start += len(word)
    return found


class Gold:
    """A segmented text to score segmentations on."""

    def __init__(self, path: str) -> None:
        self.sentences = [line.split() for line in iter_lines([path]) if line.split()]
        self.spans = [find_spans(words) for words in self.sentences]

    def write_text(self, path: str) -> None:
        """Write the text without its spaces."""
        Path(path).write_text("".join("".join(words) + "\n" for words in self.sentences), encoding="utf-8")

    def score(self, found: list[list[str]]) -> float:
        """Return the F1 of word spans."""
        spans = [find_spans(words) for words in found]
        hits = sum(len(ours & theirs) for ours, theirs in zip(spans, self.spans, strict=True))
        return 2 * hits / (sum(map(len, spans)) + sum(map(len, self.spans)))

    def score_jieba(self, dictionary: str | None, *, hmm: bool) -> float:
        """Return the F1 of jieba itself with a user dictionary."""
        import jieba

        jieba.setLogLevel("ERROR")
        tokenizer = jieba.Tokenizer()
        tokenizer.initialize()
        if dictionary is not None:
            tokenizer.load_userdict(dictionary)
        return self.score([tokenizer.lcut("".join(words), HMM=hmm) for words in self.sentences])


def show_lists(files: list[str], top: int, options: list[str]) -> None:
    """Print the first rows of each list in random order."""
    print("corpus\tword\tis_word")
    for path in files:
        words = [row[0] for row in run_newwords("--top", str(top), *options, path)]
        random.Random(path).shuffle(words)
        for word in words:
            print(f"{Path(path).stem}\t{word}\t")


def iter_judged(path: str) -> Iterator[tuple[str, bool]]:
    """Yield corpus and judgment of each row."""
    for line in list(iter_lines([path]))[1:]:
        corpus, word, judged = line.split("\t")
        if judged not in ("0", "1"):
            raise SystemExit(f"{path}: {word}: put 1 or 0 into the last column")
        yield corpus, judged == "1"


def compare_readers(first: str, second: str) -> None:
    """Print the words of each reader and their agreement."""
    pairs: dict[str, list[tuple[bool, bool]]] = {}
    for (corpus, ours), (_, theirs) in zip(iter_judged(first), iter_judged(second), strict=True):
        pairs.setdefault(corpus, []).append((ours, theirs))
    pairs["all"] = [pair for some in pairs.values() for pair in some]
    print("| corpus | rows | words, first | words, second | equal | kappa |\n|---|---|---|---|---|---|")
    for corpus, some in pairs.items():
        n_rows, n_first, n_second = len(some), sum(ours for ours, _ in some), sum(theirs for _, theirs in some)
        equal = sum(ours == theirs for ours, theirs in some) / n_rows
        chance = (n_first * n_second + (n_rows - n_first) * (n_rows - n_second)) / n_rows**2
        kappa = (equal - chance) / (1 - chance) if chance < 1 else 1.0
        print(f"| {corpus} | {n_rows} | {n_first} | {n_second} | {equal:.2f} | {kappa:.2f} |")


def count_names(pairs: list[str]) -> None:
    """Print the share of names in each list."""
    print("| corpus | names | found |\n|---|---|---|")
    for path, names_path in zip(pairs[::2], pairs[1::2], strict=True):
        names = {line.split()[0] for line in iter_lines([names_path]) if line.split()}
        found = names & {row[0] for row in run_newwords(path)}
        print(f"| {Path(path).stem} | {len(names)} | {len(found) / max(1, len(names)):.2f} |", flush=True)


def compare_user_dictionaries(files: list[str], gold_path: str, probabilities: list[str]) -> None:
    """Print the F1 of jieba alone, and its change by each user dictionary, in points of a hundredth of a percent."""
    gold = Gold(gold_path)
    alone = {hmm: gold.score_jieba(None, hmm=hmm) for hmm in (True, False)}
    print(f"jieba alone: F1 {alone[True]:.4f}, without its model {alone[False]:.4f}\n")
    print("| corpus | --min-probability | words | F1 | without model |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        own, dictionary = (os.path.join(folder, name) for name in ("the gold text", "words.txt"))
        gold.write_text(own)
        for path in [own, *files]:
            for probability in probabilities:
                options = ["--min-probability", probability] if probability else []
                run_newwords("-f", "userdict", "-o", dictionary, *options, path)
                n_words = len(list(iter_lines([dictionary])))
                changes = [f"{gold.score_jieba(dictionary, hmm=hmm) - alone[hmm]:+.5f}" for hmm in (True, False)]
                cells = [Path(path).stem, probability or "default", str(n_words), *changes]
                print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Run a part."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--top", type=int, default=100)
    parser.add_argument("--options", default="", help="more options of newwords, separated by spaces")
    parser.add_argument("--gold", help="a segmented text")
    parser.add_argument("--probabilities", default="", help="values of --min-probability, separated by commas")
    given = parser.parse_args()
    if given.part == "show":
        show_lists(given.files, given.top, given.options.split())
    elif given.part == "judge":
        compare_readers(*given.files)
    elif given.part == "names":
        count_names(given.files)
    elif given.gold is None:
        parser.error("userdict requires --gold")
    else:
        compare_user_dictionaries(given.files, given.gold, given.probabilities.split(","))


if __name__ == "__main__":
    main()
