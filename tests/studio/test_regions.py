"""Regions and arrows of an annotation at their edges; each is counted once, whatever it holds."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from labeling.studio.annotations import Review
from tests.builders import EVENT
from tests.strategies import json_values
from tests.studio.reading import read, read_by

REVIEWS = TypeAdapter(Review)
TEXT = "Rebels attacked Tadmor\non Friday 😀 twice."


def region(start: Any, end: Any, label: Any = "ACTOR", name: Any = "r", **value: Any) -> dict[str, Any]:
    return {"id": name, "type": "labels", "value": {"start": start, "end": end, "labels": [label], **value}}


def arrow(head: Any, tail: Any, labels: Any = None, direction: str = "right") -> dict[str, Any]:
    return {"type": "relation", "from_id": head, "to_id": tail, "direction": direction, "labels": labels}


ACTOR, ACTION, PLACE = region(0, 6, name="a"), region(7, 15, "ACTION", "e"), region(16, 22, "LOCATION", "l")


@pytest.mark.parametrize(
    ("item", "spans", "reason"),
    [
        (region(0, len(TEXT)), [(0, len(TEXT))], None),
        (region(0, len(TEXT) + 1), [], "out-of-range"),
        (region(22, 23), [], "only-space"),
        (region(15, 23), [(16, 22)], "trimmed"),
        (region(33, 34), [(33, 34)], None),
        (region(10**30, 10**31), [], "out-of-range"),
        (region(-(10**30), 3), [], "out-of-range"),
        (region([0], {"a": 1}), [], "bad-offsets"),
        (region(0, 6, None), [], "no-label"),
        (region(0, 6, ""), [], "no-label"),
        (region(0, 6, " "), [], "no-label"),
        (region(0, 6, ["ACTOR"]), [], "no-label"),
        (region(0, 6, "actor"), [], "unknown-label"),
        (region(0, 6, labels="ACTOR"), [], "no-label"),
        (region(0, 6, labels=None), [], "no-label"),
        (region(0, 6, text=None), [(0, 6)], None),
        (region(0, 6, text=["Rebels"]), [(0, 6)], None),
        (region(0, 6, text=""), [(0, 6)], None),
        (region(0, 6, text=" Rebels "), [(0, 6)], "text-copy"),
        (region(0, 6, name=None), [(0, 6)], None),
        (region(0, 6, name=7), [(0, 6)], None),
        ({"type": "labels", "value": "Rebels"}, [], "bad-offsets"),
        ({"type": "hypertextlabels", "value": {"start": 0, "end": 6, "hypertextlabels": ["ACTOR"]}}, [(0, 6)], None),
        ({"value": {"start": 0, "end": 6, "labels": ["ACTOR"]}}, [(0, 6)], None),
        (region(0, 6, text="Army"), [], "other-text"),
        ({"type": "rectanglelabels", "value": {"x": 1, "y": 2, "rectanglelabels": ["ACTOR"]}}, [], "not-in-a-text"),
        ({"type": "textarea", "value": {"text": ["x"]}}, [], None),
        ({"type": "rating", "value": None}, [], "bad-answer"),
        ({}, [], "bad-answer"),
    ],
)
def test_regions_read_each_oddity(item, spans: list[tuple[int, int]], reason: str | None):
    reading = read([item], TEXT, EVENT)
    assert [(span.start, span.end) for span in reading.spans] == spans
    assert [problem.reason for problem in reading.problems] == ([reason] if reason else [])


def test_regions_problem_says_where_and_what():
    (problem,) = read([region(0, 7)], TEXT, EVENT).problems
    assert (problem.action, problem.label, problem.start, problem.end, problem.text) == (
        "changed",
        "ACTOR",
        0,
        6,
        "Rebels",
    )
    (problem,) = read([region(0, 6, text="Army")], TEXT, EVENT).problems
    assert (problem.action, problem.text, problem.said) == ("refused", "Rebels", "Army")
    assert "'Army'" in problem.detail
    assert "⟦Rebels⟧ attacked" in problem.detail
    (problem,) = read([region(0, 99, text="Rebels")], TEXT, EVENT).problems
    assert (problem.start, problem.end, problem.said) == (0, 99, "Rebels")


def test_regions_that_are_equal_after_trimming_are_one_span():
    reading = read([ACTOR, region(0, 7, name="b"), ACTION, arrow("e", "b", ["agent"])], TEXT, EVENT)
    assert dict(reading.span_counts) == {"exact": 2, "refused": 1}
    assert [(r.head, r.tail) for r in reading.relations] == [("e", "a")]


def test_regions_with_one_id_and_many_labels_get_ids_of_their_own():
    items = [region(0, 6, labels=["ACTOR", "LOCATION"]), region(7, 15, "ACTION"), region(16, 22, "LOCATION", name="")]
    spans = read(items, TEXT, EVENT).spans
    assert len({span.id for span in spans}) == len(spans) == 4


def test_regions_are_all_refused_by_a_veto():
    items = [ACTOR, region("x", None), ACTION, arrow("e", "a", ["agent"])]
    reading = read(items, TEXT, EVENT, veto=("text-changed", "somebody changed it"))
    assert dict(reading.span_counts) == {"refused": 3}
    assert [p.reason for p in reading.problems] == ["text-changed"] * 3 + ["no-such-span"]


@pytest.mark.parametrize(
    ("item", "relations", "reasons"),
    [
        (arrow("a", "e", ["agent"], "left"), [("e", "a", "agent")], []),
        (arrow("e", "a", ["agent"], "left"), [("e", "a", "agent")], []),
        (arrow("a", "e", ["agent"], "bi"), [("e", "a", "agent")], ["one-way"]),
        (arrow("l", "e", [], "left"), [("e", "l", "place")], []),
        (arrow("e", "l", [None]), [("e", "l", "place")], []),
        (arrow("e", "l", "place"), [("e", "l", "place")], []),
        (arrow("e", "l", [3]), [], ["no-label"]),
        (arrow("e", "l", [" "]), [], ["no-label"]),
        (arrow("e", "e", ["agent"]), [], ["illegal-relation"]),
        (arrow("e", "l", ["place", "agent"]), [("e", "l", "place")], ["illegal-relation"]),
        (arrow(None, "l", ["place"]), [], ["no-such-span"]),
        (arrow(["e"], {"l": 1}, ["place"]), [], ["no-such-span"]),
        (arrow("bad", "a", ["agent"]), [], ["no-such-span"]),
    ],
)
def test_regions_relation_is_understood_or_refused(item, relations, reasons: list[str]):
    bad = region(0, 99, name="bad")
    reading = read([item, ACTOR, ACTION, PLACE, bad], TEXT, EVENT)
    assert [(r.head, r.tail, r.label) for r in reading.relations] == relations
    assert [p.reason for p in reading.problems] == ["out-of-range", *reasons]
    labels = item["labels"] if isinstance(item["labels"], list) and item["labels"] else [None]
    assert sum(reading.relation_counts.values()) == len(labels)


def test_regions_without_schema_take_labels_and_relations_as_they_come():
    items = [
        region(0, 6, "Anything", "a"),
        region(7, 15, "ÄHNLICH", "b"),
        arrow("a", "b", ["x"]),
        arrow("b", "a", ["x"]),
    ]
    reading = read([*items, arrow("a", "a", ["self"]), arrow("a", "b")], TEXT, None)
    assert [(r.head, r.tail, r.label) for r in reading.relations] == [
        ("a", "b", "x"),
        ("b", "a", "x"),
        ("a", "a", "self"),
        ("a", "b", "relation"),
    ]
    assert [p.reason for p in reading.problems] == ["unlabelled-relation"]


ids = st.sampled_from(["a", "b", "c", "", "\ud800", None, 3])
odd_labels = st.lists(st.sampled_from(["ACTOR", "ACTION", "DATE", "NONE", "", "\ud800", None, 3]), max_size=3)
regions = st.fixed_dictionaries(
    {"id": ids, "type": st.sampled_from(["labels", "hypertextlabels"])},
    optional={
        "value": st.none()
        | st.fixed_dictionaries(
            {
                "start": st.integers(-2, 20),
                "end": st.integers(-2, 20) | st.floats() | st.booleans(),
                "labels": odd_labels,
            },
            optional={"text": st.text(max_size=4) | st.just("\ud83d")},
        )
    },
)
arrows = st.fixed_dictionaries(
    {"type": st.just("relation"), "from_id": ids, "to_id": ids},
    optional={
        "labels": odd_labels.map(lambda ls: ["agent" if x == "ACTOR" else x for x in ls]) | json_values,
        "direction": st.sampled_from(["left", "right", "bi", 3]),
    },
)


@given(st.lists(regions | arrows | json_values.filter(lambda v: not isinstance(v, dict)), max_size=8), st.booleans())
def test_regions_are_each_counted_once_and_can_be_written(result, with_schema: bool):
    task = {"data": {"text": "Rebels  said\nno 😀."}, "annotations": [{"result": result}]}
    review = read_by(task, EVENT if with_schema else None, "here")
    expected = sum(_labels(item) for item in result if not _is_arrow(item))
    assert sum(review.spans.values()) == expected
    assert len(review.doc.spans) == expected - review.spans.get("refused", 0)
    assert sum(review.relations.values()) == sum(_labels(item) for item in result if _is_arrow(item))
    assert len(review.doc.relations) == sum(n for outcome, n in review.relations.items() if outcome != "refused")
    refused = review.spans.get("refused", 0) + review.relations.get("refused", 0)
    assert sum(problem.action == "refused" for problem in review.problems) == refused
    json.dumps(REVIEWS.dump_python(review, mode="json"), ensure_ascii=False, allow_nan=False).encode()


def _is_arrow(item: Any) -> bool:
    return isinstance(item, dict) and item["type"] == "relation"


def _labels(item: Any) -> int:
    if not isinstance(item, dict):
        return 1
    labels = item.get("labels") if _is_arrow(item) else (item.get("value") or {}).get("labels")
    return len(labels) or 1 if isinstance(labels, list) else 1
