"""The confusion matrix of gold and predicted labels."""

from collections import Counter
from collections.abc import Iterable

from labeling.core.value import Value
from labeling.nlp.evaluation.judged import Pair


class Confusion(Value):
    """The number of spans for each gold label (rows) and found label (columns), both in the order of `labels`.

    Overlapping gold and found spans are paired one to one. The last column counts gold spans without a counterpart,
    the last row found spans without one.
    """

    labels: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]


def confusion_of(labels: Iterable[str], pairs: Iterable[Pair]) -> Confusion:
    """The confusion matrix of aligned spans; `labels` must include all of their labels."""
    names = tuple(labels)
    numbers = Counter((gold.label if gold else "", found.label if found else "") for gold, found in pairs)
    every = (*names, "")
    matrix = tuple(tuple(numbers[row, column] for column in every) for row in every)
    return Confusion(labels=names, matrix=matrix)
