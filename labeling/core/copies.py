"""Which texts are near-duplicates: syndicated copies with small edits, another headline, a cut last paragraph."""

import struct
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from labeling.core.bands import BAND, BANDS, ROWS, THRESHOLD, Indices, Keys, Rows, alike, find, join, key, least

SIZE = ROWS * 4  # bytes of a signature
WORDS = 3

NEIGHBOURS = 8


def signature(words: Sequence[str]) -> bytes:
    """The MinHash of a text's shingles: 64 rows, each a little-endian uint32, 256 bytes in all.

    A shingle is three consecutive words (`labeling.core.words.words`); a shorter text is one shingle. The share of
    equal rows of two texts estimates the Jaccard similarity s of their shingles, with a standard error of at most
    sqrt(s (1 - s) / 64). It is the same on every run and machine for a version of rensa.

    Source: A. Broder, On the resemblance and containment of documents, 1997.
    """
    shingles = list(map(" ".join, zip(words, words[1:], words[2:], strict=False))) or [" ".join(words)]
    minhash = RMinHash(num_perm=ROWS, seed=1)
    minhash.update(shingles)
    return struct.pack(f"<{ROWS}I", *minhash.digest())


def clusters(signatures: Sequence[bytes] | NDArray[np.integer], threshold: float = THRESHOLD) -> Indices:
    """The number of each text's cluster: the index of the first text in it. A text without a copy has its own index.

    Two texts are joined if at least the share `threshold` (0 to 1) of their rows is equal; clusters are transitive.
    Only pairs that share one of 16 bands of 4 consecutive rows are compared. A pair of similarity s shares one with
    probability 1 - (1 - s^4)^16: 0.89 at s = 0.6, 0.99 at 0.72, 0.99999 at 0.85. Whether a pair close to the threshold
    passes it depends on the estimate's error.

    Limit: if more than 9 distinct signatures share a band (boilerplate), each is compared only with its 8 neighbours
    on either side, in the order of the next row, so that the time stays near-linear. Two copies that are far apart
    there can still be joined by another band or through a third. Equal signatures are always joined.

    The partition does not depend on the order of the texts.

    Source: J. Leskovec, A. Rajaraman, J. Ullman, Mining of Massive Datasets, chapter 3.

    Args:
        signatures: What `signature` returns, or an array of n rows of 64 integers of 32 bits.
        threshold: The share of equal rows that makes a copy, over 0 and up to 1.

    Raises:
        ValueError: A signature has the wrong size, or the threshold is out of range.

    >>> from labeling.core.words import words
    >>> story = "Rebels left the town of Tadmor on Monday, the governor said."
    >>> clusters([signature(words(text)) for text in ("Another story.", story, story.upper())])
    array([0, 1, 1])
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold {threshold} is not over 0 and up to 1")
    rows = _rows(signatures)
    if not len(rows):
        return np.empty(0, dtype=np.int64)
    whole = key(rows, None)
    order = np.argsort(whole, kind="stable")  # by content: the order of the texts must not matter
    twins = np.flatnonzero(whole[order[1:]] == whole[order[:-1]])
    is_twin = np.zeros(len(rows), dtype=bool)
    is_twin[twins + 1] = alike(rows, order[twins], order[twins + 1], ROWS)
    first = order[~is_twin]
    distinct = np.empty_like(order)
    distinct[order] = np.cumsum(~is_twin) - 1

    root: Indices = np.arange(len(first))
    for band in range(BANDS):
        after = (band + 1) % BANDS * BAND
        for left, right in _candidates(key(rows, band)[first], rows[first, after]):
            apart = find(root, left) != find(root, right)  # others are joined already
            a, b = left[apart], right[apart]
            is_copy = alike(rows, first[a], first[b], least(threshold))
            join(root, a[is_copy], b[is_copy])

    lowest = first.copy()
    root = find(root, np.arange(len(root)))
    np.minimum.at(lowest, root, first)
    numbers: Indices = lowest[root[distinct]]
    return numbers


def _rows(signatures: Sequence[bytes] | NDArray[np.integer]) -> Rows:
    if isinstance(signatures, np.ndarray):
        if signatures.ndim != 2 or signatures.shape[1] != ROWS or signatures.dtype.kind not in "iu":
            raise ValueError(f"signatures are {signatures.dtype} of shape {signatures.shape}, not integers (n, {ROWS})")
        return np.ascontiguousarray(signatures, dtype="<u4")
    for i, packed in enumerate(signatures):
        if len(packed) != SIZE:
            raise ValueError(f"signature {i} has {len(packed)} bytes, not {SIZE}")
    return np.frombuffer(b"".join(signatures), dtype="<u4").reshape(-1, ROWS)


def _candidates(keys: Keys, then: Rows) -> Iterator[tuple[Indices, Indices]]:
    """Pairs of texts with equal keys: each with the 8 before it, sorted by key and then by `then`."""
    order = np.argsort(keys)
    shared = keys[order[1:]] == keys[order[:-1]]
    members = np.sort(order[np.append(shared, False) | np.append(False, shared)])  # mostly few
    order = members[np.lexsort((then[members], keys[members]))]
    ordered = keys[order]
    for distance in range(1, NEIGHBOURS + 1):
        same = ordered[distance:] == ordered[:-distance]
        if not same.any():
            return
        yield order[:-distance][same], order[distance:][same]
