"""JSON objects -> documents."""

from collections.abc import Iterator
from typing import Any

from kxcli.corpus.decoding import Decoder
from kxcli.corpus.diagnostics import BadFieldError, BadRecord, NotObjectError, ReadDiagnostics
from kxcli.corpus.documents import Document
from kxcli.corpus.fields import format_group, format_text, get_field
from kxcli.corpus.groups import GroupMaker
from kxcli.corpus.json_arrays import JsonArray, join_lines
from kxcli.corpus.lines import Readable
from kxcli.corpus.reader_spec import ReaderSpec
from kxcli.corpus.row_reader import JSON_DECODER, check_unicode, name_json_type, parse_object


def parse_document(line: str, spec: ReaderSpec, groups: GroupMaker) -> Document:
    """Return the document of a JSON object; raise `BadRecord` for anything else."""
    return make_document(parse_object(line), line, spec, groups)


def read_elements(
    stream: Readable, decoder: Decoder, spec: ReaderSpec, groups: GroupMaker, diagnostics: ReadDiagnostics
) -> Iterator[tuple[int, Document]]:
    """Yield the documents of a JSON array with their lines.

    If the spec counts lines, they come with their numbers instead: all elements may be on one line.
    """
    array = JsonArray(decoder.read_chunks(stream), diagnostics, JSON_DECODER, spec.max_line)
    number = 0
    for number, (line, value, source) in enumerate(array, 1):
        diagnostics.line = line
        if (valid := decoder.keep_valid_record(source)) is None:
            continue
        try:
            value = value if valid is source else JSON_DECODER.decode(valid)
            if not isinstance(value, dict):
                raise NotObjectError(f"is {name_json_type(value)}, not a JSON object")
            document = make_document(value, join_lines(valid), spec, groups)
        except BadRecord as bad:
            bad.what = f"element {number:,}: {bad.what}"
            diagnostics.reject("json", bad, line)
        else:
            yield number if spec.counts_lines else line, document
    if spec.counts_lines:
        diagnostics.line = number + 1


def make_document(value: dict[str, Any], source: str, spec: ReaderSpec, groups: GroupMaker) -> Document:
    """Return the document of an object; raise `BadRecord` if a field cannot be used.

    Args:
        value: The object.
        source: Its JSON.
        spec: The names of the fields.
        groups: Makes its group.
    """
    text = format_text(get_field(value, spec.field, "--field"), spec.field)
    group = groups.make([format_group(get_field(value, name, "--by"), name) for name in groups.fields])
    key = value.get(spec.key) if spec.key is not None else None
    if key is not None and type(key) not in (str, int):
        raise BadFieldError(f"has {name_json_type(key)} in the field {spec.key!r}, not a string or a whole number")
    if "\\u" in source:
        check_unicode(text, group, str(key))
    if not spec.added_fields:
        return Document(text, group, key=key)
    for added in spec.added_fields:
        if added in value:
            raise BadFieldError(f"already has a field {added!r}", f"rename it, because the output adds {added!r}")
    return Document(text, group, key=key, record=source.rstrip().removesuffix("}").rstrip())
