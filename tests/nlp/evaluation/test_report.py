"""What `labeling evaluate` says of models of every kind: each layer by name, and no zero that means nothing."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span

from labeling.core.labels import LabeledDoc, Relation
from labeling.core.labels import Span as Labeled
from labeling.errors import InputError, ModelError
from labeling.nlp import gold
from labeling.nlp.evaluation import extraction
from labeling.nlp.evaluation.report import Scores, scores_of
from labeling.nlp.evaluation.running import run_of
from labeling.nlp.load import load, model_version
from labeling.nlp.tokenization import FastTokenizer
from labeling.workflow.evaluating import evaluate

TEXT = "Rebels from Oslo attacked Rome on Friday, Bell said."
TOKENIZER = FastTokenizer(spacy.blank("en"))
FEW = "There are no intervals: they need two documents that are not near-duplicates."
GOLD = ("ACTOR Rebels from Oslo", "LOCATION Oslo", "ACTION attacked", "ACTOR Bell")


def reference(
    *spans: str, unknown: tuple[tuple[int, int], ...] = (), relations: tuple[tuple[str, str, str], ...] = ()
) -> Doc:
    """A gold document, as an export writes it; `LABEL words` each."""
    found = []
    for n, span in enumerate(spans):
        label, words = span.split(" ", 1)
        start = TEXT.index(words)
        found.append(Labeled(id=f"s{n}", start=start, end=start + len(words), label=label))
    arrows = tuple(Relation(head=head, tail=tail, label=label) for head, tail, label in relations)
    labeled = LabeledDoc(doc_id="a", text=TEXT, spans=tuple(found), unknown=unknown, relations=arrows)
    return gold.to_doc(gold.place(labeled, TOKENIZER), TOKENIZER)


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
    outputs = [extraction.output_of(nlp, doc) for doc in found]
    return scores_of(run_of(nlp, [extraction.reference(doc) for doc in gold_docs], outputs, where))


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


def events(nlp: Language, *wanted: str, scores: tuple[float, ...] = (), relations: list[list] | None = None) -> Doc:
    doc = nlp.make_doc(TEXT)
    doc.spans["events"] = spans(doc, *wanted)
    doc.spans["events"].attrs.update({"scores": list(scores), "sources": ["rules"] * len(wanted)})
    if relations is not None:
        doc.spans["events"].attrs["relations"] = relations
    return doc


def test_events_come_first_and_what_only_repeats_them_is_left_out():
    nlp = pipeline(ner=("ACTOR", "ACTION"))
    found = events(nlp, "ACTOR Bell", "ACTION attacked", scores=(0.75, 0.25), relations=[[1, 0, "agent"]])
    found.ents = spans(found, "ACTOR Bell", "ACTION attacked")

    scores = measured(nlp, [found], [reference("ACTOR Bell", "ACTION said")], "it")

    assert list(scores.layers) == ["events"]
    assert scores.layers["events"].calibration.error == 0.25
    assert scores.layers["events"].relations is None
    assert "The gold has no relations, so those that the model found are not judged." in scores.notes


def test_events_without_relations_are_not_blamed_for_them():
    nlp = pipeline(ner=("ACTOR",))
    gold_doc = reference("ACTOR Bell", "ACTION said", relations=(("s1", "s0", "agent"),))

    for relations, wanted in ((None, None), ([], 0.0), ([[1, 0, "agent"]], 1.0)):
        found = events(nlp, "ACTOR Bell", "ACTION said", relations=relations)
        layer = measured(nlp, [found], [gold_doc], "it").layers["events"]
        assert (layer.relations and layer.relations.overall.f) == wanted
        assert layer.calibration is None


def test_relation_of_a_span_that_was_moved_to_the_edge_of_its_token_is_found():
    doc = LabeledDoc(
        doc_id="a",
        text="He said-yes.",
        spans=(Labeled(id="a", start=0, end=2, label="ACTOR"), Labeled(id="b", start=3, end=10, label="ACTION")),
        relations=(Relation(head="b", tail="a", label="agent"),),
    )
    placed = gold.place(doc, TOKENIZER, "expand")
    found = extraction.reference(gold.to_doc(placed, TOKENIZER))
    (arrow,) = found.relations
    assert doc.text[arrow.head.start : arrow.head.end].startswith("said")
    assert arrow.tail.key == (0, 2, "ACTOR")


def test_gold_that_carries_something_else_is_named():
    doc = reference("ACTOR Bell")
    doc.user_data["labeling"] = "{}"
    with pytest.raises(InputError, match="review stored in a gold document is not valid"):
        extraction.reference(doc)


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


def test_folder_without_any_model_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match=r"no meta\.json") as caught:
        load(str(tmp_path))
    assert "model-best" in caught.value.hint
