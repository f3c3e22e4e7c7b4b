"""Train, dev, test: their shares, and where a text stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from labeling.core.split import PARTS, Split, position
from labeling.core.words import words
from tests.builders import part_of


@pytest.mark.parametrize(
    ("text", "part"),
    [("article 1", "dev"), ("article 2", "train"), ("article 0", "test"), ("Zoë 😀", "test"), ("", "train")],
)
def test_split_part_never_moves(text: str, part: str):
    assert part_of(Split(dev=30, test=30), text) == part


@given(st.text())
def test_split_part_stays_as_the_test_share_grows_or_dev_takes_from_train(text: str):
    if part_of(Split(dev=10, test=10), text) == "test":
        assert part_of(Split(dev=0, test=20), text) == "test"
    if part_of(Split(dev=10, test=10), text) != "train":
        assert part_of(Split(dev=30, test=10), text) == part_of(Split(dev=10, test=10), text)


@pytest.mark.parametrize("copy", ["Rebels  left\nTadmor.", "REBELS LEFT TADMOR.", "\trebels\u00a0left “tadmor” \n"])
def test_split_part_is_the_same_for_copies_in_other_case_space_and_punctuation(copy: str):
    for share in range(1, 99, 7):
        assert part_of(Split(dev=0, test=share), copy) == part_of(Split(dev=0, test=share), "Rebels left Tadmor.")


@pytest.mark.parametrize(("dev", "test"), [(10, 10), (0, 0), (25, 5), (0, 50), (60, 39)])
def test_split_shares_are_about_right(dev: int, test: int):
    split = Split(dev=dev, test=test)
    parts = [part_of(split, f"Article number {n} of many.") for n in range(2000)]
    for part, share in zip(PARTS, (100 - dev - test, dev, test), strict=True):
        assert abs(parts.count(part) / 20 - share) < 4


@pytest.mark.parametrize(
    "shares", [{"dev": 50, "test": 50}, {"dev": 99, "test": 2}, {"dev": -1}, {"test": 101}, {"d": 1}]
)
def test_split_refuses_shares_that_leave_nothing_to_train_on(shares: dict):
    with pytest.raises(ValidationError):
        Split(**shares)


@pytest.mark.parametrize(
    ("shares", "train", "dev", "test"),
    [
        ("80/10/10", 80, 10, 10),
        ("80/20", 80, 20, 0),
        ("100/0/0", 100, 0, 0),
        ("100/0", 100, 0, 0),
        (" 70 / 0 / 30 ", 70, 0, 30),
        ("098/001/001", 98, 1, 1),
    ],
)
def test_split_parse_takes_train_dev_and_test(shares: str, train: int, dev: int, test: int):
    assert Split.parse(shares) == Split(dev=dev, test=test)
    assert Split.parse(shares).shares == {"train": train, "dev": dev, "test": test}


@pytest.mark.parametrize("by", ["text", "source", "published"])
def test_split_parse_says_what_decides(by: str):
    assert Split.parse("80/10/10", by) == Split(dev=10, test=10, by=by)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ("80/10/5", "adds up to 95, not to 100"),
        ("80/30", "adds up to 110, not to 100"),
        ("0/50/50", "leaves nothing to train on"),
        *[
            (shares, "is not a split: give train/dev/test in whole per cent, such as 80/10/10")
            for shares in (
                "",
                "100",
                "80-10-10",
                "80/10/5/5",
                "0.8/0.1/0.1",
                "-10/100/10",
                "80/10/",
                "9" * 5000,
                "٨٠/20",
            )
        ],
    ],
)
def test_split_parse_refuses_what_is_no_split(shares: str, said: str):
    with pytest.raises(ValueError, match=said) as raised:
        Split.parse(shares)
    assert repr(shares) in str(raised.value)
    assert not isinstance(raised.value, ValidationError)


def test_split_refuses_what_cannot_decide():
    with pytest.raises(ValidationError):
        Split(by="weather")


@given(st.text(st.characters()))
def test_split_position_lies_in_range_for_any_text(text: str):
    assert 0 <= position(words(text)) <= 100


def test_split_position_never_moves():
    assert position(words("Rebels left Tadmor.")) == pytest.approx(66.87752643785191, abs=1e-9)
    assert position(["\ud800", "left", "tadmor"]) != position(words("Rebels left Tadmor."))


@pytest.mark.parametrize(
    ("where", "part"), [(0, "test"), (9.99, "test"), (10, "dev"), (29.99, "dev"), (30, "train"), (100, "train")]
)
def test_split_at_has_test_at_the_bottom_then_dev_then_train(where: float, part: str):
    assert Split(dev=20, test=10).at(where) == part
