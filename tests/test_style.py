"""Names and prose of the project: plain words, one name for one thing."""

import ast
import io
import re
import tokenize
from collections import Counter
from functools import cache

import pytest
from conftest import ROOT

PACKAGE = sorted((ROOT / "kxcli").rglob("*.py"))
OTHERS = [path for folder in ("tests", "benchmarks", "docs") for path in sorted((ROOT / folder).glob("*.py"))]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
C_FILES = sorted((ROOT / "kernel").glob("*.[ch]"))
MAX_SUMMARY = 80  # characters of a docstring's first line

IRREGULAR_PARTICIPLES = {
    "begun",
    "bound",
    "brought",
    "built",
    "caught",
    "chosen",
    "come",
    "drawn",
    "driven",
    "fallen",
    "found",
    "given",
    "gone",
    "grown",
    "held",
    "hidden",
    "kept",
    "known",
    "laid",
    "learnt",
    "left",
    "lent",
    "lost",
    "made",
    "meant",
    "met",
    "paid",
    "said",
    "seen",
    "sent",
    "shown",
    "spoken",
    "spent",
    "stood",
    "stuck",
    "taken",
    "taught",
    "thought",
    "thrown",
    "told",
    "torn",
    "understood",
    "woven",
    "won",
    "written",
}
NOT_PARTICIPLES = {"bed", "embed", "exceed", "feed", "need", "proceed", "red", "seed", "speed", "succeed"}


@cache
def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def definitions(path, kinds):
    return [node for node in ast.walk(parse(path)) if isinstance(node, kinds)]


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def plain_words():
    """Yield (pattern, replacement, pattern of the allowed sense or None) from the list."""
    for line in (ROOT / "tests" / "plain_words.tsv").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            word, instead, allowed = line.split("\t")
            yield (
                re.compile(rf"\b(?:{word})\b", re.I),
                instead,
                re.compile(rf"\b(?:{allowed})", re.I) if allowed else None,
            )


WORDS = list(plain_words())


def prose(path):
    """Yield (line, text) of the comments, docstrings and messages of a Python file."""
    source = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value
        elif isinstance(node, FUNCTIONS):
            yield node.lineno, node.name.replace("_", " ")


def faults(texts):
    flat_texts = [(line, " ".join(text.split())) for line, text in texts]
    whole = "\n".join(text for _, text in flat_texts)
    words = [row for row in WORDS if row[0].search(whole)]  # few, so that lines are searched for few
    for line, flat in flat_texts:
        for word, instead, allowed in words:
            rest = allowed.sub("", flat) if allowed else flat
            if found := word.search(rest):
                yield line, found.group(0), instead


@pytest.mark.parametrize("path", [*PACKAGE, *OTHERS], ids=lambda path: str(path.relative_to(ROOT)))
def test_code_uses_plain_words(path):
    found = [f"{path.relative_to(ROOT)}:{line}: {word!r}: {instead}" for line, word, instead in faults(prose(path))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_use_plain_words(path):
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    found = [f"{path.name}:{line}: {word!r}: {instead}" for line, word, instead in faults(lines)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", C_FILES, ids=lambda path: path.name)
def test_comments_in_c_use_plain_words(path):
    text = path.read_text(encoding="utf-8")
    comments = [
        (text.count("\n", 0, match.start()) + 1, match[0]) for match in re.finditer(r"/\*.*?\*/", text, re.DOTALL)
    ]
    found = [f"{path.name}:{line}: {word!r}: {instead}" for line, word, instead in faults(comments)]
    assert not found, "\n".join(found)


def test_class_names_are_unique():
    names = Counter(node.name for path in PACKAGE for node in definitions(path, ast.ClassDef))
    assert not [name for name, n in names.items() if n > 1]


def is_participle(name):
    word = name.strip("_")
    return word not in NOT_PARTICIPLES and (
        word in IRREGULAR_PARTICIPLES or re.fullmatch(r"[a-z]+ed", word) is not None
    )


def test_no_function_is_named_by_a_bare_participle():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}"
        for path in PACKAGE
        for node in definitions(path, FUNCTIONS)
        if is_participle(node.name)
    ]
    assert not found, "\n".join(found)


def test_no_name_begins_with_a_genitive():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}"
        for path in PACKAGE
        for node in definitions(path, FUNCTIONS)
        if node.name.strip("_").startswith("of_")
    ]
    assert not found, "\n".join(found)


def test_constants_are_named_by_max_and_min():
    superlative = re.compile(r"(?:^|_)(?:MOST|LEAST|FEWEST|GREATEST|LARGEST|LONGEST|WIDEST|HEAVIEST|WEIGHTIEST)(?:_|$)")
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.id}"
        for path in PACKAGE
        for node in definitions(path, ast.Name)
        if isinstance(node.ctx, ast.Store) and superlative.search(node.id)
    ]
    assert not found, "\n".join(found)


def test_types_of_arrays_are_named_in_one_module():
    found = [
        str(path.relative_to(ROOT))
        for path in PACKAGE
        if "npt.NDArray" in path.read_text(encoding="utf-8") and path.parts[-2:] != ("arrays", "__init__.py")
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", PACKAGE, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_begin_with_one_short_sentence(path):
    found = []
    for node in definitions(path, (ast.Module, ast.ClassDef, *FUNCTIONS)):
        docstring = ast.get_docstring(node)
        if docstring:
            summary = docstring.splitlines()[0]
            clause = re.search(r"\b(?:which|whose|whom|whatever|what)\b", summary)
            if len(summary) >= MAX_SUMMARY or not summary.endswith((".", "?")) or clause:
                found.append(f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}: {summary}")
    assert not found, "\n".join(found)
