"""How many people annotate a task, and which articles start from an empty page: the settings, and their shares."""

import pytest

from labeling.core.overlap import Overlap
from labeling.core.prefill import WithoutPrefill

IDS = [f"article-{number}" for number in range(2000)]


@pytest.mark.parametrize(
    ("said", "people", "share", "shown"),
    [(1, 1, 100, "1"), (2, 2, 100, "2"), (3, 3, 100, "3"), ("10%", 2, 10, "10%"), ("12.5 %", 2, 12.5, "12.5%")],
)
def test_overlap_is_a_number_of_people_or_a_share(said, people, share, shown):
    overlap = Overlap.parse(said)
    assert (overlap.people, overlap.share, str(overlap)) == (people, share, shown)


@pytest.mark.parametrize("said", [0, -1, 1001, True, 2.5, "2", "101%", "ten %", "", None, []])
def test_overlap_that_is_neither_is_refused(said):
    with pytest.raises(ValueError, match="a number of people from 1 on"):
        Overlap.parse(said)


def test_overlap_share_is_the_same_for_an_article_whenever_it_is_asked_and_grows_with_the_share():
    tenth, fifth = ({doc for doc in IDS if Overlap.parse(share).of(doc) == 2} for share in ("10%", "20%"))
    assert tenth < fifth
    assert 150 < len(tenth) < 250
    assert {Overlap.parse("0%").of(doc) for doc in IDS} == {1}
    assert {Overlap.parse(3).of(doc) for doc in IDS} == {3}


@pytest.mark.parametrize("said", [10, 0.1, "10", "101%", "ten %", "", None, []])
def test_without_prefill_that_is_not_a_share_is_refused(said):
    with pytest.raises(ValueError, match=r"a share of the articles"):
        WithoutPrefill.model_validate(said)


def test_without_prefill_share_grows_with_the_share_and_has_nothing_to_do_with_the_overlap():
    tenth, half = ({doc for doc in IDS if WithoutPrefill.parse(share).has(doc)} for share in ("10%", "50%"))
    assert tenth < half and 150 < len(tenth) < 250
    assert not any(WithoutPrefill().has(doc) for doc in IDS) and all(WithoutPrefill.parse("100%").has(d) for d in IDS)
    twice = {doc for doc in IDS if Overlap.parse("50%").of(doc) == 2}
    assert 400 < len(half & twice) < 600
