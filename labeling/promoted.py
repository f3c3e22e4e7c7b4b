"""Which model a workspace was given by `labeling promote`: one small file, replaced as a whole."""

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from labeling.core.faults import faults
from labeling.core.parsing import parse_json
from labeling.core.value import Value
from labeling.errors import InputError
from labeling.files import json_text, write_atomic

FILE, MODELS = "model.json", "models"  # in the workspace's state


class Promoted(Value):
    """The model that was promoted.

    Attributes:
        model: The name of its folder in `.labeling/models`, or of an installed package.
        is_package: Whether it is a package.
        name: `en_labeling-0.0.0+1a2b3c4d`.
        instead_of: What `model` in labeling.toml was then: it counts again as soon as that says something else.
        at: When: ISO 8601, UTC.
        test: The test that it was judged on: the digest of each text → the digest of its gold.
        before: The name of the model that was there before.
        gate: What was compared, as `labeling.core.gate.Gate` says it.
    """

    model: str
    is_package: bool = False
    name: str
    instead_of: str
    at: str
    test: dict[str, str]
    before: str = ""
    gate: dict[str, Any] = Field(default_factory=dict)

    def path(self, workspace: Path) -> str:
        """What loads it: its folder, or the package's name.

        Raises:
            InputError: The folder is gone.
        """
        if self.is_package:
            return self.model
        folder = models(workspace / ".labeling") / self.model
        if not folder.is_dir():
            raise InputError(
                f"The model {self.name} was promoted, and its folder {folder} is gone.",
                f"Promote one again; or remove {workspace / '.labeling' / FILE}: then `model` in labeling.toml counts.",
            )
        return str(folder)


def models(state: Path) -> Path:
    """Where the workspace keeps its copies of promoted models."""
    return state / MODELS


def read_promoted(state: Path) -> Promoted | None:
    """The model that was promoted; None where none was.

    Raises:
        InputError: Nobody can read which it is.
    """
    file = state / FILE
    try:
        return Promoted.model_validate(parse_json(file.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        said = str(error)
        if isinstance(error, ValidationError):
            said = faults(error)[0]
        raise InputError(
            f"Cannot use {file}, which says what model was promoted: {said}",
            "Remove it, and promote a model again; until then `model` in labeling.toml counts.",
        ) from error


def keep_promoted(state: Path, promoted: Promoted) -> None:
    """Make it the one that was promoted.

    Raises:
        InputError: It cannot be written; the one before stays.
    """
    write_atomic(state / FILE, json_text(promoted.model_dump(mode="json")))
