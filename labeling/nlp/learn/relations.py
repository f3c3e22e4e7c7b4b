"""Relations between spans, learned from reviewed documents: which of the pairs that the schema allows are joined.

For each relation a logistic regression over symbols of a pair (`relation_features`) says how likely it is; a second
one, over a handful of numbers, weighs that against the rivals of the pair: the other pairs of its head, of its tail,
and the other relations of the same two spans. A relation of which the reviews say nothing, or not enough to beat the
shipped rules, is left to the rules. `relation_training` fits a model; one that is there needs NumPy alone.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc, Span

from labeling.core.schema import LabelSchema
from labeling.errors import ModelError
from labeling.nlp.events.lexicon import Lexicon
from labeling.nlp.learn.relation_features import Arrow, Rules
from labeling.nlp.learn.relation_pairs import PairFinder, Pairs
from labeling.nlp.learn.relation_vectors import Projection

Floats = NDArray[numpy.float32]
FORMAT = 2  # of the bytes
CLEAR = 6.0  # log-odds beyond which nothing is surer
NUMBERS = 5  # that the second regression has of a pair
UNSURE = 0.75  # how likely a rule is right, where nothing is known of it

Source = Literal["rules", "learned", "none"]
Scored = tuple[int, int, str, float]  # number of the head, number of the tail, label, probability


@dataclass(frozen=True)
class Example:
    """A document that was reviewed, and its relations.

    Attributes:
        doc: The document, parsed where its language has a parser.
        spans: Its spans, as a model finds them (best those of a model that was not trained on the document) or gold.
        relations: What the reviewers joined: number of the head, number of the tail, label.
        scores: How sure the spans are (0 to 1), one a span; None for gold ones.
        missed: Relation label → how many relations of the gold have an end that is none of the spans.
        unknown: Stretches of tokens `[start, end)` of which nobody knows what is joined there.
    """

    doc: Doc
    spans: Sequence[Span]
    relations: Sequence[Arrow]
    scores: Sequence[float] | None = None
    missed: Mapping[str, int] = field(default_factory=dict)
    unknown: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True)
class Reviewed:
    """What came of one relation; F (0 to 1) is by cross-validation over the documents, missed relations counted.

    Attributes:
        label: The relation.
        gold: How many of it the reviewers made.
        rules: F of the rules alone.
        learned: F of what was learned; None where there was too little to learn from.
        threshold: From which probability on it is shown.
        source: What decides about it from now on.
    """

    label: str
    gold: int
    rules: float
    learned: float | None
    threshold: float
    source: Source


@dataclass(frozen=True)
class Weights:
    """What decides about one relation.

    Attributes:
        source: Whether the rules decide, what was learned, or nothing, where there is neither.
        threshold: The least probability of a relation that is shown.
        precision: How likely the rules are right.
        values: The symbols that have a weight, ascending; shape (n,).
        weights: Their weights; shape (n,).
        pooled: The weights of pooled vectors; shape (0,) without vectors.
        said: The weight of what the rules say.
        intercept: Of the first regression.
        decision: The weights of the second regression, its intercept last; shape (NUMBERS + 1,).
    """

    source: Source = "none"
    threshold: float = 0.5
    precision: float = UNSURE
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
            place = numpy.minimum(numpy.searchsorted(self.values, pairs.symbols), len(self.values) - 1)
            found += numpy.where(self.values[place] == pairs.symbols, self.weights[place], 0).sum(axis=1)
        if len(self.pooled) and len(found):
            found += pairs.pooled @ self.pooled
        found += self.said * pairs.said[label]
        return found

    def probabilities(self, numbers: Floats) -> Floats:
        """The probability of each pair, by its numbers; shape (pairs, NUMBERS) → (pairs,)."""
        found: Floats = 1 / (1 + numpy.exp(-(numbers @ self.decision[:-1] + self.decision[-1])))
        return found


def rivalry(odds: Mapping[str, Floats], label: str, pairs: Pairs) -> Floats:
    """The numbers of the second regression for each pair; shape (pairs, NUMBERS).

    Its log-odds; how far they are above those of the best other pair with the same tail, with the same head, and of the
    best other relation of the same two spans; and whether the rules say it.
    """
    mine = numpy.where(pairs.legal[label], odds[label], -numpy.inf)
    others = [numpy.where(pairs.legal[name], one, -numpy.inf) for name, one in odds.items() if name != label]
    best = numpy.max(others, axis=0) if others else numpy.full(len(mine), -numpy.inf)
    with numpy.errstate(invalid="ignore"):
        numbers = [mine, mine - _best_other(mine, pairs.tails), mine - _best_other(mine, pairs.heads), mine - best]
    found = numpy.clip(numpy.nan_to_num(numpy.stack(numbers, axis=1), nan=0.0), -CLEAR, CLEAR) / (CLEAR / 2)
    return numpy.column_stack((found, pairs.said[label])).astype(numpy.float32)


def _best_other(values: Floats, owners: NDArray[numpy.int64]) -> Floats:
    """For each value the greatest other one of the same owner; minus infinity where it is alone."""
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
    """Says which spans of a document are joined, and how likely.

    Attributes:
        weights: Relation label → what decides about it.
        window: How many sentences a relation goes beyond its own.
        report: What came of each relation when the model was made.
    """

    def __init__(
        self,
        schema: LabelSchema,
        weights: Mapping[str, Weights],
        window: int = 0,
        report: Sequence[Reviewed] = (),
        *,
        projection: Projection | None = None,
        rules: Rules | None = None,
        lexicon: Lexicon | None = None,
    ) -> None:
        self.schema, self.weights, self.window, self.report = schema, weights, window, tuple(report)
        self.projection = projection or Projection()
        self.pairs = PairFinder(schema, rules, lexicon, self.projection)

    @classmethod
    def fit(
        cls,
        examples: Sequence[Example],
        schema: LabelSchema,
        rules: Rules | None = None,
        lexicon: Lexicon | None = None,
        seed: int = 0,
    ) -> "RelationModel":
        """The model of reviewed documents; the same seed gives the same model. Needs scikit-learn.

        Args:
            examples: The documents. With few of them, or none, more is left to the rules.
            schema: Which relations there are, and what they may join.
            rules: What the shipped rules say of spans (`EventRelations.between`); None where there are none.
            lexicon: What words name; None where nothing is known of the language.
            seed: Which documents stand together in cross-validation.
        """
        from labeling.nlp.learn.relation_training import fit

        return fit(examples, schema, rules, lexicon, seed)

    def __call__(self, doc: Doc, spans: Sequence[Span], scores: Sequence[float] | None = None) -> list[Scored]:
        """The relations that are likely enough, in order of their heads; `scores` are those of the spans."""
        pairs = self.pairs(doc, spans, scores, self.window)
        odds = {name: one.odds(pairs, name) for name, one in self.weights.items() if len(one.values)}
        found: list[Scored] = []
        for label, one in self.weights.items():
            if one.source == "rules":
                p = numpy.where(pairs.said[label], one.precision, 0)
                shown = pairs.said[label] & pairs.legal[label]
            elif one.source == "learned" and len(pairs.heads):
                p = one.probabilities(rivalry(odds, label, pairs))
                shown = (p >= one.threshold) & pairs.legal[label]
            else:
                continue
            for row in numpy.flatnonzero(shown).tolist():
                found.append((int(pairs.heads[row]), int(pairs.tails[row]), label, float(p[row])))
        return sorted(found)

    def to_bytes(self) -> bytes:
        """Everything but schema, rules and lexicon: an .npz of arrays, with a JSON text among them."""
        said = {
            name: {key: getattr(one, key) for key in ("source", "threshold", "precision", "said", "intercept")}
            for name, one in self.weights.items()
        }
        report = [vars(one) for one in self.report]
        about = {"format": FORMAT, "window": self.window, "relations": said, "report": report}
        arrays: dict[str, Any] = {"about": numpy.frombuffer(json.dumps(about).encode("utf-8"), dtype=numpy.uint8)}
        for number, one in enumerate(self.weights.values()):
            arrays |= {f"{key}.{number}": getattr(one, key) for key in ("values", "weights", "pooled", "decision")}
        arrays |= {"mean": self.projection.mean, "axes": self.projection.axes}
        into = io.BytesIO()
        numpy.savez_compressed(into, allow_pickle=False, **arrays)
        return into.getvalue()

    @classmethod
    def from_bytes(
        cls, data: bytes, schema: LabelSchema, rules: Rules | None = None, lexicon: Lexicon | None = None
    ) -> Self:
        """What `to_bytes` gave.

        Raises:
            ModelError: The bytes are damaged, or of another version of labeling; or of another schema.
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
                "Take the schema that it was trained with.",
            )
        return cls(schema, weights, window, report, projection=projection, rules=rules, lexicon=lexicon)


def _unpacked(data: bytes) -> tuple[dict[str, Weights], int, list[Reviewed], Projection]:
    with numpy.load(io.BytesIO(data), allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].tobytes().decode("utf-8"))
        if about["format"] != FORMAT:
            raise ValueError(f"their format is {about['format']!r}, and this version of labeling reads {FORMAT}")
        mean = _array(arrays["mean"], numpy.float32, None)
        projection = Projection(mean, _array(arrays["axes"], numpy.float32, None, len(mean)))
        weights: dict[str, Weights] = {}
        for number, (name, said) in enumerate(about["relations"].items()):
            one = Weights(
                values=_array(arrays[f"values.{number}"], numpy.uint64, None),
                weights=_array(arrays[f"weights.{number}"], numpy.float32, None),
                pooled=_array(arrays[f"pooled.{number}"], numpy.float32, None),
                decision=_array(arrays[f"decision.{number}"], numpy.float32, NUMBERS + 1),
                source=_source(said["source"]),
                **{key: float(said[key]) for key in ("threshold", "precision", "said", "intercept")},
            )
            if len(one.values) != len(one.weights) or (one.values[1:] <= one.values[:-1]).any():
                raise ValueError(f"the weights of {name} do not fit its symbols")
            if len(one.pooled) not in (0, projection.width):
                raise ValueError(f"the weights of {name} do not fit its vectors")
            weights[name] = one
        window = int(about["window"])
        if window < 0:
            raise ValueError(f"a window of {window} sentences")
        return weights, window, [Reviewed(**one) for one in about["report"]], projection


def _source(said: str) -> Source:
    sources: tuple[Source, ...] = ("rules", "learned", "none")
    for source in sources:
        if said == source:
            return source
    raise ValueError(f"{said!r} decides about no relation")


def _array(given: Any, kind: Any, *shape: int | None) -> Any:
    fits = given.ndim == len(shape) and all(
        size in (None, there) for size, there in zip(shape, given.shape, strict=True)
    )
    if given.dtype != kind or not fits:
        raise ValueError(f"an array of {given.dtype} and shape {given.shape} is not what stands there")
    if kind is numpy.float32 and not numpy.isfinite(given).all():
        raise ValueError("weights that are not numbers")
    return given
