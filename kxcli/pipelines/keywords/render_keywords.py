"""Keywords -> rows of TSV or CSV, or lines of JSON.

The number of a document that has no key is a placeholder here: see `kxcli.mining.rendered_lines`.
"""

import json

from kxcli.mining.keywords.extraction import Extraction, Keyword
from kxcli.mining.keywords.job import KeywordJob, KeywordRecord
from kxcli.mining.rendered_lines import NUMBER
from kxcli.output.rows import RowFormat, escape_tsv, format_shortest, quote_csv

COLUMNS = ("document", "keyword", "weight")
FILE_COLUMNS = ("file", "keyword", "weight")  # if a document is a file
TYPES: dict[str, type] = {"document": int, "weight": float}  # of columns of numbers
FIELD = "keywords"  # that JSON records get

_quote = json.JSONEncoder(ensure_ascii=False).encode


def make_keyword_job(extraction: Extraction, row_format: RowFormat) -> KeywordJob:
    """Return the job from documents to rendered keywords.

    Args:
        extraction: How keywords are found.
        row_format: TSV or CSV, a row for each keyword, or JSON Lines, a record for each document.
    """
    return KeywordJob(extraction, {"tsv": render_tsv, "csv": render_csv, "jsonl": render_json}[row_format])


def render_tsv(record: KeywordRecord, keywords: list[Keyword]) -> bytes:
    """Return a row for each keyword of a document."""
    start = NUMBER if record.key is None else _encode(escape_tsv(record.key))
    rows = [f"\t{escape_tsv(word)}\t{format_shortest(weight)}\n" for word, weight in keywords]
    return b"".join([start + _encode(row) for row in rows])


def render_csv(record: KeywordRecord, keywords: list[Keyword]) -> bytes:
    """Return a row for each keyword of a document."""
    start = NUMBER if record.key is None else _encode(quote_csv(str(record.key)))
    rows = [f",{quote_csv(word)},{format_shortest(weight)}\n" for word, weight in keywords]
    return b"".join([start + _encode(row) for row in rows])


def render_json(record: KeywordRecord, keywords: list[Keyword]) -> bytes:
    """Return the record of a document with its keywords."""
    items = [f'{{"word": {_quote(word)}, "weight": {format_shortest(weight)}}}' for word, weight in keywords]
    return _encode(f'{record.record}, "{FIELD}": [{", ".join(items)}]}}\n')


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
