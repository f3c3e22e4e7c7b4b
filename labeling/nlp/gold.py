"""LabeledDoc → spaCy Doc, as training wants it, and back."""

from typing import Literal

from spacy.language import Language
from spacy.tokens import Doc
from spacy.tokens import Span as Tokens

from labeling.core.labels import LabeledDoc, Span
from labeling.core.offsets import context, without_overlap
from labeling.core.problem import Problem
from labeling.core.value import Value

SPANS_KEY = "sc"  # the key that spaCy's spancat reads by default
USER_DATA = "labeling"

Outcome = Literal["exact", "shadowed", "misaligned"]


class Placed(Value):
    """What became of a document's spans: each in `outcomes` by its id, and those not exact in `problems`."""

    outcomes: dict[str, Outcome]
    problems: tuple[Problem, ...]


def to_doc(labeled: LabeledDoc, nlp: Language) -> tuple[Doc, Placed]:
    """The spaCy document with the labels on its tokens, and what could not be placed exactly.

    - `doc.spans["sc"]` has each span whose edges are edges of tokens, overlapping or not.
    - `doc.ents` has those of them that can stand side by side; the longest wins.
    - Tokens that a span without a place in `doc.ents` touches are marked as missing there, not as outside: nobody said
      that they are no entity.
    - `doc.user_data["labeling"]` is the whole document, relations and ids included (see `from_doc`).
    """
    doc = nlp.make_doc(labeled.text)
    tokens = {span.id: _tokens(doc, span) for span in labeled.spans}
    aligned = [span for span in labeled.spans if tokens[span.id] is not None]
    entities, shadowed = without_overlap(aligned)
    problems = [_misaligned(labeled, doc, span) for span in labeled.spans if tokens[span.id] is None]
    problems += [_shadowed(labeled, span, winner) for span, winner in shadowed]
    outcomes: dict[str, Outcome] = {span.id: "misaligned" for span in labeled.spans}
    outcomes |= {span.id: "exact" for span in entities}
    outcomes |= {span.id: "shadowed" for span, _ in shadowed}
    placed = [found for span in entities if (found := tokens[span.id]) is not None]
    lost = [span for span in labeled.spans if outcomes[span.id] != "exact"]
    doc.set_ents(placed, missing=_missing(doc, lost, placed), default="outside")
    doc.spans[SPANS_KEY] = [found for span in aligned if (found := tokens[span.id]) is not None]
    doc.user_data[USER_DATA] = labeled.model_dump(mode="json")
    return doc, Placed(outcomes=outcomes, problems=tuple(problems))


def from_doc(doc: Doc) -> LabeledDoc:
    """The document that `to_doc` made this of."""
    return LabeledDoc.model_validate(doc.user_data[USER_DATA])


def _tokens(doc: Doc, span: Span) -> Tokens | None:
    return doc.char_span(span.start, span.end, label=span.label, span_id=span.id, alignment_mode="strict")


def _missing(doc: Doc, lost: list[Span], placed: list[Tokens]) -> list[Tokens]:
    """The tokens that lost spans touch and no placed one covers, each as a span of its own."""
    taken = {token.i for tokens in placed for token in tokens}
    touched = {
        token.i
        for span in lost
        for token in (doc.char_span(span.start, span.end, alignment_mode="expand") or ())
        if token.i not in taken
    }
    return [doc[i : i + 1] for i in sorted(touched)]


def _misaligned(labeled: LabeledDoc, doc: Doc, span: Span) -> Problem:
    wider = doc.char_span(span.start, span.end, alignment_mode="expand")
    tokens = " ".join(repr(token.text) for token in wider) if wider is not None else "none"
    detail = f"its edges are inside tokens: {context(labeled.text, span.start, span.end)} is cut into {tokens}"
    return _problem("misaligned", labeled, span, detail)


def _shadowed(labeled: LabeledDoc, span: Span, winner: Span) -> Problem:
    detail = f"overlaps the longer {winner.label} {labeled.slice(winner)!r}: it is in doc.spans, not in doc.ents"
    return _problem("shadowed", labeled, span, detail)


def _problem(reason: str, labeled: LabeledDoc, span: Span, detail: str) -> Problem:
    return Problem(
        reason=reason,
        action="refused" if reason == "misaligned" else "kept",
        detail=detail,
        doc_id=labeled.doc_id,
        label=span.label,
        start=span.start,
        end=span.end,
        text=labeled.slice(span),
    )
