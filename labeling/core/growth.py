"""How a figure grows with the number of documents that a model was trained on, and what more of them would add.

The learning curve is a weighted inverse power law, f(n) = a − b·n^(−c): a is the limit of the figure, b what can be
gained in all, c how fast. Later points weigh more, the j-th of m points j/m. Source: R. Figueroa et al., Predicting
sample size required for classification performance, BMC Medical Informatics 12:8, 2012.
"""

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray

from labeling.core.bootstrap import LEVEL, Interval, Statistic, percentiles, resampled, rounded
from labeling.core.value import Value

RESAMPLES, REFITS = 2000, 200
PARAMETERS = 3
FLATTEST, STEEPEST = 0.01, 3.0  # limits of c: a flatter curve is a logarithm, a steeper one a step
Array = NDArray[Any]


class PowerLaw(Value):
    """The curve f(n) = a − b·n^(−c) for n documents; b and c are not negative, so it never falls."""

    a: float
    b: float
    c: float

    def at(self, documents: float) -> float:
        """The figure for so many documents."""
        return float(self.a - self.b * documents**-self.c)


class Gain(Value):
    """How much the figure grows with `more` documents by the fitted curve, with its interval."""

    more: int
    point: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Figure:
    """The mean figure of models trained on the same share, and that of each resample, (resamples,)."""

    interval: Interval
    drawn: Array


class Growth(Value):
    """How a figure grows with the documents: the fitted curve, and the gain from more documents.

    `last` is the growth from the second last point to the last, on the same resamples. Each is None if there are too
    few points.
    """

    curve: PowerLaw | None = None
    gain: Gain | None = None
    last: Interval | None = None


def figure(counts: Sequence[Array], statistic: Statistic, groups: Sequence[Hashable]) -> Figure:
    """The mean of a statistic over models that were evaluated on the same documents, with its interval.

    A resample draws groups of documents, the same in every call, and one of the models; so the interval covers both the
    choice of test documents and that of training documents.

    Args:
        counts: The counts of each model, as for `labeling.core.bootstrap`.
        statistic: A statistic of summed counts.
        groups: The group of near-duplicates of each document.
    """
    points = [float(statistic(numpy.asarray(one).sum(axis=0))) for one in counts]
    each = numpy.stack([statistic(resampled(one, resamples=RESAMPLES, groups=groups)) for one in counts])
    chosen = numpy.random.default_rng(0).integers(len(counts), size=RESAMPLES)
    drawn = each[chosen, numpy.arange(RESAMPLES)]
    return Figure(_interval(float(numpy.mean(points)), drawn, len(set(groups)) > 1), drawn)


def growth(documents: Sequence[float], figures: Sequence[Figure], more: int) -> Growth:
    """How a figure grows over its points, smallest first; fitting the curve takes three points."""
    if len(figures) < 2:
        return Growth()
    before, after = figures[-2:]
    rise = (after.interval.point or 0.0) - (before.interval.point or 0.0)
    last = _interval(rise, after.drawn - before.drawn, after.interval.low is not None)
    curve = fitted(documents, [numpy.nan if one.interval.point is None else one.interval.point for one in figures])
    if curve is None:
        return Growth(last=last)
    drawn = numpy.stack([one.drawn[:REFITS] for one in figures], axis=1)
    return Growth(curve=curve, gain=gain(documents, drawn, curve, more), last=last)


def _interval(point: float, drawn: Array, has_bounds: bool) -> Interval:
    has_bounds = has_bounds and not numpy.isnan(point)
    low, high = percentiles(drawn, LEVEL) if has_bounds else (None, None)
    return Interval(point=rounded(point), low=low, high=high)


def fitted(documents: Sequence[float], figures: Sequence[float]) -> PowerLaw | None:
    """The curve fitted to points of at most 1; None if fewer than three have different sizes."""
    sizes = numpy.asarray(documents, float)
    values = numpy.asarray(figures, float)
    known = ~numpy.isnan(values)
    sizes, values = sizes[known], values[known]
    if len(numpy.unique(sizes)) < PARAMETERS:
        return None
    from scipy.optimize import OptimizeWarning, curve_fit

    largest = sizes.max()
    rank = numpy.searchsorted(numpy.unique(sizes), sizes, side="right")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)  # about covariances, which are not used
        found, _ = curve_fit(
            lambda n, a, b, c: a - b * n**-c,
            sizes / largest,  # so that b is of the size of a figure
            values,
            p0=(min(0.99, values.max() + 0.05), 0.1, 0.5),
            sigma=1 / numpy.sqrt(rank / rank.max()),
            bounds=((-numpy.inf, 0, FLATTEST), (1, numpy.inf, STEEPEST)),
            jac=lambda n, a, b, c: numpy.stack([numpy.ones_like(n), -(n**-c), b * n**-c * numpy.log(n)], axis=1),
            max_nfev=2000,
        )
    a, b, c = map(float, found)
    return PowerLaw(a=a, b=b * largest**c, c=c)


def gain(documents: Sequence[float], drawn: Array, curve: PowerLaw, more: int) -> Gain:
    """The gain from `more` documents.

    The interval is that of curves fitted to resampled figures, the rows of `drawn`, (resamples, points). It covers
    other choices of test and training documents, but assumes that the curve has this form, so it is too narrow (as
    Figueroa 2012 found, too).
    """
    last = max(documents)
    gains = [one.at(last + more) - one.at(last) for row in drawn if (one := _fitted_again(documents, row))]
    point = curve.at(last + more) - curve.at(last)
    low, high = numpy.quantile(gains, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if gains else (point, point)
    return Gain(more=more, point=round(point, 4), low=round(min(low, point), 4), high=round(max(high, point), 4))


def _fitted_again(documents: Sequence[float], figures: Array) -> PowerLaw | None:
    try:
        return fitted(documents, figures.tolist())
    except RuntimeError:  # the fit did not converge
        return None
