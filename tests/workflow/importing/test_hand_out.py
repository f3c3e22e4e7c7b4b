"""`[studio] overlap` on a real server: to whom the label stream hands out tasks, and when they are done."""

import httpx
import pytest

from labeling.core.overlap import Overlap
from labeling.settings import Workspace
from tests.workflow.importing.pushing import TEXTS, push, tasks, with_studio

pytestmark = pytest.mark.studio


def planned(workspace: Workspace, overlap: int | str) -> Workspace:
    return with_studio(workspace, overlap=Overlap.parse(overlap))


def handed_out(client: httpx.Client, workspace: Workspace, submit: int) -> list[int]:
    """The tasks that the label stream hands out to somebody, who submits so many of them."""
    found = []
    for _ in range(submit):
        answer = client.get(f"/api/projects/{workspace.remembered_project()}/next/")
        if answer.status_code == 404:
            return found
        number = answer.json()["id"]
        found.append(number)
        done = client.post(f"/api/tasks/{number}/annotations/", json={"result": [], "lead_time": 5})
        assert done.status_code == 201
    return found


def overlaps(workspace: Workspace, api: httpx.Client) -> dict[str, int]:
    return {doc_id: task["overlap"] for doc_id, task in tasks(workspace, api).items()}


def test_overlap_of_two_hands_out_each_task_to_two_people_and_no_third(workspace: Workspace, api, colleague):
    assert push(planned(workspace, 2)).overlapping == {2: 6}
    first, second = handed_out(api, workspace, 9), handed_out(colleague, workspace, 9)
    assert sorted(first) == sorted(second) == sorted(task["id"] for task in tasks(workspace, api).values())
    assert all(task["is_labeled"] for task in tasks(workspace, api).values())


def test_overlap_share_hands_out_its_tasks_alone_to_a_second_person(workspace: Workspace, api, colleague):
    share = Overlap.parse("50%")
    done = push(planned(workspace, "50%"))
    twice = {doc_id for doc_id in TEXTS if share.of(doc_id) == 2}
    assert 0 < len(twice) < len(TEXTS)
    assert done.overlapping == {1: len(TEXTS) - len(twice), 2: len(twice)}
    numbers = {task["id"]: doc_id for doc_id, task in tasks(workspace, api).items()}
    assert {numbers[task] for task in handed_out(api, workspace, 9)} == {*TEXTS}
    assert {numbers[task] for task in handed_out(colleague, workspace, 9)} == twice


def test_overlap_that_was_changed_reaches_the_project_with_the_next_import(workspace: Workspace, api, colleague):
    assert push(workspace).overlapping == {}
    everyone = handed_out(api, workspace, 9)
    assert handed_out(colleague, workspace, 9) == []
    more = {**TEXTS, "n7": "Soldiers left Homs."}
    assert push(planned(workspace, 2), more).overlapping == {2: 7}
    assert sorted(handed_out(colleague, workspace, 6)) != []
    assert push(planned(workspace, "50%"), more).overlapping == {
        number: [*overlaps(workspace, api).values()].count(number) for number in (1, 2)
    }
    assert overlaps(workspace, api) == {doc_id: Overlap.parse("50%").of(doc_id) for doc_id in more}
    assert push(planned(workspace, 3), more).overlapping == {3: 7}
    assert push(workspace, more).overlapping == {}  # without the setting, nothing is changed
    assert {*overlaps(workspace, api).values()} == {3}
    assert push(planned(workspace, 1), more).overlapping == {1: 7}
    done = {task["id"] for task in tasks(workspace, api).values() if task["is_labeled"]}
    assert {*everyone} <= done
