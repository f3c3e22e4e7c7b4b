"""New predictions for a whole project: tasks are asked for by their numbers, and never take another's predictions."""

import json
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

from labeling.settings import Workspace
from labeling.studio.server import FLAGS
from labeling.workflow.importing import project_state
from labeling.workflow.importing import push as push_module
from tests.transports import Between, Send
from tests.workflow.importing.pushing import TEXTS, asking_for_no_article, newer, push, tasks
from tests.workflow.importing.test_sections import LONG, PARTS, parts_of, with_limits

MANY = {f"m{n}": f"Police arrested {n + 2} protesters in Paris on Monday." for n in range(24)}


def fits(task: dict[str, Any], text: str) -> bool:
    """Whether a task has this text, and predictions of it."""
    values = [each["value"] for each in task["predictions"][0]["result"] if each["type"] == "labels"]
    is_of_it = all(text[value["start"] : value["end"]] == value["text"] for value in values)
    return task["data"]["text"] == text and bool(values) and is_of_it


@pytest.mark.studio
def test_no_article_is_looked_up_among_all_tasks_and_requests_grow_with_batches(
    workspace: Workspace, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
):
    push(workspace, MANY)
    monkeypatch.setattr(push_module, "BATCH", 4)  # articles
    asked = Counter[str]()

    def count(request: httpx.Request, send: Send) -> httpx.Response:
        asked[f"{request.method} {request.url.path}"] += 1
        query = request.url.params.get("query", "")
        assert "data.doc_id" not in query
        found = send(request)
        if "tasks:id" in query and "in_list" in query:
            found.read()
            asked["tasks listed"] += len(json.loads(found.content)["tasks"])
        return found

    done = push(newer(workspace), MANY, transport=Between(count))
    assert done.outcomes == {"new predictions": len(MANY)}
    assert asked["tasks listed"] == 4 * len(MANY)
    project = workspace.remembered_project()
    assert asked[f"POST /api/projects/{project}/import/predictions"] == len(MANY) / 4
    found = tasks(workspace, api)
    assert all([p["model_version"] for p in found[key]["predictions"]] == [done.model_version] for key in MANY)
    assert all(fits(found[key], text) for key, text in MANY.items())


@pytest.mark.studio
def test_all_parts_of_an_article_are_asked_for_by_their_numbers(workspace: Workspace, api: httpx.Client):
    divided = with_limits(workspace, len(LONG) // PARTS + 80)
    texts = TEXTS | {"long": LONG}
    push(divided, texts)
    done = push(newer(divided), texts, transport=asking_for_no_article())
    assert done.outcomes == {"new predictions": len(texts)}
    versions = [each["model_version"] for part in parts_of(divided, api) for each in part["predictions"]]
    assert versions == [done.model_version] * PARTS


@pytest.mark.studio
@pytest.mark.parametrize("change", ["the texts of two tasks were exchanged", "a task has another id", "a copy came"])
def test_what_is_not_in_the_remembered_task_is_looked_up(workspace: Workspace, api: httpx.Client, change: str):
    push(workspace)
    found = tasks(workspace, api)
    one, other = found["n0"], found["n1"]
    if change == "a copy came":  # and the newest task went, so that there are as many
        project = workspace.remembered_project()
        api.post(f"/api/projects/{project}/import", json=[{"data": one["data"]}]).raise_for_status()
        api.delete(f"/api/tasks/{found['n5']['id']}/").raise_for_status()
    elif change == "a task has another id":
        api.patch(f"/api/tasks/{one['id']}/", json={"data": one["data"] | {"doc_id": "else"}}).raise_for_status()
    else:
        api.patch(f"/api/tasks/{one['id']}/", json={"data": other["data"]}).raise_for_status()
        api.patch(f"/api/tasks/{other['id']}/", json={"data": one["data"]}).raise_for_status()
    done = push(newer(workspace))
    new = {"the texts of two tasks were exchanged": 0}.get(change, 1)
    assert done.outcomes == {"new predictions": len(TEXTS) - new} | ({"new": new} if new else {})
    for key, task in tasks(workspace, api).items():
        if key in TEXTS:
            assert [each["model_version"] for each in task["predictions"]] == [done.model_version]
            assert fits(task, TEXTS[key])


@pytest.mark.studio
def test_articles_that_a_count_leaves_in_doubt_are_found_by_one_list(
    workspace: Workspace, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
):
    push(workspace, {"first": "Police arrested nobody."})
    monkeypatch.setattr(project_state, "LOOKED_UP", 0)
    project, sent = workspace.remembered_project(), []

    def beside(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.endswith("/import") and not sent:
            sent.append(1)
            api.post(f"/api/projects/{project}/import", json=[{"text": "by hand"}]).raise_for_status()
        return asking_for_no_article().does(request, send)

    assert push(workspace, transport=Between(beside)).outcomes == {"new": len(TEXTS)}
    assert sent


def test_label_studio_knows_the_flags_that_the_embedded_server_sets():
    pytest.importorskip("label_studio")
    package = Path(find_spec("label_studio").origin).parent
    assert all(flag in (package / "data_import" / "api.py").read_text() for flag in FLAGS)
