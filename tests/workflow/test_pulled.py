"""The store of what was pulled: whatever happens to it, it holds what was put into it last."""

import contextlib
import fcntl
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.errors import InputError
from labeling.settings import init, open_workspace
from labeling.studio import exports
from labeling.studio.annotations import Choice
from labeling.workflow.documents import read_documents
from labeling.workflow.export.commands import export_files, export_project
from labeling.workflow.export.options import Options
from labeling.workflow.lines import encode
from labeling.workflow.pulled import Counts, State, Store, store_folder
from labeling.workflow.pulled_database import old_files
from labeling.workflow.status import status


def task(number: int, text: str = "Police arrested 40 protesters.", *, submitted: int = 1, skipped: int = 0, **more):
    annotations = [
        {"id": 10 * number + i, "completed_by": 1, "was_cancelled": i >= submitted, "result": []}
        for i in range(submitted + skipped)
    ]
    return {
        "id": number,
        "updated_at": "2026-11-24T08:00:00.000000Z",
        "data": {"text": text, "doc_id": f"doc-{number}"},
        "annotations": annotations,
        "cancelled_annotations": skipped,
        **more,
    }


def content(folder: Path) -> dict[int, dict]:
    with Store(folder) as store:
        assert store.ids == sorted(store.ids)
        return {number: store.task(number) for number in store.ids}


def expected(*tasks: dict) -> dict[int, dict]:
    return {each["id"]: json.loads(encode(each).line) for each in tasks}


def as_killed(folder: Path) -> Path:
    """The files as `kill -9` would leave them now, in another folder."""
    left = Path(tempfile.mkdtemp(dir=folder))
    for file in folder.glob("tasks.sqlite*"):
        if not file.name.endswith("-shm"):  # memory of the processes that are no more
            shutil.copy(file, left)
    return left


IDS = st.integers(1, 8)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=12)  # lone surrogates, NUL and line ends too
STEPS = st.one_of(
    st.tuples(st.just("put"), IDS, TEXTS, st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.just("drop"), IDS),
    st.tuples(st.just("sync")),
    st.tuples(st.just("save")),
    st.tuples(st.just("kill")),
    st.tuples(st.just("again")),
)


@settings(max_examples=150)
@given(st.lists(STEPS, max_size=25))
def test_store_holds_what_was_put_last_whatever_happens(steps):
    folder = Path(tempfile.mkdtemp())
    try:
        model: dict[int, dict] = {}
        rest = list(steps)
        while True:
            with Store.writing(folder) as store:
                assert {n: store.task(n) for n in store.ids} == model
                safe = dict(model)
                while rest:
                    kind, *values = rest.pop(0)
                    if kind == "put":
                        number, text, submitted, skipped = values
                        put = task(number, text, submitted=submitted, skipped=skipped)
                        (new,) = expected(put).items()
                        outcome = "new" if number not in model else "same" if model[number] == new[1] else "changed"
                        assert store.put(put) == outcome
                        model[number] = new[1]
                    elif kind == "drop":
                        assert store.drop(values[0]) == (values[0] in model)
                        model.pop(values[0], None)
                    elif kind == "sync":
                        store.sync()
                        safe = dict(model)
                        assert content(folder) == model  # another process sees it
                    elif kind == "save":
                        state = store.state.model_copy(update={"cursor": len(model)})
                        store.save(state)
                        safe = dict(model)
                        with Store(folder) as reader:
                            assert reader.state == state
                    elif kind == "kill":
                        assert content(as_killed(folder)) == safe
                    else:
                        break
                submitted = sum(not a["was_cancelled"] for t in model.values() for a in t["annotations"])
                skips = sum(t["skips"] > 0 for t in model.values())
                assert store.counts() == Counts(tasks=len(model), annotations=submitted, skips=skips)
            if not rest:
                break
        assert content(folder) == model
        with Store(folder) as store:
            lines = list(store.lines())
        assert [json.loads(line)["id"] for line in lines] == sorted(model)
    finally:
        shutil.rmtree(folder)


def test_kill_in_the_middle_loses_what_was_not_synced_and_nothing_else(tmp_path: Path):
    code = (
        "import os, sys; from pathlib import Path; from labeling.workflow.pulled import Store\n"
        "from tests.workflow.test_pulled import task\n"
        "with Store.writing(Path(sys.argv[1])) as store:\n"
        "    for number in range(1, 4000):\n"
        "        store.put(task(number, 'Zoë 👩‍👧' * 200))\n"
        "        if number == 1000: store.sync()\n"
        "    store.drop(1)\n"
        "    os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False, cwd=Path(__file__).parents[2])
    assert set(content(tmp_path)) == set(range(1, 1001))
    with Store.writing(tmp_path) as store:
        assert store.put(task(1001)) == "new"
    assert len(content(tmp_path)) == 1001


def test_reader_keeps_what_it_opened(tmp_path: Path):
    with Store.writing(tmp_path) as store:
        store.put(task(1, "before"))
    with Store(tmp_path) as reader:
        with Store.writing(tmp_path) as store:
            store.put(task(1, "after"))
            store.put(task(2))
            store.save(store.state.model_copy(update={"complete": True}))
        assert (reader.task(1)["data"]["text"], reader.ids, reader.state.complete) == ("before", [1], False)
    assert content(tmp_path)[1]["data"]["text"] == "after"


def test_reader_of_a_folder_that_is_read_only(tmp_path: Path, monkeypatch):
    with Store.writing(tmp_path) as store:
        store.put(task(1))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert set(content(tmp_path)) == {1}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["lock", "tasks.sqlite"]


def test_damage_is_named(tmp_path: Path):
    with Store.writing(tmp_path) as store:
        for number in range(1, 100):
            store.put(task(number))
    file = tmp_path / "tasks.sqlite"
    whole = file.read_bytes()
    for damaged in (b"\0" * 500 + whole[500:], whole[:9000], whole[:16384] + b"x" * (len(whole) - 16384), b"", b"{}x"):
        file.write_bytes(damaged)
        with pytest.raises(InputError, match=f"{file} is damaged") as found:
            content(tmp_path)
        assert "labeling pull --full" in found.value.hint
        assert file.read_bytes() == damaged
    file.write_bytes(whole)
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("UPDATE state SET state = '{}x'")
        db.commit()
    with pytest.raises(InputError, match="damaged, or of another version"):
        content(tmp_path)


def test_full_disk_says_so_and_keeps_what_was_there(tmp_path: Path):
    with Store.writing(tmp_path) as store:
        store.put(task(1))
    full = pytest.raises(InputError, match=f"Cannot use {tmp_path / 'tasks.sqlite'}: database or disk is full")
    with full as found, Store.writing(tmp_path) as store:
        store._db.execute("PRAGMA max_page_count = 20")
        for number in range(2, 100):
            store.put(task(number, "long " * 1000))
    assert "free space" in found.value.hint
    assert content(tmp_path)[1] == expected(task(1))[1]


def test_copy_in_the_old_layout_is_refused_and_kept_until_it_is_pulled_again(tmp_path: Path):
    for name in ("state.json", "tasks-3.jsonl", "changes-3.jsonl", "drafts.jsonl"):
        (tmp_path / name).write_text("{}\n")
    assert Store.exists(tmp_path)
    with pytest.raises(InputError, match="is in the layout of an older version") as found, Store(tmp_path):
        pass
    assert "`labeling pull` pulls every task again" in found.value.hint
    with Store.writing(tmp_path) as store:
        assert (len(store), store.state) == (0, State())
    names = {"state.json", "tasks-3.jsonl", "changes-3.jsonl", "drafts.jsonl"}
    assert {file.name for file in old_files(tmp_path)} == names


def test_store_whose_making_was_cut_off_is_made(tmp_path: Path):
    (tmp_path / "tasks.sqlite.part").write_bytes(b"half")
    (tmp_path / "tasks.sqlite-wal").write_bytes(b"of a database that somebody removed")
    with Store.writing(tmp_path) as store:
        store.put(task(9))
    assert set(content(tmp_path)) == {9}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["lock", "tasks.sqlite"]


def test_nothing_there_and_a_later_version_say_so(tmp_path: Path):
    assert not Store.exists(tmp_path)
    with pytest.raises(InputError, match="nothing pulled"), Store(tmp_path):
        pass
    with Store.writing(tmp_path) as store:
        store.save(State(format=99))
    with pytest.raises(InputError, match="another version"), Store(tmp_path):
        pass


def test_second_writer_says_who_holds_the_store(tmp_path: Path):
    said: list[str] = []
    with Store.writing(tmp_path):
        second = Store.writing(tmp_path, waiting=said.append, patience=0.5)
        with pytest.raises(InputError, match=f"process {os.getpid()} "), second:
            pass
        assert [f"process {os.getpid()} " in line for line in said] == [True]
        with Store(tmp_path) as reader:  # readers do not wait
            assert len(reader) == 0
    with Store.writing(tmp_path, patience=0):
        pass


def test_lock_of_a_killed_writer_is_free(tmp_path: Path):
    code = (
        "import os, sys; from pathlib import Path; from labeling.workflow.pulled import Store\n"
        "with Store.writing(Path(sys.argv[1])) as store: os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    with Store.writing(tmp_path, patience=0) as store:
        assert len(store) == 0
    with (tmp_path / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_annotations_in_another_order_are_the_same_task(tmp_path: Path):
    with Store.writing(tmp_path) as store:
        one = task(1, submitted=3)
        store.put(one)
        assert store.put(one | {"annotations": one["annotations"][::-1]}) == "same"


def test_drafts_are_those_of_tasks_that_nobody_touched_since(tmp_path: Path):
    with Store.writing(tmp_path) as store:
        store.put(task(1))
        store.put(task(2))
        draft = {"id": 5, "user": "ann@example.org", "result": [], "updated_at": "2026-11-24T08:30:00Z"}
        store.keep_drafts({1: [draft], 2: [draft], 3: [draft]}, "2026-11-24T09:00:00.000000Z")
        store.put(task(2) | {"updated_at": "2026-11-24T10:00:00.000000Z"})
    with Store(tmp_path) as store:
        lines = [json.loads(line) for line in store.lines()]
    assert [line.get("drafts") for line in lines] == [[draft], None]


@pytest.fixture
def pulled(tmp_path: Path):
    """A workspace with a store, and no server anywhere."""
    init(tmp_path, title="Test project")
    workspace = open_workspace(tmp_path)
    workspace.remember_project(7)
    with Store.writing(store_folder(workspace, 7)) as store:
        for number in range(1, 6):
            store.put(task(number, f"Police arrested {number} protesters in Paris.", submitted=number % 2))
        store.put(task(1, "Police arrested nobody."))
        store.drop(5)
        url = "http://127.0.0.1:1/projects/7/data"
        state = store.state.model_copy(update={"complete": True, "url": url, "users": {1: "ann@example.org"}})
        store.save(state.model_copy(update={"pulled_at": "2026-11-24T08:00:00+00:00"}))
    return workspace


def test_export_and_status_offline(pulled, tmp_path: Path):
    done = export_project(pulled, tmp_path / "out", offline=True)
    assert done.manifest["documents"]["out"] == 2
    assert "as pulled 2026-11-24T08:00:00" in done.manifest["source"]
    texts = {doc.doc_id: doc.text for doc in read_documents(tmp_path / "out" / "docs.jsonl")}
    assert texts == {"doc-1": "Police arrested nobody.", "doc-3": "Police arrested 3 protesters in Paris."}
    found = status(pulled, offline=True)
    assert (found.states["pending"], found.states["reviewed-empty"]) == (2, 2)
    assert found.annotators == {"ann@example.org": {"reviewed-empty": 2}}
    assert found.pulled_at == "2026-11-24T08:00:00+00:00"


@pytest.mark.parametrize("anonymous", [False, True])
def test_export_of_what_several_people_annotated_offline(pulled, tmp_path: Path, anonymous: bool):
    region = {"type": "labels", "value": {"start": 0, "end": 6, "labels": ["ACTOR"]}}
    with Store.writing(store_folder(pulled, 7)) as store:
        state = store.state.model_copy(update={"users": {1: "ann@example.org", 2: "ben@example.org"}})
        store.save(state)
        made = task(8, "Police left.", submitted=2)
        for who, each in enumerate(made["annotations"], start=1):
            each |= {"completed_by": who, "result": [region | {"id": f"r{who}"}]}
        store.put(made)
    options = Options(choice=Choice.parse("adjudicated"), anonymous=anonymous)
    done = export_project(pulled, tmp_path / "out", options, offline=True)
    (gold,) = read_documents(tmp_path / "out" / "docs.jsonl")
    names = ("annotator 1", "annotator 2") if anonymous else ("ann@example.org", "ben@example.org")
    assert (gold.doc_id, [each.by for each in gold.provenance]) == ("doc-8", [names])
    assert done.manifest["annotations"]["alone"] == done.manifest["problems"]["alone"] == 2
    assert {each.url for each in done.problems} == {f"http://127.0.0.1:1/projects/7/data?task={n}" for n in (1, 3)}
    assert not anonymous or b"@" not in (tmp_path / "out" / "problems.jsonl").read_bytes()


def test_convert_takes_a_store(pulled, tmp_path: Path):
    folder = store_folder(pulled, 7)
    done = export_files(pulled, [folder], tmp_path / "out", schema=None)
    assert done.manifest["documents"]["out"] == 2
    assert done.problems == ()


def test_export_of_what_was_pulled_makes_no_copy_of_it(pulled, tmp_path: Path, monkeypatch):
    def no_copy(*_: object, **__: object) -> None:
        raise AssertionError("a copy is made in the system's temporary folder")

    for name in ("TemporaryDirectory", "NamedTemporaryFile", "TemporaryFile", "mkdtemp", "mkstemp"):
        make = getattr(tempfile, name)
        monkeypatch.setattr(tempfile, name, lambda *a, make=make, **k: make(*a, **k) if k.get("dir") else no_copy())
    draft = {"id": 5, "user": "ann@example.org", "result": [], "updated_at": "2026-11-24T08:30:00Z"}
    with Store.writing(store_folder(pulled, 7)) as store:
        store.keep_drafts({2: [draft]}, "2026-11-24T09:00:00.000000Z")
    options = Options(drafts=True)
    assert export_project(pulled, tmp_path / "out", options, offline=True).manifest["documents"]["out"] == 3
    done = export_files(pulled, [store_folder(pulled, 7)], tmp_path / "other", options, schema=None)
    assert done.manifest["documents"]["out"] == 3


def test_export_of_what_was_pulled_looks_at_nothing_but_tasks_and_parses_each_once_a_pass(
    pulled, tmp_path: Path, monkeypatch
):
    parsed: Counter[bytes] = Counter()
    parse = orjson.loads

    def counted(data: bytes) -> Any:
        parsed[data] += 1
        return parse(data)

    def sniffed(*_: object, **__: object) -> None:
        raise AssertionError("what the pulled copy is, is known")

    monkeypatch.setattr(orjson, "loads", counted)
    for name in ("other_kind", "json_records", "streams", "find"):
        monkeypatch.setattr(exports, name, sniffed)
    for export in (
        lambda: export_project(pulled, tmp_path / "out", offline=True),
        lambda: export_files(pulled, [store_folder(pulled, 7)], tmp_path / "other", schema=None),
    ):
        parsed.clear()
        assert export().manifest["tasks"]["in"] == 4
        with Store(store_folder(pulled, 7)) as store:
            assert [parsed[store.line(number)] for number in store.ids] == [2, 2, 2, 2]


def test_export_takes_a_draft_with_half_a_character_of_what_was_pulled(pulled, tmp_path: Path):
    span = {"id": "r", "type": "labels", "value": {"start": 0, "end": 6, "labels": ["ACTOR"], "text": "Police\ud800"}}
    draft = {"id": 5, "user": "ann@example.org", "result": [span], "updated_at": "2026-11-24T08:30:00Z"}
    with Store.writing(store_folder(pulled, 7)) as store:
        store.keep_drafts({2: [draft]}, "2026-11-24T09:00:00.000000Z")
    done = export_project(pulled, tmp_path / "out", Options(drafts=True), offline=True)
    assert done.manifest["documents"]["out"] == 3


def test_commands_offline_say_of_when_it_is(pulled, tmp_path: Path, run):
    done = run("export", "--offline", "-o", "out")
    assert done.returncode == 0, done.stderr
    assert "As pulled on 2026-11-24" in done.stderr
    assert "4 tasks" in done.stderr
    done = run("status", "--offline", "--json")
    assert json.loads(done.stdout)["pulled_at"].startswith("2026-11-24")


def test_commands_without_server_say_what_to_do(pulled, run):
    for command in ("export", "status", "pull"):
        done = run(command)
        assert done.returncode == 2
        assert "No Label Studio is running for this workspace" in done.stderr
    assert "--offline" in run("export").stderr


def test_offline_commands_before_any_pull_say_what_is_missing(tmp_path: Path, run):
    assert "no project yet" in run("status", "--offline").stderr
    open_workspace(tmp_path).remember_project(3)
    done = run("export", "--offline")
    assert done.returncode == 2
    assert "Nothing of project 3 was pulled yet" in done.stderr
    assert "labeling pull" in done.stderr
    with Store.writing(store_folder(open_workspace(tmp_path), 3)) as store:
        store.put(task(1))
    assert "Only 1 tasks of project 3" in run("export", "--offline").stderr


@pytest.mark.parametrize("time", ["0", "-1", "5 minutes", "", "m"])
def test_watch_refuses_what_is_no_time(time: str, run):
    done = run("watch", f"--every={time}")
    assert done.returncode == 2
    assert "5m" in done.stderr
