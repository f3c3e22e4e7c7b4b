"""Imports under faults: each article is in the project once, with its predictions, and no annotation is touched.

`FAULT_SCHEDULES=200 pytest -m studio tests/test_faults.py` runs as many schedules as are wanted; a few by default.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import cache
from pathlib import Path

import httpx
import pytest
import stamina
from spacy.language import Language

from labeling.errors import LabelingError
from labeling.nlp.load import load
from labeling.settings import Workspace, init, open_workspace
from labeling.studio import server
from labeling.studio.setup import read_credentials
from labeling.workflow.importing import push
from labeling.workflow.importing.command import import_articles
from labeling.workflow.importing.report import Imported
from tests.faults import FaultProxy, People

pytestmark = pytest.mark.studio

SCHEDULES = int(os.environ.get("FAULT_SCHEDULES", "4"))


@cache
def english() -> Language:
    return load("en_core_web_sm")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No waiting between attempts, small batches, the pipeline loaded once."""
    pipeline = english()
    monkeypatch.setattr("labeling.nlp.load.load", lambda _: pipeline)
    monkeypatch.setattr(push, "BATCH", 4)
    with stamina.set_testing(True, attempts=25):
        yield


def made(folder: Path, studio: Path, url: str, monkeypatch: pytest.MonkeyPatch, number: int = 14) -> Workspace:
    init(folder, title="Under faults")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", read_credentials(studio).token.get_secret_value())
    workspace = open_workspace(folder, url=url)
    wrote(workspace, number)
    return workspace


def imported(workspace: Workspace, attempts: int = 12, **options: bool) -> int:
    """How many runs it took until an import ended well."""
    for run in range(1, attempts + 1):
        try:
            import_articles(workspace, [str(workspace.folder / "articles.jsonl")], jobs=1, **options)
        except LabelingError as error:
            assert "token" not in error.message.lower() or "refused" in error.message
        else:
            return run
    raise AssertionError("no run ended well")


def database(studio: Path) -> "closing[sqlite3.Connection]":
    return closing(sqlite3.connect(f"file:{studio / 'data' / 'label_studio.sqlite3'}?mode=rw", uri=True))


def check(studio: Path, project: int, number: int, submitted: dict[int, int]) -> None:
    """Ask the server's own database: every article once, predictions whole, annotations as they were."""
    with database(studio) as db:
        tasks = db.execute("SELECT id, data FROM task WHERE project_id = ?", (project,)).fetchall()
        counts = Counter(json.loads(data)["doc_id"] for _, data in tasks)
        assert counts == {f"n{n}": 1 for n in range(number)}
        for task, _ in tasks:
            predictions = db.execute(
                "SELECT result, model_version FROM prediction WHERE task_id = ?", (task,)
            ).fetchall()
            assert len(predictions) == 1, (task, predictions)
            regions = [r for r in json.loads(predictions[0][0]) if r["type"] == "labels"]
            assert {"Police", "arrested", "protesters"} <= {r["value"]["text"] for r in regions}
        found = dict(db.execute("SELECT task_id, id FROM task_completion WHERE project_id = ?", (project,)).fetchall())
        assert found == submitted
        (version,) = db.execute("SELECT model_version FROM project WHERE id = ?", (project,)).fetchone()
        assert version.startswith("en_core_web_sm")


class Annotator(threading.Thread):
    """Submits annotations straight to the server while an import is at work."""

    def __init__(self, studio: Path, seed: int) -> None:
        super().__init__(daemon=True)
        token = read_credentials(studio).token.get_secret_value()
        self.api = httpx.Client(
            base_url=server.status(studio).url, headers={"Authorization": f"Token {token}"}, timeout=60
        )
        self.random, self.ended, self.submitted, self.project = random.Random(seed), threading.Event(), {}, 0

    def run(self) -> None:
        with self.api:
            while not self.ended.wait(0.1):
                projects = self.api.get("/api/projects/", params={"ordering": "-id"}).json()["results"]
                self.project = self.project or max(
                    (p["id"] for p in projects if p["title"] == "Under faults"), default=0
                )
                found = self.api.get("/api/tasks/", params={"project": self.project, "include": "id", "page_size": 100})
                free = (
                    [t["id"] for t in found.json().get("tasks", []) if t["id"] not in self.submitted]
                    if found.is_success
                    else []
                )
                if free and self.project > self.known and len(self.submitted) < 4:
                    task = self.random.choice(free)
                    answer = self.api.post(f"/api/tasks/{task}/annotations/", json={"result": []})
                    if answer.status_code == 201:
                        self.submitted[task] = answer.json()["id"]

    known = 0


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_import_survives_a_schedule_of_faults(
    own_studio_folder: Path, quick, tmp_path: Path, monkeypatch, seed: int, record_property
):
    running = server.status(own_studio_folder)
    with FaultProxy(running.url, seed) as proxy:
        workspace = made(tmp_path / "w", own_studio_folder, proxy.url, monkeypatch)
        runs = imported(workspace)
        imported(workspace)  # and a second time nothing
    check(own_studio_folder, workspace.remembered_project(), 14, {})
    injected = sum(proxy.injected.values()) - proxy.injected["none"]
    record_property("faults", injected)
    sys.stderr.write(f"seed {seed}: {runs} runs, {injected} faults\n")


def test_import_survives_faults_while_annotators_submit(own_studio_folder: Path, quick, tmp_path: Path, monkeypatch):
    running = server.status(own_studio_folder)
    annotator = Annotator(own_studio_folder, 1)
    annotator.known = max(_projects(own_studio_folder), default=0)
    with FaultProxy(running.url, 99) as proxy:
        workspace = made(tmp_path / "w", own_studio_folder, proxy.url, monkeypatch, 30)
        annotator.start()
        imported(workspace)
        imported(workspace)
    annotator.ended.set()
    annotator.join(60)
    check(own_studio_folder, workspace.remembered_project(), 30, annotator.submitted)


def test_import_survives_kill_9_of_itself(own_studio_folder: Path, tmp_path: Path, monkeypatch):
    running = server.status(own_studio_folder)
    workspace = made(tmp_path / "w", own_studio_folder, running.url, monkeypatch, 400)
    program = Path(sys.executable).with_name("labeling")
    environment = {**os.environ, "LABEL_STUDIO_URL": running.url}
    for wait in (6, 9):
        process = subprocess.Popen(
            [program, "import", "articles.jsonl"], cwd=workspace.folder, env=environment, stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        time.sleep(wait)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    imported(workspace)
    check(own_studio_folder, workspace.remembered_project(), 400, {})


def test_import_survives_kill_9_of_the_server(own_studio_folder: Path, quick, tmp_path: Path, monkeypatch):
    running = server.status(own_studio_folder)
    workspace = made(tmp_path / "w", own_studio_folder, running.url, monkeypatch, 60)

    def kill() -> None:
        time.sleep(1.0)
        os.kill(running.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with suppress(LabelingError):
        import_articles(workspace, [str(workspace.folder / "articles.jsonl")], jobs=1)
    killer.join()
    again = server.start(own_studio_folder, port=running.port)
    workspace = open_workspace(workspace.folder, url=again.url)
    imported(workspace)
    check(own_studio_folder, workspace.remembered_project(), 60, {})


def wrote(workspace: Workspace, number: int, city: str = "Paris") -> None:
    rows = [{"id": f"n{n}", "text": f"Police arrested {n + 2} protesters in {city} on Monday."} for n in range(number)]
    (workspace.folder / "articles.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def newer(workspace: Workspace) -> Workspace:
    file = workspace.folder / "schemas" / "event.toml"
    file.write_text(file.read_text().replace('version = "1.2.0"', 'version = "1.3.0"'))
    return open_workspace(workspace.folder, url=workspace.settings.studio.url)


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_import_survives_a_schedule_of_people_and_faults(
    own_studio_folder: Path, quick, tmp_path: Path, monkeypatch, seed: int, record_property
):
    """Killed between a 201 and the repair, annotations deleted between imports, submits during `--replace`."""
    running, number = server.status(own_studio_folder), 6
    chance = random.Random(seed)
    token = read_credentials(own_studio_folder).token.get_secret_value()
    with People(running.url, token, seed) as people, FaultProxy(running.url, 1000 + seed) as proxy:
        workspace = made(tmp_path / "w", own_studio_folder, proxy.url, monkeypatch, number)
        proxy.dies = chance.random() < 0.7
        with suppress(LabelingError), stamina.set_testing(True, attempts=3):
            import_articles(workspace, [str(workspace.folder / "articles.jsonl")], jobs=1)
        if project := workspace.remembered_project():
            people.submit(people.tasks(project), chance.choice([0, 1, 2]))  # some on an empty page
        proxy.revive()
        imported(workspace)
        project = workspace.remembered_project()
        people.submit(people.tasks(project), chance.choice([0, 1, 2]))
        if chance.random() < 0.5:
            workspace = newer(workspace)
            imported(workspace)
            people.delete(chance.choice([0, 1]))
        wrote(workspace, number, "Berlin")
        people.begin(people.tasks(project))
        imported(workspace, replace=True)
        people.end()
        people.delete(chance.choice([0, 1, 2]))
    injected = sum(proxy.injected.values()) - proxy.injected["none"]
    record_property("faults", injected)
    workspace = open_workspace(workspace.folder, url=running.url)
    workspace.remember_project(project)
    import_articles(workspace, [str(workspace.folder / "articles.jsonl")], jobs=1)
    done = import_articles(workspace, [str(workspace.folder / "articles.jsonl")], jobs=1)
    check_people(own_studio_folder, project, number, people, done)
    sys.stderr.write(f"seed {seed}: {len(people.submitted)} annotations, {injected} faults\n")


def check_people(folder: Path, project: int, number: int, people: People, done: Imported) -> None:
    """Ask the server's own database: every article once, predictions there, every annotation on the text it was of."""
    with database(folder) as db:
        there = dict(db.execute("SELECT id, task_id FROM task_completion").fetchall())
        assert {key: there.get(key) for key in people.submitted} == people.submitted
        data = {n: json.loads(text) for n, text in db.execute("SELECT id, data FROM task")}
        assert {n: data[n]["text"] for n in people.submitted.values()} == {
            n: people.texts[n] for n in people.submitted.values()
        }
        mine = [n for (n,) in db.execute("SELECT id FROM task WHERE project_id = ?", (project,))]
        # an annotation may be there although its submit was not answered with 201
        mine_annotated = db.execute("SELECT task_id FROM task_completion WHERE project_id = ?", (project,)).fetchall()
        begun = {*people.submitted.values(), *(n for (n,) in mine_annotated)}
        counts = Counter(data[n]["doc_id"] for n in mine)
        assert set(counts) == {f"n{n}" for n in range(number)}
        for doc_id, count in counts.items():
            texts = [n for n in mine if data[n]["doc_id"] == doc_id]
            assert count == 1 or begun.issuperset(texts), (doc_id, texts)  # several only where all are begun
        assert begun <= set(mine)
        listed = {p.doc_id for p in done.problems if p.reason == "no-prediction"}
        for task in mine:
            versions = [v for (v,) in db.execute("SELECT model_version FROM prediction WHERE task_id = ?", (task,))]
            if task not in begun:
                assert versions == [done.model_version], (task, versions)
            elif not versions:
                assert data[task]["doc_id"] in listed
    known = {"there already", "begun, kept as it is", "text differs, refused"}
    assert set(done.outcomes) <= known
    assert sum(done.outcomes.values()) == done.articles == number


def test_import_survives_kill_9_between_a_201_and_the_repair(
    own_studio_folder: Path, quick, tmp_path: Path, monkeypatch
):
    running = server.status(own_studio_folder)
    with FaultProxy(running.url, 5, {"none": 1}) as proxy:
        workspace = made(tmp_path / "w", own_studio_folder, proxy.url, monkeypatch, 14)
        proxy.dies = True
        program = Path(sys.executable).with_name("labeling")
        process = subprocess.Popen(
            [program, "import", "articles.jsonl"], cwd=workspace.folder, stderr=subprocess.DEVNULL,
            env={**os.environ, "LABEL_STUDIO_URL": proxy.url}, stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        while not proxy.is_dead and process.poll() is None:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        proxy.revive()
        project = open_workspace(workspace.folder, url=proxy.url).remembered_project()
        with database(own_studio_folder) as db:
            query = "SELECT count(*) FROM prediction JOIN task ON task_id = task.id WHERE task.project_id = ?"
            assert db.execute(query, (project,)).fetchone() == (0,)
        imported(workspace)
    check(own_studio_folder, project, 14, {})
    assert not [*workspace.state.glob("spool-*"), *workspace.state.glob("tmp*")]


def _projects(folder: Path) -> list[int]:
    with database(folder) as db:
        return [row[0] for row in db.execute("SELECT id FROM project")]
