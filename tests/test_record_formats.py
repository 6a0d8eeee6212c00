"""Records of text commands: nested fields, formats by name and content, arrays, columns by number."""

import json

import pytest

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
