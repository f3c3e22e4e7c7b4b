"""Which label a model gives where the gold has which."""

from collections import Counter
from collections.abc import Iterable

from labeling.core.value import Value
from labeling.nlp.evaluation.judged import Pair


class Confusion(Value):
    """How many spans of each gold label (rows) were found with which label (columns), both in the order of `labels`.

    A found span stands for the gold one that it overlaps, each for one. The last column counts gold spans that nothing
    was found for, the last row found spans that are not gold at all.
    """

    labels: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]


def confusion_of(labels: Iterable[str], pairs: Iterable[Pair]) -> Confusion:
    """The confusion of aligned spans; all of their labels are among the named."""
    names = tuple(labels)
    numbers = Counter((gold.label if gold else "", found.label if found else "") for gold, found in pairs)
    every = (*names, "")
    matrix = tuple(tuple(numbers[row, column] for column in every) for row in every)
    return Confusion(labels=names, matrix=matrix)
