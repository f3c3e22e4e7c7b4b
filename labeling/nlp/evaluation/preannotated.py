"""Documents pre-annotated as `labeling import` would do it, compared with their gold."""

import hashlib
import json
from collections.abc import Iterable, Sequence, Set
from pathlib import Path
from typing import Self

import spacy
from spacy.tokens import Doc

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc
from labeling.nlp.annotate import META, SOURCE
from labeling.nlp.evaluation.extraction import EVENTS, Output, Reference, judged, reference
from labeling.nlp.evaluation.judged import Judged, Mark, Relation
from labeling.nlp.folder import read_docs


class Test:
    """Gold documents, and the articles that a model is given.

    Attributes:
        references: The gold.
        articles: The same texts with all metadata of the articles, but no labels.
    """

    __test__ = False  # pytest would collect a class of this name

    def __init__(self, docs: Iterable[Doc]) -> None:
        self.references: list[Reference] = list(map(reference, docs))
        self.articles: list[Article] = [article_of(gold, str(number)) for number, gold in enumerate(self.references)]

    @classmethod
    def read(cls, path: Path) -> Self:
        """The documents in one part of an exported folder.

        Raises:
            InputError: A file cannot be read, or is not a DocBin.
        """
        return cls(read_docs(path, spacy.blank("xx")))

    def keep(self, digests: Set[str]) -> None:
        """Keep only the documents whose text has one of these digests."""
        kept = [index for index, article in enumerate(self.articles) if article.digest in digests]
        self.references = [self.references[index] for index in kept]
        self.articles = [self.articles[index] for index in kept]

    def judged(self, predicted: Sequence[LabeledDoc] | None) -> list[Judged]:
        """The gold documents with the predictions for each, in order; `predicted` is None if there are none at all."""
        outputs = [Output() for _ in self.references] if predicted is None else list(map(to_output, predicted))
        return [judged(gold, found, EVENTS) for gold, found in zip(self.references, outputs, strict=True)]

    def fingerprints(self) -> dict[str, str]:
        """The digest of each text → the digest of its gold labels, by however many annotators."""
        gold: dict[str, list[str]] = {}
        for article, found in zip(self.articles, self.references, strict=True):
            gold.setdefault(article.digest, []).append(_serialized(found))
        return {text: hashlib.sha256("\n".join(sorted(all_)).encode()).hexdigest()[:16] for text, all_ in gold.items()}


def article_of(gold: Reference, doc_id: str) -> Article:
    """The article of a gold document, with all of its metadata; without a review stored, with this id."""
    if gold.labeled is None:
        return Article(doc_id=doc_id, text=gold.text)
    return Article(**{name: getattr(gold.labeled, name) for name in Article.model_fields})


def to_output(doc: LabeledDoc) -> Output:
    """A pre-annotation as the output of a model, in the events layer."""
    marks = {
        span.id: Mark(span.start, span.end, span.label, span.score, str(span.attributes.get(META, {}).get(SOURCE, "")))
        for span in doc.spans
    }
    relations = [Relation(marks[relation.head], marks[relation.tail], relation.label) for relation in doc.relations]
    return Output(layers={EVENTS: list(marks.values())}, relations=relations)


def _serialized(gold: Reference) -> str:
    spans, relations = gold.sides["group"], sorted(relation.key for relation in gold.relations)
    return json.dumps([sorted(mark.key for mark in spans.marks), relations, sorted(spans.unknown)])
