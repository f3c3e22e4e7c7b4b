"""The schema reaches the page of a project that exists, unless somebody has edited it by hand."""

import json

import pytest

from labeling.settings import open_workspace
from labeling.workflow.connecting import connect, existing_project
from labeling.workflow.importing.command import import_articles
from labeling.workflow.page import push_page
from tests.builders import Run

pytestmark = pytest.mark.studio


@pytest.fixture
def articles(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("Rebels attacked Tadmor on Friday.")
    return [str(file)]


def change_schema(workspace, old: str, new: str):
    file = workspace.folder / "schemas" / "event.toml"
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return open_workspace(workspace.folder)


def project_of(workspace):
    with connect(workspace) as studio:
        return existing_project(studio, workspace)


def edit(api, project, **fields: str):
    api.patch(f"/api/projects/{project.id}/", json=fields).raise_for_status()


def test_import_brings_the_page_up_to_date(workspace, articles):
    assert import_articles(workspace, articles).page.changes == ()
    changed = change_schema(workspace, "#1f6feb", "#1f6fec")
    planned = import_articles(changed, articles, dry_run=True).page
    assert "#1f6feb" in project_of(changed).label_config
    done = import_articles(changed, articles).page
    assert (planned.pushed, done.pushed) == (False, True)
    assert [str(change) for change in done.changes] == ["label ACTOR colour: #1f6feb → #1f6fec"]
    assert "#1f6fec" in project_of(changed).label_config
    assert import_articles(changed, articles).page.outcome == "current"


def test_page_that_somebody_edited_stays_and_gets_only_what_it_lacks(workspace, articles, api):
    import_articles(workspace, articles)
    project = project_of(workspace)
    edit(api, project, label_config=project.label_config.replace("#1f6feb", "#000000"), expert_instruction="<p>Own</p>")
    changed = change_schema(workspace, "[labels.DATE]", '[labels.WEAPON]\nhotkey = "9"\n\n[labels.DATE]')
    left = import_articles(changed, articles).page
    assert (left.outcome, left.edited) == ("edited", ("labeling config", "instructions"))
    project = project_of(changed)
    assert all(part in project.label_config for part in ("#000000", 'value="WEAPON"'))
    assert project.instructions == "<p>Own</p>"
    assert push_page(changed).is_left
    assert push_page(changed, force=True).pushed
    assert push_page(changed).outcome == "current"


def test_page_of_an_earlier_version_stays_until_it_is_forced(workspace, articles, api):
    import_articles(workspace, articles)
    project = project_of(workspace)
    head, _, tail = project.label_config.partition("<!--")
    edit(api, project, label_config=(head + tail.partition("-->")[2]).replace("#1f6feb", "#000000"))
    assert import_articles(workspace, articles).page.outcome == "unknown"
    assert "#000000" in project_of(workspace).label_config
    assert import_articles(workspace, articles, force=True).page.pushed
    assert "#1f6feb" in project_of(workspace).label_config


def test_second_workspace_knows_that_nobody_edited_the_page(workspace, articles):
    import_articles(workspace, articles)
    other = change_schema(workspace, "#1f6feb", "#1f6fec")
    for file in (other.state / "projects.json",):
        number = json.loads(file.read_text())["embedded"]
        file.unlink()
    assert push_page(open_workspace(other.folder, project=number)).outcome == "changed"


def test_schema_push_asks_and_prints_what_changes(workspace, articles, run: Run):
    import_articles(workspace, articles)
    change_schema(workspace, "Pronouns are never marked", "Pronouns are not marked")
    asked = run("schema", "push", cwd=workspace.folder)
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    assert "instructions: + • Mark nominal actors only where they take part" in asked.stdout
    planned = json.loads(run("schema", "push", "--dry-run", "--json", cwd=workspace.folder).stdout)
    assert (planned["outcome"], planned["pushed"]) == ("changed", False)
    assert run("schema", "push", "--yes", cwd=workspace.folder).returncode == 0
    assert "Nothing to change" in run("schema", "push", cwd=workspace.folder).stderr
