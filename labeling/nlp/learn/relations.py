"""Relations between spans, learned from reviewed documents.

For each relation, a logistic regression over the features of a pair (`relation_features`) gives its log-odds; a second
one, over a handful of numbers, compares these with the rivals of the pair: the other pairs of its head and of its tail,
and the other relations of the same two spans. A relation is left to the shipped rules unless the reviews suffice to
beat them. `relation_training` fits a model; a fitted one needs NumPy alone.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc, Span

from labeling.core.schema import LabelSchema
from labeling.errors import ModelError
from labeling.nlp.events.lexicon import Lexicon
from labeling.nlp.hashes import places_in
from labeling.nlp.learn.relation_features import Rules, Triple
from labeling.nlp.learn.relation_pairs import PairFinder, Pairs
from labeling.nlp.learn.relation_vectors import Projection

Floats = NDArray[numpy.float32]
FORMAT = 2  # the version of the saved bytes
# The arrays of a relation's weights, by their names in the saved bytes.
ARRAYS = {"values": "values", "weights": "weights", "numbers": "pooled", "decision": "decision"}
MAX_ODDS = 6.0  # log-odds are clipped to this
NUMBERS = 5  # inputs of the second regression
PRIOR_PRECISION = 0.75  # of a rule without evidence

Source = Literal["rules", "learned", "none"]
Scored = tuple[int, int, str, float]  # index of the head, index of the tail, label, probability


@dataclass(frozen=True)
class Example:
    """A reviewed document and its relations.

    Attributes:
        doc: The document, parsed if its language has a parser.
        spans: Its spans: gold, or better those of a model that was not trained on the document.
        relations: The reviewed relations: index of the head, index of the tail, label.
        scores: The score of each span (0 to 1); None for gold spans.
        missed: Relation label → the number of gold relations with an end that is not among the spans.
        unknown: Token ranges `[start, end)` whose relations were not reviewed.
    """

    doc: Doc
    spans: Sequence[Span]
    relations: Sequence[Triple]
    scores: Sequence[float] | None = None
    missed: Mapping[str, int] = field(default_factory=dict)
    unknown: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True)
class RelationReport:
    """The evaluation of one relation; F (0 to 1) is cross-validated over the documents and counts missed relations.

    Attributes:
        label: The relation.
        gold: The number of gold relations.
        rules: F of the rules alone.
        learned: F of the learned weights; None if there was too little to learn from.
        threshold: The least probability of a relation that is shown.
        source: Which of the two the model uses.
    """

    label: str
    gold: int
    rules: float
    learned: float | None
    threshold: float
    source: Source


@dataclass(frozen=True)
class Weights:
    """The weights of one relation.

    Attributes:
        source: Whether to use the rules, the learned weights, or neither, so that it is never predicted.
        threshold: The least probability of a relation that is shown.
        precision: The precision of the rules.
        values: The hashed features with a weight, ascending; shape (n,).
        weights: Their weights; shape (n,).
        pooled: The weights of pooled vectors; shape (0,) without vectors.
        said: The weight of the feature that the rules give the relation.
        intercept: The intercept of the first regression.
        decision: The weights of the second regression, its intercept last; shape (NUMBERS + 1,).
    """

    source: Source = "none"
    threshold: float = 0.5
    precision: float = PRIOR_PRECISION
    values: NDArray[numpy.uint64] = field(default_factory=lambda: numpy.zeros(0, numpy.uint64))
    weights: Floats = field(default_factory=lambda: numpy.zeros(0, numpy.float32))
    pooled: Floats = field(default_factory=lambda: numpy.zeros(0, numpy.float32))
    said: float = 0.0
    intercept: float = 0.0
    decision: Floats = field(default_factory=lambda: numpy.zeros(NUMBERS + 1, numpy.float32))

    def odds(self, pairs: Pairs, label: str) -> Floats:
        """The log-odds of the first regression for each pair."""
        found = numpy.full(len(pairs.heads), self.intercept, dtype=numpy.float32)
        if len(self.values) and len(found):
            places, hit = places_in(self.values, pairs.hashed)
            found += numpy.where(hit, self.weights[places], 0).sum(axis=1)
        if len(self.pooled) and len(found):
            found += pairs.pooled @ self.pooled
        found += self.said * pairs.by_rules[label]
        return found

    def probabilities(self, numbers: Floats) -> Floats:
        """The probability of each pair by the second regression; shape (pairs, NUMBERS) → (pairs,)."""
        found: Floats = 1 / (1 + numpy.exp(-(numbers @ self.decision[:-1] + self.decision[-1])))
        return found


def rivalry(odds: Mapping[str, Floats], label: str, pairs: Pairs) -> Floats:
    """The inputs of the second regression for each pair; shape (pairs, NUMBERS).

    They are the pair's log-odds; the margins over the best other pair with the same tail, the best with the same head,
    and the best other relation of the same two spans; and whether the rules give the relation.
    """
    mine = numpy.where(pairs.legal[label], odds[label], -numpy.inf)
    others = [numpy.where(pairs.legal[name], one, -numpy.inf) for name, one in odds.items() if name != label]
    best = numpy.max(others, axis=0) if others else numpy.full(len(mine), -numpy.inf)
    with numpy.errstate(invalid="ignore"):
        numbers = [mine, mine - _best_other(mine, pairs.tails), mine - _best_other(mine, pairs.heads), mine - best]
    found = numpy.clip(numpy.nan_to_num(numpy.stack(numbers, axis=1), nan=0.0), -MAX_ODDS, MAX_ODDS) / (MAX_ODDS / 2)
    return numpy.column_stack((found, pairs.by_rules[label])).astype(numpy.float32)


def _best_other(values: Floats, owners: NDArray[numpy.int64]) -> Floats:
    """For each value the greatest other one of the same owner; minus infinity if there is none."""
    found = numpy.full(len(values), -numpy.inf, dtype=values.dtype)
    order = numpy.lexsort((-values, owners))
    first = numpy.ones(len(order), dtype=bool)
    first[1:] = owners[order][1:] != owners[order][:-1]
    group = numpy.cumsum(first) - 1
    starts = numpy.flatnonzero(first)
    sizes = numpy.diff([*starts, len(order)])
    best = values[order][starts]
    second = numpy.where(sizes > 1, values[order][numpy.minimum(starts + 1, len(order) - 1)], -numpy.inf)
    found[order] = numpy.where(first, second[group], best[group])
    return found


class RelationModel:
    """Predicts the relations between a document's spans, with probabilities.

    Attributes:
        weights: Relation label → its weights.
        window: The greatest distance of two related spans, in sentences.
        report: The evaluation of each relation in training.
    """

    def __init__(
        self,
        schema: LabelSchema,
        weights: Mapping[str, Weights],
        window: int = 0,
        report: Sequence[RelationReport] = (),
        *,
        projection: Projection | None = None,
        rules: Rules | None = None,
        lexicon: Lexicon | None = None,
    ) -> None:
        self.schema, self.weights, self.window, self.report = schema, weights, window, tuple(report)
        self.projection = projection or Projection()
        self.pairs = PairFinder(schema, rules, lexicon, self.projection)

    def __call__(self, doc: Doc, spans: Sequence[Span], scores: Sequence[float] | None = None) -> list[Scored]:
        """The relations above their thresholds, in order of their heads; `scores` are the spans' scores."""
        pairs = self.pairs(doc, spans, scores, self.window)
        odds = {name: one.odds(pairs, name) for name, one in self.weights.items() if len(one.values)}
        found: list[Scored] = []
        for label, one in self.weights.items():
            if one.source == "rules":
                p = numpy.where(pairs.by_rules[label], one.precision, 0)
                shown = pairs.by_rules[label] & pairs.legal[label]
            elif one.source == "learned" and len(pairs.heads):
                p = one.probabilities(rivalry(odds, label, pairs))
                shown = (p >= one.threshold) & pairs.legal[label]
            else:
                continue
            for row in numpy.flatnonzero(shown).tolist():
                found.append((int(pairs.heads[row]), int(pairs.tails[row]), label, float(p[row])))
        return sorted(found)

    def to_bytes(self) -> bytes:
        """The model without schema, rules and lexicon, as an .npz with arrays and a JSON text."""
        relations = {
            name: {key: getattr(one, key) for key in ("source", "threshold", "precision", "said", "intercept")}
            for name, one in self.weights.items()
        }
        report = [vars(one) for one in self.report]
        about = {"format": FORMAT, "window": self.window, "relations": relations, "report": report}
        arrays: dict[str, Any] = {"about": numpy.frombuffer(json.dumps(about).encode("utf-8"), dtype=numpy.uint8)}
        for number, one in enumerate(self.weights.values()):
            arrays |= {f"{key}.{number}": getattr(one, field) for key, field in ARRAYS.items()}
        arrays |= {"mean": self.projection.mean, "axes": self.projection.axes}
        out = io.BytesIO()
        numpy.savez_compressed(out, allow_pickle=False, **arrays)
        return out.getvalue()

    @classmethod
    def from_bytes(
        cls, data: bytes, schema: LabelSchema, rules: Rules | None = None, lexicon: Lexicon | None = None
    ) -> Self:
        """The model that `to_bytes` saved.

        Raises:
            ModelError: The bytes are damaged, or of another version of labeling, or for another schema.
        """
        try:
            weights, window, report, projection = _unpacked(data)
        except Exception as error:  # zip, JSON and NumPy each raise their own
            raise ModelError(
                f"The learned relations of this model cannot be read: {error}", "Train the model again."
            ) from error
        if unknown := weights.keys() - schema.relations.keys():
            raise ModelError(
                f"The model has learned relations that the schema {schema.key} does not have: "
                f"{', '.join(sorted(unknown))}.",
                "Use the schema that it was trained with.",
            )
        return cls(schema, weights, window, report, projection=projection, rules=rules, lexicon=lexicon)


def _unpacked(data: bytes) -> tuple[dict[str, Weights], int, list[RelationReport], Projection]:
    with numpy.load(io.BytesIO(data), allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].tobytes().decode("utf-8"))
        if about["format"] != FORMAT:
            raise ValueError(f"their format is {about['format']!r}, and this version of labeling reads {FORMAT}")
        mean = _array(arrays["mean"], numpy.float32, None)
        projection = Projection(mean, _array(arrays["axes"], numpy.float32, None, len(mean)))
        weights: dict[str, Weights] = {}
        for number, (name, saved) in enumerate(about["relations"].items()):
            if saved["source"] not in get_args(Source):
                raise ValueError(f"{saved['source']!r} is not a source of relations")
            one = Weights(
                values=_array(arrays[f"values.{number}"], numpy.uint64, None),
                weights=_array(arrays[f"weights.{number}"], numpy.float32, None),
                pooled=_array(arrays[f"numbers.{number}"], numpy.float32, None),
                decision=_array(arrays[f"decision.{number}"], numpy.float32, NUMBERS + 1),
                source=saved["source"],
                **{key: float(saved[key]) for key in ("threshold", "precision", "said", "intercept")},
            )
            if len(one.values) != len(one.weights) or (one.values[1:] <= one.values[:-1]).any():
                raise ValueError(f"the weights of {name} do not fit its features")
            if len(one.pooled) not in (0, projection.width):
                raise ValueError(f"the weights of {name} do not fit its vectors")
            weights[name] = one
        window = int(about["window"])
        if window < 0:
            raise ValueError(f"a window of {window} sentences")
        return weights, window, [RelationReport(**one) for one in about["report"]], projection


def _array(given: Any, kind: Any, *shape: int | None) -> Any:
    fits = given.ndim == len(shape) and all(
        size in (None, there) for size, there in zip(shape, given.shape, strict=True)
    )
    if given.dtype != kind or not fits:
        raise ValueError(f"unexpected array of {given.dtype} with shape {given.shape}")
    if kind is numpy.float32 and not numpy.isfinite(given).all():
        raise ValueError("weights that are not numbers")
    return given
