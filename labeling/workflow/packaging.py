"""`labeling package`: a trained model → a wheel with its card, to use without a workspace."""

from pathlib import Path

from labeling.core.value import Value
from labeling.workflow.cards import read_card, write_card


class Packaged(Value):
    """A model's wheel.

    Attributes:
        wheel: The file.
        package: The name for `spacy.load` once it is installed.
        model: The model's name in `labeling models`.
        requires: The requirements that pip installs with it.
    """

    wheel: Path
    package: str
    model: str
    requires: tuple[str, ...]


def package(model: str, output: Path) -> Packaged:
    """Build a wheel of a trained model in the folder `output`.

    The packaged model has the same name, and the same card but for the hash of meta.json, which lists the package's
    requirements: predictions of both have the same model version, and the package can be promoted like the folder.

    Args:
        model: The folder of a trained model, or an installed package.
        output: The folder for the wheel.

    Raises:
        ModelError: The folder is not a model, has no card or does not match it, or cannot be packaged.
        InputError: The build tool is not installed, or the wheel cannot be written.
    """
    from labeling.nlp.load import meta, model_folder
    from labeling.nlp.packaging import build_wheel

    folder = model_folder(model)
    about = meta(str(folder))
    card = read_card(folder)
    wheel, requires = build_wheel(folder, output, lambda copy: write_card(copy, card))
    return Packaged(wheel=wheel, package=f"{about['lang']}_{about['name']}", model=card.name, requires=requires)
