"""Reviews → a model that is trained, and its card."""

import json
import shutil
from pathlib import Path

import pytest

from labeling.core.schema import LabelSchema
from labeling.nlp.load import model_version
from labeling.settings import init, open_workspace
from labeling.workflow.cards import gold_of, read_card
from labeling.workflow.demo import DEMO_SPLIT
from labeling.workflow.documents import read_documents
from labeling.workflow.export.commands import export_files
from labeling.workflow.training import train
from tests.strategies import reviewed

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training files of the seeds' gold, with a config that stops soon."""
    folder = tmp_path_factory.mktemp("workspace")
    init(folder, split=DEMO_SPLIT)
    workspace = open_workspace(folder)
    tasks = [reviewed(doc) for doc in read_documents(ROOT / "seeds" / "gold.jsonl")]
    (folder / "gold.json").write_text(json.dumps(tasks), encoding="utf-8")
    export_files(workspace, [folder / "gold.json"], folder / "exports", schema=workspace.label_schema)
    config = folder / "exports" / "config.cfg"
    config.write_text(config.read_text().replace("max_steps = 2000", "max_steps = 40"))
    return folder / "exports"


def test_training_twice_gives_one_name_wherever_it_is_done(exported: Path, tmp_path: Path):
    first = train(exported, tmp_path / "one")
    shutil.copytree(exported, tmp_path / "elsewhere")
    second = train(tmp_path / "elsewhere", tmp_path / "two")
    assert first.card.name == second.card.name
    config = tmp_path / "elsewhere" / "config.cfg"
    config.write_text(config.read_text().replace("seed = 0", "seed = 1"))
    third = train(tmp_path / "elsewhere", tmp_path / "three")
    assert third.card.name != first.card.name
    assert (first.card.seeds, third.card.seeds) == ({"training": 0}, {"training": 1})
    schema = LabelSchema.from_toml((ROOT / "schemas" / "event.toml").read_text(encoding="utf-8"))
    card = read_card(first.model)
    assert card.made(model_version(str(first.model), schema))
    assert card.gold == gold_of(exported)
    assert card.label_schema.sha256 == schema.sha256
