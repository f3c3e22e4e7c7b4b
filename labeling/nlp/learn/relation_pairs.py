"""Spans of a document → the pairs that a relation may join, with their features.

Pairs are ordered, lie within a window of sentences, and have labels that the schema allows for a relation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc, Span

from labeling.core.schema import LabelSchema
from labeling.nlp.events.lexicon import Lexicon
from labeling.nlp.hashes import Hashes
from labeling.nlp.learn.relation_features import Ints, PairFeatures, Rules
from labeling.nlp.learn.relation_vectors import Floats, Projection

NEIGHBOURS = 40  # following spans that a span is paired with: bounds the pairs of a text without sentence ends
ENDS = frozenset(".!?…。！？")


@dataclass(frozen=True)
class Pairs:
    """The n pairs of a document's spans that a relation may join.

    Attributes:
        heads, tails: Indices of the spans; shape (n,).
        apart: The distance in sentences, 0 within one; shape (n,).
        hashed: The hashed features, 0 if empty; shape (n, slots).
        pooled: The pooled vectors of each pair (`relation_vectors`); shape (n, 0) without vectors.
        by_rules: Relation label → whether the rules give it for each pair; shape (n,).
        legal: Relation label → whether the schema allows it for each pair; shape (n,).
    """

    heads: Ints
    tails: Ints
    apart: Ints
    hashed: Hashes
    pooled: Floats
    by_rules: Mapping[str, NDArray[numpy.bool_]]
    legal: Mapping[str, NDArray[numpy.bool_]]


class PairFinder:
    """Finds pairs and computes their features.

    Args:
        schema: Which relations may join which labels.
        rules: The shipped rules, if there are any.
        lexicon: The lexicon of the rules.
        projection: Reduces the vectors of tokens.
    """

    def __init__(
        self,
        schema: LabelSchema,
        rules: Rules | None = None,
        lexicon: Lexicon | None = None,
        projection: Projection | None = None,
    ) -> None:
        self.schema, self.rules, self.lexicon = schema, rules, lexicon
        self.projection = projection or Projection()

    def __call__(
        self, doc: Doc, spans: Sequence[Span], scores: Sequence[float] | None = None, window: int = 0
    ) -> Pairs:
        """The pairs of a document's spans at most `window` sentences apart; `scores` are the spans' scores."""
        labels = [span.label_ for span in spans]
        sentences = sentences_of(doc)[[span.start for span in spans]] if spans else numpy.zeros(0, numpy.int64)
        heads, tails = self._pairs(spans, labels, sentences, window)
        legal = {
            name: numpy.array([r.allows(labels[h], labels[t]) for h, t in zip(heads, tails, strict=True)], dtype=bool)
            for name, r in self.schema.relations.items()
        }
        head, tail = numpy.array(heads, dtype=numpy.int64), numpy.array(tails, dtype=numpy.int64)
        triples = list(self.rules(spans) if spans else ()) if self.rules else None
        given = set(triples or ())
        by_rules = {
            name: numpy.array([(h, t, name) in given for h, t in zip(heads, tails, strict=True)], dtype=bool)
            for name in self.schema.relations
        }
        apart = numpy.abs(sentences[head] - sentences[tail]) if len(head) else head
        pooled = self.projection(doc, spans, head, tail)
        if not len(head):
            return Pairs(head, tail, apart, numpy.zeros((0, 0), numpy.uint64), pooled, by_rules, legal)
        hashed = PairFeatures(doc, spans, scores, (head, tail), apart, triples, self.lexicon).hashed()
        return Pairs(head, tail, apart, hashed, pooled, by_rules, legal)

    def _pairs(
        self, spans: Sequence[Span], labels: Sequence[str], sentences: Ints, window: int
    ) -> tuple[list[int], list[int]]:
        order = sorted(range(len(spans)), key=lambda i: (spans[i].start, spans[i].end, i))
        joined = {(head, tail) for r in self.schema.relations.values() for head in r.head for tail in r.tail}  # labels
        sentence_of = sentences.tolist()
        heads, tails = [], []
        for rank, one in enumerate(order):
            for other in order[rank + 1 : rank + 1 + NEIGHBOURS]:
                if sentence_of[other] - sentence_of[one] > window:
                    break
                for head, tail in ((one, other), (other, one)):
                    if (labels[head], labels[tail]) in joined:
                        heads.append(head)
                        tails.append(tail)
        return heads, tails


def sentences_of(doc: Doc) -> Ints:
    """The sentence index of each token: from the pipeline, else by full stops and line ends."""
    starts = numpy.zeros(len(doc), dtype=numpy.int64)
    if doc.has_annotation("SENT_START"):
        for token in doc:
            starts[token.i] = bool(token.is_sent_start)
    else:
        for token in doc[:-1]:
            starts[token.i + 1] = token.text in ENDS or "\n" in token.text
    if len(starts):
        starts[0] = 0
    found: Ints = numpy.cumsum(starts)
    return found
