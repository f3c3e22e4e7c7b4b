"""The store of decisions: lines are added, the newest of a conflict stands, and damage is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.core.adjudication import Decision, MarkedRelation, MarkedSpan
from labeling.errors import InputError
from labeling.settings import Workspace, init, open_workspace
from labeling.workflow.adjudicating.decisions import (
    add_decisions,
    by_text,
    decisions_file,
    read_decisions,
    standing,
    withdrawn,
)

REBELS = MarkedSpan(start=0, end=6, label="ACTOR")
ATTACK = MarkedSpan(start=7, end=15, label="ACTION")
AGENT = MarkedRelation(label="agent", head=ATTACK, tail=REBELS)


def decision(key: str, digest: str = "t1", **fields: object) -> Decision:
    return Decision.model_validate(
        {"key": key, "doc_id": "d", "digest": digest, "kind": "spans", "taken": (REBELS,), "by": "cleo", **fields}
    )


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    init(tmp_path, title="Test project")
    return open_workspace(tmp_path)


def test_read_decisions_gives_back_all_that_were_added_in_order(workspace: Workspace):
    assert read_decisions(workspace) == ()
    add_decisions(workspace, [])
    assert not decisions_file(workspace).exists()
    first = decision("a", note="— “Rebels”,\u2028 not “rebels” 🙂", reason="guideline gap")
    second = decision("b", kind="relations", taken=(AGENT,), refused=())
    add_decisions(workspace, [first])
    add_decisions(workspace, [second, first])
    assert read_decisions(workspace) == (first, second, first)


@given(st.lists(st.sampled_from([decision(key, at=str(at)) for key in "abc" for at in range(3)])))
def test_standing_has_the_last_decision_of_each_conflict_in_order(some: list[Decision]):
    found = standing(some)
    assert {each.key: each for each in some} == {each.key: each for each in found}
    places = [len(some) - some[::-1].index(each) for each in found]
    assert places == sorted(places)


def test_standing_leaves_out_a_conflict_whose_decision_was_withdrawn_until_it_is_decided_again():
    first, other = decision("a"), decision("b", digest="t2")
    some = [first, other, withdrawn(first, at="2026-01-01")]
    assert standing(some) == (other,)
    assert standing([*some, first]) == (other, first)
    assert by_text([*some, first]) == {"t1": [first], "t2": [other]}


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        ('{"key": "x"', "line"),
        ('{"key": "x"}', "doc_id"),
        ("[]", "object"),
        (decision("x").model_dump_json().replace('"key"', '"odd"'), "odd"),
    ],
)
def test_a_damaged_line_is_named_and_nothing_is_overwritten(workspace: Workspace, damage: str, fault: str):
    add_decisions(workspace, [decision("a")])
    file = decisions_file(workspace)
    text = file.read_text(encoding="utf-8") + f"{damage}\n"
    file.write_text(text, encoding="utf-8")
    for attempt in (lambda: read_decisions(workspace), lambda: add_decisions(workspace, [decision("b")])):
        with pytest.raises(InputError, match=r"Line 2 of .*decisions\.jsonl is not a decision"):
            attempt()
    assert file.read_text(encoding="utf-8") == text
