"""Documents → tasks, and the way back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.studio.annotations import Rules, read_task
from labeling.studio.client import Stored
from labeling.studio.tasks import to_data, to_prediction, to_result, to_task, to_tasks, without_prefill
from tests.strategies import documents

DOC = LabeledDoc.of(
    Article(doc_id="x", text="Rebels left 😀 Tadmor.", title="T", source="Wire", published="2026-02-14T08:00:00+00:00"),
    (Span(id="a", start=0, end=6, label="ACTOR", score=0.5), Span(id="l", start=14, end=20, label="LOCATION", score=1)),
    (Relation(head="l", tail="l", label="with"),),
)


def test_tasks_to_task_is_what_label_studio_imports():
    task = to_task(DOC, "m-1")
    assert task["data"]["digest"] == DOC.digest
    assert task["data"]["byline"] == "Wire · 2026-02-14 08:00"
    (prediction,) = task["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("m-1", 0.75)
    first, second, arrow = prediction["result"]
    assert first["value"] == {"start": 0, "end": 6, "text": "Rebels", "labels": ["ACTOR"]}
    assert second["value"]["text"] == "Tadmor"
    assert (arrow["type"], arrow["direction"], arrow["labels"]) == ("relation", "right", ["with"])
    assert json.loads(json.dumps(task)) == task


@pytest.mark.parametrize(
    ("source", "published", "byline"),
    [
        ("", "", ""),
        ("Wire", "", "Wire"),
        ("", "2026-02-14", "2026-02-14"),
    ],
)
def test_tasks_to_data_has_a_byline_of_what_is_known(source: str, published: str, byline: str):
    article = Article(doc_id="x", text="a", source=source, published=published)
    assert to_data(article)["byline"] == byline


def test_tasks_to_prediction_of_nothing_scores_nothing():
    assert to_prediction(LabeledDoc.of(DOC), "m") == {"model_version": "m", "score": 0.0, "result": []}
    (region,) = to_result(LabeledDoc.of(DOC, (Span(id="a", start=0, end=6, label="ACTOR"),)))
    assert "score" not in region


@given(
    documents(),
    st.fixed_dictionaries(
        {},
        optional={
            "title": st.sampled_from(["T", "👩\u200d👧 “x”"]),
            "source": st.just("Wire"),
            "published": st.just("2026-02-14"),
            "url": st.just("https://news.example.org/1"),
            "extra": st.dictionaries(
                st.sampled_from(["text", "id", "beat"]), st.integers() | st.text("aé\n"), max_size=2
            ),
        },
    ),
)
def test_tasks_to_annotation_and_back_is_the_identity_of_all_fields(doc: LabeledDoc, fields: dict):
    doc = LabeledDoc.model_validate(doc.model_dump() | fields)
    task = json.loads(json.dumps(to_task(doc, "m"))) | {"annotations": [{"result": to_result(doc)}]}
    review = read_task(task, Rules(), "here")
    assert review.doc == doc
    assert (review.state, review.problems) == ("reviewed" if to_result(doc) else "reviewed-empty", ())
    assert review.spans == ({"exact": len(doc.spans)} if doc.spans else {})
    assert review.relations == ({"exact": len(doc.relations)} if doc.relations else {})


@given(documents(), st.randoms())
def test_tasks_order_of_a_result_does_not_matter(doc: LabeledDoc, random):
    result = to_result(doc)
    random.shuffle(result)
    assert read_task({"data": to_data(doc), "annotations": [{"result": result}]}, Rules(), "here").doc == doc


@given(documents(relations=False, attributed=False))
def test_tasks_of_a_text_with_other_line_ends_are_read_on_the_articles_text(doc: LabeledDoc):
    # Label Studio keeps \r\n where a task was made by somebody else; its offsets count both characters
    text = doc.text.replace("\n", "\r\n")
    moved = [len(doc.text[:i].replace("\n", "\r\n")) for i in range(len(doc.text) + 1)]
    result = [
        {"id": s.id, "type": "labels", "value": {"start": moved[s.start], "end": moved[s.end], "labels": [s.label]}}
        for s in doc.spans
    ]
    review = read_task({"data": {"doc_id": "doc", "text": text}, "annotations": [{"result": result}]}, Rules(), "here")
    assert review.doc == doc
    assert review.problems == ()


def test_task_without_prefill_has_empty_predictions_in_the_order_of_the_real_ones():
    text = "Rebels fled. " * 4
    spans = tuple(Span(id=f"s{n}", start=13 * n, end=13 * n + 6, label="ACTOR", score=0.5) for n in range(4))
    tasks = to_tasks(LabeledDoc.of(Article(doc_id="x", text=text.strip()), spans), "m-1", None, (0, 26))
    for task in tasks:
        empty = without_prefill(task)
        assert empty["data"] == task["data"]
        score = task["predictions"][0]["score"]
        assert empty["predictions"] == [
            {"model_version": "m-1", "score": score, "result": []},
            {"model_version": "without prefill", "score": score, "result": []},
        ]


@pytest.mark.parametrize(
    ("versions", "begun", "empty", "lacks"),
    [
        ("m-1", False, False, False),
        ("m-1", False, True, True),
        ("m-1, without prefill", False, True, False),
        ("m-1, without prefill", False, False, True),
        ("m-0, without prefill", False, True, True),
        ("", False, False, True),
        ("m-1", True, True, False),
    ],
)
@pytest.mark.parametrize("in_sections", [False, True])
def test_stored_article_lacks_a_prediction_of_the_right_kind(versions, begun, empty, lacks, in_sections):
    found = Stored(task_id=1, digest="d", begun=begun, versions=tuple(versions.split(", ")))
    done = Stored(task_id=2, digest="d", begun=True)
    stored = Stored(task_id=1, digest="d", begun=True, sections={1: found, 2: done}) if in_sections else found
    assert stored.lacks("m-1", empty=empty) == lacks
