"""Wrong arguments from Python are errors that name the argument and the position."""

import numpy as np
import pytest

from kxcli.mining.linking import Entry, LabeledMention, LabeledText, Linker, Linking

MARK = LabeledMention(0, 2, ("1",), True)


def linker(**options):
    return Linker([Entry("1", "小米", ["小米科技"], ("公司",), [("总部", "北京")])], **options)


@pytest.mark.parametrize("field", ["aliases", "types", "facts"])
@pytest.mark.parametrize("value", ["小米", b"MI", None, 5, {"a": "b"}, (one for one in ("a", "b"))])
def test_entry_refuses_non_lists(field, value):
    with pytest.raises(TypeError, match=f"^{field} must be a list of .*, not "):
        Entry("1", "小米集团", **{field: value})


@pytest.mark.parametrize("value", [["小米"], ("小米",), {"小米"}, dict.fromkeys(["小米"]).keys(), np.array(["小米"])])
def test_entry_accepts_collections_of_strings(value):
    assert [len(own) for own in Linker([Entry("1", "集团", aliases=value, types=value)]).link(["小米"])] == [1]


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (Entry(1, "小米"), r"entries\[1\]\.id must be a string, not"),
        (Entry(None, "小米"), r"entries\[1\]\.id must be a string, not"),
        (Entry("1", None), r"entries\[1\]\.subject must be a string, not"),
        (Entry("1", ["小米"]), r"entries\[1\]\.subject must be a string, not"),
        (Entry("1", "小米", ["a", None]), r"entries\[1\]\.aliases\[1\] must be a string, not"),
        (Entry("1", "小米", [b"MI"]), r"entries\[1\]\.aliases\[0\] must be a string, not"),
        (Entry("1", "小米", types=[["a"]]), r"entries\[1\]\.types\[0\] must be a string, not"),
        (Entry("1", "小米", facts=["总部"]), r"entries\[1\]\.facts\[0\] must be a pair of"),
        (Entry("1", "小米", facts=[("总部", "北京"), ("总部",)]), r"entries\[1\]\.facts\[1\] must be a pair of"),
        (Entry("1", "小米", facts=[("总部", None)]), r"entries\[1\]\.facts\[0\] must be a pair of"),
        (Entry("1", "小米", facts=[("年", 2010)]), r"entries\[1\]\.facts\[0\] must be a pair of"),
        (("1", "小米"), r"entries\[1\] must be an Entry, not"),
        ({"subject_id": "1"}, r"entries\[1\] must be an Entry, not"),
        (None, r"entries\[1\] must be an Entry, not"),
        ("小米", r"entries\[1\] must be an Entry, not"),
    ],
)
def test_linker_names_the_wrong_entry_and_field(entry, what):
    with pytest.raises(TypeError, match=what):
        Linker([Entry("0", "雷军"), entry])


@pytest.mark.parametrize(
    ("entries", "what"),
    [
        ([Entry("0", "雷军"), Entry("", "小米")], r"entries\[1\]\.id is empty"),
        ([Entry("0", "雷军"), Entry("NIL", "小米")], r"entries\[1\]\.id is 'NIL'"),
        ([Entry("0", "雷军"), Entry("0", "小米")], r"entries\[1\]\.id: two entries have the id '0'"),
    ],
)
def test_linker_names_the_entry_with_a_wrong_id(entries, what):
    with pytest.raises(ValueError, match=what):
        Linker(entries)


@pytest.mark.parametrize("entries", ["小米", None, 5, {"1": Entry("1", "小米")}])
def test_linker_refuses_non_lists_of_entries(entries):
    with pytest.raises(TypeError, match=r"^entries must be a list of entries.*, not "):
        Linker(entries)


def test_linker_refuses_a_single_entry():
    with pytest.raises(TypeError, match=r"entries\[0\] must be an Entry, not"):
        Linker(Entry("1", "小米"))


@pytest.mark.parametrize("linking", ["best", {"nil": "drop"}, 1])
def test_linker_refuses_other_linkings(linking):
    with pytest.raises(TypeError, match=r"^linking must be a Linking.*, not "):
        linker(linking=linking)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"overlap": "worst"}, "overlap must be one of "),
        ({"overlap": None}, "overlap must be one of "),
        ({"nil": "no"}, "nil must be one of "),
        ({"nil": False}, "nil must be one of "),
        ({"nil_threshold": 1.5}, "nil_threshold must be from 0 to 1, not"),
        ({"nil_threshold": -1}, "nil_threshold must be from 0 to 1, not"),
        ({"nil_threshold": float("nan")}, "nil_threshold must be from 0 to 1, not"),
        ({"nil_threshold": "0.5"}, "nil_threshold must be a number, not"),
        ({"nil_threshold": True}, "nil_threshold must be a number, not"),
        ({"nil_threshold": [0.5]}, "nil_threshold must be a number, not"),
    ],
)
def test_linking_names_the_wrong_option(options, what):
    with pytest.raises((TypeError, ValueError), match=f"^{what}"):
        Linking(**options)


@pytest.mark.parametrize("texts", ["小米", b"MI", None, 7, {"小米": 1}])
def test_link_refuses_non_lists(texts):
    with pytest.raises(TypeError, match=r"^texts must be a list of texts.*, not "):
        linker().link(texts)


@pytest.mark.parametrize("text", [None, b"MI", 7, 1.5, float("nan"), ["小米"], True])
@pytest.mark.parametrize("make", [list, iter, tuple])
def test_link_names_the_text_that_is_no_string(text, make):
    with pytest.raises(TypeError, match=r"^texts\[2\] must be a string, not "):
        linker().link(make(["小米", "", text, "小米"]))


@pytest.mark.parametrize("mentions", ["小米", None, 7, {"a": 1}])
def test_labeled_text_refuses_non_lists_of_mentions(mentions):
    with pytest.raises(TypeError, match=r"^mentions must be a list of mentions.*, not "):
        LabeledText("小米", mentions)


@pytest.mark.parametrize("ids", ["1", None, 1, {"1": 1}])
def test_labeled_mention_refuses_non_lists_of_ids(ids):
    with pytest.raises(TypeError, match=r"^ids must be a list of strings.*, not "):
        LabeledMention(0, 2, ids, True)


@pytest.mark.parametrize(
    ("one", "what"),
    [
        (LabeledText(None, []), r"labeled\[1\]\.text must be a string, not"),
        (LabeledText(b"MI", []), r"labeled\[1\]\.text must be a string, not"),
        (LabeledText("小米", [MARK, (0, 2)]), r"labeled\[1\]\.mentions\[1\] must be a LabeledMention, not"),
        (LabeledText("小米", [None]), r"labeled\[1\]\.mentions\[0\] must be a LabeledMention, not"),
        (
            LabeledText("小米", [LabeledMention("0", 2, ("1",), True)]),
            r"labeled\[1\]\.mentions\[0\]\.start must be an integer, not",
        ),
        (
            LabeledText("小米", [LabeledMention(0, None, ("1",), True)]),
            r"labeled\[1\]\.mentions\[0\]\.stop must be an integer, not",
        ),
        (
            LabeledText("小米", [LabeledMention(0, 2.0, ("1",), True)]),
            r"labeled\[1\]\.mentions\[0\]\.stop must be an integer, not",
        ),
        (
            LabeledText("小米", [LabeledMention(0, 2, (1,), True)]),
            r"labeled\[1\]\.mentions\[0\]\.ids\[0\] must be a string, not",
        ),
        (
            LabeledText("小米", [LabeledMention(0, 2, ("1",), "yes")]),
            r"labeled\[1\]\.mentions\[0\]\.has_id must be True or False, not",
        ),
        (("小米", [MARK]), r"labeled\[1\] must be a LabeledText, not"),
        ("小米", r"labeled\[1\] must be a LabeledText, not"),
    ],
)
def test_train_names_the_wrong_text_and_field(one, what):
    with pytest.raises(TypeError, match=what):
        linker().train([LabeledText("小米", [MARK]), one])


@pytest.mark.parametrize(
    "mark", [LabeledMention(-1, 2, (), True), LabeledMention(0, 3, (), True), LabeledMention(1, 1, (), True)]
)
def test_train_names_a_mention_outside_its_text(mark):
    with pytest.raises(ValueError, match=r"labeled\[1\]\.mentions\[0\] from .* is not within its text"):
        linker().train([LabeledText("小米", [MARK]), LabeledText("小米", [mark])])


@pytest.mark.parametrize("labeled", ["小米", None, (one for one in ()), {}])
def test_train_refuses_non_lists(labeled):
    with pytest.raises(TypeError, match=r"^labeled must be a list of labeled texts, not"):
        linker().train(labeled)


def test_numpy_numbers_and_strings_are_accepted():
    text = np.array(["小米来了"])[0]
    numbers = np.array([0, 2])
    one = linker()
    one.train([LabeledText(text, [LabeledMention(numbers[0], numbers[1], ("1",), True)])])
    assert len(one.link(np.array(["小米来了"]))[0]) == 1
