"""`labeling adjudicate` on a real server: conflicts become tasks, answers decisions, and nothing is lost on the way."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from labeling.core.adjudication import Counts
from labeling.errors import StudioError
from labeling.settings import Workspace
from labeling.workflow.adjudicating.command import adjudicate
from labeling.workflow.adjudicating.decisions import decisions_file, read_decisions
from labeling.workflow.adjudicating.report import Adjudication, Conflicts
from tests.transports import Between, Send
from tests.workflow.importing.pushing import push
from tests.workflow.importing.pushing import tasks as imported
from tests.workflow.several import ANN, BEN, OTHER, TEXT, region, task, write

pytestmark = pytest.mark.studio

POLICE = [region("Police", "ACTOR", OTHER)]


class Bench:
    """A workspace with an export of two people's work, and its adjudication project."""

    def __init__(self, workspace: Workspace, api: httpx.Client, folder: Path) -> None:
        self.workspace, self.api, self.folder = workspace, api, folder
        self.work = [task(1, TEXT, ann=ANN[:3], ben=BEN), task(2, OTHER, ann=POLICE, ben=[])]

    def run(self, **options: Any) -> Adjudication:
        file = write(self.folder, "all.json", *self.work)
        known = {"schema": self.workspace.label_schema, "audit": 0.0}
        return adjudicate(self.workspace, [file], **(known | options))

    def tasks(self, found: Adjudication) -> dict[str, dict[str, Any]]:
        """The tasks of the project by their texts' ids."""
        self.project = int(found.project_url.split("/")[-2])
        params = {"project": self.project, "fields": "all", "page_size": 100}
        listed = self.api.get("/api/tasks/", params=params).json()["tasks"]
        tasks = {each["data"]["conflict"]["doc_id"]: each for each in listed}
        assert len(tasks) == len(listed)
        self.agreed = {each["id"]: each["predictions"][0]["result"] for each in listed}
        return tasks

    def answer(self, number: int, *choices: str, by: httpx.Client | None = None, reason: str = "slip") -> int:
        """Submit a task as the page does: what is agreed, and the choices."""
        result = self.agreed[number] + [
            {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": [*said]}}
            for name, said in (("decision", choices), ("reason", [reason]))
            if said
        ]
        done = (by or self.api).post(f"/api/tasks/{number}/annotations/", json={"result": result, "lead_time": 5})
        assert done.status_code == 201, done.text
        return int(done.json()["id"])


@pytest.fixture
def bench(workspace: Workspace, api: httpx.Client, tmp_path: Path) -> Bench:
    return Bench(workspace, api, tmp_path)


def test_conflicts_are_asked_once_answers_are_stored_and_the_rest_stays_open(bench: Bench):
    first = bench.run()
    assert first.tasks.model_dump() == {"added": 2, "removed": 0, "waiting": 2, "answered": 0, "others": 0}
    again = bench.run()
    assert again.project_url == first.project_url and (again.tasks.added, again.tasks.waiting) == (0, 2)
    there = bench.tasks(first)
    assert all(each["total_predictions"] == 1 for each in there.values())
    bench.answer(there["d2"]["id"], "1")
    assert not decisions_file(bench.workspace).exists()
    done = bench.run()
    assert (done.new, done.tasks.added, done.tasks.removed, done.tasks.waiting, done.tasks.answered) == (1, 0, 0, 1, 1)
    assert done.span_conflicts == Conflicts(open=1, decided=1) and done.reasons == {"slip": 1}
    (decision,) = read_decisions(bench.workspace)
    assert decision.by == "labeling@example.org" and decision.url.endswith(f"?task={there['d2']['id']}")
    assert bench.run().new == 0


def test_tasks_follow_their_conflicts_and_answered_ones_stay(bench: Bench):
    there = bench.tasks(bench.run())
    bench.answer(there["d2"]["id"], "neither")
    bench.work[0]["annotations"][1]["result"] = ANN[:3]  # Ben came round
    bench.work[1]["annotations"].append(bench.work[1]["annotations"][0] | {"id": 77, "completed_by": {"email": "dan"}})
    found = bench.run()
    assert (found.tasks.removed, found.tasks.waiting, found.tasks.answered) == (1, 0, 1)
    assert found.spans == Counts(into=4, agreed=3, dropped=1) and found.problems == ()
    del bench.work[1]  # a run over other texts leaves tasks alone
    bench.work.append(task(3, "Nobody left Homs.", ann=[region("Homs", "LOCATION", "Nobody left Homs.")], ben=[]))
    assert bench.run().tasks.added == 1
    bench.work[1] = task(4, OTHER, ann=[], ben=[])
    found = bench.run()
    assert (found.tasks.waiting, found.tasks.others, found.unread) == (1, 1, 0)


def test_contradictory_answers_are_told_with_their_link_and_stay_open(bench: Bench, colleague: httpx.Client):
    there = bench.tasks(bench.run())
    empty, twice = there["d1"]["id"], there["d2"]["id"]
    bench.answer(empty)
    bench.answer(twice, "1")
    assert bench.run().new == 1
    second = bench.answer(twice, "neither", by=colleague)  # the conflict is open again
    found = bench.run()
    assert sorted(each.url.rpartition("=")[2] for each in found.problems) == sorted([str(empty), str(twice)])
    assert {each.action for each in found.problems} == {"refused"}
    assert (found.span_conflicts.open, found.span_conflicts.decided, found.tasks.added) == (2, 0, 0)
    assert bench.run().new == 0
    assert bench.api.delete(f"/api/annotations/{second}/").status_code == 204
    found = bench.run()
    assert (found.new, found.span_conflicts) == (1, Conflicts(open=1, decided=1))


def test_deleted_project_leaves_the_decisions_and_what_is_open_comes_into_a_new_one(bench: Bench):
    first = bench.run()
    bench.answer(bench.tasks(first)["d2"]["id"], "1")
    bench.run()
    assert bench.api.delete(f"/api/projects/{bench.project}/").status_code == 204
    found = bench.run()
    assert found.project_url != first.project_url and "is gone" in found.notes[0]
    assert (found.span_conflicts, found.tasks.added, found.tasks.waiting) == (Conflicts(open=1, decided=1), 1, 1)
    assert bench.run().notes == ()


def test_edited_page_is_brought_back_and_an_edited_task_is_not_used(bench: Bench):
    first = bench.run()
    there = bench.tasks(first)
    url = f"/api/projects/{bench.project}/"
    config = bench.api.get(url).json()["label_config"]
    bench.api.patch(url, json={"label_config": config.replace('value="slip"', 'value="lapse"')}).raise_for_status()
    for name in ("d1", "d2"):
        data = there[name]["data"]
        data["conflict"]["digest"] = "0" * 8
        bench.api.patch(f"/api/tasks/{there[name]['id']}/", json={"data": data}).raise_for_status()
    bench.answer(there["d2"]["id"], "1")
    found = bench.run()
    assert "by hand" in found.notes[0]
    assert bench.api.get(url).json()["label_config"] == config
    assert [each.url.rpartition("=")[2] for each in found.problems] == [str(there["d2"]["id"])]
    assert (found.new, found.tasks.added, found.tasks.removed, found.tasks.waiting) == (0, 2, 1, 2)


def test_after_a_lost_request_the_same_command_goes_on(bench: Bench):
    lost = []

    def lose(request: httpx.Request, send: Send) -> httpx.Response:
        """Everything that changes something is done, and its answer is lost."""
        answer = send(request)
        if request.method != "GET" and len(lost) < 3 and "token" not in request.url.path:
            lost.append(request.url.path)
            answer.read()
            raise httpx.ReadError("lost", request=request)
        return answer

    found = bench.run(transport=Between(lose))
    assert len(lost) == 3 and (found.tasks.added, found.tasks.waiting) == (2, 2)
    assert len(bench.tasks(found)) == 2
    named = bench.api.get("/api/projects/", params={"title": "Test project: adjudication", "page_size": 100}).json()
    mark = bench.api.get(f"/api/projects/{bench.project}/").json()["description"]
    assert [each["id"] for each in named["results"] if each["description"] == mark] == [bench.project]

    def refuse(request: httpx.Request, send: Send) -> httpx.Response:
        return httpx.Response(400, json={"detail": "no"}) if "import" in request.url.path else send(request)

    bench.answer(bench.tasks(found)["d2"]["id"], "1")
    bench.work.append(task(3, "Nobody left Homs.", ann=[region("Homs", "LOCATION", "Nobody left Homs.")], ben=[]))
    with pytest.raises(StudioError):
        bench.run(transport=Between(refuse))
    assert len(read_decisions(bench.workspace)) == 1  # stored before anything was pushed
    assert bench.run().tasks.added == 1


def test_the_project_of_a_workspace_is_pulled_and_audited(workspace: Workspace, api, colleague):
    push(workspace, {"n1": "Rebels attacked the village of Tadmor."})
    number = imported(workspace, api)["n1"]["id"]
    for client, some in ((api, ANN[:3]), (colleague, BEN)):
        url = f"/api/tasks/{number}/annotations/"
        assert client.post(url, json={"result": some, "lead_time": 5}).status_code == 201
    found = adjudicate(workspace, schema=workspace.label_schema, audit=1.0)
    assert (found.texts, found.tasks.added, found.audit.open) == (1, 3, 2)
    assert any(name.startswith("colleague-") for name in found.annotators)
