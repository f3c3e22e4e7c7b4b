"""The features of each token of a document, hashed and numeric: the input of the regression `knowledge`."""

from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc

from labeling.nlp.events.candidates import KINDS
from labeling.nlp.events.features import NAMES as SHIPPED
from labeling.nlp.events.features import NUMBERS
from labeling.nlp.events.spans import Found, Scored, SpanFinder
from labeling.nlp.hashes import Hashes, hash_of, joined

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
MAX_ODDS = 6.0  # log-odds are clipped to this
ATTRIBUTES = ("LOWER", "LEMMA", "SHAPE", "PREFIX", "SUFFIX", "TAG", "POS", "DEP", "ENT_IOB", "ENT_TYPE", "HEAD")
WIDTH = 4 * len(KINDS) + len(NUMBERS)  # numeric features of a token

Numbers = NDArray[numpy.float32]


@dataclass(frozen=True)
class TokenFeatures:
    """The features of a document's n tokens.

    Attributes:
        hashed: A hash per slot of `SLOTS` and token, 0 if the slot is empty; shape (slots, n).
        numbers: The scores and numeric features of the shipped pre-annotation, 0 without it; shape (n, `WIDTH`).
        shown: The spans that the shipped pre-annotation shows.
        saved: The share of the work that those are expected to save.
    """

    hashed: Hashes
    numbers: Numbers
    shown: list[Found]
    saved: float


def features_of(doc: Doc, finder: SpanFinder | None, given: list[Found]) -> TokenFeatures:
    """The features of a document's tokens; `finder` is the shipped pre-annotation, `given` are other sources' spans."""
    scored = finder.scored(doc) if finder and len(doc) else None
    shown, saved = finder.chosen(doc, scored, given) if finder and scored else (given, 0.0)
    hashed = numpy.zeros((len(SLOTS), len(doc)), dtype=numpy.uint64)
    if len(doc):
        _describe(doc, hashed, _marks(len(doc), shown))
        if scored:
            first = SLOTS.index(f"rules {SHIPPED[0]}")
            hashed[first : first + len(SHIPPED)] = scored.features.names
    return TokenFeatures(hashed, _numbers(scored, len(doc)), shown, saved)


def _describe(doc: Doc, hashed: Hashes, marks: Hashes) -> None:
    columns: Any = doc.to_array(list(ATTRIBUTES)).T
    lower, lemma, shape, prefix, suffix, tag, pos, dep, iob, entity, head = columns
    heads = numpy.arange(len(doc)) + head.astype(numpy.int64)
    entity = numpy.where(entity > 0, joined(entity, iob), 0)
    own = dict(zip(OWN, (lower, lemma, shape, prefix, suffix, tag, pos, dep, entity), strict=True))
    own["shipped"] = marks
    for slot, name in enumerate(SLOTS):
        side, _, what = name.partition(" ")
        if name in own:
            hashed[slot] = own[name]
        elif side == "previous":
            hashed[slot, 1:] = own[what][:-1]
        elif side == "next":
            hashed[slot, :-1] = own[what][1:]
        elif name == "head dep lemma":
            hashed[slot] = numpy.where(dep > 0, joined(dep, lemma[heads]), 0)
        elif side == "head":
            hashed[slot] = numpy.where(dep > 0, own[what][heads], 0)


def _marks(tokens: int, shown: list[Found]) -> Hashes:
    """The shipped pre-annotation as hashed tags."""
    found = numpy.zeros(tokens, dtype=numpy.uint64)
    for one in shown:
        span = one.candidate
        found[span.start : span.end] = hash_of(f"I-{one.label}")
        found[span.start] = hash_of(f"B-{one.label}")
    return found


def _numbers(scored: Scored | None, tokens: int) -> Numbers:
    found = numpy.zeros((tokens, WIDTH), dtype=numpy.float32)
    if scored is None or not tokens:
        return found
    p = numpy.clip(scored.probabilities, 1e-4, 1 - 1e-4)
    odds = numpy.clip(numpy.where(scored.possible, numpy.log(p / (1 - p)), -MAX_ODDS), -MAX_ODDS, MAX_ODDS) / (
        MAX_ODDS / 2
    )
    kinds = len(KINDS)
    found[:, :kinds], found[:, kinds : 2 * kinds] = odds, scored.possible
    found[1:, 2 * kinds : 3 * kinds] = odds[:-1]
    found[:-1, 3 * kinds : 4 * kinds] = odds[1:]
    found[:, 4 * kinds :] = scored.features.numbers
    return found
