"""A trained model → a wheel with its card, for who has no workspace: what `labeling package` does."""

from pathlib import Path

from labeling.core.value import Value
from labeling.workflow.cards import read_card, write_card


class Packaged(Value):
    """What was made.

    Attributes:
        wheel: The file.
        package: What `spacy.load` takes where it is installed.
        model: The model's name, as `labeling models` has it.
        requires: What pip installs with it, as requirements.
    """

    wheel: Path
    package: str
    model: str
    requires: tuple[str, ...]


def package(model: str, output: Path) -> Packaged:
    """A wheel of a trained model, in the folder `output`.

    The model in it has the same name, and the same card but for the hash of meta.json, which says what the package
    requires: predictions of both carry one name, and an installed package can be promoted as the folder can.

    Args:
        model: The folder of a trained model, or an installed package.
        output: The folder for the wheel.

    Raises:
        ModelError: The folder is not a model, has no card, or is not what its card says; or no wheel can be made of it.
        InputError: What makes wheels is not installed, or the wheel cannot be written.
    """
    from labeling.nlp.load import meta, model_folder
    from labeling.nlp.packaging import build_wheel

    folder = model_folder(model)
    said = meta(str(folder))
    card = read_card(folder)
    wheel, requires = build_wheel(folder, output, lambda copy: write_card(copy, card))
    return Packaged(wheel=wheel, package=f"{said['lang']}_{said['name']}", model=card.name, requires=requires)
