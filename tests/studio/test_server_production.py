"""The embedded server on PostgreSQL, served by gunicorn: real ones. The tests share one cold start, in their order."""

import contextlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import psutil
import pytest
from playwright.sync_api import sync_playwright

from labeling.errors import StudioError
from labeling.settings import Workspace, init, open_workspace
from labeling.studio import server
from labeling.studio.database import Postgres, without_password
from labeling.studio.server import Server
from labeling.studio.setup import database_of, read_credentials, read_setup, write_setup
from labeling.workflow import people
from labeling.workflow.backing_up import back_up, restore
from labeling.workflow.export.commands import export_project
from labeling.workflow.importing.command import import_articles
from tests.builders import ARTIFACTS, ROOT, Run

pytestmark = pytest.mark.studio

TIPS = "/heidi-tips"  # which it fetches from GitHub, where that can be reached


@pytest.fixture(scope="module")
def production(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace whose server is to be started; afterwards it is stopped."""
    folder = tmp_path_factory.mktemp("production")
    init(folder, title="Production")
    settings = (folder / "labeling.toml").read_text()
    (folder / "labeling.toml").write_text(f'{settings}\n[studio]\npublic_url = "https://labels.example.org"\n')
    yield open_workspace(folder)
    server.stop(open_workspace(folder).studio_folder)


@pytest.fixture(scope="module")
def url(postgres: Any) -> str:
    return str(postgres.create("production"))


@pytest.fixture
def running(production: Workspace) -> Server:
    found = server.status(production.studio_folder)
    assert found is not None
    return found


@pytest.fixture
def api(production: Workspace, running: Server) -> Iterator[httpx.Client]:
    with client(production) as opened:
        yield opened


def client(workspace: Workspace) -> httpx.Client:
    found, login = server.status(workspace.studio_folder), read_credentials(workspace.studio_folder)
    assert found is not None
    assert login is not None
    headers = {"Authorization": f"Token {login.token.get_secret_value()}"}
    return httpx.Client(base_url=found.url, headers=headers, trust_env=False, timeout=60)


def health(workspace: Workspace) -> int:
    with client(workspace) as api:
        return api.get("/health").status_code


def secrets_of(workspace: Workspace, postgres: Any) -> list[str]:
    login = read_credentials(workspace.studio_folder)
    assert login is not None
    return [login.password.get_secret_value(), login.token.get_secret_value(), postgres.password]


def watched(command: list[Any], **options: Any) -> "tuple[subprocess.CompletedProcess[str], str]":
    """A finished command, and every argument that any process of this machine showed while it ran."""
    seen: set[str] = set()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options) as process:
        while process.poll() is None:
            time.sleep(0.1)
            seen |= {" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])}
        out, err = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, out, err), "\n".join(seen)


@pytest.fixture(scope="module")
def shown() -> list[str]:
    """What commands printed and what `ps` showed, test by test."""
    return []


def test_cold_start_by_the_command_line(
    production: Workspace, postgres: Any, url: str, shown: list[str], record_property: Any
) -> None:
    """The password is in no argument: it comes in the environment."""
    program = Path(server.sys.executable).with_name("labeling")
    environment = {**os.environ, "LABELING_DATABASE": url, "COLUMNS": "200"}
    command = [program, "studio", "start", "--server", "gunicorn", "--port", "18080", "--json", "-w", production.folder]
    began = time.monotonic()
    done, arguments = watched(command, env=environment)
    record_property("cold start", time.monotonic() - began)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["server"], said["database"]) == ("gunicorn", without_password(url))
    shown += [done.stdout, done.stderr, arguments]
    assert "gunicorn" in arguments


def test_it_listens_on_this_machine_alone(running: Server) -> None:
    master = psutil.Process(running.pid)
    workers = master.children(recursive=True)
    assert len(workers) >= 2
    for process in (master, *workers):
        listening = [c for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
        assert {c.laddr for c in listening} <= {("127.0.0.1", running.port)}


def test_data_are_in_postgresql(production: Workspace, api: httpx.Client, url: str) -> None:
    login = read_credentials(production.studio_folder)
    assert login is not None
    assert api.get("/api/current-user/whoami").json()["email"] == login.email
    database = database_of(production.studio_folder)
    assert isinstance(database, Postgres)
    assert database.contents().accounts == {login.email}
    assert not list((production.studio_folder / "data").glob("*.sqlite3"))


def test_pages_come_with_all_that_they_need(production: Workspace, api: httpx.Client) -> None:
    """Scripts, styles and fonts too, which Django by itself serves only while someone develops."""
    page = api.get("/user/login/")
    assert page.status_code == 200
    linked = {urljoin("/user/login/", found) for found in re.findall(r'(?:src|href)="([^"#]+)"', page.text)}
    local = {found for found in linked if found.startswith("/") and "." in found.rpartition("/")[2]}
    assert len(local) >= 5
    assert {found: api.get(found).status_code for found in local if api.get(found).status_code != 200} == {}


def test_proxy_in_front_may_log_in_and_a_stranger_may_not(production: Workspace, running: Server) -> None:
    login = read_credentials(production.studio_folder)
    assert login is not None
    for host, code in {"labels.example.org": 302, "evil.example.org": 400}.items():
        with httpx.Client(base_url=running.url, trust_env=False, timeout=30, headers={"Host": host}) as person:
            page = person.get("/user/login/")
            form = {"email": login.email, "password": login.password.get_secret_value()}
            form["csrfmiddlewaretoken"] = (re.findall(r'csrfmiddlewaretoken" value="(\w+)"', page.text) or [""])[0]
            cookie = f"csrftoken={page.cookies.get('csrftoken')}"
            headers = {"Origin": f"https://{host}", "Cookie": cookie}
            assert person.post("/user/login/", data=form, headers=headers).status_code == code


@pytest.mark.browser
def test_pages_work_in_a_browser(production: Workspace, running: Server, chromium: str) -> None:
    """Logged in, with all scripts and styles, and without an error."""
    login = read_credentials(production.studio_folder)
    assert login is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        refused: list[str] = []
        page.on(
            "response",
            lambda r: refused.append(f"{r.status} {r.url}") if r.status >= 400 and TIPS not in r.url else None,
        )
        page.on("pageerror", lambda error: refused.append(str(error)))
        page.goto(f"{running.url}/user/login/")
        page.fill("input[name=email]", login.email)
        page.fill("input[name=password]", login.password.get_secret_value())
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "/user/login" not in url)
        page.goto(f"{running.url}/projects/")
        page.get_by_text("Create Project").first.wait_for(timeout=60_000)
        ARTIFACTS.mkdir(exist_ok=True)
        page.screenshot(path=ARTIFACTS / "7-gunicorn.png")
        browser.close()
    assert refused == []


def test_sign_up_is_closed(running: Server) -> None:
    with httpx.Client(base_url=running.url, trust_env=False, timeout=30) as guest:
        guest.get("/user/signup/")
        form = {"email": "guest@example.org", "password": "guest-guest", "csrfmiddlewaretoken": ""}
        form["csrfmiddlewaretoken"] = guest.cookies.get("csrftoken", "")
        assert guest.post("/user/signup/", data=form).status_code == 403


def test_people_are_added_and_removed_in_postgresql(production: Workspace, running: Server) -> None:
    found = people.add(production, "ann@example.org")
    assert found.url == "https://labels.example.org/user/login/"
    with httpx.Client(base_url=running.url, headers={"Referer": running.url}, trust_env=False) as browser:
        browser.get("/user/login/")
        form = {"email": "ann@example.org", "password": found.password}
        form["csrfmiddlewaretoken"] = browser.cookies["csrftoken"]
        assert browser.post("/user/login/", data=form).status_code == 302
        assert browser.get("/api/current-user/whoami").status_code == 200
        assert people.remove(production, "ann@example.org").was_active
        assert browser.get("/api/current-user/whoami").status_code == 401
    states = {one.email: one.is_active for one in people.people(production).people}
    assert states["ann@example.org"] is False


def test_import_and_export_go_through_it(
    production: Workspace, api: httpx.Client, tmp_path: Path, run: Run, shown: list[str]
) -> None:
    """So many articles that the look-up of their ids makes a line longer than gunicorn takes by itself."""
    rows = [
        {
            "id": f"https://example.org/an/address/as/long/as/they/are/{i:04}",
            "text": f"Rebels attacked Tadmor on {i} May.",
        }
        for i in range(320)
    ]
    (tmp_path / "articles.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run("import", tmp_path / "articles.jsonl", "-w", production.folder, "--json")
    assert done.returncode == 0, done.stderr
    again = run("import", tmp_path / "articles.jsonl", "-w", production.folder, "--json")
    assert again.returncode == 0, again.stderr
    for ledger in production.state.glob("import-*.sqlite*"):
        ledger.unlink()
    asked = run("import", tmp_path / "articles.jsonl", "-w", production.folder, "--json")
    shown += [done.stdout, done.stderr, again.stdout, again.stderr, asked.stdout, asked.stderr]
    assert [json.loads(each.stdout)["outcomes"] for each in (done, again, asked)] == [
        {"new": 320},
        {"there already": 320},
        {"there already": 320},
    ]
    project = api.get("/api/projects/").json()["results"][0]
    assert project["task_number"] == 320
    assert project["total_predictions_number"] == 320

    task = api.get("/api/tasks/", params={"project": project["id"], "page_size": 1}).json()["tasks"][0]
    prediction = api.get(f"/api/tasks/{task['id']}/").json()["predictions"][0]
    made = api.post(f"/api/tasks/{task['id']}/annotations/", json={"result": prediction["result"]})
    assert made.status_code == 201
    # a click on Export, which leaves a copy behind
    api.get(f"/api/projects/{project['id']}/export", params={"exportType": "JSON"}).raise_for_status()
    exported = run("export", "-w", production.folder)
    shown += [exported.stdout, exported.stderr]
    assert exported.returncode == 0, exported.stderr
    manifest = json.loads((production.exports / "manifest.json").read_text())
    assert manifest["tasks"]["reviewed"] == 1


def test_import_mends_and_sets_aside_there(production: Workspace, api: httpx.Client, tmp_path: Path) -> None:
    """PostgreSQL lists versions and annotations otherwise than SQLite."""
    project = production.remembered_project()
    listed = api.get("/api/tasks/", params={"project": project, "include": "id,data", "page_size": 320}).json()["tasks"]
    bare, begun, old, late = sorted(listed, key=lambda task: task["id"])[-4:]
    selected = {"selectedItems": {"all": False, "included": [bare["id"], begun["id"]]}}
    query = {"id": "delete_tasks_predictions", "project": project}
    api.post("/api/dm/actions/", params=query, json=selected).raise_for_status()
    api.post(f"/api/tasks/{begun['id']}/annotations/", json={"result": []}).raise_for_status()
    rows = [{"id": task["data"]["doc_id"], "text": "Rebels left Tadmor on Monday."[:-1] + "!" * n}
            for n, task in enumerate((old, late))]  # fmt: skip
    (tmp_path / "changed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = import_articles(production, [str(tmp_path / "changed.jsonl")], replace=True, jobs=1)
    assert (done.outcomes, done.repaired, done.set_aside) == ({"replaced text": 2}, 1, 2)
    assert [(p.reason, p.doc_id) for p in done.problems] == [("no-prediction", begun["data"]["doc_id"])]
    api.post(f"/api/tasks/{late['id']}/annotations/", json={"result": []}).raise_for_status()
    again = import_articles(production, [str(tmp_path / "changed.jsonl")], jobs=1)
    assert (again.outcomes, again.returned) == ({"there already": 1, "text differs, refused": 1}, 1)
    assert api.get(f"/api/projects/{project}/").json()["task_number"] == 320
    api.delete(f"/api/projects/{done.aside_url.split('/')[-2]}/").raise_for_status()


def test_long_look_up_is_one_line(api: httpx.Client) -> None:
    """By itself gunicorn refuses a line of more than 4,094 bytes."""
    answer = api.get("/api/tasks/", params={"project": 1, "query": json.dumps({"x": "y" * 30_000})})
    assert answer.status_code == 200, answer.text


def test_leftover_of_the_export_is_removed_once_it_is_old(production: Workspace) -> None:
    folder = production.studio_folder / "data" / "export"
    left = list(folder.iterdir())
    assert left
    server.start(production.studio_folder, 0)
    assert list(folder.iterdir()) == left
    for file in left:
        os.utime(file, (1, 1))
    server.start(production.studio_folder, 0)
    assert list(folder.iterdir()) == []


def test_it_runs_already_with_another_setup(production: Workspace, running: Server, url: str) -> None:
    with pytest.raises(StudioError, match=r"runs already, with postgresql://.* and gunicorn") as caught:
        server.start(production.studio_folder, 0, program="django")
    assert "labeling studio stop" in caught.value.hint
    with pytest.raises(StudioError, match="runs already"):
        server.start(production.studio_folder, 0, database="sqlite")
    assert server.start(production.studio_folder, 0, database=url, program="gunicorn") == running


def test_master_or_worker_that_is_killed(production: Workspace, running: Server) -> None:
    """A worker comes again; a killed master takes all with it, and the next start finds nothing in its way."""
    (worker, *_) = psutil.Process(running.pid).children()
    worker.kill()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and health(production) != 200:
        time.sleep(0.2)
    assert server.status(production.studio_folder) == running
    os.kill(running.pid, signal.SIGKILL)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(running.pid).wait(timeout=10)
    began = time.monotonic()
    again = server.start(production.studio_folder, running.port)
    assert time.monotonic() - began < 60
    assert again.pid != running.pid
    assert again.port == running.port
    setup = read_setup(production.studio_folder)
    assert setup is not None
    assert setup.server == "gunicorn"
    with client(production) as api:
        assert api.get("/api/projects/").json()["results"][0]["task_number"] == 320


def test_it_is_found_again_although_the_clock_was_set(production: Workspace, running: Server) -> None:
    """The system counts a process's age from the boot, so that its time of birth moves along with the clock."""
    moved = running.model_copy(update={"create_time": running.create_time - 3600})
    (production.studio_folder / "server.json").write_text(moved.model_dump_json())
    assert server.status(production.studio_folder) == moved
    assert server.start(production.studio_folder, 0).pid == running.pid
    (production.studio_folder / "server.json").write_text(running.model_dump_json())


def test_no_secret_is_written_printed_or_listed(production: Workspace, postgres: Any, shown: list[str]) -> None:
    """After a start, an import and an export: every file, everything printed, everything that `ps` shows."""
    shown.append("\n".join(" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])))
    secrets = secrets_of(production, postgres)
    for text in shown:
        assert [secret for secret in secrets if secret in text] == []
    may_have = {"credentials.json", "setup.json"}
    searched = 0
    for path in sorted(production.folder.rglob("*")):
        if not path.is_file():
            continue
        searched += 1
        content = path.read_bytes()
        if [secret for secret in secrets if secret.encode() in content]:
            assert path.name in may_have, path
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert path.stat().st_uid == os.geteuid()
    assert searched > 10
    for path in production.studio_folder.rglob("*"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077 or path.name in {"server.json", "lock"}, path


def test_password_in_an_argument_is_taken_out_of_it(production: Workspace, postgres: Any, url: str, run: Run) -> None:
    """It has been seen for a moment then, which is said."""
    done = run("studio", "start", "--database", url, "-w", production.folder)
    assert done.returncode == 0, done.stderr
    assert "Other users can see a password in an argument" in done.stderr
    assert postgres.password not in done.stdout + done.stderr
    assert without_password(url) in done.stderr


def test_restore_brings_back_what_was_destroyed(
    production: Workspace, api: httpx.Client, postgres: Any, url: str, tmp_path: Path, record_property: Any
) -> None:
    """The task, its prediction and its annotation are there again, and the same token opens them."""
    upload = {"file": ("upload.json", b'[{"data": {"text": "uploaded"}}]')}
    assert api.post("/api/projects/1/import", files=upload).status_code == 201
    before = contents(api)
    began = time.monotonic()
    made = back_up(production, f"{tmp_path}/a.tar.gz")
    record_property("backup", time.monotonic() - began)
    assert made.database == "postgresql"
    with postgres.connect("production") as asked:
        tables = {"projects": "project", "tasks": "task", "predictions": "prediction", "annotations": "task_completion"}
        counts = {name: asked.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for name, table in tables.items()}
    assert made.counts == counts
    assert len(before) == 321
    reviewed = sum(any(a["result"] and not a["was_cancelled"] for a in task["annotations"]) for task in before)
    assert reviewed
    assert stat.S_IMODE(made.file.stat().st_mode) == 0o600
    uploads = names(production)
    assert any("upload.json" in name for name in uploads)

    # made after the backup, so it must not be there afterwards
    assert api.post("/api/projects/", json={"title": "Later"}).status_code == 201
    with pytest.raises(StudioError, match="is running"):
        restore(production, made.file, replace=True)
    server.stop(production.studio_folder)
    with pytest.raises(Exception, match="data already, in postgresql://"):
        restore(production, made.file)
    shutil.rmtree(production.folder / ".labeling")
    with postgres.connect() as admin:
        admin.execute("DROP DATABASE production WITH (FORCE)")
    postgres.create("production")

    began = time.monotonic()
    done = restore(production, made.file)
    record_property("restore", time.monotonic() - began)
    assert done.counts == made.counts
    began = time.monotonic()
    server.start(production.studio_folder, 0)
    record_property("warm start", time.monotonic() - began)
    with client(production) as again:
        assert contents(again) == before
    assert names(production) == uploads
    assert export_project(production, tmp_path / "out").manifest["tasks"]["reviewed"] == reviewed
    assert import_articles(production, [str(ROOT / "seeds" / "01_border_talks.txt")], dry_run=True)


def contents(api: httpx.Client) -> Any:
    """All tasks with their predictions and annotations."""
    tasks = api.get("/api/tasks/", params={"project": 1, "fields": "all", "page_size": 1000}).json()["tasks"]
    for task in tasks:
        for made in (*task["annotations"], *task["predictions"]):
            made.pop("created_ago")  # which goes on while somebody waits
    kept = ("id", "data", "annotations", "predictions")
    return sorted(({key: task[key] for key in kept} for task in tasks), key=lambda task: task["id"])


def names(workspace: Workspace) -> set[str]:
    data = workspace.studio_folder / "data"
    return {path.relative_to(data).as_posix() for path in (data / "media").rglob("*") if path.is_file()}


def test_another_database_without_the_data_is_refused(production: Workspace, postgres: Any, tmp_path: Path) -> None:
    server.stop(production.studio_folder)
    for database in ("sqlite", postgres.create("empty")):
        with pytest.raises(StudioError, match="has none of them") as caught:
            server.start(production.studio_folder, 0, database=database)
        assert "another workspace" in caught.value.hint
        assert postgres.password not in caught.value.message + caught.value.hint


def test_data_of_a_newer_version_are_refused(production: Workspace) -> None:
    setup = read_setup(production.studio_folder)
    assert setup is not None
    write_setup(production.studio_folder, setup.model_copy(update={"label_studio": "99.0"}))
    with pytest.raises(StudioError, match=r"made by Label Studio 99\.0") as caught:
        server.start(production.studio_folder, 0)
    assert "label-studio==99.0" in caught.value.hint
    write_setup(production.studio_folder, setup)


def test_data_of_an_older_version_are_backed_up_and_migrated(production: Workspace, url: str) -> None:
    """A migration is taken back, as in an older version: the data come along, and a backup has them as they were."""
    folder = production.studio_folder
    setup = read_setup(folder)
    assert setup is not None
    login, database = read_credentials(folder), database_of(folder)
    assert login is not None
    before = "0033_projects_soft_delete_indexes_async"
    manage = [server.sys.executable, "-m", "django", "migrate", "--no-color", "projects", before]
    package = Path(str(server.importlib.util.find_spec("label_studio").origin)).parent  # type: ignore[union-attr]
    environment = {**server._environment(folder, login, database), "PYTHONPATH": str(package)}
    done = subprocess.run(manage, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    write_setup(folder, setup.model_copy(update={"label_studio": "1.22.0"}))
    said: list[str] = []
    server.start(folder, 0, say=said.append)
    assert "1.22.0 → " in said[0]
    (made,) = (folder / "backups").iterdir()
    assert str(made) in said[1]
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    with client(production) as api:
        assert len(contents(api)) == 321
    now = read_setup(folder)
    assert now is not None
    assert now.model_copy(update={"port": setup.port}) == setup
    server.stop(folder)
    said.clear()
    server.start(folder, 0, say=said.append)
    assert said == []


def test_another_workspace_may_use_data_whose_folder_was_lost(production: Workspace, url: str, tmp_path: Path) -> None:
    """It gets an account of its own beside the old one; what is there is backed up, since nobody knows its version."""
    server.stop(production.studio_folder)
    other = open_workspace(tmp_path)
    said: list[str] = []
    try:
        server.start(other.studio_folder, 0, database=url, say=said.append)
        assert "unknown version" in said[0]
        login = read_credentials(other.studio_folder)
        assert login is not None
        assert login.email != server.EMAIL
        with client(other) as api:
            assert api.get("/api/current-user/whoami").json()["email"] == login.email
            assert len(contents(api)) == 321
    finally:
        server.stop(other.studio_folder)
