"""Spans, relations and gestures of judged documents, counted: by hand, and as spaCy's own scorer counts."""

import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.scorer import Scorer, get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example

from labeling.core.bootstrap import f_scores, micro_f
from labeling.nlp.evaluation.counting import counts_of, effort_saved
from labeling.nlp.evaluation.extraction import Output, judged, reference
from labeling.nlp.evaluation.judged import Judged, Mark, Relation, aligned

NLP = spacy.blank("en")
WORDS = ["Rebels", "from", "Oslo", "attacked", "Rome", "on", "Friday", "."]
LABELS = ("ACTION", "ACTOR", "DATE")

marks = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 8), st.sampled_from(LABELS)).map(
        lambda m: Mark(m[0], m[0] + m[1], m[2])
    ),
    max_size=8,
    unique=True,
).map(sorted)


def test_counts_by_hand():
    attack, rebels, rome = Mark(17, 25, "ACTION"), Mark(0, 16, "ACTOR"), Mark(26, 30, "LOCATION")
    doc = Judged(
        doc_id="a",
        text="Rebels from Oslo attacked Rome on Friday.",
        gold=(rebels, attack, rome),
        found=(Mark(0, 6, "ACTOR"), attack, Mark(26, 30, "ACTOR"), Mark(34, 40, "DATE")),
        gold_relations=(Relation(attack, rebels, "agent"), Relation(attack, rome, "place")),
        found_relations=(Relation(attack, Mark(0, 6, "ACTOR"), "agent"),),
    )
    counts = counts_of([doc])
    assert counts.labels == ("ACTION", "ACTOR", "LOCATION")
    assert counts.exact.tolist() == [[[1, 1, 1], [0, 2, 1], [0, 0, 1]]]
    assert counts.overlap.tolist() == [[[1, 1, 1], [1, 2, 1], [0, 0, 1]]]
    assert counts.relation_labels == ("agent", "place")
    assert counts.relations.tolist() == [[[0, 1, 1], [0, 0, 1]]]
    # the found ACTOR in front is not a core of the gold one: delete it, add that; rename the other
    assert counts.work.tolist() == [[4, 6]]
    assert effort_saved(counts.work.sum(axis=0)) == 1 / 3
    assert counts.groups == (0,)


def test_counts_of_named_labels_pass_over_the_others():
    doc = Judged(doc_id="", text="a b", gold=(Mark(0, 1, "A"), Mark(2, 3, "B")), found=(Mark(0, 1, "A"),))
    counts = counts_of([doc], labels=["B", "C"], relations=["r"])
    assert counts.labels == ("B", "C")
    assert counts.exact.tolist() == [[[0, 0, 1], [0, 0, 0]]]
    assert counts.relations.tolist() == [[[0, 0, 0]]]


def test_what_nobody_knows_counts_for_nothing_unless_it_is_right():
    first, second, third = Mark(0, 6, "ACTOR"), Mark(12, 16, "ACTOR"), Mark(17, 25, "ACTION")
    doc = Judged(
        doc_id="",
        text="Rebels from Oslo attacked Rome.",
        gold=(first, third),
        found=(first, second, third),
        gold_relations=(Relation(third, first, "agent"),),
        found_relations=(
            Relation(third, first, "agent"),
            Relation(third, second, "agent"),
            Relation(first, third, "agent"),
        ),
        unknown=((7, 31),),
    )
    counts = counts_of([doc])
    assert counts.exact.tolist() == [[[1, 1, 1], [1, 1, 1]]]
    assert counts.relations.tolist() == [[[1, 1, 1]]]
    assert counts.work.tolist() == [[0, 4]]


def test_near_duplicates_are_of_one_group():
    text = "Rebels left the town of Tadmor on Monday, the governor of the province said to reporters."
    docs = [Judged(doc_id=str(n), text=each) for n, each in enumerate([text, "Another story.", text.upper()])]
    assert counts_of(docs).groups == (0, 1, 0)


@given(marks, marks)
def test_aligned_takes_each_mark_once_and_equal_ones_together(gold: list[Mark], found: list[Mark]):
    pairs = list(aligned(gold, found))
    assert sorted(one for one, _ in pairs if one) == gold
    assert sorted(other for _, other in pairs if other) == found
    assert {one.key for one, other in pairs if one and other and one.key == other.key} == {m.key for m in gold} & {
        m.key for m in found
    }
    assert all(one.start < other.end and other.start < one.end for one, other in pairs if one and other)
    missed, spurious = ([pair[side] for pair in pairs if not pair[1 - side]] for side in (0, 1))
    assert not any(one.start < other.end and other.start < one.end for one in missed for other in spurious)


def span_sets(overlapping: bool) -> st.SearchStrategy[list[tuple[int, int, str]]]:
    spans = st.tuples(st.integers(0, 7), st.integers(1, 4), st.sampled_from(LABELS))
    found = st.lists(spans.map(lambda s: (s[0], min(8, s[0] + s[1]), s[2])), max_size=6, unique=True)
    return found if overlapping else found.map(apart)


def apart(spans: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    kept: list[tuple[int, int, str]] = []
    for span in sorted(spans):
        if not kept or kept[-1][1] <= span[0]:
            kept.append(span)
    return kept


def filled(spans: list[tuple[int, int, str]], missing: set[int] = frozenset(), *, ents: bool) -> Doc:
    doc = Doc(NLP.vocab, words=WORDS)
    made = [Span(doc, *span) for span in spans]
    doc.spans["sc"] = made
    if ents:
        unknown = [doc[i : i + 1] for i in sorted(missing) if not any(s.start <= i < s.end for s in made)]
        doc.set_ents(made, missing=unknown, default="outside")
    return doc


@given(st.lists(st.tuples(span_sets(True), span_sets(True)), min_size=1, max_size=4))
@settings(deadline=None, max_examples=50)
def test_spans_are_counted_as_spacy_does(docs: list[tuple[list, list]]):
    gold, found = ([filled(pair[side], ents=False) for pair in docs] for side in (0, 1))
    made = [judged(reference(g), Output({"spancat": marks_of(f)}), "spancat") for g, f in zip(gold, found, strict=True)]
    counts = counts_of(made, labels=LABELS)
    examples = [Example(f, g) for g, f in zip(gold, found, strict=True)]
    wanted = Scorer.score_spans(
        examples,
        "sc",
        getter=lambda doc, key: list(doc.spans[key]),
        allow_overlap=True,
        has_annotation=lambda doc: True,
    )
    compare(counts, wanted["sc_f"], wanted["sc_per_type"])


@given(st.lists(st.tuples(span_sets(False), span_sets(False), st.sets(st.integers(0, 7))), min_size=1, max_size=4))
@settings(deadline=None, max_examples=50)
def test_entities_are_counted_as_spacy_does_where_some_tokens_are_missing(docs: list[tuple]):
    gold = [filled(spans, missing, ents=True) for spans, _, missing in docs]
    found = [filled(spans, ents=True) for _, spans, _ in docs]
    made = [judged(reference(g), Output({"ner": marks_of(f)}), "ner") for g, f in zip(gold, found, strict=True)]
    counts = counts_of(made, labels=LABELS)
    wanted = get_ner_prf([Example(f, g) for g, f in zip(gold, found, strict=True)])
    compare(counts, wanted["ents_f"], wanted["ents_per_type"])


def marks_of(doc: Doc) -> list[Mark]:
    return [Mark(span.start_char, span.end_char, span.label_) for span in doc.spans["sc"]]


def compare(counts, overall: float | None, by_label: dict | None) -> None:
    sums = counts.exact.sum(axis=0)
    found = {label: f for label, f in zip(LABELS, f_scores(sums).tolist(), strict=True) if f == f}  # noqa: PLR0124
    assert {label: round(f, 9) for label, f in found.items() if f} == {
        label: round(rates["f"], 9) for label, rates in (by_label or {}).items() if rates["f"]
    }
    if overall:
        assert round(float(micro_f(sums)), 9) == round(overall, 9)
