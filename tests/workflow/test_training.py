"""Exported files → a model, by our command and by spaCy's own; and the wheel that a user installs."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import spacy

from labeling.core.schema import LabelSchema
from labeling.errors import ModelError
from labeling.nlp import training
from labeling.nlp.bases import vectors_for
from labeling.nlp.load import model_version
from labeling.settings import open_workspace
from labeling.workflow.demo import DEMO_SPLIT
from labeling.workflow.evaluating import evaluate
from labeling.workflow.task_files import annotate_files
from labeling.workflow.training import train
from tests import builders
from tests.builders import ROOT


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training files of the seeds' gold."""
    return builders.exported(tmp_path_factory.mktemp("workspace"), builders.seeds(), DEMO_SPLIT)


def test_manifest_adds_up(exported: Path):
    manifest = json.loads((exported / "manifest.json").read_text())
    spans = manifest["spans"]
    assert spans["in"] == sum(n for outcome, n in spans.items() if outcome != "in")
    assert spans["in"] == sum(sum(parts.values()) for parts in manifest["labels"].values())
    documents = manifest["documents"]
    assert documents["out"] == sum(n for part, n in documents.items() if part != "out")


@pytest.mark.train
def test_spacy_finds_no_fault_and_trains_by_the_printed_command(exported: Path, tmp_path: Path):
    command = training.command(exported, tmp_path / "model").split()[1:]
    done = subprocess.run(
        [sys.executable, *command, "--training.max_steps", "20"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    debug = subprocess.run(
        [sys.executable, "-m", "spacy", "debug", "data", "config.cfg"],
        cwd=exported,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Invalid" not in debug.stdout
    assert "entity span(s) with punctuation" not in debug.stdout
    assert "4 label(s)" in debug.stdout, debug.stdout


@pytest.mark.train
def test_an_export_reads_word_vectors_and_trains_without_them_where_they_are_not(exported: Path, tmp_path: Path):
    """As on another machine: by the options that stand in the config itself."""
    config = (exported / "config.cfg").read_text(encoding="utf-8")
    assert json.loads((exported / "manifest.json").read_text())["training"]["vectors"] == "en_core_web_md-3.7.1"
    assert "include_static_vectors = true" in config
    assert "\nlookups = null" in config
    moved = tmp_path / "exports"
    shutil.copytree(exported, moved)
    (moved / "config.cfg").write_text(re.sub(r"\nvectors = .*spacy_md.*", '\nvectors = "/elsewhere"', config))
    train = [sys.executable, "-m", "spacy", "train", "config.cfg", "--output", "model", "--training.max_steps", "5"]
    here, without = re.findall(r"^#   (--.*)", config, re.MULTILINE)
    for options, width in (("", None), (here.replace("FOLDER_OR_PACKAGE", str(vectors_for("en"))), 300), (without, 0)):
        done = subprocess.run([*train, *options.split()], cwd=moved, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == (width is not None), done.stdout + done.stderr
        if width is not None:
            assert spacy.load(moved / "model" / "model-last").vocab.vectors_length == width
    with pytest.raises(ModelError, match="word vectors of /elsewhere, which is not here"):
        training.train(moved, tmp_path / "model")


@pytest.mark.train
def test_without_a_test_part_the_card_has_the_figures_of_dev_and_says_so(exported: Path, tmp_path: Path):
    shutil.copytree(exported, tmp_path / "exports", ignore=shutil.ignore_patterns("test.spacy"))
    config = tmp_path / "exports" / "config.cfg"
    config.write_text(config.read_text().replace("max_steps = 2000", "max_steps = 80"))
    figures = train(tmp_path / "exports", tmp_path / "model").card.figures
    assert figures is not None
    assert figures.part == "dev"
    assert "too good" in figures.notes[0]


@pytest.mark.train
def test_trained_model_scores_and_pre_annotates_the_next_batch(exported: Path, tmp_path: Path):
    config = exported / "config.cfg"
    config.write_text(config.read_text().replace("max_steps = 2000", "max_steps = 160"))
    model = train(exported, tmp_path / "model").model
    scores = evaluate(str(model), exported)
    (layer,) = scores.layers.items()
    assert layer[0] == "ner"
    assert layer[1].overall.f > 0.5
    assert set(layer[1].labels) == {"ACTOR", "ACTION", "LOCATION", "DATE"}
    schema = LabelSchema.from_toml((ROOT / "schemas" / "event.toml").read_text(encoding="utf-8"))
    assert model_version(str(model), schema).startswith("en_labeling-0.0.0+")
    workspace = open_workspace(tmp_path, model=str(model))
    done = annotate_files(workspace, [str(ROOT / "seeds" / "11_diplomats_expelled.txt")], tmp_path / "tasks.json")
    assert {"ACTOR", "ACTION"} <= set(done.spans)
    assert spacy.load(model).pipe_names == ["tok2vec", "ner"]


@pytest.mark.train
def test_wheel_carries_schemas_and_seeds_and_works_without_the_repository(tmp_path: Path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("labeling_loop-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "installed")
    assert "labeling/data/schemas/event.toml" in names
    assert "labeling/data/seeds/gold.jsonl" in names
    assert "labeling/py.typed" in names
    code = "from labeling.__main__ import main; main()"
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "installed")}
    subprocess.run([sys.executable, "-c", code, "init", "-w", "w"], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "w" / "schemas" / "event.toml").is_file()
