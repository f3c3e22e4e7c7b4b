"""How long it will take, by what it took."""

from collections.abc import Iterable

import numpy


class Estimate:
    """How long trainings take that are still to come, by those that are done: a fixed time, and one a document.

    Until two sizes are known, each training counts as long as the longest; that is too long rather than too short where
    the largest comes first.
    """

    def __init__(self) -> None:
        self.done: list[tuple[int, float]] = []

    def add(self, documents: int, seconds: float) -> None:
        """A training on so many documents took so long."""
        self.done.append((documents, seconds))

    def remaining(self, documents: Iterable[int]) -> float | None:
        """The seconds that trainings on so many documents each will take; None where none is done."""
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
