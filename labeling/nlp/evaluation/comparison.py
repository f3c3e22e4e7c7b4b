"""Two models on the same test documents: the difference in their figures, and whether it could be chance."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy

from labeling.core.bootstrap import Difference, Statistic, Verdict, differences, micro_f
from labeling.core.value import Value
from labeling.nlp.evaluation.counting import Counts, effort_saved
from labeling.nlp.evaluation.scores import Bootstrap

Of = Literal["all", "label", "relations", "relation", "effort", "preannotation"]


class Row(Value):
    """One figure for both models, and the difference: the model's minus the other's.

    `of` says which figure: F over `all` labels, one `label`, all `relations` or one `relation`; or the share of an
    annotator's `effort` saved by the model's spans, or by the whole `preannotation` with it. `name` is the label.
    """

    of: Of
    name: str = ""
    model: float | None
    other: float | None
    difference: Difference
    verdict: Verdict


class Comparison(Value):
    """A model compared with another on the same documents, by paired bootstrap over documents.

    `verdict` is about F over all labels: better or worse if the interval of the difference excludes 0.
    `documents_to_decide` is roughly how many test documents an undecided difference of this size would need.
    """

    model: str
    other: str
    documents: int
    rows: tuple[Row, ...]
    verdict: Verdict
    documents_to_decide: int | None = None


def comparison_of(
    models: tuple[str, str],
    counts: tuple[Counts, Counts],
    bootstrap: Bootstrap,
    preannotated: tuple[Counts, Counts] | None = None,
) -> Comparison:
    """The comparison of two models, given the counts of each on the same documents and labels.

    `preannotated` has the counts of the whole pre-annotation with each model.
    """
    first, second = counts
    compare = partial(_rows, groups=first.groups, bootstrap=bootstrap)
    spans: dict[tuple[Of, str], Statistic] = {("all", ""): micro_f}
    spans |= {("label", label): _column(number) for number, label in enumerate(first.labels)}
    links: dict[tuple[Of, str], Statistic] = {("relations", ""): micro_f}
    links |= {("relation", label): _column(number) for number, label in enumerate(first.relation_labels)}
    rows = compare(first.exact, second.exact, spans)
    if first.relations[..., 1].any() or second.relations[..., 1].any():
        rows += compare(first.relations, second.relations, links)
    rows += compare(first.work, second.work, {("effort", ""): effort_saved})
    if preannotated:
        rows += compare(preannotated[0].work, preannotated[1].work, {("preannotation", ""): effort_saved})
    documents = len(first.exact)
    overall = rows[0]
    undecided = overall.verdict == "undecided"
    return Comparison(
        model=models[0],
        other=models[1],
        documents=documents,
        rows=tuple(rows),
        verdict=overall.verdict,
        documents_to_decide=overall.difference.documents_to_decide(documents) if undecided else None,
    )


def _rows(
    first: Any,
    second: Any,
    statistics: Mapping[tuple[Of, str], Statistic],
    *,
    groups: Sequence[int],
    bootstrap: Bootstrap,
) -> list[Row]:
    found = differences(first, second, statistics, groups=groups, **bootstrap.model_dump())
    sums = first.sum(axis=0), second.sum(axis=0)
    return [
        Row(
            of=of,
            name=name,
            model=_number(statistic(sums[0])),
            other=_number(statistic(sums[1])),
            difference=found[of, name],
            verdict=found[of, name].verdict,
        )
        for (of, name), statistic in statistics.items()
    ]


def _column(number: int) -> Statistic:
    return lambda sums: micro_f(sums[..., number : number + 1, :])


def _number(figure: Any) -> float | None:
    return None if numpy.isnan(figure) else round(float(figure), 4)
