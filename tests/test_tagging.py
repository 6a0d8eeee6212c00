"""The tagger: comparison with slow definitions, and learning of patterns in toy corpora."""

import itertools
import os
import random
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from kxcli.mining.linking.tagger import MIN_PROBABILITY, TaggedSpans, Tagger, train
from kxcli.mining.linking.tagger.crf import Chains, compute_posterior
from kxcli.mining.linking.tagger.tag_weights import FeatureSpace, TagWeights, unpack_scores
from kxcli.mining.linking.tagger.tagger import tokenize_windows
from kxcli.mining.linking.tagger.token_features import TokenFeatures
from kxcli.mining.linking.tagger.token_layout import MAX_CHAIN, PADS, iter_blocks
from kxcli.mining.text.character_tables import make_spaced_table

pytestmark = pytest.mark.full

TAGS = "BIESO"
ODD = [
    "\x00",
    "\n",
    "\r\n",
    "\ud800",
    "\uffff",
    "𠮷",
    "😀",
    "ﬁ",
    "İ",
    " ",
    "\u3000",
    "。",
    "。”",
    ". A",
    "? ",
    "①",
    "e\u0301",
]
PLAIN = ["小米", "北京大学", "Apple", "beta-catenin", "2019", "《", "》", "(", ")", "ｱ"]
texts_of_odd = st.lists(
    st.lists(
        st.one_of(st.sampled_from(ODD + PLAIN), st.text(max_size=3)),
        max_size=9,
    ).map("".join),
    max_size=5,
)


def tuples(spans):
    return list(zip(*(part.tolist() for part in spans), strict=True))


def chinese(n, seed=0):
    """Return texts with titles in 《》 and names after 教授, and their positions."""
    draw = random.Random(seed)
    letters = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏"
    texts, mentions = [], []
    for _ in range(n):
        title = "".join(draw.choices(letters, k=draw.randint(2, 4)))
        name = "".join(draw.choices(letters, k=2))
        text = draw.choice(["昨天看了", "我喜欢", "大家都在读"]) + f"《{title}》"
        text += draw.choice(["这本书", "，很好看", ""])
        start = text.index(title)
        spans = [(start, start + len(title))]
        if draw.random() < 0.5:
            text += "，作者是教授"
            spans.append((len(text), len(text) + 2))
            text += name + draw.choice(["。", "先生", "的学生"])
        texts.append(text)
        mentions.append(spans)
    return texts, mentions


def english(n, seed=0):
    """Return texts with words in -itis, with or without an adjective, and their positions."""
    draw = random.Random(seed)
    texts, mentions = [], []
    for _ in range(n):
        name = "".join(draw.choices("bdfglmnprst", k=2)) + "".join(draw.choices("aeou", k=2)) + "itis"
        name = draw.choice(["acute ", "chronic ", ""]) + name
        text = draw.choice(["Patients with ", "We report a case of ", "Treatment of "])
        mentions.append([(len(text), len(text) + len(name))])
        texts.append(text + name + draw.choice([" were treated in hospital.", " was found. The dose was high.", "."]))
    return texts, mentions


@pytest.fixture(scope="module")
def trained():
    texts, mentions = chinese(300)
    english_texts, english_mentions = english(200)
    return train(texts + english_texts, mentions + english_mentions)


def follows(before, after):
    return after in ("IE" if before in "BI" else "BSO")


def legal(length):
    """Yield all legal sequences of tags."""
    for tags in itertools.product(TAGS, repeat=length):
        if tags[0] in "BSO" and tags[-1] in "ESO" and all(map(follows, tags, tags[1:])):
            yield tags


def spans_of(tags):
    start = 0
    for place, tag in enumerate(tags):
        if tag in "BS":
            start = place
        if tag in "ES":
            yield start, place + 1


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 99), st.sampled_from([1, 4, 11]))
def test_probabilities_equal_sums_over_legal_sequences(lengths, seed, size):
    lengths, draw = np.array(lengths), random.Random(seed)
    starts = np.cumsum(lengths + PADS) - lengths
    scores = np.array([[draw.uniform(-size, size) for _ in range(4)] for _ in range(int(starts[-1] + lengths[-1]))])
    chains = Chains(starts, lengths)
    result = compute_posterior(chains, np.exp(scores[chains.at].T.astype(np.float32)))
    marginals = dict(zip(chains.at.tolist(), result.compute_marginals().T, strict=True))
    gold = np.array([4] * len(chains.at), dtype=np.int8)
    found = {(c, s, s + n): p for c, s, n, p in zip(*(part.tolist() for part in result.find_spans(1e-6)), strict=True)}
    outside = 0.0
    for chain, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        weights = {
            tags: np.exp(sum(scores[start + t][TAGS.index(tag)] for t, tag in enumerate(tags) if tag != "O"))
            for tags in legal(length)
        }
        whole = sum(weights.values())
        outside -= np.log(weights[("O",) * length] / whole)
        for t in range(length):
            expected = [sum(w for tags, w in weights.items() if tags[t] == tag) / whole for tag in TAGS[:4]]
            np.testing.assert_allclose(marginals[start + t], expected, atol=2e-5)
        for span in itertools.combinations(range(length + 1), 2):
            expected = sum(w for tags, w in weights.items() if span in spans_of(tags)) / whole
            assert found.get((chain, *span), 0) == pytest.approx(expected, abs=2e-5)
    if size < 11:
        assert result.compute_loss(gold) == pytest.approx(outside, rel=1e-3, abs=1e-3)


def slow_tokens(text):
    """Return the tokens: runs of letters of spaced scripts, and other characters but white space."""
    spaced = [bool(make_spaced_table()[min(ord(character), 0x20000)]) for character in text]
    groups = itertools.groupby(range(len(text)), lambda place: "run" if spaced[place] else place)
    runs = [list(places) for _, places in groups]
    return [(run[0], run[-1] + 1) for run in runs if not text[run[0]].isspace()]


@given(texts_of_odd)
def test_tokens_are_words_or_characters(texts):
    for windows in iter_blocks(texts):
        layout = tokenize_windows(windows)
        found = [[] for _ in texts]
        is_token = np.zeros(len(layout), dtype=bool)
        for start, length in zip(layout.chain_starts.tolist(), layout.chain_lengths.tolist(), strict=True):
            assert 0 < length <= MAX_CHAIN
            assert not is_token[start - PADS : start + length + PADS].any()
            is_token[start : start + length] = True
            text = int(np.searchsorted(layout.window_starts, layout.starts[start], side="right")) - 1
            first = int(layout.window_starts[text])
            found[text] += [
                (int(layout.starts[slot]) - first, int(layout.stops[slot]) - first)
                for slot in range(start, start + length)
            ]
        assert found == list(map(slow_tokens, texts))
        assert not layout.kinds[~is_token].any()
        assert int(layout.word_lengths.sum()) == len(layout)


def slow_repeated(tokens):
    """Return for each pair of a chain 1 if it occurs earlier, plus 2 if it occurs later."""
    pairs = list(itertools.pairwise(tokens))
    return [(pairs[n] in pairs[:n]) + 2 * (pairs[n] in pairs[n + 1 :]) for n in range(len(pairs))] + [0]


@given(st.lists(st.text(alphabet="天地a", max_size=12), max_size=6))
def test_repeated_pairs_are_marked(texts):
    texts = [" ".join(text) if number % 2 else text for number, text in enumerate(texts)]
    for windows in iter_blocks(texts):
        layout = tokenize_windows(windows)
        numbers = TokenFeatures.extract(layout).numbers["repeated"]
        for start, length in zip(layout.chain_starts.tolist(), layout.chain_lengths.tolist(), strict=True):
            slots = slice(start, start + length)
            tokens = [*zip(layout.hashes[slots].tolist(), strict=True)]
            gaps = layout.gaps[slots].tolist()
            if len(set(gaps[1:])) < 2:
                assert (numbers[slots] >> 4 & 3).tolist() == slow_repeated(tokens)


@settings(max_examples=10)
@given(texts_of_odd, st.integers(0, 9))
def test_scores_equal_sums_over_columns(texts, seed):
    known = [
        TokenFeatures.extract(tokenize_windows(windows))
        for windows in iter_blocks([*chinese(20)[0], *english(20)[0], *texts[::2]])
    ]
    space = FeatureSpace.fit(known)
    draw = np.random.default_rng(seed)
    raw = draw.normal(size=(space.n_rows, 4)).astype(np.float32)
    used = np.unique(np.concatenate([space.find_columns(features).ravel() for features in known]))
    raw[np.setdiff1d(np.arange(space.n_rows), used[used > 0])] = 0  # features that do not occur have no weight
    weights = TagWeights.quantize(space, raw, draw.normal(size=4).astype(np.float32))
    for windows in iter_blocks([*texts, *chinese(3, 7)[0]]):
        features = TokenFeatures.extract(tokenize_windows(windows))
        columns = space.find_columns(features)
        expected = weights.prior + weights.units.astype(np.int64)[columns].sum(axis=1)
        scores = weights.compute_scores(features)
        np.testing.assert_array_equal(unpack_scores(scores), expected)
        expected = np.exp(np.clip(expected / 2.0**weights.bits, -12, 12)).T
        np.testing.assert_allclose(weights.compute_exponentials(scores), expected, rtol=1e-6)


@given(texts_of_odd)
def test_spans_do_not_depend_on_other_texts(trained, texts):
    tagger = trained[0]
    texts = [*chinese(4, 3)[0], *english(4, 3)[0], *texts]
    together = tuples(tagger.find_spans(texts))
    alone = [(n, *rest) for n, text in enumerate(texts) for _, *rest in tuples(tagger.find_spans([text]))]
    assert together == alone
    assert together == sorted(together)
    assert tuples(tagger.find_spans(texts, min_probability=0.3)) == [
        span for span in together if span[3] >= np.float32(0.3)
    ]
    for number, start, stop, probability in together:
        assert MIN_PROBABILITY <= probability <= 1
        tokens = slow_tokens(texts[number])
        assert start in {token[0] for token in tokens}
        assert stop in {token[1] for token in tokens}


def test_blocks_do_not_change_spans(trained):
    texts = chinese(3000, 4)[0]
    texts.insert(1500, "，".join(texts[:4000]) * 2)
    assert len(list(iter_blocks(texts))) > 2
    whole = tuples(trained[0].find_spans(texts))
    some = tuples(trained[0].find_spans(texts[1400:1600]))
    assert [(n + 1400, *rest) for n, *rest in some] == [span for span in whole if 1400 <= span[0] < 1600]


def best(spans, threshold=0.4):
    return {(text, start, stop) for text, start, stop, probability in tuples(spans) if probability > threshold}


@pytest.mark.parametrize("corpus", [chinese, english])
def test_pattern_is_learned(trained, corpus):
    texts, mentions = corpus(100, seed=11)
    gold = {(number, *span) for number, spans in enumerate(mentions) for span in spans}
    found = best(trained[0].find_spans(texts))
    assert len(found & gold) > 0.9 * max(len(gold), len(found))


def test_held_out_spans_do_not_depend_on_own_labels():
    texts, mentions = english(120)
    texts = [text.replace("itis", "") for text in texts]  # the rest of the word is not regular
    mentions = [[(start, min(stop, len(text)) - 4)] for text, ((start, stop),) in zip(texts, mentions, strict=True)]
    folds = np.repeat([7, 3], 60)
    spans = train(texts, mentions, folds)[1]
    assert spans.texts.max() >= 60 > spans.texts.min()
    changed = [*mentions[:60], *[[] for _ in range(60)]]
    again = train(texts, changed, folds)[1]
    # the spans of the first half depend on the labels of the second half alone, which are removed
    assert not (again.probabilities[again.texts < 60] > 0.5).any()
    assert (spans.probabilities[spans.texts < 60] > 0.5).any()


def test_training_does_not_depend_on_hash_seed():
    program = (
        "import hashlib, test_tagging as t\n"
        "tagger, spans = t.train(*t.chinese(60))\n"
        "parts = [*sorted(tagger.arrays().items()), *spans._asdict().items()]\n"
        "print(hashlib.sha256(b''.join(n.encode() + a.tobytes() for n, a in parts)).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_stored_tagger_equals_trained_one(trained, tmp_path):
    tagger = trained[0]
    np.savez(tmp_path / "model.npz", **tagger.arrays())
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        mapped = Tagger.from_arrays(arrays)
    texts = chinese(50, 5)[0] + english(50, 5)[0]
    assert tuples(mapped.find_spans(texts)) == tuples(tagger.find_spans(texts))
    for name, array in tagger.arrays().items():
        np.testing.assert_array_equal(array, mapped.arrays()[name])


@pytest.mark.parametrize(
    ("texts", "mentions"),
    [
        ([], []),
        ([""], [[]]),
        (["", "\n", " "], [[], [], []]),
        (["小米好"], [[(0, 2)]]),
        (["小米好", "Apple is a company."] * 4, [[]] * 8),
        (["\ud800\x00\n小米", "a\udfffb"], [[(3, 5)], [(0, 3)]]),
        (["小米好"], [[(0, 2), (0, 2), (1, 3), (2, 2), (0, 99), (-1, 2)]]),
    ],
)
def test_any_labels_can_be_trained_on(texts, mentions):
    tagger, spans = train(texts, mentions)
    assert set(spans.texts.tolist()) <= set(range(len(texts)))
    for number, start, stop, _ in tuples(tagger.find_spans([*texts, "小米"])):
        assert 0 <= start < stop <= len([*texts, "小米"][number])


def test_no_mentions_train_a_tagger_without_spans():
    texts = chinese(40)[0]
    tagger, spans = train(texts, [[] for _ in texts])
    assert not len(spans.texts)
    assert not len(tagger.find_spans(texts).texts)


def test_first_and_longest_of_overlapping_mentions_is_learned():
    texts, mentions = chinese(200)
    nested = [[(start + 1, stop), (start, start + 1), *spans] for spans in mentions for start, stop in spans[:1]]
    one, other = train(texts, mentions)[0].arrays(), train(texts, nested)[0].arrays()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name])


def test_unequal_numbers_raise():
    for arguments in ((["a"], []), (["a"], [[]], np.array([0, 1]))):
        with pytest.raises(ValueError, match="numbers of texts"):
            train(*arguments)


@pytest.mark.parametrize("text", ["米" * 1_000_000, "a" * 1_000_000, "ab " * 300_000, "《" * 300_000, "\n" * 100_000])
def test_long_texts_without_sentences_are_tagged(trained, text):
    spans = trained[0].find_spans([text])
    assert (spans.stops - spans.starts > 0).all()


def test_positions_in_long_texts_are_right(trained):
    texts, mentions = chinese(2500, 8)
    whole, gold = "", set()
    for text, spans in zip(texts, mentions, strict=True):
        gold |= {(0, len(whole) + start, len(whole) + stop) for start, stop in spans}
        whole += text + "。"
    found = best(trained[0].find_spans([whole]))
    assert len(found & gold) > 0.9 * max(len(gold), len(found))


def test_no_texts_have_no_spans(trained):
    assert isinstance(trained[0].find_spans([]), TaggedSpans)
    assert tuples(trained[0].find_spans([])) == tuples(trained[0].find_spans(["", " ", "\n"])) == []
