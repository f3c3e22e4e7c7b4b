"""Where an import brings many articles and its ledger is not to be believed, it lists the project instead."""

from typing import Any

import httpx
import pytest

from labeling.settings import Workspace
from labeling.studio import client
from labeling.studio.client import Stored
from labeling.workflow.connecting import connect, existing_project
from labeling.workflow.importing import project_state
from tests.workflow.importing.pushing import TEXTS, asking_for_no_article, newer, push
from tests.workflow.importing.test_sections import LONG, PARTS, parts_of, with_limits

pytestmark = pytest.mark.studio


def known(stored: Stored) -> dict[str, Any]:
    """What it says, without texts."""
    said = stored.model_dump(exclude={"data"})
    said["twins"] = [known(twin) for twin in stored.twins]
    said["sections"] = {number: known(section) for number, section in stored.sections.items()}
    return said


def test_the_list_of_all_articles_says_what_look_ups_say(
    workspace: Workspace, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
):
    divided = with_limits(workspace, len(LONG) // PARTS + 80)
    texts = {**TEXTS, "whole": LONG, "torn": LONG.replace("Paris", "Rome")}
    push(divided, texts)
    project = f"/api/projects/{workspace.remembered_project()}/import?return_task_ids=true"
    first = {key: parts_of(divided, api, key) for key in texts}
    by_hand = [{"text": "one"}, {"text": "two"}, {"text": "three", "doc_id": 7}]
    twins = [{"data": first[key][0]["data"]} for key in ("n1", "n2")]
    made = api.post(project, json=[*({"data": data} for data in by_hand), *twins]).json()["task_ids"]
    for task in (first["n3"][0]["id"], made[-1], first["whole"][2]["id"]):
        api.post(f"/api/tasks/{task}/annotations/", json={"result": []}).raise_for_status()
    api.delete(f"/api/predictions/{first['n4'][0]['predictions'][0]['id']}/").raise_for_status()
    api.delete(f"/api/tasks/{first['torn'][1]['id']}/").raise_for_status()
    monkeypatch.setattr(client, "PAGE", 4)  # tasks
    with connect(divided) as studio:
        place = existing_project(studio, divided)
        listed = dict(studio.articles(place))
        found = studio.stored(place, list(texts))
    assert {doc_id: known(stored) for doc_id, stored in listed.items()} == {
        doc_id: known(stored) for doc_id, stored in found.items()
    }
    assert [len(found[key].twins) for key in ("n1", "n2", "n3")] == [1, 1, 0]
    assert found["torn"].missing == [2]


@pytest.fixture
def listing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No article is looked up before the project is listed."""
    monkeypatch.setattr(project_state, "LOOKED_UP", 0)


@pytest.mark.usefixtures("listing")
def test_many_articles_are_compared_with_one_list_of_the_project(workspace: Workspace, api: httpx.Client):
    push(workspace)
    (ledger,) = workspace.state.glob("import-*.sqlite")
    ledger.unlink()
    for _ in range(2):  # by the list, then by the ledger that it has left
        assert push(workspace, transport=asking_for_no_article()).outcomes == {"there already": 6}
    api.delete(f"/api/tasks/{parts_of(workspace, api, 'n3')[0]['id']}/").raise_for_status()
    assert push(workspace).outcomes == {"new": 1, "there already": 5}


@pytest.mark.usefixtures("listing")
def test_what_the_list_does_not_settle_is_looked_up(workspace: Workspace, api: httpx.Client):
    push(workspace)
    api.post(f"/api/tasks/{parts_of(workspace, api, 'n0')[0]['id']}/annotations/", json={"result": []})
    (ledger,) = workspace.state.glob("import-*.sqlite")
    ledger.unlink()
    changed = TEXTS | {"n1": "Police arrested nobody at all in Rome."}
    done = push(newer(workspace), changed)
    assert done.outcomes == {"begun, kept as it is": 1, "text differs, refused": 1, "new predictions": 4}
