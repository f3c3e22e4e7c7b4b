"""Documents on tokens, made the way that a conversion makes them; and files written by a format, in one go."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import spacy

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.core.problem import Problem
from labeling.core.split import Part
from labeling.core.tokens import TokenizedDoc
from labeling.formats.format import Context
from labeling.formats.registry import FORMATS
from labeling.nlp import gold
from labeling.nlp.tokenization import FastTokenizer
from tests.strategies import LABELS

NLP = spacy.blank("en")
TOKENIZER = FastTokenizer(spacy.blank("en"))
CONTEXT = Context(labels=LABELS, relations=("agent", "with"), overlaps="longest")


def tokenized(labeled: LabeledDoc, part: Part = "train") -> TokenizedDoc:
    """The document with spaCy's tokens, as a conversion makes it."""
    return gold.tokenized(gold.place(labeled, TOKENIZER), TOKENIZER, part, sentences=True)


def document(
    text: str,
    *spans: tuple[str, str],
    relations: Iterable[tuple[int, int, str]] = (),
    doc_id: str = "a1",
    said: Iterable[dict[str, Any]] = (),
    **fields: Any,
) -> LabeledDoc:
    """A document whose spans are the first places of these texts, with ids s0, s1, …; relations name them by number.

    `said` has the attributes of the first spans.
    """
    attributes = [*said, *({} for _ in spans)]
    found = [
        Span(id=f"s{n}", start=at, end=at + len(words), label=label, attributes=attributes[n])
        for n, (words, label) in enumerate(spans)
        if (at := text.index(words)) >= 0
    ]
    arrows = [Relation(head=f"s{head}", tail=f"s{tail}", label=label) for head, tail, label in relations]
    return LabeledDoc.of(Article(doc_id=doc_id, text=text), tuple(found), tuple(arrows), **fields)


def write(
    name: str,
    docs: Sequence[TokenizedDoc],
    folder: Path,
    context: Context = CONTEXT,
    stem: str = "train",
    chunk: int = 2,
) -> tuple[list[Path], list[Problem]]:
    """The files of the documents, rendered some at a time, and the problems."""
    made = FORMATS[name]
    problems: list[Problem] = []
    sink = made.open(folder, stem, context)
    for start in range(0, len(docs), chunk):
        rendered = made.render(docs[start : start + chunk], context)
        assert type(rendered.data) is bytes
        sink.write(rendered.data)
        problems += rendered.problems
    return sink.close(), problems
