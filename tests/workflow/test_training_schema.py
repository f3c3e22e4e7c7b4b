"""Which schema an exported folder is learned with."""

import json
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin, Span

from labeling.settings import Workspace, init, open_workspace
from labeling.workflow.training import schema_for
from tests.builders import EVENT


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """One whose schema is called like the shipped one, and says something else."""
    init(tmp_path / "w")
    file = tmp_path / "w" / "schemas" / "event.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('version = "1.2.0"', 'version = "1.3.0"'))
    return open_workspace(tmp_path / "w")


def exported(folder: Path, schema: dict[str, str]) -> Path:
    folder.mkdir()
    doc = spacy.blank("en")("Rebels attacked Tadmor.")
    doc.set_ents([Span(doc, 0, 1, "ACTOR")])
    DocBin(docs=[doc]).to_disk(folder / "train.spacy")
    (folder / "manifest.json").write_text(json.dumps({"schema": schema, "language": {"code": "en"}}))
    return folder


def test_the_one_with_the_hash_of_the_export_is_taken_else_the_one_of_its_name(tmp_path: Path, workspace: Workspace):
    own = workspace.label_schema
    said: list[str] = []
    for number, (sha256, wanted) in enumerate(((own.sha256, own), (EVENT.sha256, EVENT), ("of a third", own))):
        assert not said
        folder = exported(tmp_path / str(number), {"name": "event", "version": "1.2.0", "sha256": sha256})
        assert schema_for(folder, workspace, say=said.append).key == wanted.key
    assert said == ["Note: the schema event-1.2.0 of the export differs from event-1.3.0, which is used now."]


def test_where_it_is_not_here_the_documents_say_the_labels_and_that_is_said(tmp_path: Path, workspace: Workspace):
    said: list[str] = []
    folder = exported(tmp_path / "exports", {"name": "ships", "version": "1.0.0", "sha256": "x"})
    assert set(schema_for(folder, workspace, say=said.append).labels) == {"ACTOR"}
    assert "the schema ships-1.0.0 of the export is not here" in said[0]
    said.clear()
    assert schema_for(exported(tmp_path / "any", {"name": ""}), workspace, say=said.append).name == "reviewed"
    assert not said
