"""Documents on tokens: which spans fit, which do not, and that nothing is lost."""

import sys
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import DocBin
from spacy.util import load_config_from_str

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.core.split import PARTS, Split
from labeling.nlp.corpus import ATTRS, build, training_config
from labeling.nlp.gold import SPANS_KEY, from_doc, to_doc

sys.path.insert(0, str(Path(__file__).parents[1]))
from strategies import documents

NLP = spacy.blank("en")
TEXT = "Rebels left 😀 Al-Tadmor's gate."


def document(*extents: tuple[int, int, str], doc_id: str = "x") -> LabeledDoc:
    spans = tuple(Span(id=f"s{n}", start=a, end=b, label=label) for n, (a, b, label) in enumerate(extents))
    return LabeledDoc.of(Article(doc_id=doc_id, text=TEXT), spans)


@pytest.mark.parametrize(
    ("extents", "outcomes", "ents", "iob"),
    [
        ([], [], [], "OOOOOOOOO"),
        ([(0, 6, "ACTOR"), (14, 23, "LOCATION")], ["exact", "exact"], ["Rebels", "Al-Tadmor"], "BOOBIIOOO"),
        ([(12, 13, "ACTOR")], ["exact"], ["😀"], "OOBOOOOOO"),
        ([(14, 23, "LOCATION"), (17, 23, "ACTOR")], ["exact", "shadowed"], ["Al-Tadmor"], "OOOBIIOOO"),
        ([(0, 6, "ACTOR"), (0, 6, "LOCATION")], ["exact", "shadowed"], ["Rebels"], "BOOOOOOOO"),
        ([(0, 11, "ACTION"), (7, 13, "ACTOR")], ["exact", "shadowed"], ["Rebels left"], "BI?OOOOOO"),
        ([(0, 3, "ACTOR")], ["misaligned"], [], "?OOOOOOOO"),
        ([(3, 9, "ACTOR")], ["misaligned"], [], "??OOOOOOO"),
        ([(0, 6, "ACTOR"), (2, 9, "ACTION")], ["exact", "misaligned"], ["Rebels"], "B?OOOOOOO"),
    ],
)
def test_gold_to_doc_places_what_fits_and_marks_the_rest_as_missing(extents, outcomes, ents, iob: str):
    doc, placed = to_doc(document(*extents), NLP)
    assert [placed.outcomes[f"s{n}"] for n in range(len(extents))] == outcomes
    assert [ent.text for ent in doc.ents] == ents
    assert "".join(token.ent_iob_ or "?" for token in doc) == iob
    assert len(doc.spans[SPANS_KEY]) == len(outcomes) - outcomes.count("misaligned")
    assert [problem.reason for problem in placed.problems] == sorted(o for o in outcomes if o != "exact")


def test_gold_problem_shows_the_tokens_and_the_winner():
    _, placed = to_doc(document((0, 3, "ACTOR"), (14, 23, "LOCATION"), (17, 23, "ACTOR")), NLP)
    misaligned, shadowed = placed.problems
    assert (misaligned.action, misaligned.text) == ("refused", "Reb")
    assert "⟦Reb⟧els" in misaligned.detail
    assert "'Rebels'" in misaligned.detail
    assert (shadowed.action, shadowed.start, shadowed.end) == ("kept", 17, 23)
    assert "LOCATION 'Al-Tadmor'" in shadowed.detail


def test_gold_in_a_docbin_knows_missing_from_outside_again():
    doc, _ = to_doc(document((3, 9, "ACTOR"), (14, 23, "LOCATION")), NLP)
    data = DocBin(attrs=ATTRS, store_user_data=True, docs=[doc]).to_bytes()
    (back,) = DocBin().from_bytes(data).get_docs(spacy.blank("en").vocab)
    assert "".join(token.ent_iob_ or "?" for token in back) == "??OBIIOOO"
    assert back.ents[0].id_ == "s1"


@settings(deadline=None, max_examples=25)
@given(documents())
def test_gold_through_a_corpus_is_the_identity_with_ids_and_relations(doc: LabeledDoc):
    corpus = build([doc], Split(dev=0, test=0), "en")
    (back,) = DocBin().from_bytes(corpus.parts["train"]).get_docs(spacy.blank("en").vocab)
    assert from_doc(back) == doc
    assert [t.whitespace_ for t in back] == [t.whitespace_ for t in NLP.make_doc(doc.text)]
    outcomes = corpus.placed["doc"].outcomes
    assert {e.id_ for e in back.ents} == {i for i, o in outcomes.items() if o == "exact"}


@settings(deadline=None, max_examples=25)
@given(st.lists(documents(), max_size=5))
def test_corpus_sums_agree(docs: list[LabeledDoc]):
    docs = [LabeledDoc.model_validate(doc.model_dump() | {"doc_id": f"d{n}"}) for n, doc in enumerate(docs)]
    corpus = build(docs, Split(dev=30, test=30), "en")
    read = {part: list(DocBin().from_bytes(corpus.parts[part]).get_docs(NLP.vocab)) for part in PARTS}
    assert {part: len(made) for part, made in read.items()} == {part: corpus.documents[part] for part in PARTS}
    assert sum(map(len, (doc for made in read.values() for doc in made))) == corpus.tokens
    outcomes = [o for placed in corpus.placed.values() for o in placed.outcomes.values()]
    assert len(outcomes) == sum(len(doc.spans) for doc in docs)
    assert sum(corpus.labels.values()) == outcomes.count("exact")
    assert len(corpus.problems) == len(outcomes) - outcomes.count("exact")


def test_corpus_of_a_document_with_relations_keeps_them():
    relations = (Relation(head="s0", tail="s1", label="place"), Relation(head="s0", tail="s0", label="self"))
    doc = LabeledDoc.of(document(), document((7, 11, "ACTION"), (14, 23, "LOCATION")).spans, relations)
    (back,) = DocBin().from_bytes(build([doc], Split(dev=0, test=0), "en").parts["train"]).get_docs(NLP.vocab)
    assert from_doc(back).relations == doc.relations == (relations[1], relations[0])


@pytest.mark.parametrize(("tokens", "steps"), [(500, 2000), (100_000, 20_000)])
def test_corpus_training_config_is_spacys_own(tokens: int, steps: int):
    config = load_config_from_str(training_config("en", tokens))
    assert config["nlp"]["pipeline"] == ["tok2vec", "ner"]
    assert config["paths"]["train"] == "train.spacy"
    assert config["training"]["max_steps"] == steps
    nlp = spacy.util.load_model_from_config(config, auto_fill=False, validate=True)
    assert nlp.pipe_names == ["tok2vec", "ner"]
