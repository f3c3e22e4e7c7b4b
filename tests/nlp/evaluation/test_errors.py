"""Every difference by kind, in its sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.nlp.evaluation.calibration import calibration_of
from labeling.nlp.evaluation.confusion import confusion_of
from labeling.nlp.evaluation.errors import errors_of
from labeling.nlp.evaluation.judged import Judged, Mark, Relation, aligned

TEXT = "Title\nRebels from Oslo attacked Rome. Bell said no."
STARTS = (0, 6, 38)


def mark(words: str, label: str) -> Mark:
    start = TEXT.index(words)
    return Mark(start, start + len(words), label)


REBELS, ATTACKED, ROME = mark("Rebels", "ACTOR"), mark("attacked", "ACTION"), mark("Rome", "LOCATION")


@pytest.mark.parametrize(
    ("gold", "found", "kind", "sentence"),
    [
        ([mark("Bell", "ACTOR")], [], "missed", "Bell said no."),
        ([], [ROME], "spurious", "Rebels from Oslo attacked Rome."),
        ([REBELS], [mark("Rebels from Oslo", "ACTOR")], "wrong edge", "Rebels from Oslo attacked Rome."),
        ([ROME], [mark("Rome", "ACTOR")], "wrong label", "Rebels from Oslo attacked Rome."),
        ([mark("Oslo", "LOCATION")], [mark("from Oslo", "ACTOR")], "wrong label", "Rebels from Oslo attacked Rome."),
        ([mark("Title", "ACTOR")], [], "missed", "Title"),
        (
            [mark("Rome. Bell", "ACTOR")],
            [mark("Bell", "ACTOR")],
            "wrong edge",
            "Rebels from Oslo attacked Rome. Bell said no.",
        ),
    ],
)
def test_span_errors_have_a_kind_and_their_sentence(gold: list[Mark], found: list[Mark], kind: str, sentence: str):
    (error,) = errors_of(Judged("a", TEXT, gold=tuple(gold), found=tuple(found), starts=STARTS), "ner")
    assert (error.kind, error.of, error.layer, error.doc_id) == (kind, "span", "ner", "a")
    assert error.sentence.text == sentence == TEXT[error.sentence.start : error.sentence.end]
    for side, marks in ((error.gold, gold), (error.found, found)):
        assert (side is None) == (not marks)
        if side:
            assert TEXT[side.start : side.end] == side.text


def test_what_is_right_is_no_error_and_a_found_span_stands_for_one_gold_span():
    doc = Judged(
        "a",
        TEXT,
        gold=(mark("Rebels from", "ACTOR"), mark("Oslo", "ACTOR"), ATTACKED),
        found=(mark("Rebels from Oslo", "ACTOR"), ATTACKED),
    )
    assert [error.kind for error in errors_of(doc, "ner")] == ["wrong edge", "missed"]


def test_relation_errors_say_which_ends_are_not_there():
    agent, place = Relation(ATTACKED, REBELS, "agent"), Relation(ATTACKED, ROME, "place")
    other = mark("Rebels from Oslo", "ACTOR")
    doc = Judged(
        "a",
        TEXT,
        gold=(REBELS, ATTACKED, ROME),
        found=(other, ATTACKED, ROME),
        gold_relations=(agent, place),
        found_relations=(Relation(ATTACKED, other, "agent"), Relation(ATTACKED, ROME, "target")),
        starts=STARTS,
    )
    errors = [error for error in errors_of(doc, "events") if error.of == "relation"]
    assert [(error.kind, error.lost) for error in errors] == [
        ("missed", ("tail",)),
        ("spurious", ("tail",)),
        ("wrong label", ()),
    ]
    assert (errors[2].gold.label, errors[2].found.label) == ("place", "target")
    assert errors[0].gold.head.text == "attacked"


def test_confusion_adds_up_to_the_gold_and_to_what_was_found():
    gold = [REBELS, ATTACKED, ROME]
    found = [mark("Rebels from", "ACTOR"), mark("Rome", "ACTOR"), mark("Bell", "ACTOR")]
    confusion = confusion_of(["ACTION", "ACTOR", "LOCATION"], aligned(gold, found))
    assert confusion.matrix == ((0, 0, 0, 1), (0, 1, 0, 0), (0, 1, 0, 0), (0, 1, 0, 0))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_calibration_is_that_of_the_plain_way(spans: list[tuple[float, bool]]):
    found = calibration_of([score for score, _ in spans], [right for _, right in spans])
    error = 0.0
    for number in range(10):
        mine = [each for each in spans if min(9, int(each[0] * 10)) == number]
        if mine:
            mean, share = (sum(each[i] for each in mine) / len(mine) for i in (0, 1))
            error += len(mine) / len(spans) * abs(mean - share)
    assert found.error == pytest.approx(error, abs=1e-4)
    assert sum(one.spans for one in found.bins) == len(spans)


def test_calibration_of_probabilities_is_none_and_of_nothing_is_nothing():
    assert calibration_of([0.75] * 4, [True, True, True, False]).error == 0
    assert calibration_of([1.0] * 4, [True, True, True, False]).error == 0.25
    assert calibration_of([], []) is None
