"""The patterns of a concordance, and how they are searched."""

import re
import warnings
from dataclasses import dataclass, field
from typing import Literal, get_args

from kxcli.mining.arguments import check_choice, check_minimum, check_type, iter_strings
from kxcli.mining.segment import Segmentation, check_pattern

QueryMode = Literal["literal", "tokens", "regex"]
DEFAULT_WIDTH = 30  # a row of two contexts and a Chinese word, 15 characters each, fits into 80 columns

_OVERLAPPING_MODES = ("search", "full")  # of a segmentation


@dataclass(frozen=True)
class Query:
    """The patterns to find.

    Args:
        patterns: One pattern; or, if `mode` is "literal", one or more.
        mode: "literal" finds the patterns as they are, "tokens" only where they are a token of the segmentation, and
            "regex" finds a Python regular expression.
        ignore_case: Whether two characters are equal if only their case differs.
        width: Characters of each context.
        segmentation: How "tokens" cuts texts into tokens that do not overlap.
    """

    patterns: tuple[str, ...]
    mode: QueryMode = "literal"
    ignore_case: bool = False
    width: int = DEFAULT_WIDTH
    segmentation: Segmentation = field(default_factory=Segmentation)

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, get_args(QueryMode))
        check_type("ignore_case", self.ignore_case, bool)
        check_minimum("width", self.width, 0)
        check_type("segmentation", self.segmentation, Segmentation)
        object.__setattr__(self, "patterns", tuple(iter_strings("patterns", self.patterns)))
        if not self.patterns or not all(self.patterns):
            raise ValueError("pattern is empty; give some text")
        if self.mode != "literal" and len(self.patterns) > 1:
            raise ValueError(f'several patterns need the mode "literal", not "{self.mode}"')
        if self.mode == "regex":
            check_pattern(self.patterns[0])
        if self.mode == "tokens" and self.segmentation.mode in _OVERLAPPING_MODES:
            raise ValueError(f'tokens overlap in the mode "{self.segmentation.mode}" of the segmentation')

    def compile_regex(self) -> re.Pattern[str]:
        """Return the compiled pattern of the mode "regex"."""
        with warnings.catch_warnings(action="ignore"):
            return re.compile(self.patterns[0], re.IGNORECASE if self.ignore_case else 0)
