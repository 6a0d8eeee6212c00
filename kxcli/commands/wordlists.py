"""Word lists of options: local UTF-8 files, an entry per line."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from kxcli.corpus.compression import HEAD_BYTES, open_decompressed, reject_archive
from kxcli.errors import InputError, format_reason
from kxcli.report import Report
from kxcli.wording import MAX_EXAMPLES, format_count, shorten

if TYPE_CHECKING:
    from kxcli.mining import Dictionary

_MAX_LINE_BYTES = 1 << 16  # a longer line is no entry; with a limit, no file can fill the memory with one line
_HINT = "give a list with one word per line, not a text"


def iter_lines(path: str) -> Iterator[str]:
    """Yield the lines of a list without LF and byte order marks."""
    number = 0
    try:
        with open(path, "rb") as raw, open_decompressed(raw, path) as file:
            _refuse_archive(file.peek(HEAD_BYTES), path)
            while data := file.readline(_MAX_LINE_BYTES):
                number += 1
                if len(data) == _MAX_LINE_BYTES:
                    raise InputError(path, f"a line of {_MAX_LINE_BYTES >> 10} KiB or more", _HINT, number)
                yield data.decode("utf-8").removesuffix("\n").lstrip("\ufeff")
    except OSError as error:
        hint = "give /dev/stdin to read a list from stdin" if path == "-" else "check the name and the permissions"
        raise InputError(path, format_reason(error), hint) from None
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InputError(path, f"byte 0x{byte:02x} is not valid utf-8", "save it as UTF-8", number) from None


def _refuse_archive(head: bytes, path: str) -> None:
    """Raise `InputError` if a list begins as an archive."""
    try:
        reject_archive(head[:HEAD_BYTES], path)
    except InputError as error:
        raise InputError(path, error.what, "extract the list as UTF-8 text") from None


def read_words(paths: Iterable[str]) -> frozenset[str]:
    """Return the words of lists, one per line."""
    return frozenset(word for path in paths for word in _iter_words(path, str.strip))


def read_stopwords(names: Iterable[str]) -> frozenset[str]:
    """Return the words of files, and of built-in lists (@NAME)."""
    from kxcli.mining.stopwords import load_stopwords

    names = list(names)
    built_in = [load_stopwords(name[1:]) for name in names if name.startswith("@")]
    return frozenset().union(read_words(name for name in names if not name.startswith("@")), *built_in)


def read_first_words(paths: Iterable[str]) -> frozenset[str]:
    """Return the first word of each line of lists, as of dictionaries and counts."""
    return frozenset(
        word for path in paths for word in _iter_words(path, lambda line: "".join(line.split(None, 1)[:1]))
    )


def read_dictionary(main: str | None, users: Sequence[str], report: Report) -> "Dictionary":
    """Read the user's dictionaries in order; report lines misread by jieba."""
    from kxcli.mining.segment.dictionary import Dictionary, check_main, check_user

    main_text = None if main is None else _read_checked(main, check_main)
    user_texts = [_read_checked(path, check_user) for path in users]
    for path, text in zip(users, user_texts, strict=True):
        _report_misread(path, Dictionary(user=text), report)
    return Dictionary(main_text, "".join(user_texts) if user_texts else None)


def read_lexicon(path: str, report: Report) -> "Dictionary":
    """Return the words and counts of a file; reports words that are never found."""
    from kxcli.mining.segment.dictionary import Dictionary, DictionaryError
    from kxcli.mining.segment.lexicon import is_one_word

    lines, unfindable = list[str](), list[str]()
    for number, line in enumerate(iter_lines(path), 1):
        fields = line.split()
        if not fields or (number == 1 and fields[:2] == ["word", "count"]):  # --header
            continue
        if len(fields) < 2 or not fields[1].isdecimal():
            what = f"{shorten(line)!r} is not `word count`"
            raise InputError(path, what, "write the list with kxcli newwords --all -f tsv", number)
        if is_one_word(fields[0]):
            lines.append(f"{fields[0]} {fields[1]}\n")
        else:
            unfindable.append(fields[0])
    if unfindable:
        shown = shorten(unfindable[0])
        n_words = format_count(len(unfindable), "words")
        report.warning(f"{path}: ignores {n_words} with other characters than letters and digits: {shown!r}")
    if not lines:
        raise InputError(path, "has no word that can be found", "write the list with kxcli newwords --all")
    try:
        return Dictionary("".join(lines))
    except DictionaryError as error:
        raise InputError(path, error.what, error.hint, error.line) from None


def read_idf(path: str) -> dict[str, float]:
    """Return the inverse document frequency of each word of a file."""
    from kxcli.mining.keywords.idf import IdfError, parse_idf

    try:
        return parse_idf(iter_lines(path))
    except IdfError as error:
        raise InputError(path, error.what, error.hint, error.line) from None


def _iter_words(path: str, find_word: Callable[[str], str]) -> Iterator[str]:
    """Yield the word of each line, skipping blank lines."""
    from kxcli.mining.segment.dictionary import MAX_WORD

    for number, line in enumerate(iter_lines(path), 1):
        word = find_word(line)
        if len(word) > MAX_WORD:
            raise InputError(path, f"a word of {len(word)} characters, more than {MAX_WORD}", _HINT, number)
        if word:
            yield word


def _read_checked(path: str, check: "Callable[[Iterable[str]], Iterator[str]]") -> str:
    """Return the text of a dictionary, checked line by line as it is read."""
    from kxcli.mining.segment.dictionary import DictionaryError

    try:
        return "".join(f"{line}\n" for line in check(iter_lines(path)))
    except DictionaryError as error:
        raise InputError(path, error.what, error.hint, error.line) from None


def _report_misread(path: str, dictionary: "Dictionary", report: Report) -> None:
    n_lines = 0
    for line, what in dictionary.find_misread_lines():
        n_lines += 1
        if n_lines <= MAX_EXAMPLES:
            report.warning(f"{path}:{line}: {what}")
    if n_lines > MAX_EXAMPLES:
        report.warning(f"{path}: {n_lines} lines have words that jieba never finds; the first {MAX_EXAMPLES} are shown")
