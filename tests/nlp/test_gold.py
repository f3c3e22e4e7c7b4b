"""Documents on tokens: which spans fit, which do not, and that nothing is lost."""

import zlib
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus
from spacy.util import load_config_from_str

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Span
from labeling.nlp.config import Advice, advise, training_config
from labeling.nlp.docbin import DocBinWriter, pack
from labeling.nlp.gold import SPANS_KEY, Gold, from_doc, place
from labeling.nlp.gold import to_doc as doc_of
from labeling.nlp.tokenization import FastTokenizer
from tests.strategies import documents

NLP = spacy.blank("en")
TOKENIZER = FastTokenizer(spacy.blank("en"))
TEXT = "Rebels left 😀 Al-Tadmor's gate."


ADVICE = Advice(train="ner", why="", overlapping=0.0, max_length=1, covered=1.0)


def to_doc(doc: LabeledDoc, align="strict") -> tuple[Doc, Gold]:
    gold = place(doc, TOKENIZER, align)
    return doc_of(gold, TOKENIZER), gold


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
    doc, placed = to_doc(document(*extents))
    assert [placed.outcomes[f"s{n}"] for n in range(len(extents))] == outcomes
    assert [ent.text for ent in doc.ents] == ents
    assert "".join(token.ent_iob_ or "?" for token in doc) == iob
    assert len(doc.spans[SPANS_KEY]) == len(outcomes) - outcomes.count("misaligned")
    assert [problem.reason for problem in placed.problems] == sorted(o for o in outcomes if o != "exact")


def test_gold_problem_shows_the_tokens_and_the_winner():
    _, placed = to_doc(document((0, 3, "ACTOR"), (14, 23, "LOCATION"), (17, 23, "ACTOR")))
    misaligned, shadowed = placed.problems
    assert (misaligned.action, misaligned.text) == ("refused", "Reb")
    assert "⟦Reb⟧els" in misaligned.detail
    assert "'Rebels'" in misaligned.detail
    assert (shadowed.action, shadowed.start, shadowed.end) == ("kept", 17, 23)
    assert "LOCATION 'Al-Tadmor'" in shadowed.detail


@pytest.mark.parametrize(
    ("text", "quote", "align", "found"),
    [
        ("He left the U.S. today.", "U.S", "strict", "U.S."),
        ("He left the U.S. today.", "the U.S", "strict", "the U.S."),
        ("Prices rose by 3.8 degrees.", "3", "strict", None),
        ("Prices rose by 3.8 degrees.", "by 3", "contract", "by"),
        ("Prices rose by 3.8 degrees.", "by 3", "expand", "by 3.8"),
        ("Prices rose by 3.8 degrees.", "3", "contract", None),
        ("Prices rose by 3.8 degrees.", "3", "expand", "3.8"),
        ("They can't go.", "can't", "strict", "can't"),
        ("They can't go.", "t go", "strict", None),
        ("at --Tadmor-- now", "Tadmor", "strict", "--Tadmor--"),
        ("see http://example.org/a, now", "example.org", "strict", None),
    ],
)
def test_gold_snaps_over_punctuation_and_else_by_policy(text: str, quote: str, align, found: str | None):
    start = text.index(quote)
    span = Span(id="s", start=start, end=start + len(quote), label="X")
    doc, placed = to_doc(LabeledDoc.of(Article(doc_id="x", text=text), (span,)), align)
    assert [entity.text for entity in doc.ents] == ([found] if found else [])
    expected = "misaligned" if found is None else "exact" if found == quote else "snapped"
    assert placed.outcomes == {"s": expected}
    assert [p.action for p in placed.problems] == {"misaligned": ["refused"], "exact": [], "snapped": ["changed"]}[
        expected
    ]


@pytest.mark.parametrize(
    ("unknown", "iob"),
    [((), "BIIOOOOOO"), (((0, 31),), "BII??????"), (((12, 13), (15, 18)), "BII???OOO"), (((0, 13),), "BIIOOOOOO")],
)
def test_gold_marks_what_nobody_knows_as_missing(unknown, iob: str):
    doc = document((0, 13, "ACTOR")).model_copy(update={"unknown": unknown})
    made, _ = to_doc(doc)
    assert "".join(token.ent_iob_ or "?" for token in made) == iob


def packed(docs: list[LabeledDoc], folder: Path, **limits: int) -> Path:
    writer = DocBinWriter(folder, "train", **limits)
    for doc in docs:
        writer.add(pack([place(doc, TOKENIZER)], TOKENIZER))
    return writer.close()


def read(path: Path) -> list:
    files = sorted(path.glob("*.spacy")) if path.is_dir() else [path]
    return [doc for file in files for doc in DocBin().from_disk(file).get_docs(spacy.blank("en").vocab)]


def test_docbin_knows_missing_from_outside_again(tmp_path: Path):
    (back,) = read(packed([document((3, 9, "ACTOR"), (14, 23, "LOCATION"))], tmp_path))
    assert "".join(token.ent_iob_ or "?" for token in back) == "??OBIIOOO"


@settings(deadline=None, max_examples=40)
@given(st.lists(documents(), max_size=4))
def test_docbin_gives_back_each_document_with_ids_and_relations(tmp_path_factory, docs: list[LabeledDoc]):
    back = read(packed(docs, tmp_path_factory.mktemp("bin")))
    assert [from_doc(doc) for doc in back] == docs
    for doc, made in zip(docs, back, strict=True):
        same, _ = to_doc(doc)
        assert [t.text_with_ws for t in made] == [t.text_with_ws for t in same]
        assert [(e.start, e.end, e.label_) for e in made.ents] == [(e.start, e.end, e.label_) for e in same.ents]
        assert [t.ent_iob for t in made] == [t.ent_iob for t in same]
        spans = [(s.start, s.end, s.label_) for s in made.spans[SPANS_KEY]]
        assert spans == [(s.start, s.end, s.label_) for s in same.spans[SPANS_KEY]]


def content(data: bytes) -> dict[str, Any]:
    return srsly.msgpack_loads(zlib.decompress(data))


@settings(deadline=None, max_examples=40)
@given(st.lists(documents(), min_size=1, max_size=4))
def test_docbin_holds_everything_that_spacys_own_holds(tmp_path_factory, docs: list[LabeledDoc]):
    ours = content(packed(docs, tmp_path_factory.mktemp("bin")).read_bytes())
    made = [to_doc(doc)[0] for doc in docs]
    theirs = content(DocBin(attrs=["ORTH", "ENT_IOB", "ENT_TYPE"], store_user_data=True, docs=made).to_bytes())
    stored = {token.text for doc in made for token in doc} | {
        span.label_ for doc in made for span in doc.spans[SPANS_KEY]
    }
    # spaCy lists the strings of attributes that it does not store, too
    unstored = {"", *(token.norm_ for doc in made for token in doc)} - stored
    assert ours["strings"] == [string for string in theirs["strings"] if string not in unstored]
    assert ours | {"strings": ...} == theirs | {"strings": ...}


def test_docbin_that_grows_too_large_becomes_a_folder_that_spacy_reads(tmp_path: Path):
    docs = [document((0, 6, "ACTOR"), doc_id=f"d{n}") for n in range(5)]
    path = packed(docs, tmp_path, max_tokens=20)
    assert [file.name for file in sorted(path.iterdir())] == ["00000.spacy", "00001.spacy", "00002.spacy"]
    examples = list(Corpus(path)(NLP))
    assert len(examples) == 5
    assert [from_doc(doc) for doc in read(path)] == docs


def test_docbin_without_documents_is_one_that_spacy_reads(tmp_path: Path):
    assert read(packed([], tmp_path)) == []


@pytest.mark.parametrize(
    ("spans", "shadowed", "train"),
    [(0, 0, "ner"), (100, 0, "ner"), (1000, 5, "ner"), (1000, 50, "both"), (1000, 200, "spancat")],
)
def test_config_advises_by_the_share_of_overlaps_and_says_why(spans: int, shadowed: int, train: str):
    advice = advise(spans, shadowed, {1: spans})
    assert advice.train == train
    assert (f"{shadowed:,} of {spans:,}" in advice.why) == bool(shadowed)
    assert advise(spans, shadowed, {}, "both").train == "both"


def test_config_of_a_span_categoriser_looks_for_spans_as_long_as_there_are():
    advice = advise(1000, 500, {1: 900, 4: 96, 30: 4})
    assert (advice.max_length, advice.covered) == (4, 0.996)
    config = load_config_from_str(training_config("en", 500, advice))
    nlp = spacy.util.load_model_from_config(config, auto_fill=False, validate=True)
    assert nlp.pipe_names == ["tok2vec", "spancat"]
    assert config["components"]["spancat"]["suggester"]["max_size"] == 4


@pytest.mark.parametrize(("tokens", "steps"), [(500, 2000), (100_000, 20_000)])
def test_corpus_training_config_is_spacys_own(tokens: int, steps: int):
    config = load_config_from_str(training_config("en", tokens, ADVICE))
    assert config["nlp"]["pipeline"] == ["tok2vec", "ner"]
    assert config["paths"]["train"] == "train.spacy"
    assert config["training"]["max_steps"] == steps
    nlp = spacy.util.load_model_from_config(config, auto_fill=False, validate=True)
    assert nlp.pipe_names == ["tok2vec", "ner"]
