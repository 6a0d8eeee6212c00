"""`find_words`: new words of texts in memory."""

from collections.abc import Iterable
from typing import Any

from kxcli.mining.arguments import check_type, iter_strings
from kxcli.mining.newwords.alphabet import iter_records
from kxcli.mining.newwords.discovery import Discovery
from kxcli.mining.newwords.lexicon import find_lexicon
from kxcli.mining.newwords.listing import Selection, Word, list_words


def find_words(
    texts: Iterable[str], discovery: Discovery | None = None, selection: Selection | None = None
) -> list[Word]:
    """Return the words of texts.

    Texts are read once and kept in memory, at 2 bytes a character, or 4 near characters beyond U+FFFF.

    Args:
        texts: Strings; each is a document.
        discovery: How words are found.
        selection: Which words are returned, and their order; by default all of them, the most frequent first.

    Raises:
        TypeError: A text is not a string; names its position.
    """
    strings = iter_strings("texts", texts)
    discovery = Discovery() if discovery is None else discovery
    selection = Selection() if selection is None else selection
    check_type("discovery", discovery, Discovery)
    check_type("selection", selection, Selection)
    records = list(iter_records(strings))

    def reduce(job: Any, shared: Any, what: str) -> Any:
        job.setup(shared)
        return job.finish(job.map(records)) if records else None

    return list_words(find_lexicon(discovery, reduce), selection)
