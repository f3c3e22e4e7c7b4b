"""Our tabs of the Data Manager, on a real Label Studio."""

from pathlib import Path

import httpx
import pytest

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc
from labeling.settings import Workspace, open_workspace
from labeling.studio.tabs import keep_tabs
from labeling.studio.tasks import to_task
from labeling.workflow.checking import check
from labeling.workflow.connecting import connect, existing_project
from labeling.workflow.importing.command import import_articles
from labeling.workflow.page import project_in_step
from tests.builders import arrow

pytestmark = pytest.mark.studio


@pytest.fixture
def imported(workspace: Workspace, tmp_path: Path) -> Workspace:
    for name, text in (("a", "Rebels attacked Tadmor on Friday."), ("b", "The army fled on Sunday.")):
        (tmp_path / f"{name}.txt").write_text(text)
    import_articles(workspace, [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")])
    return workspace


def tabs(api: httpx.Client, number: int) -> dict[str, dict]:
    return {view["data"]["title"]: view for view in api.get("/api/dm/views/", params={"project": number}).json()}


def shown(api: httpx.Client, number: int, tab: dict) -> list[str]:
    tasks = api.get("/api/tasks/", params={"project": number, "view": tab["id"]}).json()["tasks"]
    return [task["data"]["text"].split()[0] for task in tasks]


def test_import_makes_tabs_once_and_leaves_those_of_people_alone(
    imported: Workspace, api: httpx.Client, tmp_path: Path
):
    with connect(imported) as studio:
        project = existing_project(studio, imported)
        made = tabs(api, project.id)
        assert list(made) == ["To do", "Done", "To check"]
        assert sorted(shown(api, project.id, made["To do"])) == ["Rebels", "The"]
        assert shown(api, project.id, made["Done"]) == shown(api, project.id, made["To check"]) == []
        hidden = {name: tab["data"]["hiddenColumns"]["explore"] for name, tab in made.items()}
        assert [name for name in made if "tasks:annotators" in hidden[name]] == ["To do"]
        own = {"project": project.id, "data": {"title": "Done", "filters": {"conjunction": "and", "items": []}}}
        number = api.post("/api/dm/views/", json=own).json()["id"]
        renamed = {"project": project.id, "data": made["To do"]["data"] | {"title": "Mine"}}
        api.patch(f"/api/dm/views/{made['To do']['id']}/", json=renamed).raise_for_status()
        api.delete(f"/api/dm/views/{made['Done']['id']}/")
        (tmp_path / "c.txt").write_text("A third article came.")
        import_articles(imported, [str(tmp_path / "c.txt")])
        views = api.get("/api/dm/views/", params={"project": project.id}).json()
        assert sorted(view["data"]["title"] for view in views) == ["Done", "Done", "Mine", "To check"]
        assert next(view for view in views if view["id"] == number)["data"]["filters"]["items"] == []
        assert keep_tabs(studio, project).endswith(f"?tab={made['To check']['id']}")


def test_check_fills_the_tab_to_check_and_empties_it(imported: Workspace, api: httpx.Client):
    with connect(imported) as studio:
        project = existing_project(studio, imported)
        tasks = api.get("/api/tasks/", params={"project": project.id}).json()["tasks"]
        number = next(task["id"] for task in tasks if task["data"]["text"].startswith("Rebels"))
        value = {"start": 0, "end": 6, "text": "Rebels", "labels": ["WEAPON"]}
        wrong = {"id": "a", "from_name": "label", "to_name": "text", "type": "labels", "value": value}
        studio.submit(number, [wrong])
        studio.submit(number, [wrong, arrow("a", "gone")])
    found = check(imported)
    assert (found.tab_error, len(found.to_check)) == ("", 1)
    tab = tabs(api, project.id)["To check"]
    assert found.tab_url == f"{project.url}?tab={tab['id']}"
    assert shown(api, project.id, tab) == ["Rebels"]
    annotations = api.get(f"/api/tasks/{number}/annotations/").json()
    for annotation in annotations:
        api.delete(f"/api/annotations/{annotation['id']}/")
    assert check(imported).refused == ()
    assert shown(api, project.id, tabs(api, project.id)["To check"]) == []


def test_order_is_uncertain_for_new_projects_and_follows_the_setting(imported: Workspace, api: httpx.Client, tmp_path):
    def sampling() -> str:
        with connect(imported) as studio:
            return existing_project(studio, imported).sampling

    assert sampling() == "Uncertainty sampling"
    file = imported.folder / "labeling.toml"
    said = file.read_text(encoding="utf-8")
    for order, expected in (("sequential", "Sequential sampling"), ("random", "Uniform sampling")):
        file.write_text(f'{said}\n[studio]\norder = "{order}"\n', encoding="utf-8")
        import_articles(open_workspace(imported.folder), [str(tmp_path / "a.txt")])
        assert sampling() == expected
    file.write_text(said, encoding="utf-8")
    import_articles(open_workspace(imported.folder), [str(tmp_path / "a.txt")])
    assert sampling() == "Uniform sampling"


def test_uncertain_tasks_come_first(workspace: Workspace, api: httpx.Client):
    with connect(workspace) as studio:
        project, _ = project_in_step(studio, workspace)
        scores = {"sure": 0.9, "unsure": 0.1, "middling": 0.5}
        docs = [LabeledDoc.of(Article(doc_id=name, text=name), score=score) for name, score in scores.items()]
        studio.create(project, [to_task(doc, "m") for doc in docs])
        studio.prefill(project, "m")
        came = []
        for _ in scores:
            task = api.get(f"/api/projects/{project.id}/next/").json()
            came.append(task["data"]["doc_id"])
            studio.submit(task["id"], [])
    assert came == ["unsure", "middling", "sure"]
