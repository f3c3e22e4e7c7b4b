"""Train, dev, test: a function of the text alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from labeling.core.split import PARTS, Split


@pytest.mark.parametrize(
    ("text", "part"),
    [("article 1", "dev"), ("article 2", "train"), ("article 0", "test"), ("Zoë 😀", "train"), ("", "train")],
)
def test_split_part_never_moves(text: str, part: str):
    assert Split(dev=30, test=30).part(text) == part


@given(st.text())
def test_split_part_stays_as_the_test_share_grows_or_dev_takes_from_train(text: str):
    if Split(dev=10, test=10).part(text) == "test":
        assert Split(dev=0, test=20).part(text) == "test"
    if Split(dev=10, test=10).part(text) != "train":
        assert Split(dev=30, test=10).part(text) == Split(dev=10, test=10).part(text)


@pytest.mark.parametrize("copy", ["Rebels  left\nTadmor.", "REBELS LEFT TADMOR.", "\trebels\u00a0left tadmor. \n"])
def test_split_part_is_the_same_for_copies_in_other_case_and_space(copy: str):
    for share in range(1, 99, 7):
        assert Split(dev=0, test=share).part(copy) == Split(dev=0, test=share).part("Rebels left Tadmor.")


@pytest.mark.parametrize(("dev", "test"), [(10, 10), (0, 0), (25, 5), (0, 50), (60, 39)])
def test_split_shares_are_about_right(dev: int, test: int):
    split = Split(dev=dev, test=test)
    parts = [split.part(f"Article number {n} of many.") for n in range(2000)]
    for part, share in zip(PARTS, (100 - dev - test, dev, test), strict=True):
        assert abs(parts.count(part) / 20 - share) < 4


@pytest.mark.parametrize(
    "shares", [{"dev": 50, "test": 50}, {"dev": 99, "test": 2}, {"dev": -1}, {"test": 101}, {"d": 1}]
)
def test_split_refuses_shares_that_leave_nothing_to_train_on(shares: dict):
    with pytest.raises(ValidationError):
        Split(**shares)
