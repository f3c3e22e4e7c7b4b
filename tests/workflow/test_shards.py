"""`labeling annotate -o folder/`: the same shards, whatever interrupts the run."""

import gzip
import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labeling.errors import InputError
from labeling.settings import Workspace, init, open_workspace
from labeling.workflow import task_files
from labeling.workflow.shards import Manifest
from labeling.workflow.task_files import annotate_files

N = 40
PROGRAM = """
import sys
from pathlib import Path
from labeling.settings import open_workspace
from labeling.workflow.task_files import annotate_files
annotate_files(open_workspace(Path(sys.argv[1])), [sys.argv[2]], sys.argv[3] + "/", jobs=1, shard=2)
"""


@pytest.fixture
def here(tmp_path: Path) -> Workspace:
    init(tmp_path, title="Annotated")
    articles = [{"id": f"a{i}", "text": f"Rebels attacked {i} villages near Mosul."} for i in range(N)]
    lines = [json.dumps(article) for article in articles]
    lines.insert(3, "nonsense")
    lines.insert(30, lines[0])  # repeated in another shard
    (tmp_path / "articles.jsonl").write_text("\n".join(lines) + "\n")
    return open_workspace(tmp_path)


def annotate(here: Workspace, name: str, **options):
    options = {"jobs": 1, "shard": 7} | options
    return annotate_files(here, [str(here.folder / "articles.jsonl")], f"{here.folder / name}/", **options)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def stop_after(monkeypatch, articles: int, error: BaseException) -> None:
    real, left = task_files.to_task, iter(range(articles))

    def failing(*args):
        if next(left, None) is None:
            raise error
        return real(*args)

    monkeypatch.setattr(task_files, "to_task", failing)


def test_the_manifest_names_and_hashes_every_shard(here: Workspace):
    done = annotate(here, "out")
    found = files(here.folder / "out")
    manifest = Manifest.model_validate_json(found.pop("manifest.json"))
    assert len(found.pop("problems.jsonl").splitlines()) == len(done.problems) == 2
    assert {shard.file: shard.sha256 for shard in manifest.shards} == {
        name: hashlib.sha256(content).hexdigest() for name, content in found.items()
    }
    tasks = [json.loads(line) for name in sorted(found) for line in gzip.decompress(found[name]).splitlines()]
    assert [task["data"]["doc_id"] for task in tasks] == [f"a{i}" for i in range(N)]
    assert manifest.is_complete
    assert manifest.articles == done.articles == N
    assert manifest.spans == done.spans
    assert [(shard.first, shard.last) for shard in manifest.shards][-1] == ("a35", "a39")


@pytest.mark.parametrize("articles", [0, 7, 8, 39])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_an_interrupted_run_goes_on_where_it_was(here: Workspace, monkeypatch, articles: int, error: BaseException):
    annotate(here, "whole")
    with monkeypatch.context() as patch:
        stop_after(patch, articles, error)
        with pytest.raises((KeyboardInterrupt, InputError)):
            annotate(here, "out", jobs=2)
    done = annotate(here, "out")
    assert (done.articles, done.before) == (N, articles // 7 * 7)
    assert files(here.folder / "out") == files(here.folder / "whole")
    assert annotate(here, "out").before == N
    assert files(here.folder / "out") == files(here.folder / "whole")


def test_a_killed_process_loses_and_repeats_nothing(here: Workspace):
    annotate(here, "whole", shard=2)
    out = here.folder / "out"
    command = [sys.executable, "-c", PROGRAM, str(here.folder), str(here.folder / "articles.jsonl"), str(out)]
    process = subprocess.Popen(command)
    while not (out / "tasks-00003.jsonl.gz").exists() and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert subprocess.run(command, check=False).returncode == 0
    assert files(out) == files(here.folder / "whole")


OTHERS = {
    "a changed article": lambda folder: (folder / "articles.jsonl").write_text('{"id": "b", "text": "Another."}\n'),
    "more articles": lambda folder: (folder / "articles.jsonl").write_text(
        (folder / "articles.jsonl").read_text() + '{"id": "b", "text": "Troops left Kyiv."}\n'
    ),
    "a missing shard": lambda folder: (folder / "out/tasks-00001.jsonl.gz").unlink(),
    "no manifest": lambda folder: (folder / "out/manifest.json").unlink(),
    "a broken manifest": lambda folder: (folder / "out/manifest.json").write_text("{"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_another_run_is_refused_and_changes_nothing(here: Workspace, what: str):
    annotate(here, "out")
    OTHERS[what](here.folder)
    before = files(here.folder / "out")
    with pytest.raises(InputError) as caught:
        annotate(here, "out")
    assert "another folder" in caught.value.hint
    assert files(here.folder / "out") == before


def test_other_parameters_are_named(here: Workspace):
    annotate(here, "out")
    with pytest.raises(InputError, match="keep_all false, not keep_all true"):
        annotate(here, "out", keep_all=True)


def test_packed_lines_are_those_of_the_plain_file(here: Workspace):
    articles = [str(here.folder / "articles.jsonl")]
    annotate_files(here, articles, here.folder / "a.jsonl", jobs=1)
    annotate_files(here, articles, here.folder / "a.jsonl.gz", jobs=1)
    assert gzip.decompress((here.folder / "a.jsonl.gz").read_bytes()) == (here.folder / "a.jsonl").read_bytes()
