"""Whether a new model may take the place of the one that is there: a table of cases on counts."""

import numpy
import pytest

from labeling.core.gate import Side, decide, none_of

COMMON, RARE = "ACTOR", "DATE"


def counts(documents: int, *labels: tuple[int, int, int], uneven: int = 0) -> numpy.ndarray:
    """The same right, found and gold in each document; in every second one so many more are right, in others less."""
    made = numpy.tile(numpy.array(labels), (documents, 1, 1))
    made[::2, 0, 0] += uneven
    made[1::2, 0, 0] -= uneven
    return made


def side(spans: numpy.ndarray, relations: numpy.ndarray | None = None) -> Side:
    labels = (COMMON, RARE)[: spans.shape[1]]
    if relations is None:
        return Side(labels, spans, (), none_of(len(spans)))
    return Side(labels, spans, ("agent",), relations)


CASES = [
    # id, new, there, outcome, verdict of all spans, of the last label
    ("far better", counts(40, (9, 10, 10)), counts(40, (5, 10, 10)), "promote", "better", "better"),
    ("the same", counts(40, (7, 10, 10)), counts(40, (7, 10, 10)), "promote", "as good", "as good"),
    ("far worse", counts(40, (4, 10, 10)), counts(40, (7, 10, 10)), "worse", "worse", "worse"),
    (
        "a little worse everywhere, within the margin",
        counts(40, (799, 1000, 1000)),
        counts(40, (800, 1000, 1000)),
        "worse",
        "worse",
        "as good",
    ),
    (
        "better on average, in half of the documents only",
        counts(10, (60, 100, 100), uneven=30),
        counts(10, (55, 100, 100)),
        "undecided",
        "unclear",
        "unclear",
    ),
    (
        "better on average, in half of very many documents",
        counts(4000, (60, 100, 100), uneven=30),
        counts(4000, (55, 100, 100)),
        "promote",
        "better",
        "better",
    ),
    (
        "better together, a label falls in every document",
        counts(40, (90, 100, 100), (5, 10, 10)),
        counts(40, (70, 100, 100), (9, 10, 10)),
        "worse",
        "better",
        "worse",
    ),
    (
        "better together, a label falls within its margin",
        counts(40, (90, 100, 100), (96, 100, 100)),
        counts(40, (70, 100, 100), (99, 100, 100)),
        "promote",
        "better",
        "as good",
    ),
    ("one document", counts(1, (9, 10, 10)), counts(1, (5, 10, 10)), "undecided", "unclear", "unclear"),
    ("nothing was there", counts(40, (5, 10, 10)), counts(40, (0, 0, 10)), "promote", "better", "better"),
    ("nothing in either", counts(40, (0, 0, 10)), counts(40, (0, 0, 10)), "promote", "as good", "as good"),
]


@pytest.mark.parametrize(
    ("new", "there", "outcome", "spans", "label"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_gate_decides_by_the_difference_in_spans_and_labels(new, there, outcome: str, spans: str, label: str):
    found = decide(side(new), side(there))
    assert found.outcome == outcome
    assert (found.rows[0].verdict, found.rows[-1].verdict) == (spans, label)


def test_label_that_falls_by_chance_perhaps_is_undecided_and_says_how_large_a_test_would_decide():
    there = counts(30, (70, 100, 100), (0, 0, 0))
    new = counts(30, (90, 100, 100), (0, 0, 0))
    there[0, 1] = there[1, 1] = [2, 2, 2]
    new[0, 1], new[1, 1] = [0, 2, 2], [2, 2, 2]
    found = decide(side(new), side(there))
    assert found.outcome == "undecided"
    (row,) = found.reasons
    assert (row.label, row.verdict, row.gold) == (RARE, "falls", 4)
    assert found.needed == row.documents
    assert row.documents > 30


def test_relations_count_too():
    spans = counts(40, (70, 100, 100))
    worse = decide(side(spans, counts(40, (3, 10, 10))), side(spans, counts(40, (6, 10, 10))))
    assert worse.outcome == "worse"
    assert [row.kind for row in worse.rows] == ["spans", "label", "relations", "relation"]
    assert [row.kind for row in worse.reasons] == ["relations", "relation"]
    better = decide(side(spans, counts(40, (6, 10, 10))), side(spans, counts(40, (3, 10, 10))))
    assert better.outcome == "promote"


def test_margins_are_those_that_are_asked_for():
    there, new = counts(40, (70, 100, 100), uneven=20), counts(40, (69, 100, 100), uneven=15)
    assert decide(side(new), side(there), margin=0.01).outcome == "undecided"
    assert decide(side(new), side(there), margin=0.2).outcome == "promote"


def test_near_duplicates_are_one_document():
    """Better in five articles of which one was syndicated forty times: nobody knows about other articles."""
    there = counts(44, (60, 100, 100))
    new = there.copy()
    new[:40, 0, 0] += 20
    new[40:, 0, 0] -= 20
    alone = decide(side(new), side(there))
    together = decide(side(new), side(there), groups=[0] * 40 + [1, 2, 3, 4])
    assert (alone.outcome, together.outcome) == ("promote", "undecided")
    assert (together.documents, together.groups) == (44, 5)


def test_sides_of_two_tests_are_refused():
    with pytest.raises(ValueError, match="not of the same test"):
        decide(side(counts(3, (1, 1, 1))), side(counts(4, (1, 1, 1))))
    with pytest.raises(ValueError, match="same labels"):
        decide(side(counts(3, (1, 1, 1), (1, 1, 1))), side(counts(3, (1, 1, 1))))


def test_decision_is_the_same_each_time():
    new, there = counts(20, (60, 100, 100), uneven=20), counts(20, (58, 100, 100))
    assert decide(side(new), side(there)) == decide(side(new), side(there))
