"""Rendered lines: numbers and sources are filled in by the parent, in the order of the input."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxcli.corpus.diagnostics import ReadDiagnostics
from kxcli.corpus.documents import Document
from kxcli.corpus.reader_spec import ReaderSpec, SourceFormat
from kxcli.corpus.records import read_documents
from kxcli.errors import InputError
from kxcli.mining.rendered_lines import NUMBER, SOURCE, RenderedLinesJob, fill_placeholders, render_lines

LOCATED = ReaderSpec(counts_lines=True, names_sources=True)


def read(data, kind="text", spec=LOCATED, path="a.txt", line=1, on_error="stop", encoding="utf-8"):
    """Return the documents of some bytes."""
    diagnostics = ReadDiagnostics(path, on_error, line=line)
    return list(read_documents(BytesIO(data), SourceFormat(kind, encoding), spec, diagnostics))


def locate(record):
    return SOURCE + b":" + NUMBER + b" " + record.text.encode() + b"\n"


@given(st.lists(st.lists(st.sampled_from(["a", "", "b c"]), max_size=6), max_size=4), st.data())
def test_lines_are_numbered_within_their_source(sources, data):
    job, partials, expected = RenderedLinesJob(), [], []
    for number, lines in enumerate(sources):
        path = f"{number}.txt"
        expected += [f"{path}:{at} {line}\n" for at, line in enumerate(lines, 1)]
        cut = data.draw(st.integers(0, len(lines)))
        for part, first in ((lines[:cut], 1), (lines[cut:], cut + 1)):
            documents = read("".join(f"{line}\n" for line in part).encode(), path=path, line=first)
            partials.append(job.load(job.dump(render_lines(documents, locate))))
    merged = [job.merge(partials[0], [part for partial in partials[1:] for part in partial])] if partials else []
    for some in (partials, merged):
        assert b"".join(fill_placeholders(some, str.encode)).decode() == "".join(expected)


def test_numbers_go_on_over_sources_without_names():
    partials = [render_lines(read(b"a\nb\n", spec=ReaderSpec(), path=path), lambda _: NUMBER) for path in "xy"]
    assert b" ".join(fill_placeholders(partials)) == b"12 34"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_records_are_at_their_first_line(encoding):
    data = 'id,text\n\n1,"a\nb"\n2,"c"\n\n3,"d\n\n\n"\n'.encode(encoding)
    parts = render_lines(read(data, "csv", encoding=encoding), lambda _: NUMBER + b" ")
    assert b"".join(fill_placeholders([parts])) == b"3 5 7 "
    assert sum(part.n_lines for part in parts) == 10


def test_skipped_records_count_as_lines():
    data = b'{"text": "a"}\nbad\n\n{"text": "b"}\n'
    spec = ReaderSpec(counts_lines=True, on_error="skip")
    parts = render_lines(read(data, "jsonl", spec, on_error="skip"), lambda _: NUMBER + b" ")
    assert b"".join(fill_placeholders([parts])) == b"1 4 "


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("jsonl", b'{"n": 1.50, "text": "a" } \r\n', '{"n": 1.50, "text": "a"'),
        ("csv", b'n,text\n1,"a\n""b"""\n', '{"n": "1", "text": "a\\n\\"b\\""'),
        ("tsv", "n\ttext\n1\t好\n".encode(), '{"n": "1", "text": "好"'),
        ("text", "好\t\n".encode(), '{"text": "好\\t"'),
    ],
)
def test_record_is_passed_as_an_open_object(kind, data, expected):
    (document,) = read(data, kind, ReaderSpec(added_fields=("tokens",)))
    assert document.record == expected


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        ("jsonl", b'{"text": "a", "tokens": 1}\n', "a.txt:1: already has a field 'tokens'; rename it, because"),
        ("csv", b"text,tokens\na,b\n", "a.txt:1: already has a column 'tokens'; rename it, because"),
        ("tsv", b"text\tn\tn\na\tb\tc\n", "a.txt:1: has two columns 'n'; rename one"),
    ],
)
def test_record_without_room_for_the_field_is_refused(kind, data, message):
    with pytest.raises(InputError) as failure:
        read(data, kind, ReaderSpec(added_fields=("tokens",)))
    assert str(failure.value).startswith(message)


def test_documents_have_no_record_unless_a_field_is_added():
    assert read(b"a\n", spec=ReaderSpec()) == [Document("a")]
