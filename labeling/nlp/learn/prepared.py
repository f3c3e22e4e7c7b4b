"""Reviewed documents, parsed and described: what every part of a model learns from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc

from labeling.core.labels import LabeledDoc
from labeling.core.offsets import without_overlap
from labeling.nlp.events.headlines import in_sentence_case
from labeling.nlp.learn.knowledge import Knowledge
from labeling.nlp.learn.symbols import Known
from labeling.nlp.learn.tags import Tags, Tokens
from labeling.nlp.words import make_doc

FEW = 0.01  # up to this share of spans that overlap a longer one, they are left out rather than given layers
COVERED = 0.998  # of the spans are as long as those that are looked for
LONGEST = 40  # tokens of a span, at most


@dataclass(frozen=True)
class Gold:
    """A reviewed document on its tokens.

    Attributes:
        labeled: The document.
        doc: Its tokens, parsed, with the encoder's vectors in `doc.tensor` where there is an encoder.
        spans: The spans that are on tokens, by their ids.
        unknown: Stretches of tokens whose labels nobody knows, or that a span touches which is not on tokens.
    """

    labeled: LabeledDoc
    doc: Doc
    spans: dict[str, Tokens]
    unknown: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Prepared:
    """A gold document, what is known of its tokens, and their tags, shape (tokens, layers)."""

    gold: Gold
    known: Known
    tags: NDArray[Any]


def parse(
    docs: Sequence[LabeledDoc],
    nlp: Language,
    lexicon: Any | None,
    encode: Callable[[Iterable[Doc]], Iterable[Doc]] | None,
    advance: Callable[[int], None],
) -> list[Gold]:
    """The documents on the tokens of a pipeline; `advance` is told of the characters of each."""
    texts = (in_sentence_case(one.text, lexicon) if lexicon else one.text for one in docs)
    stream: Iterable[Doc] = nlp.pipe((make_doc(nlp, text) for text in texts), batch_size=64)
    found = []
    for labeled, doc in zip(docs, encode(stream) if encode else stream, strict=True):
        found.append(_on_tokens(labeled, doc))
        advance(len(labeled.text))
    return found


def _on_tokens(labeled: LabeledDoc, doc: Doc) -> Gold:
    spans, unknown = {}, []
    for span in labeled.spans:
        exact = doc.char_span(span.start, span.end)
        if exact is not None:
            spans[span.id] = Tokens(exact.start, exact.end, span.label)
        elif touched := doc.char_span(span.start, span.end, alignment_mode="expand"):
            unknown.append((touched.start, touched.end))
    for start, end in labeled.unknown:
        if touched := doc.char_span(start, end, alignment_mode="expand"):
            unknown.append((touched.start, touched.end))
    return Gold(labeled, doc, spans, tuple(unknown))


def tags_for(golds: Iterable[Gold]) -> Tags:
    """The labels that the reviews have, in layers, and how long a span may be."""
    golds = list(golds)
    spans = [span for gold in golds for span in gold.spans.values()]
    labels = sorted({span.label for span in spans})
    shadowed = sum(len(without_overlap(list(gold.spans.values()))[1]) for gold in golds)
    layers = [tuple(labels)] if shadowed <= FEW * len(spans) else [(label,) for label in labels]
    lengths = numpy.sort([span.end - span.start for span in spans])
    longest = int(lengths[min(len(lengths) - 1, int(COVERED * len(lengths)))]) if len(lengths) else 1
    return Tags(tuple(layers), min(LONGEST, max(2, longest + 1)))


def describe(golds: Iterable[Gold], knowledge: Knowledge, tags: Tags) -> list[Prepared]:
    """What is known of the documents' tokens."""
    return [
        Prepared(gold, knowledge(gold.doc), tags.of(gold.spans.values(), len(gold.doc), gold.unknown)) for gold in golds
    ]
