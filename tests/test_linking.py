"""Linking and its training, compared with slow definitions and on toy problems."""

import hashlib
import io
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from linking_definition import Base, Counted, LinkedMentions, MentionCandidates, Text, best_threshold, resolved

from kxcli.mining.linking import NIL, Entry, Linker, Linking
from kxcli.mining.linking.candidates.candidate_features import FEATURES, PRIOR
from kxcli.mining.linking.candidates.link_statistics import LinkCounts, LinkStatistics
from kxcli.mining.linking.candidates.lookup import find_candidates
from kxcli.mining.linking.kb.compiling import compile_entries
from kxcli.mining.linking.kb.entries import SkippedEntries
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.linker import link_texts
from kxcli.mining.linking.mentions import hashed_features, mention_features, mention_model
from kxcli.mining.linking.mentions.mention_candidates import MentionContext
from kxcli.mining.linking.spans import parsing
from kxcli.mining.linking.training import learners, train_model
from kxcli.mining.linking.training.examples import LabeledMention, LabeledText
from kxcli.mining.linking.training.linking_model import LinkingModel, ModelError, make_lexicon
from kxcli.mining.linking.training.train_model import train
from kxcli.mining.text.folding import fold
from kxcli.mining.text.tokens import hash_strings

pytestmark = pytest.mark.full

NAMES = [
    *("小米", "米", "苹果", "果", "米苹", "ab", "AB", "Ab", "ａｂ", "ms", "MS", "fi", "ﬁx", "x", "12", "小 米"),
    *("alpha beta", "Beta of Alpha", "alpha-betas", "Oedema tumours", "heart failure", "米苹果米", "ß", "𠮷野"),
]
PIECES = [
    *("小米", "米", "苹果", "果", "ab", "AB", "ＡＢ", "ms", "Ms", "MS", "ﬁ", "ﬁx", "fi", "x", "12", "alpha beta"),
    *(
        "betas alpha",
        "tumor edema",
        "tumour",
        "Alpha  Beta (AB)",
        "heart failure (HF)",
        "HF",
        "HFs",
        "HF㎏",
        "苹果小米（果米）",
        "果米",
        "SS",
    ),
    *("ß", "ẞ́", "𠮷野", "说", "《", "》", "“", "”", '"', "(", ")", "，", "。", ".", ",", "-", " ", " ", " ", "\n\t"),
    *("\uffff",),
]
OBJECTS = [
    *("小米", "苹果", "苹果小米", "ab", "AB", "alpha beta", "fi", "米", "说", "很长很长", "12", "12", "12.5", "-3"),
    *("１２", "0", "", " x ", "x" * 41, "heart failure"),
]
ENTRIES = st.lists(
    st.builds(
        lambda subject, aliases, types, facts: Entry("", subject, aliases, types, facts),
        st.sampled_from([*NAMES, ""]),
        st.lists(st.sampled_from(NAMES), max_size=3),
        st.lists(st.sampled_from(["t", "u", "v", "w", ""]), max_size=4),
        st.lists(st.tuples(st.sampled_from("pqr"), st.sampled_from(OBJECTS)), max_size=5),
    ),
    max_size=9,
).map(lambda entries: [entry._replace(id=str(number)) for number, entry in enumerate(entries)])
TEXTS = st.lists(st.lists(st.sampled_from(PIECES), max_size=10).map("".join), max_size=4)
LEARNED = st.lists(
    st.sampled_from(["红米", "米说", "ab ms", "betas of betas", "说", "果米", "hf"]), max_size=3, unique=True
)
COUNTS = st.lists(
    st.tuples(
        st.sampled_from([fold(name) for name in [*NAMES, "红米", "ab ms", "米说", "hf", "没有"]]),
        st.integers(0, 6),
        st.integers(0, 3),
        st.lists(st.integers(0, 8), max_size=3),
    ),
    max_size=8,
)


def built(entries):
    return compile_entries(enumerate(entries, 1), SkippedEntries())


def counts_of(rows):
    keys = hash_strings([name for name, *_ in rows])
    links = [(key, entry) for key, (*_, entries) in zip(keys.tolist(), rows, strict=True) for entry in entries]
    return LinkCounts(
        keys,
        np.array([n_occurrences for _, n_occurrences, _, _ in rows], dtype=np.int64),
        np.array([n_mentions for _, _, n_mentions, _ in rows], dtype=np.int64),
        np.array([key for key, _ in links], dtype=np.uint64),
        np.array([entry for _, entry in links], dtype=np.int64),
    )


class Case:
    """The same input for the program and for the definition."""

    def __init__(self, entries, learned, rows, texts, tagged=None, max_candidates=64):
        rows = [(n, s, min(k, s), [e for e in ids if e < len(entries)][: min(k, s)]) for n, s, k, ids in rows]
        self.given = {"entries": entries, "learned": learned, "rows": rows, "texts": texts, "tagged": tagged}
        self.texts, self.tagged = texts, tagged or [[] for _ in texts]
        self.slow_base, self.base = Base(entries), built(entries)
        self.learned = [name for name in learned if name not in self.slow_base.names]
        self.lexicon = make_lexicon(self.base, self.learned)
        self.statistics = LinkStatistics.from_counts([counts_of(rows)], len(entries))
        self.counted = Counted(rows)
        self.max_candidates = max_candidates
        flat = [(number, *span) for number, own in enumerate(self.tagged) for span in own]
        columns = [np.array([span[at] for span in flat], dtype=kind) for at, kind in enumerate((int, int, int, float))]
        self.parsed = parsing.parse_texts(texts, self.lexicon, parsing.TaggedSpans(*columns) if tagged else None)

    def __repr__(self):
        return f"Case({self.given})"

    def slow_texts(self):
        return [
            Text(text, self.slow_base, self.learned, tagged)
            for text, tagged in zip(self.texts, self.tagged, strict=True)
        ]

    def slow(self, weights=PRIOR):
        return [
            LinkedMentions(text, self.slow_base, self.counted, weights, self.max_candidates)
            for text in self.slow_texts()
        ]

    def candidates(self, weights=PRIOR):
        prior = np.array([*weights.values()])
        return find_candidates(self.base, self.statistics, self.parsed, prior, self.max_candidates)

    def surface_forms(self):
        """Return (text, surface form) of every form."""
        parsed = self.parsed
        firsts = parsed.forms.first_spans
        starts, stops = parsed.spans.starts[firsts].tolist(), parsed.spans.stops[firsts].tolist()
        joined = "".join(map(chr, parsed.folded.codes.tolist()))
        return [(t, joined[a:b]) for t, a, b in zip(parsed.forms.texts.tolist(), starts, stops, strict=True)]

    def spans(self):
        """Return (text, start, stop) in the folded text, and begin and end in the source, of every span."""
        parsed = self.parsed
        texts = parsed.forms.texts[parsed.spans.forms]
        starts = parsed.spans.starts - parsed.starts[texts], parsed.spans.stops - parsed.starts[texts]
        begins = parsed.spans.begins - parsed.folded.starts[texts], parsed.spans.ends - parsed.folded.starts[texts]
        return list(zip(*(column.tolist() for column in (texts, *starts, *begins)), strict=True))


def is_some(text):
    """Return whether a tagger may return a text, which has no white space at its ends."""
    return text.replace("\uffff", " ").strip() == text != ""


@st.composite
def cases(draw, tags=True):
    texts = draw(TEXTS)
    tagged = None
    if tags and draw(st.booleans()):
        chance = st.sampled_from([0.001, 0.2, 0.5, 0.9995])
        tagged = []
        for text in texts:
            edges = st.integers(0, max(len(text), 1))
            own = draw(st.lists(st.tuples(edges, edges, chance), max_size=4, unique_by=lambda span: span[:2]))
            tagged.append([span for span in own if is_some(text[span[0] : span[1]]) and span[1] <= len(text)])
    return Case(draw(ENTRIES), draw(LEARNED), draw(COUNTS), texts, tagged)


# ------------------------------------------------------------------------------------------- spans and surface forms


@given(cases())
def test_spans_and_forms_equal_their_definition(case):
    parsed, texts = case.parsed, case.slow_texts()
    expected = [(n, *span, *place) for n, text in enumerate(texts) for span, place in sorted(text.spans.items())]
    assert case.spans() == expected
    chances = [text.tag_probabilities.get(span, 0.0) for text in texts for span in sorted(text.spans)]
    assert parsed.spans.tag_probabilities.tolist() == chances
    forms = case.surface_forms()
    assert parsed.forms.texts.tolist() == sorted(parsed.forms.texts.tolist())
    sizes = {(n, name): len(spans) for n, text in enumerate(texts) for name, spans in text.forms.items()}
    assert dict(zip(forms, parsed.forms.n_spans.tolist(), strict=True)) == sizes
    assert [forms[row] for row in parsed.spans.forms.tolist()] == [
        (n, text.form(span)) for n, text in enumerate(texts) for span in sorted(text.spans)
    ]
    assert parsed.forms.keys.tolist() == hash_strings([name for _, name in forms]).tolist()
    names = [None if name < 0 else case.base.names[name] for name in parsed.forms.names.tolist()]
    assert names == [name if texts[n].holders(name, case.slow_base) else None for n, name in forms]


@given(cases())
def test_similar_names_and_short_forms_equal_their_definition(case):
    parsed, texts, forms = case.parsed, case.slow_texts(), case.surface_forms()
    known = [*case.slow_base.names, *case.learned]
    by_key = dict(zip(hash_strings(known).tolist(), known, strict=True))
    near = {
        (*forms[g], by_key[key])
        for g, key in zip(parsed.similar.forms.tolist(), parsed.similar.keys.tolist(), strict=True)
    }
    assert near == {(n, one, name) for n, text in enumerate(texts) for one, own in text.similar.items() for name in own}
    assert len(near) == len(parsed.similar.forms)
    for name, key in zip(parsed.similar.names.tolist(), parsed.similar.keys.tolist(), strict=True):
        assert by_key[key] in case.learned if name < 0 else case.base.names[name] == by_key[key]
    shorts = {
        (forms[short], forms[long]): share
        for short, long, share in zip(*(column.tolist() for column in parsed.short_forms), strict=True)
    }
    assert shorts == {
        ((n, short), (n, long)): share
        for n, text in enumerate(texts)
        for short, longs in text.short_forms.items()
        for long, share in longs.items()
    }
    assert len(shorts) == len(parsed.short_forms.shorts)
    assert {forms[row] for row in parsed.defined_forms.tolist()} == {
        (n, short) for n, text in enumerate(texts) for short in text.defined_forms
    }


# ------------------------------------------------------------------------------------------------------ candidates


def candidates_by_form(case, found):
    """Return {(text, surface form): {entry: (origins, features)}}."""
    rows = zip(
        found.forms.tolist(), found.entries.tolist(), found.origins.tolist(), found.features.T.tolist(), strict=True
    )
    result = {form: {} for form in case.surface_forms()}
    for owner, entry, origins, features in rows:
        result[case.surface_forms()[owner]][entry] = (origins, dict(zip(FEATURES, features, strict=True)))
    return result


def assert_equal_candidates(case):
    fast, slow = candidates_by_form(case, case.candidates()), case.slow()
    for (number, form), own in fast.items():
        expected = slow[number].candidates[form]
        assert [*own] == [*expected]
        for entry, (origins, features) in own.items():
            assert origins == expected[entry].origins
            assert features == pytest.approx(expected[entry].features, abs=1e-9, rel=1e-9), (form, entry)


@given(cases())
def test_candidates_equal_their_definition(case):
    assert_equal_candidates(case)


FEW = st.lists(
    st.builds(
        lambda subject, types, facts: Entry("", subject, ["苹果"], types, facts),
        st.sampled_from(["小米", "苹果", "ab"]),
        st.lists(st.sampled_from("tuvw"), max_size=3),
        st.lists(
            st.tuples(st.sampled_from("pq"), st.sampled_from(["小米", "ab", "说说说", "1", "1.01", "2", "7"])),
            max_size=4,
        ),
    ),
    min_size=2,
    max_size=20,
).map(lambda entries: [entry._replace(id=str(number)) for number, entry in enumerate(entries)])
FEW_TEXTS = st.lists(
    st.lists(st.sampled_from(["小米", "苹果", "ab", "说说说", "，", " ", "说"]), max_size=8).map("".join), max_size=3
)


@given(FEW, FEW_TEXTS, COUNTS)
def test_context_features_equal_their_definition(entries, texts, rows):
    assert_equal_candidates(Case(entries, [], rows, texts))


@given(FEW, FEW_TEXTS)
def test_only_the_most_prominent_candidates_are_kept(entries, texts):
    assert_equal_candidates(Case(entries, [], [], texts, max_candidates=2))


def weights_of(names):
    value = st.sampled_from([-2.0, -0.7, -0.1, 0.0, 0.3, 1.1, 3.0])
    return st.lists(value, min_size=len(names), max_size=len(names)).map(lambda v: dict(zip(names, v, strict=True)))


@given(cases(), weights_of(FEATURES))
def test_candidates_are_ranked_by_their_scores(case, weights):
    found = case.candidates()
    order = found.rank(np.array([*weights.values()]))
    slow, starts = case.slow(), order.starts.tolist()
    for row, (number, form) in enumerate(case.surface_forms()):
        part = slice(starts[row], starts[row + 1])
        expected = slow[number].ranked(form, weights)
        assert order.entries[part].tolist() == [entry for entry, _ in expected]
        assert order.shares[part].tolist() == pytest.approx([share for _, share in expected], abs=1e-9)
        assert found.entries[order.rows[part]].tolist() == order.entries[part].tolist()


# -------------------------------------------------------------------------------------------------------- mentions


def context_of(case, weights=PRIOR):
    found = case.candidates()
    return MentionContext(case.base, case.statistics, case.parsed, found, found.rank(np.array([*weights.values()])))


@given(cases(), weights_of(FEATURES))
def test_features_of_mentions_equal_their_definition(case, weights):
    context = context_of(case, weights)
    mentions = context.find_mentions()
    dense = mention_model.stack_features(context, mentions).dense
    slow = [(number, MentionCandidates(one, weights)) for number, one in enumerate(case.slow())]
    expected = [(number, one, span) for number, one in slow for span in one.spans]
    spans = case.spans()
    assert [spans[number][:3] for number in mentions.numbers.tolist()] == [
        (number, *span) for number, _, span in expected
    ]
    for row, (_, one, span) in zip(dense.tolist(), expected, strict=True):
        features = {name: float(value) for name, value in one.features(span).items()}
        assert dict(zip(mention_features.FEATURES, row, strict=True)) == pytest.approx(features, abs=1e-9, rel=1e-9), (
            span
        )


@given(cases())
def test_hashed_features_equal_their_definition(case):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashed_features, "HASH_BITS", 30)  # many bits, so that no two features share a column
        context = context_of(case)
        hashed = mention_model.stack_features(context, context.find_mentions()).hashed
    expected = [one.marks(span) for one in (MentionCandidates(one, PRIOR) for one in case.slow()) for span in one.spans]
    seen, columns = {}, {}
    for row, expected_marks in zip(hashed.tolist(), expected, strict=True):
        assert expected_marks[len(row) :] == [None] * (
            len(expected_marks) - len(row)
        )  # no types in the whole knowledge base
        for column, mark in zip(row, expected_marks, strict=False):
            assert (column == 0) == (mark is None)
            if mark is not None:
                assert seen.setdefault(mark, column) == column
                assert columns.setdefault(column, mark) == mark


@given(
    cases(),
    *(weights_of(names) for names in (FEATURES, mention_features.FEATURES, mention_features.FEATURES)),
    st.sampled_from([0.1, 0.47, 0.9]),
    st.sampled_from([0.0, 0.2, 0.7]),
    st.sampled_from(["best", "longest", "all"]),
    st.sampled_from(["keep", "drop"]),
)
def test_links_equal_their_definition(case, ranking, mention, link, threshold, mention_threshold, overlap, nil):
    models = [mention_model.MentionModel(np.array([*weights.values()]), None) for weights in (mention, link)]
    model = LinkingModel(
        case.statistics, case.lexicon, np.array([*ranking.values()]), *models, threshold, mention_threshold, Tags(case)
    )
    found = link_texts(model, case.texts, Linking(overlap=overlap, nil=nil))
    columns = (found.texts, found.starts, found.stops, found.entries, found.scores)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    expected = []
    for number, one in enumerate(case.slow()):
        own = resolved(MentionCandidates(one, ranking), mention, link, threshold, mention_threshold, overlap, nil)
        expected += [(number, a, b, -1 if entry is None else entry, score) for a, b, entry, score in own]
    assert [row[:4] for row in rows] == [row[:4] for row in expected]
    assert [row[4] for row in rows] == pytest.approx([row[4] for row in expected], abs=5.1e-5)
    linked = link_texts(model, case.texts, Linking(overlap, nil, 0.47))
    same = link_texts(replace(model, threshold=0.47), case.texts, Linking(overlap, nil))
    assert linked.entries.tolist() == same.entries.tolist()


class Tags:
    """A tagger that returns the spans of a case."""

    def __init__(self, case):
        self.case = case

    def find_spans(self, texts):
        assert texts == self.case.texts
        flat = [(number, *span) for number, own in enumerate(self.case.tagged) for span in own]
        columns = [[span[at] for span in flat] for at in range(4)]
        return parsing.TaggedSpans(
            *(np.array(c, dtype=k) for c, k in zip(columns, (int, int, int, float), strict=True))
        )


# ------------------------------------------------------------------------------------------------------ statistics


@given(st.lists(COUNTS, max_size=4))
def test_statistics_equal_counters(parts):
    parts = [[(n, s + k, k, ids) for n, s, k, ids in rows] for rows in parts]
    rows = [row for part in parts for row in part]
    counted = Counted(rows)
    made = LinkStatistics.from_counts([counts_of(part) for part in parts], 9)
    again = LinkStatistics.from_arrays(made.arrays("of"), "of", 9)
    names = sorted({*(name for name, *_ in rows), "never"})
    for statistics in (made, again):
        numbers = statistics.slots.find(hash_strings(names))
        assert statistics.n_occurrences[numbers].tolist() == [counted.n_occurrences[name] for name in names]
        assert statistics.n_mentions[numbers].tolist() == [counted.n_mentions[name] for name in names]
        assert statistics.rates(numbers).tolist() == pytest.approx([counted.rate(name) for name in names])
        for name, number in zip(names, numbers.tolist(), strict=True):
            own = slice(statistics.starts[number], statistics.starts[number + 1])
            links = dict(zip(statistics.entries[own].tolist(), statistics.counts[own].tolist(), strict=True))
            assert links == counted.links.get(name, Counter())
        assert statistics.n_links.tolist() == [counted.n_links[entry] for entry in range(9)]
    assert {key: array.tolist() for key, array in again.arrays("of").items()} == {
        key: array.tolist() for key, array in made.arrays("of").items()
    }


# -------------------------------------------------------------------------------------------------------- learners


def gradient(loss, point, step=1e-5):
    return np.array([(loss(point + move) - loss(point - move)) / (2 * step) for move in np.eye(len(point)) * step])


def newton(loss, start, rounds=60):
    """Return the minimum of a smooth convex function by finite differences."""
    point, value = start.astype(float), loss(start)
    for _ in range(rounds):
        slope = gradient(loss, point)
        hessian = np.array(
            [(gradient(loss, point + m) - gradient(loss, point - m)) / 2e-3 for m in np.eye(len(point)) * 1e-3]
        )
        step = np.linalg.solve(hessian + 1e-9 * np.eye(len(point)), slope)
        while loss(point - step) > value and np.abs(step).max() > 1e-9:
            step = step / 2
        point = point - step
        if value - loss(point) < 1e-12:
            break
        value = loss(point)
    return point


@pytest.mark.parametrize("seed", range(5))
def test_lbfgs_minimizes_a_quadratic(seed):
    chance = np.random.default_rng(seed)
    root = chance.normal(size=(7, 7))
    matrix, target = root @ root.T + 0.1 * np.eye(7), chance.normal(size=7)
    start = chance.normal(size=7)
    kept = start.copy()

    def loss(point):
        moved = point - target
        return float(0.5 * moved @ matrix @ moved), matrix @ moved

    found = learners.minimize(loss, start, 200)
    assert loss(found)[0] < 1e-4
    assert loss(found)[0] < loss(start)[0] and (start == kept).all()
    assert (learners.minimize(loss, start, 0) == start).all()
    assert (learners.minimize(loss, target, 10) == target).all()


def test_logistic_does_not_overflow():
    values = np.array([-1e6, -800.0, -2.0, 0.0, 2.0, 800.0, 1e6])
    assert learners.logistic(values).tolist() == pytest.approx([0, 0, 1 / (1 + np.e**2), 0.5, 1 / (1 + np.e**-2), 1, 1])


@pytest.mark.parametrize("seed", range(4))
def test_logistic_regression_minimizes_its_loss(seed):
    chance = np.random.default_rng(seed)
    n = 40
    dense = np.stack([np.ones(n), chance.normal(size=n)], axis=1)
    hashed = chance.integers(0, 4, (n, 3)).astype(np.int32) * 100  # 0, 100, 200 and 300 of 1000 columns
    right = chance.random(n) < learners.logistic(dense[:, 1] + (hashed == 100).sum(axis=1) - 1)
    matrix = np.concatenate((dense, *[(hashed == c).sum(axis=1)[:, None] for c in (100, 200, 300)]), axis=1)
    penalties = np.array([0.3, 0.3, 3.0, 3.0, 3.0])
    prior = np.array([0.5, -1.0])

    def loss(weights):
        scores = matrix @ weights
        moved = weights - np.concatenate((prior, np.zeros(3)))
        return np.logaddexp(0, scores).sum() - scores[right].sum() + 0.5 * (penalties * moved) @ moved

    rows = learners.FeatureRows(dense, hashed)
    found = learners.fit_logistic_regression(rows, right, 1000, prior, (0.3, 3.0))
    weights = np.concatenate((found.dense, found.hashed[[100, 200, 300]]))
    best = newton(loss, np.zeros(5))
    assert np.flatnonzero(found.hashed).tolist() == [100, 200, 300] and len(found.hashed) == 1000
    assert loss(weights) == pytest.approx(loss(best), rel=1e-5)
    assert weights == pytest.approx(best, abs=0.02)
    assert np.abs(gradient(loss, weights)).max() < 0.05
    scores = mention_model.score_rows(found, rows)
    assert scores == pytest.approx(learners.logistic(matrix @ weights))


@pytest.mark.full
def test_weights_do_not_depend_on_threads():
    code = """
from kxcli.tuning import configure_process
configure_process()  # before numpy is imported, as in the program
import numpy as np
from kxcli.mining.linking.training import learners
chance = np.random.default_rng(0)
dense, hashed = chance.normal(size=(30_000, 36)), chance.integers(0, 500, (30_000, 5)).astype(np.int32)
right = chance.random(30_000) < learners.logistic(dense[:, 0] - 1)
found = learners.fit_logistic_regression(learners.FeatureRows(dense, hashed), right, 501, np.zeros(36), (0.3, 3.0))
starts = np.arange(0, 30_001, 4)
right = np.arange(30_000) % 4 == chance.integers(0, 4, 7500).repeat(4)
weights = learners.fit_ranking(dense, starts, right, np.zeros(36), 2.0)
print(found.dense.tobytes().hex(), found.hashed.tobytes().hex(), weights.tobytes().hex())
"""
    outputs = set()
    for threads in ("1", "2"):
        environment = {
            **os.environ,
            "OPENBLAS_NUM_THREADS": threads,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        outputs.add(done.stdout)
    assert len(outputs) == 1


@pytest.mark.parametrize("seed", range(4))
def test_ranking_minimizes_its_loss(seed):
    chance = np.random.default_rng(seed)
    sizes = chance.integers(2, 6, 25)
    starts = np.concatenate(([0], np.cumsum(sizes)))
    features, prior = chance.normal(size=(starts[-1], 4)), chance.normal(size=4)
    right = np.zeros(starts[-1], dtype=bool)
    for start, stop in pairwise(starts.tolist()):  # mostly the first feature decides, and sometimes two are right
        right[start + np.argmax(features[start:stop, 0])] = True
        if stop - start > 2:
            right[start + chance.integers(stop - start)] = True

    def loss(weights):
        scores = np.exp(features @ weights)
        groups = [slice(*pair) for pair in pairwise(starts)]
        lost = -sum(np.log(scores[own][right[own]].sum() / scores[own].sum()) for own in groups)
        return lost + 0.5 * 2.0 * (weights - prior) @ (weights - prior)

    found = learners.fit_ranking(features, starts, right, prior, 2.0)
    best = newton(loss, prior)
    assert loss(found) == pytest.approx(loss(best), rel=1e-4)
    assert found == pytest.approx(best, abs=0.05)
    assert learners.fit_ranking(features, starts, right, prior, 1e9) == pytest.approx(prior, abs=1e-3)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.8, 0.9]), st.booleans()), max_size=20), st.integers(0, 9))
def test_best_threshold_equals_exhaustive_search(pairs, more):
    scores, right = np.array([s for s, _ in pairs]), np.array([r for _, r in pairs], dtype=bool)
    n_gold = int(right.sum()) + more
    threshold, f1 = train_model.find_best_threshold(scores, right, n_gold)
    expected = best_threshold(scores.tolist(), right.tolist(), n_gold)
    assert (threshold, f1) == (expected[0], pytest.approx(expected[1]))


# -------------------------------------------------------------------------------------------------------- training


def labeled(text, *marks):
    """Return a labeled text; marks: pieces with an id, None for NIL, or "?" if it is unknown."""
    own, at = [], 0
    for piece, one in marks:
        at = text.index(piece, at)
        own.append(LabeledMention(at, at + len(piece), () if one in (None, "?") else (one,), one != "?"))
        at += len(piece)
    return LabeledText(text, own)


def names_in(linker, text):
    return [(text[m.start : m.stop], m.entry) for m in linker.link([text])[0]]


def trained(entries, texts, **options):
    linker = Linker(entries, Linking(**options))
    linker.train(texts)
    return linker


CITIES = "京津沪渝宁杭苏锡常镇泰扬通盐徐宿淮连湖嘉绍金衢丽台温甬舟"


def test_rarely_labeled_name_is_not_linked():
    entries = [Entry("1", "小米"), Entry("2", "的时候")]
    texts = [labeled(f"{city}的时候{city}小米{city}", ("小米", "1")) for city in CITIES]
    assert names_in(Linker(entries), "我的时候说小米。") == [("的时候", "2"), ("小米", "1")]
    assert names_in(trained(entries, texts), "我的时候说小米。") == [("小米", "1")]


def test_links_follow_labeled_links():
    entries = [Entry("1", "小米", (), (), [("p", "1"), ("q", "2")]), Entry("2", "小米"), Entry("3", "苹果")]
    texts = [labeled(f"{city}小米{city}", ("小米", "2")) for city in CITIES]
    assert names_in(Linker(entries), "有小米。") == [("小米", "1")]
    assert names_in(trained(entries, texts), "有小米。") == [("小米", "2")]


def test_unlisted_names_are_learned():
    entries = [Entry("1", "小米"), Entry("2", "苹果")]
    texts = [labeled(f"{city}红米{city}和Mi{city}", ("红米", "1"), ("Mi", "2")) for city in CITIES]
    assert names_in(Linker(entries), "红米和MI。") == []
    assert names_in(trained(entries, texts), "红米和MI、mix。") == [("红米", "1"), ("MI", "2")]


def test_next_word_decides_about_a_mention():
    fruits = ["苹果", "香蕉", "草莓", "菠萝"]
    entries = [Entry(str(number), name) for number, name in enumerate(fruits)]
    texts = [
        labeled(f"{city}{name}{what}{city}", *([(name, str(number))] if what == "手机" else []))
        for city in CITIES[:12]
        for number, name in enumerate(fruits[:3])
        for what in ("手机", "水汁")
    ]
    linker = trained(entries, texts)
    assert names_in(linker, "买苹果手机，喝苹果水汁") == [("苹果", "0")]
    assert names_in(linker, "买菠萝手机，喝菠萝水汁") == [("菠萝", "3")]


def test_entry_type_decides_about_a_mention():
    entries = [Entry(city, f"{city}城", (), ["City" if at % 2 else "Fruit"]) for at, city in enumerate(CITIES)]
    texts = [
        labeled(f"在{city}城", *([(f"{city}城", city)] if at % 2 else []))
        for at, city in enumerate(CITIES[:-2])
        for _ in range(2)
    ]
    linker = trained(entries, texts)
    assert names_in(linker, f"{CITIES[-2]}城和{CITIES[-1]}城") == [(f"{CITIES[-1]}城", CITIES[-1])]


def test_ranking_generalizes_to_other_names():
    entries = []
    for city in CITIES:
        entries += [Entry(f"{city}1", f"{city}城", (), (), [("p", "1"), ("q", "2")]), Entry(f"{city}2", f"{city}城")]
    texts = [labeled(f"在{city}城", (f"{city}城", f"{city}2")) for city in CITIES[:-1]]
    text = f"在{CITIES[-1]}城"
    assert names_in(Linker(entries), text) == [(text[1:], f"{CITIES[-1]}1")]
    assert names_in(trained(entries, texts), text) == [(text[1:], f"{CITIES[-1]}2")]


def test_labels_without_ids_train_mentions_only():
    entries = [Entry("1", "小米"), Entry("2", "的时候")]
    texts = [labeled(f"{city}的时候{city}小米{city}和红米", ("小米", "?"), ("红米", "?")) for city in CITIES]
    linker = trained(entries, texts)
    assert linker.model.link is linker.model.mention
    assert names_in(linker, "我的时候说小米，红米。") == [("小米", "1"), ("红米", NIL)]


def test_labels_without_ids_do_not_count_against_links():
    entries = [Entry("1", "小米"), Entry("2", "苹果")]
    some = [labeled(f"{city}小米{city}，苹果", ("小米", "1"), ("苹果", "2")) for city in CITIES[:8]]
    none = [labeled(f"{city}小米{city}，苹果", ("小米", "?"), ("苹果", "?")) for city in CITIES[8:]]
    assert names_in(trained(entries, [*some, *none]), "有小米。") == [("小米", "1")]


def test_labeled_nil_is_learned():
    entries = [Entry("1", "小米")]
    texts = [labeled(f"{city}小米手机{city}", ("小米", "1")) for city in CITIES]
    texts += [labeled(f"{city}小米稀饭{city}", ("小米", None)) for city in CITIES]
    texts += [labeled(f"{city}小米吧{city}") for city in CITIES]
    linker = trained(entries, texts)
    assert names_in(linker, "那小米手机") == [("小米", "1")]
    assert names_in(linker, "那小米稀饭") == [("小米", NIL)]
    assert names_in(linker, "那小米吧") == []
    linker.linking = Linking(nil="drop")
    assert names_in(linker, "那小米稀饭") == []


@pytest.fixture(scope="module")
def tagging_linker():
    names = [one + other for one in CITIES[::2] for other in CITIES[1::4]]
    texts = [labeled(f"今天{name}说了很多话", (name, None)) for name in names]
    return trained([Entry("1", "小米")], texts)


def test_tagger_finds_unlisted_names(tagging_linker):
    model = tagging_linker.model
    assert model.tagger is not None
    likely = Linker.from_model(replace(model, mention_threshold=0.5), Linking())
    assert names_in(likely, "今天曹操说了很多话") == [("曹操", NIL)]
    assert names_in(likely, "今天说了很多话") == []
    assert array_contents(LinkingModel.from_arrays(model.arrays(), model.lexicon.base)) == array_contents(model)


def test_labels_with_several_or_unknown_ids():
    entries = [Entry("1", "小米"), Entry("2", "小米")]
    texts = [LabeledText(f"{city}小米", [LabeledMention(1, 3, ("2", "没有"), True)]) for city in CITIES]
    assert names_in(trained(entries, texts), "有小米") == [("小米", "2")]
    texts = [labeled(f"{city}小米", ("小米", "没有")) for city in CITIES]
    assert names_in(trained(entries, texts), "有小米") == [("小米", NIL)]


SOME = [
    Entry("c", "小米", ["小米科技", "MI"], ["Company"], [("总部", "北京"), ("产品", "手机"), ("年", "2010")]),
    Entry("g", "小米", ["粟"], ["Food", "Plant"], [("科", "禾本科"), ("年", "-8000")]),
    Entry("a", "苹果", ["Apple"], ["Company"], [("总部", "加州"), ("产品", "手机"), ("年", "1976")]),
    Entry("f", "苹果", ["apple"], ["Food", "Plant"], [("科", "蔷薇科")]),
    Entry("b", "alpha beta", ["Beta Alpha", "fine"], [], [("总部", "北京")]),
    Entry("x", "北京"),
]


@cache
def some_base():
    return built(SOME)


PARTS = [
    *("小米", "苹果", "手机", "北京", "粟", "MI", "mi", "Alpha betas", "alpha beta (AB)", "AB", "ﬁne", "熬", "，"),
    *(" ", "《", "》", "红米"),
]


def some_labeled(n=60, seed=0):
    chance = np.random.default_rng(seed)
    texts = []
    for _ in range(n):
        text, marks = "", []
        for piece in chance.choice(PARTS, 8).tolist():
            if chance.random() < 0.6 and piece in ("小米", "苹果", "MI", "粟", "Alpha betas", "红米", "ﬁne"):
                one = {"粟": "g", "MI": "c", "Alpha betas": "b", "ﬁne": "b", "红米": "c"}.get(piece)
                one = one or ("cg" if piece == "小米" else "af")[int(chance.random() < 0.4)]
                ids = () if chance.random() < 0.1 else (one,)
                marks.append(LabeledMention(len(text), len(text) + len(piece), ids, True))
            text += piece
        texts.append(LabeledText(text, marks))
    return texts


@pytest.fixture(scope="module")
def linker():
    return trained(SOME, some_labeled())


some_texts = st.lists(
    st.lists(st.sampled_from([*PARTS, *PIECES, "\ud800", "İ", "今天", "曹操", "说了很多话"]), max_size=12).map("".join),
    max_size=6,
)


@given(some_texts, st.sampled_from(["best", "longest", "all"]), st.sampled_from(["none", "plain", "tagger"]))
def test_batch_is_linked_as_each_text_alone(linker, tagging_linker, texts, overlap, kind):
    texts = [*texts, *texts[:1], "𠮷"]
    models = {"none": LinkingModel.from_prior(linker.model.lexicon.base), "plain": linker.model}
    one = Linker.from_model(models.get(kind) or replace(tagging_linker.model, mention_threshold=0.01), Linking(overlap))
    assert one.link(texts) == [found for text in texts for found in one.link([text])]
    assert one.link(iter(texts)) == one.link(texts)


def test_long_batches_are_linked_as_each_text_alone(linker):
    texts = [one.text * (number % 40) for number, one in enumerate(some_labeled(50, 7))]
    one = Linker.from_model(linker.model, Linking())
    assert one.link(texts) == [found for text in texts for found in one.link([text])]


@given(some_texts)
def test_mentions_are_well_formed(linker, texts):
    for text, found in zip(texts, linker.link(texts), strict=True):
        assert [(m.start, m.stop) for m in found] == sorted((m.start, m.stop) for m in found)
        for mention, after in zip(found, [*found, None][1:], strict=True):
            assert 0 <= mention.start < mention.stop <= len(text) and 0 <= mention.score <= 1
            assert after is None or mention.stop <= after.start
            scores = [score for _, score in mention.candidates]
            assert scores == sorted(scores, reverse=True) and all(0 <= score <= 1 for score in scores)
            if mention.entry != NIL:
                assert mention.candidates[0] == (mention.entry, mention.score)


def array_contents(model):
    return {name: (str(array.dtype), array.shape, array.tobytes()) for name, array in model.arrays().items()}


def test_training_again_gives_the_same_bytes(linker):
    again = train(linker.model.lexicon.base, some_labeled()).model
    assert array_contents(again) == array_contents(linker.model)
    assert array_contents(train(built(SOME), some_labeled()).model) == array_contents(linker.model)


@pytest.mark.full
def test_training_in_another_process_gives_the_same_bytes(linker):
    code = (
        "import hashlib, test_linking as t; m = t.trained(t.SOME, t.some_labeled()).model;"
        "print(hashlib.sha256(repr(sorted(t.array_contents(m).items())).encode()).hexdigest())"
    )
    expected = hashlib.sha256(repr(sorted(array_contents(linker.model).items())).encode()).hexdigest()
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert done.stdout.decode().strip() == expected


def test_model_round_trips_through_arrays(linker):
    packed = io.BytesIO()
    np.savez(packed, **linker.model.arrays())
    packed.seek(0)
    with np.load(packed, allow_pickle=False) as arrays:
        model = LinkingModel.from_arrays({name: arrays[name] for name in arrays.files}, some_base())
    again = Linker.from_model(model, Linking())
    texts = [one.text for one in some_labeled(40, 3)]
    assert again.link(texts) == linker.link(texts)
    assert array_contents(model) == array_contents(linker.model)
    assert any(found for found in linker.link(texts))
    same = trained(SOME, [labeled("小米", ("小米", "?"))] * 5).model
    assert LinkingModel.from_arrays(same.arrays(), some_base()).link is not linker.model.link
    mapped = LinkingModel.from_arrays(same.arrays(), some_base())
    assert mapped.link is mapped.mention


def header_of(**changed):
    def change(arrays):
        header = {**json.loads(bytes(arrays["header"])), **changed}
        header = {name: value for name, value in header.items() if value is not None}
        return {**arrays, "header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)}

    return change


def bytes_of(data):
    return lambda arrays: {**arrays, "header": np.frombuffer(data, dtype=np.uint8)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (header_of(version=0), "version 0"),
        (header_of(version=None), "no model"),
        (header_of(features=[[], []]), "train it again"),
        (header_of(features=None), ""),
        (header_of(knowledge_base="00"), "another knowledge base"),
        (header_of(knowledge_base=None), ""),
        (bytes_of(b""), "no model"),
        (bytes_of(b"\xff\xfe"), "no model"),
        (bytes_of(b"[1]"), "no model"),
        (bytes_of(b"3"), "no model"),
        (lambda arrays: {}, "no model"),
        (lambda arrays: {name: array for name, array in arrays.items() if name != "ranking"}, ""),
        (lambda arrays: {name: array for name, array in arrays.items() if not name.startswith("mention.")}, ""),
        (lambda arrays: {name: array for name, array in arrays.items() if not name.startswith("statistics.")}, ""),
    ],
)
def test_invalid_model_is_an_error(linker, change, message):
    with pytest.raises(ModelError, match=message or None):
        LinkingModel.from_arrays(change(linker.model.arrays()), some_base())


def test_a_model_of_another_knowledge_base_is_an_error(linker):
    for entries in (SOME[:-1], [*SOME[:-1], Entry("y", "北京")], [*SOME[:-1], Entry("x", "南京")], SOME[::-1]):
        with pytest.raises(ModelError, match="another knowledge base"):
            LinkingModel.from_arrays(linker.model.arrays(), built(entries))


def test_knowledge_base_round_trips_through_arrays(linker):
    base = KnowledgeBase.from_arrays(some_base().arrays())
    again = Linker.from_model(LinkingModel.from_arrays(linker.model.arrays(), base), Linking("all"))
    linker = Linker.from_model(linker.model, Linking("all"))
    texts = [one.text for one in some_labeled(40, 4)]
    assert again.link(texts) == linker.link(texts)


# ---------------------------------------------------------------------------------------------- training examples


@pytest.fixture
def contexts(monkeypatch):
    """Collect the contexts of training in order, twice; there is no tagger."""
    monkeypatch.setattr(train_model.tagging, "train", lambda texts, mentions, folds: (None, None))
    seen = []
    real = mention_model.stack_features

    def spy(context, mentions):
        seen.append(context)
        return real(context, mentions)

    monkeypatch.setattr(mention_model, "stack_features", spy)
    return seen


def sources(context):
    joined = "".join(map(chr, context.text.folded.source.tolist()))
    bounds = [*context.text.folded.starts.tolist(), len(joined)]
    return [joined[start : stop - 1] for start, stop in pairwise(bounds)]


def slow_counts(texts, base, learned, numbers):
    """Return rows for `Counted`."""
    rows = []
    for one in texts:
        text = Text(one.text, base, learned)
        gold = {(mark.start, mark.stop): mark for mark in one.mentions}
        for form, spans in text.forms.items():
            marks = [gold[text.spans[span]] for span in spans if text.spans[span] in gold]
            ids = [numbers[one] for mark in marks for one in mark.ids if one in numbers]
            rows.append((form, len(spans), len(marks), ids))
    return rows


def assert_equal_counts(statistics, counted, names):
    numbers = statistics.slots.find(hash_strings(names))
    assert statistics.n_occurrences[numbers].tolist() == [counted.n_occurrences[name] for name in names]
    assert statistics.n_mentions[numbers].tolist() == [counted.n_mentions[name] for name in names]
    for name, number in zip(names, numbers.tolist(), strict=True):
        own = slice(statistics.starts[number], statistics.starts[number + 1])
        links = dict(zip(statistics.entries[own].tolist(), statistics.counts[own].tolist(), strict=True))
        assert links == counted.links.get(name, {})
    assert statistics.n_links.tolist() == [counted.n_links[entry] for entry in range(len(statistics.n_links))]


def test_training_counts_exclude_the_own_fold(contexts):
    texts = list({one.text: one for one in some_labeled(40, 5)}.values())
    texts += texts[:7]
    base, numbers = Base(SOME), {entry.id: number for number, entry in enumerate(SOME)}
    model = train(some_base(), texts).model
    marked = [fold(one.text[mark.start : mark.stop]) for one in texts for mark in one.mentions]
    learned = [name for name in dict.fromkeys(marked) if name not in base.names]
    assert model.lexicon.learned_names == learned
    rows = {one.text: slow_counts([one], base, learned, numbers) for one in texts}
    folds = {text: number % train_model.N_FOLDS for number, text in enumerate(rows)}
    names = sorted({*base.names, *learned, "alpha betas", "ab", "没有"})
    everything = Counted([row for one in texts for row in rows[one.text]])
    assert_equal_counts(model.statistics, everything, names)
    for context in contexts:
        (fold_,) = {folds[text] for text in sources(context)}
        others = [row for one in texts if folds[one.text] != fold_ for row in rows[one.text]]
        assert_equal_counts(context.statistics, Counted(others), names)
    assert {text for context in contexts for text in sources(context)} == {*rows}


def test_training_examples_equal_their_definition(contexts, monkeypatch):
    learned = []
    real = train_model.fit_logistic_regression

    def spy(rows, is_right, *options):
        learned.append((rows.dense, is_right))
        return real(rows, is_right, *options)

    monkeypatch.setattr(train_model, "fit_logistic_regression", spy)
    texts = list({one.text: one for one in some_labeled(50, 2)}.values())
    for at in range(0, len(texts), 7):  # some mentions without an id
        texts[at] = replace(
            texts[at], mentions=[LabeledMention(m.start, m.stop, (), False) for m in texts[at].mentions]
        )
    model = train(some_base(), texts).model
    base, numbers = Base(SOME), {entry.id: number for number, entry in enumerate(SOME)}
    rows = {one.text: slow_counts([one], base, model.lexicon.learned_names, numbers) for one in texts}
    folds = {text: number % train_model.N_FOLDS for number, text in enumerate(rows)}
    by_text = {one.text: one for one in texts}
    weights = dict(zip(FEATURES, model.ranking.tolist(), strict=True))
    expected = []
    for text in [text for context in contexts[: len(contexts) // 2] for text in sources(context)]:
        counted = Counted([row for other in texts if folds[other.text] != folds[text] for row in rows[other.text]])
        mentions = MentionCandidates(
            LinkedMentions(Text(text, base, model.lexicon.learned_names), base, counted, PRIOR), weights
        )
        gold = {(mark.start, mark.stop): mark for mark in by_text[text].mentions}
        for span in mentions.spans:
            mark, best = gold.get(mentions.text.spans[span]), mentions.best(span)[0]
            is_right = mark is not None and best is not None and SOME[best.entry].id in mark.ids
            has_label = mark is None or mark.has_id
            expected.append(([*map(float, mentions.features(span).values())], mark is not None, is_right, has_label))
    (dense, is_mention), (link_dense, is_right) = learned[train_model.N_FOLDS], learned[2 * train_model.N_FOLDS + 1]
    order = [list(mentions.features(span)).index(name) for name in mention_features.FEATURES]
    assert dense == pytest.approx(np.array([row for row, *_ in expected])[:, order], abs=1e-9)
    assert is_mention.tolist() == [one for _, one, _, _ in expected]
    assert is_right.tolist() == [one for _, _, one, has_label in expected if has_label]
    assert len(link_dense) == len(is_right) < len(is_mention)


def test_single_label_does_not_support_itself(contexts):
    texts = [labeled(f"{city}小米和{city}城", ("小米", "c"), (f"{city}城", "x")) for city in CITIES]
    train(some_base(), texts)
    for context in contexts:
        mentions = context.find_mentions()
        keys = hash_strings([f"{text[0]}城" for text in sources(context)]).tolist()
        once = np.isin(context.text.forms.keys, np.array(keys, dtype=np.uint64))
        assert once.sum() == len(keys)
        assert not context.candidates.name_numbers[once].any()
        assert not np.diff(context.candidates.starts)[once].any()
        assert not once[mentions.forms].any()


# ------------------------------------------------------------------------------------------------- small and large


@pytest.mark.parametrize("texts", [[], [LabeledText("", [])], [LabeledText("小米", []), LabeledText("没有名字", [])]])
def test_training_without_mentions_is_an_error(texts):
    with pytest.raises(ValueError, match="no labeled text has a mention"):
        Linker(SOME).train(texts)


@pytest.mark.parametrize(
    "texts",
    [
        [labeled("小米", ("小米", "c"))],
        [labeled("小米", ("小米", "c")), LabeledText("苹果", []), LabeledText("", [])],
        [labeled("小米", ("小米", None))],
        [labeled("小米", ("小米", "?"))],
        [LabeledText("小米", [LabeledMention(0, 2, ("c",), True), LabeledMention(0, 2, ("c",), True)])],
        [
            LabeledText("ﬁ", [LabeledMention(0, 1, ("b",), True)]),
            LabeledText("  ", [LabeledMention(0, 1, ("b",), True)]),
        ],
        [LabeledText("小米", [LabeledMention(0, 2, ("c",), True)])] * 6,
    ],
)
@pytest.mark.parametrize("entries", [SOME, []])
def test_training_on_few_texts(texts, entries):
    linker = trained(entries, texts)
    linker.link(["小米和苹果", ""])
    assert array_contents(LinkingModel.from_arrays(linker.model.arrays(), built(entries))) == array_contents(
        linker.model
    )


def test_no_entries_and_no_texts(linker):
    empty = Linker([])
    assert empty.link(["小米", "", "HF (heart failure)"]) == [[], [], []]
    assert linker.link([]) == empty.link([]) == []
    assert linker.link(["", " ", "\uffff"]) == [[], [], []]
    for one in (empty, linker):
        assert len(link_texts(one.model, [], Linking()).texts) == 0
        assert len(link_texts(one.model, [""], Linking()).texts) == 0
    assert names_in(trained([], [labeled(f"{city}红米", ("红米", None)) for city in CITIES]), "有红米") == [
        ("红米", NIL)
    ]


def test_text_that_is_a_name():
    assert names_in(Linker(SOME), "北京") == [("北京", "x")]
    assert names_in(Linker([Entry("1", "京")]), "京") == [("京", NIL)]
    assert names_in(Linker([Entry("1", "ＡＢＣ")]), "ABC") == [("ABC", "1")]
    assert names_in(Linker([Entry("1", "ABC")]), "abc") == []  # a word, most likely


def test_mentions_are_spans_of_the_given_text():
    linker = Linker(SOME)
    assert names_in(linker, "a ﬁne, ＡＰＰＬＥ; Alpha\n  Beta") == [
        ("ﬁne", "b"),
        ("ＡＰＰＬＥ", "a"),
        ("Alpha\n  Beta", "b"),
    ]
    assert names_in(linker, "小米\ud800小米") == [("小米", "c"), ("小米", "c")]


def test_homonyms_are_limited_to_the_most_prominent():
    entries = [Entry(str(n), "小米", (), (), [("p", str(k)) for k in range(n % 50)]) for n in range(3200)]
    linker = Linker([*entries, Entry("x", "苹果")])
    (mention, other) = linker.link(["小米和苹果"])[0]
    assert (len(mention.candidates), other.entry) == (64, "x")
    assert sorted(entry for entry, _ in mention.candidates) == sorted(str(n * 50 + 49) for n in range(64))


@pytest.mark.full
def test_long_text_of_one_character(linker):
    text = "米" * 200_000
    base = built([Entry("1", "米", ["米米"], (), [("p", "米米米")]), Entry("2", "米", (), (), [("p", "米米米")])])
    found = link_texts(LinkingModel.from_prior(base), [text, "米"], Linking())
    assert found.starts.tolist() == [*range(0, 200_000, 2), 0]
    assert set(found.stops[:-1] - found.starts[:-1]) == {2}
    assert link_texts(linker.model, [text], Linking()).starts.tolist() == []


def test_tagged_spans_become_mentions():
    case = Case([Entry("1", "cat")], [], [], ["catalog cat", "新词"], [[(0, 3, 0.9)], [(0, 2, 0.9)]])
    model = replace(LinkingModel.from_prior(case.base), tagger=Tags(case), mention_threshold=0.0)
    found = link_texts(model, case.texts, Linking())
    assert list(zip(found.texts.tolist(), found.starts.tolist(), found.entries.tolist(), strict=True)) == [
        (0, 0, 0),
        (0, 8, 0),
        (1, 0, -1),
    ]


def test_linker_uses_a_saved_model(tmp_path):
    entries = [Entry("1", "小米", facts=[("总部", "北京")]), Entry("2", "小米", facts=[("做法", "熬粥")])]
    texts = [LabeledText(f"{n}号小米真好", [LabeledMention(2, 4, ("1",), True)]) for n in range(9)]
    taught, other = Linker(entries), Linker(entries)
    taught.train(texts)
    np.savez(tmp_path / "model.npz", **taught.model.arrays())
    before = other.link(["小米呢"])
    with np.load(tmp_path / "model.npz") as arrays:
        other.load_model(arrays)
        assert other.link(["小米呢"]) == taught.link(["小米呢"]) != before
        with pytest.raises(ModelError, match="another knowledge base"):
            Linker(entries[:1]).load_model(arrays)
