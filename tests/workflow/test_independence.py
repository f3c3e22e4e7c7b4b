"""Signs that people did not work by themselves, or did not read: on made-up work, copies of it, and real exports."""

import json
from pathlib import Path
from typing import Any

import pytest

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Span
from labeling.settings import init, open_workspace
from labeling.workflow.agreement import Agreement, agreement
from labeling.workflow.independence import dependent
from labeling.workflow.shared_texts import SharedText
from tests.builders import ROOT

SEVERAL = sorted((ROOT.parent / "shared" / "several").glob("*.json"))
PER_TEXT = 30


def work(spans: int, differing: int) -> list[SharedText]:
    """Texts in which two people drew spans, of which some differ in an edge; ids are random."""
    texts = []
    for first in range(0, spans, PER_TEXT):
        text = SharedText()
        for who, moved in (("ann", 0), ("ben", differing)):
            numbers = range(first, min(first + PER_TEXT, spans))
            places = ((n, 9 * (n - first), 7 if n < moved else 8) for n in numbers)
            made = [Span(id=f"{who}{n}", start=start, end=start + size, label="ACTOR") for n, start, size in places]
            text.docs[who] = LabeledDoc.of(Article(doc_id=f"d{first}", text="abcdefgh " * PER_TEXT), tuple(made))
            text.drawn[who] = {span.id for span in made}
        texts.append(text)
    return texts


@pytest.mark.parametrize(
    ("spans", "differing", "is_told"),
    [(30, 0, False), (284, 0, False), (285, 0, True), (1200, 10, True), (1200, 24, False), (5000, 2500, False)],
)
def test_more_agreement_than_people_reach_is_told(spans: int, differing: int, is_told: bool):
    found = [*dependent(work(spans, differing), [("ann", "ben")])]
    assert bool(found) == is_told
    for each in found:
        assert (each.drawn, each.equal, each.shared_ids, each.copied) == (spans, spans - differing, 0, 0)
        assert each.chance < 0.001
        assert f"{each.equal:,} of {spans:,} spans that ann and ben drew are equal" in each.sentence


def test_spans_that_came_from_a_prediction_do_not_count_as_agreement():
    texts = work(600, 0)
    for text in texts:
        text.drawn = {"ann": set(), "ben": set()}
    assert [*dependent(texts, [("ann", "ben")])] == []


def submitted(number: int, *, words: int = 300, **fields: Any) -> dict[str, Any]:
    """A task that Ann submitted after 9 seconds, which is half of what the fastest reader needs for 300 words."""
    text = f"{number} " + "word " * (words - 1)
    value = {"start": 0, "end": 1, "text": text[0], "labels": ["NUMBER"]}
    region = {"id": "r", "from_name": "label", "to_name": "text", "type": "labels", "value": value}
    who = {name: {"email": f"{name}@example.org"} for name in ("ann", "ben")}
    time = {"created_at": "2026-01-01T08:00:00Z", "updated_at": "2026-01-01T08:00:00Z"}
    ann = {"id": 2 * number, "completed_by": who["ann"], "result": [region], "lead_time": 9.0, **time, **fields}
    ben = {"id": 2 * number + 1, "completed_by": who["ben"], "result": [region | {"id": "s"}], "lead_time": 60, **time}
    return {"id": number, "data": {"text": text.strip(), "doc_id": f"d{number}"}, "annotations": [ann, ben]}


def measured(folder: Path, tasks: list[dict[str, Any]]) -> Agreement:
    init(folder / "w")
    (folder / "all.json").write_text(json.dumps(tasks), encoding="utf-8")
    return agreement(open_workspace(folder / "w"), [folder / "all.json"], schema=None)


@pytest.mark.parametrize(("number", "is_told"), [(2, False), (3, True)])
def test_texts_that_were_submitted_faster_than_anybody_reads_are_counted_by_person(
    tmp_path: Path, number: int, is_told: bool
):
    slow = [submitted(n, lead_time=19.0) for n in range(10, 20)]
    found = measured(tmp_path, [*(submitted(n) for n in range(number)), *slow])
    assert [(each.annotator, each.texts, each.too_fast) for each in found.hasty] == [
        ("ann@example.org", number + 10, number)
    ]
    assert len(found.hasty[0].where) == number
    told = f"ann@example.org submitted {number} of {number + 10} texts faster than anybody reads"
    assert any(told in warning for warning in found.warnings) == is_told


@pytest.mark.parametrize(
    "fields",
    [
        {"lead_time": None},
        {"lead_time": 0},
        {"lead_time": "9"},
        {"created_at": None},
        {"updated_at": "2026-01-02T08:00:00Z"},
        {"draft_created_at": "2025-12-31T08:00:00Z"},
        {"parent_annotation": 5},
        {"result": [], "words": 90},
    ],
    ids=str,
)
def test_times_that_say_nothing_about_reading_do_not_count(tmp_path: Path, fields: dict[str, Any]):
    assert measured(tmp_path, [submitted(n, **fields) for n in range(5)]).hasty == ()


def test_a_text_that_somebody_had_read_before_does_not_count(tmp_path: Path):
    tasks = [submitted(1) | {"id": n} for n in range(5)]
    again = [submitted(n) for n in range(10, 15)]
    for task in again:
        task["annotations"].append(task["annotations"][0] | {"id": 90, "updated_at": "2025-12-31T08:00:00Z"})
    assert measured(tmp_path, tasks + again).hasty == ()


@pytest.mark.skipif(not SEVERAL, reason="there are no exports of several annotators beside the project")
@pytest.mark.parametrize("file", SEVERAL, ids=lambda file: file.stem)
def test_real_independent_work_is_not_accused_and_a_copy_of_it_is(tmp_path: Path, file: Path):
    tasks = json.loads(file.read_text(encoding="utf-8"))
    found = measured(tmp_path, tasks)
    assert found.dependent == () and not any("faster" in warning for warning in found.warnings)
    for task in tasks:
        first, second, *_ = sorted(task["annotations"], key=lambda one: one["completed_by"]["email"])
        second["result"] = [item | {"id": f"copy-{item['id']}"} for item in first["result"]]
    (copy, *_) = measured(tmp_path, tasks).dependent
    assert copy.shared_ids == copy.copied == 0 and copy.equal > 285
