"""Rows of signatures in bands: which texts are compared, which of those are copies, and how likely a pair is found.

A signature has 64 rows (`labeling.core.copies.signature`), in 16 bands of 4. Two texts are compared if they share a
band: its 4 rows are equal. They are copies of each other if at least 39 of their rows (60%) are equal.
"""

from itertools import count
from math import ceil, comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ROWS = 64
BANDS = 16
BAND = ROWS // BANDS  # rows
THRESHOLD = 0.6  # of equal rows

# Pairs compared at once: 1 MB, which stays in the processor's cache; with 8 MB it takes six times as long.
CHUNK = 1 << 11

Indices = NDArray[np.integer]
Keys = NDArray[np.uint64]
Rows = NDArray[np.uint32]

# Odd factors, one for each pair of rows: they mix the rows of a band, or of a whole signature, into 64 bits.
FACTORS = np.arange(1, ROWS, 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def least(threshold: float = THRESHOLD) -> int:
    """The number of equal rows from which on two texts are copies.

    >>> least(), least(0.5)
    (39, 32)
    """
    return ceil(threshold * ROWS - 1e-9)


def key(rows: Rows, band: int | None) -> Keys:
    """A number a text, (n,): equal where the rows of the band are, and hardly ever elsewhere; None is all bands."""
    pairs = rows.view("<u8")
    mixed = np.zeros(len(rows), dtype=np.uint64)
    for pair in range(ROWS // 2) if band is None else (2 * band, 2 * band + 1):
        mixed += pairs[:, pair] * FACTORS[pair]
    return mixed


def alike(rows: Rows, a: Indices, b: Indices, fewest: int) -> NDArray[np.bool_]:
    """Whether the texts `a[i]` and `b[i]` have at least so many equal rows."""
    found = np.empty(len(a), dtype=bool)
    for start in range(0, len(a), CHUNK):
        here = slice(start, start + CHUNK)
        found[here] = (rows[a[here]] == rows[b[here]]).sum(axis=1, dtype=np.uint8) >= fewest
    return found


def find(root: Indices, texts: Indices) -> Indices:
    """The lowest text of each text's set, in `root`, in which each text has one of its set that is not higher."""
    found = root[texts]
    while ((above := root[found]) != found).any():
        found = above
    root[texts] = found
    return found


def join(root: Indices, a: Indices, b: Indices) -> None:
    """Join the sets of `a[i]` and `b[i]` in `root`: union-find on whole arrays."""
    while len(a):
        a, b = find(root, a), find(root, b)
        apart = a != b
        a, b = a[apart], b[apart]
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))


class Bucket(NamedTuple):
    """Texts that share a band, or several such groups of texts.

    Attributes:
        band: The band; None is the whole signature.
        rows: Their signatures, (n, 64).
        keys: Their keys in this band (`key`), ascending.
        sets: A number a text; those with the same number are known to be in one set.
    """

    band: int | None
    rows: Rows
    keys: Keys
    sets: Indices


def joined(bucket: Bucket) -> tuple[Indices, Indices]:
    """Pairs of texts of a bucket, `a[i]` and `b[i]`, that are copies of each other, and share the band.

    With the sets that were known, they join every two texts that any such pairs join: each pair of texts with one key
    is compared, unless the two are in one set already.
    """
    _, first, number = np.unique(bucket.sets, return_index=True, return_inverse=True)
    root: Indices = first[number]
    pairs: list[tuple[Indices, Indices]] = []
    left: Indices = np.arange(len(root))
    for distance in count(1):
        left = left[left + distance < len(root)]
        left = left[bucket.keys[left] == bucket.keys[left + distance]]
        if distance & (distance - 1) == 0:  # not each time: it takes as long as to compare
            left = left[_is_divided(root, bucket.keys)[left]]
        if not len(left):
            break
        apart = find(root, left) != find(root, left + distance)
        a = left[apart]
        a = a[alike(bucket.rows, a, a + distance, ROWS if bucket.band is None else least())]
        if bucket.band is not None:  # other rows may have the same key
            rows = slice(bucket.band * BAND, (bucket.band + 1) * BAND)
            a = a[(bucket.rows[a, rows] == bucket.rows[a + distance, rows]).all(axis=1)]
        join(root, a, a + distance)
        pairs.append((a, a + distance))
    empty: Indices = np.empty(0, dtype=np.int64)
    return np.concatenate([empty, *(a for a, _ in pairs)]), np.concatenate([empty, *(b for _, b in pairs)])


def is_divided(sets: Indices, keys: Keys) -> NDArray[np.bool_]:
    """Whether the texts with a text's key are in more than one set; the keys are ascending."""
    if not len(keys):
        return np.empty(0, dtype=bool)
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    divided = np.minimum.reduceat(sets, starts) != np.maximum.reduceat(sets, starts)
    return np.repeat(divided, np.diff(np.append(starts, len(keys))))


def _is_divided(root: Indices, keys: Keys) -> NDArray[np.bool_]:
    return is_divided(find(root, np.arange(len(root))), keys)


def sharing(similarity: float) -> float:
    """The probability that two texts of this Jaccard similarity share a band, and so are compared.

    Source: J. Leskovec, A. Rajaraman, J. Ullman, Mining of Massive Datasets, chapter 3.

    >>> round(sharing(0.6), 3), round(sharing(0.8), 3)
    (0.891, 1.0)
    """
    return float(1 - (1 - similarity**BAND) ** BANDS)


def chance(similarity: float) -> float:
    """The probability that two texts of this Jaccard similarity share a band and have 39 equal rows.

    Each row is equal with the probability of the similarity (Broder, 1997), independently of the others: of all
    signatures with enough equal rows, those without a whole equal band are left out.

    >>> round(chance(0.5), 3), round(chance(0.6), 3), round(chance(0.8), 3)
    (0.05, 0.481, 1.0)
    """
    of_band = [comb(BAND, n) * similarity**n * (1 - similarity) ** (BAND - n) for n in range(BAND + 1)]
    some = none = np.array([1.0])
    for _ in range(BANDS):
        some, none = np.convolve(some, of_band), np.convolve(none, of_band[:-1])
    return float(some[least() :].sum() - none[least() :].sum())
