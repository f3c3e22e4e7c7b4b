"""How close the scores of spans are to the probability of being right."""

from collections.abc import Sequence

import numpy

from labeling.core.value import Value

BINS = 10


class Bin(Value):
    """The spans with scores in `[low, high)` (the last bin includes 1): their number, mean score, and share right."""

    low: float
    high: float
    spans: int
    score: float
    right: float


class Calibration(Value):
    """How well scores are calibrated.

    `error` is the expected calibration error: the mean distance between a bin's mean score and its share of right
    spans, weighted by its number of spans (Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities Using
    Bayesian Binning, 2015; with ten bins of equal width, Guo et al., 2017). It is 0 if scores are probabilities, and
    overestimated on few spans, because each bin's share is off by chance.
    """

    error: float
    spans: int
    score: float
    right: float
    bins: tuple[Bin, ...]


def calibration_of(scores: Sequence[float], right: Sequence[bool]) -> Calibration | None:
    """The calibration of spans, given each one's score (0 to 1) and whether it is right; None if there are none."""
    if not scores:
        return None
    clipped, hits = numpy.clip(numpy.asarray(scores, float), 0, 1), numpy.asarray(right, float)
    indices = numpy.minimum((clipped * BINS).astype(int), BINS - 1)
    bins = []
    error = 0.0
    for number in range(BINS):
        mine = indices == number
        if not mine.any():
            continue
        score, share = float(clipped[mine].mean()), float(hits[mine].mean())
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
        score=round(float(clipped.mean()), 4),
        right=round(float(hits.mean()), 4),
        bins=tuple(bins),
    )
