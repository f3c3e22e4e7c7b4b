"""`labeling annotate`: a file of tasks takes the place of an older one only where it holds something, and whole."""

import json
from pathlib import Path

import pytest

from labeling.errors import InputError
from labeling.settings import Workspace, init, open_workspace
from labeling.workflow import task_files
from labeling.workflow.task_files import annotate_files
from tests.builders import ROOT, Run


@pytest.fixture
def here(tmp_path: Path) -> Workspace:
    init(tmp_path, title="Annotated")
    return open_workspace(tmp_path)


NOTHING = {
    "an empty folder": lambda place: (place / "empty").mkdir() or "empty",
    "only a header": lambda place: (place / "a.csv").write_text("id,text\n") and "a.csv",
    "nothing but what is refused": lambda place: (place / "a.jsonl").write_text("nonsense\n{\n") and "a.jsonl",
    "a file that is not there": lambda place: "missing.txt",
}


@pytest.mark.parametrize("what", NOTHING)
def test_good_tasks_were_replaced_by_an_empty_list(here: Workspace, run: Run, what: str):
    good = '[{"data": {"text": "of yesterday"}}]'
    (here.folder / "tasks.json").write_text(good)
    place = NOTHING[what](here.folder)
    done = run("annotate", place, "-o", "tasks.json", cwd=here.folder)
    assert done.returncode == 2, done.stderr
    assert place in done.stderr
    assert "nothing was done" in done.stderr
    assert (here.folder / "tasks.json").read_text() == good
    assert not list(here.folder.glob(".tasks*"))


def test_tasks_are_written_as_they_come_and_at_once_in_the_end(here: Workspace, monkeypatch):
    output = here.folder / "tasks.json"
    output.write_text("old")
    sizes: list[int] = []
    real = task_files.to_task

    def watched(*args):
        sizes.append(sum(file.stat().st_size for file in here.folder.glob(".tasks.json.*")))
        assert output.read_text() == "old"
        return real(*args)

    monkeypatch.setattr(task_files, "to_task", watched)
    done = annotate_files(here, [str(ROOT / "seeds")], output, jobs=1)
    found = json.loads(output.read_text())
    assert len(found) == done.articles == 36
    assert sizes[-1] > 0  # of a file aside
    assert output.read_text() == json.dumps(found, ensure_ascii=False, indent=2) + "\n"


def test_a_run_that_fails_in_the_middle_leaves_the_old_tasks(here: Workspace, monkeypatch):
    output = here.folder / "tasks.jsonl"
    output.write_text("old\n")
    real = task_files.to_task
    count = iter(range(100))

    def failing(*args):
        if next(count) == 3:
            raise InputError("In the middle.")
        return real(*args)

    monkeypatch.setattr(task_files, "to_task", failing)
    with pytest.raises(InputError, match="In the middle"):
        annotate_files(here, [str(ROOT / "seeds")], output, jobs=1)
    assert output.read_text() == "old\n"
    assert not list(here.folder.glob(".tasks*"))


def test_what_a_killed_run_left_beside_the_output_goes(here: Workspace):
    left = here.folder / ".tasks.jsonl.abcdef"
    left.mkdir()
    (left / "new").write_text("half")
    (left / "owner").touch()
    annotate_files(here, [str(ROOT / "seeds" / "11_diplomats_expelled.txt")], here.folder / "tasks.jsonl", jobs=1)
    assert not left.exists()
    assert len((here.folder / "tasks.jsonl").read_text().splitlines()) == 1
