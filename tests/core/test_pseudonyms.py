"""Pseudonyms of people."""

import pytest

from labeling.core.pseudonyms import pseudonyms


@pytest.mark.parametrize(
    ("annotators", "adjudicators", "expected"),
    [
        ([], [], {}),
        (["ben", "ann", "ben"], [], {"ann": "annotator 1", "ben": "annotator 2"}),
        (["ann"], ["ann"], {"ann": "annotator 1"}),
        (["ben"], ["ann", "", "ben"], {"ben": "annotator 1", "ann": "adjudicator 1"}),  # the number of ben stays
    ],
)
def test_people_are_numbered_by_name(annotators: list[str], adjudicators: list[str], expected: dict[str, str]):
    assert pseudonyms(annotators, adjudicators) == expected
