"""Spans ↔ BIO tags of tokens, and the probability of each span from the probabilities of the tags.

A layer is a group of labels whose spans exclude each other. Its tags are O, and B and I of each label. If spans of
different labels overlap, each label has its own layer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.float32]
Ints = NDArray[Any]
MISSING = -1  # the tag of a token that was not reviewed
LIKELY = 0.02  # the least probability of a candidate span
TINY = 1e-30
NEGLIGIBLE = 1e-6


class TokenSpan(NamedTuple):
    """A labelled span of tokens `[start, end)`."""

    start: int
    end: int
    label: str


class ScoredSpan(NamedTuple):
    """A labelled span of tokens `[start, end)` with its probability (0 to 1)."""

    start: int
    end: int
    label: str
    p: float


@dataclass(frozen=True)
class Tags:
    """The tags of all labels.

    Attributes:
        layers: Groups of labels whose spans exclude each other.
        longest: The length of the longest span that is predicted, in tokens.
    """

    layers: tuple[tuple[str, ...], ...]
    longest: int

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels."""
        return tuple(label for layer in self.layers for label in layer)

    @cached_property
    def columns(self) -> tuple[slice, ...]:
        """The columns of each layer in an array of tags: O, then B and I of each label."""
        found, start = [], 0
        for layer in self.layers:
            end = start + 2 * len(layer) + 1
            found.append(slice(start, end))
            start = end
        return tuple(found)

    @cached_property
    def begins(self) -> dict[str, int]:
        """Label → the column of its B tag; that of its I tag is the next one."""
        layers = zip(self.layers, self.columns, strict=True)
        return {label: columns.start + 2 * i + 1 for layer, columns in layers for i, label in enumerate(layer)}

    @property
    def width(self) -> int:
        """The number of tags in all layers."""
        return self.columns[-1].stop if self.layers else 0

    def of(self, spans: Iterable[TokenSpan], tokens: int, unknown: Iterable[tuple[int, int]] = ()) -> Ints:
        """The index of each token's tag within each layer, shape (tokens, layers); `MISSING` in the `unknown` ranges.

        Of two overlapping spans in a layer the longer one is kept, and the rest of the other is `MISSING`.
        """
        found = numpy.zeros((tokens, len(self.layers)), dtype=numpy.int64)
        for start, end in unknown:
            found[start:end] = MISSING
        index = {label: (n, k) for n, layer in enumerate(self.layers) for k, label in enumerate(layer)}
        taken = numpy.zeros(found.shape, dtype=bool)
        for start, end, label in sorted(spans, key=lambda s: (s.start - s.end, s.start)):
            layer, number = index[label]
            if taken[start:end, layer].any():
                free = ~taken[start:end, layer]
                found[start:end, layer][free] = MISSING
                continue
            taken[start:end, layer] = True
            found[start:end, layer] = 2 * number + 2
            found[start, layer] = 2 * number + 1
        return found

    def candidates(self, logs: Floats, bounds: Sequence[int] = ()) -> list[ScoredSpan]:
        """The spans with a probability of at least `LIKELY`.

        The probability of a span is the sum over all legal tag sequences that contain it, by the forward-backward
        algorithm. Within a layer, tokens are independent except that I must follow B or I of its label.

        Args:
            logs: Log-probabilities of the tags, shape (tokens, width).
            bounds: The first tokens of sentences or lines, which no span crosses.
        """
        found: list[ScoredSpan] = []
        for layer, columns in zip(self.layers, self.columns, strict=True):
            found += _candidates(layer, numpy.asarray(logs[:, columns], dtype=numpy.float64), bounds, self.longest)
        return found


def normalised(logs: Floats, tags: Tags) -> Floats:
    """The log-probabilities, normalised so that the probabilities of each layer sum to 1."""
    found = numpy.array(logs, dtype=numpy.float32)
    for columns in tags.columns:
        layer = found[:, columns]
        layer -= layer.max(axis=1, keepdims=True)
        layer -= numpy.log(numpy.exp(layer).sum(axis=1, keepdims=True))
    return found


def legal(labels: int) -> NDArray[numpy.float64]:
    """Which tag (column) may follow which (row), as 0 and 1; shape (tags, tags)."""
    tags = 2 * labels + 1
    found = numpy.zeros((tags, tags))
    found[:, 0] = 1
    found[:, 1::2] = 1
    for label in range(labels):
        inside = 2 * label + 2
        found[[inside - 1, inside], inside] = 1
    return found


def _candidates(
    layer: Sequence[str], logs: NDArray[numpy.float64], bounds: Sequence[int], longest: int
) -> list[ScoredSpan]:
    if not len(logs):
        return []
    starts = numpy.unique([0, *bounds])
    lengths = numpy.diff([*starts, len(logs)])
    # sentences in parallel, padded at the end, so that each step of the algorithm serves all of them
    rows, most = len(starts), int(lengths.max())
    scores = numpy.exp(logs - logs.max(axis=1, keepdims=True))
    grid = numpy.zeros((most, rows, logs.shape[1]))
    at = numpy.arange(len(logs)) - numpy.repeat(starts, lengths)
    row = numpy.repeat(numpy.arange(rows), lengths)
    grid[at, row] = scores
    inside = numpy.arange(most)[:, None] < lengths
    step = legal(len(layer))
    first = numpy.zeros(logs.shape[1])
    first[0], first[1::2] = 1, 1
    ahead, scale = numpy.zeros_like(grid), numpy.ones((most, rows))
    for i in range(most):
        now = grid[i] * (first if i == 0 else ahead[i - 1] @ step)
        total = now.sum(axis=1)
        scale[i] = numpy.where(inside[i], numpy.maximum(total, TINY), 1)
        ahead[i] = now / scale[i][:, None]
    behind = numpy.ones_like(grid)
    for i in range(most - 2, -1, -1):
        on = ((grid[i + 1] * behind[i + 1]) @ step.T) / scale[i + 1][:, None]
        behind[i] = numpy.where(inside[i + 1][:, None], on, 1)
    # the weight of whatever may follow a span: any tag but I of its label
    following = (grid * behind)[:, :, [0, *range(1, logs.shape[1], 2)]].sum(axis=2)
    following = numpy.where(inside, following / scale, 1)
    following = numpy.concatenate([following, numpy.ones((1, rows))])
    found: list[ScoredSpan] = []
    for number, label in enumerate(layer):
        begun = numpy.where(inside, ahead[:, :, 2 * number + 1], 0)
        further = numpy.where(inside, grid[:, :, 2 * number + 2] / scale, 0)
        for length in range(1, min(longest, most) + 1):
            # begun[i]: the weight of the sequences in which a span begins at i and has reached its `length`th token
            p = begun * following[length : length + len(begun)]
            for i, line in numpy.argwhere(p >= LIKELY).tolist():
                start = int(starts[line]) + i
                found.append(ScoredSpan(start, start + length, label, min(1.0, float(p[i, line]))))
            begun = begun[: most - length] * further[length:]
            if not len(begun) or begun.max() < NEGLIGIBLE:
                break
    return found
