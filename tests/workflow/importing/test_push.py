"""Pushing articles into a real project: each once, with the right predictions, and what is begun stays as it is."""

import json
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import httpx
import pytest

from labeling.settings import Workspace
from labeling.workflow.connecting import connect, existing_project
from labeling.workflow.importing import push as push_module
from labeling.workflow.importing.command import import_articles
from labeling.workflow.importing.ledger import Entry, Ledger
from tests.workflow.importing.pushing import TEXTS, asking_for_no_article, newer, push, tasks

pytestmark = pytest.mark.studio


HOLDER = """
import sys, time
from pathlib import Path
from labeling.locks import alone
with alone(Path(sys.argv[1]), print):
    print("held", flush=True)
    time.sleep(4)
"""


def prefill(workspace: Workspace, api: httpx.Client) -> str:
    return api.get(f"/api/projects/{workspace.remembered_project()}/").json()["model_version"]


def test_a_second_import_changes_nothing_and_asks_for_no_article(workspace: Workspace, api):
    assert push(workspace).outcomes == {"new": 6}
    before = tasks(workspace, api)
    again = push(workspace, transport=asking_for_no_article())
    assert again.outcomes == {"there already": 6}
    assert tasks(workspace, api) == before
    assert prefill(workspace, api) == again.model_version


@pytest.mark.parametrize("lost", ["the ledger", "a task", "nothing, but someone added a task", "a damaged ledger"])
def test_import_goes_by_what_the_server_holds_and_not_by_its_ledger(workspace: Workspace, api, lost: str):
    push(workspace)
    (ledger,) = workspace.state.glob("import-*.sqlite")
    if lost == "the ledger":
        ledger.unlink()
    elif lost == "a damaged ledger":
        ledger.write_bytes(b"nonsense" * 100)
        for part in workspace.state.glob("import-*.sqlite-*"):
            part.unlink()
    elif lost == "a task":
        api.delete(f"/api/tasks/{tasks(workspace, api)['n3']['id']}/")
    else:
        project = workspace.remembered_project()
        api.post(f"/api/projects/{project}/import", json=[{"text": "by hand", "doc_id": "hand"}])
    wanted = {"new": 1, "there already": 5} if lost == "a task" else {"there already": 6}
    assert push(workspace).outcomes == wanted
    assert set(TEXTS) <= set(tasks(workspace, api))


def test_what_an_import_without_ledger_did_not_ask_about_is_not_new_to_the_next(workspace: Workspace, api):
    push(workspace)
    (ledger,) = workspace.state.glob("import-*.sqlite")
    ledger.unlink()
    assert push(workspace, dict(islice(TEXTS.items(), 2))).outcomes == {"there already": 2}
    assert push(workspace).outcomes == {"there already": 6}
    assert push(workspace, transport=asking_for_no_article()).outcomes == {"there already": 6}
    project = workspace.remembered_project()
    api.post(
        f"/api/projects/{project}/import", json=[{"data": tasks(workspace, api)["n2"]["data"] | {"doc_id": "other"}}]
    )
    api.delete(f"/api/tasks/{tasks(workspace, api)['n3']['id']}/").raise_for_status()
    assert push(workspace, dict(islice(TEXTS.items(), 2))).outcomes == {"there already": 2}
    assert push(workspace).outcomes == {"new": 1, "there already": 5}


def test_a_new_version_brings_new_predictions_to_what_nobody_has_begun(workspace: Workspace, api):
    old = push(workspace).model_version
    begun, drafted, skipped = (tasks(workspace, api)[key]["id"] for key in ("n0", "n1", "n2"))
    api.post(f"/api/tasks/{begun}/annotations/", json={"result": []})
    api.post(f"/api/tasks/{drafted}/drafts", json={"result": [], "lead_time": 1}).raise_for_status()
    api.post(f"/api/tasks/{skipped}/annotations/", json={"result": [], "was_cancelled": True})
    workspace = newer(workspace)
    planned = push(workspace, dry_run=True)
    assert planned.outcomes == {"new predictions": 3, "begun, kept as it is": 3}
    assert prefill(workspace, api) == old
    done = push(workspace)
    assert done.outcomes == planned.outcomes
    versions = {key: [p["model_version"] for p in task["predictions"]] for key, task in tasks(workspace, api).items()}
    assert versions == {key: [old if key in ("n0", "n1", "n2") else done.model_version] for key in TEXTS}
    assert prefill(workspace, api) == done.model_version
    assert len(tasks(workspace, api)["n0"]["annotations"]) == 1
    assert push(workspace).outcomes == {"there already": 3, "begun, kept as it is": 3}


def test_a_changed_text_is_refused_with_the_difference_or_replaced(workspace: Workspace, api):
    push(workspace)
    begun = tasks(workspace, api)["n0"]["id"]
    api.post(f"/api/tasks/{begun}/annotations/", json={"result": []})
    changed = TEXTS | {"n0": "Police arrested nobody.", "n1": "Police arrested nobody at all."}
    refused = push(workspace, changed)
    assert refused.outcomes == {"there already": 4, "text differs, refused": 2}
    details = [problem.detail for problem in refused.problems]
    assert "-Police arrested 3 protesters in Paris on Monday. +Police arrested nobody at all." in details[1]
    assert all(problem.where for problem in refused.problems)
    replaced = push(workspace, changed, replace=True)
    assert replaced.outcomes == {"there already": 4, "replaced text": 1, "text differs, refused": 1}
    assert "begun to label" in replaced.problems[0].detail
    found = tasks(workspace, api)
    assert (found["n0"]["data"]["text"], found["n1"]["data"]["text"]) == (TEXTS["n0"], changed["n1"])
    assert len(found["n1"]["predictions"]) == 1
    assert found["n0"]["id"] == begun


def test_what_a_colleague_has_only_drafted_is_begun(workspace: Workspace, api, colleague):
    """The list of tasks shows nobody's drafts but those of the token's owner."""
    old = push(workspace).model_version
    before = tasks(workspace, api)
    project = workspace.remembered_project()
    copy = api.post(f"/api/projects/{project}/import?return_task_ids=true", json=[{"data": before["n2"]["data"]}])
    for number in (before["n0"]["id"], before["n1"]["id"], copy.json()["task_ids"][0]):
        made = colleague.post(f"/api/tasks/{number}/drafts?project={project}", json={"result": [], "lead_time": 1})
        assert made.status_code == 201, made.text
    changed = TEXTS | {"n0": "Police arrested nobody.", "n3": "Police arrested nobody at all."}
    done = push(newer(workspace), changed, replace=True)
    assert done.outcomes == {
        "begun, kept as it is": 2,  # n1, and the copy of n2
        "text differs, refused": 1,
        "replaced text": 1,
        "new predictions": 2,
    }
    assert "begun to label" in done.problems[0].detail
    after = tasks(workspace, api)
    assert {key: after[key]["id"] for key in ("n0", "n1")} == {key: before[key]["id"] for key in ("n0", "n1")}
    assert after["n2"]["id"] == copy.json()["task_ids"][0]
    assert after["n0"]["data"] == before["n0"]["data"]
    assert [p["model_version"] for p in after["n1"]["predictions"]] == [old]


def test_an_article_that_is_there_twice_loses_the_task_that_nobody_has_begun(workspace: Workspace, api):
    push(workspace)
    data = tasks(workspace, api)["n2"]["data"]
    project = workspace.remembered_project()
    made = api.post(f"/api/projects/{project}/import?return_task_ids=true", json=[{"data": data}]).json()["task_ids"][0]
    api.post(f"/api/tasks/{made}/annotations/", json={"result": []})
    assert push(workspace).removed == 1
    found = tasks(workspace, api)
    assert len(found) == 6
    assert found["n2"]["id"] == made


def test_a_second_import_at_the_same_time_waits_and_says_for_whom(workspace: Workspace, api):
    push(workspace)
    (lock,) = workspace.state.glob("import-*.lock")
    held = subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE, text=True)
    assert held.stdout.readline() == "held\n"
    said: list[str] = []
    began = time.monotonic()
    assert push(workspace, waiting=said.append).outcomes == {"there already": 6}
    assert time.monotonic() - began > 1
    assert f"process {held.pid}" in said[0]
    held.communicate()


def test_dry_run_of_a_workspace_without_project_makes_none(workspace: Workspace):
    assert push(workspace, dry_run=True).outcomes == {"new": 6}
    assert workspace.remembered_project() is None


def test_article_with_more_spans_than_the_server_can_check_is_refused_alone(workspace: Workspace, api, monkeypatch):
    monkeypatch.setattr(push_module, "MOST_PAIRS", 500)
    long = "Police arrested two protesters in Paris on Monday. " * 20
    done = push(workspace, {"long": long} | TEXTS)
    assert (done.articles, done.outcomes) == (len(TEXTS) + 1, {"new": len(TEXTS)})
    (problem,) = done.problems
    assert (problem.reason, problem.action, problem.doc_id) == ("too-many-spans", "refused", "long")
    assert "cut the article" in problem.detail
    monkeypatch.undo()
    assert push(workspace, {"long": long} | TEXTS).outcomes == {"new": 1, "there already": len(TEXTS)}


def test_import_of_the_same_article_twice_in_one_run_pushes_it_once(workspace: Workspace, api):
    file = workspace.folder / "again.jsonl"
    file.write_text(2 * (json.dumps({"id": "a", "text": "Rebels left Kyiv."}) + "\n"))
    push(workspace)
    import_articles(workspace, [str(file), str(file)])
    assert len(tasks(workspace, api)) == 7
    with connect(workspace) as studio:
        assert existing_project(studio, workspace).tasks == 7


def test_ledger_remembers_and_forgets(tmp_path: Path):
    with Ledger(tmp_path / "a" / "l.sqlite") as ledger:
        assert ledger.size() is None
        ledger.doubt(["a", "b", "c"])
        ledger.keep([("a", Entry(task_ids=(1,), digest="x", version="v"))])
        ledger.forget(["b"])
        ledger.see((1, "1 now"))
    with Ledger(tmp_path / "a" / "l.sqlite") as ledger:
        assert ledger.entries(["a", "b"]) == {"a": Entry(task_ids=(1,), digest="x", version="v")}
        assert ledger.doubted() == ["c"]
        assert ledger.size() == (1, "1 now")
        ledger.see(None)
        assert ledger.size() is None


@pytest.mark.parametrize("digest", ["", "another"])
def test_a_task_of_somebody_else_with_the_same_id_stays_and_ours_too(workspace: Workspace, api, digest: str):
    push(workspace)
    project = workspace.remembered_project()
    data = {"text": "by hand", "doc_id": "n2"} | ({"digest": digest} if digest else {})
    api.post(f"/api/projects/{project}/import", json=[data])
    (file,) = workspace.state.glob("import-*.sqlite")
    with Ledger(file) as ledger:
        ledger.doubt(["n2"])
    done = push(workspace)
    assert done.removed == 0
    found = api.get("/api/tasks/", params={"project": project, "fields": "all", "page_size": 100}).json()["tasks"]
    assert sorted(task["data"]["text"] for task in found) == sorted([*TEXTS.values(), "by hand"])


@pytest.mark.parametrize("largest_file", [0, 40_000])
def test_disk_that_is_full_doubles_nothing(workspace: Workspace, api, run, largest_file: int):
    texts = {f"long-name-of-an-article-{n}": f"Police arrested {n + 2} protesters in Paris." for n in range(600)}
    push(workspace, dict(islice(texts.items(), 3)))
    file = workspace.folder / "articles.jsonl"
    file.write_text("".join(json.dumps({"id": key, "text": text}) + "\n" for key, text in texts.items()))
    full = run("import", "articles.jsonl", cwd=workspace.folder, largest_file=largest_file)
    assert full.returncode == 2, full.stderr
    assert "free space" in full.stderr
    assert "Traceback" not in full.stderr
    assert push(workspace, texts).articles == 600
    project = workspace.remembered_project()
    stored = api.get("/api/tasks/", params={"project": project, "fields": "all", "page_size": 1000}).json()["tasks"]
    assert sorted(task["data"]["doc_id"] for task in stored) == sorted(texts)
    assert {len(task["predictions"]) for task in stored} == {1}
