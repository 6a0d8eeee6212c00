"""Wrong arguments from Python are errors that name the argument and the position."""

import numpy as np
import pytest

from kxcli.mining.linking import Entry, LabeledMention, LabeledText, Linker, Linking

MARK = LabeledMention(0, 2, ("1",), True)


def linker(**options):
    return Linker([Entry("1", "小米", ["小米科技"], ("公司",), [("总部", "北京")])], **options)


@pytest.mark.parametrize("field", ["aliases", "types", "facts"])
@pytest.mark.parametrize("value", ["小米", b"MI", None, 5, {"a": "b"}, (one for one in ("a", "b"))])
def test_an_entry_refuses_what_is_no_list(field, value):
    with pytest.raises(TypeError, match=f"^{field} is .*, not a list of "):
        Entry("1", "小米集团", **{field: value})


@pytest.mark.parametrize("value", [["小米"], ("小米",), {"小米"}, dict.fromkeys(["小米"]).keys(), np.array(["小米"])])
def test_an_entry_accepts_collections_of_strings(value):
    assert [len(own) for own in Linker([Entry("1", "集团", aliases=value, types=value)]).link(["小米"])] == [1]


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (Entry(1, "小米"), r"entries\[1\]\.id is an int, not a string"),
        (Entry(None, "小米"), r"entries\[1\]\.id is None"),
        (Entry("1", None), r"entries\[1\]\.subject is None"),
        (Entry("1", ["小米"]), r"entries\[1\]\.subject is a list"),
        (Entry("1", "小米", ["a", None]), r"entries\[1\]\.aliases\[1\] is None, not a string"),
        (Entry("1", "小米", [b"MI"]), r"entries\[1\]\.aliases\[0\] is a bytes"),
        (Entry("1", "小米", types=[["a"]]), r"entries\[1\]\.types\[0\] is a list"),
        (Entry("1", "小米", facts=["总部"]), r"entries\[1\]\.facts\[0\] is '总部', not a pair"),
        (Entry("1", "小米", facts=[("总部", "北京"), ("总部",)]), r"entries\[1\]\.facts\[1\] is .*, not a pair"),
        (Entry("1", "小米", facts=[("总部", None)]), r"entries\[1\]\.facts\[0\] is .*, not a pair"),
        (Entry("1", "小米", facts=[("年", 2010)]), r"entries\[1\]\.facts\[0\] is .*, not a pair"),
        (("1", "小米"), r"entries\[1\] is a tuple, not an Entry"),
        ({"subject_id": "1"}, r"entries\[1\] is a dict, not an Entry"),
        (None, r"entries\[1\] is None, not an Entry"),
        ("小米", r"entries\[1\] is a string, not an Entry"),
    ],
)
def test_a_linker_names_the_entry_and_the_field(entry, what):
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
def test_a_linker_names_the_entry_with_a_wrong_id(entries, what):
    with pytest.raises(ValueError, match=what):
        Linker(entries)


@pytest.mark.parametrize("entries", ["小米", None, 5, {"1": Entry("1", "小米")}])
def test_a_linker_refuses_what_is_no_list_of_entries(entries):
    with pytest.raises(TypeError, match=r"^entries is .*, not a list of entries"):
        Linker(entries)


def test_a_single_entry_is_no_list_of_entries():
    with pytest.raises(TypeError, match=r"entries\[0\] is a string, not an Entry"):
        Linker(Entry("1", "小米"))


@pytest.mark.parametrize("linking", ["best", {"nil": "drop"}, 1])
def test_a_linker_refuses_what_is_no_linking(linking):
    with pytest.raises(TypeError, match=r"^linking is .*, not a Linking"):
        linker(linking=linking)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"overlap": "worst"}, "overlap is 'worst'; choose from longest, best, all"),
        ({"overlap": None}, "overlap is None"),
        ({"nil": "no"}, "nil is 'no'; choose from keep, drop"),
        ({"nil": False}, "nil is False"),
        ({"nil_threshold": 1.5}, "nil_threshold is 1.5, not from 0 to 1"),
        ({"nil_threshold": -1}, "nil_threshold is -1"),
        ({"nil_threshold": float("nan")}, "nil_threshold is nan"),
        ({"nil_threshold": "0.5"}, "nil_threshold is '0.5', not a number"),
        ({"nil_threshold": True}, "nil_threshold is True"),
        ({"nil_threshold": [0.5]}, "nil_threshold is "),
    ],
)
def test_a_linking_names_the_wrong_option(options, what):
    with pytest.raises((TypeError, ValueError), match=f"^{what}"):
        Linking(**options)


@pytest.mark.parametrize("texts", ["小米", b"MI", None, 7, {"小米": 1}])
def test_texts_are_a_list(texts):
    with pytest.raises(TypeError, match=r"^texts is .*, not a list of texts"):
        linker().link(texts)


@pytest.mark.parametrize("text", [None, b"MI", 7, 1.5, float("nan"), ["小米"], True])
@pytest.mark.parametrize("make", [list, iter, tuple])
def test_a_text_that_is_no_string_is_named(text, make):
    with pytest.raises(TypeError, match=r"^texts\[2\] is .*, not a string"):
        linker().link(make(["小米", "", text, "小米"]))


@pytest.mark.parametrize("mentions", ["小米", None, 7, {"a": 1}])
def test_mentions_are_a_list(mentions):
    with pytest.raises(TypeError, match=r"^mentions is .*, not a list of mentions"):
        LabeledText("小米", mentions)


@pytest.mark.parametrize("ids", ["1", None, 1, {"1": 1}])
def test_ids_of_a_mention_are_a_list(ids):
    with pytest.raises(TypeError, match=r"^ids is .*, not a list of strings"):
        LabeledMention(0, 2, ids, True)


@pytest.mark.parametrize(
    ("one", "what"),
    [
        (LabeledText(None, []), r"labelled\[1\]\.text is None"),
        (LabeledText(b"MI", []), r"labelled\[1\]\.text is a bytes"),
        (LabeledText("小米", [MARK, (0, 2)]), r"labelled\[1\]\.mentions\[1\] is a tuple, not a LabeledMention"),
        (LabeledText("小米", [None]), r"labelled\[1\]\.mentions\[0\] is None"),
        (
            LabeledText("小米", [LabeledMention("0", 2, ("1",), True)]),
            r"labelled\[1\]\.mentions\[0\]\.start is a string",
        ),
        (LabeledText("小米", [LabeledMention(0, None, ("1",), True)]), r"labelled\[1\]\.mentions\[0\]\.stop is None"),
        (LabeledText("小米", [LabeledMention(0, 2.0, ("1",), True)]), r"labelled\[1\]\.mentions\[0\]\.stop is a float"),
        (LabeledText("小米", [LabeledMention(0, 2, (1,), True)]), r"labelled\[1\]\.mentions\[0\]\.ids\[0\] is an int"),
        (
            LabeledText("小米", [LabeledMention(0, 2, ("1",), "yes")]),
            r"labelled\[1\]\.mentions\[0\]\.has_id is a string",
        ),
        (("小米", [MARK]), r"labelled\[1\] is a tuple, not a LabeledText"),
        ("小米", r"labelled\[1\] is a string, not a LabeledText"),
    ],
)
def test_training_names_the_text_and_the_field(one, what):
    with pytest.raises(TypeError, match=what):
        linker().train([LabeledText("小米", [MARK]), one])


@pytest.mark.parametrize(
    "mark", [LabeledMention(-1, 2, (), True), LabeledMention(0, 3, (), True), LabeledMention(1, 1, (), True)]
)
def test_training_names_a_mention_outside_its_text(mark):
    with pytest.raises(ValueError, match=r"labelled\[1\]\.mentions\[0\] from .* is not within its text"):
        linker().train([LabeledText("小米", [MARK]), LabeledText("小米", [mark])])


@pytest.mark.parametrize("labelled", ["小米", None, (one for one in ()), {}])
def test_labeled_texts_are_a_list(labelled):
    with pytest.raises(TypeError, match=r"^labelled is .*, not a list of labeled texts"):
        linker().train(labelled)


def test_numpy_numbers_and_strings_are_accepted():
    text = np.array(["小米来了"])[0]
    numbers = np.array([0, 2])
    one = linker()
    one.train([LabeledText(text, [LabeledMention(numbers[0], numbers[1], ("1",), True)])])
    assert len(one.link(np.array(["小米来了"]))[0]) == 1
