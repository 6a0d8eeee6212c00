"""The character classes of jieba's rules.

jieba 0.42.1 splits a text into blocks of the characters below and the rest between them; the dictionary, the route and
the hidden Markov model see one block at a time. So a text may be split wherever a block begins or ends.
"""

import re

HAN_FIRST, HAN_LAST = 0x4E00, 0x9FD5
BLOCK = f"{chr(HAN_FIRST)}-{chr(HAN_LAST)}" + r"a-zA-Z0-9+#&._%\-"

# Zero-width patterns of positions where splitting a text keeps its tokens.
SPLIT_AFTER_SEPARATOR = rf"(?<=[^{BLOCK}\r])"  # each separator is a token, except \r\n
SPLIT_BEFORE_BLOCK = rf"(?<=[^{BLOCK}])(?=[{BLOCK}])"  # the text between blocks is one token
SPLIT_AFTER_SPACE = r"(?<=\s)"
SPLIT_ANYWHERE = r"(?<=[^\r])"


def is_in_block(word: str) -> bool:
    """Return whether all characters are of a block; jieba never finds other words."""
    return re.fullmatch(f"[{BLOCK}]+", word) is not None
