"""Whether a span's score is the probability that it is right."""

from collections.abc import Sequence

import numpy

from labeling.core.value import Value

BINS = 10


class Bin(Value):
    """The spans whose scores are from `low` to below `high` (the last bin has 1, too).

    How many there are, their mean score, and the share that is right.
    """

    low: float
    high: float
    spans: int
    score: float
    right: float


class Calibration(Value):
    """How far scores are from being probabilities.

    `error` is the expected calibration error: the mean distance between a bin's mean score and its share of right
    spans, weighted by its spans (Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian
    Binning, 2015; with ten bins of equal width, Guo et al., 2017). It is 0 where scores are probabilities. On few spans
    it is too large, because each bin's share is off by chance.
    """

    error: float
    spans: int
    score: float
    right: float
    bins: tuple[Bin, ...]


def calibration_of(scores: Sequence[float], right: Sequence[bool]) -> Calibration | None:
    """The calibration of spans with these scores (0 to 1), of which these are right; None where there are none."""
    if not scores:
        return None
    given, hits = numpy.clip(numpy.asarray(scores, float), 0, 1), numpy.asarray(right, float)
    places = numpy.minimum((given * BINS).astype(int), BINS - 1)
    bins = []
    error = 0.0
    for number in range(BINS):
        mine = places == number
        if not mine.any():
            continue
        score, share = float(given[mine].mean()), float(hits[mine].mean())
        error += float(mine.mean()) * abs(score - share)
        bins.append(
            Bin(
                low=number / BINS,
                high=(number + 1) / BINS,
                spans=int(mine.sum()),
                score=round(score, 4),
                right=round(share, 4),
            )
        )
    return Calibration(
        error=round(error, 4),
        spans=len(scores),
        score=round(float(given.mean()), 4),
        right=round(float(hits.mean()), 4),
        bins=tuple(bins),
    )
