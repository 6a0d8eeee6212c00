"""The words that `newwords` does not list."""

from typing import TYPE_CHECKING, Any

from kxcli.commands import wordlists

if TYPE_CHECKING:
    from kxcli.mining.newwords.text_form import TextForm


def read_known(options: dict[str, Any], form: "TextForm") -> frozenset[str]:
    """Return the words of --known and, without --known-only, of jieba."""
    from kxcli.mining.newwords.known import add_simplified

    listed = add_simplified(wordlists.read_first_words(options["known"]))
    if options["known_only"]:
        known = listed
    else:
        from kxcli.mining.segment.jieba_reference import read_dictionary_words

        known = read_dictionary_words() | listed
    return known if form == type(form)() else known.union(map(form.convert, known))
