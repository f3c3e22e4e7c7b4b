"""Bootstrap intervals over documents, and paired comparisons: how far a figure could be off by chance.

A test is held as counts, an int array of shape (documents, labels, 3) whose last axis is RIGHT, FOUND and GOLD. A
resample draws as many documents as there are, with replacement, and sums their counts; a statistic is computed of each
resample's sums. The interval is the percentile interval of these (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, ch. 13). Two models on the same test are compared on the same resamples (Koehn, Statistical
Significance Tests for Machine Translation Evaluation, 2004; Berg-Kirkpatrick et al., 2012).

Documents, not spans, are drawn, because the spans of a document are not independent. Documents of one group, such as
near-duplicates, are drawn together for the same reason.

    >>> counts = numpy.array([[[3, 4, 5]], [[2, 2, 2]], [[0, 1, 3]], [[4, 4, 6]]])  # four documents, one label
    >>> intervals(counts, {"F": micro_f})["F"]
    Interval(point=0.6667, low=0.2857, high=0.8571)
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

import numpy
from numpy.typing import NDArray

from labeling.core.value import Value

RIGHT, FOUND, GOLD = range(3)
RESAMPLES = 10_000
LEVEL = 0.95
CELLS = 4_000_000  # of a matrix of draws, resamples × documents: 32 MB

Array = NDArray[Any]
Statistic = Callable[[Array], Array]  # of sums, (…, labels, 3), a figure each: (…); nan where there is none
Groups = Sequence[Hashable]  # the group of each document
Verdict = Literal["better", "worse", "undecided"]
K = TypeVar("K", bound=Hashable)


class Interval(Value):
    """A figure of the whole test, with its interval over other samples of documents.

    `point` is None if there is nothing to count; `low` and `high` also if there are fewer than two documents. All have
    four decimals.
    """

    point: float | None
    low: float | None
    high: float | None


class Difference(Interval):
    """The figure of one model less that of another on the same documents.

    `share_better` is the share of resamples in which the first is better; a tie counts as half.
    """

    share_better: float | None

    @property
    def verdict(self) -> Verdict:
        """`better` or `worse` if the whole interval is on one side of 0, else `undecided`."""
        if self.low is None or self.high is None:
            return "undecided"
        return "better" if self.low > 0 else "worse" if self.high < 0 else "undecided"

    def documents_to_decide(self, documents: int) -> int | None:
        """Roughly how many documents would decide a difference like this one; None if no number would.

        The test has `documents`; the interval's width is assumed to fall with the square root of their number.
        """
        if self.low is None or self.high is None or not self.point:
            return None
        half = (self.point - self.low) if self.point > 0 else (self.high - self.point)
        return max(documents, int(numpy.ceil(documents * (half / self.point) ** 2)))


def precisions(sums: Array) -> Array:
    """Right / found: (…, 3) → (…); nan where nothing is found."""
    return _ratio(sums[..., RIGHT], sums[..., FOUND])


def recalls(sums: Array) -> Array:
    """Right / gold: (…, 3) → (…); nan where nothing is gold."""
    return _ratio(sums[..., RIGHT], sums[..., GOLD])


def f_scores(sums: Array) -> Array:
    """The harmonic mean of precision and recall, 2·right / (found + gold): (…, 3) → (…); nan where there is neither."""
    return _ratio(2 * sums[..., RIGHT], sums[..., FOUND] + sums[..., GOLD])


def micro_f(sums: Array) -> Array:
    """F of all labels together: (…, labels, 3) → (…)."""
    return f_scores(sums.sum(axis=-2))


def macro_f(sums: Array) -> Array:
    """The mean of F over the labels that the gold has: (…, labels, 3) → (…)."""
    each = numpy.where(sums[..., GOLD] > 0, f_scores(sums), numpy.nan)
    known = ~numpy.isnan(each)
    return _ratio(numpy.where(known, each, 0.0).sum(axis=-1), known.sum(axis=-1))


def label_f(number: int) -> Statistic:
    """F of the label with this number: (…, labels, 3) → (…)."""
    return lambda sums: f_scores(sums[..., number, :])


def resampled(
    counts: Array, *, seed: int = 0, resamples: int = RESAMPLES, groups: Groups | None = None
) -> NDArray[numpy.float64]:
    """The sums of each resample: (documents, …) → (resamples, …). The same seed and number give the same draws.

    With groups, groups are drawn instead of documents.

    Raises:
        ValueError: There are no documents, or the number of groups is not that of the documents.
    """
    counts = _grouped(numpy.asarray(counts), groups)
    columns = counts.reshape(len(counts), -1).astype(numpy.float64)
    sums = numpy.concatenate([times @ columns for times in _draws(len(counts), seed, resamples)])
    return sums.reshape(resamples, *counts.shape[1:])


def intervals(
    counts: Array,
    statistics: Mapping[K, Statistic],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    groups: Groups | None = None,
) -> dict[K, Interval]:
    """Each statistic of the test with its interval, all on the same resamples.

    Statistics take sums of the shape (…, *counts.shape[1:]), so the counts need not be those of spans.
    """
    counts = numpy.asarray(counts)
    sums = resampled(counts, seed=seed, resamples=resamples, groups=groups)
    enough = _size(counts, groups) > 1
    found = {}
    for key, statistic in statistics.items():
        low, high = percentiles(statistic(sums), level) if enough else (None, None)
        point = rounded(statistic(counts.sum(axis=0)))
        found[key] = Interval(point=point, low=None if point is None else low, high=None if point is None else high)
    return found


def differences(
    counts: Array,
    others: Array,
    statistics: Mapping[K, Statistic],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    groups: Groups | None = None,
) -> dict[K, Difference]:
    """Each statistic of `counts` less that of `others`, with its interval, both on the same resamples.

    Raises:
        ValueError: The two have different shapes.
    """
    counts, others = numpy.asarray(counts), numpy.asarray(others)
    if counts.shape != others.shape:
        raise ValueError(f"counts of the shapes {counts.shape} and {others.shape} are not of the same test")
    both = resampled(numpy.stack([counts, others], axis=1), seed=seed, resamples=resamples, groups=groups)
    sums = both[:, 0], both[:, 1]
    enough = _size(counts, groups) > 1
    found = {}
    for key, statistic in statistics.items():
        point = rounded(statistic(counts.sum(axis=0)) - statistic(others.sum(axis=0)))
        drawn = statistic(sums[0]) - statistic(sums[1])
        if point is None or not enough:
            found[key] = Difference(point=point, low=None, high=None, share_better=None)
            continue
        low, high = percentiles(drawn, level)
        drawn = drawn[~numpy.isnan(drawn)]
        share = rounded(((drawn > 0) + 0.5 * (drawn == 0)).mean()) if len(drawn) else None
        found[key] = Difference(point=point, low=low, high=high, share_better=share)
    return found


def _draws(size: int, seed: int, resamples: int) -> Iterator[NDArray[numpy.float64]]:
    """How often each resample draws each of `size` units: arrays of the shape (some resamples, size)."""
    random = numpy.random.default_rng(seed)
    step = max(1, CELLS // size)
    for first in range(0, resamples, step):
        count = min(step, resamples - first)
        drawn = random.integers(0, size, (count, size), dtype=numpy.int32)
        drawn += numpy.arange(count, dtype=numpy.int32)[:, None] * size
        yield numpy.bincount(drawn.ravel(), minlength=count * size).reshape(count, size).astype(numpy.float64)


def _grouped(counts: Array, groups: Groups | None) -> Array:
    """The summed counts of each group."""
    if not len(counts):
        raise ValueError("there are no documents to draw from")
    if groups is None:
        return counts
    if len(groups) != len(counts):
        raise ValueError(f"{len(groups)} groups for {len(counts)} documents")
    numbers: dict[Hashable, int] = {}
    places = [numbers.setdefault(group, len(numbers)) for group in groups]
    sums = numpy.zeros((len(numbers), *counts.shape[1:]), counts.dtype)
    numpy.add.at(sums, places, counts)
    return sums


def _size(counts: Array, groups: Groups | None) -> int:
    return len(counts) if groups is None else len(set(groups))


def _ratio(part: Array, whole: Array) -> Array:
    """The ratio; nan where the whole is 0."""
    ratios: Array = numpy.full(numpy.shape(whole), numpy.nan)
    numpy.divide(part, whole, out=ratios, where=numpy.asarray(whole) > 0)
    return ratios


def percentiles(drawn: Array, level: float) -> tuple[float | None, float | None]:
    """The bounds of the middle share `level` of the figures, ignoring nan."""
    drawn = drawn[~numpy.isnan(drawn)]
    if not len(drawn):
        return None, None
    low, high = numpy.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return rounded(low), rounded(high)


def rounded(figure: Any) -> float | None:
    """The figure with four decimals; None for nan."""
    return None if numpy.isnan(figure) else round(float(figure), 4)
