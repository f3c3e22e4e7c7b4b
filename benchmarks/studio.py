"""Whole commands on a large project: the embedded Label Studio on PostgreSQL and gunicorn.

    LABELING_DATABASE=postgresql://… python benchmarks/studio.py 20000 100000 --keep DIR

The database is an empty one (docs/server.md). In one run, each command a program from its start to its end, and all of
them for each number of tasks, to which the one project grows: articles of 3 kB come in, come again, and a thousand more
come; a fifth of the tasks get a review, written into the database; the project is pulled, pulled again after a hundred
submits, counted, checked and exported. Pre-annotation is the
cheapest there is, a blank pipeline with one rule that finds some 60 names an article, so that it does not hide the
server. Memory is the client's; the CPU seconds are the client's, the server's and the database's (the last where it
runs on this machine). At the end: how long an annotator waits for the next task and for a page of the Data Manager.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import spacy
from programs import machine, run

from exports import text_of, words_of_seeds
from labeling.settings import Workspace, init, open_workspace
from labeling.studio import server
from labeling.studio.setup import read_credentials

MORE = 1_000  # articles that come later
SUBMITTED = 100
ASKED = 5  # times that an annotator asks

# As a submit leaves it: the annotation, its task's numbers, its task's time.
REVIEW = """
INSERT INTO task_completion (result, task_id, project_id, completed_by_id, was_cancelled, ground_truth, created_at,
    updated_at, lead_time, prediction, result_count, unique_id, parent_prediction_id, last_action, bulk_created)
SELECT p.result, p.task_id, p.project_id, (SELECT min(id) FROM htx_user), false, false, clock_timestamp(),
    clock_timestamp(), 60 + p.id % 60, '{}', jsonb_array_length(p.result::jsonb), gen_random_uuid(), p.id,
    'submitted', false
FROM prediction p JOIN task t ON t.id = p.task_id WHERE t.total_annotations = 0 AND t.id % 5 = 0
"""
COUNT = """
UPDATE task SET total_annotations = 1, is_labeled = true, updated_at = clock_timestamp()
WHERE total_annotations = 0 AND id % 5 = 0
"""


class Bench:
    """A workspace with its server, and what was measured in it."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.database = folder, database

    def articles(self, name: str, first: int, last: int) -> Path:
        """A file of articles, the same at every run."""
        file, known = self.folder / name, words_of_seeds()
        with file.open("w", encoding="utf-8") as out:
            for number in range(first, last):
                text = text_of(random.Random(number), known, 2950)
                out.write(json.dumps({"id": f"a{number}", "title": text[:60], "text": text}) + "\n")
        return file

    def prepare(self) -> Workspace:
        """The workspace with its model, made unless it is there; the server runs."""
        if not (self.folder / "labeling.toml").exists():
            self.make()
        workspace = open_workspace(self.folder)
        server.start(workspace.studio_folder, 0, database=self.database, program="gunicorn")
        return workspace

    def make(self) -> None:
        """Make the workspace and its model."""
        nlp = spacy.blank("en")
        pattern = [{"IS_TITLE": True, "LENGTH": {">": 5}}]
        nlp.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": pattern}])
        nlp.to_disk(self.folder / "names")
        init(self.folder, title="A large project")
        settings = self.folder / "labeling.toml"
        lines = [line for line in settings.read_text().splitlines() if not line.startswith("model")]
        settings.write_text("\n".join([f'model = "{self.folder / "names"}"', *lines]) + "\n")

    def measure(self, name: str, *command: str | Path, note: str = "") -> dict[str, Any]:
        """Run a command of `labeling` and print its figures; what it printed."""
        before = self.worked()
        ran = run([Path(sys.executable).with_name("labeling"), *command, "--json"], self.folder)
        theirs, databases = (after - early for after, early in zip(self.worked(), before, strict=True))
        if ran.code not in (0, 1):
            raise SystemExit(f"{name}: {ran.code}\n{ran.err}")
        found: dict[str, Any] = json.loads(ran.out)
        said = note.format(**found)
        print(
            f"{name:32} {ran.seconds:8.1f} s   CPU {ran.cpu:7.1f} {theirs:7.1f} {databases:7.1f}   "
            f"{ran.rss:5.0f} MB RSS {ran.pss:5.0f} MB PSS   {said}",
            flush=True,
        )
        return found

    def worked(self) -> tuple[float, float]:
        """CPU seconds of the server and of the database so far; 0 for one that is on another machine."""
        running = server.status(open_workspace(self.folder).studio_folder)
        root = running.process() if running else None
        studio = sum(map(_spent, [root, *root.children(recursive=True)])) if root else 0.0
        with psycopg.connect(self.database) as connection:
            pid = connection.info.backend_pid
            with contextlib.suppress(psutil.Error):
                parent = psutil.Process(pid).parent()
                if parent and "postgres" in parent.name():
                    return studio, sum(map(_spent, [parent, *parent.children()]))
        return studio, 0.0

    def tasks(self) -> int:
        """How many tasks there are."""
        with psycopg.connect(self.database) as connection:
            return int(connection.execute("SELECT count(*) FROM task").fetchall()[0][0])

    def review(self) -> None:
        """Write a review of some tasks into the database."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            for query in (REVIEW, COUNT, "ANALYZE"):
                connection.execute(query.encode())

    def submit(self, api: httpx.Client, project: int) -> None:
        """Submit annotations as people do."""
        listed = api.get("/api/tasks/", params={"project": project, "page_size": SUBMITTED, "fields": "all"})
        for task in listed.json()["tasks"]:
            result = task["predictions"][0]["result"]
            made = api.post(f"/api/tasks/{task['id']}/annotations/", json={"result": result, "lead_time": 60})
            made.raise_for_status()

    def ask(self, api: httpx.Client, name: str, path: str, **params: Any) -> None:
        """Print how long an annotator waits for an answer, without the task that is kept for them."""
        seconds = []
        for _ in range(ASKED):
            with psycopg.connect(self.database, autocommit=True) as connection:
                connection.execute("DELETE FROM tasks_tasklock")
            started = time.perf_counter()
            api.get(path, params=params).raise_for_status()
            seconds.append(time.perf_counter() - started)
        print(f"{name:32} {statistics.median(seconds):8.2f} s   {min(seconds):.2f} to {max(seconds):.2f}", flush=True)


def _spent(process: psutil.Process) -> float:
    """CPU seconds of a process and of its ended children."""
    with contextlib.suppress(psutil.Error):
        return sum(process.cpu_times()[:4])
    return 0.0


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", type=int, nargs="*", default=[2_000], help="of tasks")
    parser.add_argument("--keep", type=Path, help="a folder to work in, which stays; another run goes on in it")
    parser.add_argument("--without-ledger", action="store_true", help="also import where the ledger is not believed")
    args = parser.parse_args()
    database = os.environ["LABELING_DATABASE"]
    with contextlib.ExitStack() as opened:
        folder = args.keep or Path(opened.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(folder.resolve(), database)
        workspace = bench.prepare()
        opened.callback(server.stop, workspace.studio_folder)
        print(f"{machine()}; CPU seconds are the client's, the server's, the database's")
        for before, count in pairwise([bench.tasks(), *args.counts]):
            print(f"\n{count:,} tasks", flush=True)
            work(bench, workspace, before, count, without_ledger=args.without_ledger)


def work(bench: Bench, workspace: Workspace, before: int, count: int, *, without_ledger: bool) -> None:
    """Measure one command after another, from so many tasks to so many."""
    if first := max(0, count - MORE - before):
        new = bench.articles("new.jsonl", before, count - MORE)
        bench.measure(f"import of {first:,}", "import", new, note="{outcomes}")
    articles = bench.articles("articles.jsonl", 0, count - MORE)
    bench.measure("import again, of all", "import", articles, note="{outcomes}")
    more = bench.articles("more.jsonl", count - MORE, count)
    bench.measure(f"import of {MORE:,} more", "import", more, note="{outcomes}")
    if without_ledger:
        for part in workspace.state.glob("import-*.sqlite*"):
            part.unlink()
        bench.measure("import again, without the ledger", "import", articles, note="{outcomes}")
    bench.review()
    shutil.rmtree(workspace.state / "pulled", ignore_errors=True)
    bench.measure("pull, the first", "pull", note="{tasks} tasks, {reviewed} reviewed")
    bench.measure("pull, nothing changed", "pull", note="{changed} changed")
    running, login = server.status(workspace.studio_folder), read_credentials(workspace.studio_folder)
    project = workspace.remembered_project()
    if running is None or login is None or project is None:
        raise SystemExit("The server has ended.")
    headers = {"Authorization": f"Token {login.token.get_secret_value()}"}
    with httpx.Client(base_url=running.url, headers=headers, timeout=600) as api:
        bench.submit(api, project)
        bench.measure(f"pull, {SUBMITTED} submits", "pull", note="{changed} changed")
        bench.measure("status, the first", "status", note="{states}")
        bench.measure("status", "status")
        bench.measure("check", "check", note="{annotations} annotations")
        bench.measure("export", "export")
        bench.measure("export, offline", "export", "--offline")
        bench.measure("pull --full", "pull", "--full", note="{differing} differences")
        bench.ask(api, "the next task", f"/api/projects/{project}/next/")
        bench.ask(api, "a page of the Data Manager", "/api/tasks/", project=project, page_size=30, fields="all")


if __name__ == "__main__":
    main()
