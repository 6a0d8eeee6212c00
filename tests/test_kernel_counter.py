"""The kernel's counters equal a plain count of jieba's tokens."""

import gc
import random
import sys
import threading
import weakref
from collections import Counter
from unittest.mock import Mock

import pytest
from conftest import examples
from hypothesis import given
from hypothesis import strategies as st
from kernel_texts import FREQUENT, MODES, OTHERS, SPACES, Reference, make_text, texts, view_arrays

from kxcli.mining.segment.dictionary import Dictionary
from kxcli.mining.wordcount.counts import KeyLayout
from kxcli.tally.string_runs import COUNT_MASK, DOCUMENT_SHIFT, decode_run

_kernel = pytest.importorskip("kxcli._kernel")


class PlainCounter:
    """The definition of `_kernel.Counter`: the same arguments, but jieba instead of the dictionary."""

    def __init__(self, reference, mode, hmm, keeps_punctuation, orders, has_documents, is_grouped, expand):
        self.cut = lambda text: reference.cut(text, mode, hmm)
        self.expand = expand or (lambda token: [token if keeps_punctuation or any(map(str.isalnum, token)) else None])
        self.orders, self.has_documents, self.is_grouped = orders, has_documents, is_grouped
        self.counts, self.documents, self.totals = Counter(), Counter(), Counter()
        self.last, self.seen = [], set()  # the words before, and the rows of the document

    def add(self, data, group, is_lines, has_continuation):
        text = data if isinstance(data, str) else data.decode("utf-8")
        lines = text.split("\n") if is_lines else [text]
        for number, line in enumerate(lines, 1):
            for token in self.cut(line):
                for word in [] if token.isspace() else self.expand(token):
                    self.add_word(word, group if self.is_grouped else "")
            if number < len(lines) or not has_continuation:
                self.documents.update(self.seen)
                self.last, self.seen = [], set()

    def add_word(self, word, group):
        if word is None:
            self.last = []
            return
        self.last.append(word)
        for order in range(self.orders[0], self.orders[1] + 1):
            if order <= len(self.last):
                row = group, order, " ".join(self.last[-order:])
                self.counts[row] += 1
                self.totals[group, order] += 1
                self.seen.add(row)

    def dump(self):
        """Return the rows by key, and the totals."""
        self.documents.update(self.seen)
        layout = KeyLayout(self.is_grouped, self.orders)
        rows = {}
        for row, count in self.counts.items():
            key = layout.keys(row[0], row[1], [row[2]])[0]
            rows[key] = count, self.documents[row] if self.has_documents else 0
        return rows, dict(self.totals)


def decode(dump):
    """Return the rows by key and the totals of a kernel's dump."""
    run, totals = dump
    rows = [row for keys, numbers in decode_run(run) for row in zip(keys, numbers, strict=True)]
    keys = [key for key, _ in rows]
    assert keys == sorted(set(keys))
    totals = {(group, order): total for group, order, total in totals if total}
    return {key: (number & COUNT_MASK, number >> DOCUMENT_SHIFT) for key, number in rows}, totals


def count_words(counter):
    return {key: count for key, (count, _) in decode(counter.dump())[0].items()}


# Expanders: functions of a token, which never get white space here


def double(token):
    return [token, token.upper()]


def drop_some(token):
    return [] if len(token) % 2 else [token]


def spell(token):
    return list(token)


def break_at_latin(token):
    return [None, token, None] if token[0].isascii() else (part for part in ("x", token))


def escape(token):
    return [f"{token}\0", "\1\2"]


EXPANDERS = [None, None, double, drop_some, spell, break_at_latin, escape]


@pytest.fixture(scope="module")
def reference():
    """jieba with a small dictionary."""
    words = [
        "天地",
        "天",
        "地",
        "人",
        "我们",
        "今天",
        "天气",
        "今天天气",
        "北京",
        "大学",
        "北京大学",
        "C++",
        "ab",
        "的",
    ]
    lines = "".join(f"{word} {7 + number}\n" for number, word in enumerate(words))
    return Reference(Dictionary(lines, "在雨 0\n"))


@pytest.fixture(scope="module")
def dictionary(reference):
    return _kernel.Dictionary(reference.compile())


counter_texts = st.one_of(
    texts,
    st.lists(
        st.sampled_from(
            ["天地", "我们", "今天天气", "北京大学", "C++", "ab", "的", "，", " ", "\n", "\r\n", "\1", "\0", "𠀀"]
        )
    ).map("".join),
)
groups = st.sampled_from(["", "a", "b", "a\1", "\0", "组\t", "\ud800"])
settings_of_counters = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(MODES),
        "keeps_punctuation": st.booleans(),
        "orders": st.sampled_from([(1, 1), (1, 1), (1, 2), (2, 2), (2, 4), (3, 3), (1, 9)]),
        "has_documents": st.booleans(),
        "is_grouped": st.booleans(),
        "expand": st.sampled_from(EXPANDERS),
    }
)
calls = st.lists(st.tuples(counter_texts, groups, st.booleans(), st.booleans()), max_size=5)


def make_counters(reference, dictionary, options):
    """Return the kernel's counter and its definition."""
    options = dict(options)
    mode, hmm = options.pop("mode")
    arguments = (mode, hmm, *(options[name] for name in ("keeps_punctuation", "orders", "has_documents", "is_grouped")))
    expand = options["expand"]
    kernel_expand = expand and (lambda token: [] if token.isspace() else expand(token))
    return _kernel.Counter(dictionary, *arguments, kernel_expand), PlainCounter(reference, *arguments, expand)


@given(options=settings_of_counters, calls=calls)
@examples(300)
def test_counts_equal_their_definition(reference, dictionary, options, calls):
    counter, plain = make_counters(reference, dictionary, options)
    group_before = None  # a document has one group
    for text, group, is_lines, has_continuation in calls:
        group = group_before if group_before is not None else group
        assert counter.add(text, group, is_lines, has_continuation) == -1
        plain.add(text, group, is_lines, has_continuation)
        group_before = group if has_continuation else None
    assert decode(counter.dump()) == plain.dump()


@given(options=settings_of_counters, parts=st.lists(counter_texts, min_size=1, max_size=4))
def test_dump_changes_nothing(reference, dictionary, options, parts):
    counter, _ = make_counters(reference, dictionary, options)
    other, _ = make_counters(reference, dictionary, options)
    for part in parts:
        counter.add(part, "a", True, False)
        other.add(part, "a", True, False)
        assert counter.dump() == counter.dump()
    assert decode(counter.dump()) == decode(other.dump())


def test_many_texts_have_the_counts_of_jieba():
    reference = Reference()
    source = random.Random(11)
    some = [make_text(source) for _ in range(80)]
    for options in (
        {"mode": ("jieba", True), "orders": (1, 1), "has_documents": False, "is_grouped": False},
        {"mode": ("search", False), "orders": (1, 3), "has_documents": True, "is_grouped": True},
    ):
        counter, plain = make_counters(
            reference, _kernel.Dictionary(reference.compile()), {**options, "keeps_punctuation": True, "expand": None}
        )
        for number, text in enumerate(some):
            counter.add(text, f"{number % 3}", number % 2 == 0, False)
            plain.add(text, f"{number % 3}", number % 2 == 0, False)
        assert decode(counter.dump()) == plain.dump()


@pytest.fixture
def make_counter(dictionary):
    """Return a function that makes a counter; options have defaults."""

    def make(mode="jieba", hmm=True, punct=False, orders=(1, 1), documents=False, groups=False, expand=None):
        return _kernel.Counter(dictionary, mode, hmm, punct, orders, documents, groups, expand)

    return make


# Words


@pytest.mark.parametrize("step", [37, pytest.param(1, marks=pytest.mark.slow)])
def test_words_have_a_letter_or_digit_of_python(make_counter, step):
    """The kernel takes the kinds of all characters from the Python that runs."""
    points = [*range(0x3000), *range(0x3000, 0x4E00, step), *range(0x9FD6, sys.maxunicode + 1, step)]
    characters = list(map(chr, points))
    for keeps_punctuation in False, True:
        counter = make_counter(punct=keeps_punctuation)
        counter.add("\n".join(characters), "", True, False)
        words = [ch for ch in characters if ch.isalnum() or (keeps_punctuation and not ch.isspace())]
        assert sorted(count_words(counter)) == sorted(KeyLayout().keys("", 1, words))


def test_words_with_separators_of_keys_are_kept_apart(make_counter):
    for orders in (1, 1), (1, 2):
        counter = make_counter("char", punct=True, orders=orders, groups=orders[1] == 2)
        plain = PlainCounter(Reference(Dictionary("天 1")), "char", True, True, orders, False, orders[1] == 2, None)
        for group in ("", "\0", "\1", "\2", "\1\4", "g"):
            for each in (counter, plain):
                each.add("\0\1\2\3\4\5\0\0\1\1", group, False, False)
        assert decode(counter.dump()) == plain.dump()


def test_white_space_does_not_break_ngrams_and_punctuation_does(make_counter):
    counter = make_counter(orders=(2, 2))
    counter.add("天地 \u3000\t我们，天地\r\n我们", "", False, False)
    assert count_words(counter) == {"天地 我们": 2}
    counter.add("天地\n我们", "", True, False)
    assert count_words(counter) == {"天地 我们": 2}


def test_document_goes_on_in_the_next_text(make_counter):
    counter = make_counter(orders=(1, 2), documents=True)
    for text, has_continuation in [
        ("天地", True),
        ("", True),
        ("我们", True),
        ("，", True),
        ("天地", False),
        ("我们", False),
    ]:
        counter.add(text, "", False, has_continuation)
    rows, totals = decode(counter.dump())
    assert rows == {"天地\1!": (2, 1), "我们\1!": (2, 2), '天地 我们\1"': (1, 1)}
    assert totals == {("", 1): 4, ("", 2): 1}


def test_documents_are_counted_once_per_line(make_counter):
    counter = make_counter(documents=True)
    counter.add("天地天地\n天地我们\n\n我们", "", True, True)
    counter.add("我们\n我们", "", True, False)
    assert decode(counter.dump())[0] == {"天地": (3, 2), "我们": (4, 3)}


def test_many_distinct_words(make_counter):
    """Ids, tables and the work space grow."""
    source = random.Random(12)
    words = ["".join(source.choices("cdefgh0123", k=source.randint(5, 40))) for _ in range(70_000)]
    counter = make_counter()
    weight = counter.weight
    counter.add("\n".join(words), "", True, False)
    counter.add(" ".join(words[:1000]).encode(), "", True, False)
    assert count_words(counter) == Counter(words + words[:1000])
    assert counter.weight > weight + 1_000_000
    grams = make_counter(orders=(3, 3), documents=True)
    grams.add(" ".join(words), "", False, False)
    assert len(count_words(grams)) == len(words) - 2


def test_long_words(make_counter):
    counter = make_counter("space", punct=True, orders=(1, 2))
    long = ["天" * 100_000, "x" * 3_000_000, "，" * 70_000]
    counter.add(" ".join(long), "", False, False)
    assert sorted(len(key) - 2 for key in count_words(counter)) == [70_000, 100_000, 3_000_000, 3_070_001, 3_100_001]


# Bytes


@given(
    data=st.one_of(st.binary(max_size=20), texts.map(lambda text: text.encode("utf-8", "surrogatepass"))),
    cut=st.integers(0, 40),
)
@examples(300)
def test_bytes_that_are_not_utf8_are_located(make_counter, data, cut):
    data = "今天é𠀀".encode()[: cut % 12] + data[: len(data) - cut % 3]
    try:
        data.decode("utf-8")
        expected = -1
    except UnicodeDecodeError as error:
        expected = error.start
    counter = make_counter("char", punct=True)
    for buffer in (data, bytearray(data), memoryview(data)):
        assert counter.add(buffer, "", True, False) == expected
    assert bool(count_words(counter)) == (expected < 0 and any(not ch.isspace() for ch in data.decode()))


@pytest.mark.parametrize(
    "bad",
    [
        *(
            b"\x80",
            b"\xbf",
            b"\xc0\x80",
            b"\xc1\xbf",
            b"\xe0\x81\xa1",
            b"\xe0\x9f\xbf",
            b"\xf0\x80\x81\xa1",
            b"\xf0\x8f\xbf\xbf",
        ),
        *(
            b"\xed\xa0\x80",
            b"\xed\xbf\xbf",
            b"\xf4\x90\x80\x80",
            b"\xf5\x80\x80\x80",
            b"\xf8\x88\x80\x80\x80",
            b"\xff",
            b"\xfe",
        ),
        *(
            b"\xc3",
            b"\xe4",
            b"\xe4\xb8",
            b"\xe9\xbf",
            b"\xf0\xa0",
            b"\xf0\xa0\x80",
            b"\xe4\xb8a",
            b"\xe4a\xad",
            b"\xf0\xa0\x80a",
        ),
    ],
    ids=bytes.hex,
)
def test_nothing_is_counted_of_a_text_with_a_bad_byte(make_counter, bad):
    for options in ({}, {"orders": (1, 2), "documents": True, "groups": True}):
        counter = make_counter(**options)
        for before in (b"", b"ab ", "今天".encode() * 2000):
            for after in (b"", b"cd", "天".encode()):
                position = counter.add(before + bad + after, "g", True, False)
                assert position == len(before)
        assert decode(counter.dump()) == ({}, {})
        assert counter.add("\ud800天地", "g", True, False) == -1  # surrogates are an error in bytes only


@pytest.mark.parametrize("data", [b"", "", b"\n", "\n\n", " ", "，", memoryview(b"")])
def test_texts_without_words_have_no_rows(make_counter, data):
    for options in ({}, {"orders": (2, 3)}, {"documents": True, "groups": True}):
        counter = make_counter(**options)
        assert counter.add(data, "", True, False) == -1
        assert decode(counter.dump()) == ({}, {})


# Errors


class ExpanderError(Exception):
    """Raised by an expander."""


def fail_at_latin(token):
    if token == "ab":
        raise ExpanderError
    return [token]


def fail_later(token):
    yield token
    if token == "ab":
        raise ExpanderError


@pytest.mark.parametrize("expand", [fail_at_latin, fail_later])
def test_error_of_an_expander_is_raised(make_counter, expand):
    counter = make_counter(orders=(1, 2), expand=expand)
    with pytest.raises(ExpanderError):
        counter.add("天地ab我们", "", True, False)
    assert counter.add("我们", "", True, False) == -1
    with pytest.raises(ExpanderError):
        counter.add("ab", "", True, False)
    assert "我们\1!" in count_words(counter)
    counter = make_counter(expand=expand)  # its tokens become words at the end
    counter.add("天地ab我们", "", True, False)
    for _ in range(2):
        with pytest.raises(ExpanderError):
            counter.dump()


@pytest.mark.parametrize("words", [1, [1], [b"a"], ["a", None, 1.0], None])
def test_expander_with_wrong_results_is_an_error(make_counter, words):
    counter = make_counter(orders=(1, 2), expand=lambda token: words)
    with pytest.raises(TypeError):
        counter.add("天地", "", True, False)
    counter = make_counter(expand=lambda token: words)
    counter.add("天地", "", True, False)
    with pytest.raises(TypeError):
        counter.dump()


def test_wrong_arguments_are_refused(make_counter, dictionary):
    counter = make_counter()
    for arguments in (("a",), (1, "", True, False), ("a", b"", True, False), (None, "", True, False)):
        with pytest.raises(TypeError):
            counter.add(*arguments)
    for orders in ((0, 1), (2, 1), (1, 1001)):
        with pytest.raises(ValueError, match="orders"):
            make_counter(orders=orders)
    for orders in ((1,), (1, 2, 3), "12", (-1, 1)):
        with pytest.raises((TypeError, OverflowError, ValueError)):
            make_counter(orders=orders)
    with pytest.raises(ValueError, match="mode"):
        make_counter("regex")
    with pytest.raises(TypeError):
        _kernel.Counter(None, "jieba", True, False, (1, 1), False, False, None)


# Threads


def test_counter_is_refused_to_another_thread_while_it_counts(make_counter):
    errors = []

    def use():
        for call in (lambda: counter.add("人", "", True, False), counter.dump):
            try:
                call()
            except RuntimeError as error:
                errors.append(str(error))

    def expand(token):
        use()
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
        return [token]

    counter = make_counter(orders=(1, 2), expand=expand)
    counter.add("天地", "", True, False)
    assert len(errors) == 4
    assert set(errors) == {"this object is in use by another thread"}
    assert count_words(counter) == {"天地\1!": 1}


def test_threads_with_counters_of_their_own(make_counter):
    text = "".join(random.Random(13).choices(FREQUENT + "，\nab ", k=300_000)).encode()
    found = [None] * 3

    def count(number):
        counter = make_counter(documents=number == 2)
        for _ in range(3):
            counter.add(text, "", True, False)
        found[number] = count_words(counter)

    threads = [threading.Thread(target=count, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] == found[2]
    assert sum(found[0].values()) > 100_000


def test_one_counter_in_many_threads_raises_or_counts(make_counter):
    counter = make_counter()
    text = "今天天气，" * 50_000
    results = []

    def count():
        for _ in range(5):
            try:
                results.append(counter.add(text, "", True, False))
            except RuntimeError:
                results.append(None)

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(count_words(counter).values()) == 50_000 * results.count(-1)


# Dictionaries


def use_dictionary(data):
    """Open a dictionary that may be damaged, and use it in every mode; return whether it was taken."""
    try:
        dictionary = _kernel.Dictionary(memoryview(data).toreadonly())
    except ValueError:
        return False
    text = "今天天气，ab.5% C++北京大学" + "".join(OTHERS) + "".join(SPACES)
    dictionary.is_word("今天天气")
    for mode, hmm in MODES:
        _kernel.Segmenter(dictionary, mode, hmm).cut(text)
        counter = _kernel.Counter(dictionary, mode, hmm, True, (1, 1), False, False, None)
        counter.add(text, "", True, False)
        counter.dump()
    return True


def test_truncated_dictionaries_are_refused(reference):
    data = memoryview(reference.compile())
    assert use_dictionary(data)
    for end in [*range(200), *range(200, len(data), 9973), *range(len(data) - 100, len(data))]:
        assert not use_dictionary(data[:end])
    assert not use_dictionary(bytes(data) + b"\0")
    assert not use_dictionary(memoryview(b"\0" + data)[1:])  # not aligned


def test_dictionary_with_a_damaged_head_is_refused_or_used(reference):
    whole = bytearray(reference.compile())
    for position in range(44):
        for value in (0, 0x80, 0xFF):
            data = whole.copy()
            data[position] = value
            use_dictionary(data)


@given(
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=50), st.booleans()
)
@examples(150)
def test_damaged_dictionaries_are_refused_or_used(reference, changes, is_early):
    data = bytearray(reference.compile())
    for place, value in changes:
        data[int(place * (250_000 if is_early else len(data)))] = value
    use_dictionary(data)


def test_word_of_a_forged_dictionary_ends():
    """A node that is its own child makes no word of any length: lengths are 16 bits."""
    data = bytearray(Reference(Dictionary("天天 5\n天天天 5\n")).compile())
    arrays = view_arrays(data)
    code, nodes = arrays["codes"][ord("天")], arrays["nodes"]
    last = max(slot for slot, node in enumerate(nodes) if node >> 39 & 1)  # of the three characters
    nodes[last] = code | (last - code) << 15 | 1 << 39 | 1 << (56 + code % 8)
    dictionary = _kernel.Dictionary(memoryview(data).toreadonly())
    text = "天" * 70_000
    assert len(_kernel.Segmenter(dictionary, "jieba", True).cut(text)) >= 70
    for mode, hmm in MODES:
        _kernel.Segmenter(dictionary, mode, hmm).cut(text[:3000])
        counter = _kernel.Counter(dictionary, mode, hmm, True, (1, 1), False, False, None)
        counter.add(text[:3000], "", True, False)
        counter.dump()


def test_words_for_the_compiler_are_checked(reference):
    from kxcli.mining.segment import compiled

    model, kinds = compiled._list_probabilities(), compiled._list_kinds()

    def compile_words(words, splits=b"", total=9):
        return _kernel.compile_dictionary(words, total, splits, model, kinds)

    assert compile_words("天 5\n天地 4\n".encode(), "天地\n".encode())
    for words in (
        b"a 1",
        b"a\n",
        b" 1\n",
        b"a 1\na 1\n",
        b"b 1\na 1\n",
        b"a x\n",
        b"a -1\n",
        b"\xff 1\n",
        b"a 99999999999999999999\n",
        b"\n",
    ):
        with pytest.raises(ValueError, match="in order"):
            compile_words(words)
    for splits in (b"a", b"\xff\n"):
        with pytest.raises(ValueError, match="in order"):
            compile_words(b"a 1\n", splits)
    for arguments in ((b"", 1, b"", model[:-8], kinds), (b"", 1, b"", model, kinds[1:])):
        with pytest.raises(ValueError, match="size"):
            _kernel.compile_dictionary(*arguments)
    with pytest.raises(TypeError):
        compile_words("a 1\n")
    with pytest.raises(OverflowError):
        compile_words(b"a 1\n", total=1 << 63)


# Arguments


def test_bytes_that_may_change_are_no_dictionary(reference):
    with pytest.raises(ValueError, match="read-only"):
        _kernel.Dictionary(bytearray(reference.compile()))


def test_objects_that_claim_to_be_dictionaries_are_refused():
    with pytest.raises(TypeError, match="Dictionary"):
        _kernel.Segmenter(Mock(spec=_kernel.Dictionary), "char", True)


def test_orders_beyond_32_bits_are_refused(dictionary):
    with pytest.raises(ValueError, match="orders"):
        _kernel.Counter(dictionary, "char", True, True, (2**32 + 1, 2**32 + 2), False, False, None)


def test_expander_must_be_callable(dictionary):
    with pytest.raises(TypeError, match="expand"):
        _kernel.Counter(dictionary, "char", True, True, (1, 1), False, False, 5)


def test_counter_that_its_expander_refers_to_is_collected(dictionary):
    class Expander:
        def __call__(self, token):
            return [token]

    expander = Expander()
    expander.counter = _kernel.Counter(dictionary, "char", True, True, (1, 1), False, False, expander)
    alive = weakref.ref(expander)
    del expander
    gc.collect()
    assert alive() is None
