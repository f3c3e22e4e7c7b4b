"""Vectors of tokens → pooled vectors of a pair: of its head, its tail, and the tokens between them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc, Span
from thinc.api import to_numpy

Floats = NDArray[numpy.float32]
Ints = NDArray[numpy.int64]
SIZE = 32  # principal components, at most
SEGMENTS = 3  # head, tail, between
MAX_TOKENS = 20_000  # for fitting the components
MIN_VARIANCE = 1e-6  # of a component, relative to the greatest


@dataclass(frozen=True)
class Projection:
    """The principal components of token vectors, each scaled to a variance of 1.

    Attributes:
        mean: The mean vector; shape (width,).
        axes: The scaled component axes; shape (size, width). Without vectors, both are empty.
    """

    mean: Floats = field(default_factory=lambda: numpy.zeros(0, numpy.float32))
    axes: Floats = field(default_factory=lambda: numpy.zeros((0, 0), numpy.float32))

    @classmethod
    def fit(cls, docs: Sequence[Doc]) -> Self:
        """The projection fitted to `doc.tensor`; empty unless all documents have vectors of the same width."""
        from sklearn.decomposition import PCA

        tensors = [_vectors(doc) for doc in docs if len(doc)]
        if len({one.shape[1:] for one in tensors}) != 1 or tensors[0].ndim != 2:
            return cls()
        step = 1 + sum(map(len, tensors)) // MAX_TOKENS
        vectors = numpy.concatenate([one[::step] for one in tensors])
        if (vectors == vectors[0]).all():
            return cls()
        found = PCA(min(SIZE, *vectors.shape), svd_solver="covariance_eigh").fit(vectors)
        variance = found.explained_variance_
        kept = variance > MIN_VARIANCE * variance[0]
        axes = found.components_[kept] / numpy.sqrt(variance[kept, None])
        return cls(found.mean_.astype(numpy.float32), axes.astype(numpy.float32))

    @property
    def width(self) -> int:
        """The length of the pooled vectors of a pair."""
        return SEGMENTS * len(self.axes)

    def __call__(self, doc: Doc, spans: Sequence[Span], heads: Ints, tails: Ints) -> Floats:
        """The pooled vectors of each pair, 0 if the document's vectors do not fit; shape (pairs, `width`)."""
        tensor = _vectors(doc)
        if not self.width or not len(heads) or tensor.shape != (len(doc), len(self.mean)):
            return numpy.zeros((len(heads), self.width), dtype=numpy.float32)
        tokens = (tensor - self.mean) @ self.axes.T
        summed = numpy.concatenate([numpy.zeros_like(tokens[:1]), tokens.cumsum(axis=0, dtype=numpy.float64)])
        starts, ends = numpy.array([[span.start, span.end] for span in spans]).T
        pooled = (summed[ends] - summed[starts]) / (ends - starts)[:, None]
        first = numpy.minimum(ends[heads], ends[tails])
        last = numpy.maximum(first, numpy.maximum(starts[heads], starts[tails]))
        between = (summed[last] - summed[first]) / numpy.maximum(1, last - first)[:, None]
        found: Floats = numpy.concatenate([pooled[heads], pooled[tails], between], axis=1).astype(numpy.float32)
        return found


def _vectors(doc: Doc) -> Floats:
    """The vectors of the tokens, on the CPU."""
    to_array: Callable[[Any], Floats] = to_numpy
    return to_array(doc.tensor)
