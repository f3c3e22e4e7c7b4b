from itertools import combinations, pairwise

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.vocab import Vocab

from labeling.nlp.events.spans import BREAK_EVEN
from labeling.nlp.learn.linear import Examples, Linear
from labeling.nlp.learn.linear import fit as fit_linear
from labeling.nlp.learn.mixture import Calibration, Mixture, as_logs, calibrate, chosen, fit, merged_by_core
from labeling.nlp.learn.state import Learned, Settings
from labeling.nlp.learn.tags import ScoredSpan, Tags, TokenSpan, normalised

TAGS = Tags((("A", "B"),), 4)


def drawn(seed: int, documents: int = 30, tokens: int = 40) -> tuple[list[numpy.ndarray], list[dict]]:
    """Tags at random; an expert that mostly knows them, and one that knows nothing."""
    rng = numpy.random.default_rng(seed)
    tagged, opinions = [], []
    for _ in range(documents):
        right = rng.choice([0, 1, 3], size=tokens, p=[0.6, 0.2, 0.2])
        knows = rng.normal(size=(tokens, 5)).astype("float32")
        knows[numpy.arange(tokens), right] += 2.5
        tagged.append(right[:, None])
        opinions.append({"knows": normalised(knows, TAGS), "guesses": normalised(rng.normal(size=(tokens, 5)), TAGS)})
    return tagged, opinions


def test_weights_trust_the_part_that_knows():
    tagged, opinions = drawn(0)
    weights = fit(opinions, tagged, TAGS)
    assert weights["knows"] > 0.5
    assert weights.get("guesses", 0) < 0.1


def test_calibrated_probabilities_are_as_likely_as_they_are_right():
    rng = numpy.random.default_rng(0)
    said = rng.uniform(0.05, 0.95, size=4000)
    right = rng.uniform(size=4000) < said**2  # too sure
    likely = [[ScoredSpan(n, n + 1, "A", float(p)) for n, p in enumerate(said)]]
    gold = [[TokenSpan(n, n + 1, "A") for n in numpy.flatnonzero(right)]]
    doc = Doc(Vocab(), words=["word"] * len(said))
    found = Mixture({}, calibrate(likely, gold, [doc], ["A"])).calibrated(likely[0])
    ps = numpy.array([span.p for span in found])
    for low, high in ((0, 0.3), (0.3, 0.6), (0.6, 1)):
        inside = (ps >= low) & (ps < high)
        assert ps[inside].mean() == pytest.approx(right[inside].mean(), abs=0.06)


def test_calibration_without_anything_to_learn_from_changes_nothing():
    [span] = Mixture({}, calibrate([[]], [[]], [Doc(Vocab())], ["A"])).calibrated([ScoredSpan(0, 1, "A", 0.7)])
    assert span.p == pytest.approx(0.7)


def test_spans_that_articles_and_prepositions_alone_tell_apart_count_as_one():
    doc = Doc(Vocab(), words=["They", "live", "in", "the", "old", "town", "now"])
    likely = [
        ScoredSpan(2, 6, "A", 0.2),
        ScoredSpan(3, 6, "A", 0.3),
        ScoredSpan(4, 6, "A", 0.1),
        ScoredSpan(5, 6, "A", 0.15),
    ]
    whole, part = merged_by_core(likely, doc)
    assert whole == (3, 6, "A", pytest.approx(0.6))
    assert part == likely[3]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4), st.floats(0.01, 0.99)), max_size=8))
def test_chosen_spans_gain_most_of_all_that_do_not_overlap(drawn_spans):
    spans = [ScoredSpan(start, start + length, "A", p) for start, length, p in drawn_spans]
    found = chosen(spans, TAGS, {})
    assert all(a.end <= b.start for a, b in pairwise(found))
    best = max(
        sum(span.p - BREAK_EVEN for span in some)
        for size in range(len(spans) + 1)
        for some in combinations(spans, size)
        if all(a.end <= b.start or b.end <= a.start for a, b in combinations(some, 2))
    )
    assert sum(span.p - BREAK_EVEN for span in found) == pytest.approx(best)


def test_shown_spans_become_tags_with_their_scores():
    logs = as_logs([ScoredSpan(1, 3, "B", 0.9)], 4, TAGS)
    assert logs.argmax(axis=1).tolist() == [0, 3, 4, 0]
    assert numpy.exp(logs[1, 3]) == pytest.approx(0.9, abs=0.05)


def test_a_regression_learns_from_symbols_and_numbers_and_survives_its_bytes():
    rng = numpy.random.default_rng(0)
    right = rng.choice([0, 1], size=600)
    symbols = numpy.stack([right + 10, rng.integers(1, 5, size=600)]).astype(numpy.uint64)
    numbers = rng.normal(size=(600, 3)).astype("float32")
    learned = fit_linear(Examples(symbols, numbers.copy(), right[:, None]), TAGS, 1.0)
    assert (learned.logs(symbols, numbers, TAGS).argmax(axis=1) == right).all()
    calibration = Calibration(slope=0.5, intercepts={"A": 0.1})
    settings_ = Settings(layers=TAGS.layers, longest=4, weights={"x": 1.0}, calibration=calibration)
    again = Learned.of(Learned(settings_, {"x": learned}).files())
    assert again.settings == settings_
    assert isinstance(again.regressions["x"], Linear)
    assert (again.regressions["x"].logs(symbols, numbers, TAGS) == learned.logs(symbols, numbers, TAGS)).all()


@pytest.mark.parametrize("name", ["learned.json", "learned.npz"])
def test_damaged_files_are_told(name):
    from labeling.errors import ModelError

    files = Learned(
        Settings(layers=TAGS.layers, longest=4, weights={}, calibration=Calibration(intercepts={})), {}
    ).files()
    with pytest.raises(ModelError, match="cannot be read"):
        Learned.of(files | {name: files[name][: len(files[name]) // 2]})
