"""How tokens stand in a text: joined by hyphens, in a headline, in a long or a short name."""

from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.strings import get_string_id
from spacy.tokens import Doc

Ids = NDArray[Any]
HYPHENS: Any = numpy.array([get_string_id(mark) for mark in "-‐‑–"], dtype=numpy.uint64)


def hyphened(lower: Ids, spaced: Ids) -> Ids:
    """Whether each token is joined by a hyphen to the one before it or behind it."""
    mark = numpy.isin(lower, HYPHENS) & (spaced == 0)
    found = numpy.zeros(len(lower), dtype=bool)
    glued = numpy.flatnonzero(mark[1:] & (spaced[:-1] == 0)) + 1  # the mark: nothing on either side
    found[glued - 1] = True
    found[numpy.minimum(glued + 1, len(lower) - 1)] = True
    return found


def headlines(doc: Doc, capital: Ids, counts: Ids, is_space: Ids) -> Ids:
    """Whether each token stands in a line that is written as a headline: most of its longer words in capitals."""
    ends = numpy.zeros(len(doc), dtype=bool)
    for i in numpy.flatnonzero(is_space).tolist():
        ends[i] = "\n" in doc[i].text
    lines = numpy.cumsum(ends)
    words = numpy.bincount(lines, counts)
    capitals = numpy.bincount(lines, capital & counts)
    found: Ids = (capitals > 0.7 * numpy.maximum(words, 1))[lines]
    return found


def lengths(ent: Ids, iob: Ids) -> Ids:
    """The tokens of the entity that each token is in, in quarters, 1 at most; 0 outside."""
    number = numpy.cumsum(iob == 3)
    sizes = numpy.bincount(number, ent > 0)
    lengths: Ids = numpy.where(ent > 0, numpy.minimum(sizes[number], 4) / 4, 0)
    return lengths
