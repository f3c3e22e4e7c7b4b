"""LabeledDoc → tokens with labels, as training wants them; and as a spaCy Doc, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy
from numpy.typing import NDArray
from spacy.attrs import ENT_IOB, ENT_TYPE
from spacy.pipeline import Sentencizer
from spacy.tokens import Doc
from spacy.tokens import Span as Tokens

from labeling.core.labels import LabeledDoc, Span
from labeling.core.offsets import context, without_overlap
from labeling.core.problem import Action, Problem
from labeling.core.reasons import Reason
from labeling.core.split import Part
from labeling.core.tokens import TokenizedDoc
from labeling.nlp.cut import Cut, Cutter

SENTENCIZER = Sentencizer()
SPANS_KEY = "sc"  # the key that spaCy's spancat reads by default
USER_DATA = "labeling"
MISSING, INSIDE, OUTSIDE, BEGIN = range(4)  # spaCy's ENT_IOB

Align = Literal["strict", "contract", "expand"]
Outcome = Literal["exact", "snapped", "shadowed", "misaligned"]
TokenRange = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Gold:
    """A document on its tokens, and what became of its spans.

    Attributes:
        doc: The document.
        json: The document as one line of JSON: what docs.jsonl and the DocBin files have of it.
        cut: Its tokens.
        iobs: spaCy's ENT_IOB of each token.
        types: The hash of each token's entity label, or 0.
        placed: The spans that are on tokens, overlapping or not, in order of text.
        outcomes: What became of each span, by its id.
        problems: One for each span that is not exact.
    """

    doc: LabeledDoc
    json: str
    cut: Cut
    iobs: NDArray[Any]
    types: NDArray[Any]
    placed: "list[Placed]"
    outcomes: dict[str, Outcome]
    problems: tuple[Problem, ...]

    @property
    def places(self) -> dict[str, TokenRange]:
        """Span id → (first token, token after the last)."""
        return {span.id: (start, end) for span, start, end in self.placed}


class Placed(NamedTuple):
    """A span on its tokens; `start` and `end` count tokens."""

    span: Span
    start: int
    end: int


def place(labeled: LabeledDoc, cutter: Cutter, align: Align = "strict", cut: Cut | None = None) -> Gold:
    """The document with its labels on tokens, and what could not be placed exactly.

    - A span whose edge is inside of a token is snapped to the token's edge where only punctuation lies between, so that
      it still is the same words. Otherwise `align` decides: `strict` leaves it without a place, `contract` takes the
      tokens that lie within it whole, `expand` those that it touches.
    - The entities are those spans on tokens that can stand side by side; the longest wins.
    - Tokens that a span without a place among the entities or an unknown stretch touches are marked as missing there,
      not as outside: nobody said that they are no entity.

    `cut` is what the cutter makes of the text, where the caller has it.
    """
    cut = cut or cutter(labeled.text)
    spans = labeled.spans
    outcomes: dict[str, Outcome] = dict.fromkeys([span.id for span in spans], "exact")
    problems: list[Problem] = []
    placed: list[Placed] = []
    for span, found in zip(spans, _exact(cut, spans), strict=True):
        placed_at = found
        if placed_at is None and (placed_at := _snapped(labeled.text, cut, span, align)):
            outcomes[span.id] = "snapped"
            became = labeled.text[cut.starts[placed_at[0]] : cut.ends[placed_at[1] - 1]]
            detail = f"its edges are inside of tokens: {context(labeled.text, span.start, span.end)} became {became!r}"
            problems.append(_problem("snapped", "changed", labeled, span, detail))
        if placed_at is None:
            outcomes[span.id] = "misaligned"
            problems.append(_misaligned(labeled, cut, span))
        else:
            placed.append(Placed(span, *placed_at))
    entities, shadowed = without_overlap(placed)
    for loser, winner in shadowed:
        outcomes[loser.span.id] = "shadowed"
        problems.append(_shadowed(labeled, loser.span, winner.span))
    iobs = numpy.full(len(cut.starts), OUTSIDE, dtype=numpy.uint64)
    types = numpy.zeros(len(cut.starts), dtype=numpy.uint64)
    without_place = {"shadowed", "misaligned"}
    lost = [(span.start, span.end) for span in spans if outcomes[span.id] in without_place] if problems else []
    for start, end in (*labeled.unknown, *lost):
        first, last = _touched(cut, start, end)
        iobs[first:last] = MISSING
    numbers = {label: cutter.label(label) for label in {span.label for span, _, _ in entities}}
    for span, first, last in entities:
        types[first:last] = numbers[span.label]
    iobs[types > 0] = INSIDE
    iobs[[first for _, first, _ in entities]] = BEGIN
    return Gold(labeled, labeled.model_dump_json(), cut, iobs, types, placed, outcomes, tuple(problems))


def to_doc(gold: Gold, cutter: Cutter) -> Doc:
    """The same as a spaCy document, with all of the labeled document as JSON in `doc.user_data["labeling"]`."""
    doc = cutter.doc(gold.cut)
    labels: Any = numpy.column_stack((gold.iobs, gold.types))
    doc.from_array([ENT_IOB, ENT_TYPE], labels)
    doc.spans[SPANS_KEY] = [Tokens(doc, first, last, label=span.label) for span, first, last in gold.placed]
    doc.user_data[USER_DATA] = gold.json
    return doc


def from_doc(doc: Doc) -> LabeledDoc:
    """The document that `to_doc` made this of."""
    return LabeledDoc.model_validate_json(doc.user_data[USER_DATA])


def tokenized(gold: Gold, cutter: Cutter, part: Part, *, sentences: bool = False) -> TokenizedDoc:
    """The same as plain values; `sentences` says whether to look for them (spaCy's rule-based sentencizer)."""
    names = cutter.nlp.vocab.strings
    edges = {MISSING: "", OUTSIDE: "O"}
    tags = tuple(
        edges[iob] if iob in edges else f"{'B' if iob == BEGIN else 'I'}-{names[label]}"
        for iob, label in zip(gold.iobs.tolist(), gold.types.tolist(), strict=True)
    )
    tokens = tuple(zip(gold.cut.starts.tolist(), gold.cut.ends.tolist(), strict=True))
    starts = [0]
    if sentences:
        doc = SENTENCIZER(cutter.doc(gold.cut))
        lines = {token.i + 1 for token in doc if "\n" in token.text}  # a heading has no full stop
        starts += [token.i for token in doc if token.i and (token.is_sent_start or token.i in lines)]
    return TokenizedDoc(doc=gold.doc, part=part, tokens=tokens, tags=tags, places=gold.places, sentences=tuple(starts))


def _exact(cut: Cut, spans: Sequence[Span]) -> list[TokenRange | None]:
    """The tokens whose outer edges are a span's, for each span."""
    count = len(cut.starts)
    if not spans or not count:
        return [None] * len(spans)
    wanted = numpy.array([(span.start, span.end) for span in spans], dtype=numpy.int64).T
    firsts = numpy.minimum(cut.starts.searchsorted(wanted[0]), count - 1)
    lasts = numpy.minimum(cut.ends.searchsorted(wanted[1]), count - 1)
    fits = (cut.starts[firsts] == wanted[0]) & (cut.ends[lasts] == wanted[1]) & (firsts <= lasts)
    return [
        (first, last + 1) if fit else None
        for first, last, fit in zip(firsts.tolist(), lasts.tolist(), fits.tolist(), strict=True)
    ]


def _touched(cut: Cut, start: int, end: int) -> TokenRange:
    """The tokens that share a code point with a stretch of text."""
    first = int(cut.ends.searchsorted(start, side="right"))
    return first, max(first, int(cut.starts.searchsorted(end, side="left")))


def _snapped(text: str, cut: Cut, span: Span, align: Align) -> TokenRange | None:
    """The tokens that stand for a span with an edge inside of a token; None where there are none."""
    first, last = _touched(cut, span.start, span.end)
    if first == last:
        return None
    outer = int(cut.starts[first]), int(cut.ends[last - 1])
    inner_start, inner_end = min(int(cut.ends[first]), span.end), max(int(cut.starts[last - 1]), span.start)
    start, end = first, last
    if outer[0] < span.start and not _is_drift(text, outer[0], span.start):
        if not _is_drift(text, span.start, inner_start):
            return _by_policy(cut, span, align, (first, last))
        start += 1
    if outer[1] > span.end and not _is_drift(text, span.end, outer[1]):
        if not _is_drift(text, inner_end, span.end):
            return _by_policy(cut, span, align, (first, last))
        end -= 1
    return (start, end) if start < end else _by_policy(cut, span, align, (first, last))


def _by_policy(cut: Cut, span: Span, align: Align, touched: TokenRange) -> TokenRange | None:
    if align == "strict":
        return None
    first, last = touched
    if align == "contract":
        first += int(cut.starts[first]) < span.start
        last -= int(cut.ends[last - 1]) > span.end
    return (first, last) if first < last else None


def _is_drift(text: str, start: int, end: int) -> bool:
    """Whether nothing but punctuation and white space lies between."""
    return not any(character.isalnum() for character in text[start:end])


def _misaligned(labeled: LabeledDoc, cut: Cut, span: Span) -> Problem:
    first, last = _touched(cut, span.start, span.end)
    tokens = " ".join(repr(labeled.text[cut.starts[i] : cut.ends[i]]) for i in range(first, last)) or "none"
    detail = f"its edges are inside of tokens: {context(labeled.text, span.start, span.end)} is cut into {tokens}"
    return _problem("misaligned", "refused", labeled, span, detail)


def _shadowed(labeled: LabeledDoc, span: Span, winner: Span) -> Problem:
    detail = f"overlaps the longer {winner.label} {labeled.slice(winner)!r}: it is in doc.spans, not in doc.ents"
    return _problem("shadowed", "kept", labeled, span, detail)


def _problem(reason: Reason, action: Action, labeled: LabeledDoc, span: Span, detail: str) -> Problem:
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
