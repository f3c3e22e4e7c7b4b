"""The counts of a test → figures with intervals: precision, recall, F, and effort saved."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy
from pydantic import Field

from labeling.core.bootstrap import FOUND, GOLD, LEVEL, RESAMPLES, RIGHT, Interval, Statistic, intervals
from labeling.core.bootstrap import f_scores as f_of
from labeling.core.bootstrap import macro_f as macro_f_of
from labeling.core.bootstrap import precisions as precision_of
from labeling.core.bootstrap import recalls as recall_of
from labeling.core.value import Value
from labeling.nlp.evaluation.calibration import Calibration
from labeling.nlp.evaluation.confusion import Confusion
from labeling.nlp.evaluation.counting import Counts, effort_saved

Rate = Literal["precision", "recall", "f"]
RATES: Mapping[Rate, Callable[[Any], Any]] = {"precision": precision_of, "recall": recall_of, "f": f_of}
ALL = ""  # all labels together
Columns = slice  # the columns of some labels in a table of counts


class Rates(Value):
    """Precision, recall and their harmonic mean F, 0 to 1 with four decimals; None if there is nothing to count.

    `intervals` has the bootstrap bounds of each rate that has any.
    """

    precision: float | None
    recall: float | None
    f: float | None
    intervals: dict[Rate, tuple[float, float]] = Field(default_factory=dict)

    def interval(self, rate: Rate) -> Interval:
        """One of the rates with its bounds."""
        low, high = self.intervals.get(rate, (None, None))
        return Interval(point=getattr(self, rate), low=low, high=high)


class Score(Rates):
    """The rates of a label, and the numbers of gold, found and right ones that they are computed from.

    A span is right if its label and both edges are, a relation if its label and both ends are. `overlap` has the rates
    that count a span as right if it overlaps a gold one of its label, paired one to one; relations have none.
    """

    gold: int
    found: int
    right: int
    overlap: Rates | None = None


class Relations(Value):
    """The scores of relations, overall and by label."""

    overall: Score
    labels: dict[str, Score]


class Layer(Value):
    """The figures of a layer of spans.

    Attributes:
        overall: All labels of the gold together (micro-average).
        macro_f: The mean of F over the labels of the gold.
        labels: The score of each label. A label that the gold lacks has no rates, and is left out of the overall score.
        confusion: The confusion matrix.
        calibration: How well the spans' scores are calibrated; None if they have none.
        relations: The scores of relations; None if the gold or the layer has none.
        effort_saved: The share of an annotator's gestures that these spans save (`labeling.core.effort`).
    """

    overall: Score
    macro_f: Interval
    labels: dict[str, Score]
    confusion: Confusion
    calibration: Calibration | None = None
    relations: Relations | None = None
    effort_saved: Interval


class Bootstrap(Value):
    """Bootstrap settings: the confidence level of intervals, the number of resamples, and the seed."""

    level: float = LEVEL
    resamples: int = RESAMPLES
    seed: int = 0


def layer_of(
    counts: Counts,
    others: Mapping[str, int],
    confusion: Confusion,
    calibration: Calibration | None,
    bootstrap: Bootstrap,
) -> Layer:
    """The figures of a layer; `others` has the number of found spans for each label that the gold lacks."""
    # joined, so that one resample of documents serves all figures
    blocks = (counts.exact, counts.overlap, counts.relations, numpy.pad(counts.work, ((0, 0), (0, 1)))[:, None])
    ends = numpy.cumsum([block.shape[1] for block in blocks])
    exact, overlap, links, work = (slice(end - block.shape[1], end) for block, end in zip(blocks, ends, strict=True))
    columns: dict[tuple[str, str], Columns] = {
        (kind, label): column
        for kind, block, labels in (
            ("exact", exact, counts.labels),
            ("overlap", overlap, counts.labels),
            ("relations", links, counts.relation_labels),
        )
        for label, column in _columns(block, labels)
    }
    wanted: dict[Any, Statistic] = {
        (*key, name): partial(_rate, columns=column, rate=rate)
        for key, column in columns.items()
        for name, rate in RATES.items()
    }
    wanted["macro"] = lambda sums: macro_f_of(sums[..., exact, :])
    wanted["work"] = lambda sums: effort_saved(sums[..., work, :2].sum(axis=-2))
    table = numpy.concatenate(blocks, axis=1)
    found = intervals(table, wanted, groups=counts.groups, **bootstrap.model_dump())
    sums = table.sum(axis=0)
    rates = {key: _rates({name: found[*key, name] for name in RATES}) for key in columns}
    scores = {
        (kind, label): _score(
            rates[kind, label], sums[column], overlap=rates["overlap", label] if kind == "exact" else None
        )
        for (kind, label), column in columns.items()
    }
    unknown = {
        label: Score(precision=None, recall=None, f=None, gold=0, found=number, right=0)
        for label, number in others.items()
    }
    labels = {label: scores["exact", label] for label in counts.labels}
    relations = {label: scores["relations", label] for label in counts.relation_labels}
    return Layer(
        overall=scores["exact", ALL],
        macro_f=found["macro"],
        labels=dict(sorted((labels | unknown).items())),
        confusion=confusion,
        calibration=calibration,
        relations=Relations(overall=scores["relations", ALL], labels=relations) if relations else None,
        effort_saved=found["work"],
    )


def _columns(block: slice, labels: Sequence[str]) -> Iterator[tuple[str, Columns]]:
    """The columns of all labels together, then those of each."""
    yield ALL, block
    for number, label in enumerate(labels, block.start):
        yield label, slice(number, number + 1)


def _rate(sums: Any, columns: Columns, rate: Callable[[Any], Any]) -> Any:
    return rate(sums[..., columns, :].sum(axis=-2))


def _rates(found: Mapping[Rate, Interval]) -> Rates:
    return Rates(
        **{name: rate.point for name, rate in found.items()},
        intervals={n: (r.low, r.high) for n, r in found.items() if r.low is not None and r.high is not None},
    )


def _score(rates: Rates, sums: Any, overlap: Rates | None) -> Score:
    numbers = sums.sum(axis=0).tolist()
    return Score(**rates.model_dump(), gold=numbers[GOLD], found=numbers[FOUND], right=numbers[RIGHT], overlap=overlap)
