"""Tasks: which annotation counts, whose it is, which field is the text; no task makes reading fail."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from labeling.core.article import digest
from labeling.core.overlap import Overlap
from labeling.studio.annotations import STATES, Review, Rules, read_task
from tests.builders import EVENT
from tests.strategies import json_values
from tests.studio.reading import read_by

REVIEWS = TypeAdapter(Review)
TEXT = "Rebels left Tadmor."
DATA = {"doc_id": "x", "text": TEXT, "digest": digest(TEXT)}
DAY = "2026-01-0{}T00:00:00.000000Z"


def region(start: int, end: int, label: str, **value: Any) -> dict[str, Any]:
    return {"id": f"{start}", "type": "labels", "value": {"start": start, "end": end, "labels": [label], **value}}


REBELS, TADMOR = region(0, 6, "ACTOR"), region(12, 18, "LOCATION")


def annotation(*result: Any, number: int = 1, by: Any = 1, day: int = 1, **fields: Any) -> dict[str, Any]:
    return {"id": number, "completed_by": by, "updated_at": DAY.format(day), "result": list(result), **fields}


@pytest.mark.parametrize(
    ("annotations", "label", "reasons"),
    [
        ([annotation(REBELS, day=2), annotation(TADMOR, day=1)], "ACTOR", ["older-annotation"]),
        ([annotation(REBELS, day=1), annotation(TADMOR, day=2)], "LOCATION", ["older-annotation"]),
        ([annotation(REBELS, number=2), annotation(TADMOR, number=1)], "ACTOR", ["older-annotation"]),
        ([annotation(REBELS, updated_at=None), annotation(TADMOR)], "LOCATION", ["older-annotation"]),
        (
            [annotation(REBELS, updated_at=None, created_at=DAY.format(3)), annotation(TADMOR)],
            "ACTOR",
            ["older-annotation"],
        ),
        ([annotation(TADMOR, day=9, was_cancelled=True), annotation(REBELS)], "ACTOR", []),
        ([annotation(REBELS, id="x"), 3, None], "ACTOR", ["bad-annotation", "bad-annotation"]),
    ],
)
def test_annotations_the_newest_submitted_counts_and_others_are_listed(annotations, label: str, reasons: list[str]):
    review = read_by({"data": DATA, "annotations": annotations}, EVENT, "here")
    assert [span.label for span in review.doc.spans] == [label]
    assert [problem.reason for problem in review.problems] == reasons
    assert sum(review.spans.values()) == 1


def test_annotations_that_gave_way_to_another_are_unused_and_not_refused():
    annotations = [annotation(REBELS, by=1, day=1), annotation(TADMOR, by=2, day=2)]
    task = {"data": DATA, "annotations": annotations, "drafts": [annotation(by=3, day=3)]}
    review = read_by(task, EVENT, "here")
    assert {(p.reason, p.action) for p in review.problems} == {
        ("older-annotation", "unused"),
        ("newer-draft", "unused"),
    }
    assert review.annotations == {"used": 1, "older": 1, "draft": 1}
    assert "by user 1 of 2026-01-01 00:00:00 UTC gave way to a newer one by user 2" in str(review.problems)


@pytest.mark.parametrize(
    ("overlap", "setting", "used", "reasons"),
    [
        (2, None, {"used": 1, "overlap": 1, "draft": 1}, []),
        (None, "100%", {"used": 1, "overlap": 1, "draft": 1}, []),
        (3, None, {"used": 1, "overlap": 1, "draft": 1}, []),
        (2, 1, {"used": 1, "older": 1, "draft": 1}, ["older-annotation"]),  # the setting counts
        (None, None, {"used": 1, "older": 1, "draft": 1}, ["older-annotation"]),
    ],
)
def test_annotations_that_the_overlap_planned_are_counted_and_not_listed(overlap, setting, used, reasons):
    annotations = [annotation(REBELS, by=1, day=1), annotation(TADMOR, by=2, day=2)]
    task = {"data": DATA, "annotations": annotations, "drafts": [annotation(by=1, day=1)]}
    task |= {"overlap": overlap} if overlap else {}
    rules = Rules(overlap=Overlap.parse(setting) if setting else None)
    review = read_task(task, rules, "here")
    assert review.annotations == used
    assert [problem.reason for problem in review.problems] == reasons
    assert [span.label for span in review.doc.spans] == ["LOCATION"]


def test_annotations_that_somebody_replaced_by_a_newer_one_are_listed_whatever_the_overlap():
    annotations = [annotation(REBELS, by=1, day=1), annotation(by=1, day=2), annotation(TADMOR, by=2, day=3)]
    review = read_task({"data": DATA, "annotations": annotations, "overlap": 2}, Rules(), "here")
    assert review.annotations == {"used": 1, "overlap": 1, "older": 1}
    assert [problem.reason for problem in review.problems] == ["older-annotation"]


@pytest.mark.parametrize(("overlap", "reasons"), [(1, ["newer-draft"]), (2, [])])
def test_annotations_draft_of_the_second_person_is_under_way_where_the_overlap_plans_one(overlap, reasons):
    task = {"data": DATA, "annotations": [annotation(REBELS, by=1)], "drafts": [annotation(by=2, day=2)]}
    review = read_task(task | {"overlap": overlap}, Rules(), "here")
    assert [problem.reason for problem in review.problems] == reasons


@pytest.mark.parametrize(("day", "reasons"), [(1, []), (2, []), (3, ["newer-draft"])])
def test_annotations_draft_is_listed_only_where_it_is_newer(day: int, reasons: list[str]):
    task = {"data": DATA, "annotations": [annotation(REBELS, day=2)], "drafts": [annotation(TADMOR, day=day)]}
    review = read_by(task, EVENT, "here")
    assert (review.state, [p.reason for p in review.problems]) == ("reviewed", reasons)


@pytest.mark.parametrize(
    ("completed_by", "users", "name"),
    [
        (1, {1: "ann@example.org"}, "ann@example.org"),
        (2, {1: "ann@example.org"}, "deleted user 2"),
        (2, None, "user 2"),
        ({"id": 3, "email": "bob@example.org"}, None, "bob@example.org"),
        ({"id": 3, "email": " Bob@Example.org"}, None, "bob@example.org"),
        ({"id": 3, "email": "Deleted", "username": "Deleted", "last_name": "User"}, None, "deleted user 3"),
        ({"email": "Deleted User"}, None, "deleted user"),
        ({"id": 3, "email": ""}, None, "user 3"),
        ({}, None, "unknown"),
        (None, None, "unknown"),
        ("ann", None, "ann"),
        ("Ann  Lee ", None, "ann lee"),
    ],
)
def test_annotations_name_who_made_them(completed_by, users, name: str):
    review = read_by({"data": DATA, "annotations": [annotation(by=completed_by)]}, EVENT, "here", users)
    assert review.annotators == (name,)


def test_annotations_name_each_annotator_once_and_the_one_that_counts_first():
    annotations = [
        annotation(REBELS, by=1, day=1),
        annotation(REBELS, by=2, day=3),
        annotation(REBELS, by=1, day=2),
        annotation(by=3, day=4, was_cancelled=True),
    ]
    review = read_by({"data": DATA, "annotations": annotations}, EVENT, "here")
    assert review.annotators == ("user 2", "user 1", "user 3")


@pytest.mark.parametrize(
    ("task", "state"),
    [
        ({}, "pending"),
        ({"annotations": None, "drafts": None}, "pending"),
        ({"annotations": 3, "drafts": 3}, "pending"),
        ({"drafts": [{}]}, "draft"),
        ({"annotations": [annotation(REBELS, was_cancelled=True)], "drafts": [{}]}, "skipped"),
    ],
)
def test_annotations_of_a_task_that_nobody_submitted_say_nothing(task, state: str):
    # also where the text was changed: nothing is lost by it
    for data in (DATA, DATA | {"digest": "0" * 16}):
        review = read_by({"data": data} | task, EVENT, "here")
        assert (review.state, review.doc, review.spans, review.problems) == (state, None, {}, ())
        assert review.doc_id == "x"


@pytest.mark.parametrize("result", [None, "x", 3, {"a": 1}])
def test_annotations_with_a_result_that_is_no_list_are_named(result):
    review = read_by({"data": DATA, "annotations": [{"result": result}]}, EVENT, "here")
    assert review.doc.spans == ()
    assert [p.reason for p in review.problems] == ([] if result is None else ["bad-result"])


@pytest.mark.parametrize(
    ("data", "result", "text"),
    [
        ({"body": TEXT, "path": "/a/long/path/without/any/space/in/it.txt"}, [], TEXT),
        (
            {"body": TEXT, "note": "A longer note of the editor's, not of the article."},
            [region(0, 6, "ACTOR", text="Rebels")],
            TEXT,
        ),
        ({"body": TEXT, "text": "Text wins."}, [], "Text wins."),
        ({"body": TEXT, "n": 3}, [region(0, 6, "ACTOR", text="Army")], TEXT),
        ({"path": "/a/b"}, [], None),
        ({"n": 3}, [REBELS], None),
        ({}, [], None),
    ],
)
def test_annotations_of_other_projects_say_which_field_is_the_text(data, result, text: str | None):
    review = read_by({"data": data, "annotations": [annotation(*result)]}, EVENT, "here")
    assert (review.doc.text if review.doc else None) == text
    if text:
        assert review.doc_id == digest(text)
    else:
        assert review.spans == ({"refused": len(result)} if result else {})
        assert "no-text" in {problem.reason for problem in review.problems}


def test_annotations_with_half_a_character_can_be_written():
    # an editor that counts in UTF-16 cuts an emoji in two
    half = region(-1, 6, "ACTOR", text="\ud83d")
    data = DATA | {"title": "\ud83d", "beat": {"\ud83d": float("nan")}}
    odd = region(7, 11, "ACTION") | {"id": "\ud83d"}
    review = read_by({"data": data, "annotations": [annotation(half, odd, by={"email": "\ud83d"})]}, EVENT, "here")
    assert review.doc.title == "\ufffd"
    assert review.doc.extra == {"beat": {"\ufffd": None}}
    assert review.spans == {"refused": 1, "exact": 1}
    json.dumps(REVIEWS.dump_python(review, mode="json"), ensure_ascii=False, allow_nan=False).encode()


def test_annotations_of_a_task_that_is_nested_too_deeply_are_refused():
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    (problem,) = read_by({"data": DATA | {"x": deep}}, EVENT, "here").problems
    assert (problem.reason, problem.where) == ("no-task", "here")
    assert "nested too deeply" in problem.detail


datas = st.dictionaries(st.sampled_from(["text", "doc_id", "digest", "title", "extra", "body"]), json_values)


@given(
    st.fixed_dictionaries(
        {"data": datas | json_values},
        optional={
            "annotations": json_values
            | st.lists(
                st.fixed_dictionaries(
                    {"result": json_values},
                    optional={
                        "id": json_values,
                        "completed_by": json_values,
                        "updated_at": json_values,
                        "was_cancelled": json_values,
                    },
                ),
                max_size=3,
            ),
            "drafts": json_values,
        },
    )
    | json_values,
    st.booleans(),
)
def test_annotations_of_any_json_are_read_into_what_can_be_written(task, with_schema: bool):
    review = read_by(task, EVENT if with_schema else None, "here")
    assert review.state in STATES
    assert (review.doc is None) <= (review.spans.keys() <= {"refused"})
    json.dumps(REVIEWS.dump_python(review, mode="json"), ensure_ascii=False, allow_nan=False).encode()
