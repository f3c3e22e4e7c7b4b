"""What tests of pushing share: articles, an import of them, and what the project holds then."""

import json

import httpx

from labeling.settings import Workspace, open_workspace
from labeling.workflow.importing.command import import_articles
from labeling.workflow.importing.report import Imported
from tests.transports import Between, Send

TEXTS = {f"n{n}": f"Police arrested {n + 2} protesters in Paris on Monday." for n in range(6)}


def push(workspace: Workspace, texts: dict[str, str] = TEXTS, **options: object) -> Imported:
    """Import these articles as a file."""
    file = workspace.folder / "articles.jsonl"
    file.write_text("".join(json.dumps({"id": key, "text": text}) + "\n" for key, text in texts.items()))
    return import_articles(workspace, [str(file)], **options)


def asking_for_no_article() -> Between:
    """A transport on which a look-up of articles fails the test."""

    def forbid(request: httpx.Request, send: Send) -> httpx.Response:
        assert "data.doc_id" not in request.url.params.get("query", ""), "the ledger knows all of it"
        return send(request)

    return Between(forbid)


def tasks(workspace: Workspace, api: httpx.Client) -> dict[str, dict]:
    """The project's tasks by doc_id; fails where one is there twice."""
    project = workspace.remembered_project()
    found = api.get("/api/tasks/", params={"project": project, "fields": "all", "page_size": 100}).json()["tasks"]
    by_id = {task["data"]["doc_id"]: task for task in found}
    assert len(by_id) == len(found)
    return by_id


def newer(workspace: Workspace) -> Workspace:
    """The workspace with a newer version of its schema."""
    file = workspace.folder / "schemas" / "event.toml"
    file.write_text(file.read_text().replace('version = "1.2.0"', 'version = "1.3.0"'))
    return open_workspace(workspace.folder)


def with_studio(workspace: Workspace, **studio: object) -> Workspace:
    """The workspace with other settings under `[studio]`."""
    changed = workspace.settings.studio.model_copy(update=studio)
    return workspace.model_copy(update={"settings": workspace.settings.model_copy(update={"studio": changed})})
