"""Commands on each engine: the same output, and what kills the workers is refused by name."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE
from typing import Any

import psutil

from labeling.settings import Workspace, open_workspace
from labeling.workflow.duplicates import find_duplicates
from labeling.workflow.export.commands import export_files
from labeling.workflow.export.options import Options
from labeling.workflow.task_files import annotate_files
from tests.builders import reviewed, seeds

DEADLY = "Rebels left Tadmor, and nobody could read about it."


def articles(folder: Path, count: int = 40) -> Path:
    file = folder / "articles.jsonl"
    texts = [f"Rebels attacked Tadmor {n} times on Friday, Ann Bell said in Geneva. " * 30 for n in range(count)]
    texts[count // 2] = DEADLY
    lines = [json.dumps({"id": f"a{n}", "text": text}) for n, text in enumerate(texts)]
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def export(folder: Path) -> Path:
    file = folder / "export.json"
    tasks = [reviewed(doc.model_copy(update={"doc_id": f"{doc.doc_id}-{n}"})) for n in range(20) for doc in seeds()[:8]]
    file.write_text(json.dumps(tasks), encoding="utf-8")
    return file


def on(folder: Path, engine: str) -> Workspace:
    return open_workspace(folder, engine=engine)


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_tasks_are_the_same_on_each_engine(tmp_path: Path):
    source = str(articles(tmp_path))
    made = {}
    for engine, jobs in (("local", 1), ("local", 2), ("ray", 2)):
        output = tmp_path / f"{engine}-{jobs}.jsonl"
        done = annotate_files(on(tmp_path, engine), [source], output, jobs=jobs)
        assert done.articles == 40 and not done.problems
        made[engine, jobs] = output.read_bytes()
    assert made["local", 1] == made["local", 2] == made["ray", 2]


def test_training_files_are_the_same_on_each_engine(tmp_path: Path):
    source = export(tmp_path)
    made = {}
    for engine, jobs in (("local", 1), ("local", 2), ("ray", 2)):
        output = tmp_path / f"{engine}-{jobs}"
        export_files(on(tmp_path, engine), [source], output, Options(jobs=jobs), schema=None)
        made[engine, jobs] = files(output)
    assert made["local", 1] == made["local", 2] == made["ray", 2]


def test_duplicates_are_the_same_on_each_engine(tmp_path: Path):
    source = str(articles(tmp_path))
    made: dict[tuple[str, int], list[Any]] = {}
    for engine, jobs in (("local", 1), ("local", 2), ("ray", 2)):
        groups = made.setdefault((engine, jobs), [])
        assert find_duplicates(on(tmp_path, engine), [source], groups.append, jobs=jobs).articles == 40
    assert made["local", 1] == made["local", 2] == made["ray", 2] != []


# In a program of its own, whose other processes are forked with what kills them.
DEADLY_ARTICLE = """
import os, signal, sys
from pathlib import Path
from labeling.settings import open_workspace
from labeling.workflow import annotating
from labeling.workflow.task_files import annotate_files
source, output, deadly_text = sys.argv[1:]
annotated, parent = annotating._annotated, os.getpid()
def deadly(annotate, nlp, batch):
    if os.getpid() != parent and any(article.text == deadly_text for article in batch):
        os.kill(os.getpid(), signal.SIGKILL)
    return annotated(annotate, nlp, batch)
annotating._annotated = deadly
print(annotate_files(open_workspace(Path(output).parent), [source], Path(output), jobs=2).model_dump_json())
"""
DEADLY_TASK = """
import os, signal, sys
from pathlib import Path
from labeling.settings import open_workspace
from labeling.workflow.export import convert
from labeling.workflow.export.commands import export_files
from labeling.workflow.export.options import Options
source, output, place = sys.argv[1:]
reviewed, parent = convert._reviewed, os.getpid()
def deadly(spec, record, assignment):
    if os.getpid() != parent and record.where.endswith(place):
        os.kill(os.getpid(), signal.SIGKILL)
    return reviewed(spec, record, assignment)
convert._reviewed = deadly
done = export_files(open_workspace(Path(output).parent), [source], Path(output), Options(jobs=2), schema=None)
print(done.model_dump_json())
"""


def program(script: str, *arguments: object) -> Any:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_article_that_kills_the_workers_is_refused_by_name(tmp_path: Path):
    output = tmp_path / "tasks.jsonl"
    done = program(DEADLY_ARTICLE, articles(tmp_path), output, DEADLY)
    tasks = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [task["data"]["doc_id"] for task in tasks] == [f"a{n}" for n in range(40) if n != 20]
    (problem,) = done["problems"]
    assert (problem["reason"], problem["action"], problem["doc_id"]) == ("kills-workers", "refused", "a20")
    assert done["articles"] == 39


def test_a_task_that_kills_the_workers_is_refused_by_name(tmp_path: Path):
    done = program(DEADLY_TASK, export(tmp_path), tmp_path / "out", "#7")
    (problem,) = [problem for problem in done["problems"] if problem["reason"] == "kills-workers"]
    assert problem["action"] == "refused" and problem["where"].endswith("export.json#7")
    assert done["manifest"]["tasks"]["in"] == 160 and done["manifest"]["tasks"]["unreadable"] == 1
    assert len((tmp_path / "out" / "docs.jsonl").read_text(encoding="utf-8").splitlines()) == 159


def test_the_engine_of_the_settings_is_overridden_by_the_option(tmp_path: Path):
    (tmp_path / "labeling.toml").write_text('[engine]\nkind = "ray"\naddress = "127.0.0.1:1"\nworkers = 3\n')
    assert open_workspace(tmp_path).engine().workers == 3
    assert on(tmp_path, "local").engine(2).workers == 2
    output = tmp_path / "tasks.jsonl"
    assert annotate_files(on(tmp_path, "local"), [str(articles(tmp_path, 2))], output).articles == 2


def test_a_cluster_that_does_not_answer_is_one_message(run, tmp_path: Path):
    (tmp_path / "labeling.toml").write_text('[engine]\nkind = "ray"\naddress = "ray://127.0.0.1:1"\n')
    done = run("annotate", articles(tmp_path), "-o", "tasks.jsonl")
    assert done.returncode == 2 and not (tmp_path / "tasks.jsonl").exists()
    assert "Nothing answers at ray://127.0.0.1:1" in done.stderr and "Traceback" not in done.stderr


def test_a_command_on_ray_that_is_interrupted_says_so_and_leaves_nothing(tmp_path: Path):
    program = Path(sys.executable).with_name("labeling")
    source = articles(tmp_path, 2000)
    command = [program, "annotate", source, "-o", tmp_path / "tasks.jsonl", "--engine", "ray", "--jobs", "1"]
    default = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=PIPE, stderr=subprocess.STDOUT, text=True, **default
    ) as process:
        while process.poll() is None and not workers_of(process.pid):
            time.sleep(0.1)
        workers = workers_of(process.pid)
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "Interrupted" in out and "logging.cc" not in out
    assert not (tmp_path / "tasks.jsonl").exists()
    gone, alive = psutil.wait_procs(workers, timeout=10)
    assert gone and not alive


def workers_of(pid: int) -> list[psutil.Process]:
    """The actors of Ray under a process."""
    found = []
    for each in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "ray::_Remote" in " ".join(each.cmdline()):
                found.append(each)
    return found
