"""A pipeline's entities and the schema's patterns on articles."""

from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Span

from labeling.core.article import Article
from labeling.core.offsets import overlaps
from labeling.core.schema import LabelSchema
from labeling.errors import ModelError, SchemaError
from labeling.nlp.annotate import annotate, pattern_matchers
from labeling.nlp.check import check_patterns
from labeling.nlp.load import load, model_name, model_version
from tests.builders import EVENT

# blank pipelines know no parts of speech, which this pattern asks for
VERBS = LabelSchema.from_toml(
    """
    name = "verbs"
    version = "1"
    title = "Verbs"
    [labels.ACTION]
    patterns = [{ pattern = [{ POS = "VERB" }] }]
    """
)
TEXTS = (
    "Turkish troops attacked Tadmor on Friday, Foreign Minister Ann Bell said in Geneva.\n\nMoscow denied it.",
    "Zoë 😀 met the U.N. envoy in 🇺🇦 Kyiv last week.",
    "No.",
)
ARTICLES = [Article(doc_id=str(n), text=text) for n, text in enumerate(TEXTS)]


def ruled(*patterns: dict) -> Language:
    """A pipeline whose entities are what these patterns say."""
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns(list(patterns))
    return nlp


def test_annotate_gives_the_same_spans_and_ids_at_every_run_and_in_any_company(english: Language):
    first = list(annotate(english, EVENT, ARTICLES))
    assert first == list(annotate(english, EVENT, ARTICLES))
    assert first[:1] == list(annotate(english, EVENT, ARTICLES[:1]))
    assert [doc.doc_id for doc in first] == ["0", "1", "2"]
    ids = [span.id for doc in first for span in doc.spans]
    assert len(set(ids)) == len(ids) > 8
    assert EVENT.check(first[0]) == ()


def test_annotate_finds_who_does_what_where_and_when(english: Language):
    (doc,) = annotate(english, EVENT, ARTICLES[:1])
    found = {(doc.slice(span), span.label) for span in doc.spans}
    assert {("attacked", "ACTION"), ("Friday", "DATE"), ("Ann Bell", "ACTOR"), ("Geneva", "LOCATION")} <= found
    assert all(span.score is not None and "\n" not in doc.slice(span) for span in doc.spans)
    assert not any(overlaps(a, b) for i, a in enumerate(doc.spans) for b in doc.spans[:i])


@pytest.mark.parametrize(
    ("text", "tokens", "marked"),
    [
        ("Army left\n\nAnn Bell said", ["left", "\n\n", "Ann"], "left"),
        ("Army left\nAnn", ["left", "\n", "Ann"], "left"),
        ("Army \n\nAnn Bell", ["\n\n", "Ann"], "Ann"),
        ("Army  left", [" ", "left"], "left"),
        ("Army \n\n left", ["\n\n "], None),
    ],
)
def test_annotate_cuts_an_entity_at_a_line_end(text: str, tokens: list[str], marked: str | None):
    nlp = ruled({"label": "ORG", "pattern": [{"ORTH": token} for token in tokens]})
    (doc,) = annotate(nlp, EVENT, [Article(doc_id="x", text=text)])
    assert [doc.slice(span) for span in doc.spans] == ([marked] if marked else [])


def test_annotate_leaves_entities_out_that_feed_no_label_and_takes_labels_of_its_own():
    nlp = ruled(
        {"label": "MONEY", "pattern": "ten"}, {"label": "GPE", "pattern": "Lenz"}, {"label": "ACTOR", "pattern": "Army"}
    )
    (doc,) = annotate(nlp, EVENT, [Article(doc_id="x", text="Army took ten from Lenz.")])
    assert [(doc.slice(s), s.label, s.score) for s in doc.spans] == [
        ("Army", "ACTOR", 1.0),
        ("Lenz", "LOCATION", EVENT.labels["LOCATION"].entities["GPE"]),
    ]


def test_annotate_refuses_a_trained_model_of_another_schema():
    nlp = spacy.blank("en")
    nlp.add_pipe("ner").add_label("SHIP")
    nlp.initialize()
    assert [doc.spans for doc in annotate(nlp, VERBS.model_copy(update={"labels": EVENT.labels}), ARTICLES[2:])] == [()]
    nlp.meta["name"] = "labeling"  # as `labeling train` calls it
    with pytest.raises(ModelError, match=r"labels that the schema event-.* does not have: SHIP"):
        list(annotate(nlp, EVENT, ARTICLES))


def test_annotate_lets_patterns_fill_what_entities_left_free():
    toml = """
        name = "x"
        version = "1"
        title = "A title"
        [labels.NAME]
        entities = { PERSON = 0.9 }
        [labels.WORD]
        patterns = [{ pattern = [{ IS_ALPHA = true, OP = "+" }], score = 0.4 }]
        [labels.LONG]
        patterns = [{ pattern = [{ LENGTH = { ">=" = 7 } }] }]
    """
    schema = LabelSchema.from_toml(toml)
    nlp = ruled({"label": "PERSON", "pattern": "Ann"})
    (doc,) = annotate(nlp, schema, [Article(doc_id="x", text="we saw Ann, fighting on")])
    # a run of words that an entity interrupts is lost to it; the longest match wins over a shorter one
    assert [(doc.slice(s), s.label, s.score) for s in doc.spans] == [("Ann", "NAME", 0.9), ("fighting on", "WORD", 0.4)]


def test_annotate_names_a_pattern_that_asks_for_more_than_the_pipeline_says():
    with pytest.raises(ModelError, match="patterns of ACTION"):
        list(annotate(spacy.blank("en"), VERBS, ARTICLES))


def test_annotate_leaves_patterns_out_of_a_label_that_the_pipeline_has_learned():
    nlp = spacy.blank("en")
    nlp.add_pipe("ner").add_label("ACTION")
    assert pattern_matchers(nlp, VERBS) == []
    assert {label for label, *_ in pattern_matchers(spacy.blank("en"), VERBS)} == {"ACTION"}


@pytest.mark.parametrize("pattern", ['{ LOWERR = "x" }', "{ LOWER = 3 }", '{ OP = "x" }'])
def test_check_patterns_names_the_label_of_a_pattern_that_spacy_does_not_know(pattern: str):
    head = 'name = "x"\nversion = "1"\ntitle = "A title"\n[labels.A]\n[labels.B]\n'
    schema = LabelSchema.from_toml(f"{head}patterns = [{{ pattern = [{pattern}] }}]\n")
    with pytest.raises(SchemaError, match=r"labels\.B\.patterns"):
        check_patterns(schema)


def test_load_says_what_to_install():
    with pytest.raises(ModelError) as caught:
        load("xx_not_there")
    assert "'xx_not_there'" in caught.value.message
    assert "pip install" in caught.value.hint


def test_load_says_what_is_wrong_with_a_folder(tmp_path: Path):
    with pytest.raises(ModelError) as caught:
        load(str(tmp_path))
    assert str(tmp_path) in caught.value.message


def test_load_reads_a_folder_and_names_the_model(tmp_path: Path, english: Language):
    nlp = ruled({"label": "GPE", "pattern": "Lenz"})
    nlp.meta["name"], nlp.meta["version"] = "towns", "1.2"
    nlp.to_disk(tmp_path / "model")
    assert model_version(str(tmp_path / "model"), EVENT) == f"en_towns-1.2+{EVENT.key}"
    nlp.meta["name"] = 'towns, "large"'  # Label Studio lists versions with commas between them
    nlp.to_disk(tmp_path / "model")
    assert model_version(str(tmp_path / "model"), EVENT) == f"en_towns---large--1.2+{EVENT.key}"
    assert model_name(english).startswith("en_core_web_sm-3")


def test_annotate_takes_the_spans_of_a_span_categoriser():
    nlp = spacy.blank("en")

    @spacy.Language.component("two_spans")
    def two_spans(doc):
        doc.spans["sc"] = [Span(doc, 0, 2, "ACTOR"), Span(doc, 1, 2, "LOCATION")]
        return doc

    nlp.add_pipe("two_spans")
    (doc,) = annotate(nlp, EVENT, [Article(doc_id="x", text="Russian troops left.")])
    assert [(doc.slice(span), span.label) for span in doc.spans] == [("Russian troops", "ACTOR")]
