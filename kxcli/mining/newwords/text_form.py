"""The form that texts are converted to before words are found."""

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class TextForm:
    """The form of texts.

    Args:
        lower: Convert texts to lower case.
        nfkc: Convert texts to Unicode's NFKC form, before that.
    """

    lower: bool = False
    nfkc: bool = False

    def convert(self, text: str) -> str:
        """Return a text in this form."""
        if self.nfkc:
            text = unicodedata.normalize("NFKC", text)
        return text.lower() if self.lower else text
