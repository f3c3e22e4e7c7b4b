"""Logistic regression over symbols and numbers of tokens: fitted by scikit-learn, applied by NumPy alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy
from numpy.typing import NDArray

from labeling.nlp.learn.tags import MISSING, Tags

Floats = NDArray[numpy.float32]
Symbols = NDArray[numpy.uint64]
OFTEN = 2  # tokens that have a symbol before anything is learned from it
NEVER = -12.0  # the log-probability of a tag that the reviews never have
TOLERANCE, ITERATIONS = 1e-3, 100


@dataclass(frozen=True)
class Linear:
    """A multinomial logistic regression a layer of tags.

    Attributes:
        values: For each slot the symbols that are known of it, in ascending order.
        rows: Their weights, slot after slot; shape (symbols, width of the tags).
        center, scale: What is taken from the numbers, and what they are divided by; shape (numbers,).
        numbers: Their weights; shape (numbers, width).
        intercepts: Shape (width,).
    """

    values: tuple[Symbols, ...]
    rows: Floats
    center: Floats
    scale: Floats
    numbers: Floats
    intercepts: Floats

    def logs(self, symbols: Symbols | None, numbers: Floats | None, tags: Tags) -> Floats:
        """The log-probabilities of the tags; shape (tokens, width)."""
        tokens = symbols.shape[1] if symbols is not None else len(numbers) if numbers is not None else 0
        logits = numpy.tile(self.intercepts, (tokens, 1))
        if numbers is not None and len(self.numbers):
            weights = self.numbers / self.scale[:, None]  # few, where the numbers are many
            logits += numbers @ weights - self.center @ weights
        if symbols is not None and tokens:
            offset = 0
            for known, column in zip(self.values, symbols, strict=True):
                if len(known):
                    place = numpy.minimum(numpy.searchsorted(known, column), len(known) - 1)
                    hit = known[place] == column
                    logits[hit] += self.rows[offset + place[hit]]
                offset += len(known)
        for columns in tags.columns:
            part = logits[:, columns]
            part -= part.max(axis=1, keepdims=True)
            part -= numpy.log(numpy.exp(part).sum(axis=1, keepdims=True))
        return numpy.maximum(logits, NEVER)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything by names; `of` takes it."""
        return {
            "values": numpy.concatenate([*self.values, numpy.zeros(0, dtype=numpy.uint64)]),
            "sizes": numpy.array([len(known) for known in self.values], dtype=numpy.int64),
            **{name: getattr(self, name) for name in ("rows", "center", "scale", "numbers", "intercepts")},
        }

    @classmethod
    def of(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """What `arrays` gave."""
        given = dict(arrays)
        values, sizes = given.pop("values"), given.pop("sizes")
        return cls(tuple(numpy.split(values, numpy.cumsum(sizes)[:-1])) if len(sizes) else (), **given)


@dataclass(frozen=True)
class Examples:
    """What is known of documents' tokens, document after document, and their tags.

    Attributes:
        symbols: Shape (slots, tokens); None where there are none.
        numbers: Shape (tokens, numbers); None where there are none.
        tags: Shape (tokens, layers); `MISSING` where nobody knows it.
    """

    symbols: Symbols | None
    numbers: Floats | None
    tags: NDArray[Any]

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The examples of several documents as those of one."""
        symbols = [part.symbols for part in parts if part.symbols is not None]
        numbers = [part.numbers for part in parts if part.numbers is not None]
        return cls(
            numpy.concatenate(symbols, axis=1) if symbols else None,
            numpy.concatenate(numbers) if numbers else None,
            numpy.concatenate([part.tags for part in parts]),
        )


def fit(examples: Examples, tags: Tags, strength: float) -> Linear:
    """The regression of the examples, whose numbers it takes over and changes, since they may be large.

    `strength` is scikit-learn's C: the smaller, the more weights are held back.
    """
    values, ones = _vocabulary(examples.symbols)
    numbers = examples.numbers if examples.numbers is not None else numpy.zeros((len(examples.tags), 0), "float32")
    center = numbers.mean(axis=0) if len(numbers) else numpy.zeros(numbers.shape[1], dtype="float32")
    scale = numbers.std(axis=0) + 1e-3 if len(numbers) else numpy.ones(numbers.shape[1], dtype="float32")
    numbers -= center
    numbers /= scale
    grounds = _grounds(ones, numbers)
    size = sum(map(len, values))
    weights = numpy.zeros((size + numbers.shape[1], tags.width), dtype=numpy.float32)
    intercepts = numpy.full(tags.width, NEVER, dtype=numpy.float32)
    for layer, columns in enumerate(tags.columns):
        _fit_layer(grounds, examples.tags[:, layer], strength, weights[:, columns], intercepts[columns])
    return Linear(values, weights[:size], center, scale, weights[size:], intercepts)


def _fit_layer(grounds: Any, tags: NDArray[Any], strength: float, weights: Floats, intercepts: Floats) -> None:
    from sklearn.linear_model import LogisticRegression

    known = tags != MISSING
    seen = numpy.unique(tags[known])
    if not len(seen):
        intercepts[0] = 0
        return
    if len(seen) == 1:
        intercepts[seen[0]] = 0
        return
    model = LogisticRegression(C=strength, max_iter=ITERATIONS, tol=TOLERANCE)
    model.fit(grounds if known.all() else grounds[known], tags[known])
    if len(seen) == 2:  # scikit-learn has one row for two classes
        weights[:, seen[1]], intercepts[seen] = model.coef_[0], (0, model.intercept_[0])
    else:
        weights[:, seen], intercepts[seen] = model.coef_.T, model.intercept_


def _vocabulary(symbols: Symbols | None) -> tuple[tuple[Symbols, ...], Any]:
    """The symbols of each slot that are frequent enough, and which token has which, as a sparse matrix of ones."""
    from scipy.sparse import csr_matrix

    if symbols is None:
        return (), None
    values, rows, columns, offset = [], [], [], 0
    for column in symbols:
        seen, counts = numpy.unique(column[column > 0], return_counts=True)
        known = seen[counts >= OFTEN]
        if len(known):
            place = numpy.minimum(numpy.searchsorted(known, column), len(known) - 1)
            hit = numpy.flatnonzero(known[place] == column)
            rows.append(hit)
            columns.append(offset + place[hit])
        values.append(known)
        offset += len(known)
    at = (numpy.concatenate(rows), numpy.concatenate(columns)) if rows else (numpy.zeros(0, int), numpy.zeros(0, int))
    ones = csr_matrix((numpy.ones(len(at[0]), dtype=numpy.float32), at), shape=(symbols.shape[1], offset))
    return tuple(values), ones


def _grounds(ones: Any, numbers: Floats) -> Any:
    from scipy.sparse import csr_matrix, hstack

    if ones is None:
        return numbers
    return hstack([ones, csr_matrix(numbers)], format="csr") if numbers.shape[1] else ones
