"""An import loses nothing, and reports what it did: each test is a way in which it once did otherwise."""

import hashlib
import json
import random
import re
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from labeling.core.article import Article
from labeling.settings import Workspace, open_workspace
from labeling.studio import server
from labeling.studio.setup import read_credentials
from labeling.studio.tasks import to_data
from labeling.workflow.importing import command
from labeling.workflow.importing.annotate import Annotator
from labeling.workflow.importing.confirm import Confirmation
from labeling.workflow.pulling import pull
from tests.transports import Between, Send
from tests.workflow.importing.pushing import TEXTS, asking_for_no_article, newer, push, tasks

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
    return [*workspace.state.glob("spool-*"), *workspace.state.glob("tmp*")]


@pytest.mark.parametrize("before", ["an empty project", "a project with tasks"])
def test_articles_from_a_pipe_are_pushed_and_reported_as_new(workspace: Workspace, api: httpx.Client, before: str):
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
    compare = command.compare

    def changed(*args: object, **options: object):
        plan = compare(*args, **options)
        file.write_text(lines({"n0": "Something else altogether happened in Rome.", "n9": "And this is new."}))
        return plan

    monkeypatch.setattr(command, "compare", changed)
    done = push(workspace, TEXTS)
    assert done.outcomes == {"new": 6}
    found = tasks(workspace, api)
    assert {key: found[key]["data"]["text"] for key in TEXTS} == TEXTS
    assert set(found) == {*TEXTS, "other"}


def test_what_was_planned_and_not_pushed_is_not_reported_as_new(workspace: Workspace, api: httpx.Client, monkeypatch):
    """Whatever becomes of an article between the comparison and the server."""
    real = Annotator.documents
    monkeypatch.setattr(
        Annotator, "documents", lambda *args, **o: (d for d in real(*args, **o) if d.doc_id not in {"n1", "n2"})
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
    missing = Confirmation.missing

    def deleted(confirmation: Confirmation):
        api.delete(f"/api/tasks/{tasks(workspace, api)['n3']['id']}/").raise_for_status()
        return missing(confirmation)

    monkeypatch.setattr(Confirmation, "missing", deleted)
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
def test_one_server_spelt_in_two_ways_gets_everything_once(
    workspace: Workspace, api: httpx.Client, monkeypatch, studio_folder: Path, first: str
):
    url = server.status(studio_folder).url
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", read_credentials(studio_folder).token.get_secret_value())
    if first == "by its address":
        workspace = open_workspace(workspace.folder, url=f"{url}/")
    assert push(workspace).outcomes == {"new": 6}
    (ledger,) = workspace.state.glob("import-*.sqlite")
    old = hashlib.sha256(url.encode()).hexdigest()[:8]
    for file in workspace.state.glob("import-*.sqlite*"):
        file.rename(file.with_name(re.sub(r"-[0-9a-f]{8}\.", f"-{old}.", file.name)))
    for spelling in (
        url,
        url.replace("127.0.0.1", "localhost"),
        url.replace("http://127.0.0.1", "HTTP://LOCALHOST") + "/",
    ):
        again = push(open_workspace(workspace.folder, url=spelling), transport=asking_for_no_article())
        assert again.outcomes == {"there already": 6}
    again = push(open_workspace(workspace.folder), transport=asking_for_no_article())
    assert again.outcomes == {"there already": 6}
    assert list(workspace.state.glob("import-*.sqlite")) == [ledger]


def submit(api: httpx.Client, task: int) -> int:
    answer = api.post(f"/api/tasks/{task}/annotations/", json={"result": []})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def database(studio_folder: Path) -> "closing[sqlite3.Connection]":
    return closing(sqlite3.connect(f"file:{studio_folder / 'data' / 'label_studio.sqlite3'}?mode=rw", uri=True))


def take_predictions(api: httpx.Client, workspace: Workspace, *numbers: int) -> None:
    """As the server loses them: the tasks are there, and their predictions are not."""
    selected = {"selectedItems": {"all": False, "included": list(numbers)}}
    query = {"id": "delete_tasks_predictions", "project": workspace.remembered_project()}
    api.post("/api/dm/actions/", params=query, json=selected).raise_for_status()


@pytest.mark.parametrize("again", ["the same articles", "other articles"])
def test_tasks_that_lost_their_predictions_get_them_again(workspace: Workspace, api: httpx.Client, again: str):
    push(workspace)
    there = tasks(workspace, api)
    begun, free = there["n0"]["id"], there["n1"]["id"]
    take_predictions(api, workspace, begun, free)
    annotation = submit(api, begun)
    texts = TEXTS if again == "the same articles" else {"x": "Rebels left Kyiv on Monday."}
    planned = push(workspace, texts, dry_run=True)
    assert planned.repaired == 1
    assert not tasks(workspace, api)["n1"]["predictions"]
    done = push(workspace, texts)
    assert done.repaired == 1
    found = tasks(workspace, api)
    assert [p["model_version"] for p in found["n1"]["predictions"]] == [done.model_version]
    assert not found["n0"]["predictions"]
    assert [a["id"] for a in found["n0"]["annotations"]] == [annotation]
    for report in (planned, done, push(workspace, texts)):
        (problem,) = report.problems
        assert (problem.reason, problem.action, problem.doc_id) == ("no-prediction", "kept", "n0")
        assert problem.url.endswith(f"?task={begun}")


def test_task_whose_annotation_was_deleted_no_longer_counts_as_begun(workspace: Workspace, api: httpx.Client):
    old = push(workspace).model_version
    number = tasks(workspace, api)["n0"]["id"]
    annotation = submit(api, number)
    workspace = newer(workspace)
    assert push(workspace).outcomes == {"new predictions": 5, "begun, kept as it is": 1}
    assert [p["model_version"] for p in tasks(workspace, api)["n0"]["predictions"]] == [old]
    api.delete(f"/api/annotations/{annotation}/").raise_for_status()
    done = push(workspace)
    assert done.outcomes == {"there already": 5, "new predictions": 1}
    assert [p["model_version"] for p in tasks(workspace, api)["n0"]["predictions"]] == [done.model_version]


class Submitting(threading.Thread):
    """Submits annotations on tasks as fast as it can, and knows which were answered with 201."""

    def __init__(self, api: httpx.Client, numbers: list[int], seed: int, pause: float = 0.05) -> None:
        super().__init__(daemon=True)
        self.api, self.numbers, self.random, self.pause = api, numbers, random.Random(seed), pause
        self.ended, self.submitted = threading.Event(), {}

    def run(self) -> None:
        while not self.ended.wait(self.pause):
            number = self.random.choice(self.numbers)
            answer = self.api.post(f"/api/tasks/{number}/annotations/", json={"result": []})
            if answer.status_code == 201:
                self.submitted[answer.json()["id"]] = number

    def end(self) -> dict[int, int]:
        self.ended.set()
        self.join(60)
        return self.submitted


def test_replace_keeps_annotations_that_are_submitted_meanwhile(
    workspace: Workspace, api: httpx.Client, studio_folder: Path
):
    texts = {f"n{n}": f"Police arrested {n + 2} protesters in Paris on Monday." for n in range(14)}
    push(workspace, texts)
    before = {task["id"]: task for task in tasks(workspace, api).values()}
    annotators = [Submitting(api, list(before)[:8], seed, pause=1) for seed in range(3)]
    for annotator in annotators:
        annotator.start()
    changed = {key: text.replace("Paris", "Berlin") for key, text in texts.items()}
    done = push(workspace, changed, replace=True)
    submitted = {key: value for annotator in annotators for key, value in annotator.end().items()}
    assert submitted
    with database(studio_folder) as db:
        there = dict(db.execute("SELECT id, task_id FROM task_completion").fetchall())
        assert {key: there.get(key) for key in submitted} == submitted
        texts_of = {n: json.loads(data)["text"] for n, data in db.execute("SELECT id, data FROM task")}
        assert all(texts_of[number] == before[number]["data"]["text"] for number in submitted.values())
    again = push(workspace, changed, replace=True)  # takes back what was submitted after the end
    reported = {p.doc_id for p in (*done.problems, *again.problems) if p.action == "refused"}
    assert {before[number]["data"]["doc_id"] for number in submitted.values()} == reported
    found = tasks(workspace, api)  # each article once
    assert set(found) == set(texts)
    for key, task in found.items():
        kept = key in reported
        assert task["data"]["text"] == (texts[key] if kept else changed[key])
        assert bool(task["annotations"]) == kept
        assert len(task["predictions"]) == 1
    assert again.outcomes == {"there already": len(texts) - len(reported), "text differs, refused": len(reported)}


def test_duplicate_is_kept_with_what_someone_submits_meanwhile(
    workspace: Workspace, api: httpx.Client, studio_folder: Path
):
    push(workspace)
    data = tasks(workspace, api)["n2"]["data"]
    project = workspace.remembered_project()
    made = api.post(f"/api/projects/{project}/import?return_task_ids=true", json=[{"data": data}]).json()["task_ids"][0]
    annotations: list[int] = []

    def submit_before_it_moves(request: httpx.Request, send: Send) -> httpx.Response:
        if request.method == "PATCH" and request.url.path == f"/api/tasks/{made}/" and not annotations:
            annotations.append(submit(api, made))
        return send(request)

    done = push(workspace, transport=Between(submit_before_it_moves))
    assert annotations
    with database(studio_folder) as db:
        there = [row[0] for row in db.execute("SELECT id FROM task_completion WHERE task_id = ?", (made,))]
    assert set(annotations) <= set(there)
    found = tasks(workspace, api)
    assert found["n2"]["id"] == made
    assert (done.returned, [p.reason for p in done.problems]) == (1, ["begun-meanwhile"])


def versions(task: dict) -> list[str]:
    return [prediction["model_version"] for prediction in task["predictions"]]


def test_text_that_stays_gets_new_predictions_when_it_is_no_longer_begun(workspace: Workspace, api: httpx.Client):
    """Its only annotation was deleted after a new version had come; the page of whoever opened it next was empty."""
    old = push(workspace).model_version
    number = tasks(workspace, api)["n1"]["id"]
    annotation = submit(api, number)
    workspace = newer(workspace)
    changed = TEXTS | {"n1": "Police arrested nobody at all in Rome."}
    assert push(workspace, changed, replace=True).renewed == 0
    assert versions(tasks(workspace, api)["n1"]) == [old]
    api.delete(f"/api/annotations/{annotation}/").raise_for_status()
    planned = push(workspace, changed, dry_run=True)
    assert (planned.renewed, versions(tasks(workspace, api)["n1"])) == (1, [old])
    done = push(workspace, changed)
    assert (done.outcomes, done.renewed) == ({"there already": 5, "text differs, refused": 1}, 1)
    task = tasks(workspace, api)["n1"]
    assert (task["id"], task["data"]["text"], versions(task)) == (number, TEXTS["n1"], [done.model_version])
    assert {r["value"]["text"] for r in task["predictions"][0]["result"] if r["type"] == "labels"} >= {"Paris"}
    again = push(workspace, changed)
    assert (again.outcomes, again.renewed) == (done.outcomes, 0)
    assert versions(tasks(workspace, api)["n1"]) == [done.model_version]


def test_where_all_texts_stay_annotators_start_from_their_new_predictions(workspace: Workspace, api: httpx.Client):
    push(workspace)
    done = push(newer(workspace), {key: text.replace("Paris", "Rome") for key, text in TEXTS.items()})
    assert (done.outcomes, done.renewed) == ({"text differs, refused": 6}, 6)
    assert {*map(tuple, map(versions, tasks(workspace, api).values()))} == {(done.model_version,)}
    assert api.get(f"/api/projects/{workspace.remembered_project()}/").json()["model_version"] == done.model_version


def test_first_of_two_begun_texts_gets_new_predictions_when_it_is_no_longer_begun(
    workspace: Workspace, api: httpx.Client
):
    """The ledger knew only the other one, and that was as it should be."""
    push(workspace)
    project = workspace.remembered_project()
    first = tasks(workspace, api)["n1"]["id"]
    annotation = submit(api, first)
    changed = TEXTS | {"n1": "Police arrested nobody at all in Rome."}
    other = to_data(Article(doc_id="n1", text=changed["n1"]))
    made = api.post(f"/api/projects/{project}/import?return_task_ids=true", json=[{"data": other}]).json()["task_ids"]
    workspace = newer(workspace)
    push(workspace, changed)  # the other text gets its prediction
    submit(api, made[0])
    push(workspace, changed)
    api.delete(f"/api/annotations/{annotation}/").raise_for_status()
    done = push(workspace, changed)
    assert (done.outcomes, done.renewed) == ({"there already": 6}, 1)
    listed = api.get("/api/tasks/", params={"project": project, "fields": "all", "page_size": 100}).json()["tasks"]
    assert {t["id"]: versions(t) for t in listed if t["id"] in (first, made[0])} == {
        number: [done.model_version] for number in (first, made[0])
    }


def test_what_is_submitted_on_a_task_that_was_set_aside_comes_back_with_the_next_import(
    workspace: Workspace, api: httpx.Client
):
    push(workspace)
    old = tasks(workspace, api)["n1"]["id"]
    changed = TEXTS | {"n1": "Police arrested nobody at all."}
    done = push(workspace, changed, replace=True)
    assert (done.outcomes["replaced text"], done.set_aside) == (1, 1)
    aside = int(done.aside_url.split("/")[-2])
    listed = api.get("/api/tasks/", params={"project": aside, "fields": "all"}).json()["tasks"]
    assert [task["id"] for task in listed] == [old]
    assert pull(workspace).notes == ()
    annotation = submit(api, old)  # in a page that has been open since
    (note,) = pull(workspace).notes
    assert done.aside_url in note
    again = push(workspace, changed)
    found = tasks(workspace, api)
    assert [a["id"] for a in found["n1"]["annotations"]] == [annotation]
    assert found["n1"]["data"]["text"] == TEXTS["n1"]
    assert {p.reason for p in again.problems} == {"begun-meanwhile", "text-differs"}
    assert again.outcomes == {"there already": 5, "text differs, refused": 1}


def test_what_was_set_aside_comes_back_where_the_request_to_make_its_project_was_doubled(
    workspace: Workspace, api: httpx.Client
):
    push(workspace)
    old = tasks(workspace, api)["n1"]["id"]
    done = push(workspace, TEXTS | {"n1": "Police arrested nobody at all."}, replace=True)
    first = api.get(f"/api/projects/{done.aside_url.split('/')[-2]}/").json()
    second = api.post("/api/projects/", json={"title": first["title"], "label_config": first["label_config"]}).json()
    api.patch(f"/api/tasks/{old}/", params={"project": first["id"]}, json={"project": second["id"]}).raise_for_status()
    annotation = submit(api, old)
    again = push(workspace, TEXTS | {"n1": "Police arrested nobody at all."})
    assert again.returned == 1
    assert [a["id"] for a in tasks(workspace, api)["n1"]["annotations"]] == [annotation]


def test_new_predictions_never_touch_annotations(workspace: Workspace, api: httpx.Client, studio_folder: Path):
    push(workspace)
    numbers = [task["id"] for task in tasks(workspace, api).values()]
    annotators = [Submitting(api, numbers, seed, pause=0.5) for seed in range(2)]
    for annotator in annotators:
        annotator.start()
    done = push(newer(workspace))
    submitted = {key: value for annotator in annotators for key, value in annotator.end().items()}
    with database(studio_folder) as db:
        there = dict(db.execute("SELECT id, task_id FROM task_completion").fetchall())
    assert {key: there.get(key) for key in submitted} == submitted
    assert sum(done.outcomes.values()) == 6
    assert all(task["predictions"] for task in tasks(workspace, api).values())
