"""spaCy's hashes of strings, and hashes of pairs."""

from functools import lru_cache
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.strings import get_string_id

Hashes = NDArray[numpy.uint64]
MIX = 1_000_003


@lru_cache(maxsize=200_000)
def hash_of(name: str) -> int:
    """The number of a string in spaCy: that of a symbol, else its hash; 0 for ""."""
    return int(get_string_id(name)) if name else 0


def joined(first: Any, second: Any) -> Hashes:
    """The hashes of pairs of values, which are given as two arrays."""
    pairs: Hashes = (first.astype(numpy.uint64) * numpy.uint64(MIX)) ^ second.astype(numpy.uint64)
    return pairs


def places_in(known: Hashes, wanted: Hashes) -> tuple[NDArray[numpy.int64], NDArray[numpy.bool_]]:
    """Where each hash is in an array of distinct hashes in ascending order, and whether it is there at all."""
    if not len(known):
        return numpy.zeros(wanted.shape, numpy.int64), numpy.zeros(wanted.shape, bool)
    places = numpy.minimum(numpy.searchsorted(known, wanted), len(known) - 1)
    return places, known[places] == wanted


def joint_hash(first: int, second: int) -> int:
    """The hash of one pair."""
    return (first * MIX ^ second) & 0xFFFF_FFFF_FFFF_FFFF
