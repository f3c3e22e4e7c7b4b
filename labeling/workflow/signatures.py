"""Signatures of any number of texts, on the disk, and which of the texts are copies of each other."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import combinations, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labeling.core.bands import BANDS, ROWS, Bucket, Indices, Rows, find, is_divided, join, joined, key
from labeling.core.copies import SIZE
from labeling.engine import Map
from labeling.workflow.progress import Track, no_track

BLOCK = 1 << 16  # signatures read at once: 16 MB
PART = 1 << 20  # texts sorted at once: 12 MB, and as much again
CHUNK = 1 << 13  # signatures that a worker compares at once: 2 MB
ENTRY = np.dtype([("key", "<u8"), ("text", "<u4")])

Sets = NDArray[np.uint32]


class Signatures:
    """Signatures by number, in a temporary file without a name, which is gone with this process, whatever happens."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, packed: bytes) -> None:
        """Add signatures, one after the other; all are added before any is read."""
        self._file.write(packed)
        self._count += len(packed) // SIZE

    def blocks(self) -> Iterator[tuple[int, Rows]]:
        """All of them, a block at a time, with the number of its first one."""
        for start in range(0, self._count, BLOCK):
            self._file.seek(start * SIZE)
            yield start, _rows(self._file.read(BLOCK * SIZE))

    def of(self, texts: Iterable[int]) -> Rows:
        """Those with these numbers, (n, 64)."""
        found = bytearray()
        for text in texts:
            self._file.seek(text * SIZE)
            found += self._file.read(SIZE)
        return _rows(bytes(found))

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


def sets_of_copies(signatures: Signatures, mapped: Map, track: Track = no_track) -> Sets:
    """The number of each text's set: that of its first text, which is the text's own where it has no copy.

    Two texts are in one set if they share a band and have 39 equal rows (`labeling.core.bands`), or if a chain of such
    pairs leads from one to the other. Every such pair counts: what shares a band is compared, however many they are,
    unless both are in one set already.

    Texts are sorted by their keys, one band after the other, in parts of a million, and compared by the workers. In
    memory are five bytes a text, and what is at work.
    """
    root: Sets = np.arange(len(signatures), dtype=np.uint32)
    is_distinct = np.ones(len(root), dtype=bool)
    for band in track([None, *range(BANDS)], "Comparing", BANDS + 1):
        with ExitStack() as stack:
            parts = _Parts(stack, len(root) // PART + 1)
            for start, rows in signatures.blocks():
                here = np.flatnonzero(is_distinct[start : start + len(rows)])
                parts.add(key(rows[here], band), here + start)
            chunks = (chunk for entries in parts for chunk in _chunks(signatures, entries, band, root))
            for a, b in mapped(_joined, chunks):
                join(root, a, b)
        for start in range(0, len(root), BLOCK):
            texts = np.arange(start, min(start + BLOCK, len(root)))
            firsts = find(root, texts)
            if band is None:  # of equal signatures, only the first is looked at again
                is_distinct[texts] = firsts == texts
    return root


def _rows(packed: bytes) -> Rows:
    return np.frombuffer(packed, dtype="<u4").reshape(-1, ROWS)


class _Parts:
    """Keys of texts in temporary files; equal keys are in the same one."""

    def __init__(self, stack: ExitStack, count: int) -> None:
        self._files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(count)]  # noqa: SIM115

    def add(self, keys: NDArray[np.uint64], texts: Indices) -> None:
        entries = np.empty(len(keys), dtype=ENTRY)
        entries["key"], entries["text"] = keys, texts
        part = (keys >> np.uint64(32)) * np.uint64(len(self._files)) >> np.uint64(32)
        order = np.argsort(part, kind="stable")
        borders = np.searchsorted(part[order], np.arange(len(self._files) + 1, dtype=np.uint64))
        for file, (start, end) in zip(self._files, pairwise(borders), strict=True):
            file.write(entries[order[start:end]].tobytes())

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """The entries of each file, sorted by key and text."""
        for file in self._files:
            file.seek(0)
            entries = np.frombuffer(file.read(), dtype=ENTRY)
            yield entries[np.argsort(entries["key"], kind="stable")]


class _Chunk(NamedTuple):
    """What a worker compares, and the numbers of these texts."""

    bucket: Bucket
    texts: Indices


def _joined(chunk: _Chunk) -> tuple[Indices, Indices]:
    a, b = joined(chunk.bucket)
    return chunk.texts[a], chunk.texts[b]


def _chunks(signatures: Signatures, entries: NDArray[Any], band: int | None, root: Sets) -> Iterator[_Chunk]:
    """What is to be compared of entries sorted by their keys; what is in one set by then is left out."""
    entries = _undecided(entries, root)
    ends = np.flatnonzero(entries["key"][1:] != entries["key"][:-1]) + 1
    for chunk in _pieces(entries, [0, *ends.tolist(), len(entries)]):
        left = _undecided(chunk, root)
        if len(left):
            rows, texts = signatures.of(left["text"].tolist()), left["text"].copy()
            yield _Chunk(Bucket(band, rows, left["key"].copy(), find(root, texts)), texts)


def _undecided(entries: NDArray[Any], root: Sets) -> NDArray[Any]:
    """The entries whose key others have that are in another set."""
    return entries[is_divided(find(root, entries["text"]), entries["key"])]


def _pieces(entries: NDArray[Any], borders: list[int]) -> Iterator[NDArray[Any]]:
    """Entries with whole buckets, not many at once; of a large bucket, every two of its pieces together."""
    start = 0
    for border, end in pairwise(borders):
        if end - start > CHUNK:
            yield entries[start:border]
            start = border
        if end - border > CHUNK:
            halves = [entries[at : min(at + CHUNK // 2, end)] for at in range(border, end, CHUNK // 2)]
            yield from map(np.concatenate, combinations(halves, 2))
            start = end
    yield entries[start : borders[-1]]
