"""The pipeline component `event_spans`: actors, actions, places and dates, each with a score and a source."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy
from spacy.tokens import Doc, Span, SpanGroup

from labeling.core.preannotate import Preannotate
from labeling.nlp.events.candidates import KINDS, Candidate, Finder
from labeling.nlp.events.features import Describer
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


class SpanFinder:
    """Finds the spans of parsed documents, as a schema wants them."""

    def __init__(self, settings: Preannotate, lexicon: Lexicon, weights: Weights) -> None:
        self.describe = Describer(lexicon)
        self.find = Finder(settings, lexicon)
        self.weights = weights
        self.columns = [weights.kinds.index(kind) for kind in KINDS]
        labels = [self.find.label(kind) for kind in KINDS]
        self.thresholds = numpy.array([settings.thresholds.get(label, PAYS) for label in labels])

    def __call__(self, doc: Doc) -> list[Found]:
        """The spans in order of text, none of which overlap."""
        if not len(doc):
            return []
        features = self.describe(doc)
        probabilities = self.weights.probabilities(features)[:, self.columns]
        likely = probabilities >= self.thresholds
        found = [
            Found(c, self.find.label(c.kind), float(probabilities[c.head, KINDS.index(c.kind)]))
            for c in self.find(doc, features, likely)
        ]
        return _side_by_side(found)


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


def to_group(doc: Doc, key: str, found: Iterable[Found]) -> SpanGroup:
    """The spans as spaCy has them; `attrs` has `scores` and `sources`, one a span."""
    found = list(found)
    spans = [Span(doc, f.candidate.start, f.candidate.end, label=f.label) for f in found]
    attrs = {"scores": [f.score for f in found], "sources": [f.candidate.kind for f in found]}
    return SpanGroup(doc, name=key, spans=spans, attrs=attrs)
