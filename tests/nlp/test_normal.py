"""Normal forms of a document's dates and places: which tense, which country, and nothing where nothing is certain."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.core.schema import LabelSchema
from labeling.nlp.normal import tense, with_normal_forms

SCHEMA = LabelSchema.from_toml(
    """
name = "event"
version = "1"
title = "Events"
[labels.ACTION]
[labels.LOCATION]
normal = "place"
[labels.DATE]
normal = "date"
[relations.time]
head = ["ACTION"]
tail = ["DATE"]
"""
)
OTHER_LANGUAGE = SCHEMA.model_copy(update={"language": "fr"})
PLAIN = LabelSchema.from_toml('name = "a"\nversion = "1"\ntitle = "Plain"\n[labels.DATE]\n[labels.LOCATION]')


def doc_of(marked: str, published: str = "2024-05-08", **fields: Any) -> LabeledDoc:
    """A document from a text with its [dates] and <places> in brackets."""
    text, spans, at = "", [], 0
    for match in re.finditer(r"\[([^]]+)\]|<([^>]+)>", marked):
        text += marked[at : match.start()]
        said = match[1] or match[2]
        label = "DATE" if match[1] else "LOCATION"
        spans.append(Span(id=f"s{len(spans)}", start=len(text), end=len(text) + len(said), label=label, score=0.5))
        text, at = text + said, match.end()
    return LabeledDoc(doc_id="d", text=text + marked[at:], published=published, spans=tuple(spans), **fields)


def forms(doc: LabeledDoc) -> list[str]:
    return [span.attributes.get("normal", {"text": [""]})["text"][0] for span in doc.spans]


# the text → the normal forms of its spans, published on Wednesday, 8 May 2024
TEXTS = {
    "Rebels freed four workers on [Friday].": ["2024-05-03"],
    "A court will rule on [Friday] whether they stay.": ["2024-05-10"],
    "The curfew will be lifted on [Friday].": ["2024-05-10"],
    "The suspects will not have been questioned on [Friday].": ["2024-05-10"],
    "He said on [Tuesday] that they would meet on [Friday].": ["2024-05-07", ""],
    "They agreed on [Friday] to meet.": ["2024-05-03"],
    "Pretoria invited both sides to talks on [Friday].": [""],
    "The exchange, due to resume on [Friday], has been put off.": ["2024-05-10"],
    "A court in Portugal on [Tuesday] convicted him.": ["2024-05-07"],
    "On [Friday], residents confronted the governor.": ["2024-05-03"],
    "On [Friday], ministers will meet.": ["2024-05-10"],
    "The tribunal has postponed [Sunday]'s election.": [""],
    "They fled to the border on [Friday].": ["2024-05-03"],
    "They tried to flee on [Friday].": [""],
    "No group had claimed it by [Monday evening].": [""],
    "The army will leave by [Friday].": ["2024-05-10"],
    "A protest on [Friday]": [""],
    "The campaign opens on [Friday].": [""],
    "He resigned on [Friday]. She will follow on [Friday].": ["2024-05-03", "2024-05-10"],
    "Officials will meet within [48 hours].": ["2024-05-08/2024-05-10"],
    "Officials said it would end in the next [two days].": ["2024-05-08/2024-05-10"],
    "Within [two hours], scanners had failed.": [""],
    "The raid lasted [48 hours].": [""],
    "The war began in [2014] and ended [last month].": ["2014", "2024-04"],
    "She died almost [three weeks ago].": [""],
    "The blast hit at [6 a.m.] on [Friday].": ["", "2024-05-03"],
    "The cholera outbreak began in [October].": ["2023-10"],
    "A vote is due in [October].": ["2024-10"],
    "KYIV, [May 6] — Rebels left.": ["2024-05-06"],
    "Shelling hit <Kyiv> and a <hospital>.": ["UA 50.45,30.52", ""],
    "Talks in <Geneva> failed.": [""],
    "Talks in <Geneva>, Switzerland, failed.": ["CH 46.20,6.15"],
    "Switzerland said the talks in <Geneva> failed.": ["CH 46.20,6.15"],
    "<TRIPOLI>, Lebanon — Libya said": ["LB 34.43,35.84"],
    "Floods hit <Paris>, Texas.": ["US 33.66,-95.56"],
    "Floods hit <Athens>, Georgia.": ["US 33.96,-83.38"],
    "Floods hit <Malibu>, Calif., on [Friday].": ["US 34.03,-118.78", "2024-05-03"],
    "<Tbilisi>, Georgia": ["GE 41.69,44.83"],
    "Floods hit <Springfield>, Illinois, and <Georgia> in the US.": ["US 39.80,-89.64", "US"],
    "Near the <Polish border>, in the <Red Sea>, in <eastern Poland>": ["", "", "PL"],
    "": [],
}


@pytest.mark.parametrize(("text", "expected"), [(text, found) for text, found in TEXTS.items() if text])
def test_normal_forms_of_a_text(text: str, expected: list[str]):
    assert forms(with_normal_forms(doc_of(text), SCHEMA)) == expected


def test_normal_forms_change_nothing_else():
    doc = doc_of("Rebels left <Kyiv> on [Friday] and the <hospital>.", attributes={"mood": {"choices": ["bad"]}})
    action = Span(id="a", start=7, end=11, label="ACTION", attributes={"meta": {"text": ["x"]}})
    doc = LabeledDoc.of(
        doc,
        (*doc.spans, action),
        (Relation(head="a", tail="s1", label="time"),),
        attributes=doc.attributes,
        unknown=((0, 3),),
    )
    found = with_normal_forms(doc, SCHEMA)
    bare = tuple(span.model_copy(update={"attributes": {}}) if span.id != "a" else span for span in found.spans)
    assert LabeledDoc.of(found, bare, found.relations, attributes=found.attributes, unknown=found.unknown) == doc
    assert found.by_id["s1"].attributes == {"normal": {"text": ["2024-05-03"]}}
    assert found.by_id["s2"].attributes == {}
    assert with_normal_forms(found, SCHEMA) == found


def test_normal_forms_keep_what_a_span_has():
    doc = doc_of("Rebels left on [Friday].")
    said = {"normal": {"text": ["2024-04-26"]}}
    doc = LabeledDoc.of(doc, (doc.spans[0].model_copy(update={"attributes": said}),))
    assert with_normal_forms(doc, SCHEMA) == doc


@pytest.mark.parametrize("schema", [PLAIN, OTHER_LANGUAGE])
def test_normal_forms_are_of_labels_and_languages_that_have_them(schema: LabelSchema):
    doc = doc_of("Rebels left <Kyiv> on [Friday].")
    assert with_normal_forms(doc, schema) == doc


def test_normal_forms_without_publication_are_those_that_need_none():
    doc = doc_of("Rebels left <Kyiv> on [Friday], on [3 May 2024].", published="")
    assert forms(with_normal_forms(doc, SCHEMA)) == ["UA 50.45,30.52", "", "2024-05-03"]


@given(st.text(min_size=1), st.text())
def test_tense_takes_any_text(before: str, after: str):
    assert tense(before, after) in {"past", "future", ""}


@given(st.text(min_size=1).map(lambda text: text.replace("\r", "").replace("\0", "")).filter(str.strip), st.data())
def test_normal_forms_take_any_text(text: str, data: st.DataObject):
    try:
        start = data.draw(st.integers(0, len(text) - 1))
        end = data.draw(st.integers(start + 1, len(text)))
        label = data.draw(st.sampled_from(["DATE", "LOCATION"]))
        doc = LabeledDoc(doc_id="d", text=text, spans=(Span(id="s", start=start, end=end, label=label),))
    except ValueError:  # white space at the edges, lone surrogates
        return
    assert with_normal_forms(doc, SCHEMA).text == text
