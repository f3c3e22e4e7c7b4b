"""The faster pipeline says what spaCy's own says."""

import pickle
from pathlib import Path

import pytest
import spacy
from spacy.lang.en.examples import sentences
from spacy.language import Language
from spacy.tokens import Doc

from labeling.nlp.load import SAME_AS, load
from labeling.nlp.quick import QuickAttributeRuler, QuickLemmatizer, QuickParser, QuickRecognizer, optimize

TEXTS = (
    "Turkish troops attacked Tadmor on Friday, Foreign Minister Ann Bell said in Geneva.\n\nMoscow denied it.",
    "“We ain't gonna let y'all go,” she said, but they'd already left; it was she who'd gotta pay $5.3 million.",
    "Zoë 😀 met the U.N. envoy in 🇺🇦 Kyiv last week.  \t He doesn't, and can't, know when.",
    "",
    " \n ",
    "No.",
    "Djokovic beats Nadal 6-4, 6-3",
    "What's done was being done by those that do nothin', I'm told. Somethin' else! You'll see 'em.",
)


def signature(doc: Doc) -> list[tuple]:
    return [
        (t.text, t.tag_, t.pos_, str(t.morph), t.lemma_, t.head.i, t.dep_, t.is_sent_start, t.ent_iob_, t.ent_type_)
        for t in doc
    ]


@pytest.fixture(scope="module")
def plain() -> Language:
    return spacy.load(SAME_AS["en_core_web_sm"])


@pytest.fixture(scope="module")
def quick() -> Language:
    return load("en_core_web_sm")


def test_load_gives_a_quick_pipeline(quick: Language):
    kinds = {type(pipe) for _, pipe in quick.pipeline}
    assert {QuickParser, QuickRecognizer, QuickAttributeRuler, QuickLemmatizer} <= kinds
    layers = [layer for _, pipe in quick.pipeline if getattr(pipe, "model", None) for layer in pipe.model.walk()]
    assert layers
    assert not any(layer.ops.use_blis for layer in layers)


def test_quick_pipeline_predicts_what_the_plain_one_does(plain: Language, quick: Language):
    texts = [*TEXTS, " ".join(TEXTS), *sentences]
    expected = [signature(plain(text)) for text in texts]
    assert [signature(quick(text)) for text in texts] == expected
    assert [signature(doc) for doc in quick.pipe(texts, batch_size=3)] == expected
    assert [signature(doc) for doc in quick.pipe(texts)] == expected


def test_quick_pipeline_survives_disk_and_pickle(quick: Language, tmp_path: Path):
    quick.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert signature(again(TEXTS[0])) == signature(quick(TEXTS[0]))
    assert quick.pipe_names == again.pipe_names
    copied = pickle.loads(pickle.dumps(quick))
    assert signature(copied(TEXTS[0])) == signature(quick(TEXTS[0]))


@pytest.mark.parametrize(
    "patterns",
    [
        [[{"LOWER": "moscow"}]],
        [[{"lower": {"IN": ["moscow", "friday"]}}], [{"ORTH": "Ann"}]],
        [[{"LOWER": {"NOT_IN": ["moscow"]}}]],
        [[{"LOWER": {"REGEX": "^f"}}]],
        [[{"IS_SPACE": True}], [{"IS_SPACE": False, "TEXT": "Bell"}]],
        [[{"TEXT": "Ann", "ORTH": "Bell"}]],
        [[{"LOWER": "ann", "OP": "?"}, {"LOWER": "bell"}], [{"LOWER": "ann", "OP": "+"}]],
        [[{"LENGTH": 3}], [{}]],
        [[{"LOWER": "ann"}], [{"LOWER": "ann"}], [{"LOWER": "ann", "IS_SPACE": False}]],
    ],
)
def test_attribute_ruler_matches_what_the_plain_one_does(patterns: list[list[dict]]):
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("attribute_ruler")
    ruler.add([[{"LOWER": "friday"}]], {"LEMMA": "x"})
    ruler.add(patterns, {"LEMMA": "y"})
    ruler.add([[{"LOWER": "moscow"}, {"LOWER": "denied"}]], {"LEMMA": "z"}, index=1)
    quick = QuickAttributeRuler.of(ruler)
    for text in TEXTS:
        doc = nlp.make_doc(text)
        assert quick.match(doc) == ruler.match(doc)
    assert quick.patterns == ruler.patterns
    quick.clear()
    assert quick.match(nlp.make_doc(TEXTS[0])) == []


def test_optimize_leaves_what_it_does_not_know():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    lemmatizer = nlp.add_pipe("lemmatizer", config={"mode": "lookup"})
    assert dict(optimize(nlp).pipeline)["lemmatizer"] is lemmatizer


def test_lemmatizer_forgets_in_time(quick: Language, monkeypatch: pytest.MonkeyPatch):
    before = signature(quick(TEXTS[0]))
    monkeypatch.setattr("labeling.nlp.quick.MAX_LEMMAS", 0)
    assert signature(quick(TEXTS[0])) == before
    assert len(quick.get_pipe("lemmatizer")._lemmas) < 40
