"""Whatever answers, a command ends with a message, without the token, in little memory, and the workspace is as before.

The server is `hostile.py`; each of its modes is something that a real one was seen to do, or might.
"""

import contextlib
import json
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest
from pydantic import SecretStr

from labeling.settings import Workspace, init, open_workspace
from labeling.studio import connection
from labeling.studio.config import to_xml
from labeling.workflow.export.commands import export_project
from labeling.workflow.export.options import Options
from labeling.workflow.pulled import Store, store_folder
from labeling.workflow.pulling import pull
from labeling.workflow.status import status
from labeling.workflow.watching import Turn, watch
from tests.hostile import EDITS, ENDLESS, RAW, TOKEN, Hostile

MEMORY = 1_500_000_000  # bytes of address space for a command without spaCy
SECONDS = 60  # a busy machine; each ends in a few
PATIENCE = 1  # second, by the setting: 120 would be as good, and take two minutes each
# After these the project looks as it may, and there is nothing to refuse.
HARMLESS = {
    "a task's time is before all time zones",
    "the version is a list",  # which a pull does not ask for
    "escape codes",
    "a time of the year 9999",
    "pages without tasks",
}

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def server() -> Iterator[Hostile]:
    with Hostile() as hostile:
        yield hostile


@pytest.fixture
def place(server: Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace whose project is on the server, with three tasks."""
    folder = tmp_path / "workspace"
    init(folder, title="Hostile")
    settings = folder / "labeling.toml"
    settings.write_text(f"{settings.read_text()}\n[studio]\ntimeout = {PATIENCE}\n")
    monkeypatch.setenv("LABEL_STUDIO_URL", server.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
    workspace = open_workspace(folder)
    workspace.remember_project(1)
    server.project["label_config"] = to_xml(workspace.label_schema)
    server.add(3)
    return workspace


@pytest.fixture
def labeling(place: Workspace) -> Command:
    def run(*args: str, memory: int = MEMORY) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [Path(sys.executable).with_name("labeling"), *args],
            cwd=place.folder,
            env={**os.environ, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (memory, memory)),
        )

    return run


def refused(done: "subprocess.CompletedProcess[str]", folder: Path, codes: tuple[int, ...] = (2,)) -> str:
    """What was said; it is one message, and the token is nowhere."""
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in codes, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    for file in folder.rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes(), file
    assert len(done.stderr) < 2_000
    return done.stderr


def kept(workspace: Workspace) -> list[int]:
    with Store(store_folder(workspace, 1)) as store:
        return store.ids


@pytest.mark.parametrize("mode", [*EDITS, *RAW, *sorted(ENDLESS)])
def test_pull_refuses_what_is_no_answer_and_the_copy_is_as_good_as_before(mode, server, place, labeling):
    pull(place)
    server.add(1)
    server.mode = mode
    said = refused(labeling("pull", "--full"), place.folder, (0, 1, 2) if mode in HARMLESS else (2,))
    if mode not in HARMLESS:
        assert "Error: " in said
        assert set(kept(place)) >= {1, 2, 3}
    server.mode = ""
    assert pull(place).tasks == 4
    assert kept(place) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "mode", ["a task's id is a path", "deep JSON among tasks", "a gzip bomb among tasks", "the same page for ever"]
)
def test_first_pull_that_was_refused_leaves_nothing_that_the_next_one_minds(mode, server, place, labeling):
    server.mode = mode
    refused(labeling("pull"), place.folder)
    server.mode = ""
    assert pull(place).tasks == 3


@pytest.mark.parametrize(
    "mode",
    [
        "the project has no id",
        "the project's id is text",
        "the project's config is a number",
        "deep JSON",
        "the project is text",
        "NaN",
        "the owner is text",
        "a token in a detail",
        "a token in a refusal",
        "a gzip bomb",
        "a drip",
        "a redirect loop",
        "bytes that are not UTF-8",
    ],
)
@pytest.mark.parametrize("command", ["doctor", "status", "export"])
def test_every_command_that_asks_ends_with_a_message(mode, command, server, place, labeling):
    server.mode = mode
    done = labeling(command, memory=6_000_000_000)  # doctor loads the model
    refused(done, place.folder, (1, 2) if command == "doctor" else (2,))


@pytest.mark.parametrize(
    "mode",
    [
        "a task's id is a path",
        "a task is empty",
        "tasks are an object",
        "the total is text",
        "the project has no id",
        "deep JSON among tasks",
        "a drip among tasks",
        "a gzip bomb among tasks",
        "numbers that grow for ever",
        "a token in a detail",
    ],
)
def test_import_sends_nothing_to_what_answers_so(mode, server, place, labeling):
    (place.folder / "a.jsonl").write_text(json.dumps({"id": "n1", "text": "Police arrested 40 people in Paris."}))
    server.mode = mode
    refused(labeling("import", "a.jsonl", "--jobs", "1", memory=6_000_000_000), place.folder)
    assert not [line for line in server.seen if line.endswith("import?return_task_ids=true")]
    server.mode = ""
    done = labeling("import", "a.jsonl", "--jobs", "1", "--json", memory=6_000_000_000)
    assert json.loads(done.stdout)["created"] == 1, done.stderr


@pytest.mark.parametrize(
    "mode",
    ["a page of a proxy", "less than was promised", "nothing at all", "a token in a page", "more than was promised"],
)
def test_fault_that_passes_ends_nothing(mode, server, place, monkeypatch):
    monkeypatch.setattr(connection, "FIRST_WAIT", 0.01)
    server.mode, server.only = mode, 2
    assert pull(place).tasks == 3
    assert server.only == 0


def test_watch_tells_what_is_no_answer_and_goes_on(server, place, tmp_path):
    turns: list[Turn] = []

    def tell(turn: Turn) -> None:
        turns.append(turn)
        server.mode = ""

    server.mode = "a task's id is a path"
    watch(place, tmp_path / "out", Options(), every=0.1, stop=Event(), tell=tell, turns=2)
    assert "../../x" in turns[0].error
    assert (turns[1].error, turns[1].tasks) == ("", 3)


def test_export_and_status_of_what_was_pulled_from_a_hostile_server(server, place, tmp_path):
    """Whatever stands in a task, it is read or listed."""
    for number, (field, value) in enumerate(
        [
            ("result", 5),
            ("result", [5]),
            ("result", [{"id": {}, "value": 7}]),
            ("result", [{"id": "r", "type": "labels", "value": {"start": -1, "end": 1 << 70, "labels": [[]]}}]),
            ("completed_by", [1]),
            ("was_cancelled", "no"),
            ("updated_at", 5),
            ("lead_time", "long"),
        ],
        start=4,
    ):
        server.add(1)
        server.tasks[number]["annotations"][0][field] = value
    for data in ({}, {"text": 5}, {"text": ["a"]}, {"text": "Police", "doc_id": {}, "digest": 5, "meta": "x"}):
        server.add(1, data=data)
    assert pull(place).tasks == 15
    found = status(place, offline=True)
    assert sum(found.states.values()) == 15
    done = export_project(place, tmp_path / "out", offline=True)
    assert done.problems


def test_personal_token_and_what_it_is_exchanged_for_are_never_said(server, place, labeling, monkeypatch):
    personal = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2lnbmF0dXJlLW9mLWl0"
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", personal)
    server.mode = "a token in a detail"
    said = refused(labeling("pull"), place.folder)
    assert personal not in said
    assert "an-access-token" not in said
    assert "POST /api/token/refresh/" in server.seen


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:8290", "Did you mean http://127.0.0.1:8290?"),
        ("localhost:8080/projects/3/data", "http:// is missing"),
        ("http://127.0.0.1:9/projects/3/data?tab=4", "without the page: http://127.0.0.1:9\n"),
        ("http://127.0.0.1:9/projects/", "without the page: http://127.0.0.1:9\n"),
        ("http://127.0.0.1:9/user/login/?next=/", "without the page: http://127.0.0.1:9\n"),
        ("http://127.0.0.1:9/api/projects", "without the page: http://127.0.0.1:9\n"),
        ("https://example.org/labelstudio/projects/3/data", "without the page: https://example.org/labelstudio\n"),
        ("ftp://example.org", "is not the URL of a server"),
        ("http://", "is not the URL of a server"),
        ("http://exa mple.org", "is not the URL of a server"),
        ("http://example.org:port", "is not the URL of a server"),
    ],
)
def test_address_that_is_none_is_refused_before_a_token_is_asked_for(address, said, place, labeling, monkeypatch):
    monkeypatch.delenv("LABEL_STUDIO_API_KEY")
    monkeypatch.setenv("LABEL_STUDIO_URL", address)
    done = labeling("status")
    assert done.returncode == 2
    assert said in done.stderr
    assert "token" not in done.stderr


def test_label_studio_below_a_path_works(server, place, monkeypatch):
    honest = server.answer
    monkeypatch.setattr(
        server, "answer", lambda method, path, *rest: honest(method, path.removeprefix("/studio"), *rest)
    )
    assert pull(open_workspace(place.folder, url=f"{server.url}/studio", project=1)).tasks == 3
    assert all("/studio/api/" in line for line in server.seen)


def test_project_that_never_was_is_not_gone(server, place, labeling):
    server.project = None
    assert "There is no project 999 at" in refused(labeling("status", "--project", "999"), place.folder)
    assert "Project 1 is gone from" in refused(labeling("status"), place.folder)


def test_token_stands_in_no_value(server, place):
    """Not in what `repr` says of a workspace or of an error either."""
    assert TOKEN not in repr(place)
    assert isinstance(place.api_key, SecretStr)


def spoil(data: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(data(file.read_bytes()))


def asking(query: str) -> Callable[[Path], None]:
    def ask(file: Path) -> None:
        with contextlib.closing(sqlite3.connect(file)) as db:
            db.execute(query)
            db.commit()

    return ask


spoil_head = spoil(lambda data: b"\0" * 100 + data[100:])

DAMAGES: dict[str, Callable[[Path], object]] = {
    "a head that is none": spoil_head,
    "half of a file": spoil(lambda data: data[: len(data) // 2]),
    "a hole in the file": spoil(lambda data: data[:4096] + b"\0" * 4096 + data[8192:]),
    "a table that is gone": asking("DROP TABLE tasks"),
    "a hole in a line": asking("UPDATE tasks SET line = substr(line, 1, 200) || 'x' WHERE id = 3"),
    "a state that is not JSON": asking("UPDATE state SET state = '{}x'"),
    "a state that is empty": asking("UPDATE state SET state = ''"),
    "a state that is gone": asking("DELETE FROM state"),
    "a state of a later version": asking("UPDATE state SET state = '{\"format\": 99}'"),
    "a state with more in it": asking(
        "UPDATE state SET state = replace(CAST(state AS TEXT), '{\"format', '{\"x\":1,\"format')"
    ),
    "drafts that are none": asking("INSERT OR REPLACE INTO drafts VALUES (3, 'x')"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_full_begins_anew_whatever_the_copy_is_and_keeps_its_files(damage, server, place, labeling):
    pull(place, drafts=True)
    folder = store_folder(place, 1)
    DAMAGES[damage](folder / "tasks.sqlite")
    before = {file.name: file.read_bytes() for file in folder.glob("tasks.sqlite*")}
    told = refused(labeling("export", "--offline", "-o", "out"), place.folder, (1, 2))
    assert "labeling pull" in told or "#3: no task" in told  # a task is listed, anything else is refused
    done = labeling("pull", "--full")
    assert done.returncode == 0, done.stderr
    assert kept(place) == [1, 2, 3]
    (aside,) = folder.glob("damaged-*")
    assert str(aside.name) in done.stderr
    assert {file.name: file.read_bytes() for file in aside.iterdir()} == before
    assert pull(place, full=True).notes == ()


def test_plain_pull_of_a_damaged_copy_says_what_to_do_and_touches_nothing(server, place, labeling):
    pull(place)
    file = store_folder(place, 1) / "tasks.sqlite"
    spoil_head(file)
    before = file.read_bytes()
    for command in ("pull", "status", "export"):
        assert "labeling pull --full" in refused(labeling(command), place.folder)
    assert file.read_bytes() == before
