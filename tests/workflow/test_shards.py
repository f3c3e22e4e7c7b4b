"""`labeling annotate -o folder/`: the same shards, whatever interrupts the run."""

import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labeling.errors import InputError
from labeling.inputs.files import File
from labeling.settings import Workspace, init, open_workspace
from labeling.workflow import spooled, task_files
from labeling.workflow.shards import Manifest
from labeling.workflow.task_files import Annotated, annotate_files

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


# What each file holds: an article by its number, text of another language, or a line that is no article.
CONTENT = {
    "f0.jsonl": (0, 1, 2, 3, 4),
    "f1.jsonl": (5, "nonsense", 1, 6, "german"),  # one of them is repeated
    "f2.jsonl": ("nonsense",),
    "f3.jsonl": tuple(range(7, 14)),
    "f4.jsonl": (14, 5, 15),  # one is repeated, of another file
    "f5.txt": (16,),
}
GERMAN = "Die Rebellen haben am Freitag die Stadt Tadmor angegriffen, sagte der Außenminister in Genf."
ENDS = (5, 8, 8, 15, 17, 18)  # articles up to the end of each file
SHARD = 4


def written(name: str, content: tuple[int | str, ...]) -> str:
    articles = [
        {"id": str(each), "text": GERMAN if each == "german" else f"Rebels attacked {each} villages near Mosul."}
        for each in content
    ]
    if name.endswith(".txt"):
        return articles[0]["text"]
    lines = [each["id"] if each["id"] == "nonsense" else json.dumps(each) for each in articles]
    return "\n".join(lines) + "\n"


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(spooled, "IN_MEMORY", 500)  # so that most is on disk
    folder = tmp_path / "articles"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_text(written(name, content))
    return folder


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the inputs that are opened."""
    names: list[str] = []
    real = File.opened

    def noting(file: File):
        names.append(file.path.name)
        return real(file)

    monkeypatch.setattr(File, "opened", noting)
    return names


def annotate_several(here: Workspace, output: str, *inputs: object, **options) -> Annotated:
    given = [str(each) for each in inputs] or [str(here.folder / "articles")]
    output = output if "://" in output else f"{here.folder / output}/"
    return annotate_files(here, given, output, **{"jobs": 1, "shard": SHARD} | options)


def interrupt(monkeypatch: pytest.MonkeyPatch, articles: int, *given: object) -> None:
    with monkeypatch.context() as patch:
        stop_after(patch, articles, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            annotate_several(*given)


def unread(articles: int) -> list[str]:
    """The files that have to be opened where an earlier run was stopped after so many articles."""
    done = articles // SHARD * SHARD
    return [name for name, end in zip(CONTENT, ENDS, strict=True) if end > done or not done]


@pytest.mark.parametrize("articles", [3, 4, 8, 12, 17])
def test_files_whose_articles_are_in_shards_are_not_opened_again(
    here: Workspace, several: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch, articles: int
):
    whole = annotate_several(here, "whole")
    interrupt(monkeypatch, articles, here, "out")
    opened.clear()
    done = annotate_several(here, "out")
    assert opened == unread(articles)
    assert (done.articles, done.before) == (18, articles // SHARD * SHARD)
    assert (done.spans, done.problems) == (whole.spans, whole.problems)
    assert files(here.folder / "out") == files(here.folder / "whole")
    assert [problem.reason for problem in done.problems] == [
        *("not-json", "duplicate", "not-json", "duplicate"),
        "other-language",
    ]
    opened.clear()
    again = annotate_several(here, "out")
    assert not opened and (again.articles, again.before, again.problems) == (18, 18, whole.problems)
    assert sorted(path.name for path in (here.folder / "out").glob(".*")) in ([], [".lock"])


def test_a_run_may_be_interrupted_time_and_again(
    here: Workspace, several: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
):
    annotate_several(here, "whole")
    for articles in (0, 4, 5, 3, 7, 4):
        interrupt(monkeypatch, articles, here, "out")
    opened.clear()
    assert annotate_several(here, "out").before == 16
    assert opened == ["f4.jsonl", "f5.txt"]
    assert files(here.folder / "out") == files(here.folder / "whole")


def test_inputs_that_changed_are_read_again_and_told(
    here: Workspace, several: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
):
    annotate_several(here, "whole")
    whole = files(here.folder / "whole")
    interrupt(monkeypatch, 9, here, "out")
    os.utime(several / "f0.jsonl", (1, 1))  # the same content
    interrupt(monkeypatch, 6, here, "out")  # and so a shard more
    opened.clear()
    annotate_several(here, "out")
    assert opened == ["f3.jsonl", "f4.jsonl", "f5.txt"]
    found = files(here.folder / "out")
    assert found.keys() == whole.keys()
    assert {name for name in whole if found[name] != whole[name]} == {"manifest.json"}

    interrupt(monkeypatch, 9, here, "another")
    (several / "f0.jsonl").write_text(written("f0.jsonl", (0, 1, 2, 3, 44)))
    with pytest.raises(InputError, match="the inputs changed"):
        annotate_several(here, "another")


def test_files_that_come_after_those_that_were_read(
    here: Workspace, several: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
):
    interrupt(monkeypatch, 17, here, "out")
    (several / "f6.jsonl").write_text(written("f6.jsonl", (6, 17)))
    opened.clear()
    assert annotate_several(here, "out").articles == 19
    assert opened == ["f4.jsonl", "f5.txt", "f6.jsonl"]
    annotate_several(here, "whole")
    assert files(here.folder / "out") == files(here.folder / "whole")
    (several / "f7.jsonl").write_text(written("f7.jsonl", (18,)))
    with pytest.raises(InputError, match="is complete, and there are more articles now"):
        annotate_several(here, "out")


@pytest.mark.parametrize("what", ["missing", "cut", "other limits"])
def test_without_what_was_noted_everything_is_read(
    here: Workspace, several: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch, what: str
):
    annotate_several(here, "whole")
    interrupt(monkeypatch, 13, here, "out")
    noted = sorted((here.folder / "out").glob(".read-*"))
    assert noted
    if what == "missing":
        noted[0].unlink()
    elif what == "cut":
        noted[0].write_bytes(noted[0].read_bytes()[:-9])
        with pytest.raises(InputError, match="is damaged") as caught:
            annotate_several(here, "out")
        assert "Remove it" in caught.value.hint
        noted[0].unlink()
    else:
        limit = here.settings.articles.model_copy(update={"max_characters": 10_000})
        settings = here.settings.model_copy(update={"articles": limit})
        here = here.model_copy(update={"settings": settings})
    opened.clear()
    annotate_several(here, "out")
    assert opened == list(CONTENT)
    found, whole = files(here.folder / "out"), files(here.folder / "whole")
    assert {name for name in whole if found[name] != whole[name]} <= {"manifest.json"}


def test_a_file_before_standard_input_is_not_opened_again(
    here: Workspace, several: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
):
    def given() -> tuple[object, ...]:
        stream = io.TextIOWrapper(io.BytesIO(written("f3.jsonl", CONTENT["f3.jsonl"]).encode()))
        monkeypatch.setattr("sys.stdin", stream)
        return here, "out", several / "f0.jsonl", "-", several / "f4.jsonl"

    interrupt(monkeypatch, 13, *given())
    opened.clear()
    assert annotate_several(*given()).before == 12
    assert opened == ["-", "f4.jsonl"]


def test_a_disk_that_is_full_is_one_message_and_the_next_run_goes_on(here: Workspace, run):
    # the workers unpack the model of the languages to a temporary file
    full = run("annotate", "articles.jsonl", "-o", "out/", "--jobs", "2", cwd=here.folder, largest_file=100_000)
    assert full.returncode == 2 and full.stderr.count("Error:") == 1 and "Traceback" not in full.stderr
    assert not list((here.folder / "out").glob("*.gz"))
    assert annotate(here, "out", shard=10_000).articles == N
