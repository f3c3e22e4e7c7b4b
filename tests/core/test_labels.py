"""Articles and labels: what they refuse, and when two are equal."""

import random

import pytest
from pydantic import ValidationError

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation, Span

TEXT = "Rebels left Tadmor."
ARTICLE = Article(doc_id="x", text=TEXT)
SPANS = (
    Span(id="a", start=0, end=6, label="ACTOR"),
    Span(id="e", start=7, end=11, label="ACTION"),
    Span(id="l", start=12, end=18, label="LOCATION"),
    Span(id="n", start=7, end=18, label="ACTION"),
)
RELATIONS = (
    Relation(head="e", tail="a", label="agent"),
    Relation(head="e", tail="l", label="place"),
    Relation(head="n", tail="n", label="with"),
)


@pytest.mark.parametrize(
    "fields",
    [
        {"doc_id": "", "text": "a"},
        {"doc_id": " ", "text": "a"},
        {"doc_id": "a\ud800", "text": "a"},
        {"doc_id": "x", "text": ""},
        {"doc_id": "x", "text": " \n"},
        {"doc_id": "x", "text": "a\rb"},
        {"doc_id": "x", "text": "a\x00b"},
        {"doc_id": "x", "text": "a", "title": "\x00"},
        {"doc_id": "x", "text": "a", "byline": "b"},
        {"doc_id": 1, "text": "a"},
    ],
)
def test_article_refuses_what_cannot_be_stored(fields: dict):
    with pytest.raises(ValidationError):
        Article(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"start": 3, "end": 3},
        {"start": 3, "end": 2},
        {"start": -1, "end": 2},
        {"start": 0, "end": 2.0},
        {"start": "0", "end": 2},
        {"start": False, "end": True},
        {"start": 0, "end": 2, "label": ""},
        {"start": 0, "end": 2, "id": ""},
        {"start": 0, "end": 2, "score": 1.5},
        {"start": 0, "end": 2, "score": float("nan")},
        {"start": 0, "end": 2, "text": "ab"},
    ],
)
def test_span_refuses_what_is_no_stretch_of_text(fields: dict):
    with pytest.raises(ValidationError):
        Span(**{"id": "a", "label": "ACTOR"} | fields)


@pytest.mark.parametrize(
    ("spans", "relations", "said"),
    [
        ([("a", 0, 99)], [], ["span 'a' ends at 99, after the text's end at 19"]),
        ([("a", 0, 7)], [], ["span 'a' has white space at its edge: 'Rebels '"]),
        ([("a", 6, 7)], [], ["white space at its edge"]),
        ([("a", 0, 6), ("a", 7, 11)], [], ["span id 'a' occurs 2 times"]),
        ([("a", 0, 6)], [("a", "b")], ["refers to 'b', which is not a span"]),
        ([("a", 0, 6)], [("a", "a"), ("a", "a")], ["occurs 2 times between the same spans"]),
        (
            [("a", 0, 7), ("a", 8, 99), ("b", 11, 18)],
            [("c", "d")],
            ["'a' occurs 2 times", "ends at 99", "'Rebels '", "' Tadmor'", "refers to 'c'", "refers to 'd'"],
        ),
    ],
)
def test_document_refuses_every_fault_at_once(spans, relations, said: list[str]):
    made = tuple(Span(id=i, start=a, end=b, label="ACTOR") for i, a, b in spans)
    arrows = tuple(Relation(head=h, tail=t, label="agent") for h, t in relations)
    with pytest.raises(ValidationError) as caught:
        LabeledDoc.of(ARTICLE, made, arrows)
    for part in said:
        assert part in str(caught.value)


@pytest.mark.parametrize("seed", range(6))
def test_document_is_equal_for_equal_labels_in_another_order(seed: int):
    shuffled = random.Random(seed)
    spans, relations = list(SPANS), list(RELATIONS)
    shuffled.shuffle(spans)
    shuffled.shuffle(relations)
    doc = LabeledDoc.of(ARTICLE, tuple(spans), tuple(relations))
    assert doc == LabeledDoc.of(ARTICLE, SPANS, RELATIONS)
    assert [span.start for span in doc.spans] == [0, 7, 7, 12]
    assert [doc.slice(span) for span in doc.spans] == ["Rebels", "left", "left Tadmor", "Tadmor"]


def test_document_survives_its_own_json():
    doc = LabeledDoc.of(ARTICLE, SPANS, RELATIONS)
    again = LabeledDoc.model_validate_json(doc.model_dump_json())
    assert again == doc
    assert (again.digest, again.by_id["l"].label) == (ARTICLE.digest, "LOCATION")


def test_document_never_changes():
    doc = LabeledDoc.of(ARTICLE, SPANS)
    with pytest.raises(ValidationError):
        doc.text = "Other."
    with pytest.raises(ValidationError):
        doc.spans[0].start = 1
