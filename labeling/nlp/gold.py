"""LabeledDoc → spaCy Doc, as training wants it, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy
from spacy.attrs import IDS as ATTRIBUTES
from spacy.language import Language
from spacy.pipeline import Sentencizer
from spacy.tokens import Doc
from spacy.tokens import Span as Tokens

from labeling.core.labels import LabeledDoc, Span
from labeling.core.offsets import context, without_overlap
from labeling.core.problem import Action, Problem
from labeling.core.split import Part
from labeling.core.tokens import TokenizedDoc

SENTENCIZER = Sentencizer()
SPANS_KEY = "sc"  # the key that spaCy's spancat reads by default
USER_DATA = "labeling"

POSITION = [ATTRIBUTES["IDX"], ATTRIBUTES["LENGTH"]]

Align = Literal["strict", "contract", "expand"]
Outcome = Literal["exact", "snapped", "shadowed", "misaligned"]
Extent = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a document's spans.

    `outcomes` has each by its id, `places` (first token, token after the last) of those that are on tokens, and
    `problems` one of each that is not exact.
    """

    outcomes: dict[str, Outcome]
    places: dict[str, Extent]
    problems: tuple[Problem, ...]


def to_doc(labeled: LabeledDoc, nlp: Language, align: Align = "strict") -> tuple[Doc, Placed]:
    """The spaCy document with the labels on its tokens, and what could not be placed exactly.

    - A span whose edge is inside of a token is snapped to the token's edge where only punctuation lies between, so that
      it still is the same words. Otherwise `align` decides: `strict` leaves it without a place, `contract` takes the
      tokens that lie within it whole, `expand` those that it touches.
    - `doc.spans["sc"]` has each span that has a place, overlapping or not.
    - `doc.ents` has those of them that can stand side by side; the longest wins.
    - Tokens that a span without a place in `doc.ents` or an unknown stretch touches are marked as missing there, not as
      outside: nobody said that they are no entity.
    - `doc.user_data["labeling"]` is the whole document as JSON, relations and ids included (see `from_doc`).
    """
    doc = nlp.make_doc(labeled.text)
    outcomes: dict[str, Outcome] = {}
    problems: list[Problem] = []
    tokens: dict[str, Tokens] = {}
    for span, found in zip(labeled.spans, _exact(doc, labeled.spans), strict=True):
        outcomes[span.id] = "exact"
        if found is None and (found := _snapped(labeled, doc, span, align)) is not None:
            outcomes[span.id] = "snapped"
            detail = (
                f"its edges are inside of tokens: {context(labeled.text, span.start, span.end)} became {found.text!r}"
            )
            problems.append(_problem("snapped", "changed", labeled, span, detail))
        if found is None:
            outcomes[span.id] = "misaligned"
            problems.append(_misaligned(labeled, doc, span))
        else:
            tokens[span.id] = found
    aligned = [_Placed(span, found) for span in labeled.spans if (found := tokens.get(span.id)) is not None]
    entities, shadowed = without_overlap(aligned)
    for placed, winner in shadowed:
        outcomes[placed.span.id] = "shadowed"
        problems.append(_shadowed(labeled, placed.span, winner.span))
    lost = [span for span in labeled.spans if outcomes[span.id] in {"shadowed", "misaligned"}]
    ents = [entity.tokens for entity in entities]
    unknown = [*labeled.unknown, *((span.start, span.end) for span in lost)]
    doc.set_ents(ents, missing=_missing(doc, unknown, ents) if unknown else [], default="outside")
    doc.spans[SPANS_KEY] = [placed.tokens for placed in aligned]
    doc.user_data[USER_DATA] = labeled.model_dump_json()
    places = {placed.span.id: (placed.start, placed.end) for placed in aligned}
    return doc, Placed(outcomes=outcomes, places=places, problems=tuple(problems))


def from_doc(doc: Doc) -> LabeledDoc:
    """The document that `to_doc` made this of."""
    return LabeledDoc.model_validate_json(doc.user_data[USER_DATA])


def tokenized(labeled: LabeledDoc, doc: Doc, placed: Placed, part: Part, *, sentences: bool = False) -> TokenizedDoc:
    """The same as plain values; `sentences` says whether to look for them (spaCy's rule-based sentencizer)."""
    tags = (
        "" if token.ent_iob == 0 else "O" if token.ent_iob == 2 else f"{token.ent_iob_}-{token.ent_type_}"
        for token in doc
    )
    starts = [0]
    if sentences:
        SENTENCIZER(doc)
        lines = {token.i + 1 for token in doc if "\n" in token.text}  # a heading has no full stop
        starts += [token.i for token in doc if token.i and (token.is_sent_start or token.i in lines)]
    return TokenizedDoc(
        doc=labeled,
        part=part,
        tokens=tuple((token.idx, token.idx + len(token)) for token in doc),
        tags=tuple(tags),
        places=placed.places,
        sentences=tuple(starts),
    )


class _Placed:
    """A span on its tokens; `start` and `end` count tokens."""

    __slots__ = ("end", "span", "start", "tokens")

    def __init__(self, span: Span, tokens: Tokens) -> None:
        self.span, self.tokens = span, tokens
        self.start, self.end = tokens.start, tokens.end


def _exact(doc: Doc, spans: Sequence[Span]) -> list[Tokens | None]:
    """The tokens whose outer edges are a span's, for each span; what `char_span` finds one by one."""
    if not spans:
        return []
    starts, lengths = doc.to_array(POSITION).reshape(-1, 2).T
    ends = starts + lengths
    wanted = numpy.array([(span.start, span.end) for span in spans], dtype=starts.dtype).T
    firsts, lasts = numpy.searchsorted(starts, wanted[0]), numpy.searchsorted(ends, wanted[1])
    firsts, lasts = numpy.minimum(firsts, len(doc) - 1), numpy.minimum(lasts, len(doc) - 1)
    fits = (starts[firsts] == wanted[0]) & (ends[lasts] == wanted[1]) & (firsts <= lasts)
    return [
        Tokens(doc, first, last + 1, label=span.label) if fit else None
        for span, first, last, fit in zip(spans, firsts.tolist(), lasts.tolist(), fits.tolist(), strict=True)
    ]


def _snapped(labeled: LabeledDoc, doc: Doc, span: Span, align: Align) -> Tokens | None:
    """The tokens that stand for a span with an edge inside of a token; None where there are none."""
    wide = doc.char_span(span.start, span.end, label=span.label, alignment_mode="expand")
    if wide is None:
        return None
    first, last = wide[0], wide[-1]
    start, end = wide.start, wide.end
    if first.idx < span.start and not _is_drift(labeled.text, first.idx, span.start):
        if not _is_drift(labeled.text, span.start, min(first.idx + len(first), span.end)):
            return _by_policy(doc, span, align)
        start += 1
    if last.idx + len(last) > span.end and not _is_drift(labeled.text, span.end, last.idx + len(last)):
        if not _is_drift(labeled.text, max(last.idx, span.start), span.end):
            return _by_policy(doc, span, align)
        end -= 1
    return Tokens(doc, start, end, label=span.label) if start < end else _by_policy(doc, span, align)


def _by_policy(doc: Doc, span: Span, align: Align) -> Tokens | None:
    found: Tokens | None = None
    if align != "strict":
        found = doc.char_span(span.start, span.end, label=span.label, alignment_mode=align)
    return found


def _is_drift(text: str, start: int, end: int) -> bool:
    """Whether nothing but punctuation and white space lies between."""
    return not any(character.isalnum() for character in text[start:end])


def _missing(doc: Doc, unknown: list[Extent], placed: list[Tokens]) -> list[Tokens]:
    """The tokens that unknown stretches touch and no entity covers, each as a span of its own."""
    taken = {i for tokens in placed for i in range(tokens.start, tokens.end)}
    touched: set[int] = set()
    for start, end in unknown:
        found = doc.char_span(start, end, alignment_mode="expand")
        touched.update(range(found.start, found.end) if found is not None else ())
    return [doc[i : i + 1] for i in sorted(touched - taken)]


def _misaligned(labeled: LabeledDoc, doc: Doc, span: Span) -> Problem:
    wider = doc.char_span(span.start, span.end, alignment_mode="expand")
    tokens = " ".join(repr(token.text) for token in wider) if wider is not None else "none"
    detail = f"its edges are inside of tokens: {context(labeled.text, span.start, span.end)} is cut into {tokens}"
    return _problem("misaligned", "refused", labeled, span, detail)


def _shadowed(labeled: LabeledDoc, span: Span, winner: Span) -> Problem:
    detail = f"overlaps the longer {winner.label} {labeled.slice(winner)!r}: it is in doc.spans, not in doc.ents"
    return _problem("shadowed", "kept", labeled, span, detail)


def _problem(reason: str, action: Action, labeled: LabeledDoc, span: Span, detail: str) -> Problem:
    return Problem(
        reason=reason,
        action=action,
        detail=detail,
        doc_id=labeled.doc_id,
        label=span.label,
        start=span.start,
        end=span.end,
        text=labeled.slice(span),
    )
