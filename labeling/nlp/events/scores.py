"""The probability that a token heads a span of each kind: a logistic regression whose weights are data."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy
from numpy.typing import NDArray

from labeling.core.parsing import parse_json
from labeling.errors import SchemaError
from labeling.nlp.events.features import AT, NAMES, NUMBERS, Features
from labeling.nlp.hashes import hash_of, joint_hash

JOINED = ("pos dep", "entity dep")  # features whose value is a pair of hashes


@dataclass(frozen=True)
class Weights:
    """The weights of k kinds of spans.

    Attributes:
        kinds: Their names.
        intercepts: Shape (k,).
        names: For each of `NAMES`, feature hash → row of `rows`.
        rows: The weights of categorical features; shape (features, k). Row 0, for unknown ones, is zeros.
        numbers: The weights of `NUMBERS`; shape (numbers, k).
        coverage: The share of gold spans that are candidates, for each element of an event ("actor", "action", …).
    """

    kinds: tuple[str, ...]
    intercepts: NDArray[numpy.float32]
    names: tuple[dict[int, int], ...]
    rows: NDArray[numpy.float32]
    numbers: NDArray[numpy.float32]
    coverage: dict[str, float]

    def probabilities(self, features: Features) -> NDArray[numpy.float32]:
        """The probability that each of n tokens heads a span of each kind; shape (n, k)."""
        logits = features.numbers @ self.numbers + self.intercepts
        for known, column in zip(self.names, features.names, strict=True):
            get = known.get
            logits += self.rows[[get(value, 0) for value in column.tolist()]]
        found: NDArray[numpy.float32] = 1 / (1 + numpy.exp(-logits))
        return found


@lru_cache(maxsize=4)
def read_weights(text: str) -> Weights:
    """The weights in JSON: `{"coverage": {"actor": x}, "kinds": {kind: W}}`.

    W is `{"intercept": x, "names": {"pos": {"VERB": x}}, "numbers": {"capital": x}}`.

    Raises:
        SchemaError: It cannot be read, or names an unknown feature.
    """
    try:
        found = parse_json(text)
        return to_weights(found["kinds"], found["coverage"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SchemaError(f"The weights of the scores are not valid: {type(error).__name__}: {error}") from error


def to_weights(kinds: dict[str, Any], coverage: dict[str, float]) -> Weights:
    """The weights from parsed JSON.

    Raises:
        KeyError: It names an unknown feature.
    """
    names: list[dict[int, int]] = [{} for _ in NAMES]
    rows = [[0.0] * len(kinds)]
    numbers = numpy.zeros((len(NUMBERS), len(kinds)), dtype=numpy.float32)
    index_of = {name: index for index, name in enumerate(NAMES)}
    for column, kind in enumerate(kinds.values()):
        for name, weights in kind["names"].items():
            known = names[index_of[name]]
            for value, weight in weights.items():
                key = joint_hash(*map(hash_of, value.split(" "))) if name in JOINED else hash_of(value)
                if key not in known:
                    known[key] = len(rows)
                    rows.append([0.0] * len(kinds))
                rows[known[key]][column] = weight
        for name, weight in kind["numbers"].items():
            numbers[AT[name], column] = weight
    return Weights(
        kinds=tuple(kinds),
        intercepts=numpy.array([kind["intercept"] for kind in kinds.values()], dtype=numpy.float32),
        names=tuple(names),
        rows=numpy.array(rows, dtype=numpy.float32),
        numbers=numbers,
        coverage={element: float(share) for element, share in coverage.items()},
    )
