"""The characters that jieba's rules are made of.

jieba 0.42.1 parts a text into blocks of the characters below and what lies between them; a dictionary, a route and
the hidden Markov model see one block at a time.  So a text may be parted wherever a block begins or ends.
"""

import re

HAN_FIRST, HAN_LAST = 0x4E00, 0x9FD5
HAN = f"{chr(HAN_FIRST)}-{chr(HAN_LAST)}"
BLOCK = HAN + r"a-zA-Z0-9+#&._%\-"

# Where jieba ends a block but its Rust port goes on: Han beyond U+9FD5, the extensions, the compatibility forms.
# All of planes 2 and 3 are named, so that a port which learns of new extensions changes nothing.
FOREIGN_HAN = re.compile("([\u3400-\u4dbf\u9fd6-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])")

# Places where a text may be parted without changing its tokens (patterns of no width).
SPLIT_AFTER_SEPARATOR = rf"(?<=[^{BLOCK}\r])"  # each is a token of its own, save \r\n
SPLIT_BEFORE_BLOCK = rf"(?<=[^{BLOCK}])(?=[{BLOCK}])"  # what lies between blocks is one token
SPLIT_AFTER_SPACE = r"(?<=\s)"
SPLIT_ANYWHERE = r"(?<=[^\r])"

GLUE = 0x0B  # a vertical tab, itself white space that no token holds, between tokens that are settled together

_IN_BLOCK = re.compile(rf"[{BLOCK}]+")


def is_in_block(word: str) -> bool:
    """Whether a dictionary word can ever be found: all its characters are a block's."""
    return _IN_BLOCK.fullmatch(word) is not None
