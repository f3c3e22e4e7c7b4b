"""What annotators said, as Label Studio tells it: which annotation counts, and what becomes of each region."""

from typing import Any

import pytest

from tests.builders import EVENT, arrow
from tests.studio.reading import read, read_by

TEXT = "Rebels attacked Tadmor\non Friday 😀 twice."


def region(start: Any, end: Any, label: Any = "ACTOR", name: str = "r", **value: Any) -> dict[str, Any]:
    fields = {"start": start, "end": end, "labels": [label], **value}
    return {"id": name, "from_name": "label", "to_name": "text", "type": "labels", "value": fields}


REBELS, ATTACKED, TADMOR = region(0, 6, name="a"), region(7, 15, "ACTION", "e"), region(16, 22, "LOCATION", "l")


@pytest.mark.parametrize(
    ("result", "counts", "reasons"),
    [
        ([REBELS], {"exact": 1}, []),
        ([region(0, 7)], {"trimmed": 1}, ["trimmed"]),
        ([region(6, 7)], {"refused": 1}, ["only-space"]),
        ([region(0, 99)], {"refused": 1}, ["out-of-range"]),
        ([region(-1, 3)], {"refused": 1}, ["out-of-range"]),
        ([region(5, 5)], {"refused": 1}, ["out-of-range"]),
        ([region(6, 2)], {"refused": 1}, ["out-of-range"]),
        ([region("0", "6")], {"refused": 1}, ["bad-offsets"]),
        ([region(0.0, 6.0)], {"refused": 1}, ["bad-offsets"]),
        ([region(False, True)], {"refused": 1}, ["bad-offsets"]),
        ([region(None, 6)], {"refused": 1}, ["bad-offsets"]),
        ([region(0, 6, "PERSON")], {"refused": 1}, ["unknown-label"]),
        ([region(0, 6, labels=[])], {"refused": 1}, ["no-label"]),
        ([region(0, 6, labels=["ACTOR", "LOCATION"])], {"exact": 2}, []),
        ([{"id": "x", "type": "labels"}], {"refused": 1}, ["bad-offsets"]),
        (["zzz"], {"refused": 1}, ["bad-region"]),
        ("zzz", {}, ["bad-result"]),
        ([REBELS, region(0, 6, name="b")], {"exact": 1, "refused": 1}, ["duplicate"]),
        ([REBELS, region(16, 22, "LOCATION", "a")], {"exact": 2}, []),
        ([{"id": "c", "type": "choices", "value": {"choices": ["war"]}}], {}, []),
        ([region(0, 6, text="Rebels")], {"exact": 1}, []),
        ([region(0, 6, text="Army")], {"refused": 1}, ["other-text"]),
        ([region(16, 32, "LOCATION", text="Tadmor\\non Friday")], {"exact": 1}, ["text-copy"]),
        ([region(33, 34, text="😀")], {"exact": 1}, []),
    ],
)
def test_each_region_is_kept_changed_or_refused_with_its_reason(result, counts, reasons):
    reading = read(result, TEXT, EVENT)
    assert dict(reading.span_counts) == counts
    assert [problem.reason for problem in reading.problems] == reasons


@pytest.mark.parametrize(
    ("arrows", "relations", "reasons"),
    [
        ([arrow("e", "a", "agent")], [("e", "a", "agent")], []),
        ([arrow("a", "e", "agent", direction="left")], [("e", "a", "agent")], []),
        ([arrow("a", "e", "agent")], [("e", "a", "agent")], []),
        ([arrow("a", "e", "target")], [("e", "a", "target")], ["turned"]),
        ([arrow("e", "a", "agent", direction="bi")], [("e", "a", "agent")], ["one-way"]),
        ([arrow("e", "l")], [("e", "l", "place")], []),
        ([arrow("l", "e")], [("e", "l", "place")], ["turned"]),
        ([arrow("a", "e")], [("e", "a", "agent")], []),
        ([arrow("e", "a")], [("e", "a", "target")], []),
        ([arrow("a", "l")], [], ["no-label"]),
        ([arrow("e", "l", "agent")], [("e", "l", "place")], ["relabelled"]),
        ([arrow("l", "e", "agent")], [("e", "l", "place")], ["turned", "relabelled"]),
        ([arrow("a", "l", "agent")], [], ["illegal-relation"]),
        ([arrow("e", "a", "causes")], [], ["illegal-relation"]),
        ([arrow("e", "gone", "agent")], [], ["no-such-span"]),
        ([arrow("e", "a", "agent"), arrow("e", "a", "agent")], [("e", "a", "agent")], ["duplicate-relation"]),
        ([arrow("e", "a", "agent", "target")], [("e", "a", "agent"), ("e", "a", "target")], []),
        ([{"type": "relation"}], [], ["no-such-span"]),
    ],
)
def test_each_relation_is_kept_changed_or_refused_with_its_reason(arrows, relations, reasons):
    reading = read([REBELS, ATTACKED, TADMOR, *arrows], TEXT, EVENT)
    assert [(r.head, r.tail, r.label) for r in reading.relations] == relations
    assert [problem.reason for problem in reading.problems] == reasons


def test_relation_to_the_copy_of_a_span_is_one_to_the_span():
    result = [REBELS, region(0, 6, name="copy"), ATTACKED, arrow("e", "copy", "agent")]
    (relation,) = read(result, TEXT, EVENT).relations
    assert relation.tail == "a"


def annotation(*result: Any, at: str = "2026-01-01T00:00:00Z", **fields: Any) -> dict[str, Any]:
    return {"id": 1, "completed_by": 1, "updated_at": at, "was_cancelled": False, "result": list(result), **fields}


@pytest.mark.parametrize(
    ("task", "state", "spans", "reasons"),
    [
        ({}, "pending", None, []),
        ({"annotations": []}, "pending", None, []),
        ({"drafts": [{"result": [REBELS]}]}, "draft", None, []),
        ({"annotations": [annotation(REBELS, was_cancelled=True)]}, "skipped", None, []),
        ({"annotations": [annotation()]}, "reviewed-empty", 0, []),
        ({"annotations": [annotation(REBELS)]}, "reviewed", 1, []),
        (
            {"annotations": [annotation(REBELS, at="2026-01-02T00:00:00Z"), annotation(REBELS, TADMOR)]},
            "reviewed",
            1,
            ["older-annotation"],
        ),
        (
            {"annotations": [annotation(REBELS), annotation(TADMOR, was_cancelled=True, at="2027-01-01T00:00:00Z")]},
            "reviewed",
            1,
            [],
        ),
        (
            {"annotations": [annotation(REBELS)], "drafts": [{"updated_at": "2026-03-01T00:00:00Z"}]},
            "reviewed",
            1,
            ["newer-draft"],
        ),
    ],
)
def test_state_of_a_task_and_the_annotation_that_counts(task, state, spans, reasons):
    review = read_by({"data": {"text": TEXT, "doc_id": "x"}} | task, EVENT, "here")
    assert review.state == state
    assert (len(review.doc.spans) if review.doc else None) == spans
    assert [problem.reason for problem in review.problems] == reasons
    assert all(problem.where == "here" and problem.doc_id == "x" for problem in review.problems)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"text": TEXT, "digest": "0" * 16}, "text-changed"),
        ({"text": "  "}, "no-text"),
        ({"text": None}, "no-text"),
        ({"text": "", "path": "x.png"}, "no-text"),
        ({"image": "x.png", "text": 3}, "no-text"),
        ({"text": "https://example.org/a.txt"}, "text-elsewhere"),
        ({"text": TEXT, "doc_id": " "}, "bad-data"),
    ],
)
def test_task_without_a_trustworthy_text_gives_no_document_and_lists_each_span(data, reason):
    review = read_by({"data": data, "annotations": [annotation(REBELS, TADMOR)]}, EVENT, "here")
    assert review.doc is None
    assert review.spans == {"refused": 2}
    assert {problem.reason for problem in review.problems} == {reason}
    assert len(review.problems) == 3


def test_task_of_another_project_is_read():
    data = {"id": 5, "headline": "Tadmor falls", "body": "First line\r\nRebels took Tadmor"}
    result = [region(12, 18, text="Rebels")]
    review = read_by({"data": data, "annotations": [annotation(*result)]}, None, "here")
    (span,) = review.doc.spans
    assert review.doc.text == "First line\nRebels took Tadmor"
    assert review.doc.slice(span) == "Rebels"
    assert review.doc.extra == {"id": 5, "headline": "Tadmor falls"}
    assert review.problems == ()


@pytest.mark.parametrize("task", [None, 3, "x", [], {}, {"data": 3}])
def test_what_is_no_task_is_named(task):
    review = read_by(task, EVENT, "here")
    assert [problem.reason for problem in review.problems] == ["no-task"]
