"""Pulling from the real Label Studio: after whatever happened there, the store is what the project holds."""

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from labeling.errors import InputError, StudioError
from labeling.settings import Workspace, open_workspace
from labeling.studio import connection
from labeling.studio import listing as listing_module
from labeling.studio.client import Studio
from labeling.studio.listing import Listing
from labeling.workflow import pulling
from labeling.workflow.checking import check
from labeling.workflow.connecting import connect
from labeling.workflow.documents import read_documents
from labeling.workflow.export.commands import export_project
from labeling.workflow.page import project_in_step
from labeling.workflow.pulled import Store, store_folder
from labeling.workflow.pulling import pull
from labeling.workflow.status import status
from tests.hostile import REGION
from tests.transports import Between, Send

pytestmark = pytest.mark.studio


class Hands:
    """What people do to a project, and what the server's own export says of it."""

    def __init__(self, api: httpx.Client, project: int) -> None:
        self.api, self.project = api, project

    def add(self, number: int, *, annotated: int = 0) -> list[int]:
        tasks: list[dict[str, Any]] = [
            {"data": {"doc_id": f"d{time.monotonic_ns()}-{i}", "text": f"Police arrested {i} protesters in Paris."}}
            for i in range(number)
        ]
        for task in tasks[:annotated]:
            task["annotations"] = [{"result": [REGION]}]
        url = f"/api/projects/{self.project}/import?return_task_ids=true"
        ids: list[int] = self.post(url, tasks)["task_ids"]
        return ids

    def post(self, url: str, body: Any) -> Any:
        answer = self.api.post(url, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def submit(self, task: int, result: list[Any] | None = None, **more: Any) -> int:
        number: int = self.post(f"/api/tasks/{task}/annotations/", {"result": result or [], **more})["id"]
        return number

    def annotations(self, task: int) -> list[int]:
        return [a["id"] for a in self.api.get(f"/api/tasks/{task}/").json()["annotations"]]

    def act(self, action: str, *tasks: int) -> None:
        selected = {"selectedItems": {"all": False, "included": list(tasks)}}
        self.post(f"/api/dm/actions/?id={action}&project={self.project}", selected)

    def delete(self, kind: str, number: int) -> None:
        assert self.api.delete(f"/api/{kind}/{number}/").is_success

    def exported(self) -> dict[int, Any]:
        """Task id → its data, and its annotations by id: what Label Studio's own export holds."""
        url = f"/api/projects/{self.project}/export?exportType=JSON&download_all_tasks=true"
        return told(self.api.get(url).json())


def told(tasks: Any) -> dict[int, Any]:
    keys = ("result", "completed_by", "was_cancelled", "ground_truth", "created_at", "updated_at")
    return {
        task["id"]: (task["data"], {a["id"]: {key: a[key] for key in keys} for a in task["annotations"]})
        for task in tasks
    }


def kept(workspace: Workspace) -> dict[int, Any]:
    with Store(store_folder(workspace, workspace.remembered_project())) as store:
        return told(json.loads(line) for line in store.lines())


def say_of(workspace: Workspace, updated_at: str, which: str) -> None:
    """Let the server's database say that its tasks were touched at that time."""
    database = next((workspace.studio_folder / "data").glob("*.sqlite3"))
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection:
        connection.execute(f"UPDATE task SET updated_at = ? WHERE {which}", (updated_at,))
        connection.commit()


@pytest.fixture
def hands(workspace: Workspace, api: httpx.Client) -> Hands:
    with connect(workspace) as studio:
        project, _ = project_in_step(studio, workspace)
    return Hands(api, project.id)


def test_pull_is_what_the_export_holds_after_each_kind_of_change(workspace, hands):
    ids = hands.add(12, annotated=6)
    hands.submit(ids[7], [REGION], was_cancelled=True)
    first = pull(workspace)
    assert (first.full, first.tasks, first.new, first.changed, first.gone) == (True, 12, 12, 0, 0)
    assert (first.reviewed, first.skipped) == (6, 1)
    assert kept(workspace) == hands.exported()

    again = pull(workspace)
    assert (again.full, again.new, again.changed, again.gone, again.is_news) == (False, 0, 0, 0, False)

    added = hands.submit(ids[8], [REGION])
    (edited,) = hands.annotations(ids[0])
    assert hands.api.patch(f"/api/annotations/{edited}/", json={"result": []}).is_success
    (deleted,) = hands.annotations(ids[1])
    hands.delete("annotations", deleted)
    (skipped,) = hands.annotations(ids[2])  # an un-submission
    assert hands.api.patch(f"/api/annotations/{skipped}/", json={"was_cancelled": True}).is_success
    (truth,) = hands.annotations(ids[3])
    assert hands.api.patch(f"/api/annotations/{truth}/", json={"ground_truth": True}).is_success
    second = pull(workspace)
    assert (second.new, second.changed, second.gone) == (0, 5, 0)
    assert kept(workspace) == hands.exported()
    assert added in kept(workspace)[ids[8]][1]
    assert kept(workspace)[ids[1]][1] == {}

    hands.delete("tasks", ids[4])
    hands.delete("tasks", ids[10])
    more = hands.add(2)
    third = pull(workspace)
    assert (third.new, third.changed, third.gone) == (2, 0, 2)
    assert kept(workspace) == hands.exported()

    hands.act("delete_tasks_annotations", ids[5], ids[8])
    hands.act("delete_tasks", ids[6], more[0])
    fourth = pull(workspace)
    assert (fourth.changed, fourth.gone) == (2, 2)
    assert kept(workspace) == hands.exported()

    full = pull(workspace, full=True)
    assert (full.full, full.differing, full.is_news) == (True, 0, False)
    assert kept(workspace) == hands.exported()


def test_copy_in_the_old_layout_goes_when_all_is_pulled_again(workspace, hands):
    hands.add(3, annotated=2)
    folder = store_folder(workspace, hands.project)
    folder.mkdir(parents=True)
    for name in ("state.json", "tasks-3.jsonl", "changes-3.jsonl", "drafts.jsonl"):
        (folder / name).write_text("{}\n")
    with pytest.raises(InputError, match="is in the layout of an older version"):
        status(workspace, offline=True)

    def refuse(request: httpx.Request, send: Send) -> httpx.Response:
        return httpx.Response(403) if request.url.path.startswith("/api/tasks") else send(request)

    with pytest.raises(StudioError):
        pull(workspace, transport=Between(refuse))
    assert (folder / "state.json").exists()
    first = pull(workspace)
    assert first.notes == (
        "The copy was in the layout of an older version, so every task was pulled again and its files removed. "
        "Its drafts come again with --drafts.",
    )
    assert (first.full, first.new) == (True, 3)
    assert not {"state.json", "tasks-3.jsonl", "changes-3.jsonl", "drafts.jsonl"} & {f.name for f in folder.iterdir()}
    assert pull(workspace).notes == ()
    assert kept(workspace) == hands.exported()


@pytest.mark.parametrize("command", [status, check, export_project])
def test_every_command_that_pulls_says_what_the_pull_notes(workspace, hands, command):
    hands.add(3, annotated=2)
    folder = store_folder(workspace, hands.project)
    folder.mkdir(parents=True)
    for name in ("state.json", "tasks-3.jsonl"):
        (folder / name).write_text("{}\n")
    said: list[str] = []
    options = {"output": workspace.folder / "out"} if command is export_project else {}
    command(workspace, **options, say=said.append)
    assert [note[:42] for note in said] == ["The copy was in the layout of an older ver"]


def test_number_of_a_deleted_task_may_come_again(workspace, hands):
    """SQLite gives the newest task's number to the next one where that task was deleted."""
    ids = hands.add(3, annotated=3)
    pull(workspace)
    hands.delete("tasks", ids[2])
    hands.add(1)
    assert pull(workspace).tasks == 3
    assert kept(workspace) == hands.exported()


def test_many_deletions_are_found_by_halves(workspace, hands, monkeypatch):
    ids = hands.add(400, annotated=40)
    pull(workspace)
    monkeypatch.setattr(pulling, "LEAF", 10)
    for task in (ids[0], ids[150], ids[151], ids[399]):
        hands.delete("tasks", task)
    hands.act("delete_tasks", *ids[200:260])
    asked = []
    held = Listing.held
    monkeypatch.setattr(Listing, "held", lambda self, *a, **k: asked.append(a) or held(self, *a, **k))
    done = pull(workspace)
    assert (done.new, done.changed, done.gone) == (0, 0, 64)
    assert kept(workspace) == hands.exported()
    assert len(asked) < 80
    assert not pull(workspace).is_news


def test_annotations_that_go_without_moving_the_time_of_their_task_are_noticed(workspace, hands, api):
    """A server whose time zone is not UTC writes a wrong time when annotations of many tasks are deleted at once."""
    ids = hands.add(30, annotated=30)
    hands.submit(ids[20], was_cancelled=True)
    pull(workspace)
    hands.act("delete_tasks_annotations", ids[3], ids[20])
    say_of(workspace, "2020-01-01 00:00:00", f"id IN ({ids[3]}, {ids[20]})")
    done = pull(workspace)
    assert done.changed == 2
    assert kept(workspace) == hands.exported()


def test_full_reports_what_was_planted(workspace, hands):
    ids = hands.add(20, annotated=5)
    say_of(workspace, "2026-01-01 00:00:00.000001", f"project_id = {hands.project}")  # else the next pull looks again
    pull(workspace)
    with Store.writing(store_folder(workspace, hands.project)) as store:
        store.put(store.task(ids[0]) | {"annotations": [], "data": {"text": "Somebody else's."}})
        store.drop(ids[1])
        store.put(store.task(ids[2]) | {"id": 99_999_999})
        residual = store.state.residual
        # so that the numbers agree, and nothing but a look at everything can find it
        assert store.counts().tasks == 20
        store.save(store.state.model_copy(update={"residual": (residual[0], 1, residual[2])}))
    done = pull(workspace, full=True)
    found = {d.task: (d.what, d.fields) for d in done.differences}
    assert found[99_999_999] == ("gone", ())
    assert found[ids[1]] == ("missing", ())
    assert found[ids[0]] == ("differs", ("annotations", "data", "submitted"))
    assert done.differing == 3
    assert kept(workspace) == hands.exported()
    assert pull(workspace, full=True).differing == 0


def test_full_takes_another_overlap_of_the_project_without_calling_it_missed(workspace, hands, api):
    hands.add(3, annotated=1)
    say_of(workspace, "2026-01-01 00:00:00.000001", f"project_id = {hands.project}")
    pull(workspace)
    assert api.patch(f"/api/projects/{hands.project}/", json={"maximum_annotations": 2}).status_code == 200
    assert pull(workspace, full=True).differing == 0
    with Store(store_folder(workspace, hands.project)) as store:
        assert {store.task(number)["overlap"] for number in store.ids} == {2}


def test_full_by_command_ends_with_1_where_something_was_found(workspace, hands, run):
    ids = hands.add(3, annotated=1)
    say_of(workspace, "2026-01-01 00:00:00.000001", f"project_id = {hands.project}")
    done = run("pull", cwd=workspace.folder)
    assert done.returncode == 0, done.stderr
    assert "3" in done.stdout
    done = run("pull", "--full", cwd=workspace.folder)
    assert done.returncode == 0
    assert "Earlier pulls had missed nothing" in done.stderr
    with Store.writing(store_folder(workspace, hands.project)) as store:
        store.put(store.task(ids[1]) | {"data": {"text": "Somebody else's."}})
    done = run("pull", "--full", "--json", cwd=workspace.folder)
    assert done.returncode == 1
    assert json.loads(done.stdout)["differences"] == [{"task": ids[1], "what": "differs", "fields": ["data"]}]


def test_drafts_on_demand_are_those_of_everybody(workspace, hands, api):
    ids = hands.add(4, annotated=1)
    draft = {"result": [REGION], "lead_time": 1}
    hands.post(f"/api/tasks/{ids[1]}/drafts?project={hands.project}", draft)
    assert pull(workspace).drafts is None
    assert status(workspace, offline=True).states["draft"] == 0
    done = pull(workspace, drafts=True)
    assert done.drafts == 1
    assert not done.is_news
    assert status(workspace, offline=True).states["draft"] == 1
    hands.submit(ids[1], [REGION])
    pull(workspace)
    assert status(workspace, offline=True).states == {
        "pending": 2,
        "draft": 0,
        "skipped": 0,
        "reviewed-empty": 0,
        "reviewed": 2,
    }


def test_pull_that_was_killed_goes_on(workspace, hands, tmp_path):
    hands.add(300, annotated=100)
    code = (
        "import os, sys\nfrom pathlib import Path\n"
        "from labeling.settings import open_workspace\nfrom labeling.studio import listing\n"
        "from labeling.workflow import pulled, pulling\n"
        "listing.FIRST_PAGE = listing.LARGEST_PAGE = 20\n"
        "put, left = pulled.Writer.put, [int(sys.argv[2])]\n"
        "def put_and_die(self, task):\n"
        "    outcome = put(self, task)\n"
        "    left[0] -= 1\n"
        "    if not left[0]:\n"
        "        os.kill(os.getpid(), 9)\n"
        "    return outcome\n"
        "pulled.Writer.put = put_and_die\n"
        "pulling.pull(open_workspace(Path(sys.argv[1])))\n"
    )
    for number in (1, 57, 140):
        done = subprocess.run([sys.executable, "-c", code, workspace.folder, str(number)], check=False)
        assert done.returncode == -signal.SIGKILL
    with Store(store_folder(workspace, hands.project)) as store:
        assert not store.state.complete
        before = len(store)
        assert 120 <= before < 300  # the pages that were whole
    with pytest.raises(InputError, match="before it broke off"):
        status(workspace, offline=True)
    tasks = hands.add(1)
    rest = pull(workspace)
    assert rest.new == 301 - before
    assert kept(workspace) == hands.exported()

    hands.delete("tasks", tasks[0])
    hands.submit(next(iter(kept(workspace))), [REGION])
    done = subprocess.run([sys.executable, "-c", code, workspace.folder, "1"], check=False)
    assert done.returncode == -signal.SIGKILL
    pull(workspace)
    assert kept(workspace) == hands.exported()


@pytest.mark.parametrize(("old", "again"), [(0, 0), (200, 0), (190, 10), (300, 0)])
def test_first_pull_reads_nothing_twice_but_part_of_a_page(workspace, hands, monkeypatch, old, again):
    ids = hands.add(300, annotated=100)
    if old:
        say_of(workspace, "2026-01-01 00:00:00.000001", f"project_id = {hands.project} AND id < {ids[0] + old}")
    monkeypatch.setattr(listing_module, "LARGEST_PAGE", 20)
    listed = 0
    whole = Listing._get

    def get(self, path, shape, params, **rest):
        nonlocal listed
        found = whole(self, path, shape, params, **rest)
        if params.get("include") == listing_module.FIELDS:
            listed += len(found[0] if isinstance(found[0], list) else found[0]["tasks"])
        return found

    monkeypatch.setattr(Listing, "_get", get)
    assert pull(workspace).new == 300
    assert listed <= 300 + listing_module.SAMPLE + again
    assert kept(workspace) == hands.exported()


@pytest.mark.parametrize("single", [True, False])
def test_a_server_of_one_process_is_asked_for_one_page_at_a_time(workspace, hands, monkeypatch, single):
    hands.add(100, annotated=100)
    monkeypatch.setattr(listing_module, "LARGEST_PAGE", 20)
    if not single:
        monkeypatch.setattr(listing_module, "SINGLE", "another server")
    at_once = [0]
    lock = threading.Lock()

    def counted(request: httpx.Request, send: Send) -> httpx.Response:
        with lock:
            at_once.append(at_once[-1] + 1)
        try:
            return send(request)
        finally:
            with lock:
                at_once.append(at_once[-1] - 1)

    with connect(workspace, Between(counted)) as studio:
        pages = list(Listing(studio, hands.project).whole(total=100))
    assert [page.listed for page in pages][:5] == [20, 40, 60, 80, 100]
    assert max(at_once) == (1 if single else 2)


def test_second_pull_waits_for_the_first(workspace, hands, monkeypatch):
    hands.add(60, annotated=10)
    monkeypatch.setattr(listing_module, "FIRST_PAGE", 10)
    said: list[str] = []
    results: list[int] = []
    inside = threading.Event()

    def slow(items, what, total=None):
        for item in items:
            inside.set()
            time.sleep(0.02)
            yield item

    first = threading.Thread(target=lambda: results.append(pull(workspace, track=slow).new))
    first.start()
    inside.wait(60)
    second = pull(workspace, waiting=said.append)
    first.join()
    assert results == [60]
    assert second.new == 0
    assert len(said) == 1
    assert "is pulling into" in said[0]


def test_export_pulls_what_changed_and_offline_does_not(workspace, hands, tmp_path):
    ids = hands.add(5, annotated=2)
    assert export_project(workspace, tmp_path / "out").manifest["documents"]["out"] == 2
    hands.submit(ids[3], [REGION])
    assert export_project(workspace, tmp_path / "out", offline=True).manifest["documents"]["out"] == 2
    assert export_project(workspace, tmp_path / "out").manifest["documents"]["out"] == 3
    assert len(read_documents(tmp_path / "out" / "docs.jsonl")) == 3


def test_pull_begins_anew_where_the_project_is_another_one(workspace, hands, api):
    hands.add(3)
    pull(workspace)
    folder = store_folder(workspace, hands.project)
    with Store.writing(folder) as store:
        store.save(store.state.model_copy(update={"created": "2001-01-01T00:00:00Z"}))
    done = pull(workspace)
    assert (done.full, done.tasks) == (True, 3)
    assert "another project" in done.notes[0]
    assert kept(workspace) == hands.exported()


def test_pull_begins_anew_where_the_clock_was_set_back(workspace, hands):
    hands.add(3, annotated=1)
    pull(workspace)
    with Store.writing(store_folder(workspace, hands.project)) as store:
        store.save(store.state.model_copy(update={"asked": time.time() + 3600, "since": "2999-01-01T00:00:00.000000Z"}))
    ids = list(kept(workspace))
    (annotation,) = hands.annotations(ids[0])
    assert hands.api.patch(f"/api/annotations/{annotation}/", json={"result": []}).is_success
    done = pull(workspace)
    assert "set back" in done.notes[0]
    assert kept(workspace) == hands.exported()


def test_disk_that_is_full_loses_nothing(workspace, hands, run):
    texts = [{"text": f"Police arrested {n} protesters. " * 90} for n in range(60)]
    hands.post(f"/api/projects/{hands.project}/import", [{"data": data} for data in texts[:40]])
    full = run("pull", cwd=workspace.folder, largest_file=40_000)
    assert (full.returncode, full.stdout) == (2, "")
    assert "free space" in full.stderr
    assert "Traceback" not in full.stderr
    assert pull(workspace).tasks == 40
    hands.post(f"/api/projects/{hands.project}/import", [{"data": data} for data in texts[40:]])
    before = kept(workspace)
    assert run("pull", cwd=workspace.folder, largest_file=20_000).returncode == 2
    assert kept(workspace).items() >= before.items()
    assert pull(workspace).tasks == 60
    assert kept(workspace) == hands.exported()


def test_hiccups_are_asked_again_and_refusals_are_not(workspace, hands, monkeypatch):
    hands.add(3, annotated=1)
    monkeypatch.setattr(connection, "FIRST_WAIT", 0.01)
    answers = iter(
        [
            httpx.Response(502, html="<html>Bad gateway</html>"),
            httpx.Response(200, html="<html>Please log in</html>"),
            httpx.Response(429, json={"detail": "slow down"}, headers={"retry-after": "0"}),
            httpx.ReadError("cut"),
            httpx.ReadTimeout("slow"),
        ]
    )

    def failing(request: httpx.Request, send: Send) -> httpx.Response:
        answer = next(answers, None) if "/tasks/" in request.url.path else None
        if isinstance(answer, Exception):
            raise answer
        return answer or send(request)

    assert pull(workspace, transport=Between(failing)).tasks == 3
    asked = 0

    def refuse(request: httpx.Request, send: Send) -> httpx.Response:
        nonlocal asked
        if "/tasks/" not in request.url.path:
            return send(request)
        asked += 1
        return httpx.Response(400, json={"detail": "no such filter"})

    with pytest.raises(StudioError, match="no such filter"):
        pull(workspace, transport=Between(refuse))
    assert asked == 1


class Watch:
    """`labeling watch --json` at work, and the turns that it tells."""

    def __init__(self, folder: Path, *args: str) -> None:
        program = Path(sys.executable).with_name("labeling")
        self.process = subprocess.Popen(
            [program, "watch", "--json", *args],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def turn(self, wanted=lambda turn: True) -> dict[str, Any]:
        while line := self.process.stdout.readline():
            turn = json.loads(line)
            if wanted(turn):
                return turn
        raise AssertionError(self.process.stderr.read())

    def stop(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        _, talk = self.process.communicate(timeout=60)
        return self.process.returncode, talk


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_watch_exports_what_changes_and_stops_cleanly(workspace, hands, number):
    ids = hands.add(4, annotated=1)
    watch = Watch(workspace.folder, "--every", "1s", "-o", "out")
    first = watch.turn()
    assert (first["tasks"], first["reviewed"], first["documents"], first["error"]) == (4, 1, 1, "")
    quiet = watch.turn()
    assert (quiet["changed"], quiet["documents"]) == (0, None)
    hands.submit(ids[2], [REGION])
    turn = watch.turn(lambda turn: turn["changed"])
    assert (turn["reviewed"], turn["documents"]) == (2, 2)
    assert len(read_documents(workspace.folder / "out" / "docs.jsonl")) == 2
    code, talk = watch.stop(number)
    assert code == 0, talk
    assert "Traceback" not in talk
    assert kept(workspace) == hands.exported()


def test_watch_waits_for_a_server_that_is_away(workspace, hands, run, tmp_path):
    hands.add(2, annotated=1)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".labeling").mkdir()
    (elsewhere / "labeling.toml").write_text((workspace.folder / "labeling.toml").read_text())
    studio = elsewhere / ".labeling" / "studio"
    open_workspace(elsewhere).remember_project(hands.project)
    watch = Watch(elsewhere, "--every", "1s", "-o", "out")
    away = [watch.turn() for _ in range(2)]
    assert [turn["failures"] for turn in away] == [1, 2]
    assert "No Label Studio" in away[0]["error"]
    studio.symlink_to((workspace.studio_folder).resolve())
    turn = watch.turn(lambda turn: not turn["failures"])
    assert (turn["tasks"], turn["documents"]) == (2, 1)
    code, talk = watch.stop(signal.SIGTERM)
    assert code == 0
    assert "Traceback" not in talk


def test_studio_is_told_nothing_by_a_pull(workspace, hands):
    hands.add(5, annotated=2)
    sent: list[str] = []

    def noted(request: httpx.Request, send: Send) -> httpx.Response:
        sent.append(request.method)
        return send(request)

    pull(workspace, full=True, drafts=True, transport=Between(noted))
    assert set(sent) == {"GET"}
    assert isinstance(Studio, type)
