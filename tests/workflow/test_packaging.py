"""A trained model as a wheel: it installs elsewhere, works without a workspace, and is still known by its card."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import spacy

from labeling.errors import InputError, ModelError
from labeling.nlp import packaging
from labeling.settings import init, open_workspace
from labeling.workflow.card import Card, Gold
from labeling.workflow.cards import read_card, write_card
from labeling.workflow.demo import DEMO_SPLIT
from labeling.workflow.documents import read_documents
from labeling.workflow.export.commands import export_files
from labeling.workflow.packaging import package
from labeling.workflow.training import train
from tests.builders import ROOT, reviewed

ELSEWHERE = """
import json, sys, spacy
from labeling.nlp.load import model_folder
from labeling.workflow.cards import read_card
doc = spacy.load("en_labeling")(sys.stdin.read())
found = [[e.start_char, e.end_char, e.label_] for e in doc.ents]
print(json.dumps([read_card(model_folder("en_labeling")).name, found]))
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A pipeline that finds a place, with a card."""
    folder = tmp_path / "model-best"
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PLACE", "pattern": "Homs"}])
    nlp.to_disk(folder)
    write_card(folder, Card(gold=Gold(parts={})))
    return folder


def install(wheel: Path, folder: Path) -> None:
    """Install it there, and nothing that it requires."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", folder, wheel]
    subprocess.run(pip, check=True, capture_output=True)


def elsewhere(installed: Path, text: str, folder: Path) -> list:
    """Name and entities, as a process that stands in another folder finds them with what was installed."""
    paths = os.pathsep.join([str(installed), str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        input=text,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.train
def test_trained_model_finds_the_same_where_its_wheel_is_installed(tmp_path: Path):
    init(tmp_path / "w", split=DEMO_SPLIT)
    workspace = open_workspace(tmp_path / "w")
    documents = list(read_documents(ROOT / "seeds" / "gold.jsonl"))
    (tmp_path / "gold.json").write_text(json.dumps([reviewed(doc) for doc in documents]), encoding="utf-8")
    exports = workspace.exports
    export_files(workspace, [tmp_path / "gold.json"], exports, schema=workspace.label_schema)
    config = exports / "config.cfg"
    config.write_text(config.read_text().replace("max_steps = 2000", "max_steps = 100"))
    trained = train(exports, tmp_path / "model")
    made = package(str(trained.model), tmp_path / "dist")
    install(made.wheel, tmp_path / "installed")
    text = documents[0].text
    found = [[e.start_char, e.end_char, e.label_] for e in spacy.load(trained.model)(text).ents]
    assert len(found) > 5
    shutil.rmtree(tmp_path / "w")
    (tmp_path / "far").mkdir()
    assert elsewhere(tmp_path / "installed", text, tmp_path / "far") == [trained.card.name, found]


def test_package_has_the_name_the_card_and_the_page_of_its_model(model: Path, tmp_path: Path, run):
    before = {file: file.read_bytes() for file in model.rglob("*") if file.is_file()}
    done = run("package", model, "-o", tmp_path / "dist", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").iterdir()
    assert done.stdout.strip() == str(wheel)
    card = read_card(model)
    assert wheel.name == f"{card.name}-py3-none-any.whl"
    install(wheel, tmp_path / "installed")
    folder = tmp_path / "installed" / "en_labeling" / card.name
    there = read_card(folder)
    assert there.model_copy(update={"files": {}, "digest": ""}) == card.model_copy(update={"files": {}, "digest": ""})
    assert {name for name in card.files if there.files[name] != card.files[name]} == {"meta.json"}
    assert (folder / "README.md").read_bytes() == (model / "README.md").read_bytes()
    assert elsewhere(tmp_path / "installed", "He left Homs.", tmp_path) == [card.name, [[8, 12, "PLACE"]]]
    assert {file: file.read_bytes() for file in model.rglob("*") if file.is_file()} == before


def test_wheel_takes_the_place_of_the_one_before(model: Path, tmp_path: Path):
    first = package(str(model), tmp_path / "dist")
    assert package(str(model), tmp_path / "dist") == first
    assert [*(tmp_path / "dist").iterdir()] == [first.wheel]


@pytest.mark.parametrize(
    ("factories", "required"),
    [
        pytest.param(["tok2vec", "ner"], "", id="spaCy's own alone"),
        pytest.param(["ner", "event_relations"], "labeling-loop>=0.1.0,<0.2.0", id="one of labeling's"),
        pytest.param(["event_spans", "frozen_encoder"], "labeling-loop[learn]>=0.1.0,<0.2.0", id="the encoder"),
    ],
)
def test_labeling_is_required_where_the_pipeline_takes_it(tmp_path: Path, factories: list[str], required: str):
    config = "".join(f'[components.c{i}]\nfactory = "{factory}"\n' for i, factory in enumerate(factories))
    (tmp_path / "config.cfg").write_text(f"[components]\n{config}")
    assert packaging.requirement(tmp_path) == required


def test_what_is_required_stands_in_the_wheel(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(packaging, "requirement", lambda _: "labeling-loop[learn]>=0.1.0,<0.2.0")
    made = package(str(model), tmp_path / "dist")
    assert [each.partition(">")[0] for each in made.requires] == ["spacy", "labeling-loop[learn]"]
    with zipfile.ZipFile(made.wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        said = archive.read(metadata).decode()
        metas = [json.loads(archive.read(name)) for name in archive.namelist() if name.endswith("meta.json")]
    assert "Requires-Dist: labeling-loop[learn]<0.2.0,>=0.1.0" in said
    assert [tuple(meta["requirements"]) for meta in metas] == [made.requires] * 2


# what cannot be


def test_model_that_is_not_there_is_one_message(tmp_path: Path, run):
    done = run("package", "nowhere", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no spaCy model 'nowhere'" in done.stderr
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize(
    ("file", "said"),
    [
        pytest.param("card.json", "was changed after it was written", id="card"),
        pytest.param("entity_ruler/patterns.jsonl", "not the one that its card describes", id="model"),
    ],
)
def test_what_was_tampered_with_is_refused(model: Path, tmp_path: Path, file: str, said: str):
    content = (model / file).read_text()
    (model / file).write_text(content.replace('"command": ""', '"command": "x"').replace("Homs", "Doha"))
    with pytest.raises(ModelError, match=said):
        package(str(model), tmp_path / "dist")


def test_model_without_a_card_is_refused(model: Path, tmp_path: Path):
    (model / "card.json").unlink()
    with pytest.raises(ModelError, match="has no card"):
        package(str(model), tmp_path / "dist")


def test_model_that_spacy_cannot_load_is_refused(model: Path, tmp_path: Path):
    config = model / "config.cfg"
    config.write_text(config.read_text().replace('factory = "entity_ruler"', 'factory = "unheard_of"'))
    write_card(model, Card(gold=Gold(parts={})))
    with pytest.raises(ModelError, match="spaCy cannot package the model"):
        package(str(model), tmp_path / "dist")


def test_folder_that_cannot_be_written_is_refused(model: Path, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"Cannot write the wheel to .*file/dist: Not a directory"):
        package(str(model), tmp_path / "file" / "dist")


def test_tools_that_are_missing_are_named(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(packaging, "TOOLS", ("build", "unheard-of-tool"))
    with pytest.raises(InputError, match="without unheard-of-tool") as caught:
        package(str(model), tmp_path / "dist")
    assert "[package]" in caught.value.hint


def test_build_that_fails_leaves_the_wheel_that_was_there(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = package(str(model), tmp_path / "dist")
    before = made.wheel.read_bytes()
    monkeypatch.setattr(packaging.sys, "executable", shutil.which("false"))
    with pytest.raises(ModelError, match="could not be built: it said nothing"):
        package(str(model), tmp_path / "dist")
    assert made.wheel.read_bytes() == before
