"""Pseudonyms of people."""

import pytest
from pydantic import Field

from labeling.core.pseudonyms import anonymised, pseudonyms
from labeling.core.value import Value


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


class _Report(Value):
    warnings: tuple[str, ...] = ()
    where: str = ""
    people: dict[str, int] = Field(default_factory=dict)
    labels: tuple[str, ...] = ()


def test_a_report_has_no_names_in_prose_and_no_addresses_anywhere():
    names = {"ann@x.org": "annotator 1", "ann lee": "annotator 1", "actor": "annotator 2"}
    report = _Report(
        warnings=("Ann Lee (ANN@x.org) and eva@x.org; actor",),
        where="/tmp/ann@x.org.json#3",
        people={"annotator 1": 3},
        labels=("ACTOR",),  # nobody's name, although somebody is called that
    )
    assert anonymised(report, names) == _Report(
        warnings=("annotator 1 (annotator 1) and (address); annotator 2",),
        where="/tmp/annotator 1.json#3",
        people={"annotator 1": 3},
        labels=("ACTOR",),
    )
