"""What `labeling evaluate` says of models of every kind: each layer by name, and no zero that means nothing."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span

from labeling.core.labels import LabeledDoc
from labeling.core.labels import Span as Labeled
from labeling.errors import InputError, ModelError
from labeling.nlp import gold
from labeling.nlp.cut import Cutter
from labeling.nlp.evaluation import reading
from labeling.nlp.evaluation.report import Scores, scores_of
from labeling.nlp.evaluation.running import held_against
from labeling.nlp.load import load, model_version
from labeling.workflow.evaluating import evaluate

TEXT = "Rebels from Oslo attacked Rome on Friday, Bell said."
CUTTER = Cutter(spacy.blank("en"))
FEW = "There are no intervals: they need two documents that are no near-duplicates."
GOLD = ("ACTOR Rebels from Oslo", "LOCATION Oslo", "ACTION attacked", "ACTOR Bell")


def reference(*spans: str, unknown: tuple[tuple[int, int], ...] = ()) -> Doc:
    """A gold document, as an export writes it; `LABEL words` each."""
    found = []
    for n, span in enumerate(spans):
        label, words = span.split(" ", 1)
        start = TEXT.index(words)
        found.append(Labeled(id=f"s{n}", start=start, end=start + len(words), label=label))
    labeled = LabeledDoc(doc_id="a", text=TEXT, spans=tuple(found), unknown=unknown)
    return gold.to_doc(gold.place(labeled, CUTTER), CUTTER)


def spans(doc: Doc, *wanted: str) -> list[Span]:
    made = []
    for span in wanted:
        label, words = span.split(" ", 1)
        start = TEXT.index(words)
        made.append(doc.char_span(start, start + len(words), label=label))
    return made


def pipeline(**layers: tuple[str, ...]) -> Language:
    """A pipeline with these components, each with its labels; they are not trained, since others fill the documents."""
    nlp = spacy.blank("en")
    for name, labels in layers.items():
        pipe = nlp.add_pipe(name)
        for label in labels:
            pipe.add_label(label)
    return nlp


def filled(nlp: Language, ents: tuple[str, ...] = (), group: tuple[str, ...] = (), key: str = "sc") -> Doc:
    doc = nlp.make_doc(TEXT)
    doc.ents = spans(doc, *ents)
    doc.spans[key] = spans(doc, *group)
    return doc


def measured(nlp: Language, found: list[Doc], gold_docs: list[Doc], where: str) -> Scores:
    outputs = [reading.output_of(nlp, doc) for doc in found]
    return scores_of(held_against(nlp, [reading.reference(doc) for doc in gold_docs], outputs, where))


def test_both_layers_are_measured_by_name():
    nlp = pipeline(ner=("ACTOR", "LOCATION", "ACTION"), spancat=("ACTOR", "LOCATION", "ACTION"))
    found = filled(nlp, ("ACTOR Rebels from Oslo", "ACTION attacked"), GOLD[:2])

    scores = measured(nlp, [found], [reference(*GOLD)], "the test part")

    assert list(scores.layers) == ["ner", "spancat"]
    ner, spancat = scores.layers.values()
    # the nested place is not among the entities
    assert (ner.overall.precision, ner.overall.gold, ner.overall.found) == (1, 3, 2)
    assert ner.overall.recall == pytest.approx(2 / 3, abs=1e-4)
    assert (spancat.overall.precision, spancat.overall.recall, spancat.overall.gold) == (1, 0.5, 4)
    assert spancat.labels["LOCATION"].f == 1
    assert spancat.labels["ACTION"].f == 0
    assert scores.notes == (FEW,)


def test_label_without_gold_has_no_figures_and_does_not_count():
    nlp = pipeline(ner=("ACTOR", "MONEY"))
    found = filled(nlp, ("ACTOR Bell", "MONEY Rome", "MONEY Friday"))

    scores = measured(nlp, [found], [reference("ACTOR Bell")], "the test part")

    layer = scores.layers["ner"]
    money = layer.labels["MONEY"]
    assert (money.precision, money.recall, money.f, money.gold, money.found) == (None, None, None, 0, 2)
    assert (layer.overall.precision, layer.overall.f, layer.overall.found) == (1, 1, 1)
    assert scores.notes == ("The gold has no MONEY: what ner found of them is not counted.", FEW)


def test_label_that_the_model_does_not_know_is_named_and_counts():
    nlp = pipeline(ner=("ACTOR",))

    scores = measured(nlp, [filled(nlp, ("ACTOR Bell",))], [reference("ACTOR Bell", "ACTION said")], "the test part")

    assert scores.layers["ner"].overall.recall == 0.5
    assert scores.notes == ("ner does not know ACTION: all of their spans count as not found.", FEW)


@pytest.mark.parametrize("kind", ["ner", "spancat"])
def test_no_shared_label_is_an_error_that_names_both(kind: str):
    nlp = pipeline(**{kind: ("PERSON", "GPE")})

    with pytest.raises(InputError, match=r"(?s)none of the labels.*the model: GPE, PERSON\nthe gold: ACTION, ACTOR"):
        measured(nlp, [filled(nlp)], [reference("ACTOR Bell", "ACTION said")], "the test part")


def test_gold_without_spans_is_an_error():
    nlp = pipeline(ner=("ACTOR",))

    with pytest.raises(InputError, match="no spans in the test part"):
        measured(nlp, [filled(nlp)], [reference()], "the test part")


def test_span_categoriser_with_a_key_of_its_own():
    nlp = spacy.blank("en")
    nlp.add_pipe("spancat", config={"spans_key": "mine"}).add_label("ACTOR")

    scores = measured(nlp, [filled(nlp, (), ("ACTOR Bell",), "mine")], [reference("ACTOR Bell")], "the test part")

    assert scores.layers["spancat"].overall.f == 1


@pytest.mark.parametrize("kind", ["ner", "spancat"])
def test_stretch_that_nobody_knows_is_left_out(kind: str):
    nlp = pipeline(**{kind: ("ACTOR", "LOCATION")})
    found = ("ACTOR Bell", "LOCATION Rome", "LOCATION Oslo")
    doc = filled(nlp, found, found)
    start = TEXT.index("Rome")

    scores = measured(nlp, [doc], [reference("ACTOR Bell", "LOCATION Oslo", unknown=((start, start + 4),))], "it")

    assert scores.layers[kind].overall.precision == 1


def test_model_without_either_is_measured_on_its_entities(tmp_path: Path):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "ACTOR", "pattern": "Bell"}])
    nlp.to_disk(tmp_path / "model")
    DocBin(store_user_data=True, docs=[reference("ACTOR Bell", "ACTOR Rebels")]).to_disk(tmp_path / "test.spacy")

    scores = evaluate(str(tmp_path / "model"), tmp_path)

    assert scores.layers["ents"].overall.recall == 0.5


def test_evaluate_prints_dashes_and_notes(run, tmp_path: Path):
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "ACTOR", "pattern": "Bell"}, {"label": "DAY", "pattern": "Friday"}])
    (tmp_path / "runs").mkdir()
    nlp.to_disk(tmp_path / "runs" / "model-best")
    DocBin(store_user_data=True, docs=[reference("ACTOR Bell")]).to_disk(tmp_path / "test.spacy")

    done = run("evaluate", "runs/model-best", ".")
    assert done.returncode == 0
    rows = {
        row[0]: row[1:] for line in done.stdout.splitlines() if len(row := re.split(r" *[│┃] *", line.strip())) == 8
    }
    del rows["mean of labels"]
    assert rows == {
        "label": ["gold", "found", "P", "R", "F", "95%", "F overlap"],
        "ACTOR": ["1", "1", "1.000", "1.000", "1.000", "–", "1.000"],
        "DAY": ["0", "1", "–", "–", "–", "–", "–"],
        "all": ["1", "1", "1.000", "1.000", "1.000", "–", "1.000"],
    }
    assert "Note: The gold has no DAY" in done.stderr
    scores = json.loads(run("evaluate", "runs/model-best", ".", "--json").stdout)
    assert scores["layers"]["ents"]["labels"]["DAY"]["f"] is None

    # the folder of the training instead of the model in it
    done = run("evaluate", "runs", ".")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean runs/model-best?" in done.stderr


@pytest.mark.parametrize("inside", ["model-best", "model/model-best", "en_mine-1.0"])
def test_folder_around_a_model_is_told_from_it(tmp_path: Path, inside: str):
    (tmp_path / inside).parent.mkdir(exist_ok=True)
    spacy.blank("en").to_disk(tmp_path / inside)
    for read in (load, lambda name: model_version(name, None)):
        with pytest.raises(ModelError, match="not a spaCy model") as caught:
            read(str(tmp_path))
        assert caught.value.hint == f"Did you mean {tmp_path / inside}?"


def test_folder_called_like_a_package_is_not_in_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The pipeline that serves as `en_core_web_sm` has another name, and somebody has a folder for his models here."""
    monkeypatch.chdir(tmp_path)
    Path("en_core_web_sm").mkdir()
    assert "parser" in load("en_core_web_sm").pipe_names
    spacy.blank("en").to_disk("en_core_web_sm")
    if find_spec("en_core_web_sm") is None:
        assert load("en_core_web_sm").pipe_names == []


def test_folder_without_any_model(tmp_path: Path):
    with pytest.raises(ModelError, match=r"no meta\.json") as caught:
        load(str(tmp_path))
    assert "model-best" in caught.value.hint
