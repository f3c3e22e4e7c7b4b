from itertools import pairwise, product

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.nlp.learn.tags import LIKELY, MISSING, Tags, TokenSpan, legal, normalised

AB = Tags((("A", "B"),), 4)
APART = Tags((("A",), ("B",)), 4)


def test_tags_of_spans_and_what_nobody_knows():
    spans = [TokenSpan(0, 2, "A"), TokenSpan(3, 4, "B")]
    assert AB.of(spans, 6, [(4, 5)])[:, 0].tolist() == [1, 2, 0, 3, MISSING, 0]


def test_tags_of_overlapping_spans_keep_the_longer_one_and_do_not_call_the_rest_outside():
    spans = [TokenSpan(0, 3, "A"), TokenSpan(2, 4, "B")]
    assert AB.of(spans, 5)[:, 0].tolist() == [1, 2, 2, MISSING, 0]


def test_tags_in_layers_of_their_own_keep_both():
    spans = [TokenSpan(0, 3, "A"), TokenSpan(2, 4, "B")]
    assert APART.of(spans, 5).T.tolist() == [[1, 2, 2, 0, 0], [0, 0, 1, 2, 0]]


def by_all_sequences(logs: numpy.ndarray) -> dict[tuple[int, int, str], float]:
    """The probability of each span, by writing down every legal sequence of tags."""
    step = legal(2)
    found: dict[tuple[int, int, str], float] = {}
    total = 0.0
    for tags in product(range(5), repeat=len(logs)):
        if tags[0] in (2, 4) or any(not step[a, b] for a, b in pairwise(tags)):
            continue
        weight = float(numpy.exp(sum(logs[i, tag] for i, tag in enumerate(tags))))
        total += weight
        for start, tag in enumerate(tags):
            if tag in (1, 3):
                end = start + 1
                while end < len(tags) and tags[end] == tag + 1:
                    end += 1
                key = (start, end, "AB"[tag // 2])
                found[key] = found.get(key, 0.0) + weight
    return {key: weight / total for key, weight in found.items()}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_likely_spans_are_those_of_all_legal_sequences(seed, tokens):
    logs = normalised(numpy.random.default_rng(seed).normal(size=(tokens, 5), scale=2).astype("float32"), AB)
    wanted = {key: p for key, p in by_all_sequences(logs).items() if p >= LIKELY + 1e-4 and key[1] - key[0] <= 4}
    found = {(one.start, one.end, one.label): one.p for one in AB.candidates(logs)}
    assert found.keys() >= wanted.keys()
    assert {key: found[key] for key in wanted} == pytest.approx(wanted, abs=1e-4)


def test_likely_spans_do_not_cross_bounds():
    logs = numpy.full((4, 5), -9.0, dtype="float32")
    logs[0, 1], logs[1:, 2] = 0, 0  # one A over all four tokens, if it may
    logs[2, 1] = -0.5
    assert ("A", 0, 4) in {(s.label, s.start, s.end) for s in AB.candidates(logs)}
    assert {(s.start, s.end) for s in AB.candidates(logs, [2])} == {(0, 2), (2, 4)}


def test_no_tokens_have_no_spans():
    assert AB.candidates(numpy.zeros((0, 5), dtype="float32")) == []
