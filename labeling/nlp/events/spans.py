"""The pipeline component `event_spans`: actors, actions, places and dates, each with a score and a source."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc, Span, SpanGroup

from labeling.core.preannotate import Preannotate
from labeling.nlp.events.candidates import KINDS, Candidate, Extents, Finder
from labeling.nlp.events.features import Describer, Features
from labeling.nlp.events.lexicon import Lexicon
from labeling.nlp.events.scores import Weights

# What a wrong span costs an annotator, one gesture, against a missing one, two: from here on a span pays.
PAYS = 1 / 3


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate with its label, and how sure it is (0 to 1)."""

    candidate: Candidate
    label: str
    score: float


@dataclass(frozen=True)
class Scored:
    """How likely each of a document's n tokens is the head of a span of each of `KINDS`.

    Attributes:
        features: What is known of the tokens.
        probabilities: 0 where no such span can be; shape (n, kinds).
        possible: Where one can be; shape (n, kinds).
        names: The extents of names, by their heads.
    """

    features: Features
    probabilities: NDArray[numpy.float32]
    possible: NDArray[numpy.bool_]
    names: Extents


class SpanFinder:
    """Finds the spans of parsed documents, as a schema wants them."""

    def __init__(self, settings: Preannotate, lexicon: Lexicon, weights: Weights) -> None:
        self.describe = Describer(lexicon)
        self.find = Finder(settings, lexicon)
        self.weights = weights
        self.columns = [weights.kinds.index(kind) for kind in KINDS]
        labels = [self.find.label(kind) if kind in self.find.kinds else "" for kind in KINDS]
        self.coverage = numpy.array([weights.coverage.get(kind.split()[0], 1.0) for kind in KINDS])
        self.thresholds = numpy.array([settings.thresholds.get(label, PAYS) for label in labels])

    def __call__(self, doc: Doc, given: Iterable[Found] = ()) -> tuple[list[Found], float]:
        """The spans in order of text, none of which overlap; and the share of the work that they are expected to save.

        Args:
            doc: A document with tags, a parse and entities.
            given: What other sources found; where the rules find something in the same place, it stays.

        The work is measured as `labeling.core.effort` does, with every count replaced by its expectation: a candidate
        of the probability p is p gold spans, and where candidates cover only a share of the gold there is more of it.
        """
        return self.chosen(doc, self.scored(doc), given) if len(doc) else (_side_by_side(given), 1.0)

    def scored(self, doc: Doc) -> "Scored":
        """How likely each token is the head of a span of each kind."""
        features = self.describe(doc)
        possible, names = self.find.heads(doc, features)
        return Scored(features, self.weights.probabilities(features)[:, self.columns] * possible, possible, names)

    def chosen(self, doc: Doc, scored: "Scored", given: Iterable[Found] = ()) -> tuple[list[Found], float]:
        """What `__call__` says, by the scores of a document that has tokens."""
        given = _side_by_side(given)
        probabilities, possible, names = scored.probabilities, scored.possible, scored.names
        likely = probabilities >= self.thresholds
        if self.find.settings.every_name:
            likely |= self.find.surest_names(doc, scored.features, names, probabilities)
        found = []
        for head, column in numpy.argwhere(likely & possible).tolist():
            kind = KINDS[column]
            candidate = self.find.at(doc, scored.features, names, kind, head)
            if not any(_overlap(candidate, one.candidate) for one in given):
                found.append(Found(candidate, self.find.label(kind), float(probabilities[head, column])))
        if not self.find.settings.light_verbs:
            actions = {one.candidate.head for one in found if one.candidate.kind.startswith("action")}
            found = [one for one in found if not self._only_carries(doc, one.candidate, actions)]
        shown = sorted((*given, *_side_by_side(found)), key=lambda f: f.candidate.start)
        gold = float((probabilities.sum(axis=0) / self.coverage).sum())
        return shown, _saved(gold, [one.score for one in shown])

    def _only_carries(self, doc: Doc, candidate: Candidate, actions: set[int]) -> bool:
        """Whether a verb only carries another action: "held talks", "began to march"."""
        return candidate.kind == "action verb" and self.find.carriers.carries(doc[candidate.head], actions)


def _saved(gold: float, scores: list[float]) -> float:
    """The share of the work that is done, where so much gold is expected and these spans are shown."""
    right = sum(scores)
    gold = max(gold, right)
    if not gold:
        return 1.0
    return max(0.0, 1 - (2 * (gold - right) + (len(scores) - right)) / (2 * gold))


def _overlap(a: Candidate, b: Candidate) -> bool:
    return a.start < b.end and b.start < a.end


def _side_by_side(found: Iterable[Found]) -> list[Found]:
    """Those that can stand side by side: a whole noun rather than a name within it, then the surest."""
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
    """The spans as spaCy has them; `attrs` has `scores` and `sources`, one a span, and `saved` of the document."""
    spans = [Span(doc, f.candidate.start, f.candidate.end, label=f.label) for f in found]
    attrs = {"scores": [f.score for f in found], "sources": [f.candidate.kind for f in found]}
    attrs["saved"] = saved
    return SpanGroup(doc, name=key, spans=spans, attrs=attrs)
