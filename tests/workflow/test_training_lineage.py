"""Reviews → a model that is trained, and its card."""

import shutil
from pathlib import Path

import pytest

from labeling.nlp.load import model_version
from labeling.workflow.cards import gold_of, read_card
from labeling.workflow.demo import DEMO_SPLIT
from labeling.workflow.training import train
from tests import builders
from tests.builders import EVENT

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training files of the seeds' gold, with a config that stops soon."""
    folder = builders.exported(tmp_path_factory.mktemp("workspace"), builders.seeds(), DEMO_SPLIT)
    config = folder / "config.cfg"
    config.write_text(config.read_text().replace("max_steps = 2000", "max_steps = 40"))
    return folder


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
    card = read_card(first.model)
    assert card.made(model_version(str(first.model), EVENT))
    assert card.gold == gold_of(exported)
    assert card.label_schema.sha256 == EVENT.sha256
