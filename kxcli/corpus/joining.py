"""All documents of an input as one."""

import os
from collections.abc import Iterable, Iterator

from kxcli.corpus.diagnostics import ReadDiagnostics
from kxcli.corpus.documents import Document, TextRecord
from kxcli.corpus.reader_spec import ReaderSpec
from kxcli.corpus.row_reader import open_object
from kxcli.errors import InputError

FILE_FIELD = "file"  # of the record


def join_documents(
    documents: Iterable[TextRecord], spec: ReaderSpec, diagnostics: ReadDiagnostics
) -> Iterator[Document]:
    """Yield one document with the texts of all, separated by LF.

    Its key is the path, which is the only field of its record. An input that exceeds `spec.max_line` is rejected.

    Args:
        documents: The documents of an input, in order.
        spec: The limit, and the paths as the user named them.
        diagnostics: Those of the input.
    """
    texts, size = list[str](), 0
    for document in documents:
        size += len(document.text.encode("utf-8", "surrogatepass")) + 1
        if spec.max_line is None or size <= spec.max_line:
            texts.append(document.text)
    if spec.max_line is not None and size > spec.max_line:
        _reject_file(spec.max_line, diagnostics)
        return
    path = spec.given_paths.get(diagnostics.path, diagnostics.path)
    path = os.fsencode(path).decode("utf-8", "replace")
    yield Document("\n".join(texts), key=path, record=open_object({FILE_FIELD: path}))


def _reject_file(limit: int, diagnostics: ReadDiagnostics) -> None:
    what = f"more than {limit / 1e6:,.1f} MB, too much for --memory"
    if diagnostics.on_error == "stop":
        hint = "raise --memory, split the file, or use --on-error skip"
        raise InputError(diagnostics.path, f"the file has {what}", hint)
    last, diagnostics.line = diagnostics.line, 1
    diagnostics.skip(f"files skipped: {what}")
    diagnostics.line = last
