"""The effort that a pre-annotation saves, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from labeling.core.effort import Marks, core, effort
from labeling.errors import InputError

TEXT = "The rebels attacked Tadmor on Friday, Bell said."


def marks(*spans: str, relations: tuple[tuple[str, str, str], ...] = (), text: str = TEXT, **fields) -> Marks:
    """`LABEL words` each; a span's id is its words, which stand once in the text."""
    found = []
    for span in spans:
        label, words = span.split(" ", 1)
        start = text.index(words)
        found.append({"id": words, "start": start, "end": start + len(words), "label": label})
    links = [{"head": head, "tail": tail, "label": label} for head, label, tail in relations]
    return Marks.model_validate({"text": text, "spans": found, "relations": links} | fields)


def saved(gold: Marks, prediction: Marks | None) -> float:
    return effort([gold], {prediction.text: prediction} if prediction else {}).effort_saved


@pytest.mark.parametrize(
    ("marked", "left"),
    [
        ("the army", "army"),
        ("The Army", "Army"),
        ("in the late\n 1990s", "1990s"),
        ("Russia's", "Russia"),
        ("“the army’s”", "army"),
        ("(in) Kyiv,", "in) Kyiv"),
        ("in (the) army", "the) army"),
        ("the", "the"),
        ("in the", "the"),
        ("the ", "the"),
        ("theory", "theory"),
        ("'s", "s"),
        ("“ ”", ""),
        ("last week", "week"),
        ("Friday–", "Friday"),
    ],
)
def test_core_leaves_out_what_guidelines_differ_in(marked: str, left: str):
    text = f"x {marked} y"
    start, end = core(text, 2, 2 + len(marked))
    assert text[start:end] == left


GOLD = ("ACTOR rebels", "ACTION attacked", "LOCATION Tadmor", "DATE Friday", "ACTOR Bell")


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        (GOLD, 1.0),
        ((), 0.0),
        # five of 10 gestures: two missing, one spurious
        (("ACTOR rebels", "ACTION attacked", "LOCATION Tadmor", "ACTION said"), 1 - 5 / 10),
        # edges that do not count
        (("ACTOR The rebels", "ACTION attacked", "LOCATION Tadmor", "DATE on Friday,", "ACTOR Bell"), 1.0),
        # one to rename
        (("ACTOR rebels", "ACTION attacked", "ACTOR Tadmor", "DATE Friday", "ACTOR Bell"), 1 - 1 / 10),
        # renamed and one too many on the same core: (2·0 missing) + (2 - 1 spurious) + 1 relabelled
        (("ACTOR rebels", "ACTION attacked", "ACTOR Tadmor", "DATE Tadmor", "DATE Friday", "ACTOR Bell"), 1 - 2 / 10),
        # other edges are another span: one to delete, one to add
        (("ACTOR rebels attacked", "ACTION attacked", "LOCATION Tadmor", "DATE Friday", "ACTOR Bell"), 1 - 3 / 10),
        # more work than without
        (("ACTION The", "ACTION rebels attacked", "ACTION said", "ACTION Friday, Bell", "DATE on"), -0.5),
        # a label that the gold does not have is not part of the comparison
        ((*GOLD, "MONEY said"), 1.0),
    ],
)
def test_effort_saved_counts_gestures(predicted: tuple[str, ...], expected: float):
    assert saved(marks(*GOLD), marks(*predicted)) == pytest.approx(expected)


def test_effort_of_two_labels_on_one_core():
    # both are renamed from the one: 2·(2 - 2) + (1 - 2) + 2
    assert saved(marks("ACTOR Bell", "LOCATION Bell", "DATE Friday"), marks("DATE Bell", "DATE Friday")) == round(
        1 - 1 / 6, 4
    )


def test_effort_counts_documents_without_a_task_as_all_to_do():
    other = marks("ACTOR Bell", text="Bell left.")
    found = effort([marks(*GOLD), other], {TEXT: marks(*GOLD)})
    assert (found.documents, found.documents_without_task) == (2, 1)
    assert found.effort_saved == round(1 - 2 / 12, 4)


def test_effort_has_rates_on_the_core_and_on_any_overlap():
    found = effort([marks(*GOLD)], {TEXT: marks("ACTOR rebels attacked", "ACTOR Bell", "ACTOR said", "DATE Friday")})
    actor = found.labels["ACTOR"]
    assert actor.model_dump() == {
        "gold": 2,
        "core": {"p": 0.333, "r": 0.5, "f": 0.4},
        "overlap": {"p": 0.667, "r": 1.0, "f": 0.8},
    }
    assert found.labels["LOCATION"].core.f == 0
    assert list(found.labels) == ["ACTION", "ACTOR", "DATE", "LOCATION"]
    assert found.relations is None


def test_effort_has_rates_of_relations():
    gold = marks(*GOLD, relations=(("attacked", "agent", "rebels"), ("attacked", "time", "Friday")))
    predicted = marks(
        "ACTOR The rebels",
        "ACTION attacked",
        "DATE on Friday",
        "LOCATION Tadmor",
        relations=(
            ("attacked", "agent", "The rebels"),
            ("on Friday", "time", "attacked"),
            ("attacked", "agent", "Tadmor"),
            ("attacked", "place", "Tadmor"),  # the gold has no relation of that label
        ),
    )
    relations = effort([gold], {TEXT: predicted}).relations
    assert relations.labels["agent"].model_dump() == {"p": 0.5, "r": 1.0, "f": 0.667, "gold": 1}
    assert relations.labels["time"].model_dump() == {"p": 0.0, "r": 0.0, "f": 0.0, "gold": 1}
    assert (relations.gold, relations.p, relations.r, relations.f) == (2, 0.333, 0.5, 0.4)


def test_effort_passes_over_predictions_where_nobody_knows():
    gold = marks("ACTOR rebels", unknown=((11, len(TEXT)),))
    assert saved(gold, marks("ACTOR rebels", "ACTOR Bell")) == 1.0
    assert saved(marks("ACTOR rebels"), marks("ACTOR rebels", "ACTOR Bell")) == 0.5


def test_effort_needs_gold_spans():
    with pytest.raises(InputError, match="no spans"):
        effort([marks()], {})


def test_marks_name_every_fault():
    spans = [{"start": 0, "end": 90, "label": "A"}, {"start": 3, "end": 3, "label": "A"}]
    links = [{"head": "x", "tail": "y", "label": "agent"}]
    with pytest.raises(ValidationError) as caught:
        Marks.model_validate({"text": TEXT, "spans": spans, "relations": links})
    for said in ("[0, 90)", "[3, 3)", "'x'", "'y'"):
        assert said in str(caught.value)


@given(st.data())
def test_overlap_is_never_below_exact(data: st.DataObject):
    text = data.draw(st.text(st.sampled_from("ab.,;– the's"), min_size=1, max_size=20))
    end = st.integers(1, len(text))
    span = end.flatmap(lambda end: st.tuples(st.integers(0, end - 1), st.just(end), st.sampled_from("XY")))
    gold, prediction = (
        Marks.model_validate(
            {"text": text, "spans": [{"start": start, "end": end, "label": label} for start, end, label in found]}
        )
        for found in (data.draw(st.lists(span, min_size=1, max_size=6)), data.draw(st.lists(span, max_size=6)))
    )
    for label in effort([gold], {text: prediction}).labels.values():
        for rate in ("p", "r", "f"):
            assert getattr(label.overlap, rate) >= getattr(label.core, rate)


def test_overlap_counts_a_span_that_is_all_punctuation():
    gold = Marks.model_validate({"text": "Yes – no", "spans": [{"start": 4, "end": 5, "label": "X"}]})
    found = effort([gold], {gold.text: gold}).labels["X"]
    assert (found.core.r, found.overlap.r) == (1, 1)


RELATED = (("attacked", "agent", "rebels"), ("attacked", "place", "Tadmor"))


@pytest.mark.parametrize(
    ("relations", "left"),
    [
        (RELATED, 0),
        ((), 6),  # two to draw
        (RELATED[:1], 3),
        ((*RELATED, ("attacked", "time", "Friday")), 0),  # the gold has no such relation: nobody knows
        ((*RELATED, ("attacked", "agent", "Bell")), 2),  # one to delete
        ((RELATED[0], ("attacked", "agent", "Tadmor")), 1),  # one to rename
        ((RELATED[0], ("Tadmor", "place", "attacked")), 5),  # the other way round: one to delete, one to draw
    ],
)
def test_effort_with_relations_counts_three_to_draw_two_to_delete_and_one_to_rename(
    relations: tuple[tuple[str, str, str], ...], left: int
):
    gold = marks(*GOLD, relations=RELATED)
    found = effort([gold], {TEXT: marks(*GOLD, relations=relations)})
    assert found.effort_saved == 1
    assert found.effort_saved_with_relations == pytest.approx(1 - left / (2 * 5 + 3 * 2), abs=1e-4)


def test_effort_with_relations_is_not_known_where_the_gold_has_none():
    assert effort([marks(*GOLD)], {TEXT: marks(*GOLD, relations=RELATED)}).effort_saved_with_relations is None


def test_relation_to_what_nobody_reviewed_is_not_one_too_many():
    at = TEXT.index("Friday")
    gold = marks(*GOLD, relations=RELATED, unknown=[(at, at + 6)])
    more = (*RELATED, ("attacked", "place", "Friday"))
    found = effort([gold], {TEXT: marks(*GOLD, relations=more)})
    assert found.effort_saved_with_relations == 1 and found.relations and found.relations.p == 1
