"""`labeling agreement --anonymous`: no name and no address is left."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from labeling.core.adjudication import Decision, MarkedSpan
from labeling.core.article import digest
from labeling.settings import Workspace, init, open_workspace
from labeling.workflow.adjudicating.decisions import add_decisions
from tests.builders import Run

TEXT = "Rebels attacked Tadmor, as press@news.example said."


def region(quote: str, label: str) -> dict[str, Any]:
    start = TEXT.index(quote)
    value = {"start": start, "end": start + len(quote), "text": quote, "labels": [label]}
    return {"id": quote, "from_name": "label", "to_name": "text", "type": "labels", "value": value}


def made(email: str, number: int, *regions: dict[str, Any], day: int = 1, **fields: Any) -> dict[str, Any]:
    who = {"email": email, "id": number}
    return {"completed_by": who, "result": list(regions), "updated_at": f"2026-01-{day:02}T00:00:00Z"} | fields


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Everything about people that is told: spellings, two addresses, a deleted account, copies, one person twice."""
    rebels, tadmor = region("Rebels", "ACTOR"), region("Tadmor", "LOCATION")
    annotations = [
        made("Ann.Lee@Example.org", 1, rebels),
        made("ben+news@example.org", 2, rebels, tadmor),
        made("old@example.org", 3, tadmor),
        made("new@example.org", 3, tadmor, region("press@news.example", "ACTOR"), day=2),
        made("Deleted", 4, region("attacked", "NOTHING")),
        made("zoe@example.org", 5, was_cancelled=True),
    ]
    paths = [tmp_path / "ben+news@example.org.json", tmp_path / "b.json"]
    data = {"text": TEXT, "doc_id": "d1"}
    paths[0].write_text(json.dumps([{"id": 1, "data": data, "annotations": annotations}]))
    again = [made("ann.lee@example.org", 9, tadmor, day=3)]
    paths[1].write_text(json.dumps([{"id": 1, "data": data | {"text": f"{TEXT} "}, "annotations": again}]))
    return paths


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    init(tmp_path / "w", title="Test project")
    opened = open_workspace(tmp_path / "w")
    decision = Decision(
        key="k",
        doc_id="d1",
        digest=digest(TEXT),
        kind="spans",
        taken=(MarkedSpan(start=0, end=6, label="ACTOR"),),
        by="Eva@example.org",
        reason="guideline gap",
        note="Ask ann.lee@example.org or eva@example.org.",
    )
    add_decisions(opened, [decision])
    return opened


@pytest.mark.parametrize(
    "options",
    [(), ("--json",), ("--gold",), ("--gold", "--json"), ("--schema", "auto"), ("--schema", "auto", "--json")],
)
def test_no_name_and_no_address_is_left(
    workspace: Workspace, files: list[Path], tmp_path: Path, run: Run, options: tuple[str, ...]
):
    out = tmp_path / "out.csv"
    done = run("agreement", *files, "--anonymous", "-o", out, "-w", workspace.folder, *options)
    assert done.returncode in {0, 1}, done.stderr
    for text in (done.stdout, done.stderr, out.read_text(encoding="utf-8")):
        assert not re.search(r"\w@\w", text), text
        assert not re.search(r"(?i)ann\.lee|ben\+|eva|zoe|\bold\b", text), text
    assert "annotator 1" in done.stdout and "annotator 2" in out.read_text(encoding="utf-8")
    if options == ("--gold",):
        assert "Ask annotator 1 or adjudicator 1." in done.stdout


def test_numbers_are_those_of_an_export(workspace: Workspace, files: list[Path], tmp_path: Path, run: Run):
    found = json.loads(run("agreement", *files, "--anonymous", "--json", "-w", workspace.folder).stdout)
    assert found["annotators"] == ["annotator 1", "annotator 2", "annotator 3", "annotator 4"]
    done = run("convert", *files, "--anonymous", "--choose", "all", "-o", tmp_path / "e", "-w", workspace.folder)
    assert done.returncode in {0, 1}, done.stderr
    ids = {json.loads(line)["doc_id"] for line in (tmp_path / "e/docs.jsonl").read_text().splitlines()}
    assert {each.partition("#")[2] for each in ids} == {f"annotator {number}" for number in range(1, 6)}
