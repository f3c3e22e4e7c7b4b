"""The models that a workspace knows: those that were promoted, and those that lie where training puts them."""

from collections.abc import Iterator
from pathlib import Path

from labeling.core.bootstrap import Interval
from labeling.core.value import Value
from labeling.errors import LabelingError, ModelError
from labeling.promoted import models
from labeling.settings import Workspace
from labeling.workflow.cards import CARD, Card, read_card, read_card_file
from labeling.workflow.model_store import CARDS

# Where `labeling train` puts models that are called as the documentation calls them.
PLACES = ("models/*/model-best", "exports/model/model-best", "model/model-best")


class Known(Value):
    """A model that the workspace knows.

    Attributes:
        name: As its card has it; what `model_version` of its predictions begins with.
        state: `promoted`; `was promoted`; `trained`; or what is wrong with its card.
        documents: How many it was trained on.
        f: F of all spans on the test part of its own gold.
        gold: The hash of its gold.
        schema_key: Which labels.
        where: Its folder; "" where only its card is left.
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


def known(workspace: Workspace) -> list[Known]:
    """All of them, the oldest first. One whose card does not fit is listed with what is wrong.

    Raises:
        InputError: Nobody can read which model was promoted.
    """
    promoted = workspace.promoted.name if workspace.promoted and workspace.uses_promoted else ""
    found: dict[str, Known] = {}
    for file in sorted((workspace.state / CARDS).glob("*.json")):
        try:
            card = read_card_file(file)
        except LabelingError as error:
            found[file.stem] = Known(name=file.stem, state=error.message)
            continue
        copy = models(workspace.state) / card.name
        state = "promoted" if card.name == promoted else "was promoted"
        found[card.name] = _known(card, state, str(copy) if copy.is_dir() else "")
    for folder in _trained(workspace):
        try:
            card = read_card(folder)
        except LabelingError as error:
            found[str(folder)] = Known(name=folder.parent.name, state=error.message, where=str(folder))
            continue
        before = found.get(card.name)
        found[card.name] = _known(card, before.state if before else "trained", str(folder))
    return sorted(found.values(), key=lambda each: (each.created, each.name))


def find(workspace: Workspace, model: str) -> Card:
    """The card of a model: of its folder or package, or by its name, or by the `model_version` of a prediction.

    Raises:
        ModelError: There is none, or it does not fit.
    """
    from labeling.nlp.load import is_there, model_folder

    if is_there(model):
        return read_card(model_folder(model))
    for folder in _trained(workspace):
        card = read_card_file(folder / CARD)
        if card.made(model):
            return read_card(folder)
    for file in sorted((workspace.state / CARDS).glob("*.json")):
        card = read_card_file(file)
        if card.made(model):
            return card
    names = ", ".join(each.name for each in known(workspace)) or "none"
    raise ModelError(
        f"No model {model!r} is known here.", f"There are: {names}. Or name the folder of one; `labeling models` lists."
    )


def _trained(workspace: Workspace) -> Iterator[Path]:
    for place in PLACES:
        for folder in sorted(workspace.folder.glob(place)):
            if (folder / CARD).is_file():
                yield folder


def _known(card: Card, state: str, where: str) -> Known:
    part = card.gold.parts.get("train")
    figures = card.figures if card.figures and card.figures.part == "test" else None
    schema = card.label_schema
    return Known(
        name=card.name,
        state=state,
        documents=part.documents if part else 0,
        f=figures.found.overall.interval("f") if figures else None,
        gold=card.gold.sha256,
        schema_key=f"{schema.name}-{schema.version}" if schema.name else "",
        where=where,
        created=card.created,
    )
