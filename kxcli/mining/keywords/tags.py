"""The part-of-speech tags of jieba."""

from collections.abc import Iterator

from kxcli.mining.segment.dictionary import Dictionary

# Those of jieba's dictionary, of its model for other words, and of its rules (eng); a test compares them.
_TAGS = """
a ad ag an b bg c d df dg e eng f g h i in j jn k l ln m mg mq n ng nr nrfg nrt ns nt nz o p q qe qg r rg rr rz s t tg
u ud ug uj ul uv uz v vd vg vi vn vq x y yg z zg
"""
JIEBA_TAGS = frozenset(_TAGS.split())


def find_unknown_tags(tags: frozenset[str], dictionary: Dictionary) -> Iterator[tuple[str, str | None]]:
    """Yield the tags that no word has, in order, each with a similar tag.

    Args:
        tags: Some tags.
        dictionary: The dictionaries of the user, which may have tags of their own.
    """
    unknown = tags - JIEBA_TAGS
    if unknown:
        lines = f"{dictionary.main or ''}\n{dictionary.user or ''}".split("\n")
        unknown -= {line.strip().rpartition(" ")[2] for line in lines}
    for tag in sorted(unknown):
        yield tag, _find_similar(tag)


def _find_similar(tag: str) -> str | None:
    from difflib import get_close_matches

    similar = get_close_matches(tag.lower(), sorted(JIEBA_TAGS), n=1)
    return similar[0] if similar else None
