"""`[studio] without_prefill` on a real server: which tasks start from an empty page, and in which order they come."""

import httpx
import pytest

from labeling.core.prefill import WithoutPrefill
from labeling.settings import Workspace
from labeling.studio.predicted import WITHOUT_PREFILL
from tests.workflow.importing.pushing import TEXTS, asking_for_no_article, newer, push, tasks, with_studio

pytestmark = pytest.mark.studio

HALF = {doc_id for doc_id in TEXTS if WithoutPrefill.parse("50%").has(doc_id)}


def planned(workspace: Workspace, share: str) -> Workspace:
    return with_studio(workspace, without_prefill=WithoutPrefill.parse(share))


def kinds(workspace: Workspace, api: httpx.Client) -> dict[str, tuple[set[str], bool]]:
    """Of each article, the versions of its predictions, and whether there is anything in them."""
    found = {}
    for doc_id, task in tasks(workspace, api).items():
        predictions = task["predictions"]
        assert len(predictions) == len({each["model_version"] for each in predictions})
        found[doc_id] = {each["model_version"] for each in predictions}, any(each["result"] for each in predictions)
    return found


def expected(version: str, empty: set[str], of: set[str] = frozenset(TEXTS)) -> dict[str, tuple[set[str], bool]]:
    return {
        doc_id: ({version} | ({WITHOUT_PREFILL} if doc_id in empty else set()), doc_id not in empty) for doc_id in of
    }


def test_share_starts_from_an_empty_page_in_the_order_of_scores_and_follows_the_setting(
    workspace: Workspace, api: httpx.Client, colleague: httpx.Client
):
    half = planned(workspace, "50%")
    done = push(half)
    assert 0 < done.without_prefill == len(HALF) < len(TEXTS)
    assert kinds(workspace, api) == expected(done.model_version, HALF)
    again = push(half, transport=asking_for_no_article())
    assert (again.present, again.repaired, again.problems, again.without_prefill) == (6, 0, (), len(HALF))

    scores = {task["id"]: task["predictions"][0]["score"] for task in tasks(workspace, api).values()}
    order, starts = [], {}
    while (answer := colleague.get(f"/api/projects/{workspace.remembered_project()}/next/")).status_code == 200:
        task = answer.json()
        order.append(scores[task["id"]])
        (prediction,) = task["predictions"]
        starts[task["data"]["doc_id"]] = prediction["result"] == []
        if len(order) < 3:
            said = {"result": [], "lead_time": 5, "parent_prediction": prediction["id"]}
            assert colleague.post(f"/api/tasks/{task['id']}/annotations/", json=said).status_code == 201
        else:
            break
    assert order == sorted(scores.values())[:3]
    assert {doc_id for doc_id, is_empty in starts.items() if is_empty} == HALF & starts.keys() != set()
    begun = {*[*starts][:2]}
    left = {*TEXTS} - begun
    as_begun = expected(done.model_version, HALF, begun)
    newest = newer(workspace)
    for share, empty, renewed in (("50%", HALF, left), ("100%", {*TEXTS}, left - HALF), ("0%", set(), left)):
        changed = push(planned(newest, share))
        assert changed.outcomes["new predictions"] == len(renewed)
        assert kinds(workspace, api) == expected(changed.model_version, empty, left) | as_begun
        assert changed.without_prefill == (len((empty & left) | (HALF & begun)) if empty else 0)


def test_all_parts_of_a_long_article_start_from_an_empty_page_or_none_does(workspace: Workspace, api: httpx.Client):
    articles = workspace.settings.articles.model_copy(update={"task_characters": 200})
    settings = workspace.settings.model_copy(update={"articles": articles})
    workspace = workspace.model_copy(update={"settings": settings})
    texts = {doc_id: f"{text}\n\n" * 12 for doc_id, text in TEXTS.items()}

    def empty() -> dict[str, set[bool]]:
        params = {"project": workspace.remembered_project(), "fields": "all", "page_size": 100}
        found: dict[str, set[bool]] = {}
        for task in api.get("/api/tasks/", params=params).json()["tasks"]:
            is_empty = not any(each["result"] for each in task["predictions"])
            found.setdefault(task["data"]["doc_id"], set()).add(is_empty)
        return found

    done = push(planned(workspace, "50%"), texts)
    assert done.sectioned.articles == len(TEXTS) < done.sectioned.tasks
    assert empty() == {doc_id: {doc_id in HALF} for doc_id in TEXTS}
    assert push(planned(workspace, "50%"), texts, transport=asking_for_no_article()).present == len(TEXTS)
    assert push(workspace, texts).outcomes["new predictions"] == len(HALF)
    assert empty() == {doc_id: {False} for doc_id in TEXTS}
