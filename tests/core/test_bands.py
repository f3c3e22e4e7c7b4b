"""Rows in bands: how likely a pair is found."""

import re

import numpy as np
import pytest

from labeling.core.bands import BANDS, ROWS, chance, key, sharing
from tests.builders import ROOT


@pytest.mark.parametrize("similarity", [0.3, 0.5, 0.6, 0.7, 0.8])
def test_bands_chances_are_those_of_drawn_rows(similarity: float):
    draws = 20_000
    equal = np.random.default_rng(7).random((draws, ROWS)) < similarity
    shares = equal.reshape(draws, BANDS, -1).all(axis=2).any(axis=1)
    error = 3 * 0.5 / draws**0.5
    assert shares.mean() == pytest.approx(sharing(similarity), abs=error)
    assert (shares & (equal.sum(axis=1) >= 39)).mean() == pytest.approx(chance(similarity), abs=error)


def test_bands_chances_are_certain_at_the_ends():
    assert chance(0) == sharing(0) == 0
    assert chance(1) == pytest.approx(1)
    assert sharing(1) == 1


def test_bands_keys_depend_on_the_rows_of_the_band_and_on_their_order():
    rows = np.random.default_rng(1).integers(0, 2**32, (3, ROWS), dtype=np.uint32)
    rows[1] = rows[0]
    rows[1, 4] += 1
    rows[2, :2], rows[2, 2:4] = rows[0, 2:4], rows[0, :2]
    assert key(rows, 0)[0] == key(rows, 0)[1] != key(rows, 0)[2]
    assert key(rows, 1)[0] != key(rows, 1)[1]
    assert len(set(key(rows, None).tolist())) == 3


def test_bands_chances_are_those_of_the_document():
    page = (ROOT / "docs" / "duplicates.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (0\.\d+) \| ([\d.]+) \| ([\d.]+) \|$", page, re.MULTILINE)
    assert len(rows) == 10
    for row in rows:
        similarity = float(row[0])
        assert row[1:] == (f"{sharing(similarity):.4f}", f"{chance(similarity):.4f}")
