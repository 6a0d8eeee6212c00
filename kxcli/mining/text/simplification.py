"""Traditional Chinese in simplified characters, for comparison.

The table is made from OpenCC's data (Apache License 2.0, see LICENSE-OpenCC in this folder) by
`.ci/make_traditional.py`. Each character becomes one character, so some words are not those of a dictionary: which of
several simplified characters is right depends on the word.
"""

from functools import cache


@cache
def _load_table() -> dict[int, str]:
    """Return the simplified character of each traditional one; takes 3 ms."""
    from importlib.resources import files  # takes 10 ms

    text = files("kxcli.mining.text").joinpath("traditional.txt").read_text(encoding="utf-8")
    return {ord(pair[0]): pair[1] for pair in text.splitlines() if not pair.startswith("# ")}


def simplify(text: str) -> str:
    """Return a text with simplified instead of traditional characters."""
    return text.translate(_load_table())
