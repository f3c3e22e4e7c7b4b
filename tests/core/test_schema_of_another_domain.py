"""Schemas: what is refused, and that another domain needs no Python."""

from xml.etree import ElementTree as ET

import pytest
import spacy

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.core.schema import LabelSchema
from labeling.errors import SchemaError
from labeling.nlp.annotate import annotate
from labeling.studio.annotations import Rules, read_task
from labeling.studio.config import differences, to_xml
from labeling.studio.instructions import instructions
from labeling.studio.regions import Legend
from labeling.studio.tasks import to_result, to_task
from tests.builders import EVENT

HEAD = 'name = "x"\nversion = "1"\ntitle = "A title"\n'

MEDICAL = r"""
name = "drugs"
version = "2.1"
title = "Drugs & side effects"

[labels.DRUG]
description = "A <drug> by any name."
hotkey = "d"
patterns = [{ pattern = [{ LOWER = { IN = ["aspirin", "warfarin"] } }], score = 0.9 }]

[labels.DOSE]
patterns = [{ pattern = [{ LIKE_NUM = true }, { LOWER = "mg" }], score = 0.8 }]

[labels.EFFECT]
color = "#aa0000"

[relations.amount]
head = ["DRUG"]
tail = ["DOSE"]

[relations.causes]
head = ["DRUG"]
tail = ["EFFECT", "DRUG"]
"""


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("name = ", ["not valid TOML"]),
        ("", ["name", "version", "title", "labels"]),
        (HEAD + "[labels]\n", ["labels"]),
        (
            HEAD + "[labels.A]\ncolor = 'red'\nhotkey = 'F1'\nfoo = 1\n",
            ["labels.A.color", "labels.A.hotkey", "labels.A.foo"],
        ),
        (HEAD + "[labels.A]\nhotkey = '1'\n[labels.B]\nhotkey = '1'\n", ["hotkey '1' selects 2 labels"]),
        (HEAD + "[labels.A.entities]\nORG = 0.5\n[labels.B.entities]\nORG = 0.5\n", ["'ORG' feeds 2 labels"]),
        (HEAD + "[labels.A.entities]\nORG = 2\n", ["labels.A.entities.ORG"]),
        (
            HEAD + "[labels.A]\n[relations.r]\nhead = ['B']\ntail = ['C']\n",
            ["'B' is not a label", "'C' is not a label"],
        ),
        (HEAD + "[labels.A]\n[relations.r]\nhead = []\n", ["relations.r.head", "relations.r.tail"]),
        (HEAD + "[labels.' a']\n", ["' a' is not valid"]),
        (HEAD.replace("A title", "x" * 51) + "[labels.A]\n", ["title"]),
    ],
)
def test_invalid_schema_is_refused_with_every_problem_named(toml: str, said: list[str]):
    with pytest.raises(SchemaError) as caught:
        LabelSchema.from_toml(toml)
    for part in said:
        assert part in caught.value.message


def test_another_domain_is_another_file_and_no_python():
    schema = LabelSchema.from_toml(MEDICAL)
    text = "Warfarin 5 mg and aspirin caused bleeding."
    (doc,) = annotate(spacy.blank("en"), schema, [Article(doc_id="1", text=text)])
    assert [(doc.slice(s), s.label, s.score) for s in doc.spans] == [
        ("Warfarin", "DRUG", 0.9),
        ("5 mg", "DOSE", 0.8),
        ("aspirin", "DRUG", 0.9),
    ]
    view = ET.fromstring(to_xml(schema))
    assert [label.get("value") for label in view.iter("Label")] == ["DRUG", "DOSE", "EFFECT"]
    assert [relation.get("value") for relation in view.iter("Relation")] == ["amount", "causes"]
    assert "&lt;drug&gt;" in instructions(schema)
    drug, dose = doc.spans[0].id, doc.spans[1].id
    reviewed = LabeledDoc.of(doc, doc.spans, (Relation(head=drug, tail=dose, label="amount"),))
    task = to_task(doc, "m") | {"annotations": [{"result": to_result(reviewed)}]}
    review = read_task(task, Rules(legend=Legend(label_schema=schema)), "here")
    assert review.doc.relations == reviewed.relations
    assert schema.check(review.doc) == ()


def test_check_names_unknown_labels_and_illegal_relations():
    schema = EVENT
    spans = (Span(id="a", start=0, end=1, label="ACTOR"), Span(id="b", start=2, end=3, label="THING"))
    doc = LabeledDoc.of(Article(doc_id="1", text="a b"), spans, (Relation(head="a", tail="b", label="agent"),))
    assert [problem.reason for problem in schema.check(doc)] == ["unknown-label", "illegal-relation"]


def test_differences_are_none_with_itself_and_named_otherwise():
    schema = EVENT
    xml = to_xml(schema)
    assert differences(schema, xml) == ()
    assert differences(schema, xml.replace('background="#1f6feb"', 'background="#000000"')) == ()
    table = {
        xml.replace('value="DATE"', 'value="WHEN"'): [("DATE", True), ("WHEN", False)],
        xml.replace('value="agent"', 'value="by"'): [("agent", True), ("by", False)],
        xml.replace('name="text"', 'name="body"'): [('<Text name="text"', False)],
        xml.replace('name="label"', 'name="ner"'): [('<Labels name="label"', False)],
        "<View": [("not valid XML", False)],
    }
    for other, expected in table.items():
        found = differences(schema, other)
        for part, missing in expected:
            assert any(part in d.detail and d.missing == missing for d in found), (part, found)
