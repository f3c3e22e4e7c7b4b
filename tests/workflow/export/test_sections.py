"""Articles in several tasks become one document again."""

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.core.sections import SectionLimits, divided, section_starts
from labeling.core.split import Split
from labeling.settings import init, open_workspace
from labeling.studio.annotations import Choice
from labeling.studio.tasks import to_result, to_tasks
from labeling.workflow.export.commands import export_files
from labeling.workflow.export.options import Options
from labeling.workflow.export.report import Exported
from labeling.workflow.export.task_locations import read_task_locations

SENTENCE = "Rebels attacked soldiers near the bridge. "
LONG = "\n\n".join(SENTENCE * 3 + f"That was day {n}." for n in range(12))


def document(text: str = LONG, doc_id: str = "long") -> LabeledDoc:
    """A document with an actor and an action, related, in each sentence about rebels."""
    spans: list[Span] = []
    relations: list[Relation] = []
    at = text.find("Rebels")
    while at >= 0:
        spans.append(Span(id=f"a{at}", start=at, end=at + 6, label="ACTOR"))
        spans.append(Span(id=f"v{at}", start=at + 7, end=at + 15, label="ACTION"))
        relations.append(Relation(head=f"v{at}", tail=f"a{at}", label="agent"))
        at = text.find("Rebels", at + 1)
    return LabeledDoc(doc_id=doc_id, text=text, title="T", source="S", spans=tuple(spans), relations=tuple(relations))


def sectioned(doc: LabeledDoc, schema: Any) -> tuple[tuple[int, ...], list[dict[str, Any]]]:
    """Where its sections start, and their tasks, of which each was submitted as it is."""
    starts = section_starts(doc.text, doc.spans, SectionLimits(characters=500))
    tasks = to_tasks(doc, "m", schema, starts)
    assert len(tasks) > 3
    for number, (task, section) in enumerate(zip(tasks, divided(doc, starts), strict=True), start=1):
        task["id"] = number
        annotation = {"id": number, "completed_by": 1, "result": to_result(section, schema)}
        task["annotations"] = [annotation | {"updated_at": f"2024-01-{number:02}T10:00:00Z"}]
    return starts, tasks


def convert(folder: Path, *tasks: Any, **options: Any) -> Exported:
    if not folder.exists():
        init(folder, split=Split(dev=0, test=0))
    workspace = open_workspace(folder)
    (folder / "in.json").write_text(json.dumps(tasks), encoding="utf-8")
    given = Options(**options)
    return export_files(workspace, [folder / "in.json"], folder / "out", given, schema=workspace.label_schema)


def docs_of(done: Exported) -> list[LabeledDoc]:
    return [LabeledDoc.model_validate_json(line) for line in (done.folder / "docs.jsonl").read_text().splitlines()]


def problems_of(done: Exported) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (done.folder / "problems.jsonl").read_text().splitlines()]


@pytest.fixture
def schema(tmp_path: Path):
    init(tmp_path / "w", split=Split(dev=0, test=0))
    return open_workspace(tmp_path / "w").label_schema


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_document_in_sections_is_exported_as_if_it_were_whole(tmp_path: Path, schema: Any, jobs: int):
    doc, other = document(), document("Rebels attacked soldiers.", "short")
    starts, tasks = sectioned(doc, schema)
    whole = to_tasks(doc, "m", schema)[0] | {"annotations": [{"result": to_result(doc, schema)}]}
    short = to_tasks(other, "m", schema)[0] | {"annotations": [{"result": to_result(other, schema)}]}
    mixed = [*tasks, short]
    random.Random(3).shuffle(mixed)
    of_whole, of_parts = convert(tmp_path / "a", whole, short), convert(tmp_path / "b", *mixed, jobs=jobs)
    assert (
        {d.doc_id: d for d in docs_of(of_parts)}
        == {d.doc_id: d for d in docs_of(of_whole)}
        == {
            "long": doc,
            "short": other,
        }
    )
    assert not problems_of(of_parts)
    assert of_parts.manifest["documents"] == of_whole.manifest["documents"]
    assert of_parts.manifest["spans"] == of_whole.manifest["spans"]
    assert of_parts.manifest["tasks"]["in"] == len(mixed)
    assert of_parts.manifest["split"]["exact_copies"] == 0
    location = read_task_locations(of_parts.folder)["long"]
    numbers = {task["id"]: number for number, task in enumerate(mixed, start=1) if "id" in task}
    for number, (start, end) in enumerate(pairwise([*starts, len(doc.text)]), start=1):
        assert location.at(start) == location.at(end - 1) and location.at(start).start == start
        assert f"{numbers[number]}" in location.at(start).where


def test_what_is_in_sections_that_nobody_reviewed_is_missing_not_outside(tmp_path: Path, schema: Any):
    doc = document()
    starts, tasks = sectioned(doc, schema)
    tasks[1]["annotations"] = []
    tasks[3]["annotations"][0]["was_cancelled"] = True
    (exported,) = docs_of(convert(tmp_path / "w", *tasks))
    borders = [*starts, len(doc.text)]
    assert exported.text == doc.text
    assert exported.unknown == ((borders[1], borders[2]), (borders[3], borders[4]))
    assert {s.id for s in exported.spans} == {
        s.id for s in doc.spans if not any(a <= s.start < b for a, b in exported.unknown)
    }


def test_nothing_is_exported_of_an_article_of_which_no_section_was_reviewed(tmp_path: Path, schema: Any):
    _, tasks = sectioned(document(), schema)
    other = document("Rebels attacked soldiers.", "short")
    short = to_tasks(other, "m", schema)[0] | {"annotations": [{"result": to_result(other, schema)}]}
    done = convert(tmp_path / "w", *({**task, "annotations": []} for task in tasks), short)
    assert docs_of(done) == [other] and done.manifest["tasks"]["pending"] == len(tasks)


def test_an_export_without_some_of_the_sections_says_so(tmp_path: Path, schema: Any):
    doc = document()
    _, tasks = sectioned(doc, schema)
    tasks[2]["data"]["text"] += " Changed."
    done = convert(tmp_path / "w", *tasks[1:])
    (exported,) = docs_of(done)
    there = [task["data"]["text"] for n, task in enumerate(tasks) if n not in {0, 2}]
    assert exported.text == "".join(there)
    assert {exported.slice(span) for span in exported.spans} == {"Rebels", "attacked"}
    problems = problems_of(done)
    assert {p["reason"] for p in problems} >= {"text-changed", "missing-sections"}
    assert "of 1, 3;" in next(p["detail"] for p in problems if p["reason"] == "missing-sections")


def test_of_a_section_that_two_people_reviewed_the_newest_counts_and_with_all_each_has_a_document(
    tmp_path: Path, schema: Any
):
    doc = document()
    starts, tasks = sectioned(doc, schema)
    newer = {"id": 99, "completed_by": 2, "result": [], "updated_at": "2025-01-01T10:00:00Z"}
    tasks[0]["annotations"].append(newer)
    (exported,) = docs_of(convert(tmp_path / "w", *tasks))
    assert exported.spans == tuple(s for s in doc.spans if s.start >= starts[1]) and not exported.unknown
    both = {d.doc_id: d for d in docs_of(convert(tmp_path / "w2", *tasks, choice=Choice.parse("all")))}
    assert both.keys() == {"long#user 1", "long#user 2"}
    assert both["long#user 1"].spans == doc.spans and not both["long#user 1"].unknown
    assert not both["long#user 2"].spans and both["long#user 2"].unknown == ((starts[1], len(doc.text)),)


def test_of_a_section_in_two_tasks_one_counts_and_problems_count_in_the_text_of_the_article(
    tmp_path: Path, schema: Any
):
    doc = document()
    starts, tasks = sectioned(doc, schema)
    again = json.loads(json.dumps(tasks[1])) | {"id": 77}
    tasks[1]["annotations"][0]["result"][0]["value"] |= {"start": -1, "end": -1}
    tasks[2]["annotations"][0]["result"][0]["value"]["end"] += 1
    tasks[2]["annotations"][0]["result"][0]["value"]["text"] += " "
    tasks[1]["annotations"][0]["updated_at"] = "2025-01-01T10:00:00Z"
    done = convert(tmp_path / "w", *tasks, again)
    (exported,) = docs_of(done)
    assert exported.text == doc.text and len(exported.spans) == len(doc.spans) - 1
    found = {p["reason"]: p for p in problems_of(done)}
    assert found["trimmed"]["start"] == starts[2]
    assert found["duplicate-document"]["action"] == "unused"
