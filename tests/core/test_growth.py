"""Learning curves: a known law is found again, intervals hold what they should, and little is never made into much."""

import numpy
import pytest

from labeling.core.bootstrap import micro_f
from labeling.core.estimate import Estimate
from labeling.core.growth import PowerLaw, figure, fitted, growth

SIZES = [100, 200, 300, 400]
RIGHT, FOUND, GOLD = range(3)


def judged(f: float, documents: int = 200, seed: int = 0) -> numpy.ndarray:
    """Counts of documents with ten gold and ten found spans each, about the share `f` of them right."""
    counts = numpy.zeros((documents, 1, 3), int)
    counts[:, 0, FOUND] = counts[:, 0, GOLD] = 10
    counts[:, 0, RIGHT] = numpy.random.default_rng(seed).binomial(10, f, documents)
    return counts


@pytest.mark.parametrize(("a", "b", "c"), [(0.8, 2.0, 0.5), (0.95, 1.0, 0.2), (0.6, 30.0, 1.2), (0.4, 0.0, 0.5)])
def test_the_law_of_points_without_noise_is_found(a: float, b: float, c: float):
    law = PowerLaw(a=a, b=b, c=c)
    found = fitted(SIZES, [law.at(size) for size in SIZES])
    assert found
    for size in (*SIZES, 500):
        assert found.at(size) == pytest.approx(law.at(size), abs=0.002)


@pytest.mark.parametrize(
    "points",
    [{}, {1: 0.2, 2: 0.3}, {1: 0.2, 2: float("nan"), 3: 0.4}],
    ids=["none", "two", "two that are known"],
)
def test_fewer_than_three_points_give_no_curve(points: dict[int, float]):
    assert fitted([*points], [*points.values()]) is None


@pytest.mark.parametrize(
    "figures", [[0.5] * 4, [0.0] * 4, [1.0] * 4, [0.6, 0.5, 0.4, 0.3], [-0.9, -0.4, 0.1, 0.2]], ids=str
)
def test_a_curve_never_falls_and_never_passes_one(figures: list[float]):
    found = fitted(SIZES, figures)
    assert found
    values = [found.at(size) for size in (*SIZES, 500, 5000)]
    assert values == sorted(values)
    assert values[-1] <= 1.0


def test_growth_of_known_figures():
    truth = [0.50, 0.58, 0.62, 0.645]
    figures = [figure([judged(f, seed=n)], micro_f, range(200)) for n, f in enumerate(truth)]
    found = growth(SIZES, figures, 100)
    assert found.curve
    assert found.gain
    assert found.gain.more == 100
    assert 0 <= found.gain.low <= found.gain.point <= found.gain.high < 0.1
    assert found.last
    assert found.last.point == pytest.approx(0.025, abs=0.03)
    for f, one in zip(truth, figures, strict=True):
        assert one.interval.low < f < one.interval.high


def test_several_models_widen_the_interval():
    one = figure([judged(0.6)], micro_f, range(200)).interval
    three = figure([judged(0.5), judged(0.6), judged(0.7)], micro_f, range(200)).interval
    assert three.point == pytest.approx(one.point, abs=0.02)
    assert three.high - three.low > 2 * (one.high - one.low)


def test_one_document_or_one_group_has_no_interval():
    for groups in ([0], [7, 7]):
        found = figure([judged(0.6, documents=len(groups))], micro_f, groups).interval
        assert found.point is not None
        assert (found.low, found.high) == (None, None)
        assert growth([5], [figure([judged(0.6, len(groups))], micro_f, groups)], 100).gain is None


def test_nothing_found_and_nothing_gold_is_no_figure():
    found = [figure([numpy.zeros((3, 1, 3), int)], micro_f, range(3)) for _ in SIZES]
    assert found[0].interval.point is None
    assert growth(SIZES, found, 100).curve is None


@pytest.mark.parametrize(
    ("done", "waiting", "seconds"),
    [
        ([], [10], None),
        ([(100, 60.0)], [50, 25], 120),  # of one size only: as long as it took
        ([(100, 60.0), (50, 35.0)], [50, 20], 35 + 20),  # 10 s, and half a second a document
        ([(100, 50.0), (50, 10.0)], [20], 20 * 110 / 250),  # no time below nothing
        ([(100, 10.0), (50, 20.0)], [20, 20], 30),  # the smaller one took longer
        ([(100, 60.0)], [], 0),
    ],
)
def test_remaining_time_is_estimated_from_what_is_done(
    done: list[tuple[int, float]], waiting: list[int], seconds: float | None
):
    estimate = Estimate()
    for documents, took in done:
        estimate.add(documents, took)
    assert estimate.remaining(waiting) == (seconds if seconds is None else pytest.approx(seconds, rel=0.02))
