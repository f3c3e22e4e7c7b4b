"""What is known of a document's tokens before anything is learned, in the forms that the parts of a model take."""

from typing import Any

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from labeling.nlp.events.component import finder_of
from labeling.nlp.events.files import Files
from labeling.nlp.events.sources import Source, read_sources
from labeling.nlp.events.spans import SpanFinder
from labeling.nlp.learn.linear import Floats
from labeling.nlp.learn.symbols import Known, known_of
from labeling.nlp.learn.tags import Likely, Tags


class Knowledge:
    """What a schema's shipped pre-annotation knows, if it has one that a pipeline can use, and its other sources."""

    def __init__(self, nlp: Language, files: Files | None) -> None:
        self.finder: SpanFinder | None = finder_of(files) if files and nlp.has_pipe("parser") else None
        self.sources: tuple[Source, ...] = read_sources(nlp, files) if files else ()

    def __call__(self, doc: Doc) -> Known:
        """What is known of the document's tokens."""
        return known_of(doc, self.finder, [found for source in self.sources for found in source(doc)])


def shown(known: Known, tags: Tags) -> list[Likely]:
    """The spans of the shipped pre-annotation that have one of the labels."""
    labels = set(tags.labels)
    return [
        Likely(one.candidate.start, one.candidate.end, one.label, one.score)
        for one in known.shown
        if one.label in labels
    ]


def surrounded(vectors: Any) -> Floats:
    """Each token's vector with those of its neighbours, of which the deepest layer's half is enough."""
    half = vectors.shape[1] // 2 if vectors.ndim == 2 else 0
    before, after = numpy.zeros((len(vectors), half), "float32"), numpy.zeros((len(vectors), half), "float32")
    before[1:], after[:-1] = vectors[:-1, :half], vectors[1:, :half]
    return numpy.hstack([vectors, before, after])


def bounds(doc: Doc) -> list[int]:
    """The first tokens of lines, which no span crosses."""
    return [token.i + 1 for token in doc if "\n" in token.text_with_ws and token.i + 1 < len(doc)]
