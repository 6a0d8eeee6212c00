"""Options of newwords on texts with nothing to list."""

import pytest

from kxcli.mining import Discovery, Selection, find_words

OPTIONS = {
    "examples": ("--examples", 2),
    "examples of all": ("--all", "--examples", 2),
    "no examples": ("--examples", 2, "--top", 0),
    "background": ("--background", "background.txt"),
    "table": ("--background", "table.tsv", "--sort", "log_ratio"),
    "empty background": ("--background", "/dev/null", "--sort", "score"),
    "phrases": ("--phrases", "--keep-parts"),
    "pmi": ("--method", "pmi", "--min-pmi", "1,inf", "--examples", 1),
    "lines": ("--unique-lines", "--lower", "--normalize", "nfkc"),
    "limits": ("--min-pmi", "1,1,1,inf,inf", "--min-entropy", 1, "--min-docs", 2, "--min-probability", 0.5),
    "userdict": ("-f", "userdict"),
    "scripts": ("--script", "any", "--known", "table.tsv"),
}
TEXTS = {"empty": "", "blank": "\n\n", "one character": "天", "latin": "see the sea\n" * 9, "digits": "2026 12\n" * 9}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_with_few_words_is_no_error(kxcli, options, text):
    (kxcli.folder / "background.txt").write_text("青团，今天\n", encoding="utf-8")
    (kxcli.folder / "table.tsv").write_text("青团\t9\n今天\t4\n", encoding="utf-8")
    ended = kxcli("newwords", "-q", "-j", 1, "--min-count", 2, *options, stdin=text)
    words = {line.split()[0] for line in ended.text.splitlines()}
    assert all(word in text for word in words)
    if options == OPTIONS["examples of all"]:
        assert words == set(text.split()) - {"天"}


@pytest.mark.parametrize("background", [[], ["青团"], {}, {"青团": 2}])
@pytest.mark.parametrize("texts", [[], [""], ["天"]])
def test_function_compares_nothing_with_a_background(texts, background):
    selection = Selection(frozenset(), sort="log_ratio")
    assert find_words(texts, Discovery(min_count=2), selection, background=background) == []


def test_thresholds_are_for_units_and_continue_beyond_the_order():
    """iPhone手机壳 has four units; a word longer than all n-grams has the threshold of the longest."""
    texts = [f"iPhone手机壳{ch}，{ch}麤龘壳子套装箱笼{ch}" for ch in "很真又太最更不都"] * 4

    def find(*min_pmi):
        selection = Selection(frozenset(), min_pmi=min_pmi, script="any")
        return {word.word: word.pmi for word in find_words(texts, Discovery(min_count=3), selection)}

    every = find(0.0)
    assert {"iPhone手机壳", "麤龘壳子套装箱笼"} <= every.keys()
    limit = every["iPhone手机壳"]
    assert limit < every["麤龘壳子套装箱笼"] + 1e-9
    assert "iPhone手机壳" in find(0.0, 0.0, limit - 0.01, float("inf"), float("inf"))
    assert "iPhone手机壳" not in find(0.0, 0.0, limit + 0.01, 0.0)
    assert "麤龘壳子套装箱笼" in find(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert "麤龘壳子套装箱笼" not in find(0.0, 0.0, 0.0, float("inf"), float("inf"))
