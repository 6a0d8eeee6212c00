"""Calls of the kernel with random and damaged data, for the sanitizers to watch.

    env $(python tests/sanitizers.py build/sanitized) python tests/kernel_fuzz.py SEED SECONDS [ROUND]

Each round prints its number; ROUND repeats one alone.
"""

import random
import sys
import time
from array import array
from contextlib import suppress
from functools import cache

from kernel_texts import LATIN, MODES, Reference, join, make_main, make_text, make_user, view_arrays

from kxcli import _kernel
from kxcli.mining.segment.compiled import CompileError, _list_kinds, _list_probabilities
from kxcli.mining.segment.dictionary import Dictionary, DictionaryError
from kxcli.tally.string_runs import DOCUMENT_SHIFT, encode_run

WINDOWS = [*[(None, None)] * 4, ((1, 1), None), ((5, 5), None), ((0, 3), None), ((2, 1), "天"), ((40, 40), "a")]
ORDERS = [(1, 1), (1, 1), (1, 2), (2, 2), (2, 5), (1, 30)]


def damage(source, data, first=0):
    """Return bytes with a few changes, or an end, or a part twice."""
    data = bytearray(data)
    kind = source.random()
    if kind < 0.2:
        del data[source.randint(first, len(data)) :]
    elif kind < 0.3:
        start, stop = sorted((source.randint(first, len(data)), source.randint(first, len(data))))
        data[stop:stop] = data[start : min(stop, start + 5000)]
    for _ in range(source.choice([0, 1, 1, 2, 10])):
        if len(data) > first:
            data[source.randrange(first, len(data))] = source.choice([0, 1, 0x7F, 0x80, 0xFF, source.randrange(256)])
    return data


def make_data(source, words):
    """Return text for a counter: a string, UTF-8, or bytes that are nearly so."""
    text = make_text(source, words)
    if source.random() < 0.3:
        return text
    data = text.encode("utf-8", source.choice(["ignore", "surrogatepass"]))
    return damage(source, data) if source.random() < 0.3 else data


def make_expander(source):
    """Return a function of a token for a counter, which may fail."""
    seed = source.random()

    def expand(token):
        own = random.Random(f"{seed} {token!r}")
        if own.random() < 0.01:
            raise LookupError
        return [
            own.choice([token, token[::-1], token.upper(), None, "", make_text(own)]) for _ in range(own.randint(0, 3))
        ]

    return source.choice([None, None, expand])


def make_changer(source):
    """Return a function of a token for `join`, which may fail."""
    expand = make_expander(source)
    return None if expand is None else lambda token: next(iter(expand(token)), None)


def use_dictionary(source, dictionary, words):
    """Cut and count some texts."""
    for _ in range(source.randint(1, 6)):
        segmenter = _kernel.Segmenter(dictionary, *source.choice(MODES), make_changer(source))
        for _ in range(source.randint(1, 5)):
            segmenter.cut(make_text(source, words))
            with suppress(LookupError):
                delimiter = source.choice([b"", b" ", b"\xff\0", b"\n" * 9])
                segmenter.join(make_data(source, words), delimiter, source.random() < 0.5)
    for _ in range(source.randint(1, 4)):
        flags = [source.random() < 0.5 for _ in range(3)]
        orders, expand = source.choice(ORDERS), make_expander(source)
        window, word = source.choice(WINDOWS)
        if window is not None:
            orders, flags[2] = (1, 1), True  # the keys of pairs are those of words by group
        documents = source.choice([None, None, "texts", "lines"])
        counter = _kernel.Counter(
            dictionary, *source.choice(MODES), flags[0], orders, *flags[1:], expand, window, word, documents
        )
        for _ in range(source.randint(0, 8)):
            group = source.choice(["", "a", make_text(source)])
            with suppress(LookupError):
                is_lines, has_continuation = source.random() < 0.5, source.random() < 0.5
                counter.add(make_data(source, words), group, is_lines, has_continuation, source.getrandbits(64))
            if source.random() < 0.2:
                dump_counter(source, counter, flags[2], orders)
        dump_counter(source, counter, flags[2], orders)
    for word in words[:50]:
        dictionary.is_word(word)


def dump_counter(source, counter, is_grouped, orders):
    """Dump the counts, and use the run."""
    with suppress(LookupError):
        run, _ = counter.dump(source.choice([1, 1, 2, 1 << 63]))
        assert counter.weight >= 0
        use_runs(source, [run, run], is_grouped, orders[0] != orders[1])


def use_runs(source, runs, is_grouped, has_orders):
    """Merge, rank and write runs, which may be damaged."""
    with suppress(ValueError, OverflowError):
        runs = [_kernel.merge_runs(runs, source.choice([1, 2, 1 << 40])), *runs]
    for run in runs:
        top, min_count = source.choice([-1, 0, 1, 5, 1 << 40]), source.choice([-1, 0, 1, 2, 1 << 40])
        with suppress(ValueError, OverflowError):
            run = _kernel.rank_run(run, is_grouped, source.random() < 0.5, top, min_count)
        with suppress(ValueError, OverflowError):
            _kernel.format_tsv(run, is_grouped, has_orders, source.random() < 0.5)


# Rounds


def fuzz_texts(source):
    use_dictionary(source, DEFAULT, [])


def fuzz_user_dictionaries(source):
    user, words = make_user(source)
    with suppress(DictionaryError, CompileError):
        use_dictionary(source, _kernel.Dictionary(Reference(Dictionary("在 5\n", user)).compile()), words)


def fuzz_main_dictionaries(source):
    main, words = make_main(source)
    use_dictionary(source, _kernel.Dictionary(Reference(Dictionary(main)).compile()), words)


def make_lines(source):
    """Return the text of words for the compiler, which may have faults, and the words."""
    words = {join(source, "天地人和ab1.%", source.choice([2, 5, 40])) for _ in range(source.choice([0, 1, 30, 500]))}
    words |= {join(source, "天，\t\0é𠀀a ", 4) for _ in range(source.randint(0, 3))}
    rows = sorted((word.encode(), source.choice([0, 1, 2, 9, 1 << 40, (1 << 63) - 1])) for word in words)
    return b"".join(b"%s %d\n" % row for row in rows), sorted(words)


def fuzz_compiler(source):
    lines, words = make_lines(source)
    splits = b"".join(source.choice(words).encode() + b"\n" for _ in range(source.randint(0, 5))) if words else b""
    if source.random() < 0.5:
        lines = damage(source, lines)
    if source.random() < 0.2:
        splits = damage(source, splits)
    with suppress(ValueError):
        total = source.choice([1, 60_101_967, (1 << 63) - 1, 0, -1])
        compiled = _kernel.compile_dictionary(lines, total, splits, PROBABILITIES, KINDS)
        use_dictionary(source, _kernel.Dictionary(compiled), words)


@cache
def compile_main(number):
    """Return a compiled dictionary and its words."""
    main, words = make_main(random.Random(number))
    return Reference(Dictionary(main)).compile(), words


def fuzz_damaged_dictionaries(source):
    for _ in range(5):
        data, words = compile_main(source.randrange(5))
        damaged = memoryview(damage(source, data, source.choice([0, 64]))).toreadonly()
        with suppress(ValueError):
            use_dictionary(source, _kernel.Dictionary(damaged), words)


def fuzz_forged_dictionaries(source):
    """Write values that are within their limits anywhere, so that the check finds nothing."""
    data, words = compile_main(source.randrange(5))
    data = bytearray(data)
    arrays = view_arrays(data)
    nodes, codes = (
        arrays["nodes"],
        [0, *arrays["codes"][:128], *(arrays["codes"][ord(ch)] for ch in "天地人和一是的了")],
    )
    n_slots, n_codes = len(nodes), len(arrays["points"])
    used = [slot for slot, node in enumerate(nodes) if node]
    for _ in range(source.choice([1, 5, 50, 500])):
        slot = source.choice([source.choice(used), source.choice(codes), source.randrange(n_slots)])
        same_base = nodes[source.choice(used)] >> 15 & 0xFFFFFF
        base = source.choice([same_base, source.randrange(n_slots), slot - source.choice(codes)])
        base = min(max(base, 0), n_slots - n_codes)
        frequency = source.randrange(len(arrays["frequencies"]))
        nodes[slot] = (
            source.choice(codes) | base << 15 | frequency << 39 | source.choice([255, source.randrange(256)]) << 56
        )
        arrays["parents"][slot] = source.choice([0, slot, source.choice(used), source.randrange(n_slots)])
    for name in "points", "frequencies", "emissions", "kinds", "start", "transitions":
        some = arrays[name].cast("B")
        for _ in range(source.choice([0, 0, 1, 100])):
            some[source.randrange(len(some))] = source.choice([0, 0x7F, 0xFF, source.randrange(256)])
    for _ in range(source.choice([0, 0, 3])):
        point = source.choice([source.randrange(1 << 16), ord(source.choice(LATIN + "天地人和，"))])
        arrays["codes"][point] = source.choice([0, source.choice(codes), source.randrange(n_codes)])
    use_dictionary(source, _kernel.Dictionary(memoryview(data).toreadonly()), words)


def fuzz_runs(source):
    runs = []
    for _ in range(source.randint(0, 4)):
        keys = sorted({make_key(source) for _ in range(source.choice([1, 5, 100, 3000]))})
        numbers = [
            source.choice([1, 2, 300, 1 << 40, 1 << 62]) | source.choice([0, 0, 3]) << DOCUMENT_SHIFT for _ in keys
        ]
        run = b"".join(encode_run([(keys, numbers)]))
        runs.append(damage(source, run) if source.random() < 0.6 else run)
    use_runs(source, runs, source.random() < 0.5, source.random() < 0.5)


def make_key(source):
    word = source.choice(
        [join(source, "ab\1\2\t\\的", 5), join(source, "的一是", 40), source.choice(["", "\0", "\ud800"])]
    )
    return source.choice(["", "a\1", "\1", "组\1"]) + word + source.choice(["", "", "\1!", '\1"'])


def make_array(source, code, n, values):
    """Return an array of values, rarely of another length or with other values."""
    if source.random() < 0.03:
        n = max(0, n + source.choice([-1, 1, 100]))
    numbers = array(code, source.choices(values, k=n))
    if n and source.random() < 0.05:
        numbers[source.randrange(n)] = source.choice([0, 255, -1 if code in "dfq" else 1 << 8 * numbers.itemsize - 1])
    return numbers


def change_array(source, numbers):
    """Write a few values of any size in an array."""
    for _ in range(min(len(numbers), source.choice([1, 5, 100]))):
        numbers[source.randrange(len(numbers))] = source.getrandbits(source.choice([2, 8, 8 * numbers.itemsize]))


def make_counter(source):
    """Return a counter that may have keys already."""
    counter = _kernel.KeyCounter()
    for _ in range(source.choice([0, 0, 1, 3])):
        n_bits = source.choice([4, 20, 64])
        keys = array("Q", [source.getrandbits(n_bits) for _ in range(source.choice([0, 1, 9, 255, 256, 257, 5000]))])
        with suppress(ValueError):
            counter.add(keys, *source.choice([(), (make_array(source, "Q", len(keys), [1, 2, 1 << 60]),)]))
    assert counter.n_bytes >= 16 * len(counter)
    return counter


def make_argument(source, *others):
    """Return a counter, or rarely an object that is none or is one of the others."""
    return source.choice([None, b"", {}, *others]) if source.random() < 0.05 else make_counter(source)


def use_counters(source, *counters):
    """Drain counters, and add the counts to another, in the order of their slots."""
    total = make_counter(source)
    for counter in counters:
        if isinstance(counter, _kernel.KeyCounter):
            n = len(counter)
            keys, counts = counter.drain()
            assert len(keys) == len(counts) == 8 * n
            assert len(counter) == 0
            total.add(keys, counts)
            counter.add(keys)
            assert len(counter) == n
    keys, _ = total.drain()
    assert len(set(memoryview(keys).cast("Q"))) * 8 == len(keys)


def fuzz_text_numbers(source):
    """Number texts with forged kinds, and find their runs."""
    kinds = source.randbytes(source.choice([0, 60, 128, 300])) if source.random() < 0.5 else bytes([0] * 48 + [2] * 80)
    hashes = make_array(source, "Q", source.choice([0, 1, 500]), [0, 1, 7, 2**64 - 1])
    runs = make_array(source, "I", source.choice([len(hashes), 3]), [0, 5, 2**32 - 1])
    letters = make_array(source, "I", source.choice([0, 1, 300]), [0, 1, 2**32 - 1])
    is_wide = source.random() < 0.5
    codes = [*b"<a href=x>&nbsp;http://www.x.y/ ", 0x4E00, 0xD800, 0xFFFF, *([0x10FFFF, 2**32 - 1] if is_wide else [])]
    text = make_array(source, "I" if is_wide else "H", source.choice([0, 1, 30, 5000]), codes)
    with suppress(ValueError):
        numbers = _kernel.TextNumbers(kinds, letters, hashes, runs)
        change_array(source, hashes)
        with suppress(ValueError):
            numbers.find_runs(text, source.random() < 0.5)
        with suppress(ValueError):
            numbers.number(text, is_wide)


def fuzz_tries(source):
    """Count n-grams, words, neighbors and segments; a key may be of any node, so that there are circles."""
    n_characters = source.choice([1, 2, 5, 300])
    n_keys = source.choice([0, 1, 20, 511, 512, 1024, 3000])
    n_nodes = 1 + n_characters + n_keys
    is_forged = source.random() < 0.3
    parents = (source.randrange(n_nodes if is_forged else 1 + n_characters + i) for i in range(n_keys))
    keys = array("Q", [parent << 21 | source.randint(0, n_characters) for parent in parents])
    words = make_array(source, "I", n_nodes, [0, 0, 1, 2, 3, n_nodes])
    n_words = min(max(words, default=0), 10_000)
    length = source.choice([0, 1, 10, 3000, 3000, 3000, 2 * (1 + n_characters), 4 * n_nodes])
    text = make_array(source, "I", length, range(source.choice([0, 1]), n_characters + 1))
    with suppress(ValueError):
        scores = make_array(source, "f", n_nodes, [-1.0, 0.5, 3.0, float("-inf"), float("nan"), float("inf")])
        trie = _kernel.Trie(n_characters, keys, *source.choice([(words,), (words,), (scores,), ()]))
        if source.random() < 0.2:  # as a caller may do at any time
            for array_of_caller in keys, words:
                change_array(source, array_of_caller)
        nodes = make_array(source, "I", 500, range(n_nodes))
        with suppress(ValueError):
            trie.find_children(nodes, make_array(source, "I", 500, range(n_characters + 1)))
        with suppress(ValueError):
            may_be = source.choice([None, array("B", source.randbytes(source.choice([1, 64, 4096, 5])))])
            buckets = array("B", bytes(source.choice([0, 8, 1024, 9])))
            order, n_frequent = source.choice([2, 2, 3, 4, 9, 255, 0]), source.choice([0, 1, n_characters, 1 << 40])
            counter = make_argument(source)
            with suppress(TypeError):
                trie.count_ngrams(text, order, n_frequent, may_be, buckets, counter)
            use_counters(source, counter)
        with suppress(ValueError):
            counts = make_array(source, "Q", 2 * n_nodes, [0]) if source.random() < 0.8 else text
            trie.count_words(text, source.choice([1, 2, 5, 255, 0]), source.choice([1, 3, 1000]), counts)
        with suppress(ValueError):
            before = make_argument(source)
            after = make_argument(source, before)
            with suppress(TypeError, RuntimeError):
                documents = make_array(source, "I", len(text), [1, 2])
                last = make_array(source, "I", n_nodes, [0])
                counts = make_array(source, "Q", n_nodes, [0]) if source.random() < 0.8 else text
                trie.count_neighbors(text, documents, last, counts, before, after)
            use_counters(source, before, *([] if after is before else [after]))
        with suppress(ValueError):
            characters = make_array(source, "Q", 1 + n_characters, [0]) if source.random() < 0.8 else text
            counts = make_array(source, "Q", 1 + n_words, [0])
            trie.count_segments(text, source.choice([1, 2, 4, 0]), source.choice([0, 5, 1 << 20]), characters, counts)


def fuzz_gram_sums(source):
    """Sum products of matrices, with orders that may be no permutations, and with buffers of wrong sizes."""
    n, q, s = source.choice([1, 2, 3, 4, 5, 9, 30]), source.choice([0, 1, 2, 8]), source.choice([0, 1, 2, 8])
    values = [0.0, 1.0, -2.5, 1e300, float("inf"), float("nan")]
    k, l = (make_array(source, "d", n_planes * n * n, values) for n_planes in (q, s))  # noqa: E741 -- usual names
    orders = array("q")
    for _ in range(source.choice([0, 1, 15, 16, 17, 33])):
        orders.extend(source.sample(range(n), n))
    change_orders = source.choice([None, None, None, lambda: -1, lambda: n, lambda: source.randrange(n)])
    if change_orders is not None and orders:
        orders[source.randrange(len(orders))] = change_orders()
    with suppress(ValueError):
        rows = source.choice([n, n, n, n, 0, -1, n + 1, 1 << 31, 1 << 32, (1 << 63) - 1])
        sums = _kernel.sum_permuted_products(k, l, orders, rows)
        assert len(sums) == 8 * (len(orders) // rows) * (len(k) // rows**2) * (len(l) // rows**2)


ROUNDS = [
    fuzz_texts,
    fuzz_user_dictionaries,
    fuzz_main_dictionaries,
    fuzz_compiler,
    fuzz_damaged_dictionaries,
    fuzz_forged_dictionaries,
    fuzz_forged_dictionaries,
    fuzz_runs,
    fuzz_text_numbers,
    fuzz_tries,
    fuzz_gram_sums,
]

if __name__ == "__main__":
    seed, end = sys.argv[1], time.monotonic() + float(sys.argv[2])
    DEFAULT = _kernel.Dictionary(Reference().compile())
    PROBABILITIES, KINDS = _list_probabilities(), _list_kinds()
    number = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    while True:
        function = ROUNDS[number % len(ROUNDS)]
        print(f"round {number}: {function.__name__}", flush=True)
        function(random.Random(f"{seed} {number}"))
        number += 1
        if len(sys.argv) > 3 or time.monotonic() > end:
            break
    print(f"{number} rounds with seed {seed}", flush=True)
