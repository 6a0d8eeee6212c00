"""Notes of newwords about little text and empty lists."""

import pytest

LITTLE = "西马来西亚的乌桕树，乌桕树，乌桕树\n"


@pytest.mark.parametrize(
    ("options", "text", "expected"),
    [
        (
            (),
            LITTLE,
            "only 15 characters of text were read, and a word must occur 4 times (32 in scripts with spaces); "
            "try --min-count 2, or more text",
        ),
        (("--method", "pmi"), LITTLE, "and a word must occur 32 times; try --min-count 2, or more text"),
        (
            ("--min-count", "2"),
            "，\n",
            "only 0 characters of text were read, and a word must occur 2 times; try more text",
        ),
        ((), "", "no word was found"),
        ((), "", "4 times (32 in scripts with spaces); try more text"),
        (
            ("-f", "userdict"),
            "澜溪很美，" * 9 + "今天去澜溪。" * 9,
            "-f userdict has --min-probability 0.97; --min-probability 0.5 writes more words",
        ),
        (
            ("--min-count", "2", "--min-entropy", "9"),
            "今天，今天\n",
            "none of the 1 word found is new and within the limits",
        ),
        (("--min-count", "2", "--top", "9"), "澜溪，澜溪，澜溪\n", "only 1 word found (--top 9)"),
    ],
)
def test_note_says_what_to_try(kxcli, options, text, expected):
    assert expected in kxcli("newwords", *options, stdin=text).err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--min-count", "2"), "澜溪，澜溪，澜溪\n"),
        ((), "\n".join(f"{chr(0x4E00 + n % 97)}澜溪{chr(0x5E00 + n % 89)}{'拾光' * (n % 3)}" for n in range(6000))),
        (("-q",), LITTLE),
    ],
    ids=["given minimum", "enough text", "quiet"],
)
def test_no_note_without_need(kxcli, options, text):
    assert kxcli("newwords", *options, stdin=text).err == ""


def test_list_from_stdin_is_an_error_that_says_how(kxcli):
    ended = kxcli("newwords", "--known", "-", stdin=LITTLE, code=1)
    assert "-: No such file or directory; give /dev/stdin" in ended.err
