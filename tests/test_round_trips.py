"""What goes in comes out: documents through tasks and annotations, through spaCy, and whatever others may send."""

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import DocBin

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation
from labeling.core.offsets import overlaps, trim, without_overlap
from labeling.core.problem import Problem
from labeling.core.split import Split
from labeling.core.text import is_storable, normalize, with_storable
from labeling.ingest import read_articles
from labeling.nlp.gold import from_doc, place, to_doc
from labeling.nlp.tokenization import FastTokenizer
from labeling.studio.annotations import Rules, read_task
from labeling.studio.regions import Legend
from labeling.studio.tasks import to_result, to_task
from tests.builders import EVENT, part_of
from tests.strategies import documents, json_values, texts

NLP = spacy.blank("en")
TOKENIZER = FastTokenizer(spacy.blank("en"))
RULES = Rules(legend=Legend(label_schema=EVENT))


@given(documents())
def test_document_to_task_to_annotation_is_the_identity(doc: LabeledDoc):
    task = to_task(doc, "m") | {"annotations": [{"result": to_result(doc)}]}
    review = read_task(task, Rules(), "here")
    assert review.doc == doc
    assert review.problems == ()
    assert review.spans.get("exact", 0) == len(doc.spans)


@given(documents(labels=tuple(EVENT.labels)), st.data())
def test_relation_is_read_as_it_was_whichever_way_the_schema_draws_it(doc: LabeledDoc, data: st.DataObject):
    """And without its name, wherever the schema leaves one relation."""
    labels = {span.id: span.label for span in doc.spans}
    legal = tuple(
        Relation(head=head, tail=tail, label=name)
        for name, kind in EVENT.relations.items()
        for head in labels
        for tail in labels
        if kind.allows(labels[head], labels[tail])
    )
    doc = doc.model_copy(update={"relations": tuple(data.draw(st.permutations(legal)))[:6]})
    result = to_result(doc, EVENT)
    for is_named in (True, False):
        for item in result if not is_named else ():
            item.pop("labels", None)
        review = read_task(to_task(doc, "m", EVENT) | {"annotations": [{"result": result}]}, RULES, "here")
        assert review.doc
        assert set(review.doc.relations) == set(doc.relations)
        assert review.problems == ()


@given(documents())
def test_document_to_docbin_to_document_is_the_identity(doc: LabeledDoc):
    placed = place(doc, TOKENIZER)
    made = to_doc(placed, TOKENIZER)
    data = DocBin(store_user_data=True, docs=[made]).to_bytes()
    (back,) = DocBin().from_bytes(data).get_docs(NLP.vocab)
    assert from_doc(back) == doc
    assert back.text == doc.text
    outcomes = placed.outcomes
    exact = {(s.start, s.end, s.label) for s in doc.spans if outcomes[s.id] == "exact"}
    snapped = sum(outcome == "snapped" for outcome in outcomes.values())
    found = {(e.start_char, e.end_char, e.label_) for e in back.ents}
    assert exact <= found
    assert len(found) == len(exact) + snapped
    assert len(back.spans["sc"]) == len(placed.places) == sum(o != "misaligned" for o in outcomes.values())
    assert {s.id for s in doc.spans} == set(outcomes)
    assert len(placed.problems) >= len(doc.spans) - len(exact)


@given(documents())
def test_token_of_a_span_without_place_is_missing_and_not_outside(doc: LabeledDoc):
    placed = place(doc, TOKENIZER)
    made = to_doc(placed, TOKENIZER)
    for span in doc.spans:
        touched = made.char_span(span.start, span.end, alignment_mode="expand")
        if placed.outcomes[span.id] in {"misaligned", "shadowed"}:
            assert all(token.ent_iob_ != "O" for token in touched)


@given(json_values)
def test_any_json_as_a_task_is_read_without_failing(value):
    for task in (value, {"data": {"text": "Rebels said no."}, "annotations": [{"result": value}]}, {"data": value}):
        review = read_task(task, RULES, "here")
        assert sum(review.spans.values()) >= len(review.doc.spans if review.doc else ())


@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": st.sampled_from(["a", "b", "c"]), "type": st.just("labels")},
            optional={
                "value": st.fixed_dictionaries(
                    {},
                    optional={
                        "start": st.integers(-3, 20) | st.floats() | st.text(max_size=2) | st.booleans(),
                        "end": st.integers(-3, 20) | st.none(),
                        "labels": st.lists(st.sampled_from(["ACTOR", "ACTION", "NONE", ""]), min_size=1, max_size=1)
                        | st.just(["ACTOR"]),
                        "text": st.text(max_size=5),
                    },
                )
            },
        ),
        max_size=8,
    )
)
def test_each_region_is_counted_once_and_each_loss_is_listed(result):
    task = {"data": {"text": "Rebels  said\nno."}, "annotations": [{"result": result}]}
    review = read_task(task, RULES, "here")
    assert sum(review.spans.values()) == len(result)
    assert len(review.doc.spans) == len(result) - review.spans.get("refused", 0)
    assert sum(p.action == "refused" for p in review.problems) == review.spans.get("refused", 0)


@given(st.text())
def test_normalized_text_is_storable_and_stays(text: str):
    once = normalize(text)
    assert is_storable(once)
    assert normalize(once) == once or once.startswith("\ufeff")


@given(st.lists(st.sampled_from(["a", "é", "😀", "\r\n", "\r", "\n", " "]), max_size=20).map("".join), st.data())
def test_offsets_move_with_the_line_ends(text: str, data: st.DataObject):
    copy, moved = with_storable(text)
    # an annotator cannot mark half of a line end
    edges = [i for i in range(len(text) + 1) if text[max(0, i - 1) : i + 1] != "\r\n"]
    start, end = sorted((data.draw(st.sampled_from(edges)), data.draw(st.sampled_from(edges))))
    assert copy[moved(start) : moved(end)] == with_storable(text[start:end])[0]


@given(documents())
def test_without_overlap_loses_nothing(doc: LabeledDoc):
    kept, shadowed = without_overlap(doc.spans)
    assert sorted([*kept, *(span for span, _ in shadowed)], key=lambda s: s.id) == sorted(doc.spans, key=lambda s: s.id)
    assert not any(overlaps(a, b) for a in kept for b in kept if a is not b)
    assert all(overlaps(span, winner) and winner in kept for span, winner in shadowed)


@given(texts, st.data())
def test_trimmed_extent_has_no_space_at_its_edges(text: str, data: st.DataObject):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    a, b = trim(text, start, end)
    assert text[a:b] == text[start:end].strip()


@given(st.text("abc XY.\n").filter(str.strip))
def test_split_is_the_same_for_copies_in_other_case_and_spacing(text: str):
    assert part_of(Split(), text) == part_of(Split(), f" {text.upper()} \n".replace(" ", "  "))


def test_split_has_about_the_shares_that_were_asked_for():
    parts = [part_of(Split(dev=10, test=20), f"article {n}") for n in range(3000)]
    assert 0.17 < parts.count("test") / 3000 < 0.23
    assert 0.08 < parts.count("dev") / 3000 < 0.12


@pytest.mark.parametrize("suffix", ["txt", "html", "json", "jsonl", "csv", "tsv"])
@settings(max_examples=40, deadline=None)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_as_articles_and_problems(tmp_path_factory, suffix: str, content: bytes):
    file = tmp_path_factory.mktemp("any") / f"file.{suffix}"
    file.write_bytes(content)
    for item in read_articles([file]):
        assert isinstance(item, Article | Problem)
