"""The model that `labeling promote` made the workspace's: one small file, replaced as a whole."""

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
        instead_of: The `model` in labeling.toml at that time; as soon as that is another one, it is used instead.
        at: The time of the promotion; ISO 8601, UTC.
        test: The test that it was judged on: the digest of each text → the digest of its gold.
        before: The name of the model before it.
        gate: The comparison, a `labeling.core.gate.Gate` in JSON.
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
        """The folder or package that spaCy loads.

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
    """The promoted model; None if there is none.

    Raises:
        InputError: The file cannot be read.
    """
    file = state / FILE
    try:
        return Promoted.model_validate(parse_json(file.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        said = faults(error)[0] if isinstance(error, ValidationError) else error
        raise InputError(
            f"Cannot use {file}, which says what model was promoted: {said}",
            "Remove it, and promote a model again; until then `model` in labeling.toml counts.",
        ) from error


def keep_promoted(state: Path, promoted: Promoted) -> None:
    """Record the promoted model.

    Raises:
        InputError: It cannot be written; the record before it stays.
    """
    write_atomic(state / FILE, json_text(promoted.model_dump(mode="json")))
