"""How far two people agree on a text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.core.agreement import EVENTS, MATCHES, Names, aligned, counts, names_of, trimmed
from labeling.core.bootstrap import f_scores
from labeling.core.labels import LabeledDoc, Relation, Span

TEXT = "On Friday the “Rebels” attacked Tadmor, and the army fled to Kyiv on Sunday."
NAMES = Names(("ACTION", "ACTOR", "DATE", "LOCATION"), ("agent", "place"), frozenset({"ACTION"}))


def doc(*spans: str, relations: tuple[tuple[str, str, str], ...] = ()) -> LabeledDoc:
    """`LABEL words` each; a span's id is its words."""
    found = []
    for span in spans:
        label, words = span.split(" ", 1)
        start = TEXT.index(words)
        found.append(Span(id=words, start=start, end=start + len(words), label=label))
    links = tuple(Relation(head=head, tail=tail, label=label) for head, label, tail in relations)
    return LabeledDoc(doc_id="d", text=TEXT, spans=tuple(found), relations=links)


def f_of(one: LabeledDoc, other: LabeledDoc) -> dict[str, float]:
    found = counts(one, other, NAMES)
    values = dict(zip(MATCHES, f_scores(found.spans.sum(axis=1)), strict=True))
    values["unlabelled"] = f_scores(found.unlabelled.sum(axis=0))
    values |= {"relations": f_scores(found.relations.sum(axis=0)), "ends": f_scores(found.given_ends.sum(axis=0))}
    return values | dict(zip(EVENTS, f_scores(found.events), strict=True))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("ACTOR Rebels",), ("ACTOR Rebels",), (1, 1, 1, 1, 1)),
        (("ACTOR Rebels",), ("ACTOR “Rebels”",), (0, 1, 1, 1, 0)),
        (("ACTOR Rebels",), ("ACTOR the “Rebels”",), (0, 0, 1, 1, 0)),
        (("LOCATION Kyiv",), ("LOCATION to Kyiv on",), (0, 0, 0, 1, 0)),
        (("ACTOR Rebels",), ("LOCATION Rebels",), (0, 0, 0, 0, 1)),
        (("ACTOR Rebels",), (), (0, 0, 0, 0, 0)),
        # one of the two matches the long one, the other is left
        (("ACTION fled to", "ACTION Kyiv on"), ("ACTION fled to Kyiv on",), (0, 0, 0, 2 / 3, 0)),
        # the best match of the first is the only one of the second: they are matched crosswise
        (("DATE Friday the", "DATE On Friday"), ("DATE On Friday the", "DATE On"), (0, 0, 0.5, 1, 0)),
    ],
)
def test_spans_match_one_to_one(one: tuple[str, ...], other: tuple[str, ...], expected: tuple[float, ...]):
    found = f_of(doc(*one), doc(*other))
    assert [round(float(found[name]), 4) for name in (*MATCHES, "unlabelled")] == [round(x, 4) for x in expected]


SPANS = ("ACTOR Rebels", "ACTION attacked", "LOCATION Tadmor", "ACTION fled", "LOCATION Kyiv")
ATTACK = (("attacked", "agent", "Rebels"), ("attacked", "place", "Tadmor"))
FLIGHT = (("fled", "place", "Kyiv"),)


@pytest.mark.parametrize(
    ("spans", "relations", "expected"),
    [
        # relations, those with both ends, triggers, arguments, whole events
        (SPANS, ATTACK + FLIGHT, (1, 1, 1, 1, 1)),
        (SPANS, ATTACK, (0.8, 0.8, 1, 0.8, 0.5)),
        # without the actor, its relation cannot be there
        (SPANS[1:], (*ATTACK[1:], *FLIGHT), (0.8, 1, 1, 0.8, 0.5)),
        # without the second trigger, its argument does not count
        ((*SPANS[:3], SPANS[4]), ATTACK, (0.8, 1, 2 / 3, 1, 2 / 3)),
        # an edge that differs is aligned
        (("ACTOR the “Rebels”", *SPANS[1:]), (("attacked", "agent", "the “Rebels”"), *ATTACK[1:], *FLIGHT), (1,) * 5),
        (SPANS, (("attacked", "place", "Kyiv"), *ATTACK[:1], *FLIGHT), (2 / 3, 2 / 3, 1, 2 / 3, 0.5)),
    ],
)
def test_relations_and_events(spans: Any, relations: Any, expected: tuple[float, ...]):
    found = f_of(doc(*SPANS, relations=ATTACK + FLIGHT), doc(*spans, relations=relations))
    names = ("relations", "ends", "trigger", "argument", "event")
    assert [round(float(found[name]), 4) for name in names] == [round(x, 4) for x in expected]


@st.composite
def documents(draw: st.DrawFn) -> LabeledDoc:
    text = "abcdefghijklmnopqrst"
    bounds = st.tuples(st.integers(0, 18), st.integers(1, 6), st.sampled_from(["ACTOR", "ACTION"]))
    spans = tuple(
        Span(id=str(number), start=start, end=min(start + size, len(text)), label=label)
        for number, (start, size, label) in enumerate(draw(st.lists(bounds, max_size=7)))
    )
    ends = st.sampled_from([span.id for span in spans]) if spans else st.nothing()
    links = draw(st.sets(st.tuples(ends, ends, st.sampled_from(["agent", "place"])), max_size=5)) if spans else set()
    relations = tuple(Relation(head=head, tail=tail, label=label) for head, tail, label in links)
    return LabeledDoc(doc_id="d", text=text, spans=spans, relations=relations)


@given(documents(), documents())
def test_agreement_is_the_same_from_both_sides_and_loosens_with_the_match(one: LabeledDoc, other: LabeledDoc):
    there, back = counts(one, other, NAMES), counts(other, one, NAMES)
    for name in ("spans", "unlabelled", "relations", "given_ends", "events"):
        ours, theirs = getattr(there, name), getattr(back, name)
        assert (ours[..., 0] == theirs[..., 0]).all() and (ours[..., 1] == theirs[..., 2]).all()
        assert (ours[..., 0] <= ours[..., 1:].min(axis=-1)).all()
    exact, trim, half, overlap = there.spans.sum(axis=1)[:, 0]
    assert exact <= trim and exact <= half <= overlap
    assert {theirs: mine for mine, theirs in aligned(one, other).items()} == aligned(other, one)


@given(documents())
def test_everybody_agrees_with_themselves(one: LabeledDoc):
    found = counts(one, one, NAMES)
    for name in ("spans", "unlabelled"):
        values = getattr(found, name)
        assert (values[..., 0] == values[..., 1]).all()


def test_texts_that_differ_have_no_agreement():
    with pytest.raises(ValueError, match="the texts of d and e differ"):
        counts(doc(), LabeledDoc(doc_id="e", text="Another."), NAMES)


def test_events_start_where_relations_do_unless_it_is_said():
    found = names_of([doc(*SPANS, relations=FLIGHT)])
    assert found == Names(("ACTION", "ACTOR", "LOCATION"), ("place",), frozenset({"ACTION"}))
    assert names_of([doc(*SPANS)], ["ACTOR"]).triggers == {"ACTOR"}
    assert trimmed(TEXT, doc("ACTOR “Rebels”").spans[0]) == (15, 21)
