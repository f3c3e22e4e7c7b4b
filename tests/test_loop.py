"""The loop on the real Label Studio: what goes in comes out, and what fails says so."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import spacy
from pydantic import SecretStr
from spacy.tokens import DocBin

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.errors import AccessError, StudioError
from labeling.settings import open_workspace
from labeling.studio import server
from labeling.studio.client import Studio
from labeling.studio.config import to_xml
from labeling.studio.connection import Connection
from labeling.studio.setup import read_credentials
from labeling.studio.tasks import to_result
from labeling.workflow.connecting import connect, existing_project
from labeling.workflow.doctor import examine
from labeling.workflow.documents import read_documents
from labeling.workflow.export.commands import export_project
from labeling.workflow.importing.command import import_articles
from labeling.workflow.status import status
from tests.transports import Between, Send

pytestmark = pytest.mark.studio

TEXT = "Foreign Minister Zoë Šimić 👩‍👩‍👧 said on Friday\nthat rebels had left “Tadmor”.\n\nTalks in Doha broke down."


@pytest.fixture
def articles(tmp_path: Path) -> list[str]:
    rows = [
        {
            "id": "emoji",
            "text": TEXT,
            "title": "Rebels leave",
            "published": "2026-02-14",
            "source": "Wire",
            "beat": "war",
        },
        {"id": "two", "text": "Police arrested 40 protesters in Paris."},
        {"id": "three", "text": "Nothing happened."},
        {"id": "four", "text": "The army attacked Tadmor on Monday."},
    ]
    file = tmp_path / "articles.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return [str(file)]


@pytest.fixture
def studio(workspace) -> Iterator[Studio]:
    with connect(workspace) as connection:
        yield connection


def task_ids(api: httpx.Client, project: int) -> dict[str, int]:
    tasks = api.get("/api/tasks/", params={"project": project, "page_size": 100}).json()["tasks"]
    return {task["data"]["doc_id"]: task["id"] for task in tasks}


def gold(text: str) -> LabeledDoc:
    def span(name: str, quote: str, label: str) -> Span:
        start = text.index(quote)
        return Span(id=name, start=start, end=start + len(quote), label=label)

    spans = (
        span("a", "Zoë Šimić", "ACTOR"),
        span("said", "said", "ACTION"),
        span("d", "Friday", "DATE"),
        span("r", "rebels", "ACTOR"),
        span("left", "left", "ACTION"),
        span("l", "Tadmor", "LOCATION"),
    )
    relations = (
        Relation(head="said", tail="a", label="agent"),
        Relation(head="said", tail="d", label="time"),
        Relation(head="left", tail="r", label="agent"),
        Relation(head="left", tail="l", label="place"),
    )
    return LabeledDoc.of(Article(doc_id="emoji", text=text), spans, relations)


def test_import_twice_changes_nothing_the_second_time(workspace, studio, articles, api):
    first = import_articles(workspace, articles)
    assert (first.articles, first.created, first.present, first.problems) == (4, 4, 0, ())
    project = existing_project(studio, workspace)
    assert project.tasks == 4
    assert project.model_version == first.model_version
    again = import_articles(workspace, articles)
    assert (again.created, again.present) == (0, 4)
    assert len(task_ids(api, project.id)) == 4


def test_import_stores_the_text_and_predictions_unchanged(workspace, studio, articles, api):
    done = import_articles(workspace, articles)
    project = existing_project(studio, workspace)
    task = api.get(f"/api/tasks/{task_ids(api, project.id)['emoji']}/").json()
    assert task["data"]["text"] == TEXT
    assert task["data"]["byline"] == "Wire · 2026-02-14"
    (prediction,) = task["predictions"]
    assert prediction["model_version"] == done.model_version
    for value in (region["value"] for region in prediction["result"] if region["type"] == "labels"):
        assert TEXT[value["start"] : value["end"]] == value["text"]


def test_import_dry_run_touches_nothing(workspace, studio, articles):
    done = import_articles(workspace, articles, dry_run=True)
    assert (done.dry_run, done.articles, done.created) == (True, 4, 4)
    with pytest.raises(StudioError, match="no project yet"):
        existing_project(studio, workspace)


def test_import_refuses_another_text_under_the_same_id(workspace, articles, tmp_path):
    import_articles(workspace, articles)
    (tmp_path / "changed.jsonl").write_text('{"id": "two", "text": "Police freed them."}\n')
    done = import_articles(workspace, [str(tmp_path / "changed.jsonl")])
    assert [problem.reason for problem in done.problems] == ["text-differs"]


def test_export_is_what_was_submitted(workspace, studio, articles, api, tmp_path):
    import_articles(workspace, articles)
    project = existing_project(studio, workspace)
    ids = task_ids(api, project.id)
    labeled = gold(TEXT)
    studio.submit(ids["emoji"], to_result(labeled))
    studio.submit(ids["three"], [])
    skipped = api.get(f"/api/tasks/{ids['two']}/").json()["predictions"][0]["result"]
    assert api.post(f"/api/tasks/{ids['two']}/annotations/", json={"result": skipped, "was_cancelled": True}).is_success
    draft = {"result": skipped, "lead_time": 1}
    assert api.post(f"/api/tasks/{ids['four']}/drafts?project={project.id}", json=draft).is_success

    found = status(workspace)
    assert found.states == {"pending": 0, "draft": 1, "skipped": 1, "reviewed-empty": 1, "reviewed": 1}
    assert found.annotators == {server.EMAIL: {"reviewed": 1, "reviewed-empty": 1, "skipped": 1, "draft": 1}}

    done = export_project(workspace, tmp_path / "out")
    docs = {doc.doc_id: doc for doc in read_documents(tmp_path / "out" / "docs.jsonl")}
    assert set(docs) == {"emoji", "three"}
    assert (docs["emoji"].spans, docs["emoji"].relations) == (labeled.spans, labeled.relations)
    assert docs["emoji"].extra == {"beat": "war"}
    assert (docs["emoji"].title, docs["emoji"].published) == ("Rebels leave", "2026-02-14")
    assert done.problems == ()
    assert done.manifest["spans"]["in"] == done.manifest["spans"]["exact"] == 6
    assert done.manifest["relations"]["in"] == done.manifest["relations"]["exact"] == 4
    nlp = spacy.blank("en")
    parts = [tmp_path / "out" / f"{part}.spacy" for part in ("train", "dev", "test")]
    spacy_docs = [doc for part in parts for doc in DocBin().from_bytes(part.read_bytes()).get_docs(nlp.vocab)]
    spans = {(e.text, e.label_) for doc in spacy_docs for e in doc.ents}
    assert spans == {(labeled.slice(span), span.label) for span in labeled.spans}


def test_two_annotations_the_newest_counts_and_the_other_is_listed(workspace, studio, articles, api, tmp_path):
    import_articles(workspace, articles)
    project = existing_project(studio, workspace)
    task = task_ids(api, project.id)["emoji"]
    studio.submit(task, [])
    studio.submit(task, to_result(gold(TEXT)))
    done = export_project(workspace, tmp_path / "out")
    (doc,) = read_documents(tmp_path / "out" / "docs.jsonl")
    assert len(doc.spans) == 6
    assert [problem.reason for problem in done.problems] == ["older-annotation"]


def test_text_changed_on_the_server_is_refused_and_listed(workspace, studio, articles, api, tmp_path):
    import_articles(workspace, articles)
    project = existing_project(studio, workspace)
    task = task_ids(api, project.id)["emoji"]
    studio.submit(task, to_result(gold(TEXT)))
    data = api.get(f"/api/tasks/{task}/").json()["data"]
    api.patch(f"/api/tasks/{task}/", json={"data": data | {"text": "Something else."}})
    done = export_project(workspace, tmp_path / "out")
    assert done.manifest["documents"]["out"] == 0
    assert done.manifest["spans"] | {"in": 6, "refused": 6} == done.manifest["spans"]
    assert f"task={task}" in done.problems[0].where


def test_schema_that_no_longer_fits_is_refused_before_anything_happens(workspace, articles, api):
    import_articles(workspace, articles)
    file = workspace.folder / "schemas" / "event.toml"
    file.write_text(
        file.read_text(encoding="utf-8").replace("[labels.DATE]", "[labels.WHEN]").replace('"DATE"]', '"WHEN"]')
    )
    changed = open_workspace(workspace.folder)
    with pytest.raises(StudioError, match="label DATE is in the project, not in the schema"):
        import_articles(changed, articles)
    findings = {finding.what: finding for finding in examine(changed)}
    assert not findings["project"].ok


def test_schema_that_only_grew_is_shown_from_then_on(workspace, studio, articles, api):
    import_articles(workspace, articles)
    file = workspace.folder / "schemas" / "event.toml"
    file.write_text(file.read_text(encoding="utf-8") + '\n[labels.WEAPON]\ndescription = "With what."\n')
    import_articles(open_workspace(workspace.folder), articles)
    project = existing_project(studio, workspace)
    assert 'value="WEAPON"' in project.label_config


def test_doctor_finds_everything_well(workspace, articles):
    import_articles(workspace, articles)
    assert [finding.what for finding in examine(workspace) if not finding.ok] == []


def test_label_studio_accepts_the_config(workspace, api):
    answer = api.post("/api/projects/validate/", json={"label_config": to_xml(workspace.label_schema)})
    assert answer.is_success, answer.text


def test_project_that_is_gone_says_so(workspace, studio, articles, api):
    import_articles(workspace, articles)
    project = existing_project(studio, workspace)
    assert api.delete(f"/api/projects/{project.id}/").is_success
    with pytest.raises(StudioError, match=f"Project {project.id} is gone"):
        import_articles(workspace, articles)


@pytest.mark.parametrize("token", ["wrong0123456789abcdef", "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.x", "ünï\ncode"])
def test_wrong_token_is_refused_and_never_named(workspace, token):
    running = server.status(workspace.studio_folder)
    with pytest.raises(AccessError) as caught, Studio(Connection(running.url, SecretStr(token))) as stranger:
        stranger.user()
    assert token not in str(caught.value) + caught.value.hint
    assert "Access Token" in caught.value.hint


def test_personal_access_token_works(workspace, api):
    settings = api.get("/api/jwt/settings").json() | {"api_tokens_enabled": True}
    assert api.post("/api/jwt/settings", json=settings).is_success
    made = api.post("/api/token/")
    assert made.is_success, made.text
    running = server.status(workspace.studio_folder)
    with Studio(Connection(running.url, SecretStr(made.json()["token"]))) as studio:
        assert studio.user() == server.EMAIL


def test_what_answers_is_no_label_studio(workspace):
    running = server.status(workspace.studio_folder)
    login = read_credentials(workspace.studio_folder)
    with pytest.raises(StudioError), Studio(Connection(f"{running.url}/static", login.token)) as stranger:
        stranger.user()


def test_lost_predictions_are_sent_again(workspace, studio, articles, api):
    """Another write at the same moment makes the server lose them; here they are taken out of the request."""

    def without_predictions(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.endswith("/import"):
            bare = [{"data": task["data"]} for task in json.loads(request.content)]
            headers = {name: value for name, value in request.headers.items() if name != "content-length"}
            request = httpx.Request(
                request.method, request.url, headers=headers, json=bare, extensions=request.extensions
            )
        return send(request)

    done = import_articles(workspace, articles, transport=Between(without_predictions))
    assert done.repaired == 4
    project = existing_project(studio, workspace)
    for task in task_ids(api, project.id).values():
        assert len(api.get(f"/api/tasks/{task}/").json()["predictions"]) == 1


def test_interrupted_import_says_so_and_the_next_one_goes_on(workspace, studio, tmp_path, run):
    rows = [{"id": f"n{n}", "text": f"Police arrested {n} protesters in Paris on Monday. " * 10} for n in range(2000)]
    (workspace.folder / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    program = Path(sys.executable).with_name("labeling")
    process = subprocess.Popen(
        [program, "import", "many.jsonl"],
        cwd=workspace.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a job in the background is born deaf to Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    while not (number := workspace.remembered_project()) or studio.project(number).tasks < 100:
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    try:
        _, talk = process.communicate(timeout=25)
    except subprocess.TimeoutExpired:  # compiled code may swallow one; who sees nothing happen presses again
        process.send_signal(signal.SIGINT)
        _, talk = process.communicate(timeout=60)
    assert process.returncode == 130, talk
    assert "Interrupted" in talk
    there = studio.project(number).tasks
    assert 100 <= there < 2000
    done = run("import", "many.jsonl", "--json", "--dry-run", cwd=workspace.folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["present"] == there
    (workspace.folder / "few.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[: there + 50]))
    done = run("import", "few.jsonl", "--json", cwd=workspace.folder)
    assert json.loads(done.stdout)["created"] == 50
    assert studio.project(number).tasks == there + 50
