"""Pulls from a server that is killed: after the next plain pull the store is what the server's own database holds.

`PULL_SCHEDULES=100 pytest -m studio tests/test_faults_pull.py` runs as many schedules as are wanted; a few by default.
"""

import json
import os
import random
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from labeling.errors import LabelingError
from labeling.settings import Workspace, init, open_workspace
from labeling.studio import listing, server
from labeling.studio.setup import read_credentials
from labeling.workflow import pulling
from labeling.workflow.connecting import connect
from labeling.workflow.page import project_in_step
from labeling.workflow.pulled import Store, store_folder
from labeling.workflow.pulling import pull

pytestmark = pytest.mark.studio

SCHEDULES = int(os.environ.get("PULL_SCHEDULES", "2"))
TASKS, ANNOTATORS, KILLS = 30, 6, 2

Kept = dict[int, dict[int, Any]]


@pytest.fixture
def workspace(own_studio_folder: Path, tmp_path: Path) -> Workspace:
    """A workspace with a project of its own on that server."""
    init(tmp_path / "w", title="Pulled under faults")
    (tmp_path / "w" / ".labeling").mkdir()
    (tmp_path / "w" / ".labeling" / "studio").symlink_to(own_studio_folder)
    return open_workspace(tmp_path / "w")


def client(folder: Path) -> httpx.Client:
    running = server.status(folder) or server.start(folder, port=0)
    headers = {"Authorization": f"Token {read_credentials(folder).token.get_secret_value()}"}
    return httpx.Client(base_url=running.url, headers=headers, timeout=60)


def filled(workspace: Workspace, number: int) -> int:
    """The project with so many tasks, a third of them submitted and some skipped."""
    with connect(workspace) as studio:
        project = project_in_step(studio, workspace)[0].id
    rows = [
        {
            "data": {"doc_id": f"d{n}", "text": f"Police arrested {n} protesters in Paris."},
            "annotations": [{"result": [region(n)], "was_cancelled": n % 6 == 0}] * (n % 3 == 0),
        }
        for n in range(number)
    ]
    with client(workspace.studio_folder) as api:
        assert api.post(f"/api/projects/{project}/import", json=rows).status_code == 201
    return project


def region(end: int) -> dict[str, Any]:
    value = {"start": 0, "end": 1 + end % 20, "labels": ["ACTOR"]}
    return {"id": "r", "from_name": "span", "to_name": "text", "type": "labels", "value": value}


def held(folder: Path, project: int) -> Kept:
    """What the server's own database holds: task → annotation → what was annotated."""
    database = folder / "data" / "label_studio.sqlite3"
    with closing(sqlite3.connect(f"file:{database}?mode=rw", uri=True, timeout=60)) as db:
        found: Kept = {row[0]: {} for row in db.execute("SELECT id FROM task WHERE project_id = ?", (project,))}
        query = "SELECT task_id, id, result, was_cancelled, ground_truth FROM task_completion WHERE project_id = ?"
        for task, number, result, skipped, truth in db.execute(query, (project,)):
            found[task][number] = (json.loads(result), bool(skipped), bool(truth))
    return found


def kept(workspace: Workspace, project: int) -> Kept:
    with Store(store_folder(workspace, project)) as store:
        return {
            number: {a["id"]: (a["result"], a["was_cancelled"], a["ground_truth"]) for a in task["annotations"]}
            for number in store.ids
            if (task := store.task(number))
        }


class Annotator(threading.Thread):
    """Somebody who submits, skips, edits and deletes as fast as the server answers, whether it lives or not."""

    def __init__(self, folder: Path, project: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.random, self.ended, self.done = random.Random(seed), threading.Event(), Counter[str]()
        self.api, self.project, self.mine = client(folder), project, list[int]()
        found = self.api.get("/api/tasks/", params={"project": project, "include": "id", "page_size": 1000}).json()
        self.tasks = [task["id"] for task in found["tasks"]]

    def run(self) -> None:
        with closing(self.api):
            while not self.ended.is_set():
                try:
                    self.step()
                except (httpx.TransportError, ValueError):  # it is dead, or died over this answer
                    self.done["cut off"] += 1
                    time.sleep(0.1)

    def step(self) -> None:
        what = self.random.choice(("submit", "submit", "skip", "skip", "skip", "edit", "truth", "delete"))
        number = self.random.randrange(1000)
        if what in ("submit", "skip") or not self.mine:
            body = {"result": [region(number)], "was_cancelled": what == "skip"}
            answer = self.api.post(f"/api/tasks/{self.random.choice(self.tasks)}/annotations/", json=body)
            if answer.status_code == 201:
                self.mine.append(answer.json()["id"])
        elif what == "delete":
            answer = self.api.delete(f"/api/annotations/{self.mine.pop(self.random.randrange(len(self.mine)))}/")
        else:
            change = {"result": [region(number)]} if what == "edit" else {"ground_truth": True}
            answer = self.api.patch(f"/api/annotations/{self.random.choice(self.mine)}/", json=change)
        self.done[what if answer.is_success else str(answer.status_code)] += 1


# When the server is killed: at once; behind one of its transactions; behind one that wrote or deleted an annotation,
# of whose numbers and whose task's time it has told nobody yet, since those are transactions of their own.
CHANGED = "SELECT count(*), max(id), max(updated_at) FROM task_completion"
WATCHED = ("", "PRAGMA data_version", CHANGED)


def kill(folder: Path, watched: str) -> int:
    """The port of the server, which is dead now, killed as soon as another answer comes to the question."""
    running = server.status(folder)
    assert running is not None
    if watched:
        database = folder / "data" / "label_studio.sqlite3"
        with closing(sqlite3.connect(f"file:{database}?mode=rw", uri=True, timeout=60)) as db:
            before, ends = db.execute(watched).fetchone(), time.monotonic() + 5
            while db.execute(watched).fetchone() == before and time.monotonic() < ends:
                pass
    os.killpg(running.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(running.pid)], timeout=10)
    return running.port


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_plain_pull_misses_nothing_when_the_server_is_killed(
    own_studio_folder: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, seed: int, record_property: Any
) -> None:
    """Killed at random places of pulls, while annotators are at work: between pages, and in the middle of a submit."""
    for name, size in {"FIRST_PAGE": 4, "LARGEST_PAGE": 8, "SAMPLE": 4}.items():
        monkeypatch.setattr(listing, name, size)
    chance, project = random.Random(seed), filled(workspace, TASKS)
    annotators = [Annotator(own_studio_folder, project, 100 * seed + n) for n in range(ANNOTATORS)]
    if chance.random() < 0.85:
        pull(workspace)  # else the first pull is one of those that are cut off
    for annotator in annotators:
        annotator.start()
    pulls = Counter[str]()
    for _ in range(KILLS):
        ports: list[int] = []
        watched = chance.choice(WATCHED)

        def killing(ports: list[int] = ports, watched: str = watched) -> None:
            ports.append(kill(own_studio_folder, watched))

        killer = threading.Timer(chance.uniform(0.2, 3), killing)
        killer.start()
        while killer.is_alive():
            with suppress(LabelingError):
                pull(workspace, attempts=1)
                pulls["whole"] += 1
            pulls["begun"] += 1
        assert server.start(own_studio_folder, port=ports[0]).port == ports[0]
    for annotator in annotators:
        annotator.ended.set()
    for annotator in annotators:
        annotator.join(60)
    pull(workspace)
    ours, theirs = kept(workspace, project), held(own_studio_folder, project)
    missed = {task: (ours.get(task), theirs.get(task)) for task in ours | theirs if ours.get(task) != theirs.get(task)}
    done = sum((annotator.done for annotator in annotators), Counter[str]())
    sys.stderr.write(f"seed {seed}: {dict(done)}, pulls {dict(pulls)}, missed {missed}\n")
    record_property("faults", KILLS)
    assert missed == {}
    assert not pull(workspace, full=True).differing


@pytest.mark.parametrize("what", ["skip", "deleted skip", "submit", "edit"])
def test_plain_pull_finds_what_the_server_was_killed_over(
    own_studio_folder: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The annotation is in its database; that the task changed is not, neither its time nor its numbers."""
    project = filled(workspace, 12)
    with client(own_studio_folder) as api:
        found = api.get("/api/tasks/", params={"project": project, "fields": "all", "page_size": 100}).json()["tasks"]
        skips = {t["id"]: t["annotations"][0]["id"] for t in found if t["annotations"] and t["cancelled_annotations"]}
        fresh, skipped = next(t["id"] for t in found if not t["annotations"]), next(iter(skips))
    pull(workspace)
    monkeypatch.setattr(pulling, "SETTLING_SECONDS", 1)
    time.sleep(2)
    pull(workspace)  # which asks for nothing again that is older
    before = times(own_studio_folder, project)
    with client(own_studio_folder) as api:
        body = {"result": [region(7)], "was_cancelled": what == "skip"}
        ask = {
            "deleted skip": lambda: api.delete(f"/api/annotations/{skips[skipped]}/"),
            "edit": lambda: api.patch(f"/api/annotations/{skips[skipped]}/", json={"result": [region(7)]}),
        }.get(what, lambda: api.post(f"/api/tasks/{fresh}/annotations/", json=body))

        def asking() -> None:
            with suppress(httpx.TransportError):
                ask()

        person = threading.Thread(target=asking)
        killer = threading.Thread(target=kill, args=(own_studio_folder, CHANGED))
        killer.start()
        time.sleep(0.5)
        person.start()
        killer.join()
        person.join()
    port = int(api.base_url.port or 0)
    sys.stderr.write(f"{what}: told {times(own_studio_folder, project) != before}\n")
    server.start(own_studio_folder, port=port)
    pull(workspace)
    assert kept(workspace, project) == held(own_studio_folder, project)
    assert not pull(workspace, full=True).differing


def times(folder: Path, project: int) -> list[Any]:
    """What the server tells of its tasks: their times and numbers.

    Not read-only: after a kill, whoever reads first takes back what was half written, which SQLite refuses to readers.
    """
    with closing(sqlite3.connect(f"file:{folder / 'data' / 'label_studio.sqlite3'}?mode=rw", uri=True)) as db:
        query = "SELECT id, updated_at, total_annotations, cancelled_annotations FROM task WHERE project_id = ?"
        return db.execute(query, (project,)).fetchall()
