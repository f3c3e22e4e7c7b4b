"""Conflict → task → what adjudicators submit → decision, and what their answers leave unclear."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.core.adjudication import Decision, MarkedRelation, MarkedSpan, Settled, settle
from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.studio.adjudication import read_answers, to_conflict_task
from labeling.studio.adjudication_page import adjudication_page
from tests.builders import EVENT, arrow
from tests.strategies import documents

Json = dict[str, Any]
TEXT = "It rained. On Friday the Rebels attacked Tadmor, and the <b>army</b> &amp; police fled to Kyiv. שלום 😀."
URL = "http://studio/projects/7/data?task={task}"
USERS = {1: "cleo", 2: "dan"}


def doc(*spans: str, relations: tuple[tuple[str, str, str], ...] = ()) -> LabeledDoc:
    """`LABEL words` each; a span's id is its words."""
    found = []
    for span in spans:
        label, words = span.split(" ", 1)
        start = TEXT.index(words)
        found.append(Span(id=words, start=start, end=start + len(words), label=label))
    links = tuple(Relation(head=head, tail=tail, label=label) for head, label, tail in relations)
    return LabeledDoc(doc_id="d", text=TEXT, spans=tuple(found), relations=links)


def marked(said: str) -> MarkedSpan:
    (span,) = doc(said).spans
    return MarkedSpan(start=span.start, end=span.end, label=span.label)


RIVALS = settle(
    {
        "ann": doc("ACTION attacked", "LOCATION Tadmor", "ACTOR Rebels", relations=(("attacked", "agent", "Rebels"),)),
        "ben": doc("ACTION attacked", "LOCATION Tadmor", "ACTOR the Rebels"),
    }
)
LINKS = settle(
    {
        "ann": doc("ACTION attacked", "ACTOR Rebels", relations=(("attacked", "agent", "Rebels"),)),
        "ben": doc("ACTION attacked", "ACTOR Rebels", relations=(("attacked", "target", "Rebels"),)),
    }
)


def task_of(settled: Settled, number: int = 0) -> Json:
    return to_conflict_task(settled.conflicts[number], settled, EVENT)


def choices(name: str, *chosen: str) -> Json:
    return {"id": name, "from_name": name, "to_name": "text", "type": "choices", "value": {"choices": list(chosen)}}


def drawn(task: Json, said: str, name: str = "new") -> Json:
    label, words = said.split(" ", 1)
    start = task["data"]["text"].index(words)
    value = {"start": start, "end": start + len(words), "text": words, "labels": [label]}
    return {"id": name, "from_name": "label", "to_name": "text", "type": "labels", "value": value}


def submitted(task: Json, *items: Json, by: int = 1, at: str = "2026-02-14T10:00:00Z", **fields: Any) -> Json:
    """The task with another annotation: the prediction as it stands, and these items instead of its answer."""
    agreed = [each for each in task["predictions"][0]["result"] if each.get("from_name") != "decision"]
    said = {"completed_by": by, "updated_at": at, "result": [*agreed, *items]} | fields
    return task | {"id": 4, "project": 7, "annotations": [*task.get("annotations", []), said]}


def place(task: Json, option: MarkedSpan | MarkedRelation) -> str:
    """The answer that takes an option."""
    return str(task["data"]["conflict"]["options"].index(option.model_dump(mode="json")) + 1)


def decision(task: Json) -> Decision:
    answered = read_answers(task, USERS, URL)
    assert answered.problems == ()
    assert answered.decision
    return answered.decision


def test_answer_becomes_a_decision_with_who_when_where_and_why():
    task = task_of(RIVALS)
    note = {"from_name": "note", "to_name": "text", "type": "textarea", "value": {"text": ["titles 😀"]}}
    answer = choices("decision", place(task, marked("ACTOR Rebels")))
    said = decision(submitted(task, answer, choices("reason", "guideline gap"), note))
    assert said == Decision(
        key=RIVALS.conflicts[0].key,
        doc_id="d",
        digest=RIVALS.doc.digest,
        kind="spans",
        taken=(marked("ACTOR Rebels"),),
        refused=(marked("ACTOR the Rebels"),),
        by="cleo",
        at="2026-02-14T10:00:00.000000+00:00",
        reason="guideline gap",
        note="titles 😀",
        url="http://studio/projects/7/data?task=4",
    )


def test_neither_and_another_are_answers():
    task = task_of(RIVALS)
    assert decision(submitted(task, choices("decision", "neither"))).taken == ()
    another = drawn(task, "ACTOR Rebels attacked")
    only = decision(submitted(task, another))
    assert only.taken == (marked("ACTOR Rebels attacked"),)
    assert len(only.refused) == 2
    assert decision(submitted(task, another, choices("decision", "neither"))).taken == only.taken
    same = decision(submitted(task, drawn(task, "ACTOR Rebels")))
    assert (same.taken, same.refused) == ((marked("ACTOR Rebels"),), (marked("ACTOR the Rebels"),))


def test_drawn_arrow_is_the_relation_that_its_direction_says():
    task = task_of(LINKS)
    spans = {each["value"]["text"]: each["id"] for each in task["predictions"][0]["result"] if "value" in each}
    link = MarkedRelation(label="agent", head=marked("ACTION attacked"), tail=marked("ACTOR Rebels"))
    assert decision(submitted(task, choices("decision", place(task, link)))).taken == (link,)
    said = decision(submitted(task, arrow(spans["Rebels"], spans["attacked"])))
    assert said.taken == (link,) and [each.label for each in said.refused] == ["target"]


def test_suggestion_is_ticked_and_what_is_agreed_stands_in_the_excerpt():
    three = settle({"ann": doc("ACTOR Rebels"), "ben": doc("ACTOR the Rebels"), "dan": doc("ACTOR Rebels")})
    task = to_conflict_task(three.conflicts[0], three, EVENT)
    (answer,) = task["predictions"][0]["result"]
    assert answer["value"]["choices"] == [place(task, marked("ACTOR Rebels"))]
    regions = [each["value"]["text"] for each in task_of(RIVALS)["predictions"][0]["result"] if "value" in each]
    assert regions == ["attacked", "Tadmor"]


def test_audited_span_is_not_in_the_excerpt():
    settled = settle({"ann": doc("ACTOR Rebels"), "ben": doc("ACTOR Rebels")}, audit=1)
    task = to_conflict_task(settled.audits[0], settled, EVENT)
    assert task["predictions"][0]["result"] == []
    assert decision(submitted(task, choices("decision", "1"))).is_audit


def test_options_are_in_an_order_of_their_own_without_names_and_with_their_markup_escaped():
    orders = set()
    for words in ("army", "<b>army", "<b>army</b>", "army</b> &amp; police"):
        settled = settle({"ann": doc(f"ACTOR {words}"), "ben": doc("ACTOR army</b>")})
        task = to_conflict_task(settled.conflicts[0], settled, EVENT)
        assert task == to_conflict_task(settled.conflicts[0], settled, EVENT)
        shown = task["data"]["options"]
        assert [each["hotkey"] for each in shown] == ["1", "2", "0"]
        assert "ann" not in str(shown) and "<b>army" not in str(shown) and "&lt;" in shown[0]["html"]
        orders.add(task["data"]["conflict"]["options"][0]["end"] == settled.conflicts[0].options[0].marked.end)
    assert orders == {True, False}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda t: [], "cleo: submitted without an answer"),
        (lambda t: [choices("reason", "slip")], "cleo: submitted without an answer"),
        (lambda t: [choices("decision", "1", "neither")], "cleo: both an option and that none of them is right"),
        (lambda t: [choices("decision", "9")], "cleo: '9' is not one of the options"),
        (lambda t: [drawn(t, "SHIP Friday")], "has no label 'SHIP'"),
        (
            lambda t: [choices("decision", place(t, marked("ACTOR Rebels"))), drawn(t, "ACTOR Rebels attacked")],
            "cleo: took ACTOR “Rebels” and drew ACTOR “Rebels attacked” over it",
        ),
    ],
)
def test_unclear_answer_is_told_and_decides_nothing(answer: Any, said: str):
    task = task_of(RIVALS)
    answered = read_answers(submitted(task, *answer(task)), USERS, URL)
    assert answered.decision is None
    assert {p.reason for p in answered.problems} == {"unclear-answer"}
    assert said in answered.problems[0].detail
    assert answered.problems[0].url == "http://studio/projects/7/data?task=4"
    assert answered.problems[0].annotator == "cleo"


def test_changed_agreed_label_is_told():
    task = submitted(task_of(RIVALS), choices("decision", "1"))
    (region,) = [each for each in task["annotations"][0]["result"] if each.get("value", {}).get("text") == "Tadmor"]
    region["value"]["labels"] = ["ACTOR"]
    answered = read_answers(task, USERS, URL)
    assert answered.decision is None
    assert [p.detail for p in answered.problems] == [
        "cleo: changed or removed what all had agreed on: LOCATION “Tadmor”"
    ]


def test_two_adjudicators_have_to_agree_and_the_newest_of_each_counts():
    first = submitted(task_of(RIVALS), choices("decision", "1"))
    differing = submitted(first, choices("decision", "2"), by=2, at="2026-02-14T11:00:00Z")
    answered = read_answers(differing, USERS, URL)
    assert answered.decision is None
    assert "dan and cleo decided differently" in answered.problems[0].detail
    changed = submitted(differing, choices("decision", "2"), at="2026-02-14T12:00:00Z")
    assert decision(changed).by == "cleo"
    assert read_answers(submitted(task_of(RIVALS), was_cancelled=True), USERS, URL).decision is None
    assert read_answers(task_of(RIVALS), USERS, URL) == read_answers({"data": {}, "annotations": []}, USERS, URL)


@pytest.mark.parametrize("field", ["text", "options", "conflict"])
def test_edited_task_decides_nothing(field: str):
    task = submitted(task_of(RIVALS), choices("decision", "1"))
    for value in ("other", {**task["data"]["conflict"], "start": 1} if field == "conflict" else []):
        edited = task | {"data": task["data"] | {field: value}}
        answered = read_answers(edited, USERS, URL)
        assert answered.decision is None
        assert [p.reason for p in answered.problems] == ["edited-conflict"]


@given(documents(attributed=False), documents(attributed=False), st.data())
def test_every_answer_comes_back(one: LabeledDoc, other: LabeledDoc, data: st.DataObject):
    inside = {span.id: span for span in other.spans if span.end <= len(one.text)}
    spans = tuple(s for s in inside.values() if not (one.text[s.start].isspace() or one.text[s.end - 1].isspace()))
    known = {span.id for span in spans}
    links = tuple(each for each in other.relations if each.head in known and each.tail in known)
    settled = settle({"ann": one, "ben": LabeledDoc(doc_id="doc", text=one.text, spans=spans, relations=links)})
    for conflict in settled.conflicts:
        task = to_conflict_task(conflict, settled)
        asked = task["data"]["conflict"]
        start, text = asked.get("start", 0), task["data"]["text"]
        assert one.text[start : start + len(text)] == text
        assert text in one.text and conflict.start >= start and conflict.end <= start + len(text)
        taken = data.draw(st.lists(st.sampled_from(conflict.options), unique_by=id))
        ticks = [place(task, option.marked) for option in taken] or ["neither"]
        said = decision(submitted(task, choices("decision", *ticks)))
        assert set(said.taken) == {option.marked for option in taken}
        assert {*said.taken, *said.refused} == {option.marked for option in conflict.options}
        assert (said.key, said.digest, said.kind) == (conflict.key, one.digest, conflict.kind)
        if conflict.kind == "spans":
            a, b = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=2, unique=True)))
            if text[a:b].strip() == text[a:b] and not any(a == e.start and b == e.end for e in settled.doc.spans):
                region = {"start": a, "end": b, "text": text[a:b], "labels": ["NEW"]}
                answer = {"id": "new", "from_name": "label", "type": "labels", "value": region}
                assert decision(submitted(task, answer)).taken == (
                    MarkedSpan(start=a + start, end=b + start, label="NEW"),
                )


def test_page_has_the_schemas_labels_and_knows_whether_it_was_edited():
    page = adjudication_page(EVENT)
    root = ET.fromstring(page.config)
    assert [each.get("value") for each in root.iter("Label")] == list(EVENT.labels)
    assert [each.get("value") for each in root.iter("Relation")] == list(EVENT.relations)
    keys = [each.get("hotkey") for each in (*root.iter("Label"), *root.iter("Choice"))]
    assert len(set(keys)) == len(keys) and not set(keys) & set("0123456789u")
    assert page.edited == ()
