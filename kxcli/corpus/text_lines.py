"""Lines of plain text -> documents."""

from collections.abc import Iterable, Iterator
from functools import partial

from kxcli.corpus.decoding import Decoder, LongLineDecoder
from kxcli.corpus.diagnostics import ReadDiagnostics
from kxcli.corpus.documents import Document, TextBlock, TextRecord
from kxcli.corpus.lines import Readable, read_line_blocks
from kxcli.corpus.reader_spec import DEFAULT_FIELD, ReaderSpec
from kxcli.corpus.row_reader import open_object

_NEVER = r"(?!)"  # a pattern without a match


def make_documents(texts: Iterable[str], spec: ReaderSpec) -> Iterator[Document]:
    """Yield lines of text as documents."""
    if not spec.added_fields:
        return map(Document, texts)
    return (Document(text, record=open_object({DEFAULT_FIELD: text})) for text in texts)


def read_text_lines(
    stream: Readable, decoder: Decoder, spec: ReaderSpec, diagnostics: ReadDiagnostics
) -> Iterator[TextRecord]:
    """Yield the lines of a stream in an encoding with LF bytes as line ends."""
    long: LongLineDecoder | None = None
    is_whole = spec.keeps_lines_whole
    max_line = spec.max_line if is_whole else None
    for data, is_part, has_continuation in read_line_blocks(stream, keep_lines_whole=is_whole, max_line=max_line):
        if is_part:
            long = long or LongLineDecoder(decoder, spec.split_pattern or _NEVER, spec.max_part)
            if has_continuation:
                yield Document(long.feed(data), has_continuation=True)
            else:
                yield Document(long.finish(data))
                diagnostics.line += 1
                long = None
            continue
        rest = decoder.drop_long_line(data) if is_whole else data
        if spec.unit == "bytes" and decoder.encoding == "utf-8":
            first = diagnostics.line
            if unmarked := decoder.drop_mark(rest):
                block = TextBlock(unmarked, partial(decoder.decode_block, rest))
                yield block
                if block.error is not None:
                    raise block.error
            decoder.is_at_start = False
            n_lines = rest.count(b"\n") + bool(unmarked and not unmarked.endswith(b"\n"))
            diagnostics.line = first + n_lines  # decoding the block counts its lines, too
            continue
        text = None if spec.unit == "document" else decoder.decode_text(rest)
        if text is None:
            yield from make_documents(decoder.decode_lines(rest), spec)
        elif text:
            block = TextBlock(text)
            yield Document(text) if spec.unit == "lines" else block
            diagnostics.line += block.n_lines
