"""JSON objects -> documents."""

from typing import Any

from kxcli.corpus.diagnostics import BadFieldError
from kxcli.corpus.documents import Document
from kxcli.corpus.fields import format_group, format_text, get_field
from kxcli.corpus.groups import GroupMaker
from kxcli.corpus.reader_spec import ReaderSpec
from kxcli.corpus.row_reader import check_unicode, name_json_type, parse_object


def parse_document(line: str, spec: ReaderSpec, groups: GroupMaker) -> Document:
    """Return the document of a JSON object; raise `BadRecord` for anything else."""
    return make_document(parse_object(line), line, spec, groups)


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
