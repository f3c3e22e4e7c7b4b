"""Counts of a test → its figures with intervals: precision, recall and F, relations, effort saved."""

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
Columns = slice  # of a table of counts, those of some labels


class Rates(Value):
    """Precision, recall and their harmonic mean F, 0 to 1 with four decimals; None where there is nothing to count.

    `intervals` has the bounds of each, where there are any: from 95% of the bootstrap's resamples.
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
    """The rates of a label, and the numbers behind them: gold ones, found ones, and those that are right.

    A span is right where its label and both its edges are, a relation where its label is and both its ends are right.
    `overlap` are the rates where a span is right that shares a character with a gold one of its label, each with one at
    most; relations have none.
    """

    gold: int
    found: int
    right: int
    overlap: Rates | None = None


class Relations(Value):
    """How well relations are found, all together and by label."""

    overall: Score
    labels: dict[str, Score]


class Layer(Value):
    """How well a layer of spans is found.

    Attributes:
        overall: All labels of the gold together (micro-average).
        macro_f: The mean of F over the labels of the gold.
        labels: Each label. One that the gold does not have has no rates, and counts for nothing.
        confusion: Which label was found where the gold has which.
        calibration: Whether the spans' scores are probabilities; None where they have none.
        relations: How well relations are found; None where the gold or the layer has none.
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
    """How intervals come about: the share of resamples that lies in them, how many there are, and the seed."""

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
    """The figures of a layer; `others` are the numbers of spans found of labels that the gold does not have."""
    # side by side, so that one draw of documents serves all figures
    blocks = (counts.exact, counts.overlap, counts.relations, numpy.pad(counts.work, ((0, 0), (0, 1)))[:, None])
    ends = numpy.cumsum([block.shape[1] for block in blocks])
    exact, overlap, links, work = (slice(end - block.shape[1], end) for block, end in zip(blocks, ends, strict=True))
    columns: dict[tuple[str, str], Columns] = {
        (kind, label): places
        for kind, block, labels in (
            ("exact", exact, counts.labels),
            ("overlap", overlap, counts.labels),
            ("relations", links, counts.relation_labels),
        )
        for label, places in _columns(block, labels)
    }
    wanted: dict[Any, Statistic] = {
        (*key, name): partial(_rate, columns=places, rate=rate)
        for key, places in columns.items()
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
            rates[kind, label], sums[places], overlap=rates["overlap", label] if kind == "exact" else None
        )
        for (kind, label), places in columns.items()
    }
    strange = {
        label: Score(precision=None, recall=None, f=None, gold=0, found=number, right=0)
        for label, number in others.items()
    }
    labels = {label: scores["exact", label] for label in counts.labels}
    relations = {label: scores["relations", label] for label in counts.relation_labels}
    return Layer(
        overall=scores["exact", ALL],
        macro_f=found["macro"],
        labels=dict(sorted((labels | strange).items())),
        confusion=confusion,
        calibration=calibration,
        relations=Relations(overall=scores["relations", ALL], labels=relations) if relations else None,
        effort_saved=found["work"],
    )


def _columns(block: slice, labels: Sequence[str]) -> Iterator[tuple[str, Columns]]:
    """The columns of all labels together, and of each."""
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
