"""Dialects of delimited tables: delimiter, quotes, comments, skipped lines."""

import re
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

WHITE = "white"  # the delimiter of runs of blanks and tabs

_NAMED = {"tab": "\t", r"\t": "\t", WHITE: WHITE}
# Excel's first line. The quotes are those of a spreadsheet that wrote the line as a cell.
_SEP_LINE = re.compile(r'"?sep=([^\w"\r])"?\r?', re.IGNORECASE)
# A whole cell in quotes. Quotes within it are doubled, or have a backslash as write.table of R writes them.
_QUOTED_CELL = re.compile(r'(?:(?<=[\t\n])|\A)"((?:[^"\t\n]|""|\\")*)"(?=[\t\n]|\Z)')
_WHITE_CELL = re.compile(r'"(?:[^"\n]|""|\\")*"(?![^ \t])|[^ \t]+')
_ESCAPED_QUOTE = re.compile(r'""|\\"')


class TableLayout(NamedTuple):
    """How delimited tables differ from their format.

    Attributes:
        delimiter: A character, or `WHITE`; None for that of the format.
        comment: The prefix of lines to ignore; "" for none.
        skip_rows: The number of lines before the table.
    """

    delimiter: str | None = None
    comment: str = ""
    skip_rows: int = 0


DEFAULT_LAYOUT = TableLayout()


def parse_delimiter(text: str) -> str:
    """Return a delimiter; raise `ValueError` if a table cannot have it."""
    found = _NAMED.get(text, text)
    if found != WHITE and len(found) != 1:
        raise ValueError(f"{text!r} is not a delimiter; give one character, tab, or white for runs of white space")
    if found in '"\r\n\0+-.' or (found.isalnum() and found != WHITE):
        raise ValueError(f"{text!r} cannot be a delimiter, as it occurs in names, numbers or quotes")
    return found


@dataclass(frozen=True)
class Dialect:
    """How the lines of one source are split into cells.

    Attributes:
        kind: CSV, where quoted cells may have delimiters and line ends in them; or TSV, where a line is a row.
        delimiter: A character, or `WHITE`.
        comment: The prefix of lines to ignore; "" for none.
    """

    kind: Literal["tsv", "csv"]
    delimiter: str
    comment: str = ""

    @classmethod
    def choose(cls, kind: Literal["tsv", "csv"], layout: TableLayout) -> "Dialect":
        """Return the dialect of a format with the options.

        With a delimiter of one character, cells are quoted as in CSV.
        """
        if layout.delimiter is None:
            return cls(kind, "," if kind == "csv" else "\t", layout.comment)
        return cls("tsv" if layout.delimiter == WHITE else "csv", layout.delimiter, layout.comment)

    def follow_sep_line(self, line: str) -> "Dialect | None":
        """Return the dialect with the delimiter of Excel's line `sep=;`.

        None for another line.
        """
        delimiter = find_sep_delimiter(line)
        return None if delimiter is None else replace(self, kind="csv", delimiter=delimiter)

    def split_line(self, line: str) -> list[str]:
        """Return the cells of a line of TSV."""
        line = line.removesuffix("\r")
        if self.delimiter == WHITE:
            return [unquote_cell(cell) for cell in _WHITE_CELL.findall(line)]
        cells = line.split("\t")
        return [unquote_cell(cell) for cell in cells] if '"' in line else cells

    def is_comment(self, line: str) -> bool:
        """Return whether to ignore a line.

        White space may come before the prefix if it is the delimiter.
        """
        if self.delimiter == WHITE:
            line = line.lstrip(" \t")
        return bool(self.comment) and line.startswith(self.comment)

    def simplify(self, text: str) -> tuple[str, str] | None:
        """Return lines with plain cells, and their delimiter.

        None if they must be parsed one by one.

        Args:
            text: Lines without comments, each with its LF.
        """
        text = text.replace("\r\n", "\n") if "\r" in text else text
        if self.kind == "csv":
            is_plain = self.delimiter.isascii() and '"' not in text and "\r" not in text
            return (text, self.delimiter) if is_plain else None
        if self.delimiter != WHITE:
            return (_unquote_text(text) if '"' in text else text), self.delimiter
        return None if '"' in text or "\r" in text else (_join_white(text), "\t")


def find_sep_delimiter(line: str) -> str | None:
    """Return the delimiter of Excel's line `sep=;`; None for another line."""
    match = _SEP_LINE.fullmatch(line)
    return None if match is None else match[1]


def unquote_cell(cell: str) -> str:
    """Return a cell of TSV without the quotes around the whole of it, if any."""
    match = _QUOTED_CELL.fullmatch(cell)
    return cell if match is None else _ESCAPED_QUOTE.sub('"', match[1])


def _unquote_text(text: str) -> str:
    if '""' in text or '\\"' in text:
        return _QUOTED_CELL.sub(lambda match: _ESCAPED_QUOTE.sub('"', match[1]), text)
    return _QUOTED_CELL.sub(r"\1", text)


def _join_white(text: str) -> str:
    """Return lines with one tab for each run of white space between cells."""
    text = text.replace("\t", " ")
    while "  " in text:
        text = text.replace("  ", " ")
    return text.replace("\n ", "\n").replace(" \n", "\n").removeprefix(" ").replace(" ", "\t")
