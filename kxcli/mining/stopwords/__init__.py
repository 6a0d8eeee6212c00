"""Lists of stop words that come with the program.

They are those of stopwords-iso (MIT license, see LICENSE in this folder). `.ci/make_stopwords.py` writes the files;
the first lines of each state the version and how the list was made.
"""

from kxcli.mining.arguments import check_choice

LISTS = ("zh", "zh-tw", "en")


def load_stopwords(name: str) -> frozenset[str]:
    """Return a list of stop words.

    Args:
        name: "zh" for simplified Chinese, "zh-tw" for traditional Chinese as in Taiwan, or "en" for English in lower
            case.

    Raises:
        ValueError: There is no such list.
    """
    from importlib.resources import files  # takes 10 ms

    check_choice("name", name, LISTS)
    text = files(__name__).joinpath(f"{name}.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("# "))
