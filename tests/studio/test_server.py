"""The embedded server. The tests of the real one share one cold start and run in the order of the file."""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import httpx
import psutil
import pytest
from pydantic import SecretStr

from labeling.errors import InputError, StudioError
from labeling.settings import open_workspace
from labeling.studio import server
from labeling.studio.database import Sqlite
from labeling.studio.server import Server
from labeling.studio.setup import Credentials, Setup, read_credentials, read_setup
from labeling.workflow.backing_up import back_up, restore

DEAD = Server(pid=2**22 + 1, create_time=1.0, port=8080)
STRANGER = Server(pid=os.getpid(), create_time=1.0, port=8080)  # a living process that began at another time


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a Python script in Label Studio's place."""

    def put(code: str) -> None:
        script = tmp_path / "label-studio"
        script.write_text(f"#!{sys.executable}\n{code}\n")
        script.chmod(0o755)
        monkeypatch.setattr(server, "_program", lambda: script)

    return put


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def known(folder: Path) -> Credentials:
    login = read_credentials(folder)
    assert login is not None
    return login


# Without Label Studio


def test_folder_without_a_server_has_no_status_and_stays_as_it_is(tmp_path: Path) -> None:
    assert server.status(tmp_path / "studio") is None
    assert read_credentials(tmp_path / "studio") is None
    assert server.stop(tmp_path / "studio") is False
    assert not (tmp_path / "studio").exists()


def test_start_says_how_to_get_a_label_studio_that_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(StudioError, match="not installed") as caught:
        server.start(tmp_path / "studio")
    assert "[server]" in caught.value.hint
    assert "LABEL_STUDIO_URL" in caught.value.hint
    assert not (tmp_path / "studio" / "credentials.json").exists()


def test_server_that_dies_at_once_is_told_without_its_secrets(tmp_path: Path, program: Callable[[str], None]) -> None:
    program(
        "import os, sys\n"
        "print('the token is', os.environ['LABEL_STUDIO_USER_TOKEN'])\n"
        "print('the password is', os.environ['LABEL_STUDIO_PASSWORD'])\n"
        "sys.exit('disk I/O error')"
    )
    with pytest.raises(StudioError, match="ended while it was starting") as caught:
        server.start(tmp_path / "studio")
    said = str(caught.value) + caught.value.hint
    assert "disk I/O error" in said
    assert str(tmp_path / "studio" / "server.log") in said
    assert "the token is […]" in said
    login = known(tmp_path / "studio")
    assert login.token.get_secret_value() not in said
    assert login.password.get_secret_value() not in said
    assert not (tmp_path / "studio" / "server.json").exists()


def test_server_that_never_answers_is_stopped(tmp_path: Path, program: Callable[[str], None]) -> None:
    program("import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)")
    pids, waited = [], []

    def waiting(seconds: float) -> None:
        pids.append(json.loads((tmp_path / "studio" / "server.json").read_text())["pid"])
        waited.append(seconds)

    server_stop_seconds, server.STOP_SECONDS = server.STOP_SECONDS, 1
    try:
        with pytest.raises(StudioError, match="did not answer within 2 seconds"):
            server.start(tmp_path / "studio", waiting=waiting, timeout=2)
    finally:
        server.STOP_SECONDS = server_stop_seconds
    assert 3 <= len(waited) <= 5
    assert waited == sorted(waited)
    assert not psutil.pid_exists(pids[0])
    assert server.stop(tmp_path / "studio") is False


def test_interrupted_start_leaves_no_process(tmp_path: Path, program: Callable[[str], None]) -> None:
    program("import time\ntime.sleep(60)")
    pids = []

    def waiting(_: float) -> None:
        pids.append(json.loads((tmp_path / "studio" / "server.json").read_text())["pid"])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        server.start(tmp_path / "studio", waiting=waiting)
    assert not psutil.pid_exists(pids[0])
    assert not (tmp_path / "studio" / "server.json").exists()


ANSWERS = """
import http.server, json, os, sys
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(json.dumps({"status": "UP"}).encode())
print(json.dumps(dict(os.environ)), flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[-1]) + MOVED), Health).serve_forever()
"""


def test_two_starts_make_one_server(tmp_path: Path, program: Callable[[str], None]) -> None:
    program(f"MOVED = 0{ANSWERS}")
    found: list[Server] = []
    threads = [threading.Thread(target=lambda: found.append(server.start(tmp_path, 0))) for _ in range(3)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 3
        assert len(set(found)) == 1
    finally:
        assert server.stop(tmp_path)


def test_server_that_moved_to_another_port_is_found(tmp_path: Path, program: Callable[[str], None]) -> None:
    program(f"MOVED = 1{ANSWERS}")
    try:
        running = server.start(tmp_path, 0)
        assert httpx.get(f"{running.url}/health", trust_env=False).json() == {"status": "UP"}
        assert server.status(tmp_path) == running
    finally:
        assert server.stop(tmp_path)


def test_environment_is_not_the_callers(
    tmp_path: Path, program: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LABEL_STUDIO_HOST", "HEARTEX_DEBUG", "HOST", "PORT", "DEBUG", "CI", "DJANGO_DB", "POSTGRE_HOST"):
        monkeypatch.setenv(name, "http://leak.example.org")
    program(f"MOVED = 0{ANSWERS}")
    try:
        server.start(tmp_path, 0)
        said = json.loads((tmp_path / "server.log").read_text().splitlines()[0])
    finally:
        assert server.stop(tmp_path)
    assert "leak" not in str(said)
    assert said["LABEL_STUDIO_COLLECT_ANALYTICS"] == "false"
    assert said["LABEL_STUDIO_BASE_DATA_DIR"] == str(tmp_path / "data")
    assert said["HOME"] == str(tmp_path / "home")


@pytest.mark.parametrize(
    "left",
    [DEAD.model_dump_json(), STRANGER.model_dump_json(), "{}", "half a fi"],
    ids=["dead", "stranger", "empty", "half"],
)
def test_stale_record_is_removed(tmp_path: Path, left: str) -> None:
    (tmp_path / "server.json").write_text(left)
    assert server.status(tmp_path) is None
    assert not (tmp_path / "server.json").exists()


def test_stop_spares_a_stranger(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as sleeper:
        try:
            (tmp_path / "server.json").write_text(Server(pid=sleeper.pid, create_time=1.0, port=1).model_dump_json())
            assert server.stop(tmp_path) is False
            time.sleep(0.1)
            assert sleeper.poll() is None
        finally:
            sleeper.kill()


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=str(tmp_path / "file")):
        server.start(tmp_path / "file" / "studio")


def test_damaged_credentials_are_named(tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text("{}")
    with pytest.raises(InputError, match=r"credentials\.json"):
        read_credentials(tmp_path)


@pytest.mark.parametrize(
    ("statements", "kept"),
    [
        ("CREATE TABLE django_migrations (id)", False),
        ("CREATE TABLE organization (id); CREATE TABLE htx_user (email); INSERT INTO htx_user VALUES ('me')", False),
        ("CREATE TABLE organization (id); INSERT INTO organization VALUES (1)", True),
    ],
)
def test_half_made_database_is_begun_anew(tmp_path: Path, statements: str, kept: bool) -> None:
    database = tmp_path / "label_studio.sqlite3"
    connection = sqlite3.connect(database)
    connection.executescript(statements)
    connection.close()
    Sqlite(data=tmp_path).heal("me")
    assert database.exists() == kept


def test_unreadable_database_is_kept(tmp_path: Path) -> None:
    database = tmp_path / "label_studio.sqlite3"
    database.write_bytes(b"no database" * 100)
    Sqlite(data=tmp_path).heal("me")
    assert database.exists()


MADE = (
    "CREATE TABLE organization (id); INSERT INTO organization VALUES (1);"
    "CREATE TABLE htx_user (email); INSERT INTO htx_user VALUES ('labeling@example.org');"
    "CREATE TABLE project (id); CREATE TABLE task (id); CREATE TABLE prediction (id); CREATE TABLE task_completion (id)"
)
LOGIN = '{"email": "labeling@example.org", "password": "geheim", "token": "0123456789"}'


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The folder of a server that has been used; nobody remembers by which version."""
    (tmp_path / "data").mkdir()
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "label_studio.sqlite3")) as connection:
        connection.executescript(MADE)
    (tmp_path / "credentials.json").write_text(LOGIN)
    return tmp_path


def test_start_says_how_to_get_a_gunicorn_that_is_not_installed(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StudioError, match="gunicorn is not installed") as caught:
        server.start(made, 0, program="gunicorn")
    assert "[server]" in caught.value.hint


def test_database_and_program_are_remembered_once_they_work(made: Path, program: Callable[[str], None]) -> None:
    program("import sys\nsys.exit('no')")
    with pytest.raises(StudioError):
        server.start(made, 0)
    assert read_setup(made) is None
    program(f"MOVED = 0{ANSWERS}")
    try:
        running = server.start(made, 0)
    finally:
        server.stop(made)
    assert read_setup(made) == Setup(label_studio=version("label-studio"), port=running.port)
    assert mode(made / "setup.json") == 0o600


def test_start_that_was_killed_is_remembered_by_the_next_one(made: Path, program: Callable[[str], None]) -> None:
    """Its server goes on, and the next start finds it: with its version and its database, not those of none."""
    program(f"MOVED = 0{ANSWERS}")
    said: list[str] = []
    try:
        running = server.start(made, 0, safety_copy=False)
        kept = read_setup(made)
        (made / "setup.json").rename(made / "starting.json")  # so far it had come
        assert server.start(made, 0) == running
        assert read_setup(made) == kept
        server.stop(made)
        server.start(made, say=said.append)
        assert said == []
    finally:
        server.stop(made)
    assert not (made / "starting.json").exists()


def test_port_is_that_of_the_last_start(made: Path, program: Callable[[str], None]) -> None:
    """Bookmarks and a proxy keep finding it; another port than the one wanted is said."""
    program(f"MOVED = 0{ANSWERS}")
    said: list[str] = []
    try:
        first = server.start(made, 0)
        server.stop(made)
        assert server.start(made, say=said.append).port == first.port
        server.stop(made)
        assert not [line for line in said if "Port" in line]
        with socket.create_server(("127.0.0.1", first.port)):
            moved = server.start(made, say=said.append)
            server.stop(made)
        assert moved.port != first.port
        assert f"Port {first.port} is not used; it runs on {moved.port}." in said
        assert server.start(made).port == moved.port
    finally:
        server.stop(made)


def test_data_of_an_unknown_version_are_backed_up_once(made: Path, program: Callable[[str], None]) -> None:
    program(f"MOVED = 0{ANSWERS}")
    said: list[str] = []
    for _ in range(2):
        server.start(made, 0, say=said.append)
        server.stop(made)
    assert len(said) == 2
    assert [mode(file) for file in (made / "backups").iterdir()] == [0o600]


def test_old_backups_of_migrations_go_once_another_went_well(
    made: Path, program: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration that fails again and again removes none: the first of them may be the only good one."""
    (made / "backups").mkdir()
    mine = made / "backups" / "mine.tar.gz"
    mine.touch()
    said: list[str] = []
    program("import sys\nsys.exit('no')")
    for _ in range(5):
        with pytest.raises(StudioError):
            server.start(made, 0, say=said.append)
    first = sorted((made / "backups").glob("before-*"))
    assert len(first) == 5
    program(f"MOVED = 0{ANSWERS}")
    for number in ("1.3.0", "1.10.0"):
        monkeypatch.setattr("labeling.studio.inspection.installed", lambda number=number: number)
        server.start(made, 0, say=said.append)
        server.stop(made)
    left = {file.name for file in (made / "backups").iterdir()}
    assert len(left) == 4
    assert mine.name in left
    assert {name[:14] for name in left - {mine.name}} == {"before-1.23.2-", "before-1.3.0-2", "before-1.10.0-"}
    assert len([line for line in said if "removed" in line and "before-" in line]) == 4


def test_database_is_not_migrated_without_a_backup(
    made: Path, program: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless it is said that there shall be none."""
    program(f"MOVED = 0{ANSWERS}")

    def failing(*_: object, **__: object) -> None:
        raise StudioError("pg_dump is not installed here.", "Install it.")

    monkeypatch.setattr(server.backup, "write", failing)
    with pytest.raises(StudioError, match="pg_dump is not installed") as caught:
        server.start(made, 0)
    assert "--no-backup" in caught.value.hint
    try:
        server.start(made, 0, safety_copy=False)
    finally:
        server.stop(made)


def test_another_database_is_refused_before_it_is_touched(made: Path) -> None:
    with pytest.raises(StudioError, match=r"127\.0\.0\.1:1/x"):
        server.start(made, 0, database="postgresql://me:geheim@127.0.0.1:1/x")
    assert read_setup(made) is None


def test_damaged_setup_is_named_without_its_password(made: Path) -> None:
    (made / "setup.json").write_text('{"database": "postgresql://me:geheim@h/n"')
    with pytest.raises(InputError, match=r"setup\.json") as caught:
        server.start(made, 0)
    assert "geheim" not in caught.value.message + caught.value.hint


def test_secrets_of_the_log_are_hidden(made: Path) -> None:
    (made / "server.log").write_text("FATAL geheim 0123456789 pass-of-database")
    setup = Setup(database=SecretStr("postgresql://me:pass-of-database@h/n"))
    assert server._tail(made, setup).endswith("FATAL […] […] […]")


# The real one


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a real server, which was started cold; it is for the tests to stop and start it again."""
    folder = tmp_path_factory.mktemp("workspace") / ".labeling" / "studio"
    try:
        server.start(folder, 0)
        yield folder
    finally:
        server.stop(folder)


@pytest.fixture
def running(folder: Path) -> Server:
    found = server.status(folder)
    assert found is not None
    return found


def whoami(folder: Path, running: Server) -> httpx.Response:
    headers = {"Authorization": f"Token {known(folder).token.get_secret_value()}"}
    return httpx.get(f"{running.url}/api/current-user/whoami", headers=headers, trust_env=False, timeout=30)


@pytest.mark.studio
def test_real_token_works(folder: Path, running: Server) -> None:
    answer = whoami(folder, running)
    assert answer.status_code == 200
    assert answer.json()["email"] == known(folder).email


@pytest.mark.studio
def test_real_second_start_finds_it(folder: Path, running: Server) -> None:
    assert server.start(folder, 0) == running


@pytest.mark.studio
def test_real_starting_anew_is_waited_for(folder: Path, running: Server) -> None:
    """A port that the record does not know any more is found out."""
    (folder / "server.json").write_text(running.model_copy(update={"port": 1}).model_dump_json())
    assert server.status(folder) is None
    assert server.start(folder, 0) == running


@pytest.mark.studio
def test_real_server_keeps_its_files_and_secrets_private(folder: Path, running: Server) -> None:
    assert mode(folder) == 0o700
    assert mode(folder / "credentials.json") == 0o600
    assert mode(folder / "server.log") == 0o600
    login = known(folder)
    for secret in (login.password.get_secret_value(), login.token.get_secret_value()):
        assert secret not in repr(login)
        assert secret not in str(login)
        assert secret not in (folder / "server.log").read_text()
        assert not [p.pid for p in psutil.process_iter(["cmdline"]) if secret in str(p.info["cmdline"])]
    listening = [c for c in psutil.Process(running.pid).net_connections() if c.status == psutil.CONN_LISTEN]
    assert {c.laddr for c in listening} == {("127.0.0.1", running.port)}


@pytest.mark.studio
def test_real_signup_is_closed(running: Server) -> None:
    with httpx.Client(base_url=running.url, trust_env=False, timeout=30) as client:
        client.get("/user/signup/")
        form = {"email": "guest@example.org", "password": "guest-guest", "csrfmiddlewaretoken": "-"}
        form["csrfmiddlewaretoken"] = client.cookies.get("csrftoken", "")
        assert client.post("/user/signup/", data=form).status_code == 403
        assert client.post("/user/login/", data=form).status_code == 200  # the form again: there is no such account


@pytest.mark.studio
def test_real_stop_and_warm_start_on_a_taken_port(folder: Path, running: Server) -> None:
    headers = {"Authorization": f"Token {known(folder).token.get_secret_value()}"}
    with httpx.Client(base_url=running.url, headers=headers, trust_env=False, timeout=30) as client:
        made = client.post("/api/projects/", json={"title": "Kept over a restart"}).json()["id"]
        login = known(folder)
        assert server.stop(folder)  # with a connection open, which leaves the port in TIME_WAIT
    assert not psutil.pid_exists(running.pid)
    assert server.status(folder) is None
    assert server.stop(folder) is False

    again = server.start(folder, running.port)
    assert again.port == running.port
    assert again.pid != running.pid
    assert known(folder) == login
    answer = httpx.get(f"{again.url}/api/projects/{made}/", headers=headers, trust_env=False, timeout=30)
    assert answer.json()["title"] == "Kept over a restart"

    assert server.stop(folder)
    with socket.create_server(("127.0.0.1", running.port)):
        moved = server.start(folder, running.port)
        assert moved.port != running.port
        assert whoami(folder, moved).status_code == 200


@pytest.mark.studio
def test_real_killed_is_noticed(folder: Path, running: Server) -> None:
    os.killpg(running.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(running.pid)], timeout=10)
    assert server.status(folder) is None
    assert not (folder / "server.json").exists()
    assert server.stop(folder) is False


@pytest.mark.studio
def test_real_reboot_leaves_a_number_that_belongs_to_another_process(folder: Path) -> None:
    """The number in the record is that of a process that leads a group and began at the very same second."""
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as stranger:
        try:
            began = psutil.Process(stranger.pid).create_time() - 2
            left = Server(pid=stranger.pid, create_time=began, port=8080, data=str((folder / "data").resolve()))
            (folder / "server.json").write_text(left.model_dump_json())
            assert server.status(folder) is None
            running = server.start(folder, 0)
            assert running.pid != stranger.pid
            assert whoami(folder, running).status_code == 200
            assert stranger.poll() is None
        finally:
            stranger.kill()


@pytest.mark.studio
def test_real_backup_while_it_runs_is_another_server_after_its_restore(folder: Path, tmp_path: Path) -> None:
    headers = {"Authorization": f"Token {known(folder).token.get_secret_value()}"}
    source = server.start(folder, 0)
    with httpx.Client(base_url=source.url, headers=headers, trust_env=False, timeout=60) as client:
        labels = '<Labels name="label" toName="text"><Label value="A"/></Labels>'
        config = f'<View>{labels}<Text name="text" value="$text"/></View>'
        made = client.post("/api/projects/", json={"title": "Backed up", "label_config": config}).json()["id"]
        value = {"start": 0, "end": 3, "labels": ["A"]}
        region = {"id": "a", "from_name": "label", "to_name": "text", "type": "labels", "value": value}
        tasks = [{"data": {"text": f"one 👩‍👩‍👧 {i}"}, "predictions": [{"result": [region]}]} for i in range(50)]
        assert client.post(f"/api/projects/{made}/import", json=tasks).status_code == 201
        upload = {"file": ("upload.txt", b"an uploaded file")}
        assert client.post(f"/api/projects/{made}/import", files=upload).status_code == 201
        query = {"project": made, "fields": "all", "page_size": 100}
        number = client.get("/api/tasks/", params=query).json()["tasks"][0]["id"]
        assert client.post(f"/api/tasks/{number}/annotations/", json={"result": [region]}).status_code == 201
        before = client.get("/api/tasks/", params=query).json()["tasks"]
        archive = back_up(open_workspace(folder.parents[1]), f"{tmp_path}/a.tar.gz")
        assert (archive.counts["predictions"], archive.counts["annotations"]) == (50, 1)
        # what comes after it is not in it
        assert client.post(f"/api/tasks/{number}/annotations/", json={"result": []}).status_code == 201

    other = open_workspace(tmp_path / "other")
    restore(other, archive.file)
    try:
        running = server.start(other.studio_folder, 0)
        with httpx.Client(base_url=running.url, headers=headers, trust_env=False, timeout=60) as client:
            assert client.get("/api/tasks/", params=query).json()["tasks"] == before
        uploads = (other.studio_folder / "data" / "media").rglob("*upload.txt")
        assert [path.read_bytes() for path in uploads] == [b"an uploaded file"]
    finally:
        server.stop(other.studio_folder)


@pytest.mark.studio
def test_real_gunicorn_serves_sqlite_too(folder: Path) -> None:
    server.stop(folder)
    running = server.start(folder, 0, program="gunicorn")
    assert whoami(folder, running).status_code == 200
    assert "gunicorn" in " ".join(psutil.Process(running.pid).cmdline())
    assert len(psutil.Process(running.pid).children()) == 1
    server.stop(folder)
    assert "gunicorn" in " ".join(psutil.Process(server.start(folder, 0).pid).cmdline())
