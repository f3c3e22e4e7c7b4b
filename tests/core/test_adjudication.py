"""What several people labelled in one text, and what was decided: gold, and what is open."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.core.adjudication import Conflict, Counts, Decision, MarkedSpan, Settled, settle
from labeling.core.labels import LabeledDoc, Relation, Span
from tests.builders import EVENT
from tests.strategies import documents

TEXT = "On Friday the “Rebels” attacked Tadmor, and the army fled to Kyiv on Sunday."
DIGEST = LabeledDoc(doc_id="d", text=TEXT).digest
ATTACK = ("attacked", "agent", "Rebels")


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


def decided(conflict: Conflict, *taken: int, drawn: tuple[str, ...] = (), by: str = "cleo") -> Decision:
    """The options of these numbers are right, and what was drawn; the others are not."""
    every = [option.marked for option in conflict.options]
    right = [every[number] for number in taken]
    return Decision(
        key=conflict.key,
        doc_id="d",
        digest=DIGEST,
        kind=conflict.kind,
        taken=(*right, *map(marked, drawn)),
        refused=tuple(each for each in every if each not in right),
        by=by,
        is_audit=conflict.is_audit,
    )


def told(settled: Settled) -> list[str]:
    return [f"{span.label} {settled.doc.slice(span)}" for span in settled.doc.spans]


def asked(settled: Settled) -> list[list[str]]:
    """The options of each open conflict, as text."""

    def words(span: MarkedSpan) -> str:
        return TEXT[span.start : span.end]

    return [
        [
            f"{option.marked.label} {words(option.marked)}"
            if isinstance(option.marked, MarkedSpan)
            else f"{words(option.marked.head)} {option.marked.label} {words(option.marked.tail)}"
            for option in conflict.options
        ]
        for conflict in settled.conflicts
    ]


def test_what_all_have_is_merged_but_for_punctuation_at_its_edges():
    settled = settle(
        {
            "ann": doc("ACTOR Rebels", "ACTION attacked", "LOCATION Tadmor,"),
            "ben": doc("ACTOR “Rebels”", "ACTION attacked", "LOCATION Tadmor"),
        }
    )
    assert told(settled) == ["ACTOR Rebels", "ACTION attacked", "LOCATION Tadmor"] and not settled.conflicts
    assert settled.spans == Counts(into=3, agreed=3)
    three = {"ann": doc("ACTOR Rebels"), "ben": doc("ACTOR “Rebels”"), "dan": doc("ACTOR “Rebels”")}
    assert told(settle(three)) == ["ACTOR “Rebels”"]
    assert [origin.by for origin in settle(three).doc.provenance] == [("ann", "ben", "dan")]


def test_conflicts_are_the_smallest_groups_of_rivals():
    settled = settle(
        {
            "ann": doc("ACTOR the “Rebels”", "ACTION attacked", "LOCATION Kyiv", "DATE on Sunday"),
            "ben": doc("ACTOR Rebels", "ACTION attacked", "LOCATION Kyiv", "DATE Friday"),
        }
    )
    assert asked(settled) == [["DATE Friday"], ["ACTOR the “Rebels”", "ACTOR Rebels"], ["DATE on Sunday"]]
    assert told(settled) == ["ACTION attacked", "LOCATION Kyiv"]
    assert settled.spans == Counts(into=6, agreed=2, open=4)
    assert settled.doc.unknown == tuple((c.start, c.end) for c in settled.conflicts)
    assert not any(conflict.suggested for conflict in settled.conflicts)


def test_of_three_people_two_suggest():
    settled = settle(
        {"ann": doc("ACTOR the “Rebels”"), "ben": doc("ACTOR Rebels", "DATE Friday"), "dan": doc("ACTOR “Rebels”")}
    )
    assert asked(settled) == [["DATE Friday"], ["ACTOR the “Rebels”", "ACTOR Rebels"]]
    assert [conflict.suggested for conflict in settled.conflicts] == [(), (1,)]


@pytest.mark.parametrize(
    ("taken", "drawn", "gold", "counts"),
    [
        ((0,), (), ["ACTOR the “Rebels”"], Counts(into=2, adjudicated=1, dropped=1)),
        ((1,), (), ["ACTOR Rebels"], Counts(into=2, adjudicated=1, dropped=1)),
        ((0, 1), (), ["ACTOR the “Rebels”", "ACTOR Rebels"], Counts(into=2, adjudicated=2)),
        ((), (), [], Counts(into=2, dropped=2)),
        ((), ("LOCATION Rebels",), ["LOCATION Rebels"], Counts(into=3, adjudicated=1, dropped=2)),
    ],
)
def test_a_decision_takes_one_both_neither_or_another(taken, drawn, gold, counts):
    docs = {"ann": doc("ACTOR the “Rebels”"), "ben": doc("ACTOR Rebels")}
    (conflict,) = settle(docs).conflicts
    settled = settle(docs, [decided(conflict, *taken, drawn=drawn)])
    assert told(settled) == gold and settled.spans == counts
    assert not settled.conflicts and not settled.doc.unknown
    assert {origin.how for origin in settled.doc.provenance} <= {"adjudicated"}


def test_relations_come_along_with_their_ends():
    docs = {
        "ann": doc("ACTOR the “Rebels”", "ACTION attacked", relations=(("attacked", "agent", "the “Rebels”"),)),
        "ben": doc("ACTOR Rebels", "ACTION attacked", relations=(ATTACK,)),
    }
    before = settle(docs)
    assert asked(before) == [["ACTOR the “Rebels”", "ACTOR Rebels"]] and before.relations == Counts(into=2, open=2)
    assert [len(option.relations) for option in before.conflicts[0].options] == [1, 1]
    for number in (0, 1):
        settled = settle(docs, [decided(before.conflicts[0], number)])
        assert len(settled.doc.relations) == 1 and settled.relations == Counts(into=1, adjudicated=1)
    neither = settle(docs, [decided(before.conflicts[0])])
    assert not neither.doc.relations and neither.relations == Counts(into=2, dropped=2)


def test_an_argument_on_which_people_differ_is_one_conflict():
    spans = ("ACTOR Rebels", "ACTION attacked", "ACTOR army", "LOCATION Tadmor")
    docs = {
        "ann": doc(*spans, relations=(ATTACK, ("attacked", "place", "Tadmor"))),
        "ben": doc(*spans, relations=(("attacked", "agent", "army"), ("attacked", "place", "Tadmor"))),
    }
    settled = settle(docs)
    assert asked(settled) == [["attacked agent Rebels", "attacked agent army"]]
    assert [relation.label for relation in settled.doc.relations] == ["place"]
    after = settle(docs, [decided(settled.conflicts[0], 1)])
    assert not after.conflicts and after.relations == Counts(into=3, agreed=1, adjudicated=1, dropped=1)
    said = {origin.relation[2]: (origin.by, origin.how) for origin in after.doc.provenance if origin.relation}
    assert said == {"place": (("ann", "ben"), "agreed"), "agent": (("ben",), "adjudicated")}


def test_what_the_schema_does_not_allow_between_decided_spans_is_dropped():
    docs = {
        "ann": doc("ACTOR Rebels", "ACTION attacked", relations=(ATTACK,)),
        "ben": doc("ACTION attacked", "LOCATION Rebels"),
    }
    (conflict,) = settle(docs, schema=EVENT).conflicts
    location = next(n for n, o in enumerate(conflict.options) if o.marked.label == "LOCATION")
    settled = settle(docs, [decided(conflict, location)], EVENT)
    assert not settled.doc.relations and settled.relations == Counts(into=1, dropped=1)


def test_what_was_decided_stays_decided_when_more_annotations_come():
    docs = {"ann": doc("ACTOR the “Rebels”"), "ben": doc("ACTOR Rebels", "ACTION attacked")}
    first, second = settle(docs).conflicts
    decisions = [decided(first, 1), decided(second)]
    docs["dan"] = doc("ACTOR the “Rebels” attacked", "ACTION attacked", "LOCATION Kyiv")
    settled = settle(docs, decisions)
    assert told(settled) == ["ACTOR Rebels"] and asked(settled) == [["LOCATION Kyiv"]]
    assert settled.late == (marked("ACTOR the “Rebels” attacked"),)


def test_what_was_agreed_stays_when_a_span_within_it_is_refused():
    docs = {"ann": doc("ACTOR the “Rebels”", "ACTOR Rebels"), "ben": doc("ACTOR the “Rebels”")}
    (conflict,) = settle(docs).conflicts
    decision = decided(conflict)
    settled = settle(docs, [decision])
    assert told(settled) == ["ACTOR the “Rebels”"] and not settled.late
    docs["dan"] = doc()  # who lacks it: it is open now, and not late
    (again,) = settle(docs, [decision.model_copy(update={"agreed": (marked("ACTOR the “Rebels”"),)})]).conflicts
    assert [option.marked for option in again.options] == [marked("ACTOR the “Rebels”")]


def test_audits_are_the_same_ones_and_find_what_is_wrong():
    same = doc("ACTOR Rebels", "ACTION attacked", "LOCATION Tadmor", "LOCATION Kyiv")
    docs = {"ann": same, "ben": same}
    assert len(settle(docs, audit=1.0).audits) == 4 and not settle(docs).audits
    some = {conflict.key for conflict in settle(docs, audit=0.5).audits}
    assert some <= {conflict.key for conflict in settle(docs, audit=0.8).audits}
    audit = settle(docs, audit=1.0).audits[0]
    settled = settle(docs, [decided(audit)], audit=1.0)
    assert len(settled.doc.spans) == 3 and settled.spans == Counts(into=4, agreed=3, dropped=1)
    assert len(settled.audits) == 3


def test_answers_on_which_people_differ_are_left_out_and_told():
    def dated(said: str) -> LabeledDoc:
        (span,) = doc("DATE Friday").spans
        return LabeledDoc(
            doc_id="d", text=TEXT, spans=(span.model_copy(update={"attributes": {"normal": {"text": [said]}}}),)
        )

    one = settle({"ann": dated("2026-01-02"), "ben": dated("2026-01-02")})
    assert one.doc.spans[0].attributes == {"normal": {"text": ["2026-01-02"]}} and not one.attributes_differ
    two = settle({"ann": dated("2026-01-02"), "ben": dated("2026-01-09")})
    assert two.doc.spans[0].attributes == {} and two.attributes_differ == (("normal", marked("DATE Friday")),)


def test_decisions_about_another_text_do_not_count():
    docs = {"ann": doc("ACTOR Rebels"), "ben": doc()}
    (conflict,) = settle(docs).conflicts
    other = decided(conflict, 0).model_copy(update={"digest": "another"})
    assert settle(docs, [other]).conflicts == (conflict,)
    edited = decided(conflict).model_copy(update={"taken": (MarkedSpan(start=9, end=900, label="ACTOR"),)})
    assert settle(docs, [edited]).conflicts == (conflict,)


@st.composite
def several(draw: st.DrawFn) -> dict[str, LabeledDoc]:
    """One text, labelled by one to three people who share some spans."""
    whole = draw(documents(attributed=False))
    docs = {}
    for who in ("ann", "ben", "dan")[: draw(st.integers(1, 3))]:
        spans = tuple(span for span in whole.spans if draw(st.booleans()))
        ids = {span.id for span in spans}
        relations = tuple(r for r in whole.relations if {r.head, r.tail} <= ids and draw(st.booleans()))
        docs[who] = LabeledDoc(doc_id=whole.doc_id, text=whole.text, spans=spans, relations=relations)
    return docs


def answers(settled: Settled, choose) -> list[Decision]:
    found = []
    for conflict in settled.conflicts:
        right = [option.marked for option in conflict.options if choose()]
        refused = [option.marked for option in conflict.options if option.marked not in right]
        found.append(
            Decision(
                key=conflict.key,
                doc_id=settled.doc.doc_id,
                digest=settled.doc.digest,
                kind=conflict.kind,
                taken=tuple(right),
                refused=tuple(refused),
                by="cleo",
            )
        )
    return found


@given(several(), st.data())
def test_nothing_is_lost_and_every_conflict_can_be_decided(docs: dict[str, LabeledDoc], data: st.DataObject):
    settled = settle(docs)
    agreed = {(span.start, span.end, span.label) for span in settled.doc.spans}
    for counts in (settled.spans, settled.relations):
        assert counts.into == counts.agreed + counts.adjudicated + counts.open + counts.dropped
    open_spans = [option.marked for c in settled.conflicts if c.kind == "spans" for option in c.options]
    assert len(open_spans) == settled.spans.open and settled.spans.agreed == len(settled.doc.spans)
    people = dict(reversed(docs.items()))
    assert settle(people) == settled  # whoever comes first
    if len(docs) == 1:
        assert not settled.conflicts
    decisions: list[Decision] = []
    for _ in range(4):  # relations wait for their ends
        if not settled.conflicts:
            break
        decisions += answers(settled, lambda: data.draw(st.booleans()))
        settled = settle(docs, decisions)
    assert not settled.conflicts and not settled.spans.open and not settled.relations.open
    assert agreed <= {(span.start, span.end, span.label) for span in settled.doc.spans} and not settled.late
    taken = [each for d in decisions if d.kind == "spans" for each in d.taken]
    assert (
        settled.spans.adjudicated
        == len(taken)
        == sum(bool(p.span) and p.how == "adjudicated" for p in settled.doc.provenance)
    )
    described = {p.span for p in settled.doc.provenance if p.span} | {p.relation for p in settled.doc.provenance}
    assert {span.id for span in settled.doc.spans} <= described
    assert {(r.head, r.tail, r.label) for r in settled.doc.relations} <= described


@given(documents(attributed=False))
def test_two_who_did_the_same_agree_on_all_of_it(same: LabeledDoc):
    settled = settle({"ann": same, "ben": same})
    assert not settled.conflicts and settled.relations.into == settled.relations.agreed + settled.relations.dropped
    assert settled.spans.into == settled.spans.agreed == len(settled.doc.spans)
    assert len(settled.doc.relations) == settled.relations.agreed
