"""Bootstrap intervals over documents, held against a plain implementation that draws one document at a time."""

import random
from math import isnan
from statistics import quantiles
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.core import bootstrap
from labeling.core.bootstrap import (
    Difference,
    Interval,
    differences,
    f_scores,
    intervals,
    label_f,
    macro_f,
    micro_f,
    precisions,
    recalls,
    resampled,
)


def interval(counts: Any, statistic: Any = micro_f, **options: Any) -> Interval:
    """One statistic of `counts`."""
    return intervals(counts, {0: statistic}, **options)[0]


def paired(counts: Any, others: Any, statistic: Any = micro_f, **options: Any) -> Difference:
    """One statistic of `counts` less that of `others`."""
    return differences(counts, others, {0: statistic}, **options)[0]


def some_counts(documents: int, labels: int = 2, seed: int = 0) -> numpy.ndarray:
    """Counts of a test: of 1 to 8 gold spans a label in a document, some are found, and some others too."""
    numbers = numpy.random.default_rng(seed)
    gold = numbers.integers(1, 9, (documents, labels))
    right = numbers.integers(0, gold + 1)
    return numpy.stack([right, right + numbers.integers(0, 3, (documents, labels)), gold], axis=-1)


def plain_f(documents: list[list[list[int]]]) -> float:
    right, found, gold = (sum(label[i] for document in documents for label in document) for i in range(3))
    precision, recall = right / found, right / gold
    return 2 * precision * recall / (precision + recall)


def plain_bounds(figures: list[float]) -> tuple[float, float]:
    cuts = quantiles(figures, n=40, method="inclusive")
    return cuts[0], cuts[-1]


def test_interval_is_that_of_the_plain_way():
    counts = some_counts(30)
    documents, numbers = counts.tolist(), random.Random(1)
    low, high = plain_bounds([plain_f(numbers.choices(documents, k=30)) for _ in range(4000)])
    found = interval(counts)
    assert found.point == pytest.approx(plain_f(documents), abs=1e-4)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01)


def test_paired_is_that_of_the_plain_way():
    counts, others = some_counts(30), some_counts(30)
    others[::3, :, bootstrap.RIGHT] //= 2
    pairs, numbers = list(zip(counts.tolist(), others.tolist(), strict=True)), random.Random(1)
    drawn = [numbers.choices(pairs, k=30) for _ in range(4000)]
    figures = [plain_f([a for a, _ in each]) - plain_f([b for _, b in each]) for each in drawn]
    found = paired(counts, others)
    assert found.point == pytest.approx(plain_f(counts.tolist()) - plain_f(others.tolist()), abs=1e-4)
    assert (found.low, found.high) == pytest.approx(plain_bounds(figures), abs=0.01)
    assert found.share_better == pytest.approx(sum(figure > 0 for figure in figures) / 4000, abs=0.02)
    assert found.verdict == "better"


@pytest.mark.parametrize(
    ("sums", "precision", "recall", "f"),
    [
        ([3, 4, 6], 0.75, 0.5, 0.6),
        ([0, 2, 3], 0.0, 0.0, 0.0),
        ([0, 0, 3], None, 0.0, 0.0),
        ([0, 2, 0], 0.0, None, 0.0),
        ([0, 0, 0], None, None, None),
    ],
)
def test_rates_are_missing_where_there_is_nothing_to_count(sums: list[int], precision, recall, f):
    found = [float(rate(numpy.array(sums))) for rate in (precisions, recalls, f_scores)]
    assert [None if isnan(number) else number for number in found] == [precision, recall, f]


def test_micro_f_is_of_all_labels_together_and_macro_f_the_mean_of_those_of_the_gold():
    sums = numpy.array([[4, 4, 4], [0, 1, 2], [0, 5, 0]])
    assert micro_f(sums) == pytest.approx(8 / 16)
    assert macro_f(sums) == pytest.approx(0.5)
    assert f_scores(numpy.stack([sums, sums])).shape == (2, 3)


@given(st.integers(2, 12), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_interval_holds_its_bounds_in_order_and_is_the_same_again(documents: int, seed: int):
    counts = some_counts(documents, seed=seed)
    found = interval(counts, seed=seed, resamples=200)
    assert 0 <= found.low <= found.high <= 1
    assert found == interval(counts, seed=seed, resamples=200)


def test_resampled_sums_are_of_as_many_documents_as_there_are():
    ones = numpy.ones((7, 2, 3), int)
    assert (resampled(ones, resamples=50) == 7).all()


def test_resampled_in_parts_draws_like_in_one(monkeypatch: pytest.MonkeyPatch):
    counts = some_counts(40)
    monkeypatch.setattr(bootstrap, "CELLS", 40 * 16)
    found = interval(counts, resamples=3000)
    monkeypatch.undo()
    assert (found.low, found.high) == pytest.approx(
        (interval(counts, resamples=3000).low, interval(counts, resamples=3000).high), abs=0.01
    )


def test_intervals_share_their_resamples():
    counts = some_counts(20)
    found = intervals(counts, {"all": micro_f, "first": label_f(0)})
    assert found == {"all": interval(counts), "first": interval(counts, label_f(0))}


def test_intervals_of_a_label_that_is_rare_leave_out_the_resamples_without_it():
    counts = some_counts(10, labels=1)
    counts[1:] = 0
    assert interval(counts).low == interval(counts).point


def test_groups_are_drawn_together():
    counts = some_counts(12)
    twice = numpy.concatenate([counts, counts])
    assert interval(twice, groups=[*range(12), *range(12)]) == interval(counts)
    assert interval(twice).high - interval(twice).low < interval(counts).high - interval(counts).low


@pytest.mark.parametrize("groups", [None, ["a"] * 3])
def test_interval_of_one_document_or_group_has_no_bounds(groups):
    counts = some_counts(3 if groups else 1)
    found = interval(counts, groups=groups)
    assert found.point is not None
    assert (found.low, found.high) == (None, None)
    assert paired(counts, counts, groups=groups) == Difference(point=0.0, low=None, high=None, share_better=None)


def test_interval_of_nothing_has_no_figure():
    assert interval(numpy.zeros((5, 1, 3), int)).model_dump() == {"point": None, "low": None, "high": None}


def test_paired_of_one_model_with_itself_is_undecided():
    found = paired(some_counts(9), some_counts(9))
    assert found.model_dump() == {"point": 0.0, "low": 0.0, "high": 0.0, "share_better": 0.5}
    assert found.verdict == "undecided"
    assert found.documents_to_decide(9) is None


def test_differences_turned_round_are_the_same_with_the_other_sign():
    counts, others = some_counts(15), some_counts(15, seed=1)
    one, other = (differences(*pair, {0: micro_f})[0] for pair in ((counts, others), (others, counts)))
    assert (one.point, one.low, one.high) == pytest.approx((-other.point, -other.high, -other.low), abs=1e-4)
    assert one.share_better + other.share_better == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("point", "low", "high", "verdict", "documents"),
    [
        (0.04, 0.01, 0.07, "better", 100),
        (-0.04, -0.07, -0.01, "worse", 100),
        (0.02, -0.02, 0.06, "undecided", 400),
        (-0.01, -0.05, 0.04, "undecided", 2500),
        (0.0, -0.05, 0.05, "undecided", None),
    ],
)
def test_difference_says_what_it_means(point, low, high, verdict, documents):
    found = Difference(point=point, low=low, high=high, share_better=0.5)
    assert found.verdict == verdict
    assert found.documents_to_decide(100) == documents


def test_what_does_not_fit_is_an_error():
    with pytest.raises(ValueError, match="no documents"):
        interval(numpy.zeros((0, 1, 3), int))
    with pytest.raises(ValueError, match="2 groups for 3 documents"):
        interval(some_counts(3), groups=["a", "b"])
    with pytest.raises(ValueError, match="not of the same test"):
        paired(some_counts(3), some_counts(4))
