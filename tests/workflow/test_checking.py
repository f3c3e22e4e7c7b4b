"""`labeling check`: each annotator's spans and relations that an export would refuse, with the way to the task."""

import json
from pathlib import Path
from typing import Any

import pytest

from labeling.settings import init, open_workspace
from labeling.workflow.checking import check
from labeling.workflow.pulled import Store, store_folder
from tests.builders import Run, arrow

TEXT = "Rebels attacked Tadmor on Friday."


def region(name: str, quote: str, label: str) -> dict[str, Any]:
    value = {"start": TEXT.index(quote), "end": TEXT.index(quote) + len(quote), "text": quote, "labels": [label]}
    return {"id": name, "from_name": "label", "to_name": "text", "type": "labels", "value": value}


SPANS = [region("a", "Rebels", "ACTOR"), region("e", "attacked", "ACTION"), region("d", "Friday", "DATE")]


@pytest.fixture
def workspace(tmp_path: Path):
    """A workspace whose pulled copy has two tasks, one of them labelled by two people; no server."""
    init(tmp_path, title="Test project")
    workspace = open_workspace(tmp_path)
    workspace.remember_project(7)
    wrong = [*SPANS, arrow("a", "d"), arrow("a", "e"), region("w", "Tadmor", "WEAPON")]
    right = [*SPANS, arrow("a", "e"), arrow("e", "d")]
    with Store.writing(store_folder(workspace, 7)) as store:
        for number, results in ((1, {1: wrong, 2: right}), (2, {2: [*SPANS, arrow("a", "gone", "agent")]})):
            annotations = [
                {"id": 10 * number + who, "completed_by": who, "was_cancelled": False, "result": result}
                for who, result in results.items()
            ]
            data = {"text": TEXT, "doc_id": f"doc-{number}"}
            stamp = "2026-11-24T08:00:00.000000Z"
            store.put({"id": number, "updated_at": stamp, "data": data, "annotations": annotations})
        users = {1: "ann@example.org", 2: "bob@example.org"}
        state = store.state.model_copy(update={"complete": True, "url": "http://127.0.0.1:1/projects/7/data"})
        store.save(state.model_copy(update={"users": users, "pulled_at": "2026-11-24T08:00:00+00:00"}))
    return workspace


def test_check_lists_what_an_export_would_refuse_by_annotator(workspace):
    found = check(workspace, offline=True)
    assert found.annotations == 3
    assert found.annotators == {
        "ann@example.org": {"unknown-label": 1, "no-label": 1},
        "bob@example.org": {"no-such-span": 1},
    }
    first = next(problem for problem in found.refused if problem.reason == "no-label")
    assert first.text == "Rebels → Friday"
    assert "from ACTOR to DATE has no label" in first.detail
    assert first.url == "http://127.0.0.1:1/projects/7/data?task=1"


def test_check_prints_a_table_with_links_and_ends_with_1(workspace, run: Run):
    done = run("check", "--offline", cwd=workspace.folder)
    assert done.returncode == 1
    assert "ann@example.org" in done.stdout
    assert "\nhttp://127.0.0.1:1/projects/7/data?task=1  ann@example.org  Rebels → Friday: " in done.stdout
    said = json.loads(run("check", "--offline", "--json", cwd=workspace.folder).stdout)
    assert [each["annotator"] for each in said["refused"]] == ["ann@example.org"] * 2 + ["bob@example.org"]
