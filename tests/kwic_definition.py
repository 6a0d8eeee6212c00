"""Concordances by their definition: try every pattern at every place."""

import re

from kxcli.output.rows import escape_tsv


def fold_character(character):
    """Return one character for all that differ from this one in case only."""
    for folded in (character.casefold(), character.lower()):
        if len(folded) == 1:
            return folded
    return character


def fold(text, ignore_case):
    return [fold_character(character) for character in text] if ignore_case else list(text)


def find_literals(text, patterns, ignore_case=False):
    """Return the spans of the longest pattern at each place, from left to right, without overlaps."""
    characters, spans, at = fold(text, ignore_case), [], 0
    folded = [fold(pattern, ignore_case) for pattern in patterns]
    while at < len(text):
        lengths = [len(pattern) for pattern in folded if characters[at : at + len(pattern)] == pattern]
        if lengths:
            spans.append((at, at + max(lengths)))
        at += max(lengths, default=1)
    return spans


def find_tokens(text, tokens, pattern, ignore_case=False):
    """Return the spans of the tokens that are the pattern; the tokens come in the order of the text."""
    spans, at = [], 0
    for token in tokens:
        at = text.index(token, at)
        if fold(token, ignore_case) == fold(pattern, ignore_case):
            spans.append((at, at + len(token)))
        at += len(token)
    return spans


def find_regex(text, pattern, ignore_case=False):
    matches = re.finditer(pattern, text, re.IGNORECASE if ignore_case else 0)
    return [match.span() for match in matches if match.end() > match.start()]


def cut_contexts(text, spans, width):
    """Return (left, match, right) of each span."""
    return [(text[max(0, start - width) : start], text[start:stop], text[stop:][:width]) for start, stop in spans]


def split_lines(data):
    """Return the lines of a file."""
    lines = data.split("\n")
    return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]


def list_rows(files, find, width):
    """Return the rows of files of text by name."""
    return [
        (f"{name}:{number}", *row)
        for name, data in files.items()
        for number, line in enumerate(split_lines(data), 1)
        for row in cut_contexts(line, find(line), width)
    ]


def write_tsv(rows):
    return "".join("\t".join(map(escape_tsv, row)) + "\n" for row in rows)
