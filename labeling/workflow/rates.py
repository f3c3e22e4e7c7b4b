"""F with its interval over other samples of documents."""

from collections.abc import Mapping
from typing import Any, TypeVar

from labeling.core.bootstrap import f_scores, intervals
from labeling.core.value import Value

FEW = 20  # documents; with fewer, intervals are too narrow
K = TypeVar("K")


class Rate(Value):
    """F with its interval over other samples of documents; None where there is nothing to count."""

    f: float | None
    low: float | None = None
    high: float | None = None


def f_rates(found: Any, places: Mapping[K, int]) -> dict[K, Rate]:
    """F with intervals of counts of the shape (documents, places, 3)."""
    statistics: Any = {
        name: (lambda sums, place=place: f_scores(sums[..., place, :])) for name, place in places.items()
    }
    return {
        name: Rate(f=each.point, low=each.low, high=each.high) for name, each in intervals(found, statistics).items()
    }
