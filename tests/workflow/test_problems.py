"""Problems on disk: those that were added, in order, however many they are and whenever they are looked at."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.core.problem import Problem
from labeling.workflow import spooled
from labeling.workflow.problems import Problems
from labeling.workflow.spooled import Spooled
from labeling.workflow.task_files import Annotated

KINDS = [("empty", "refused"), ("caption", "changed"), ("other-language", "kept")]
PROBLEMS = st.builds(
    lambda kind, text: Problem(reason=kind[0], action=kind[1], detail=text), st.sampled_from(KINDS), st.text()
)


@pytest.fixture(params=[1 << 20, 40], ids=["in memory", "on disk"])
def _room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooled, "IN_MEMORY", request.param)
    monkeypatch.setattr(spooled, "BLOCK", 30)


@pytest.mark.usefixtures("_room")
@given(st.lists(PROBLEMS))
def test_problems_are_those_that_were_added(some: list[Problem]):
    problems = Problems(some[:3])
    seen: list[Problem] = []
    for problem in problems:  # while others are added
        seen.append(problem)
    for problem in some[3:]:
        problems.append(problem)
        assert next(iter(problems)) == some[0]
    assert list(problems) == some and seen == some[:3]
    assert len(problems) == len(some) and problems == Problems(some)
    assert all(n == sum((p.action, p.reason) == kind for p in some) for kind, n in problems.counted.items())


@pytest.mark.usefixtures("_room")
@given(st.lists(PROBLEMS), st.integers(0, 3))
def test_the_first_of_each_kind(some: list[Problem], most: int):
    first = list(Problems(some).first(most))
    for reason, _ in KINDS:
        assert [p for p in first if p.reason == reason] == [p for p in some if p.reason == reason][:most]


def test_a_report_lists_them_in_its_json():
    problem = Problem(reason="empty", action="refused", detail="nothing in it", where="a.json")
    report = Annotated(model_version="1", articles=0, problems=Problems([problem]))
    assert json.loads(report.model_dump_json())["problems"] == [problem.model_dump()]
    assert report == Annotated(model_version="1", articles=0, problems=Problems([problem]))
    assert Annotated(model_version="1", articles=0).problems != report.problems


@pytest.mark.usefixtures("_room")
@given(st.lists(st.binary().map(lambda line: line.replace(b"\n", b""))), st.integers(0, 9), st.integers(0, 9))
def test_lines_from_one_position_to_another(some: list[bytes], start: int, more: int):
    lines = Spooled()
    places = [0]
    for line in some:
        lines.add(line)
        places.append(lines.size)
    first, last = min(start, len(some)), min(start + more, len(some))
    assert list(lines.lines(places[first], places[last])) == some[first:last]
