"""`labeling pull` against Label Studio’s own JSON export of the project, in one run: time, memory, the same labels.

    python benchmarks/pull.py                    # 20,000 tasks of 3 kB with 30 regions, annotated and predicted
    python benchmarks/pull.py --tasks 5000 --keep DIR

It starts an embedded Label Studio in a folder of its own. Pulls run as a person runs them: a program from its start to
its end. `inside` is the time that the pull itself reports, without the start of Python and of the SDK. Memory is the
largest sum of RSS over the client's processes, sampled twenty times a second.
"""

import argparse
import contextlib
import json
import platform
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import psutil
from programs import run

from exports import tasks
from labeling.settings import Workspace, init, open_workspace
from labeling.studio import server
from labeling.studio.setup import read_credentials
from labeling.workflow.connecting import connect
from labeling.workflow.page import project_in_step
from labeling.workflow.pulled import Store, store_folder

BATCH = 500
CHANGED = 100


def fill(api: httpx.Client, project: int, count: int) -> float:
    """Seconds that it took to import so many tasks, each with an annotation and a prediction."""
    started = time.perf_counter()
    made = tasks(count)
    while batch := list(islice(made, BATCH)):
        body = [
            {
                "data": task["data"],
                "annotations": [{key: task["annotations"][0][key] for key in ("result", "was_cancelled", "lead_time")}],
                "predictions": [{"result": task["annotations"][0]["result"], "model_version": "bench", "score": 0.5}],
            }
            for task in batch
        ]
        api.post(f"/api/projects/{project}/import", json=body, timeout=600).raise_for_status()
    return time.perf_counter() - started


def export(api: httpx.Client, project: int, file: Path) -> float:
    """Seconds of Label Studio's own JSON export, into a file."""
    started = time.perf_counter()
    url = f"/api/projects/{project}/export?exportType=JSON&download_all_tasks=true"
    with api.stream("GET", url, timeout=3600) as answer, file.open("wb") as out:
        answer.raise_for_status()
        for data in answer.iter_bytes():
            out.write(data)
    return time.perf_counter() - started


def pull(folder: Path, *options: str) -> dict[str, Any]:
    """The report of `labeling pull`, with its whole `time` and its `memory` in MB."""
    ran = run([Path(sys.executable).with_name("labeling"), "pull", "--json", *options], folder)
    found: dict[str, Any] = json.loads(ran.out)
    return found | {"time": ran.seconds, "memory": ran.rss}


def told(found: Any) -> dict[int, Any]:
    """Task id → its text and its annotations."""
    return {task["id"]: (task["data"], {a["id"]: a["result"] for a in task["annotations"]}) for task in found}


def differing(file: Path, workspace: Workspace, project: int) -> int:
    """How many tasks the store has otherwise than Label Studio's export."""
    theirs = told(json.loads(file.read_bytes()))
    with Store(store_folder(workspace, project)) as store:
        ours = told(json.loads(line) for line in store.lines())
    return sum(ours.get(n) != theirs.get(n) for n in {*ours, *theirs})


@contextlib.contextmanager
def studio(folder: Path) -> Iterator[tuple[Workspace, httpx.Client, int]]:
    """A workspace with a project on a server of its own, and its API."""
    init(folder, title="Pull benchmark")
    workspace = open_workspace(folder)
    running = server.start(workspace.studio_folder, port=0)
    try:
        with connect(workspace) as connection:
            project = project_in_step(connection, workspace)[0].id
        login = read_credentials(workspace.studio_folder)
        headers = {"Authorization": f"Token {login.token.get_secret_value() if login else ''}"}
        with httpx.Client(base_url=running.url, headers=headers, timeout=120) as api:
            yield workspace, api, project
    finally:
        server.stop(workspace.studio_folder)


def show(name: str, found: dict[str, Any], note: str = "") -> None:
    """A line on a pull."""
    inside, memory = found["seconds"], found["memory"]
    print(f"{name:34} {found['time']:7.2f} s   inside {inside:7.2f} s   {memory:5.0f} MB   {note}", flush=True)


def main() -> None:
    """Print the times, the memory, and whether the labels are the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument(
        "--rounds", type=int, default=1, help="of full pull and export, in turn; the best of each counts"
    )
    parser.add_argument("--keep", type=Path, help="a folder to work in, which stays")
    args = parser.parse_args()
    with contextlib.ExitStack() as opened:
        folder = args.keep or Path(opened.enter_context(tempfile.TemporaryDirectory()))
        workspace, api, project = opened.enter_context(studio(folder))
        print(f"{platform.machine()}, {psutil.cpu_count()} cores, Python {platform.python_version()}")
        seconds = fill(api, project, args.tasks)
        print(f"{args.tasks:,} tasks imported in {seconds:.0f} s ({args.tasks / seconds:.0f}/s)", flush=True)
        ours, theirs = [], []
        for number in range(args.rounds):
            first = pull(folder) if not number else pull(folder, "--full")
            show("full pull" if not number else "pull --full", first, f"{first['tasks']:,} tasks")
            theirs.append(export(api, project, folder / "export.json"))
            ours.append(first["time"])
            size = (folder / "export.json").stat().st_size / 1e6
            print(f"{'Label Studio’s JSON export':34} {theirs[-1]:7.2f} s   {size:.0f} MB", flush=True)
        print(f"full pull / export: {min(ours) / min(theirs):.2f}")
        print(f"tasks that differ: {differing(folder / 'export.json', workspace, project)}")
        show("pull, nothing changed", pull(folder))
        with Store(store_folder(workspace, project)) as store:
            chosen = random.Random(1).sample(store.ids, min(CHANGED, len(store)))
            result = store.task(chosen[0])["annotations"][0]["result"]
        for task in chosen:
            api.post(f"/api/tasks/{task}/annotations/", json={"result": result}).raise_for_status()
        found = pull(folder)
        show(f"pull, {len(chosen)} tasks changed", found, f"{found['changed']} changed")
        for task in chosen[:10]:
            api.delete(f"/api/tasks/{task}/").raise_for_status()
        found = pull(folder)
        show("pull, 10 tasks deleted", found, f"{found['gone']} gone")
        found = pull(folder, "--full")
        show("pull --full", found, f"{found['differing']} differences")
        export(api, project, folder / "export.json")
        print(f"tasks that differ: {differing(folder / 'export.json', workspace, project)}")


if __name__ == "__main__":
    main()
