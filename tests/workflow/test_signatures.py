"""The search on the disk finds exactly the pairs that it promises, in whatever pieces it works."""

from contextlib import closing
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.core.copies import clusters
from labeling.engine import Local
from labeling.workflow import signatures as module
from labeling.workflow.signatures import Signatures, sets_of_copies

SMALL = {"BLOCK": 7, "PART": 5, "CHUNK": 4}


def random_rows(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**32, (n, 64), dtype=np.uint32)


def found(rows: np.ndarray, workers: int = 1) -> list[int]:
    with closing(Signatures()) as signatures, Local(workers).started() as mapped:
        signatures.add(rows[: len(rows) // 2].tobytes())
        signatures.add(rows[len(rows) // 2 :].tobytes())
        return sets_of_copies(signatures, mapped).tolist()


def expected(rows: np.ndarray) -> list[int]:
    """Each pair compared with each."""
    number = list(range(len(rows)))
    for a, b in combinations(range(len(rows)), 2):
        equal = rows[a] == rows[b]
        if equal.sum() >= 39 and equal.reshape(16, 4).all(axis=1).any():
            low, high = sorted((number[a], number[b]))
            number = [low if each == high else each for each in number]
    return number


def drawn(seed: int, n: int, kinds: int, edits: float, boilerplate: int) -> np.ndarray:
    """Texts of some kinds, with other rows here and there, and some rows that all have."""
    random = np.random.default_rng(seed)
    rows = random_rows(kinds, seed)[random.integers(0, kinds, n)]
    rows[random.random(rows.shape) < edits] += np.uint32(random.integers(1, 3))
    rows[:, :boilerplate] = 7
    return rows


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(0, 40),
    kinds=st.integers(1, 12),
    edits=st.floats(0, 0.5),
    boilerplate=st.sampled_from([0, 4, 8, 30]),
    keys=st.sampled_from([64, 2, 0]),
    small=st.booleans(),
)
def test_signatures_sets_are_those_of_every_pair_compared(
    seed: int, n: int, kinds: int, edits: float, boilerplate: int, keys: int, small: bool
):
    rows = drawn(seed, n, kinds, edits, boilerplate)
    real = module.key
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items() if small else ():
            patch.setattr(module, name, value)
        # other rows with the same key must not make a difference: `keys` bits are left of each
        patch.setattr(module, "key", lambda rows, band: real(rows, band) & ~np.uint64(2 ** (64 - keys) - 1))
        assert found(rows) == expected(rows)


@pytest.mark.parametrize("workers", [1, 3])
def test_signatures_sets_are_those_of_clusters_whatever_the_number_of_workers(monkeypatch: Any, workers: int):
    for name, value in {"BLOCK": 1000, "PART": 500, "CHUNK": 64}.items():
        monkeypatch.setattr(module, name, value)
    rows = drawn(3, 3000, 1500, 0.2, 0)
    sets = found(rows, workers)
    assert sets == clusters(rows).tolist()
    assert 500 < len(set(sets)) < 2900


@pytest.mark.parametrize("chunk", [100, 1 << 13])
def test_signatures_of_a_pair_among_many_with_the_same_boilerplate_are_found(monkeypatch: Any, chunk: int):
    monkeypatch.setattr(module, "CHUNK", chunk)
    rows = random_rows(1200)
    rows[1100] = np.where(np.arange(64) % 4 < 3, rows[5], rows[1100])  # 48 equal rows, and no whole band
    rows[:, 8:12] = 7  # but for the one that all have
    sets = found(rows)
    assert sets[1100] == 5
    assert len(set(sets)) == 1199


def test_signatures_that_are_all_in_one_chain_are_one_set():
    rows = np.repeat(random_rows(1), 500, axis=0)
    for n in range(1, 500):
        rows[n] = rows[n - 1]
        rows[n, n % 64] += 1
    assert set(found(rows[np.random.default_rng(2).permutation(500)])) == {0}
