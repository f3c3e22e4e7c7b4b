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
from labeling.workflow import importing
from labeling.workflow.importing import import_articles
from tests.faults import FaultProxy

pytestmark = pytest.mark.studio

SCHEDULES = int(os.environ.get("FAULT_SCHEDULES", "4"))


@cache
def english() -> Language:
    return load("en_core_web_sm")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a server of our own, which a test may kill."""
    folder = tmp_path_factory.mktemp("faulty")
    server.start(folder, port=0)
    yield folder
    server.stop(folder)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No waiting between attempts, small batches, the pipeline loaded once."""
    pipeline = english()
    monkeypatch.setattr("labeling.nlp.load.load", lambda _: pipeline)
    monkeypatch.setattr(importing, "BATCH", 4)
    with stamina.set_testing(True, attempts=25):
        yield


def made(folder: Path, studio: Path, url: str, monkeypatch: pytest.MonkeyPatch, number: int = 14) -> Workspace:
    init(folder, title="Under faults")
    rows = [{"id": f"n{n}", "text": f"Police arrested {n + 2} protesters in Paris on Monday."} for n in range(number)]
    (folder / "articles.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", server.credentials(studio).token.get_secret_value())
    return open_workspace(folder, url=url)


def imported(workspace: Workspace, attempts: int = 12) -> int:
    """How many runs it took until an import ended well."""
    for run in range(1, attempts + 1):
        try:
            import_articles(workspace, [str(workspace.folder / "articles.jsonl")], jobs=1)
        except LabelingError as error:
            assert "token" not in error.message.lower() or "refused" in error.message
        else:
            return run
    raise AssertionError("no run ended well")


def database(studio: Path) -> "closing[sqlite3.Connection]":
    return closing(sqlite3.connect(f"file:{studio / 'data' / 'label_studio.sqlite3'}?mode=ro", uri=True))


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
        token = server.credentials(studio).token.get_secret_value()
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
    folder: Path, quick, tmp_path: Path, monkeypatch, seed: int, record_property
):
    running = server.status(folder)
    with FaultProxy(running.url, seed) as proxy:
        workspace = made(tmp_path / "w", folder, proxy.url, monkeypatch)
        runs = imported(workspace)
        imported(workspace)  # and a second time nothing
    check(folder, workspace.remembered_project(), 14, {})
    injected = sum(proxy.injected.values()) - proxy.injected["none"]
    record_property("faults", injected)
    sys.stderr.write(f"seed {seed}: {runs} runs, {injected} faults\n")


def test_import_survives_faults_while_annotators_submit(folder: Path, quick, tmp_path: Path, monkeypatch):
    running = server.status(folder)
    annotator = Annotator(folder, 1)
    annotator.known = max(_projects(folder), default=0)
    with FaultProxy(running.url, 99) as proxy:
        workspace = made(tmp_path / "w", folder, proxy.url, monkeypatch, 30)
        annotator.start()
        imported(workspace)
        imported(workspace)
    annotator.ended.set()
    annotator.join(60)
    check(folder, workspace.remembered_project(), 30, annotator.submitted)


def test_import_survives_kill_9_of_itself(folder: Path, tmp_path: Path, monkeypatch):
    running = server.status(folder)
    workspace = made(tmp_path / "w", folder, running.url, monkeypatch, 400)
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
    check(folder, workspace.remembered_project(), 400, {})


def test_import_survives_kill_9_of_the_server(folder: Path, quick, tmp_path: Path, monkeypatch):
    running = server.status(folder)
    workspace = made(tmp_path / "w", folder, running.url, monkeypatch, 60)

    def kill() -> None:
        time.sleep(1.0)
        os.kill(running.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with suppress(LabelingError):
        import_articles(workspace, [str(workspace.folder / "articles.jsonl")], jobs=1)
    killer.join()
    again = server.start(folder, port=running.port)
    workspace = open_workspace(workspace.folder, url=again.url)
    imported(workspace)
    check(folder, workspace.remembered_project(), 60, {})


def _projects(folder: Path) -> list[int]:
    with database(folder) as db:
        return [row[0] for row in db.execute("SELECT id FROM project")]
