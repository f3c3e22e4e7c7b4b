"""Logistic regression over the features of tokens: fitted by scikit-learn, applied by NumPy alone."""

from dataclasses import dataclass
from typing import Any, Self

import numpy
from numpy.typing import NDArray

from labeling.nlp.hashes import Hashes, places_in
from labeling.nlp.learn.tags import MISSING, Tags, normalised

Floats = NDArray[numpy.float32]
MIN_COUNT = 2  # tokens with a feature, for it to get a weight
MIN_LOG = -12.0  # the log-probability of a tag that is not in the reviews
TOLERANCE, ITERATIONS = 1e-3, 100


@dataclass(frozen=True)
class Linear:
    """A multinomial logistic regression for each layer of tags.

    Attributes:
        values: For each slot, the hashed features with weights, in ascending order.
        rows: Their weights, slot after slot; shape (hashed features, width of the tags).
        center, scale: The mean and the scale by which numeric features are standardized; shape (numbers,).
        numbers: The weights of numeric features; shape (numbers, width).
        intercepts: Shape (width,).
    """

    values: tuple[Hashes, ...]
    rows: Floats
    center: Floats
    scale: Floats
    numbers: Floats
    intercepts: Floats

    def logs(self, hashed: Hashes | None, numbers: Floats | None, tags: Tags) -> Floats:
        """The log-probabilities of the tags by hashed and numeric features; shape (tokens, width)."""
        tokens = hashed.shape[1] if hashed is not None else len(numbers) if numbers is not None else 0
        logits = numpy.tile(self.intercepts, (tokens, 1))
        if numbers is not None and len(self.numbers):
            weights = self.numbers / self.scale[:, None]  # cheaper than scaling the numbers, of which there are many
            logits += numbers @ weights - self.center @ weights
        if hashed is not None and tokens:
            offset = 0
            for known, column in zip(self.values, hashed, strict=True):
                places, hit = places_in(known, column)
                logits[hit] += self.rows[offset + places[hit]]
                offset += len(known)
        return numpy.maximum(normalised(logits, tags), MIN_LOG)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays to save, by name; `of` reads them."""
        return {
            "values": numpy.concatenate([*self.values, numpy.zeros(0, dtype=numpy.uint64)]),
            "sizes": numpy.array([len(known) for known in self.values], dtype=numpy.int64),
            **{name: getattr(self, name) for name in ("rows", "center", "scale", "numbers", "intercepts")},
        }

    @classmethod
    def of(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """The regression saved in these arrays."""
        given = dict(arrays)
        values, sizes = given.pop("values"), given.pop("sizes")
        return cls(tuple(numpy.split(values, numpy.cumsum(sizes)[:-1])) if len(sizes) else (), **given)


@dataclass(frozen=True)
class Examples:
    """The features and tags of documents' tokens, one document after another.

    Attributes:
        hashed: Hashed features, shape (slots, tokens); None if there are none.
        numbers: Numeric features, shape (tokens, numbers); None if there are none.
        tags: Shape (tokens, layers); `MISSING` if not reviewed.
    """

    hashed: Hashes | None
    numbers: Floats | None
    tags: NDArray[Any]


def fit(examples: Examples, tags: Tags, strength: float) -> Linear:
    """The regression fitted to the examples; their numbers are standardized in place, since they may be large.

    `strength` is scikit-learn's C: the inverse of the regularization strength.
    """
    values, ones = _vocabulary(examples.hashed)
    numbers = examples.numbers if examples.numbers is not None else numpy.zeros((len(examples.tags), 0), "float32")
    center = numbers.mean(axis=0) if len(numbers) else numpy.zeros(numbers.shape[1], dtype="float32")
    scale = numbers.std(axis=0) + 1e-3 if len(numbers) else numpy.ones(numbers.shape[1], dtype="float32")
    numbers -= center
    numbers /= scale
    matrix = _matrix(ones, numbers)
    size = sum(map(len, values))
    weights = numpy.zeros((size + numbers.shape[1], tags.width), dtype=numpy.float32)
    intercepts = numpy.full(tags.width, MIN_LOG, dtype=numpy.float32)
    for layer, columns in enumerate(tags.columns):
        _fit_layer(matrix, examples.tags[:, layer], strength, weights[:, columns], intercepts[columns])
    return Linear(values, weights[:size], center, scale, weights[size:], intercepts)


def _fit_layer(matrix: Any, tags: NDArray[Any], strength: float, weights: Floats, intercepts: Floats) -> None:
    from sklearn.linear_model import LogisticRegression

    known = tags != MISSING
    seen = numpy.unique(tags[known])
    if len(seen) < 2:
        intercepts[seen[0] if len(seen) else 0] = 0
        return
    model = LogisticRegression(C=strength, max_iter=ITERATIONS, tol=TOLERANCE)
    model.fit(matrix if known.all() else matrix[known], tags[known])
    if len(seen) == 2:  # scikit-learn has one row for two classes
        weights[:, seen[1]], intercepts[seen] = model.coef_[0], (0, model.intercept_[0])
    else:
        weights[:, seen], intercepts[seen] = model.coef_.T, model.intercept_


def _vocabulary(hashed: Hashes | None) -> tuple[tuple[Hashes, ...], Any]:
    """The frequent features of each slot, and a sparse matrix of which token has which; shape (tokens, features)."""
    from scipy.sparse import csr_matrix

    if hashed is None:
        return (), None
    values, rows, columns, offset = [], [], [], 0
    for column in hashed:
        seen, counts = numpy.unique(column[column > 0], return_counts=True)
        known = seen[counts >= MIN_COUNT]
        places, hit = places_in(known, column)
        rows.append(numpy.flatnonzero(hit))
        columns.append(offset + places[hit])
        values.append(known)
        offset += len(known)
    at = numpy.concatenate(rows), numpy.concatenate(columns)
    ones = csr_matrix((numpy.ones(len(at[0]), dtype=numpy.float32), at), shape=(hashed.shape[1], offset))
    return tuple(values), ones


def _matrix(ones: Any, numbers: Floats) -> Any:
    from scipy.sparse import csr_matrix, hstack

    if ones is None:
        return numbers
    return hstack([ones, csr_matrix(numbers)], format="csr") if numbers.shape[1] else ones
