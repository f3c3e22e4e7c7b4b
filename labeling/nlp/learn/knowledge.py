"""The features of a document's tokens before anything is learned, in the forms that a model's experts take."""

from typing import Any

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from labeling.nlp.events.component import finder_of
from labeling.nlp.events.files import Files
from labeling.nlp.events.sources import Source, read_sources
from labeling.nlp.events.spans import SpanFinder
from labeling.nlp.learn.linear import Floats
from labeling.nlp.learn.tags import ScoredSpan, Tags
from labeling.nlp.learn.token_features import TokenFeatures, features_of


class Knowledge:
    """Extracts token features, by a schema's pre-annotation if the pipeline can use it, and by other sources."""

    def __init__(self, nlp: Language, files: Files | None) -> None:
        self.finder: SpanFinder | None = finder_of(files) if files and nlp.has_pipe("parser") else None
        self.sources: tuple[Source, ...] = read_sources(nlp, files) if files else ()

    def __call__(self, doc: Doc) -> TokenFeatures:
        """The features of the document's tokens."""
        return features_of(doc, self.finder, [found for source in self.sources for found in source(doc)])


def shown(features: TokenFeatures, tags: Tags) -> list[ScoredSpan]:
    """The spans of the shipped pre-annotation that have one of the labels."""
    labels = set(tags.labels)
    return [
        ScoredSpan(one.candidate.start, one.candidate.end, one.label, one.score)
        for one in features.shown
        if one.label in labels
    ]


def surrounded(vectors: Any) -> Floats:
    """Each token's vector, joined by its neighbours' vectors of the deepest layer (the first half of theirs)."""
    half = vectors.shape[1] // 2 if vectors.ndim == 2 else 0
    before, after = numpy.zeros((len(vectors), half), "float32"), numpy.zeros((len(vectors), half), "float32")
    before[1:], after[:-1] = vectors[:-1, :half], vectors[1:, :half]
    return numpy.hstack([vectors, before, after])


def bounds(doc: Doc) -> list[int]:
    """The first token of each line but the first; no span crosses these."""
    return [token.i + 1 for token in doc if "\n" in token.text_with_ws and token.i + 1 < len(doc)]
