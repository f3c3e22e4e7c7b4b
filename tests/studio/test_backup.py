"""Backup and restore: what goes in comes out exactly, and nothing else is taken. Without a Label Studio."""

import contextlib
import errno
import gzip
import hashlib
import io
import json
import os
import re
import secrets
import sqlite3
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from labeling.errors import InputError, StudioError
from labeling.settings import EMBEDDED, Workspace, open_workspace
from labeling.studio import backup, restoring, server
from labeling.studio.database import Sqlite
from labeling.studio.setup import Setup, read_setup, write_setup
from labeling.workflow.backing_up import back_up, restore
from tests.builders import ROOT

SCHEMA = """
CREATE TABLE django_migrations (app, name); INSERT INTO django_migrations VALUES ('tasks', '0001_initial');
CREATE TABLE organization (id); INSERT INTO organization VALUES (1);
CREATE TABLE htx_user (id, email, is_active, active_organization_id);
INSERT INTO htx_user VALUES (1, 'labeling@example.org', 1, 1);
CREATE TABLE organizations_organizationmember (organization_id, user_id, deleted_at);
INSERT INTO organizations_organizationmember VALUES (1, 1, NULL);
CREATE TABLE authtoken_token (key, user_id); INSERT INTO authtoken_token VALUES ('0123456789', 1);
CREATE TABLE project (id); INSERT INTO project VALUES (1);
CREATE TABLE task (id INTEGER PRIMARY KEY, text); INSERT INTO task (text) VALUES ('Zoë 👩‍👩‍👧'), ('two');
CREATE TABLE prediction (id); INSERT INTO prediction VALUES (1);
CREATE TABLE task_completion (id); INSERT INTO task_completion VALUES (1);
"""
COUNTS = {"projects": 1, "tasks": 2, "predictions": 1, "annotations": 1}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace whose server's folder looks like one that was used."""
    folder = tmp_path / "workspace"
    studio = folder / ".labeling" / "studio"
    for file, content in {
        "data/.env": "SECRET_KEY=django-secret",
        "data/media/upload/1/some file.txt": "uploaded",
        "data/export/1-at-2026.json": "a leftover",
        "credentials.json": '{"email": "labeling@example.org", "password": "geheim", "token": "0123456789"}',
        "server.log": "a line",
    }.items():
        (studio / file).parent.mkdir(parents=True, exist_ok=True)
        (studio / file).write_text(content)
    with contextlib.closing(sqlite3.connect(studio / "data" / "label_studio.sqlite3")) as connection:
        connection.executescript(SCHEMA)
    write_setup(studio, Setup(server="gunicorn", label_studio="1.23.2"))
    (folder / ".labeling" / "projects.json").write_text(json.dumps({EMBEDDED: 1, "https://elsewhere": 7}))
    (folder / ".labeling" / "parts.jsonl").write_text('{"digest": "x", "part": "dev"}\n')
    return open_workspace(folder)


def files(folder: Path) -> dict[str, bytes]:
    kept = {"data", "credentials.json", "setup.json"}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] in kept and "export" not in path.parts
    }


def rows(folder: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(folder / "data" / "label_studio.sqlite3")) as connection:
        return list(connection.iterdump())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_comes_back_in_another_workspace(workspace: Workspace, tmp_path: Path) -> None:
    made = back_up(workspace, f"{tmp_path}/a.tar.gz")
    assert (made.counts, made.database, made.label_studio) == (COUNTS, "sqlite", "1.23.2")
    assert mode(made.file) == 0o600
    other = open_workspace(tmp_path / "other")
    done = restore(other, made.file)
    assert (done.counts, done.files) == (COUNTS, made.files)
    assert rows(other.studio_folder) == rows(workspace.studio_folder)
    before, after = files(workspace.studio_folder), files(other.studio_folder)
    assert before.keys() == after.keys()
    assert {n for n in before if before[n] != after[n]} <= {"data/label_studio.sqlite3"}
    assert {mode(path) for path in other.studio_folder.rglob("*") if path.is_file() and path.name != "lock"} == {0o600}
    assert other.remembered_project() == 1
    assert (other.state / "parts.jsonl").read_text() == (workspace.state / "parts.jsonl").read_text()
    left = {path.name for path in other.studio_folder.iterdir()}
    assert left == {"data", "credentials.json", "setup.json", "lock"}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_replace_gives_the_exact_state_back(workspace: Workspace, tmp_path: Path) -> None:
    folder = workspace.studio_folder
    file = back_up(workspace, f"{tmp_path}/a.tar.gz").file
    rows_before, files_before = rows(folder), files(folder)
    with contextlib.closing(sqlite3.connect(folder / "data" / "label_studio.sqlite3")) as connection:
        connection.executescript("DELETE FROM task; CREATE TABLE later (id)")
    (folder / "data" / "media" / "upload" / "1" / "later.txt").touch()
    (folder / "credentials.json").write_text("{}")
    workspace.remember_project(5)
    with pytest.raises(InputError, match="data already") as caught:
        restore(workspace, file)
    assert "--replace" in caught.value.hint
    assert rows(folder) != rows_before
    restore(workspace, file, replace=True)
    assert rows(folder) == rows_before
    after = files(folder)
    assert after.keys() == files_before.keys()
    assert after["credentials.json"] == files_before["credentials.json"]
    assert json.loads((workspace.state / "projects.json").read_text()) == {EMBEDDED: 1, "https://elsewhere": 7}


def test_what_is_remembered_of_other_data_is_set_aside(workspace: Workspace, tmp_path: Path) -> None:
    """Numbers of tasks are given again, so it would be taken for the restored ones."""
    file = back_up(workspace, f"{tmp_path}/a.tar.gz").file
    (workspace.state / "import-1-0123abcd.sqlite").touch()
    for name in ("1", "7@elsewhere"):
        (workspace.state / "pulled" / name).mkdir(parents=True)
        (workspace.state / "pulled" / name / "state.json").write_text(name)
    restore(workspace, file, replace=True)
    assert not list(workspace.state.glob("import-*"))
    kept = {path.parent.name.partition("-")[0]: path.read_text() for path in workspace.state.glob("pulled/*/*.json")}
    assert kept == {"1.before": "1", "7@elsewhere": "7@elsewhere"}


def test_copy_is_consistent_while_others_write(workspace: Workspace, tmp_path: Path) -> None:
    """Two tables change together, and so they are in each copy; a plain copy of the file would tear them apart."""
    file, done = workspace.studio_folder / "data" / "label_studio.sqlite3", threading.Event()
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE filler (content)")
        connection.executemany("INSERT INTO filler VALUES (?)", ((os.urandom(1000),) for _ in range(20_000)))
        connection.commit()

    def write() -> None:
        with contextlib.closing(sqlite3.connect(file, timeout=60)) as writer:
            while not done.is_set():
                with writer:
                    writer.execute("INSERT INTO project VALUES (0)")
                    writer.execute("UPDATE filler SET content = randomblob(1000) WHERE rowid % 50 = 0")
                    writer.execute("INSERT INTO prediction VALUES (0)")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for i in range(3):
            counts = back_up(workspace, f"{tmp_path}/{i}.tar.gz").counts
            assert counts["projects"] == counts["predictions"]
    finally:
        done.set()
        thread.join()


def test_folder_gets_a_file_named_by_the_time(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    made = back_up(workspace, f"{tmp_path}/backups").file
    assert made.parent == tmp_path / "backups"
    assert made.name.startswith("label-studio-2")


def test_cron_line_of_the_docs_makes_another_backup_each_time(
    workspace: Workspace, run: Callable[..., Any], tmp_path: Path
) -> None:
    """Into a folder that is made at the first time; also twice within a second."""
    page = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"`0 6 \* \* \* cd /path/to/workspace && \.venv/bin/labeling (.*)`", page)
    for _ in range(3):
        done = run(*line.split(), cwd=workspace.folder)
        assert done.returncode == 0, done.stderr
    made = list((workspace.folder / "backups").iterdir())
    assert len(made) == 3
    for file in made:
        assert file.name.endswith(".tar.gz")
        restore(workspace, file, replace=True)


def test_two_backups_of_one_second_have_two_names(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Stopped":
            return cls(2026, 3, 1, 6, 0, 0, tzinfo=tz)

    monkeypatch.setattr("labeling.workflow.backing_up.datetime", Stopped)
    made = [back_up(workspace, f"{tmp_path}/new/folder/").file for _ in range(3)]
    assert [file.name.removeprefix("label-studio-20260301-060000") for file in made] == [
        ".tar.gz",
        "-2.tar.gz",
        "-3.tar.gz",
    ]


@pytest.mark.parametrize("links", [True, False])
def test_backup_of_another_that_came_first_is_kept(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """Two workspaces, one folder, one second: both are seen to be free, and one of them is first."""
    whole = backup._pack

    def slow(*args: Any) -> Any:
        (tmp_path / "a.tar.gz").write_text("mine")
        return whole(*args)

    def without(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(backup, "_pack", slow)
    if not links:
        monkeypatch.setattr(backup.os, "link", without)
    with pytest.raises(InputError, match="exists already"):
        back_up(workspace, f"{tmp_path}/a.tar.gz")
    assert (tmp_path / "a.tar.gz").read_text() == "mine"
    made = backup.write(workspace.studio_folder, tmp_path / "a.tar.gz", numbered=True)
    assert made.file == tmp_path / "a-2.tar.gz"
    assert (tmp_path / "a.tar.gz").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-2.tar.gz", "a.tar.gz", "workspace"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "needs a name"),
        ("-", "needs a name"),
        ("a.zip", "not the name of an archive"),
        ("old.tar", "not the name of an archive"),
        ("file", "not a folder"),
    ],
)
def test_name_that_is_neither_an_archive_nor_a_folder(
    workspace: Workspace, tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=said):
        back_up(workspace, f"{tmp_path}/{name}" if name.strip("-") else name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "workspace"]


def test_name_without_an_ending_is_a_folder(workspace: Workspace, tmp_path: Path) -> None:
    assert back_up(workspace, f"{tmp_path}/backups").file.parent == tmp_path / "backups"


def test_backup_that_was_killed_leaves_nothing_behind_its_next_one(
    workspace: Workspace, run: Callable[..., Any], tmp_path: Path
) -> None:
    """Killed while it copies: what it had written, as large as the database, goes with the next backup."""
    database = workspace.studio_folder / "data" / "label_studio.sqlite3"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE filler AS SELECT randomblob(120000000) AS content")
        connection.commit()
    program = Path(sys.executable).with_name("labeling")
    command = [program, "studio", "backup", f"{tmp_path}/b/", "-w", workspace.folder]
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with subprocess.Popen(command, env={**os.environ, "TMPDIR": str(temporary)}, stderr=subprocess.DEVNULL) as process:
        while not any(path.stat().st_size for path in tmp_path.glob("b/.*")):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    assert len(list((tmp_path / "b").iterdir())) == 1
    assert list(workspace.studio_folder.glob("backup-*"))
    assert list(temporary.iterdir()) == []
    assert run(*command[1:]).returncode == 0
    assert [path.name[:13] for path in (tmp_path / "b").iterdir()] == ["label-studio-"]
    assert not list(workspace.studio_folder.glob("backup-*"))


def test_backup_that_is_being_written_is_not_a_leftover(workspace: Workspace, tmp_path: Path) -> None:
    """Of another workspace, into the same folder."""
    with backup._partial(tmp_path) as (out, partial):
        out.write(b"half")
        back_up(workspace, f"{tmp_path}/")
        assert partial.exists()
    assert not partial.exists()


def test_existing_file_is_not_overwritten(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        back_up(workspace, f"{tmp_path}/a.tar.gz")
    assert (tmp_path / "a.tar.gz").read_text() == "mine"


def test_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to back up"):
        back_up(open_workspace(tmp_path), f"{tmp_path}/a.tar.gz")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".labeling" / "studio").mkdir(parents=True)
    with pytest.raises(InputError, match="nothing to back up"):
        back_up(open_workspace(tmp_path), f"{tmp_path}/a.tar.gz")
    assert not (tmp_path / "a.tar.gz").exists()


def test_damaged_database_is_not_backed_up(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.studio_folder / "data" / "label_studio.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(StudioError, match="not a database"):
        back_up(workspace, f"{tmp_path}/a.tar.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["workspace"]
    assert not list(workspace.studio_folder.glob("backup-*"))


def test_place_that_cannot_be_written(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Cannot write"):
        back_up(workspace, f"{tmp_path}/file/a.tar.gz")


def test_restore_is_refused_while_the_server_runs(workspace: Workspace, tmp_path: Path) -> None:
    file = back_up(workspace, f"{tmp_path}/a.tar.gz").file
    own = server.psutil.Process()
    running = server.Server(pid=own.pid, create_time=own.create_time(), port=1)
    (workspace.studio_folder / "server.json").write_text(running.model_dump_json())
    with pytest.raises(StudioError, match="is running") as caught:
        restore(workspace, file, replace=True)
    assert "labeling studio stop" in caught.value.hint


# Archives that are not whole or not ours

Change = Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]


def rewritten(file: Path, change: Change) -> Path:
    """The archive with other members."""
    with tarfile.open(file) as archive:
        members = [(m, (archive.extractfile(m) or io.BytesIO()).read()) for m in archive]
    change(members)
    with tarfile.open(file, "w:gz") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file


def added(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b"evil") -> Change:
    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, link
        members.insert(0, (member, data if kind == tarfile.REGTYPE else b""))

    return change


def altered(name: str) -> Change:
    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        for i, (member, data) in enumerate(members):
            if member.name == name:
                members[i] = (member, data[:-1] + b"?")

    return change


def without(name: str) -> Change:
    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        members[:] = [m for m in members if m[0].name != name]

    return change


def without_database(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    without("data/label_studio.sqlite3")(members)
    manifest = json.loads(members[-1][1])
    del manifest["members"]["data/label_studio.sqlite3"]
    members[-1] = (members[-1][0], json.dumps(manifest).encode())


def newer(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members[-1] = (members[-1][0], members[-1][1].replace(b'"format": 1', b'"format": 2'))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (added("../evil.txt"), r"it has a file '\.\./evil"),
        (added("data/../../evil.txt"), "it has a file"),
        (added("/tmp/evil.txt"), "it has a file"),
        (added("data//evil.txt"), "it has a file"),
        (added("evil.txt"), "it has a file"),
        (added("data"), "it has a file 'data'"),
        (added("server.json"), "it has a file"),
        (added("data/label_studio.sqlite3-journal"), "it has a file"),
        (added("data/" + "a/" * 10 + "evil.txt"), "it has a file"),
        (added("data/.env/evil.txt"), "as a folder too"),
        (added("data/" + "Ω" * 5000), "one of its headers has"),
        (added("data/" + "Ω" * 128), "it has a file"),
        (added("data/evil", tarfile.SYMTYPE, "/etc"), "link, a device"),
        (added("data/evil", tarfile.SYMTYPE, "media"), "link, a device"),
        (added("data/evil", tarfile.LNKTYPE, "/etc/passwd"), "link, a device"),
        (added("data/evil", tarfile.FIFOTYPE), "link, a device"),
        (added("data/evil", tarfile.CHRTYPE), "link, a device"),
        (added("data/evil", tarfile.DIRTYPE), "link, a device"),
        (added("data/evil", tarfile.GNUTYPE_SPARSE), "link, a device"),
        (added("data/evil", tarfile.XGLTYPE), "link, a device"),
        (added("data/evil.txt"), "not what its manifest says: 'data/evil.txt'"),
        (added("data/.env"), r"it has 'data/\.env' twice"),
        (altered("data/.env"), r"not what its manifest says: 'data/\.env'"),
        (altered("credentials.json"), "not what its manifest says: 'credentials.json'"),
        (without("data/.env"), r"not what its manifest says: 'data/\.env'"),
        (without("manifest.json"), "no manifest"),
        (without_database, "it has no database"),
        (newer, "newer version"),
    ],
)
def test_archive_that_is_not_ours_changes_nothing(
    workspace: Workspace, tmp_path: Path, change: Change, said: str
) -> None:
    file = rewritten(back_up(workspace, f"{tmp_path}/a.tar.gz").file, change)
    folder = workspace.studio_folder
    before = files(folder)
    with pytest.raises(InputError, match=said):
        restore(workspace, file, replace=True)
    assert files(folder) == before
    assert not (folder / restoring.STAGE).exists()
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_archive_that_was_cut_off(workspace: Workspace, tmp_path: Path, share: float) -> None:
    file = back_up(workspace, f"{tmp_path}/a.tar.gz").file
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError, match="not a valid backup: it is damaged or cut off"):
        restore(workspace, file, replace=True)


def test_archive_with_a_flipped_bit(workspace: Workspace, tmp_path: Path) -> None:
    """It is refused, but for the bits of a compressed file that mean nothing: then all is as it was."""
    file = back_up(workspace, f"{tmp_path}/a.tar.gz").file
    rows_before, refused = rows(workspace.studio_folder), 0
    whole = bytearray(file.read_bytes())
    places = range(20, len(whole), max(1, len(whole) // 40))
    for at in places:
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            restore(workspace, file, replace=True)
        except InputError:
            refused += 1
        assert rows(workspace.studio_folder) == rows_before
    assert refused > len(places) // 2


def test_archive_that_does_not_fit_on_the_disk(workspace: Workspace, tmp_path: Path) -> None:
    """A small file may say that it is large: nothing of it is unpacked."""
    member = tarfile.TarInfo("data/media/bomb")
    member.size = 1 << 50
    (tmp_path / "bomb.tar.gz").write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024)))
    with pytest.raises(InputError, match="does not fit on the disk"):
        restore(workspace, tmp_path / "bomb.tar.gz", replace=True)


@pytest.mark.parametrize("content", [None, b"", b"text", gzip.compress(b"text", mtime=0)])
def test_file_that_is_no_archive(workspace: Workspace, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(InputError, match="not there" if content is None else "not a valid backup"):
        restore(workspace, tmp_path / "a.tar.gz", replace=True)


def test_backup_of_another_kind_of_database(workspace: Workspace, tmp_path: Path) -> None:
    file = back_up(workspace, f"{tmp_path}/a.tar.gz").file
    with pytest.raises(InputError, match="cannot be restored into postgresql://me@h"):
        restore(open_workspace(tmp_path / "other"), file, database="postgresql://me:geheim@h/n")


# Archives that look like ours


def emptied(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    """Signed anew by whoever changed it."""
    manifest = json.loads(members[-1][1])
    for member, data in members[:-1]:
        manifest["members"][member.name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    members[-1] = (members[-1][0], json.dumps(manifest).encode())


def forged(name: str, data: bytes) -> Change:
    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        for i, (member, _) in enumerate(members):
            if member.name == name:
                members[i] = (member, data)
        emptied(members)

    return change


def queried(*statements: str) -> Change:
    """The archive with another database."""

    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "changed.sqlite3")
            file.write_bytes(members[0][1])
            with contextlib.closing(sqlite3.connect(file)) as connection:
                connection.executescript(";".join(statements))
            members[0] = (members[0][0], file.read_bytes())
        emptied(members)

    return change


def damaged(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    data = bytearray(members[0][1])
    data[4096:5000] = bytes(904)
    members[0] = (members[0][0], bytes(data))
    emptied(members)


def said(field: str, value: Any) -> Change:
    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        members[-1] = (members[-1][0], json.dumps(json.loads(members[-1][1]) | {field: value}).encode())

    return change


LOGIN = {"email": "labeling@example.org", "password": "geheim", "token": "0123456789"}


@pytest.mark.parametrize(
    ("change", "why", "hint"),
    [
        (forged("data/label_studio.sqlite3", b"not a database"), "its database cannot be read", "another backup"),
        (forged("data/label_studio.sqlite3", b""), "not the database of a Label Studio", "another backup"),
        (damaged, "its database (is damaged|cannot be read)", "another backup"),
        (queried("DROP TABLE task"), "it has no table task", "another backup"),
        (queried("DROP TABLE task", "CREATE VIEW task AS SELECT 1"), "it has no table task", "another backup"),
        (queried("DROP TABLE htx_user", "CREATE TABLE htx_user (email)"), "cannot be read .no such column", "another"),
        (queried("DELETE FROM organization"), "has no organization", "another backup"),
        (queried("DELETE FROM task"), "does not hold as much as its manifest says", "another backup"),
        (
            queried("INSERT INTO django_migrations VALUES ('tasks', '9999_later')"),
            "newer Label Studio.*9999",
            "another",
        ),
        (said("label_studio", "99.1"), "it is of Label Studio 99.1, and ", "another backup"),
        (forged("setup.json", b'{"label_studio": "99.1"}'), "it is of Label Studio 99.1, and ", "another backup"),
        (forged("setup.json", b"[]"), "its setup.json is damaged", "another backup"),
        (said("database", "oracle"), "its manifest is unknown", "another backup"),
        (said("database", "postgresql"), "it has no database", "another backup"),
        (forged("credentials.json", b"{}"), "its credentials.json is damaged", "--without-login"),
        (
            forged("credentials.json", json.dumps(LOGIN | {"email": "me@example.org"}).encode()),
            "'me@example.org', which is not an account",
            "--without-login",
        ),
        (
            forged("credentials.json", json.dumps(LOGIN | {"token": "another"}).encode()),
            "a token that is not the one of",
            "--without-login",
        ),
        (queried("UPDATE htx_user SET is_active = 0"), "is not active", "--without-login"),
        (queried("UPDATE organizations_organizationmember SET deleted_at = 1"), "in no organization", "--without"),
    ],
)
def test_forged_archive_changes_nothing(
    workspace: Workspace, run: Callable[..., Any], tmp_path: Path, change: Change, why: str, hint: str
) -> None:
    """Its files are what its manifest says, and yet it is not the backup of a Label Studio."""
    folder = workspace.studio_folder
    made = rewritten(back_up(workspace, f"{tmp_path}/a.tar.gz").file, change)
    before = files(folder)
    done = run("studio", "restore", made, "-w", workspace.folder, "--replace")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert re.search(f"is not a valid backup: .*{why}", done.stderr), done.stderr
    assert hint in done.stderr
    assert files(folder) == before
    assert {path.name for path in folder.iterdir()} == {"data", "credentials.json", "setup.json", "lock", "server.log"}
    assert not {secret for secret in ("geheim", "another-token") if secret in done.stderr}


def test_data_without_a_login_of_use_are_within_reach(workspace: Workspace, tmp_path: Path) -> None:
    """Somebody took another token in the page: the backup says what will come, and the restore takes the data."""
    folder = workspace.studio_folder
    with contextlib.closing(sqlite3.connect(folder / "data" / "label_studio.sqlite3")) as connection:
        connection.executescript("UPDATE authtoken_token SET key = 'renewed'")
    made = back_up(workspace, f"{tmp_path}/a.tar.gz")
    assert "--without-login" in str(made.notes)
    with pytest.raises(InputError, match="a token that is not the one of"):
        restore(workspace, made.file, replace=True)
    restore(workspace, made.file, replace=True, without_login=True)
    assert not (folder / "credentials.json").exists()
    assert rows(folder)


# On PostgreSQL

POSTGRES_SCHEMA = """
SET ROLE labeling;
CREATE TABLE django_migrations (app text, name text); INSERT INTO django_migrations VALUES ('tasks', '0001_initial');
CREATE TABLE organization (id int); INSERT INTO organization VALUES (1);
CREATE TABLE htx_user (id int, email text, is_active boolean, active_organization_id int);
INSERT INTO htx_user VALUES (1, 'labeling@example.org', true, 1);
CREATE TABLE organizations_organizationmember (organization_id int, user_id int, deleted_at timestamptz);
INSERT INTO organizations_organizationmember VALUES (1, 1, NULL);
CREATE TABLE authtoken_token (key text, user_id int); INSERT INTO authtoken_token VALUES ('0123456789', 1);
CREATE TABLE project (id int); INSERT INTO project VALUES (1);
CREATE TABLE task (id serial PRIMARY KEY, text text);
INSERT INTO task (text) VALUES ('Zoë 👩‍👩‍👧'), (E'\\r\\n\\t\\\\.');
CREATE TABLE prediction (id int); INSERT INTO prediction VALUES (1);
CREATE TABLE task_completion (id int); INSERT INTO task_completion VALUES (1);
"""


@pytest.fixture
def on_postgres(workspace: Workspace, postgres: Any) -> tuple[Workspace, Callable[[str], list[Any]]]:
    """The workspace with its data in a database of a real PostgreSQL, and how to ask that."""
    name = f"backup_{secrets.token_hex(4)}"
    url = postgres.create(name)
    with postgres.connect(name) as connection:
        connection.execute(POSTGRES_SCHEMA)
    (workspace.studio_folder / "data" / "label_studio.sqlite3").unlink()
    write_setup(workspace.studio_folder, Setup(database=SecretStr(url), label_studio="1.23.2"))

    def ask(query: str) -> list[Any]:
        with postgres.connect(name) as connection:
            found: list[Any] = connection.execute(query).fetchall()
        return found

    return workspace, ask


def test_real_postgres_comes_back(on_postgres: tuple[Workspace, Callable[[str], list[Any]]], tmp_path: Path) -> None:
    workspace, ask = on_postgres
    made = back_up(workspace, f"{tmp_path}/a.tar.gz")
    assert (made.counts, made.database, made.notes) == (COUNTS, "postgresql", ())
    before = ask("SELECT * FROM task ORDER BY id")
    ask("UPDATE task SET text = 'later' RETURNING id")
    ask("INSERT INTO task (text) VALUES ('later') RETURNING id")
    restore(workspace, made.file, replace=True)
    assert ask("SELECT * FROM task ORDER BY id") == before


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (forged("database.sql", b""), "it is not the database of a Label Studio"),
        (forged("database.sql", b"CREATE TABLE public.task (id int);\n"), "it has no table django_migrations"),
        (forged("database.sql", b"\\! touch evil\n"), "syntax error"),
        (forged("database.sql", b"COMMIT;\n"), "not what pg_dump writes"),
        (forged("database.sql", b"\0\xff" * 100), "not what pg_dump writes"),
        (forged("credentials.json", b"{}"), "its credentials.json is damaged"),
        (forged("credentials.json", json.dumps(LOGIN | {"email": "me@example.org"}).encode()), "not an account"),
        (forged("credentials.json", json.dumps(LOGIN | {"token": "another"}).encode()), "a token that is not"),
    ],
)
def test_real_postgres_is_spared_by_a_forged_archive(
    on_postgres: tuple[Workspace, Callable[[str], list[Any]]],
    run: Callable[..., Any],
    tmp_path: Path,
    change: Change,
    why: str,
) -> None:
    workspace, ask = on_postgres
    made = rewritten(back_up(workspace, f"{tmp_path}/a.tar.gz").file, change)
    ask("UPDATE task SET text = 'newer' RETURNING id")
    before = ask("SELECT xmin, * FROM task ORDER BY id"), files(workspace.studio_folder)
    done = run("studio", "restore", made, "-w", workspace.folder, "--replace")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert re.search(why, done.stderr), done.stderr
    assert (ask("SELECT xmin, * FROM task ORDER BY id"), files(workspace.studio_folder)) == before
    assert not list(tmp_path.rglob("evil"))


# A restore that is cut off


@pytest.mark.parametrize("left", ["restoring", "data.replaced", "backup-abc"])
def test_what_a_killed_restore_left_goes_with_the_next_command(workspace: Workspace, tmp_path: Path, left: str) -> None:
    folder = workspace.studio_folder / left
    folder.mkdir()
    (folder / "large").touch()
    back_up(workspace, f"{tmp_path}/a.tar.gz")
    assert not folder.exists()


@pytest.mark.parametrize("at", range(6))
def test_restore_that_is_cut_off_is_noticed_and_done_again(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Our process dies at each of its steps; nothing starts on half of the data, and another restore mends all."""
    folder = workspace.studio_folder
    file = back_up(workspace, f"{tmp_path}/a.tar.gz").file
    rows_before = rows(folder)
    with contextlib.closing(sqlite3.connect(folder / "data" / "label_studio.sqlite3")) as connection:
        connection.executescript("DELETE FROM task")
    rows_later = rows(folder)

    class KilledError(BaseException):
        pass

    steps = 0

    def dying(whole: Callable[..., Any]) -> Callable[..., Any]:
        def step(self: Path, *rest: Any, **more: Any) -> Any:
            nonlocal steps
            if (folder / restoring.UNFINISHED).exists():
                if steps == at:
                    raise KilledError
                steps += 1
            return whole(self, *rest, **more)

        return step

    with monkeypatch.context() as patched:
        for name in ("rename", "replace", "unlink"):
            patched.setattr(Path, name, dying(getattr(Path, name)))
        patched.setattr(restoring.shutil, "rmtree", lambda *_, **__: None)
        with contextlib.suppress(KilledError):
            restore(workspace, file, replace=True)
    if (folder / restoring.UNFINISHED).exists():
        with pytest.raises(StudioError, match="restore was cut off"):
            server._prepared(folder, read_setup(folder), Setup(), print, safety_copy=True)
    else:
        assert rows(folder) in (rows_before, rows_later)
    restore(workspace, file, replace=True)
    assert rows(folder) == rows_before
    assert not (folder / restoring.UNFINISHED).exists()
    assert not (folder / restoring.REPLACED).exists()


# The command line


def test_backup_and_restore_commands_say_what_they_did_and_refuse_to_overwrite(
    workspace: Workspace, run: Callable[..., Any], tmp_path: Path
) -> None:
    made = run("studio", "backup", tmp_path / "a.tar.gz", "-w", workspace.folder, "--json")
    assert made.returncode == 0, made.stderr
    said = json.loads(made.stdout)
    assert (said["file"], said["counts"]) == (str(tmp_path / "a.tar.gz"), COUNTS)
    assert said["bytes"] == (tmp_path / "a.tar.gz").stat().st_size
    again = run("studio", "backup", tmp_path / "a.tar.gz", "-w", workspace.folder)
    assert (again.returncode, "exists already" in again.stderr) == (2, True)
    refused = run("studio", "restore", tmp_path / "a.tar.gz", "-w", workspace.folder)
    assert (refused.returncode, "--replace" in refused.stderr) == (2, True)
    done = run("studio", "restore", tmp_path / "a.tar.gz", "-w", tmp_path / "other")
    assert done.returncode == 0, done.stderr
    assert "Restored" in done.stdout
    for one in (made, again, refused, done):
        assert "geheim" not in one.stdout + one.stderr


# Leftovers of exports


def test_leftovers_of_exports_are_removed_after_an_hour(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "export"
    for name, age in {"old.json": 7200, "old-info.json": 7200, "new.json": 60}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x" * 10)
        then = os.stat(folder).st_mtime - age  # noqa: PTH116
        os.utime(folder / name, (then, then))
    snapshot = tmp_path / "data" / "media" / "export" / "1" / "snapshot.json"
    snapshot.parent.mkdir(parents=True)
    snapshot.touch()
    os.utime(snapshot, (1, 1))
    assert server.remove_leftovers(tmp_path) == 20
    assert [path.name for path in folder.iterdir()] == ["new.json"]
    assert snapshot.exists()
    assert server.remove_leftovers(tmp_path / "none") == 0


def test_dump_is_for_its_owner_alone(workspace: Workspace, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        Sqlite(data=workspace.studio_folder / "data").dump(tmp_path / "copy.sqlite3")
    finally:
        os.umask(old)
    assert mode(tmp_path / "copy.sqlite3") == 0o600
    assert hashlib.sha256((tmp_path / "copy.sqlite3").read_bytes()).digest()
