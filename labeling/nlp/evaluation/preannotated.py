"""Documents as `labeling import` would pre-annotate them, held against their gold."""

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
from labeling.nlp.evaluation.judged import Arrow, Judged, Mark
from labeling.nlp.evaluation.reading import EVENTS, Output, Reference, judged, reference
from labeling.nlp.folder import read_docs
from labeling.nlp.gold import USER_DATA, from_doc


class Test:
    """Gold documents, and the articles that a model gets to see of them.

    Attributes:
        references: The gold.
        articles: The same texts, with whatever is known of the articles but their labels.
    """

    __test__ = False  # pytest takes what is called so for tests

    def __init__(self, docs: Iterable[Doc]) -> None:
        made = [(reference(doc), _article(doc, number)) for number, doc in enumerate(docs)]
        self.references: list[Reference] = [gold for gold, _ in made]
        self.articles: list[Article] = [article for _, article in made]

    @classmethod
    def read(cls, path: Path) -> Self:
        """The documents of a part of an exported folder.

        Raises:
            InputError: A file cannot be read, or is not a DocBin.
        """
        return cls(read_docs(path, spacy.blank("xx")))

    def keep(self, digests: Set[str]) -> None:
        """Leave out the documents whose text has another digest."""
        kept = [place for place, article in enumerate(self.articles) if article.digest in digests]
        self.references = [self.references[place] for place in kept]
        self.articles = [self.articles[place] for place in kept]

    def judged(self, predicted: Sequence[LabeledDoc] | None) -> list[Judged]:
        """The documents with what was predicted in each, in order; None where nothing was in any."""
        outputs = [Output() for _ in self.references] if predicted is None else list(map(_output, predicted))
        return [judged(gold, found, EVENTS) for gold, found in zip(self.references, outputs, strict=True)]

    def fingerprints(self) -> dict[str, str]:
        """The digest of each text → the digest of what is gold in it, by however many annotators."""
        gold: dict[str, list[str]] = {}
        for article, found in zip(self.articles, self.references, strict=True):
            gold.setdefault(article.digest, []).append(_said(found))
        return {text: hashlib.sha256("\n".join(sorted(said)).encode()).hexdigest()[:16] for text, said in gold.items()}


def _article(doc: Doc, number: int) -> Article:
    if USER_DATA in doc.user_data:
        labeled = from_doc(doc)
        return Article(**{name: getattr(labeled, name) for name in Article.model_fields})
    return Article(doc_id=str(number), text=doc.text)


def _output(doc: LabeledDoc) -> Output:
    marks = {
        span.id: Mark(span.start, span.end, span.label, span.score, str(span.attributes.get(META, {}).get(SOURCE, "")))
        for span in doc.spans
    }
    arrows = [Arrow(marks[arrow.head], marks[arrow.tail], arrow.label) for arrow in doc.relations]
    return Output(layers={EVENTS: list(marks.values())}, arrows=arrows)


def _said(gold: Reference) -> str:
    known = gold.sides["group"]
    said = [sorted(mark.key for mark in known.marks), sorted(arrow.key for arrow in gold.arrows), sorted(known.unknown)]
    return json.dumps(said)
