"""A parsed document → actors, actions, places and dates, each with a score and a source."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc, Span, SpanGroup

from labeling.core.offsets import overlaps
from labeling.core.preannotate import Preannotate
from labeling.nlp.events.candidates import KINDS, Candidate, Finder, NameBounds
from labeling.nlp.events.features import Describer, Features
from labeling.nlp.events.lexicon import Lexicon
from labeling.nlp.events.scores import Weights

# The probability from which showing a span saves work: a wrong span costs one gesture, a missing one two.
BREAK_EVEN = 1 / 3


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate with its label and score (0 to 1)."""

    candidate: Candidate
    label: str
    score: float


@dataclass(frozen=True)
class Scored:
    """The probability that each of a document's n tokens heads a span of each of `KINDS`.

    Attributes:
        features: The features of the tokens.
        probabilities: 0 if the token cannot head such a span; shape (n, kinds).
        possible: Whether it can; shape (n, kinds).
        names: The bounds of names, by head.
    """

    features: Features
    probabilities: NDArray[numpy.float32]
    possible: NDArray[numpy.bool_]
    names: NameBounds


class SpanFinder:
    """Finds the spans of parsed documents, as a schema's settings ask for."""

    def __init__(self, settings: Preannotate, lexicon: Lexicon, weights: Weights) -> None:
        self.describe = Describer(lexicon)
        self.find = Finder(settings, lexicon)
        self.weights = weights
        self.columns = [weights.kinds.index(kind) for kind in KINDS]
        labels = [self.find.label(kind) if kind in self.find.kinds else "" for kind in KINDS]
        self.coverage = numpy.array([weights.coverage.get(kind.split()[0], 1.0) for kind in KINDS])
        self.thresholds = numpy.array([settings.thresholds.get(label, BREAK_EVEN) for label in labels])

    def __call__(self, doc: Doc, given: Iterable[Found] = ()) -> tuple[list[Found], float]:
        """The spans in text order, without overlaps; and the share of the work that they are expected to save.

        Args:
            doc: A document with tags, a parse and entities.
            given: The spans of other sources, which take precedence over those of the rules.

        The work is measured as in `labeling.core.effort`, with every count replaced by its expectation: a candidate
        of probability p counts as p gold spans, divided by the share of the gold that candidates cover.
        """
        return self.chosen(doc, self.scored(doc), given) if len(doc) else (_without_overlap(given), 1.0)

    def scored(self, doc: Doc) -> Scored:
        """The probability that each token heads a span of each kind."""
        features = self.describe(doc)
        possible, names = self.find.heads(doc, features)
        return Scored(features, self.weights.probabilities(features)[:, self.columns] * possible, possible, names)

    def chosen(self, doc: Doc, scored: Scored, given: Iterable[Found] = ()) -> tuple[list[Found], float]:
        """The result of `__call__`, given the scores of a non-empty document."""
        given = _without_overlap(given)
        probabilities, possible, names = scored.probabilities, scored.possible, scored.names
        likely = probabilities >= self.thresholds
        if self.find.settings.every_name:
            likely |= self.find.likelier_kinds(doc, scored.features, names, probabilities)
        found = []
        for head, column in numpy.argwhere(likely & possible).tolist():
            kind = KINDS[column]
            candidate = self.find.at(doc, scored.features, names, kind, head)
            if not any(overlaps(candidate, one.candidate) for one in given):
                found.append(Found(candidate, self.find.label(kind), float(probabilities[head, column])))
        if not self.find.settings.light_verbs:  # "held talks", "began to march"
            actions = {one.candidate.head for one in found if one.candidate.kind.startswith("action")}
            carries = self.find.carriers.carries
            found = [
                f for f in found if f.candidate.kind != "action verb" or not carries(doc[f.candidate.head], actions)
            ]
        shown = sorted((*given, *_without_overlap(found)), key=lambda f: f.candidate.start)
        gold = float((probabilities.sum(axis=0) / self.coverage).sum())
        return shown, expected_savings(gold, [one.score for one in shown])


def expected_savings(gold: float, scores: list[float]) -> float:
    """The share of the work saved by showing spans with these scores, given the expected number of gold spans."""
    right = sum(scores)
    gold = max(gold, right)
    if not gold:
        return 1.0
    return max(0.0, 1 - (2 * (gold - right) + (len(scores) - right)) / (2 * gold))


def _without_overlap(found: Iterable[Found]) -> list[Found]:
    """The spans without overlaps: a whole noun is preferred to a name within it, then the higher score."""
    ranked = sorted(found, key=lambda f: (-f.score, f.candidate.start))
    holders = [f.candidate for f in ranked if f.candidate.end - f.candidate.start > 1]
    taken: dict[int, Found] = {}
    for one in ranked:
        this = one.candidate
        if any(h.start <= this.start and this.end <= h.end and h.head != this.head for h in holders):
            continue
        if all(i not in taken for i in range(this.start, this.end)):
            taken.update(dict.fromkeys(range(this.start, this.end), one))
    return sorted({id(f): f for f in taken.values()}.values(), key=lambda f: f.candidate.start)


def to_group(doc: Doc, key: str, found: list[Found], saved: float) -> SpanGroup:
    """The spans as a spaCy group; its `attrs` are `scores` and `sources`, one per span, and `saved`."""
    spans = [Span(doc, f.candidate.start, f.candidate.end, label=f.label) for f in found]
    attrs = {"scores": [f.score for f in found], "sources": [f.candidate.kind for f in found], "saved": saved}
    return SpanGroup(doc, name=key, spans=spans, attrs=attrs)
