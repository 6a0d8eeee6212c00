"""Knowledge bases in JSONL or TSV -> entries."""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from kxcli.corpus.compression import Stream
from kxcli.corpus.decoding import Decoder
from kxcli.corpus.diagnostics import BadRecord, Notice, OnError, ReadDiagnostics, SkippedRecords
from kxcli.corpus.row_reader import check_unicode, number_lines, parse_lines, parse_object
from kxcli.corpus.sources import Source
from kxcli.urls import get_display_name

NIL = "NIL"  # the id of a mention of no entry
_IS_NIL = f"has the id {NIL}, which is reserved for mentions of no entry"

# The names of columns, without case, white space and punctuation.
_NAME_COLUMNS = (
    "name names label title subject entity entityname entitylabel itemlabel mention term word lemma "
    "surface surfaceform alias aliases preflabel preferredname 名称 名字 姓名 名 实体 实体名 实体名称 中文名 "
    "中文名称 词 词条 词语 标签 主题 标题 别名 指称 主语"
)
_ID_COLUMNS = (
    "id ids kbid subjectid entityid itemid item conceptid qid cui wikidata wikidataid meshid "
    "geonameid code key identifier uri url iri 编号 标识 标识符 代码 编码 序号 实体id 实体编号 主题id 知识库id 主键"
)
_OTHER_COLUMNS = (
    "description descriptions desc definition summary comment abstract type types category class "
    "data 描述 简介 说明 定义 摘要 类型 类别 分类"
)
_NO_WORD = re.compile(r"[\W_]+")
_ARRAY = re.compile(r"\s*\[\s*(?:\{|$)")
_CODE = re.compile(r"\s*[!-~]*[0-9][!-~]*\s*")
_TEXT = re.compile(r"\s|[^\W\d_a-zA-Z]")


class KnowledgeEntry(NamedTuple):
    """An entry, and its first line; `facts` are predicates with their objects."""

    line: int
    id: str
    subject: str
    aliases: list[str]
    types: list[str]
    facts: list[tuple[str, str]]


class FileWarning(NamedTuple):
    """A problem of a file as a whole, and the fix."""

    message: str


def read_entries(
    path: str, on_error: OnError, report: Callable[[SkippedRecords | Notice | FileWarning], None]
) -> Iterator[KnowledgeEntry]:
    """Yield the entries of a UTF-8 file, compressed or not.

    The file is JSONL if its first character that is no white space is `{`. Its objects have `subject_id` and maybe
    `subject`, `alias`, `type` and `data` (predicates and objects). Otherwise it is TSV: names, ids and maybe
    descriptions. Several lines may have one id; their first name is the subject. A header is skipped.

    Args:
        path: The file.
        on_error: What is done with a bad line.
        report: Called at the end with the skipped lines, the header and a problem of the whole file.

    Raises:
        InputError: For a bad line if `on_error` is "stop", or a file of another format.
    """
    diagnostics = ReadDiagnostics(get_display_name(path), on_error)
    rows = _TsvSurvey()
    with Source(path).open() as file:
        decoder = Decoder("utf-8", diagnostics, is_fixed=True)
        lines = (
            line for line in decoder.read_lines(Stream(file, get_display_name(path))) if line and not line.isspace()
        )
        first = next(lines, None)
        if first is not None:
            rest = chain([first], lines)
            if first.lstrip().startswith("{"):
                numbered = number_lines(rest, diagnostics)
                for _, entry in parse_lines(numbered, lambda line: _parse_entry(line, diagnostics.line), diagnostics):
                    yield entry
            else:
                _refuse_other_formats(first, diagnostics)
                yield from _parse_tsv(rest, diagnostics, rows)
    for skipped in diagnostics.skipped_records:
        report(skipped)
    for news in (rows.header, rows.warning):
        if news is not None:
            report(news)


def _parse_entry(line: str, number: int) -> KnowledgeEntry:
    value = parse_object(line)
    key = _as_text(value.get("subject_id"))
    if not key:
        raise BadRecord("has no subject_id")
    if key == NIL:
        raise BadRecord(_IS_NIL)
    facts = [
        (_as_text(fact.get("predicate")), _as_text(fact.get("object")))
        for fact in _as_list(value.get("data"))
        if isinstance(fact, dict)
    ]
    subject, aliases, types = _as_text(value.get("subject")), _as_list(value.get("alias")), _as_list(value.get("type"))
    entry = KnowledgeEntry(number, key, subject, [*map(_as_text, aliases)], [*map(_as_text, types)], facts)
    if "\\u" in line:
        check_unicode(key, subject, *entry.aliases, *entry.types, *chain.from_iterable(facts))
    return entry


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return ""
    return json.dumps(value, ensure_ascii=False)


def _refuse_other_formats(first: str, diagnostics: ReadDiagnostics) -> None:
    """Raise `InputError` if the first line is neither JSONL nor TSV."""
    if _ARRAY.match(first):
        diagnostics.fail("is a JSON array, not an object on each line", "convert it: jq -c '.[]' KB.json > KB.jsonl")
    if "," in first and "\t" not in first:
        what = "has commas and no tab, like CSV"
        diagnostics.fail(what, "give TSV of names, ids and maybe descriptions: convert it with a CSV tool")


def _parse_tsv(lines: Iterable[str], diagnostics: ReadDiagnostics, rows: "_TsvSurvey") -> Iterator[KnowledgeEntry]:
    found: dict[str, KnowledgeEntry] = {}
    for number, line in enumerate(lines):
        name, *others = line.split("\t", 2)
        key = others[0].strip() if others else ""
        if number == 0 and _is_header(line, diagnostics):
            message = f"line {diagnostics.line} is skipped, as it names the columns: {name.strip()}, {key}"
            rows.header = Notice(diagnostics.path, message)
            continue
        if not key:
            hint = "give TSV of names, ids and maybe descriptions, or JSONL"
            diagnostics.reject("tsv", BadRecord("has no tab and id after a name", hint))
            continue
        if key == NIL:
            diagnostics.reject("tsv", BadRecord(_IS_NIL))
            continue
        rows.add(name, key)
        entry = found.get(key)
        if entry is None:
            entry = found[key] = KnowledgeEntry(diagnostics.line, key, name, [], [], [])
        else:
            entry.aliases.append(name)
        if len(others) > 1 and others[1]:
            entry.facts.append(("", others[1]))
    yield from found.values()


def _is_header(line: str, diagnostics: ReadDiagnostics) -> bool:
    """Return whether a line is the header; raises `InputError` for another order."""
    names, ids, others = (frozenset(words.split()) for words in (_NAME_COLUMNS, _ID_COLUMNS, _OTHER_COLUMNS))
    cells = [_NO_WORD.sub("", unicodedata.normalize("NFKC", cell)).casefold() for cell in line.split("\t")]
    if len(cells) > 1 and cells[0] in names and cells[1] in ids:
        return True
    is_named = len(cells) > 1 and all(cell in names | ids | others for cell in cells[:2])
    if is_named and not names.isdisjoint(cells) and not ids.isdisjoint(cells):
        diagnostics.fail(f"has columns in the order {', '.join(line.split())}", "put the names first, then the ids")
    return False


class _TsvSurvey:
    """Features of all rows of a TSV file; `header` reports its skipped header."""

    def __init__(self) -> None:
        self.header: Notice | None = None
        self._n, self._n_swapped, self._n_quoted = 0, 0, 0

    def add(self, name: str, key: str) -> None:
        """Count the features of a row."""
        self._n += 1
        self._n_swapped += bool(_CODE.fullmatch(name)) and bool(_TEXT.search(key))
        self._n_quoted += all(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in (name, key))

    @property
    def warning(self) -> FileWarning | None:
        """The problem of all rows, if there is one."""
        if self._n and self._n == self._n_swapped:
            return FileWarning(
                "the names are codes and the ids are words, so the columns look swapped; put the names first"
            )
        if self._n and self._n == self._n_quoted:
            return FileWarning(
                "all names and ids are in quotation marks, which belong to them in TSV; remove the marks"
            )
        return None
