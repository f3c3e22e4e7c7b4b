"""Estimates of the time that trainings will take."""

from collections.abc import Iterable

import numpy


class Estimate:
    """The time that remaining trainings will take, fitted to finished ones: a fixed time plus a time per document.

    Until two sizes are known, each training is taken to last as long as those done; if the largest comes first, that
    is too long rather than too short.
    """

    def __init__(self) -> None:
        self.done: list[tuple[int, float]] = []

    def add(self, documents: int, seconds: float) -> None:
        """Add a finished training."""
        self.done.append((documents, seconds))

    def remaining(self, documents: Iterable[int]) -> float | None:
        """The seconds that trainings on these numbers of documents will take; None if none is finished."""
        if not self.done:
            return None
        sizes, seconds = numpy.asarray(self.done, float).T
        if len(numpy.unique(sizes)) == 1:
            return float(seconds.mean()) * len(list(documents))
        slope, fixed = numpy.polyfit(sizes, seconds, 1)
        if slope < 0:
            slope, fixed = 0.0, seconds.mean()
        elif fixed < 0:
            slope, fixed = float((sizes * seconds).sum() / (sizes**2).sum()), 0.0
        return float(sum(fixed + slope * each for each in documents))
