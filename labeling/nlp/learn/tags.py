"""Spans ↔ tags of tokens, and the probability of every span from the probabilities of the tags.

A layer is a group of labels whose spans exclude each other. Its tags are O, and B and I of each label. Where spans
overlap, every label has a layer of its own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.float32]
Ints = NDArray[Any]
MISSING = -1  # the tag of a token whose label nobody knows
LIKELY = 0.02  # the least probability of a span that is worth a look
TINY = 1e-30
NEGLIGIBLE = 1e-6


class Tokens(NamedTuple):
    """A labelled stretch of tokens `[start, end)`."""

    start: int
    end: int
    label: str


class Likely(NamedTuple):
    """A stretch of tokens `[start, end)` with a label, and its probability (0 to 1)."""

    start: int
    end: int
    label: str
    p: float


@dataclass(frozen=True)
class Tags:
    """The tags of labels in layers.

    Attributes:
        layers: Labels that exclude each other, layer by layer.
        longest: Tokens of the longest span that is looked for.
    """

    layers: tuple[tuple[str, ...], ...]
    longest: int

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels."""
        return tuple(label for layer in self.layers for label in layer)

    @cached_property
    def columns(self) -> tuple[slice, ...]:
        """Where each layer's tags lie among the columns of an array of tags: O, then B and I of each label."""
        found, start = [], 0
        for layer in self.layers:
            end = start + 2 * len(layer) + 1
            found.append(slice(start, end))
            start = end
        return tuple(found)

    @property
    def width(self) -> int:
        """How many tags there are in all layers."""
        return self.columns[-1].stop if self.layers else 0

    def of(self, spans: Iterable[Tokens], tokens: int, unknown: Iterable[tuple[int, int]] = ()) -> Ints:
        """The number of each token's tag within each layer, shape (tokens, layers); `MISSING` where nobody knows it.

        Of two spans of a layer that overlap, the longer one is taken, and what the other has besides is unknown.
        """
        found = numpy.zeros((tokens, len(self.layers)), dtype=numpy.int64)
        for start, end in unknown:
            found[start:end] = MISSING
        place = {label: (n, k) for n, layer in enumerate(self.layers) for k, label in enumerate(layer)}
        taken = numpy.zeros(found.shape, dtype=bool)
        for start, end, label in sorted(spans, key=lambda s: (s.start - s.end, s.start)):
            layer, number = place[label]
            if taken[start:end, layer].any():
                free = ~taken[start:end, layer]
                found[start:end, layer][free] = MISSING
                continue
            taken[start:end, layer] = True
            found[start:end, layer] = 2 * number + 2
            found[start, layer] = 2 * number + 1
        return found

    def likely(self, logs: Floats, bounds: Sequence[int] = ()) -> list[Likely]:
        """The spans that are worth a look, by their probability under all legal sequences of tags.

        The probability of a span is the sum over the sequences that have it, by the forward-backward algorithm; within
        a layer the tokens are independent but for what is legal: I follows B or I of its label.

        Args:
            logs: Log-probabilities of the tags, shape (tokens, width).
            bounds: The first tokens of stretches that no span crosses, such as sentences or lines.
        """
        found: list[Likely] = []
        for layer, columns in zip(self.layers, self.columns, strict=True):
            found += _likely(layer, numpy.asarray(logs[:, columns], dtype=numpy.float64), bounds, self.longest)
        return found


def normalised(logs: Floats, tags: Tags) -> Floats:
    """Log-probabilities whose layers each sum to 1."""
    found = numpy.array(logs, dtype=numpy.float32)
    for columns in tags.columns:
        part = found[:, columns]
        part -= part.max(axis=1, keepdims=True)
        part -= numpy.log(numpy.exp(part).sum(axis=1, keepdims=True))
    return found


def legal(labels: int) -> NDArray[numpy.float64]:
    """Which tag may follow which, as 0 and 1; shape (tags, tags), from the row to the column."""
    tags = 2 * labels + 1
    found = numpy.zeros((tags, tags))
    found[:, 0] = 1
    found[:, 1::2] = 1
    for label in range(labels):
        inside = 2 * label + 2
        found[[inside - 1, inside], inside] = 1
    return found


def _likely(layer: Sequence[str], logs: NDArray[numpy.float64], bounds: Sequence[int], longest: int) -> list[Likely]:
    if not len(logs):
        return []
    starts = numpy.unique([0, *bounds])
    lengths = numpy.diff([*starts, len(logs)])
    # sentences side by side, padded at their ends: one step of the algorithm for all of them
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
    # what follows a span, if anything does: any tag but I of its label
    following = (grid * behind)[:, :, [0, *range(1, logs.shape[1], 2)]].sum(axis=2)
    following = numpy.where(inside, following / scale, 1)
    following = numpy.concatenate([following, numpy.ones((1, rows))])
    found: list[Likely] = []
    for number, label in enumerate(layer):
        begun = numpy.where(inside, ahead[:, :, 2 * number + 1], 0)
        further = numpy.where(inside, grid[:, :, 2 * number + 2] / scale, 0)
        for length in range(1, min(longest, most) + 1):
            # begun[i]: the weight of the sequences in which a span begins at i and has reached its `length`th token
            p = begun * following[length : length + len(begun)]
            for i, line in numpy.argwhere(p >= LIKELY).tolist():
                start = int(starts[line]) + i
                found.append(Likely(start, start + length, label, min(1.0, float(p[i, line]))))
            begun = begun[: most - length] * further[length:]
            if not len(begun) or begun.max() < NEGLIGIBLE:
                break
    return found
