"""The workspace's copies of promoted models, and their cards.

    .labeling/models/en_labeling-0.0.0+1a2b3c4d/    the current model, and the previous one
    .labeling/cards/en_labeling-0.0.0+1a2b3c4d.json the card of each model that was ever promoted

Models are copied because the next training into the same folder must not silently change the workspace's model.
"""

import shutil
import tempfile
from collections.abc import Set
from contextlib import suppress
from pathlib import Path

from labeling.errors import InputError
from labeling.files import write_atomic
from labeling.promoted import models
from labeling.settings import Workspace
from labeling.workflow.cards import CARD, Card

PART = ".part"  # at the end of the name of a folder that is being made
CARDS = "cards"


def store(workspace: Workspace, model: Path, card: Card) -> str:
    """Copy a model into `.labeling/models`, all or nothing; the name of the copy's folder.

    Raises:
        InputError: It cannot be written.
    """
    folder = models(workspace.state)
    target = folder / card.name
    made: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f".*{PART}"):  # by a promotion that was killed
            shutil.rmtree(left, ignore_errors=True)
        if model.resolve() != target.resolve():
            made = Path(tempfile.mkdtemp(dir=folder, prefix=f".{card.name}.", suffix=PART))
            made.chmod(0o755)
            shutil.copytree(model, made, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            if target.exists():  # it has the same weights, but perhaps another card
                target.rename(made.with_name(f".old-{made.name.removeprefix('.')}"))
            made.rename(target)
        write_atomic(workspace.state / CARDS / f"{card.name}.json", (target / CARD).read_bytes())
    except (OSError, shutil.Error) as error:
        raise InputError(
            f"Cannot copy the model {model} to {target}: {_why(error)}",
            "The current model stays. Check the free space and the folder's permissions.",
        ) from error
    finally:
        if made and made.exists():
            shutil.rmtree(made, ignore_errors=True)
    return target.name


def remove_older(workspace: Workspace, names: Set[str]) -> None:
    """Remove the copies with other names, if possible; their cards stay."""
    folder = models(workspace.state)
    with suppress(OSError):
        for copy in folder.iterdir():
            if copy.name not in names:
                shutil.rmtree(copy, ignore_errors=True)


def _why(error: OSError | shutil.Error) -> str:
    """The reason of an error; copytree's has a list of them, each with two paths."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list) and error.args[0]:
        return str(error.args[0][0][-1])
    return error.strerror or str(error)
