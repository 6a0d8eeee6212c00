"""Write the table of traditional characters of `kxcli/mining/text`.

It needs a library that is no dependency of the project:

    pip install opencc==1.4.2
    python .ci/make_traditional.py
"""

from importlib.metadata import version
from pathlib import Path

import opencc

TABLE = Path(__file__).resolve().parent.parent / "kxcli" / "mining" / "text" / "traditional.txt"
CONVERSION = "hk2s"  # traditional to simplified Chinese, with the variants of Hong Kong
IDEOGRAPHS = (range(0x3400, 0xA000), range(0xF900, 0xFB00), range(0x20000, 0x32000))


def main() -> None:
    """Write the characters that OpenCC replaces by one other character, if each is converted alone."""
    convert = opencc.OpenCC(CONVERSION).convert
    characters = [chr(code) for block in IDEOGRAPHS for code in block]
    pairs = [f"{character}{convert(character)}" for character in characters]
    pairs = [pair for pair in pairs if len(pair) == 2 and pair[0] != pair[1]]
    head = [
        f"# Traditional and simplified characters of OpenCC {version('opencc')} ({CONVERSION}), by Carbo Kuo and",
        "# others, Apache License 2.0; of several, the first. Written by .ci/make_traditional.py; do not edit.",
    ]
    TABLE.write_text("\n".join([*head, *pairs]) + "\n", encoding="utf-8")
    print(f"{len(pairs)} characters")


if __name__ == "__main__":
    main()
