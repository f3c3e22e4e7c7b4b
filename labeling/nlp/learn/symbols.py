"""What is known of each token of a document, as symbols and numbers: what the adapted knowledge is learned from."""

from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.attrs import DEP, ENT_IOB, ENT_TYPE, HEAD, LEMMA, LOWER, POS, PREFIX, SHAPE, SUFFIX, TAG
from spacy.tokens import Doc

from labeling.nlp.events.candidates import KINDS
from labeling.nlp.events.features import NAMES as SHIPPED
from labeling.nlp.events.features import NUMBERS, code
from labeling.nlp.events.spans import Found, Scored, SpanFinder

OWN = ("lower", "lemma", "shape", "prefix", "suffix", "tag", "pos", "dep", "entity")
NEIGHBOURS = ("lower", "tag", "entity", "shipped")
HEADS = ("lemma", "dep lemma", "pos")
SLOTS = (
    *OWN,
    *(f"{side} {name}" for side in ("previous", "next") for name in NEIGHBOURS),
    *(f"head {name}" for name in HEADS),
    *(f"rules {name}" for name in SHIPPED),
    "shipped",
)
CLEAR = 6.0  # log-odds beyond which nothing is surer
MIX = numpy.uint64(1_000_003)
ATTRIBUTES = (LOWER, LEMMA, SHAPE, PREFIX, SUFFIX, TAG, POS, DEP, ENT_IOB, ENT_TYPE, HEAD)
WIDTH = 4 * len(KINDS) + len(NUMBERS)  # numbers a token

Symbols = NDArray[numpy.uint64]
Numbers = NDArray[numpy.float32]


@dataclass(frozen=True)
class Known:
    """What is known of a document's n tokens.

    Attributes:
        symbols: For each of `SLOTS` a hash a token, 0 where there is nothing; shape (slots, n).
        numbers: What the shipped knowledge says, if there is some; shape (n, `WIDTH`).
        shown: The spans that the shipped pre-annotation shows.
        saved: The share of the work that those are expected to save.
    """

    symbols: Symbols
    numbers: Numbers
    shown: list[Found]
    saved: float


def known_of(doc: Doc, finder: SpanFinder | None, given: list[Found]) -> Known:
    """What is known of a document's tokens; `finder` is the shipped knowledge, `given` what other sources found."""
    scored = finder.scored(doc) if finder and len(doc) else None
    shown, saved = finder.chosen(doc, scored, given) if finder and scored else (given, 0.0)
    symbols = numpy.zeros((len(SLOTS), len(doc)), dtype=numpy.uint64)
    if len(doc):
        _describe(doc, symbols, _marks(len(doc), shown))
        if scored:
            first = SLOTS.index(f"rules {SHIPPED[0]}")
            symbols[first : first + len(SHIPPED)] = scored.features.names
    return Known(symbols, _numbers(scored, len(doc)), shown, saved)


def _describe(doc: Doc, symbols: Symbols, marks: Symbols) -> None:
    columns: Any = doc.to_array(list(ATTRIBUTES)).T
    lower, lemma, shape, prefix, suffix, tag, pos, dep, iob, entity, head = columns
    heads = numpy.arange(len(doc)) + head.astype(numpy.int64)
    entity = numpy.where(entity > 0, _joined(entity, iob), 0)
    own = dict(zip(OWN, (lower, lemma, shape, prefix, suffix, tag, pos, dep, entity), strict=True))
    own["shipped"] = marks
    for place, name in enumerate(SLOTS):
        side, _, what = name.partition(" ")
        if name in own:
            symbols[place] = own[name]
        elif side == "previous":
            symbols[place, 1:] = own[what][:-1]
        elif side == "next":
            symbols[place, :-1] = own[what][1:]
        elif name == "head dep lemma":
            symbols[place] = numpy.where(dep > 0, _joined(dep, lemma[heads]), 0)
        elif side == "head":
            symbols[place] = numpy.where(dep > 0, own[what][heads], 0)


def _marks(tokens: int, shown: list[Found]) -> Symbols:
    """The shipped pre-annotation as tags."""
    found = numpy.zeros(tokens, dtype=numpy.uint64)
    for one in shown:
        span = one.candidate
        found[span.start : span.end] = code(f"I-{one.label}")
        found[span.start] = code(f"B-{one.label}")
    return found


def _numbers(scored: Scored | None, tokens: int) -> Numbers:
    found = numpy.zeros((tokens, WIDTH), dtype=numpy.float32)
    if scored is None or not tokens:
        return found
    p = numpy.clip(scored.probabilities, 1e-4, 1 - 1e-4)
    odds = numpy.clip(numpy.where(scored.possible, numpy.log(p / (1 - p)), -CLEAR), -CLEAR, CLEAR) / (CLEAR / 2)
    kinds = len(KINDS)
    found[:, :kinds], found[:, kinds : 2 * kinds] = odds, scored.possible
    found[1:, 2 * kinds : 3 * kinds] = odds[:-1]
    found[:-1, 3 * kinds : 4 * kinds] = odds[1:]
    found[:, 4 * kinds :] = scored.features.numbers
    return found


def _joined(first: Any, second: Any) -> Symbols:
    found: Symbols = (first.astype(numpy.uint64) * MIX) ^ second.astype(numpy.uint64)
    return found
