"""Reviewed documents, parsed and with token features: the training data of a model's experts."""

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
from labeling.nlp.learn.tags import Tags, TokenSpan
from labeling.nlp.learn.token_features import TokenFeatures
from labeling.nlp.words import make_doc

FEW = 0.01  # of the spans may overlap longer ones and be left out; with more, each label gets its own layer
COVERED = 0.998  # of the spans are no longer than the longest that is predicted
LONGEST = 40  # tokens of a predicted span, at most


@dataclass(frozen=True)
class GoldDoc:
    """A reviewed document with tokens and a parse.

    Attributes:
        labeled: The document.
        doc: Its tokens, parsed, with the encoder's vectors in `doc.tensor` if there is an encoder.
        spans: The spans that fit token boundaries, by id.
        unknown: Token ranges that were not reviewed, or where a span does not fit token boundaries.
    """

    labeled: LabeledDoc
    doc: Doc
    spans: dict[str, TokenSpan]
    unknown: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Prepared:
    """A gold document, the features of its tokens, and their tags; shape (tokens, layers)."""

    gold: GoldDoc
    features: TokenFeatures
    tags: NDArray[Any]


def parse(
    docs: Sequence[LabeledDoc],
    nlp: Language,
    lexicon: Any | None,
    encode: Callable[[Iterable[Doc]], Iterable[Doc]] | None,
    advance: Callable[[int], None],
) -> list[GoldDoc]:
    """The documents as parsed by a pipeline; `advance` is called with the characters of each."""
    texts = (in_sentence_case(one.text, lexicon) if lexicon else one.text for one in docs)
    stream: Iterable[Doc] = nlp.pipe((make_doc(nlp, text) for text in texts), batch_size=64)
    found = []
    for labeled, doc in zip(docs, encode(stream) if encode else stream, strict=True):
        found.append(_on_tokens(labeled, doc))
        advance(len(labeled.text))
    return found


def _on_tokens(labeled: LabeledDoc, doc: Doc) -> GoldDoc:
    spans, unknown = {}, []
    for span in labeled.spans:
        exact = doc.char_span(span.start, span.end)
        if exact is not None:
            spans[span.id] = TokenSpan(exact.start, exact.end, span.label)
        elif touched := doc.char_span(span.start, span.end, alignment_mode="expand"):
            unknown.append((touched.start, touched.end))
    for start, end in labeled.unknown:
        if touched := doc.char_span(start, end, alignment_mode="expand"):
            unknown.append((touched.start, touched.end))
    return GoldDoc(labeled, doc, spans, tuple(unknown))


def tags_for(golds: Iterable[GoldDoc]) -> Tags:
    """The tags for the labels in the reviews: in one layer, or in one each if many spans overlap."""
    golds = list(golds)
    spans = [span for gold in golds for span in gold.spans.values()]
    labels = sorted({span.label for span in spans})
    shadowed = sum(len(without_overlap(list(gold.spans.values()))[1]) for gold in golds)
    layers = [tuple(labels)] if shadowed <= FEW * len(spans) else [(label,) for label in labels]
    lengths = numpy.sort([span.end - span.start for span in spans])
    longest = int(lengths[min(len(lengths) - 1, int(COVERED * len(lengths)))]) if len(lengths) else 1
    return Tags(tuple(layers), min(LONGEST, max(2, longest + 1)))


def describe(golds: Iterable[GoldDoc], knowledge: Knowledge, tags: Tags) -> list[Prepared]:
    """The documents with the features and tags of their tokens."""
    return [
        Prepared(gold, knowledge(gold.doc), tags.of(gold.spans.values(), len(gold.doc), gold.unknown)) for gold in golds
    ]
