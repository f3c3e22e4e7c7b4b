"""LabeledDoc → labelled tokens for training, and as a spaCy Doc and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy
from numpy.typing import NDArray
from spacy.pipeline import Sentencizer
from spacy.tokens import Doc
from spacy.tokens import Span as SpacySpan

from labeling.core.labels import LabeledDoc, Span
from labeling.core.offsets import context, without_overlap
from labeling.core.problem import Action, Problem
from labeling.core.reasons import Reason
from labeling.core.split import Part
from labeling.core.tokens import TokenizedDoc
from labeling.nlp.tokenization import FastTokenizer, Tokens

SENTENCIZER = Sentencizer()
SPANS_KEY = "sc"  # the key that spaCy's spancat reads by default
USER_DATA = "labeling"
MISSING, INSIDE, OUTSIDE, BEGIN = range(4)  # spaCy's ENT_IOB

Align = Literal["strict", "contract", "expand"]
Outcome = Literal["exact", "snapped", "shadowed", "misaligned"]
TokenRange = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Gold:
    """A tokenized document with labels, and the outcome of aligning its spans with tokens.

    Attributes:
        doc: The document.
        json: The document as one line of JSON, as in docs.jsonl and in the user data of DocBin files.
        tokens: Its tokens.
        iobs: spaCy's ENT_IOB of each token.
        types: The hash of each token's entity label, or 0.
        placed: The spans that are aligned with tokens, overlapping or not, in text order.
        outcomes: Span id → the outcome of its alignment.
        problems: A problem for each span whose outcome is not "exact".
    """

    doc: LabeledDoc
    json: str
    tokens: Tokens
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
    """A span and its tokens `[start, end)`."""

    span: Span
    start: int
    end: int


def place(labeled: LabeledDoc, tokenizer: FastTokenizer, align: Align = "strict", tokens: Tokens | None = None) -> Gold:
    """The document with its spans aligned with tokens, and a problem for each one that does not fit exactly.

    - A span with an edge inside a token is snapped to the token's edge if only punctuation lies between, so that it
      keeps its words. Otherwise `align` decides: `strict` refuses it, `contract` takes the tokens that lie within it,
      `expand` those that it touches.
    - The entities are the aligned spans without overlaps, the longest first.
    - Other tokens that a span or an unknown stretch touches are missing, not outside: they may be part of an entity.

    `tokens` are those of the text, if the caller has them.
    """
    tokens = tokens or tokenizer(labeled.text)
    spans = labeled.spans
    outcomes: dict[str, Outcome] = dict.fromkeys([span.id for span in spans], "exact")
    problems: list[Problem] = []
    placed: list[Placed] = []
    for span, found in zip(spans, _exact(tokens, spans), strict=True):
        placed_at = found
        if placed_at is None and (placed_at := _snapped(labeled.text, tokens, span, align)):
            outcomes[span.id] = "snapped"
            became = labeled.text[tokens.starts[placed_at[0]] : tokens.ends[placed_at[1] - 1]]
            detail = f"its edges are inside tokens: {context(labeled.text, span.start, span.end)} became {became!r}"
            problems.append(_problem("snapped", "changed", labeled, span, detail))
        if placed_at is None:
            outcomes[span.id] = "misaligned"
            problems.append(_misaligned(labeled, tokens, span))
        else:
            placed.append(Placed(span, *placed_at))
    entities, shadowed = without_overlap(placed)
    for loser, winner in shadowed:
        outcomes[loser.span.id] = "shadowed"
        problems.append(_shadowed(labeled, loser.span, winner.span))
    iobs = numpy.full(len(tokens.starts), OUTSIDE, dtype=numpy.uint64)
    types = numpy.zeros(len(tokens.starts), dtype=numpy.uint64)
    without_place = {"shadowed", "misaligned"}
    lost = [(span.start, span.end) for span in spans if outcomes[span.id] in without_place] if problems else []
    for start, end in (*labeled.unknown, *lost):
        first, last = _touched(tokens, start, end)
        iobs[first:last] = MISSING
    numbers = {label: tokenizer.label(label) for label in {span.label for span, _, _ in entities}}
    for span, first, last in entities:
        types[first:last] = numbers[span.label]
    iobs[types > 0] = INSIDE
    iobs[[first for _, first, _ in entities]] = BEGIN
    return Gold(labeled, labeled.model_dump_json(), tokens, iobs, types, placed, outcomes, tuple(problems))


def to_doc(gold: Gold, tokenizer: FastTokenizer) -> Doc:
    """The document as a spaCy Doc, with the labelled document as JSON in `doc.user_data["labeling"]`."""
    doc = tokenizer.doc(gold.tokens)
    labels: Any = numpy.column_stack((gold.iobs, gold.types))
    doc.from_array(["ENT_IOB", "ENT_TYPE"], labels)
    doc.spans[SPANS_KEY] = [SpacySpan(doc, first, last, label=span.label) for span, first, last in gold.placed]
    doc.user_data[USER_DATA] = gold.json
    return doc


def from_doc(doc: Doc) -> LabeledDoc:
    """The labelled document that is stored in a Doc of `to_doc` or of a DocBin file."""
    return LabeledDoc.model_validate_json(doc.user_data[USER_DATA])


def tokenized(gold: Gold, tokenizer: FastTokenizer, part: Part, *, sentences: bool = False) -> TokenizedDoc:
    """The document as plain values, with sentences by spaCy's sentencizer if `sentences` asks for them."""
    names = tokenizer.nlp.vocab.strings
    edges = {MISSING: "", OUTSIDE: "O"}
    tags = tuple(
        edges[iob] if iob in edges else f"{'B' if iob == BEGIN else 'I'}-{names[label]}"
        for iob, label in zip(gold.iobs.tolist(), gold.types.tolist(), strict=True)
    )
    offsets = tuple(zip(gold.tokens.starts.tolist(), gold.tokens.ends.tolist(), strict=True))
    starts = [0]
    if sentences:
        doc = SENTENCIZER(tokenizer.doc(gold.tokens))
        lines = {token.i + 1 for token in doc if "\n" in token.text}  # a heading has no full stop
        starts += [token.i for token in doc if token.i and (token.is_sent_start or token.i in lines)]
    return TokenizedDoc(doc=gold.doc, part=part, tokens=offsets, tags=tags, places=gold.places, sentences=tuple(starts))


def _exact(tokens: Tokens, spans: Sequence[Span]) -> list[TokenRange | None]:
    """For each span, the tokens with exactly its edges; None if there are none."""
    count = len(tokens.starts)
    if not spans or not count:
        return [None] * len(spans)
    wanted = numpy.array([(span.start, span.end) for span in spans], dtype=numpy.int64).T
    firsts = numpy.minimum(tokens.starts.searchsorted(wanted[0]), count - 1)
    lasts = numpy.minimum(tokens.ends.searchsorted(wanted[1]), count - 1)
    fits = (tokens.starts[firsts] == wanted[0]) & (tokens.ends[lasts] == wanted[1]) & (firsts <= lasts)
    return [
        (first, last + 1) if fit else None
        for first, last, fit in zip(firsts.tolist(), lasts.tolist(), fits.tolist(), strict=True)
    ]


def _touched(tokens: Tokens, start: int, end: int) -> TokenRange:
    """The tokens that share a code point with a stretch of text."""
    first = int(tokens.ends.searchsorted(start, side="right"))
    return first, max(first, int(tokens.starts.searchsorted(end, side="left")))


def _snapped(text: str, tokens: Tokens, span: Span, align: Align) -> TokenRange | None:
    """The tokens for a span with an edge inside a token; None if there are none."""
    first, last = _touched(tokens, span.start, span.end)
    if first == last:
        return None
    outer = int(tokens.starts[first]), int(tokens.ends[last - 1])
    inner_start, inner_end = min(int(tokens.ends[first]), span.end), max(int(tokens.starts[last - 1]), span.start)
    start, end, keeps_words = first, last, True
    if outer[0] < span.start and not _is_drift(text, outer[0], span.start):
        start, keeps_words = first + 1, _is_drift(text, span.start, inner_start)
    if outer[1] > span.end and not _is_drift(text, span.end, outer[1]):
        end, keeps_words = last - 1, keeps_words and _is_drift(text, inner_end, span.end)
    if keeps_words and start < end:
        return start, end
    if align == "strict":
        return None
    if align == "contract":
        first += int(tokens.starts[first]) < span.start
        last -= int(tokens.ends[last - 1]) > span.end
    return (first, last) if first < last else None


def _is_drift(text: str, start: int, end: int) -> bool:
    """Whether there is only punctuation and white space in a stretch of text."""
    return not any(character.isalnum() for character in text[start:end])


def _misaligned(labeled: LabeledDoc, tokens: Tokens, span: Span) -> Problem:
    first, last = _touched(tokens, span.start, span.end)
    texts = " ".join(repr(labeled.text[tokens.starts[i] : tokens.ends[i]]) for i in range(first, last)) or "none"
    detail = f"its edges are inside tokens: {context(labeled.text, span.start, span.end)} is split into {texts}"
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
