"""The models that a workspace knows: those that were promoted, and those in the usual folders of trained models."""

from collections.abc import Iterator
from pathlib import Path

from labeling.core.bootstrap import Interval
from labeling.core.value import Value
from labeling.errors import LabelingError, ModelError
from labeling.promoted import models
from labeling.settings import Workspace
from labeling.workflow.card import Card
from labeling.workflow.cards import CARD, read_card, read_card_file
from labeling.workflow.model_store import CARDS

# Where `labeling train` puts models if its output is named as in the documentation.
FOLDERS = ("models/*/model-best", "exports/model/model-best", "model/model-best")


class KnownModel(Value):
    """A model that the workspace knows.

    Attributes:
        name: The name on its card, with which the `model_version` of its predictions begins.
        state: `promoted`; `was promoted`; `trained`; or what is wrong with its card.
        documents: The number of documents that it was trained on.
        f: F of all spans on the test part of its own gold.
        gold: The hash of its gold.
        schema_key: Name and version of its schema.
        where: Its folder; "" if only its card is left.
        created: When it was trained.
    """

    name: str
    state: str
    documents: int = 0
    f: Interval | None = None
    gold: str = ""
    schema_key: str = ""
    where: str = ""
    created: str = ""


def known_models(workspace: Workspace) -> list[KnownModel]:
    """The workspace's models, oldest first. One whose card is not valid is listed with the reason.

    Raises:
        InputError: The record of the promoted model cannot be read.
    """
    promoted = workspace.promoted.name if workspace.promoted and workspace.uses_promoted else ""
    found: dict[str, KnownModel] = {}
    for file in sorted((workspace.state / CARDS).glob("*.json")):
        try:
            card = read_card_file(file)
        except LabelingError as error:
            found[file.stem] = KnownModel(name=file.stem, state=error.message)
            continue
        copy = models(workspace.state) / card.name
        state = "promoted" if card.name == promoted else "was promoted"
        found[card.name] = _known(card, state, str(copy) if copy.is_dir() else "")
    for folder in _trained(workspace):
        try:
            card = read_card(folder)
        except LabelingError as error:
            found[str(folder)] = KnownModel(name=folder.parent.name, state=error.message, where=str(folder))
            continue
        before = found.get(card.name)
        found[card.name] = _known(card, before.state if before else "trained", str(folder))
    return sorted(found.values(), key=lambda each: (each.created, each.name))


def find_card(workspace: Workspace, model: str) -> Card:
    """The card of a model, given its folder, package or name, or the `model_version` of a prediction.

    Raises:
        ModelError: There is none, or it is not valid.
    """
    from labeling.nlp.load import model_exists, model_folder

    if model_exists(model):
        return read_card(model_folder(model))
    for folder in _trained(workspace):
        card = read_card_file(folder / CARD)
        if card.made(model):
            return read_card(folder)
    for file in sorted((workspace.state / CARDS).glob("*.json")):
        card = read_card_file(file)
        if card.made(model):
            return card
    names = ", ".join(each.name for each in known_models(workspace)) or "none"
    raise ModelError(f"No model {model!r} is known here.", f"There are: {names}. Or name the folder of a model.")


def _trained(workspace: Workspace) -> Iterator[Path]:
    for pattern in FOLDERS:
        for folder in sorted(workspace.folder.glob(pattern)):
            if (folder / CARD).is_file():
                yield folder


def _known(card: Card, state: str, where: str) -> KnownModel:
    part = card.gold.parts.get("train")
    figures = card.figures if card.figures and card.figures.part == "test" else None
    schema = card.label_schema
    return KnownModel(
        name=card.name,
        state=state,
        documents=part.documents if part else 0,
        f=figures.found.overall.interval("f") if figures else None,
        gold=card.gold.sha256,
        schema_key=f"{schema.name}-{schema.version}" if schema.name else "",
        where=where,
        created=card.created,
    )
