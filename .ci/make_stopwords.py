"""Write the lists of stop words of `kxcli/mining/stopwords`.

It needs two libraries that are no dependencies of the project:

    pip install stopwordsiso==0.7.1 opencc==1.4.2
    python .ci/make_stopwords.py
"""

from importlib.metadata import version
from pathlib import Path

import opencc
import stopwordsiso

FOLDER = Path(__file__).resolve().parent.parent / "kxcli" / "mining" / "stopwords"
SOURCE = f"of stopwords-iso, by Gene Diaz and others, MIT license; from stopwordsiso {version('stopwordsiso')}"
CONVERSION = "s2tw"  # simplified to traditional Chinese, with the characters of Taiwan


def write_list(name: str, words: set[str], note: str = "") -> None:
    """Write words in the order of their code points, after two lines about their source."""
    head = [f"# Stop words {SOURCE}{note}.", "# Written by .ci/make_stopwords.py; do not edit."]
    text = "\n".join([*head, *sorted(words)]) + "\n"
    (FOLDER / f"{name}.txt").write_text(text, encoding="utf-8")
    print(f"{name}: {len(words)} words")


def main() -> None:
    """Write all lists."""
    simplified = set(stopwordsiso.stopwords("zh"))
    convert = opencc.OpenCC(CONVERSION).convert
    write_list("zh", simplified)
    note = f", converted by OpenCC {version('opencc')} ({CONVERSION})"
    write_list("zh-tw", {convert(word) for word in simplified}, note)
    write_list("en", set(stopwordsiso.stopwords("en")))


if __name__ == "__main__":
    main()
