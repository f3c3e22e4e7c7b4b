"""What an import once lost, or reported otherwise than it was; each test is named after the loss."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from labeling.settings import Workspace, open_workspace
from labeling.studio import server
from labeling.studio.client import Studio
from labeling.workflow import importing
from tests.test_push import TEXTS, api, push, tasks

__all__ = ["api"]
pytestmark = pytest.mark.studio


def lines(texts: dict[str, str]) -> str:
    return "".join(json.dumps({"id": key, "text": text}) + "\n" for key, text in texts.items())


def piped(workspace: Workspace, text: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """`… | labeling import -`, as a person types it."""
    program = Path(sys.executable).with_name("labeling")
    return subprocess.run(
        [program, "import", "-", *options],
        cwd=workspace.folder,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def scratch(workspace: Workspace) -> list[Path]:
    return list(workspace.state.glob("spool-*"))


@pytest.mark.parametrize("before", ["an empty project", "a project with tasks"])
def test_articles_from_a_pipe_were_lost_and_reported_as_new(workspace: Workspace, api: httpx.Client, before: str):
    if before == "a project with tasks":
        push(workspace)
    there = len(TEXTS) if before == "a project with tasks" else 0
    done = piped(workspace, lines({"piped": "Rebels left Kyiv on Monday."}), "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["created"], said["outcomes"]) == (1, {"new": 1})
    assert said["spans"]
    found = tasks(workspace, api)
    assert len(found) == there + 1
    assert found["piped"]["data"]["text"] == "Rebels left Kyiv on Monday."
    assert len(found["piped"]["predictions"]) == 1
    assert not scratch(workspace)


def test_a_file_that_changes_during_the_run_does_not_matter(workspace: Workspace, api: httpx.Client, monkeypatch):
    push(workspace, dict.fromkeys(["other"], "Police arrested nobody."))
    file = workspace.folder / "articles.jsonl"
    compare = importing.compare

    def changed(*args: object, **options: object):
        plan = compare(*args, **options)
        file.write_text(lines({"n0": "Something else altogether happened in Rome.", "n9": "And this is new."}))
        return plan

    monkeypatch.setattr(importing, "compare", changed)
    done = push(workspace, TEXTS)
    assert done.outcomes == {"new": 6}
    found = tasks(workspace, api)
    assert {key: found[key]["data"]["text"] for key in TEXTS} == TEXTS
    assert set(found) == {*TEXTS, "other"}


def test_what_was_planned_and_not_pushed_is_not_reported_as_new(workspace: Workspace, api: httpx.Client, monkeypatch):
    """Whatever becomes of an article between the comparison and the server."""
    real = importing.Intake.annotated
    monkeypatch.setattr(
        importing.Intake, "annotated", lambda *args: (doc for doc in real(*args) if doc.doc_id not in {"n1", "n2"})
    )
    done = push(workspace)
    assert done.outcomes == {"new": 4, "not confirmed": 2}
    assert done.created == 4
    assert [(p.reason, p.action, p.doc_id) for p in done.problems] == [
        ("not-confirmed", "refused", "n1"),
        ("not-confirmed", "refused", "n2"),
    ]
    assert len(tasks(workspace, api)) == 4
    monkeypatch.undo()
    assert push(workspace).outcomes == {"new": 2, "there already": 4}


def test_what_somebody_deletes_during_the_run_is_not_reported_as_new(
    workspace: Workspace, api: httpx.Client, monkeypatch
):
    finish = importing.Pusher.finish

    def deleted(pusher: importing.Pusher):
        api.delete(f"/api/tasks/{tasks(workspace, api)['n3']['id']}/").raise_for_status()
        return finish(pusher)

    monkeypatch.setattr(importing.Pusher, "finish", deleted)
    done = push(workspace)
    assert done.outcomes == {"new": 5, "not confirmed": 1}
    assert [(p.reason, p.doc_id) for p in done.problems] == [("not-confirmed", "n3")]


@pytest.mark.parametrize("what", ["an empty folder", "only a header", "nothing on standard input", "only a bad file"])
def test_nothing_read_is_not_a_success(workspace: Workspace, api: httpx.Client, what: str):
    place = workspace.folder / "inputs"
    place.mkdir()
    if what == "only a header":
        place = place / "articles.csv"
        place.write_text("id,text\n")
    elif what == "only a bad file":
        (place / "articles.docx").write_text("…")
        (place / "x.json").write_text("{")
    if what == "nothing on standard input":
        done = piped(workspace, "")
    else:
        program = Path(sys.executable).with_name("labeling")
        done = subprocess.run(
            [program, "import", place], cwd=workspace.folder, capture_output=True, text=True, check=False
        )
    assert done.returncode == 2, done.stderr
    assert "nothing was done" in done.stderr
    assert ("standard input" if what.startswith("nothing") else "inputs") in done.stderr
    assert "Traceback" not in done.stderr
    assert workspace.remembered_project() is None


@pytest.mark.parametrize("first", ["the embedded one", "by its address"])
def test_one_server_spelt_in_two_ways_got_everything_twice(
    workspace: Workspace, api: httpx.Client, monkeypatch, studio_folder: Path, first: str
):
    url = server.status(studio_folder).url
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", server.credentials(studio_folder).token.get_secret_value())
    if first == "by its address":
        workspace = open_workspace(workspace.folder, url=f"{url}/")
    assert push(workspace).outcomes == {"new": 6}
    (ledger,) = workspace.state.glob("import-*.sqlite")
    old = hashlib.sha256(url.encode()).hexdigest()[:8]
    for file in workspace.state.glob("import-*.sqlite*"):
        file.rename(file.with_name(re.sub(r"-[0-9a-f]{8}\.", f"-{old}.", file.name)))
    monkeypatch.setattr(Studio, "stored", lambda *_: pytest.fail("the ledger knows all of it"))
    for spelling in (
        url,
        url.replace("127.0.0.1", "localhost"),
        url.replace("http://127.0.0.1", "HTTP://LOCALHOST") + "/",
    ):
        again = push(open_workspace(workspace.folder, url=spelling))
        assert again.outcomes == {"there already": 6}
    assert push(open_workspace(workspace.folder)).outcomes == {"there already": 6}
    assert list(workspace.state.glob("import-*.sqlite")) == [ledger]
