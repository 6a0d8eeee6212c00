"""Lines of JSONL -> documents."""

import json

from kxcli.corpus.diagnostics import BadFieldError
from kxcli.corpus.documents import Document
from kxcli.corpus.reader_spec import ReaderSpec
from kxcli.corpus.row_reader import check_unicode, name_json_type, parse_object
from kxcli.wording import format_names


def parse_document(line: str, spec: ReaderSpec) -> Document:
    """Return the document of a JSON object; raises `BadRecord`."""
    value = parse_object(line)
    for name in (spec.field, spec.by):
        if name is not None and name not in value:
            hint = f"it has {format_names(value)}; name one with {'--field' if name == spec.field else '--by'}"
            raise BadFieldError(f"has no field {name!r}", hint)
    text, group = value[spec.field], value[spec.by] if spec.by is not None else ""
    key = value.get(spec.key) if spec.key is not None else None
    if key is not None and type(key) not in (str, int):
        raise BadFieldError(f"has {name_json_type(key)} in the field {spec.key!r}, not a string or a whole number")
    if type(text) is not str:
        raise BadFieldError(f"has {name_json_type(text)} in the field {spec.field!r}, not a string")
    if isinstance(group, (list, dict)) or group is None:
        raise BadFieldError(f"has {name_json_type(group)} in the field {spec.by!r}, nothing to group by")
    if not isinstance(group, str):
        group = json.dumps(group)
    if "\\u" in line:
        check_unicode(text, group, str(key))
    if not spec.added_fields:
        return Document(text, group, key=key)
    for added in spec.added_fields:
        if added in value:
            raise BadFieldError(f"already has a field {added!r}", f"rename it, because the output adds {added!r}")
    return Document(text, group, key=key, record=line.rstrip().removesuffix("}").rstrip())
