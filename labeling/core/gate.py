"""Whether a new model may replace the current one (`there`), by their counts on the same test.

It is a test of non-inferiority: the lower bound of the difference of F of all spans has to be above −margin, and no
label and no relation may fall by more than its margin. If the test is too small to decide, the size of one that would
decide is estimated.

    >>> there = numpy.array([[[3, 4, 5]], [[2, 2, 2]], [[0, 1, 3]], [[4, 4, 6]]])  # four documents, one label
    >>> surer = numpy.array([[[3, 3, 5]], [[2, 2, 2]], [[0, 0, 3]], [[4, 4, 6]]])
    >>> gate = decide(*(Side(("ACTOR",), counts, (), none_of(4)) for counts in (surer, there)))
    >>> gate.outcome, gate.rows[0].verdict, gate.rows[0].difference.point
    ('promote', 'as good', 0.0533)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

import numpy
from numpy.typing import NDArray

from labeling.core.bootstrap import GOLD, Difference, Groups, Statistic, differences, label_f, micro_f, rounded
from labeling.core.value import Value

MARGIN, LABEL_MARGIN = 0.01, 0.05  # of F
SPANS, RELATIONS = "all spans", "all relations"

Kind = Literal["spans", "label", "relations", "relation"]
Verdict = Literal["better", "as good", "unclear", "falls", "worse"]
Outcome = Literal["promote", "undecided", "worse"]
Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Side:
    """The counts of one model: right, found and gold, (documents, labels, 3), of spans and of relations."""

    labels: tuple[str, ...]
    spans: Array
    relation_labels: tuple[str, ...]
    relations: Array


class Row(Value):
    """The comparison of both models on a label, all spans, a relation, or all relations.

    Attributes:
        kind: Which of these it is.
        label: Its name.
        gold: The number in the test's gold.
        there: F of the current model; None if there is neither gold nor a prediction.
        new: F of the new model.
        difference: New less current, with its 95% interval.
        margin: By how much F may fall.
        verdict: `better` or `worse`: the whole interval is, and for a label F falls by more than the margin. `as good`:
            the interval is above −margin. `falls`: the difference is below −margin, though perhaps by chance.
            `unclear`: the interval is too wide to tell.
        documents: Roughly how many documents would decide it; None if it is decided, or no number would.
    """

    kind: Kind
    label: str
    gold: int
    there: float | None
    new: float | None
    difference: Difference
    margin: float
    verdict: Verdict
    documents: int | None = None


class Gate(Value):
    """The comparisons, all spans first, and the outcome.

    Attributes:
        outcome: `promote`; `undecided`; or `worse`, if all spans or a label or relation are worse.
        rows: The comparisons.
        documents: The number of documents in the test.
        groups: The number of groups of near-duplicates, which are drawn independently.
        needed: Roughly how many documents would decide an undecided outcome; None if it is decided, or no number would.
    """

    outcome: Outcome
    rows: tuple[Row, ...]
    documents: int
    groups: int
    needed: int | None = None

    @property
    def reasons(self) -> tuple[Row, ...]:
        """The comparisons that prevent a promotion."""
        return tuple(row for row in self.rows if blocks(row))


def none_of(documents: int) -> Array:
    """The counts of a test without relations."""
    return numpy.zeros((documents, 0, 3), numpy.int64)


def decide(
    new: Side,
    there: Side,
    *,
    margin: float = MARGIN,
    label_margin: float = LABEL_MARGIN,
    groups: Groups | None = None,
    seed: int = 0,
) -> Gate:
    """Whether the new model may replace the current one.

    Args:
        new: The counts of the new model.
        there: The counts of the current model, on the same documents and labels.
        margin: By how much F of all spans may fall.
        label_margin: By how much F of a label, of a relation, and of all relations may fall.
        groups: The group of near-duplicates of each document.
        seed: The seed of the resamples.

    Raises:
        ValueError: The two have different labels or documents.
    """
    if (new.labels, new.relation_labels) != (there.labels, there.relation_labels):
        raise ValueError("the two models were not judged on the same labels")
    size = len(new.spans)
    rows = [
        *_rows(new.spans, there.spans, new.labels, ("spans", SPANS, margin), ("label", label_margin), groups, seed),
        *_rows(
            new.relations,
            there.relations,
            new.relation_labels,
            ("relations", RELATIONS, label_margin),
            ("relation", label_margin),
            groups,
            seed,
        ),
    ]
    blocking = [row for row in rows if blocks(row)]
    outcome: Outcome = "promote"
    if blocking:
        outcome = "worse" if any(row.verdict == "worse" for row in blocking) else "undecided"
    wanted = [row.documents for row in blocking]
    known = [number for number in wanted if number is not None]
    needed = max(known) if outcome == "undecided" and len(known) == len(wanted) else None
    units = size if groups is None else len(set(groups))
    return Gate(outcome=outcome, rows=tuple(rows), documents=size, groups=units, needed=needed)


def blocks(row: Row) -> bool:
    """Whether a comparison prevents a promotion: any fall does, and for all spans an unclear one does, too."""
    return row.verdict in {"worse", "falls"} or (row.kind == "spans" and row.verdict == "unclear")


def _rows(
    new: Array,
    there: Array,
    labels: tuple[str, ...],
    together: tuple[Kind, str, float],
    each: tuple[Kind, float],
    groups: Groups | None,
    seed: int,
) -> Iterator[Row]:
    if not labels or not len(new):
        return
    statistics: dict[int, Statistic] = {-1: micro_f} | {place: label_f(place) for place in range(len(labels))}
    found = differences(new, there, statistics, groups=groups, seed=seed)
    kind, name, margin = together
    places: list[tuple[int, Kind, str, float]] = [(-1, kind, name, margin)]
    places += [(place, each[0], label, each[1]) for place, label in enumerate(labels)]
    for place, kind, label, allowed in places:
        sums = [counts.sum(axis=0) for counts in (new, there)]
        figures = [rounded(statistics[place](one)) for one in sums]
        gold = sums[0][..., GOLD].sum() if place < 0 else sums[0][place, GOLD]
        verdict = _verdict(found[place], allowed, kind)
        yield Row(
            kind=kind,
            label=label,
            gold=int(gold),
            there=figures[1],
            new=figures[0],
            difference=found[place],
            margin=allowed,
            verdict=verdict,
            documents=_needed(found[place], allowed, len(new)) if verdict in {"unclear", "falls"} else None,
        )


def _verdict(difference: Difference, margin: float, kind: Kind) -> Verdict:
    point, low, high = difference.point, difference.low, difference.high
    if point is None or low is None or high is None:
        return "unclear"
    if low > 0:
        return "better"
    if high < 0 and (kind == "spans" or point < -margin):
        return "worse"
    if low > -margin:
        return "as good"
    return "falls" if point < -margin else "unclear"


def _needed(difference: Difference, margin: float, documents: int) -> int | None:
    """Roughly how many documents it takes for the interval of such a difference to lie on one side of −margin.

    The interval's width is assumed to fall with the square root of their number.
    """
    point, low, high = difference.point, difference.low, difference.high
    if point is None or low is None or high is None or abs(point + margin) < 1e-6:
        return None
    half = point - low if point > -margin else high - point
    return max(documents + 1, ceil(documents * (half / (point + margin)) ** 2))
