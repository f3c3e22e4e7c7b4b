"""Krippendorff's alpha for unitizing, held against published figures."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.core.alpha import Unit, alpha, disagreement

# Krippendorff 2004, page 254 of Content Analysis: a continuum from 150 to 450; start and length.
C = [[(225, 295), (370, 400)], [(220, 300), (355, 375), (400, 420)]]
K = [[(180, 240), (300, 350)]] * 2


def test_published_example():
    found = disagreement(C, 150, 300)
    assert found.observed == pytest.approx(0.0144, abs=5e-5)
    assert found.expected == pytest.approx(0.0532, abs=5e-5)
    assert found.alpha == pytest.approx(0.7286, abs=5e-4)
    assert disagreement(K, 150, 300).alpha == 1
    assert alpha({"c": C, "k": K}, 150, 300) == pytest.approx(0.8591, abs=5e-4)


def test_published_example_of_one_unit_against_three():
    assert disagreement([[(1, 9)], [(2, 3), (4, 5), (6, 7)]], 0, 10).alpha == pytest.approx(-0.7003, abs=5e-5)


def test_nothing_marked_has_no_alpha():
    assert math.isnan(disagreement([[], []], 0, 10).alpha)


@pytest.mark.parametrize(
    ("coders", "message"),
    [
        ([[(1, 2)]], "two coders"),
        ([[(1, 3), (2, 4)], []], "overlaps another one"),
        ([[(1, 3)], [(8, 11)]], "does not lie"),
        ([[(3, 3)], []], "does not lie"),
    ],
)
def test_units_that_cannot_be_are_refused(coders: list[list[Unit]], message: str):
    with pytest.raises(ValueError, match=message):
        disagreement(coders, 0, 10)


@st.composite
def units(draw: st.DrawFn) -> list[Unit]:
    borders = sorted(draw(st.sets(st.integers(0, 60), max_size=10)))
    return list(zip(borders[::2], borders[1::2], strict=False))


@given(units(), units())
def test_alpha_is_symmetric_at_most_1_and_1_for_the_same(one: list[Unit], other: list[Unit]):
    found, turned = disagreement([one, other], 0, 60), disagreement([other, one], 0, 60)
    assert found == pytest.approx(turned)
    assert found.observed >= 0
    if one or other:
        assert found.alpha <= 1
    if one and one != [(0, 60)]:
        assert disagreement([one, one], 0, 60).alpha == pytest.approx(1)
    if one != other and found.expected:
        assert found.alpha < 1
