"""How fast articles get into a project, against bare calls of the SDK; and what a second import costs.

Usage: python benchmarks/sync.py [N]        # tasks; 2,000 by default

In one run, on an embedded Label Studio of its own: N tasks of 3 kB with 30 regions by `projects.import_tasks` with
1,000 tasks a call (the fastest batch), the same by `labeling` with every check on (what is in doubt is written down
before each batch, predictions are counted, the project is counted at the end), and then `labeling import` of the same N
articles, which changes nothing, once with the ledger and once without. Then ours again in a program of its own, which
makes the articles as it pushes them, for its memory. Pre-annotation is left out of all this: it is measured by
annotate.py.
"""

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from label_studio_sdk import LabelStudio
from programs import run

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Span
from labeling.core.sections import SectionLimits
from labeling.settings import init, open_workspace
from labeling.studio import server
from labeling.studio.page import Page
from labeling.studio.setup import read_credentials
from labeling.studio.tasks import to_task
from labeling.workflow.connecting import connect
from labeling.workflow.importing.command import project_file
from labeling.workflow.importing.compare import Todo
from labeling.workflow.importing.confirm import Confirmation
from labeling.workflow.importing.ledger import Ledger
from labeling.workflow.importing.project_state import ProjectState
from labeling.workflow.importing.push import BATCH, Pusher
from labeling.workflow.importing.push import push as pushed

WORDS = "police rebels army attacked minister said on Friday near the border talks collapsed in court protesters"
BARE_BATCH = 1000  # the fastest
VERSION = "en_core_web_sm-3.8.0+event-1.2.0"


def main() -> None:
    """Print the figures."""
    if sys.argv[1:2] == ["--push"]:
        push(Path(sys.argv[2]), int(sys.argv[3]))
        return
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        init(folder)
        workspace = open_workspace(folder)
        server.start(workspace.studio_folder, 0)
        try:
            measure(workspace, number)
        finally:
            server.stop(workspace.studio_folder)


def measure(workspace: Any, number: int) -> None:
    """Push by bare calls and by ours, in turns; then import again."""
    docs = list(islice(documents(), number))
    tasks = [to_task(doc, VERSION) for doc in docs]
    print(f"{number:,} tasks, {len(json.dumps(tasks[0])):,} bytes each")
    seconds = {"bare": 0.0, "ours": 0.0}
    login = read_credentials(workspace.studio_folder)
    with connect(workspace) as studio:
        sdk = LabelStudio(base_url=studio.url, api_key=login.token.get_secret_value() if login else "")
        bare = studio.create_project(Page.of(workspace.label_schema), "Bare calls")
        ours = studio.create_project(Page.of(workspace.label_schema), "Ours")
        workspace.remember_project(ours.id)
        with Ledger(workspace.state / f"{project_file(workspace, ours)}.sqlite") as ledger:
            pusher = Pusher(ProjectState(studio, ours, ledger, VERSION), workspace.label_schema, SectionLimits())
            for start in range(0, number, BARE_BATCH):
                batch = tasks[start : start + BARE_BATCH]
                began = time.perf_counter()
                sdk.projects.import_tasks(id=bare.id, request=batch, return_task_ids=True)
                middle = time.perf_counter()
                for first in range(start, start + len(batch), BATCH):
                    some = docs[first : min(first + BATCH, start + len(batch))]
                    pusher.push({doc.doc_id: "create" for doc in some}, some)
                seconds["bare"] += middle - began
                seconds["ours"] += time.perf_counter() - middle
            began = time.perf_counter()
            Confirmation(pusher).missing()
            seconds["ours"] += time.perf_counter() - began
        studio.prefill(ours, VERSION)
    for name, spent in seconds.items():
        print(f"  {name}: {number / spent:6.0f} tasks/s")
    print(f"  ours is {seconds['bare'] / seconds['ours']:.0%} of the rate of bare calls")
    file = workspace.folder / "articles.jsonl"
    file.write_text("".join(json.dumps({"id": doc.doc_id, "text": doc.text}) + "\n" for doc in docs))
    for name in ("a second import", "another, without the ledger"):
        ran = run([Path(sys.executable).with_name("labeling"), "import", file.name, "--json"], workspace.folder)
        print(f"  {name}: {ran.seconds:.1f} s, {json.loads(ran.out)['outcomes']}, {ran.rss:.0f} MB")
        for part in workspace.state.glob("import-*.sqlite*"):
            part.unlink()
    ran = run([sys.executable, __file__, "--push", workspace.folder, str(number)])
    print(f"  ours, in a program of its own: {ran.out.strip()}, {ran.rss:.0f} MB {ran.err}")


def push(folder: Path, number: int) -> None:
    """Push articles that come one by one, as an import does with what is annotated, and say how many are there."""
    workspace = open_workspace(folder)
    todo: dict[str, Todo] = {f"a{i}": "create" for i in range(number)}
    with connect(workspace) as studio:
        project = studio.create_project(Page.of(workspace.label_schema), "Alone")
        with Ledger(workspace.state / f"{project_file(workspace, project)}.sqlite") as ledger:
            pusher = Pusher(ProjectState(studio, project, ledger, VERSION), workspace.label_schema, SectionLimits())
            for _ in pushed(islice(documents(), number), pusher, todo):
                pass
            Confirmation(pusher).missing()
        print(f"{studio.project(project.id).tasks:,} tasks")


def documents() -> Iterator[LabeledDoc]:
    """Articles of 3 kB with 30 spans, the same at every run."""
    chosen = random.Random(1)
    number = 0
    while True:
        text = " ".join(chosen.choice(WORDS.split()) for _ in range(480)) + f" {number}."
        spans, at = [], 0
        for place in range(30):
            at = text.index(" ", at + 70) + 1
            spans.append(Span(id=f"r{place}", start=at, end=text.index(" ", at), label="ACTOR", score=0.5))
        yield LabeledDoc.of(Article(doc_id=f"a{number}", text=text), tuple(spans))
        number += 1


if __name__ == "__main__":
    main()
