"""What each person has done: annotations, time, and what became of the pre-annotation's regions."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from labeling.core.overlap import Overlap
from labeling.core.times import Times
from labeling.settings import Workspace, init, open_workspace
from labeling.studio.changes import Changes, changes, regions_of
from labeling.workflow.export.commands import export_project
from labeling.workflow.pulled import Store, store_folder
from labeling.workflow.status import status
from tests.builders import Run
from tests.workflow.importing.pushing import push, tasks

URL = "http://127.0.0.1:1/projects/7/data"
STAMP = "2026-11-24T08:00:{:02}.000000Z"
ANN, BEN = "ann@example.org", "ben@example.org"


def region(name: str, start: int, end: int, *labels: str) -> dict[str, Any]:
    return {"id": name, "type": "labels", "value": {"start": start, "end": end, "labels": [*labels]}}


A, B, C = region("a", 0, 6, "ACTOR"), region("b", 7, 15, "ACTION"), region("c", 16, 22, "LOCATION")
ARROW = {"type": "relation", "from_id": "a", "to_id": "b", "labels": ["agent"]}


@pytest.mark.parametrize(
    ("predictions", "parent", "result", "expected"),
    [
        ({"1": [A, B]}, 1, [A, B, ARROW], Changes(kept=2)),
        ({"1": [A, B]}, None, [A, B], Changes(kept=2)),
        ({"1": [A, B]}, 1, [region("a", 0, 5, "ACTOR"), C], Changes(changed=1, added=1, deleted=1)),
        ({"1": [A, B]}, 1, [region("a", 0, 6, "LOCATION"), B], Changes(kept=1, changed=1)),
        ({"1": [A, B]}, 1, [], Changes(deleted=2)),
        ({"1": [A, B]}, None, [C], Changes(added=1)),  # started from nothing
        ({"1": [A], "2": [A, B, C]}, None, [A, B], Changes(kept=2, deleted=1)),
        ({"1": [A], "2": [A, B, C]}, 1, [A, B], Changes(kept=1, added=1)),
        ({}, None, [A], Changes(added=1)),
        ({"1": [A]}, 1, 5, Changes(deleted=1)),
    ],
)
def test_changes_of_a_prediction(predictions, parent, result, expected: Changes):
    known = {number: regions_of(found) for number, found in predictions.items()}
    assert changes({"result": result, "parent_prediction": parent}, known) == expected


@pytest.mark.parametrize(
    ("seconds", "median", "total", "limit"),
    [
        ([], None, 0, None),
        ([10, 9000], 4505, 9010, None),  # too few to tell
        ([60, 65, 70, 75, 80], 70, 350, 150),
        ([60, 65, 70, 75, 80, 4000], 72.5, 350, 157.5),
        ([5, 5, 5, 5, 9], 5, 29, 10),  # nobody is as regular as that
    ],
)
def test_times_leave_outliers_out_of_the_total(seconds, median, total, limit):
    assert Times.of(seconds) == Times(number=len(seconds), median=median, total=total, limit=limit)


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    """A workspace whose pulled copy has six tasks of two people; no server."""
    init(tmp_path, title="Test project")
    workspace = open_workspace(tmp_path)
    workspace.remember_project(7)
    text = "Rebels attacked Tadmor on Friday."

    def annotation(number: int, who: int, result: Any, lead_time: Any, second: int = 0, **fields: Any) -> dict:
        known = {"id": number, "completed_by": who, "result": result, "lead_time": lead_time, "was_cancelled": False}
        return known | {"updated_at": STAMP.format(second), "parent_prediction": None} | fields

    annotations: dict[int, list[dict]] = {
        1: [annotation(11, 1, [A, B], 60), annotation(12, 2, [A, C], 30, second=5)],
        2: [annotation(21, 1, [A], 65), annotation(22, 1, [], 5, second=5)],  # she submitted twice
        3: [annotation(31, 1, [A, B], 70), annotation(32, 2, [], 5, was_cancelled=True)],
        4: [annotation(41, 1, [A, B], 75)],
        5: [annotation(51, 1, [A, B], 40000)],
        6: [],
    }
    with Store.writing(store_folder(workspace, 7)) as store:
        for number, found in annotations.items():
            data = {"text": text, "doc_id": f"doc-{number}"}
            overlap = 2 if number in {1, 3, 6} else 1
            task = {"id": number, "updated_at": STAMP.format(9), "data": data, "annotations": found}
            store.put(task | {"overlap": overlap})
            if number not in {4, 6}:
                store.keep_predictions(number, {"9": regions_of([A, B])})
        draft = {"id": 1, "user": BEN, "result": [A], "lead_time": 9, "updated_at": STAMP.format(10)}
        store.keep_drafts({4: [draft]}, STAMP.format(30))
        state = store.state.model_copy(update={"complete": True, "url": URL, "users": {1: ANN, 2: BEN}})
        store.save(state.model_copy(update={"pulled_at": "2026-11-24T08:00:00+00:00"}))
    return workspace


def test_status_counts_every_annotation_skip_and_draft_by_person(place: Workspace):
    found = status(place, offline=True)
    assert found.annotators == {
        ANN: {"reviewed": 5, "reviewed-empty": 1},
        BEN: {"draft": 1, "reviewed": 1, "skipped": 1},
    }
    assert sum(found.states.values()) == 6
    assert found.overlap == {"0 of 2": 1, "1 of 2": 1, "2 of 2": 1}
    assert [problem.reason for problem in found.problems if "doc-1" in problem.doc_id] == []


def test_status_times_and_changes_of_each_person(place: Workspace):
    ann, ben = status(place, offline=True).work.values()
    assert (ann.times.number, ann.times.median, ann.times.total) == (6, 67.5, 275)
    assert [(one.url, one.seconds) for one in ann.outliers] == [(f"{URL}?task=5", 40000)]
    # the newest of each task, where the prediction is known: tasks 1, 3, 5 kept both, of task 2 nothing is left;
    assert (ann.compared, ann.regions) == (4, Changes(kept=6, added=0, deleted=0))
    assert (ben.times.number, ben.times.total) == (2, 35)
    assert (ben.compared, ben.regions) == (1, Changes(kept=1, added=1, deleted=1))


def test_status_does_not_count_as_added_what_was_labelled_from_an_empty_page(place: Workspace):
    before = status(place, offline=True).work
    with Store.writing(store_folder(place, 7)) as store:
        store.keep_predictions(4, {"9": {}, "10": {}})
    assert status(place, offline=True).work == before


def test_status_prints_tables_and_names_outliers(place: Workspace, run: Run):
    done = run("status", "--offline", cwd=place.folder)
    assert done.returncode == 0, done.stderr
    assert "0 of 2 ┃ 1 of 2 ┃ 2 of 2" in done.stdout
    assert "ann@example.org │ 68 s   │ 5 min │ 100% │" in done.stdout
    assert f"11 h 0 min  {ANN}  {URL}?task=5" in done.stderr
    said = json.loads(run("status", "--offline", "--json", cwd=place.folder).stdout)
    assert said["work"][ANN]["regions"]["kept"] == 6


def test_status_goes_by_the_overlap_of_the_settings(place: Workspace):
    studio = place.settings.studio.model_copy(update={"overlap": Overlap.parse(1)})
    settings = place.settings.model_copy(update={"studio": studio})
    found = status(place.model_copy(update={"settings": settings}), offline=True)
    assert found.overlap == {}
    assert "older-annotation" in {problem.reason for problem in found.problems if problem.doc_id == "doc-1"}


@pytest.mark.studio
def test_status_of_a_task_that_two_people_are_to_annotate(
    workspace: Workspace, api: httpx.Client, colleague: httpx.Client, tmp_path: Path
):
    studio = workspace.settings.studio.model_copy(update={"overlap": Overlap.parse(2)})
    workspace = workspace.model_copy(update={"settings": workspace.settings.model_copy(update={"studio": studio})})
    push(workspace)
    first, second, *_ = tasks(workspace, api).values()
    regions = first["predictions"][0]["result"]
    own = [item for item in regions if item["type"] == "labels"]
    number = first["id"]
    body = {"result": regions, "lead_time": 20.5, "parent_prediction": first["predictions"][0]["id"]}
    assert api.post(f"/api/tasks/{number}/annotations/", json=body).status_code == 201
    body = {"result": [own[0]], "lead_time": 9}
    assert colleague.post(f"/api/tasks/{number}/annotations/", json=body).status_code == 201
    project = workspace.remembered_project()
    body = {"result": regions, "lead_time": 3}
    assert colleague.post(f"/api/tasks/{second['id']}/drafts?project={project}", json=body).status_code == 201
    found = status(workspace)
    assert found.overlap == {"0 of 2": 5, "2 of 2": 1}
    mine, theirs = (client.get("/api/current-user/whoami").json()["email"] for client in (api, colleague))
    assert found.annotators == {mine: {"reviewed": 1}, theirs: {"reviewed": 1, "draft": 1}}
    assert found.work[mine].regions == Changes(kept=len(own))
    assert found.work[theirs].regions == Changes(kept=1, deleted=len(own) - 1)
    assert (found.work[mine].times.total, found.work[theirs].times.total) == (20.5, 9)
    assert found.problems == ()
    assert status(workspace, offline=True).work == found.work
    done = export_project(workspace, tmp_path / "out")
    used = {use: number for use, number in done.manifest["annotations"].items() if number}
    assert used == {"in": 2, "used": 1, "overlap": 1}
    assert done.problems == ()
