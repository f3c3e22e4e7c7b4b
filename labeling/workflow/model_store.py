"""The workspace's copies of promoted models, and their cards.

    .labeling/models/en_labeling-0.0.0+1a2b3c4d/    the current model, and the previous one
    .labeling/cards/en_labeling-0.0.0+1a2b3c4d.json the card of each model that was ever promoted

Models are copied because the next training into the same folder must not silently change the workspace's model.
"""

import shutil
from collections.abc import Set
from contextlib import suppress
from pathlib import Path

from labeling.files import replacing, write_atomic
from labeling.promoted import models
from labeling.settings import Workspace
from labeling.workflow.card import Card
from labeling.workflow.cards import CARD

CARDS = "cards"


def store(workspace: Workspace, model: Path, card: Card) -> str:
    """Copy a model into `.labeling/models`, all or nothing; the name of the copy's folder.

    Raises:
        InputError: It cannot be written.
    """
    target = models(workspace.state) / card.name
    if model.resolve() != target.resolve():
        with replacing(target) as copy:  # it may have been there, with the same weights and another card
            shutil.copytree(model, copy, ignore=shutil.ignore_patterns("__pycache__"))
    write_atomic(workspace.state / CARDS / f"{card.name}.json", (target / CARD).read_bytes())
    return target.name


def remove_older(workspace: Workspace, names: Set[str]) -> None:
    """Remove the copies with other names, if possible; their cards stay."""
    folder = models(workspace.state)
    with suppress(OSError):
        for copy in folder.iterdir():
            if copy.name not in names:
                shutil.rmtree(copy, ignore_errors=True)
