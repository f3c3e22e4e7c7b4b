"""Krippendorff's alpha for unitizing: how far people agree on which stretches of a text they mark, and as what.

    α = 1 − Dₒ / Dₑ

1 is perfect agreement, 0 what chance would give, below 0 is worse than chance. Unlike F, it weighs how long a stretch
is on which people differ, and what is to be expected of people who mark as much as they do.

Source: K. Krippendorff, Measuring the reliability of qualitative text analysis data, Quality and Quantity 38 (2004),
787-800; the formulas for δ, Dₒ and Dₑ are those of section 4.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Unit = tuple[int, int]  # start and end of a stretch, the end not included
Array = NDArray[np.float64]


class Disagreement(NamedTuple):
    """The observed and the expected disagreement; both 0 if nobody marked anything."""

    observed: float
    expected: float

    @property
    def alpha(self) -> float:
        """1 − observed / expected; NaN if nothing is expected, since nobody marked anything."""
        return 1 - self.observed / self.expected if self.expected else math.nan


def disagreement(coders: Sequence[Sequence[Unit]], start: int, length: int) -> Disagreement:
    """The disagreement about one label.

    Args:
        coders: The units of each coder, two coders at least; those of one coder do not overlap.
        start: Where the continuum starts.
        length: How long it is.

    Raises:
        ValueError: There are fewer than two coders, units of one overlap, or one does not lie in the continuum.
    """
    if len(coders) < 2:
        raise ValueError(f"agreement needs two coders, not {len(coders)}")
    sections = [_sections(units, start, length) for units in coders]
    m = len(coders)
    observed = sum(_between(sections[i], sections[j]) for i in range(m) for j in range(m) if i != j)
    units = np.concatenate([one.lengths[one.is_unit] for one in sections])
    gaps = np.sort(np.concatenate([one.lengths[~one.is_unit] for one in sections]))
    if not len(units):
        return Disagreement(0.0, 0.0)
    # the sum of (gap − unit + 1) over the gaps that are at least as long as each unit
    first = np.searchsorted(gaps, units)
    rest = np.append(np.cumsum(gaps[::-1])[::-1], 0.0)[first] - (len(gaps) - first) * (units - 1)
    expected = (len(units) - 1) / 3 * (2 * units**3 - 3 * units**2 + units) + units**2 * rest
    whole = m * length * (m * length - 1) - float((units * (units - 1)).sum())
    return Disagreement(
        observed / (m * (m - 1) * length**2), 2 / length * float(expected.sum()) / whole if whole else 0.0
    )


def alpha(labels: Mapping[str, Sequence[Sequence[Unit]]], start: int, length: int) -> float:
    """Alpha over several labels, each with the units of every coder; NaN if nobody marked anything.

    Raises:
        ValueError: As for `disagreement`.
    """
    found = [disagreement(coders, start, length) for coders in labels.values()]
    return Disagreement(sum(each.observed for each in found), sum(each.expected for each in found)).alpha


class _Sections(NamedTuple):
    """A coder's units and the gaps between them, in order."""

    starts: Array
    lengths: Array
    is_unit: NDArray[np.bool_]


def _sections(units: Sequence[Unit], start: int, length: int) -> _Sections:
    borders: list[int] = []
    kinds: list[bool] = []
    at, end = start, start + length
    for first, last in sorted(units):
        if not start <= first < last <= end:
            raise ValueError(f"the unit [{first}, {last}) does not lie in [{start}, {end})")
        if first < at:
            raise ValueError(f"the unit [{first}, {last}) overlaps another one of the same coder")
        if first > at:
            borders.append(at)
            kinds.append(False)
        borders.append(first)
        kinds.append(True)
        at = last
    if at < end:
        borders.append(at)
        kinds.append(False)
    starts = np.asarray(borders, float)
    return _Sections(starts, np.diff(np.append(starts, end)), np.asarray(kinds, bool))


def _between(one: _Sections, other: _Sections) -> float:
    """The sum of δ² over the sections of two coders that intersect."""
    total = 0.0
    ends = other.starts + other.lengths
    firsts = np.searchsorted(ends, one.starts, side="right")
    lasts = np.searchsorted(other.starts, one.starts + one.lengths, side="left")
    for number, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
        begin, size, is_unit = one.starts[number], one.lengths[number], one.is_unit[number]
        for each in range(first, last):
            there, length = other.starts[each], other.lengths[each]
            if is_unit and other.is_unit[each]:
                total += (begin - there) ** 2 + (begin + size - there - length) ** 2
            elif is_unit and there <= begin and begin + size <= there + length:
                total += size**2
            elif other.is_unit[each] and begin <= there and there + length <= begin + size:
                total += length**2
    return float(total)
