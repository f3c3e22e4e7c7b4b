"""Counts of a test → its figures with intervals: precision, recall and F, relations, effort saved."""

from collections.abc import Callable, Mapping, Sequence
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


class Rates(Value):
    """Precision, recall and their harmonic mean F, 0 to 1 with four decimals; None where there is nothing to count.

    `intervals` has the bounds of each, where there are any: from 95% of the bootstrap's resamples.
    """

    precision: float | None
    recall: float | None
    f: float | None
    intervals: dict[Rate, tuple[float, float]] = Field(default_factory=dict)


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
    exact = _scores(counts.exact, counts.labels, counts.groups, bootstrap)
    overlap = _scores(counts.overlap, counts.labels, counts.groups, bootstrap)
    both = {
        label: score.model_copy(update={"overlap": Rates(**overlap[label].model_dump(include={*Rates.model_fields}))})
        for label, score in exact.items()
    }
    strange = {
        label: Score(precision=None, recall=None, f=None, gold=0, found=number, right=0)
        for label, number in others.items()
    }
    links = (
        _scores(counts.relations, counts.relation_labels, counts.groups, bootstrap) if counts.relation_labels else {}
    )
    again = partial(_intervals, groups=counts.groups, bootstrap=bootstrap)
    return Layer(
        overall=both.pop(ALL),
        macro_f=again(counts.exact, {0: macro_f_of})[0],
        labels=dict(sorted((both | strange).items())),
        confusion=confusion,
        calibration=calibration,
        relations=Relations(overall=links.pop(ALL), labels=links) if links else None,
        effort_saved=again(counts.work, {0: effort_saved})[0],
    )


def _scores(counts: Any, labels: Sequence[str], groups: Sequence[int], bootstrap: Bootstrap) -> dict[str, Score]:
    """The score of each label, and of all together."""
    columns = {ALL: numpy.arange(len(labels))} | {label: numpy.array([i]) for i, label in enumerate(labels)}
    wanted = {
        (label, name): partial(_rate, columns=places, rate=rate)
        for label, places in columns.items()
        for name, rate in RATES.items()
    }
    found = _intervals(counts, wanted, groups=groups, bootstrap=bootstrap)
    sums = counts.sum(axis=0)
    scores = {}
    for label, places in columns.items():
        rates = {name: found[label, name] for name in RATES}
        of_label = sums[places].sum(axis=0).tolist()
        scores[label] = Score(
            **{name: rate.point for name, rate in rates.items()},
            intervals={n: (r.low, r.high) for n, r in rates.items() if r.low is not None and r.high is not None},
            gold=of_label[GOLD],
            found=of_label[FOUND],
            right=of_label[RIGHT],
        )
    return scores


def _rate(sums: Any, columns: Any, rate: Callable[[Any], Any]) -> Any:
    return rate(sums[..., columns, :].sum(axis=-2))


def _intervals(
    counts: Any, statistics: Mapping[Any, Statistic], *, groups: Sequence[int], bootstrap: Bootstrap
) -> dict[Any, Interval]:
    return intervals(
        counts,
        statistics,
        groups=groups,
        **bootstrap.model_dump(),
    )
