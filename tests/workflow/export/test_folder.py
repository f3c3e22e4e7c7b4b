"""An export replaces what an export wrote, and nothing else, whatever happens in between."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from labeling.errors import InputError
from labeling.nlp.docbin import DocBinWriter
from labeling.settings import open_workspace
from labeling.workflow.export import folder as export_folder
from labeling.workflow.export.commands import export_files
from labeling.workflow.export.options import Options
from labeling.workflow.export.report import Exported

TASK = {
    "data": {"text": "Rebels left Tadmor on Friday."},
    "annotations": [
        {"result": [{"id": "r", "type": "labels", "value": {"start": 0, "end": 6, "labels": ["ACTOR"]}}]},
    ],
}
KEYS = ("versions", "source", "schema", "options", "tasks", "annotations", "documents", "spans", "split", "sha256")


def exported(folder: Path, text: str = "", **options: Any) -> Exported:
    file = folder / "export.json"
    file.write_text(json.dumps([TASK | {"data": {"text": TASK["data"]["text"] + text}}]))
    return export_files(open_workspace(folder), [file], folder / "out", Options(**options), schema=None)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def checksum(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


@pytest.mark.parametrize(
    "manifest",
    [
        {"sha256": {"src/app.js": "x"}},
        {"sha256": {"src/app.js": checksum("code")}},
        {"name": "an extension", "manifest_version": 3},
        {**dict.fromkeys(KEYS), "versions": {"labeling": "0.1.0"}, "sha256": {"../notes.txt": checksum("notes")}},
        {**dict.fromkeys(KEYS), "versions": {"labeling": "0.1.0"}, "sha256": {"src/../app.js": checksum("code")}},
        {"kind": "labeling-export", "sha256": {"/etc/hostname": "0" * 64}},
        {"kind": "labeling-export", "sha256": ["src/app.js"]},
        [],
        None,
    ],
)
def test_export_deletes_nothing_that_the_manifest_of_somebody_else_names(tmp_path: Path, manifest: Any):
    (tmp_path / "out" / "src").mkdir(parents=True)
    (tmp_path / "out" / "src" / "app.js").write_text("code")
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "out" / "manifest.json").write_text(json.dumps(manifest))
    before = tree(tmp_path / "out")
    with pytest.raises(InputError, match=r"out/manifest.json is in the way.*Nothing was written") as caught:
        exported(tmp_path)
    assert "-o" in caught.value.hint
    assert tree(tmp_path / "out") == before
    exported(tmp_path, overwrite=True)
    assert tree(tmp_path / "out")["src/app.js"] == b"code"
    assert (tmp_path / "notes.txt").read_text() == "notes"


def test_export_removes_from_a_folder_of_ours_only_the_files_that_it_wrote(tmp_path: Path):
    exported(tmp_path, formats=("brat", "prodigy"))
    (tmp_path / "out" / "brat" / "train" / "mine.txt").write_text("mine")
    (tmp_path / "out" / "prodigy" / "nothing").mkdir()
    exported(tmp_path)
    left = tree(tmp_path / "out")
    assert {name for name in left if name.startswith(("brat", "prodigy"))} == {"brat/train/mine.txt"}
    assert not (tmp_path / "out" / "brat" / "dev").exists()
    assert (tmp_path / "out" / "prodigy" / "nothing").is_dir()


def test_export_does_not_replace_what_somebody_has_edited_since(tmp_path: Path):
    exported(tmp_path)
    config = tmp_path / "out" / "config.cfg"
    config.write_text(config.read_text() + "# tuned by hand\n")
    before = tree(tmp_path / "out")
    with pytest.raises(InputError, match=r"config.cfg is in the way of .*: it was changed after labeling wrote it"):
        exported(tmp_path, " Again.")
    assert tree(tmp_path / "out") == before
    exported(tmp_path, " Again.", overwrite=True)
    assert b"tuned" not in config.read_bytes()


def test_export_keeps_an_edited_file_that_has_no_successor(tmp_path: Path):
    exported(tmp_path, formats=("conll",))
    edited = tmp_path / "out" / "conll" / "train.conll"
    edited.write_text("mine")
    exported(tmp_path)
    assert edited.read_text() == "mine"
    assert not (tmp_path / "out" / "conll" / "dev.conll").exists()


@pytest.mark.parametrize("name", ["docs.jsonl", "train.spacy", "brat/train/notes.ann", "config.cfg"])
@pytest.mark.parametrize("kind", ["file", "link", "folder", "dangling", "pipe"])
def test_export_does_not_replace_what_it_did_not_write(tmp_path: Path, name: str, kind: str):
    file = tmp_path / "export.json"
    file.write_text(json.dumps([TASK | {"data": TASK["data"] | {"doc_id": "notes"}}]))
    target, other = tmp_path / "out" / name, tmp_path / "elsewhere"
    target.parent.mkdir(parents=True)
    other.write_text("mine")
    make = {
        "file": lambda: target.write_text("mine"),
        "link": lambda: target.symlink_to(other),
        "dangling": lambda: target.symlink_to(tmp_path / "gone"),
        "folder": lambda: (target / "deep").mkdir(parents=True),
        "pipe": lambda: os.mkfifo(target),
    }
    make[kind]()
    before = sorted(path for path in tmp_path.rglob("*"))
    options = Options(formats=("brat",), split={"dev": 0, "test": 0})
    with pytest.raises(InputError, match=f"{name}.* is in the way"):
        export_files(open_workspace(tmp_path), [file], tmp_path / "out", options, schema=None)
    assert sorted(path for path in tmp_path.rglob("*")) == before
    assert other.read_text() == "mine"


def test_export_does_not_write_through_a_link_to_another_folder(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "conll").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"out/conll is in the way .*: it is a symbolic link"):
        exported(tmp_path, formats=("conll",), overwrite=True)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_export_into_a_folder_that_is_a_link_works(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    exported(tmp_path)
    exported(tmp_path, " Again.")
    assert (tmp_path / "elsewhere" / "manifest.json").is_file()


def test_export_replaces_one_of_before_there_was_a_mark(tmp_path: Path):
    exported(tmp_path, formats=("conll",))
    manifest = tmp_path / "out" / "manifest.json"
    manifest.write_text(json.dumps({k: v for k, v in json.loads(manifest.read_text()).items() if k != "kind"}))
    exported(tmp_path, " Again.")
    assert "kind" in json.loads(manifest.read_text())
    assert not (tmp_path / "out" / "conll").exists()


def test_export_replaces_a_file_by_a_folder_and_the_other_way_round(tmp_path: Path, monkeypatch):
    begin = DocBinWriter.__init__
    largest = {"max_tokens": 0}
    monkeypatch.setattr(DocBinWriter, "__init__", lambda self, *of: begin(self, *of, **largest))
    file = tmp_path / "export.json"
    texts = [f"{TASK['data']['text']} {n} and {n * 7919} more." for n in range(200)]
    file.write_text(json.dumps([TASK | {"data": {"text": text}} for text in texts]))
    kinds = []
    for largest["max_tokens"] in (10_000, 1, 10_000):
        options = Options(split={"dev": 0, "test": 0})
        export_files(open_workspace(tmp_path), [file], tmp_path / "out", options, schema=None)
        kinds.append((tmp_path / "out" / "train.spacy").is_dir())
    assert kinds == [False, True, False]


# interrupted

KILLED = """
import sys
from pathlib import Path
from labeling.settings import open_workspace
from labeling.workflow.export.commands import export_files
from labeling.workflow.export.options import Options

folder, count, step = Path(sys.argv[1]), 0, int(sys.argv[2])


def trace(event, args):
    global count
    if event in {"os.rename", "os.remove", "os.rmdir"} and any(str(folder / "out") in str(arg) for arg in args):
        count += 1
        if count == step:
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(trace)
export_files(open_workspace(folder), [folder / "export.json"], folder / "out", Options(formats=("brat",)), schema=None)
"""


@pytest.mark.parametrize("step", [1, 2, 3, 5, 8, 12, 16, 20, 23])
def test_export_that_was_killed_while_files_were_put_in_place_is_healed_by_the_next(tmp_path: Path, step: int):
    exported(tmp_path, formats=("conll", "brat"))
    (tmp_path / "out" / "notes.txt").write_text("mine")
    (tmp_path / "out" / "brat" / "notes.txt").write_text("mine")
    file = tmp_path / "export.json"
    file.write_text(json.dumps([TASK | {"data": {"text": "Rebels came.", "doc_id": "new"}}]))
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(step)], check=False)
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(InputError, match="There is no task"):  # a run that fails in between forgets nothing
        (tmp_path / "empty.json").write_text("[]")
        export_files(open_workspace(tmp_path), [tmp_path / "empty.json"], tmp_path / "out", schema=None)
    done = exported(tmp_path, " Again.")
    expected = {*done.manifest["sha256"], "manifest.json", "parts.jsonl", "notes.txt", "brat/notes.txt"}
    assert set(tree(tmp_path / "out")) == expected
    assert not list((tmp_path / "out").glob(".partial-*"))


def test_export_removes_what_a_killed_run_left_at_once_and_not_what_a_running_one_writes(tmp_path: Path):
    (tmp_path / "out").mkdir()
    code = (
        "import sys, time; from pathlib import Path; from labeling.workflow.export.folder import staged\n"
        "with staged(Path(sys.argv[1])) as staging:\n"
        "    (staging.files / 'large.bin').write_bytes(b'x'); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "out")], stdout=subprocess.PIPE) as run:
        try:
            assert run.stdout and run.stdout.readline()
            exported(tmp_path)
            assert len(list((tmp_path / "out").glob(".partial-*/files/large.bin"))) == 1
        finally:
            run.kill()
    exported(tmp_path)
    assert not list((tmp_path / "out").glob(".partial-*"))


def test_export_leaves_a_folder_that_only_looks_like_what_a_killed_run_left(tmp_path: Path):
    theirs = tmp_path / "out" / ".partial-abcdefgh"
    theirs.mkdir(parents=True)
    (theirs / "film.mkv").write_text("half of it")
    os.utime(theirs, (0, 0))
    old = tmp_path / "out" / ".partial-12345678"  # of an earlier version
    old.mkdir()
    (old / "docs.jsonl").write_text("")
    os.utime(old, (time.time() - 2 * export_folder.STALE_SECONDS,) * 2)
    exported(tmp_path)
    assert (theirs / "film.mkv").exists()
    assert not old.exists()


def test_exports_into_one_folder_at_once_leave_one_of_them_whole(tmp_path: Path):
    for number in range(4):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps([TASK | {"data": {"text": f"Rebels left Tadmor {n}.{number}"}} for n in range(40)]))
    command = [str(Path(sys.executable).with_name("labeling")), "convert"]
    runs = [
        subprocess.Popen([*command, f"{n}.json", "-o", "out", "-f", "brat"], cwd=tmp_path, stderr=subprocess.DEVNULL)
        for n in range(4)
    ]
    assert [run.wait() for run in runs] == [0, 0, 0, 0]
    sums = json.loads((tmp_path / "out" / "manifest.json").read_text())["sha256"]
    there = {name: hashlib.sha256(data).hexdigest() for name, data in tree(tmp_path / "out").items()}
    assert {name: there[name] for name in sums} == sums
    assert there.keys() - sums.keys() == {"manifest.json", "parts.jsonl"}


def test_export_that_begins_its_parts_anew_keeps_a_file_of_that_name_which_is_not_its_own(tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "parts.jsonl").write_text('{"number": "of a machine"}\n')
    with pytest.raises(InputError, match="Cannot use"):
        exported(tmp_path)
    exported(tmp_path, resplit=True)
    (kept,) = (tmp_path / "out").glob("parts.jsonl.*")
    assert kept.read_text() == '{"number": "of a machine"}\n'


def test_export_that_refuses_too_much_overwrites_no_list_but_its_own(tmp_path: Path):
    (tmp_path / "out").mkdir()
    theirs = tmp_path / "out" / "problems.failed.jsonl"
    theirs.write_text("mine")
    file = tmp_path / "export.json"
    file.write_text(json.dumps([TASK | {"data": {"text": "Reb"}}]))
    for _ in range(2):
        with pytest.raises(InputError, match="were refused") as caught:
            export_files(open_workspace(tmp_path), [file], tmp_path / "out", Options(fail_over=0), schema=None)
        assert "problems.failed-2.jsonl lists every case" in caught.value.hint
    assert theirs.read_text() == "mine"
