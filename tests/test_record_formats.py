"""Records of text commands: nested fields, formats by name and content, arrays, columns by number."""

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxcli.corpus.diagnostics import ReadDiagnostics
from kxcli.corpus.json_arrays import JsonArray, join_lines

SPACE = ("wordcount", "-t", "space", "-j", "1")


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


# Fields of objects

NESTED = '{"meta": {"title": "ab cd", "g": {"lang": "zh"}, "none": null}, "meta.g": "literal", "n": 1}\n'


@pytest.mark.parametrize(
    ("field", "by", "rows"),
    [
        ("meta.title", "meta.g.lang", [["zh", "ab", "1"], ["zh", "cd", "1"]]),
        ("meta.title", "meta.g", [["literal", "ab", "1"], ["literal", "cd", "1"]]),
        ("meta.g", "n", [["1", "literal", "1"]]),
        ("meta.title", "meta.none", [["", "ab", "1"], ["", "cd", "1"]]),
        ("meta.none", "n", []),
        ("meta.none.deeper", "n", []),
    ],
)
def test_nested_fields_are_named_with_dots(kxcli, tmp_path, field, by, rows):
    path = write(tmp_path / "a.jsonl", NESTED)
    assert kxcli(*SPACE, "--field", field, "--by", by, path).rows == rows


@pytest.mark.parametrize("field", ["meta.x", "meta.title.x", "x.title", "meta.", ".title", "."])
def test_missing_nested_field_is_an_error_with_the_names_there_are(kxcli, tmp_path, field):
    ended = kxcli(*SPACE, "--field", field, write(tmp_path / "a.jsonl", NESTED), code=1)
    assert f"a.jsonl:1: has no field {field!r}; it has 'meta.title', 'meta.g.lang', 'meta.none', 'meta.g'" in ended.err


def test_object_is_no_text(kxcli, tmp_path):
    ended = kxcli(*SPACE, "--field", "meta", write(tmp_path / "a.jsonl", NESTED), code=1)
    assert "has an object in the field 'meta', not a string" in ended.err


def test_null_is_an_empty_document(kxcli, tmp_path):
    path = write(tmp_path / "a.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in ("ab", None, "cd")))
    assert kxcli("segment", "-t", "space", "--field", "text", path).text == "ab\n\ncd\n"


# Arrays

RECORDS = st.dictionaries(
    st.text(max_size=3), st.text(max_size=5) | st.integers() | st.none() | st.floats(), max_size=3
)
ELEMENTS = RECORDS | st.integers() | st.booleans() | st.text()


@given(st.lists(ELEMENTS), st.integers(1, 9), st.sampled_from([None, 1]))
def test_elements_of_an_array_equal_those_of_the_json_module(records, size, indent):
    text = json.dumps(records, indent=indent, ensure_ascii=False)
    chunks = [text[at : at + size] for at in range(0, len(text), size)]
    elements = list(JsonArray(chunks, ReadDiagnostics("a", "stop"), json.JSONDecoder()))
    assert repr([element.value for element in elements]) == repr(records)
    sources = [join_lines(element.source) for element in elements]
    assert repr([json.loads(source) for source in sources]) == repr(records)
    assert "\n" not in "".join(sources)
    assert [element.line for element in elements] == sorted(element.line for element in elements)


ARRAY = '[{"text": "ab", "n": 1.50},\n {"n": 2,\n  "text": "cd"}, {"text": "ef"}\n]\n'


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "-"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_array_is_read_like_lines(kxcli, tmp_path, name, encoding):
    data = ARRAY.encode(encoding)
    (tmp_path / "a.json").write_bytes(data)
    (tmp_path / "a.jsonl").write_bytes(data)
    path = name if name == "-" else tmp_path / name
    ended = kxcli("segment", "-t", "space", "-f", "jsonl", "--encoding", encoding, path, stdin=data)
    assert ended.text == (
        '{"text": "ab", "n": 1.50, "tokens": ["ab"]}\n'
        '{"n": 2, "text": "cd", "tokens": ["cd"]}\n'
        '{"text": "ef", "tokens": ["ef"]}\n'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"text": "ab"},\n{"text" "cd"}]', "a.json:2: is not JSON (Expecting ':' delimiter)"),
        ('[{"text": "ab"},\n\n{"text": "cd', "a.json:3: is not JSON (Unterminated string starting at)"),
        ('[{"text": "ab"}\n{"text": "cd"}]', "a.json:2: is not JSON ('{' instead of ',')"),
        ('[{"text": "ab"},\n', "a.json:1: ends within a JSON array"),
        ('[{"text": "ab"}]\n[]', "a.json:2: has text after the JSON array"),
        ('[{"text": "ab"},\n7]', "a.json:2: element 2: is a number, not a JSON object"),
        (
            '[{"text": "ab"},\n{"txt": "cd"}]',
            "a.json:2: element 2: has no field 'text'; it has 'txt'; name one with --field",
        ),
        ('[{"text": "ab"},\n{"text": "\udce9"}]', "a.json:2: byte 0xe9 is not valid utf-8"),
    ],
)
def test_error_of_an_array_has_its_line(kxcli, tmp_path, text, message):
    (tmp_path / "a.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert message in kxcli(*SPACE, tmp_path / "a.json", code=1).err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"text": "ab"}, {"text": "cd"}, {"text": 7}]', "a.json:1: element 3: has a number in the field 'text'"),
        ('{\n  "text": "ab"\n}\n', "; write one object per line (jq -c . FILE), or an array of objects, or use "),
        ('[\n  7,\n  {"text": "ab"}]\n', "; write one object per line (jq -c . FILE), or an array of objects, or use "),
        ("7\n", "a.json:1: is a number, not a JSON object; fix the record, or use --on-error skip"),
    ],
)
def test_error_of_json_names_the_element_or_the_form(kxcli, tmp_path, text, message):
    assert message in kxcli(*SPACE, write(tmp_path / "a.json", text), code=1).err


def test_bad_elements_of_an_array_are_skipped_or_repaired(kxcli, tmp_path):
    (tmp_path / "a.json").write_bytes(b'[{"text": "ab"}, 7, {"text": "c\xe9 cd"},\n{"x": 1}, {"text": "ef"}]')
    skipped = kxcli(*SPACE, "--on-error", "skip", tmp_path / "a.json")
    assert skipped.rows == [["ab", "1"], ["ef", "1"]]
    assert "1 record skipped: bytes that are not utf-8: " in skipped.err
    assert "1 record skipped: not a JSON object: " in skipped.err
    assert "1 record skipped: field missing or of another type: " in skipped.err
    repaired = kxcli(*SPACE, "--on-error", "replace", tmp_path / "a.json")
    assert repaired.rows == [["ab", "1"], ["cd", "1"], ["c\ufffd", "1"], ["ef", "1"]]


def test_numbers_of_elements_are_the_lines_of_an_array(kxcli, tmp_path):
    (tmp_path / "a.json").write_text('[{"text": "ab"}, {"x": 1}, {"text": "ab"}]', encoding="utf-8")
    ended = kxcli("kwic", "ab", "--on-error", "skip", tmp_path / "a.json", tmp_path / "a.json")
    assert [row[0].rpartition(":")[2] for row in ended.rows] == ["1", "3", "1", "3"]


# Formats by name and content


@pytest.mark.parametrize(
    ("text", "is_json"),
    [
        ('{"text": "ab"}\n', True),
        ('\n  {"text": "ab"}\n', True),
        ('{\t"text": "ab"}\n', True),
        ('[\n  {"text": "ab"}]\n', True),
        ("{text: ab}\n", False),
        ("{ ab\n", False),
        ("[ab]\n", False),
        ("{\n", False),
        ("{}ab\n", False),
        ("[]\nab\n", False),
        ("[{ab}]\n", False),
        ("[{}ab]\n", False),
        ("PAR1 ab\n", False),
        (" " * 5000 + '{"text": "ab"}\n', False),
    ],
)
def test_records_on_stdin_are_recognized(kxcli, text, is_json):
    ended = kxcli("segment", "-t", "space", "--on-error", "skip", stdin=text)
    kind = "a JSON array" if "[" in text else "JSON lines"
    if is_json:
        assert ended.text == "ab\n"
        assert ended.err == f"kxcli: <stdin>: read as {kind}; --input-format text reads plain text\n"
        assert kxcli("segment", "--input-format", "jsonl", stdin=text).err == ""
        assert kxcli("segment", "--field", "text", stdin=text).err == ""
    else:
        assert ended.text.split() == text.split() and ended.err == ""


@pytest.mark.parametrize("text", ["{}", " {} \n", "{ }\r\n{}\n", "[]", "[ ]\n\n", "[{}]", "[{ } , {}]"])
def test_empty_objects_on_stdin_are_records(kxcli, text):
    ended = kxcli("segment", "--on-error", "skip", stdin=text)
    assert ended.text == "" and "read as " in ended.err


@pytest.mark.parametrize("text", ['{"笑"}ab\n', "{}\nab\n", '[{"笑"}]\n', "[{}]\n"])
def test_bad_record_on_stdin_may_be_plain_text(kxcli, text):
    err = kxcli("segment", stdin=text, code=1).err
    assert err.endswith(", or read plain text with --input-format text\n") and "<stdin>:1: " in err
    assert "--input-format" not in kxcli("segment", "--input-format", "jsonl", stdin=text, code=1).err


@pytest.mark.parametrize("kind", ["text", "csv", "tsv"])
@pytest.mark.parametrize("magic", ["PAR1 ", "PAR1\x15", "\xff\xff\xff\xff"])
def test_format_of_an_option_precedes_the_content(kxcli, tmp_path, kind, magic):
    data = f"{magic}\nab\n".encode("latin-1")
    (tmp_path / "a").write_bytes(data)
    field = () if kind == "text" else ("--field", "1")
    for path in (tmp_path / "a", "-"):
        ended = kxcli(*SPACE, "--encoding", "latin-1", "--input-format", kind, *field, path, stdin=data)
        assert ["ab", "1"] in ended.rows
        assert ("but is read as" in ended.err) == (magic != "PAR1 ")


def test_broken_json_on_stdin_is_an_error(kxcli):
    assert "<stdin>:1: is not JSON" in kxcli("segment", stdin='{"text": "ab"\n', code=1).err
    assert kxcli("segment", "--input-format", "text", stdin='{"text": "ab"\n').text.startswith("{")


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "a.JSON"])
def test_files_named_as_records_are_read_as_records(kxcli, tmp_path, name):
    path = write(tmp_path / name, '{"text": "ab"}\n')
    assert kxcli(*SPACE, path).rows == [["ab", "1"]]
    assert kxcli(*SPACE, "--input-format", "text", path).rows == [['"ab"}', "1"], ['{"text":', "1"]]


def test_other_files_are_text_unless_a_field_is_named(kxcli, tmp_path):
    path = write(tmp_path / "part-0", '{"text": "ab"}\n')
    assert kxcli("segment", "-t", "space", path).text == '{"text": "ab"}\n'
    assert kxcli("segment", "-t", "space", "--field", "text", path).text == "ab\n"
    plain = write(tmp_path / "plain", "ab\n")
    assert "neither its name nor its content shows" in kxcli("segment", "--field", "text", plain, code=2).err
    assert "neither its name nor its content shows" in kxcli("segment", "--field", "x", stdin="ab\n", code=2).err


@pytest.mark.parametrize(
    ("name", "text", "advice"),
    [
        ("a.csv", "label,review\n1,好吃 得很\n0,一般\n", "--field review reads one column"),
        ("a.csv", "label;full review\n1;好吃\n", "--field 'full review' --delimiter-in ';' reads one column"),
        ("a.csv", "1,好吃\n0,难吃 得很\n", "--field 2 --no-header-in reads one column"),
        ("a.tsv", "label\treview\n1\t好吃\n", "--field review reads one column"),
        ("a.csv", 'a,b\n1,"x,\ny"\n', "--field b reads one column"),
        ("a.csv", "sep=;\nlabel;full review\n1;好吃\n", "--field 'full review' reads one column"),
        ("a.tsv", '"sep=|"\r\nlabel|review\r\n1|"好|吃"\r\n', "--field review reads one column"),
    ],
)
def test_note_names_the_column_of_a_table_read_as_text(kxcli, tmp_path, name, text, advice):
    path = write(tmp_path / name, text)
    assert f"{name}: looks like {name[2:].upper()} and is read as plain text; {advice}\n" in kxcli("segment", path).err

    assert kxcli("segment", "--input-format", "text", path).err == ""
    column = advice.removesuffix(" reads one column")
    assert kxcli("segment", *shlex.split(column), path).err == ""


def test_tables_that_are_read_as_text_share_a_note(kxcli, tmp_path):
    for name in "abcde":
        write(tmp_path / f"{name}.csv", "id,review\n1,ab cd\n")
    err = kxcli("wordcount", "-r", tmp_path).err
    assert err.count("\n") == 1
    assert "b.csv, " in err and "c.csv and 2 more: looks like CSV and is read as plain text; --field review" in err


@pytest.mark.parametrize("text", ["", "今天 天气\n很好\n", "你好，世界\n", "a,b\nc\n"])
def test_text_in_a_file_named_csv_has_no_note(kxcli, tmp_path, text):
    assert kxcli("segment", write(tmp_path / "a.csv", text)).err == ""


# Columns of CSV and TSV

TABLE = "id,label,text\n7,x,ab\n8,y,cd\n"


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        (("--field", "3", "--by", "2"), [["x", "ab", "1"], ["y", "cd", "1"]]),
        (("--field", "3", "--by", "2", "--header-in"), [["x", "ab", "1"], ["y", "cd", "1"]]),
        (
            ("--field", "3", "--by", "2", "--no-header-in"),
            [["label", "text", "1"], ["x", "ab", "1"], ["y", "cd", "1"]],
        ),
        (("--by", "label"), [["x", "ab", "1"], ["y", "cd", "1"]]),
    ],
)
def test_columns_have_numbers(kxcli, tmp_path, options, rows):
    assert kxcli(*SPACE, *options, write(tmp_path / "a.csv", TABLE)).rows == rows


def test_name_of_a_column_precedes_its_number(kxcli, tmp_path):
    assert kxcli(*SPACE, "--field", "2", write(tmp_path / "a.csv", "2,text\nab,cd\n")).rows == [["ab", "1"]]


@pytest.mark.parametrize("field", ["0", "4", "-1", "2.0", "text"])
def test_missing_column_without_header_is_an_error(kxcli, tmp_path, field):
    path = write(tmp_path / "a.csv", TABLE)
    ended = kxcli(*SPACE, f"--field={field}", "--no-header-in", path, code=1)
    assert f"a.csv:1: has no column {field!r}; it has no header (--no-header-in) and 3 columns" in ended.err


@pytest.mark.parametrize(
    ("delimiter", "text"),
    [
        (";", 'id;text\n1;"ab;ab"\n'),
        ("|", "id|text\n1|ab;ab\n"),
        ("tab", 'id\ttext\n1\t"ab;ab"\n'),
        ("white", "id  text\n1    ab;ab\n"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.txt", "-"])
def test_delimiter_splits_rows(kxcli, tmp_path, name, delimiter, text):
    path = name if name == "-" else write(tmp_path / name, text)
    assert kxcli(*SPACE, "--delimiter", delimiter, path, stdin=text).rows == [["ab;ab", "1"]]
    assert kxcli("segment", "-t", "space", "--delimiter-in", delimiter, path, stdin=text).text == "ab;ab\n"


def test_line_of_excel_names_the_delimiter(kxcli, tmp_path):
    assert kxcli(*SPACE, "--field", "text", write(tmp_path / "a.csv", "sep=;\nid;text\n1;ab\n")).rows == [["ab", "1"]]
    path = write(tmp_path / "b.csv", "sep=;\nid|text\n1|a;b\n")
    assert kxcli(*SPACE, "--field", "text", "--delimiter", "|", path).rows == [["a;b", "1"]]


def test_error_of_a_table_of_one_column_is_in_the_singular(kxcli, tmp_path):
    path = write(tmp_path / "a.csv", "ab\n")
    assert "and 1 column; " in kxcli(*SPACE, "--field", "2", "--no-header-in", path, code=1).err


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("id;text\n1;ab\n", "separated by semicolons; use --delimiter-in ';'"),
        ("id|text\n1|ab\n", "separated by bars; use --delimiter-in '|'"),
        ("id\ttext\n1\tab\n", "separated by tabs; use --input-format tsv"),
    ],
)
def test_error_of_one_column_names_the_option(kxcli, tmp_path, text, advice):
    assert advice in kxcli(*SPACE, "--field", "text", write(tmp_path / "a.csv", text), code=1).err


def test_records_without_header_are_passed_with_numbers(kxcli, tmp_path):
    ended = kxcli("segment", "-f", "jsonl", "--field", "2", "--no-header-in", write(tmp_path / "a.tsv", "7\tab\n"))
    assert ended.text == '{"1": "7", "2": "ab", "tokens": ["ab"]}\n'


def test_entity_link_reads_tables(kxcli, tmp_path):
    kb = write(tmp_path / "kb.tsv", "督工\tE1\n")
    csv = write(tmp_path / "a.csv", 'n,text\n1,"督工\n你好"\n2,督工\n')
    rows = kxcli("entity-link", "--kb", kb, "-f", "tsv", "--field", "text", csv).rows
    assert [row[0] for row in rows] == ["2", "4"]
    named = write(tmp_path / "b.csv", "text_id,text\nx,督工\n")
    rows = kxcli("entity-link", "--kb", kb, "-f", "tsv", "--field", "text", named).rows
    assert [row[0] for row in rows] == ["x"]
