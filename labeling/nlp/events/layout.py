"""Features of the layout of tokens: joined by hyphens, in a headline, in a name of some length."""

from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc

from labeling.nlp.hashes import hash_of

Ids = NDArray[Any]
HYPHENS: Any = numpy.array([hash_of(mark) for mark in "-‐‑–"], dtype=numpy.uint64)


def hyphened(lower: Ids, spaced: Ids) -> Ids:
    """Whether each token is joined by a hyphen to the previous or next one."""
    mark = numpy.isin(lower, HYPHENS) & (spaced == 0)
    found = numpy.zeros(len(lower), dtype=bool)
    glued = numpy.flatnonzero(mark[1:] & (spaced[:-1] == 0)) + 1  # the mark: nothing on either side
    found[glued - 1] = True
    found[numpy.minimum(glued + 1, len(lower) - 1)] = True
    return found


def headlines(doc: Doc, capital: Ids, counts: Ids, is_space: Ids) -> Ids:
    """Whether each token is in a headline: a line most of whose longer words are capitalized."""
    ends = numpy.zeros(len(doc), dtype=bool)
    for i in numpy.flatnonzero(is_space).tolist():
        ends[i] = "\n" in doc[i].text
    lines = numpy.cumsum(ends)
    words = numpy.bincount(lines, counts)
    capitals = numpy.bincount(lines, capital & counts)
    found: Ids = (capitals > 0.7 * numpy.maximum(words, 1))[lines]
    return found


def lengths(ent: Ids, iob: Ids) -> Ids:
    """The length of the entity that each token is in: a quarter per token, at most 1; 0 outside entities."""
    number = numpy.cumsum(iob == 3)
    sizes = numpy.bincount(number, ent > 0)
    lengths: Ids = numpy.where(ent > 0, numpy.minimum(sizes[number], 4) / 4, 0)
    return lengths
