"""`labeling train` and `labeling evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from labeling.cli import console
from labeling.cli.options import JsonOption


def train(
    folder: Annotated[Path, typer.Argument(help="A folder that `labeling export` or `convert` wrote.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The model's folder.", show_default="DIR/model")
    ] = None,
) -> None:
    """Train a spaCy model on exported files; the command of spaCy that does the same is printed.

    Example: `labeling train exports -o models/monday`
    """
    from labeling.nlp import training

    output = output or folder / "model"
    console.say(f"$ {training.command(folder, output)}")
    model = training.train(folder, output)
    typer.echo(str(model))
    console.say(f"Next: labeling evaluate {model} {folder}; labeling import ARTICLES --model {model}")


def evaluate(
    model: Annotated[str, typer.Argument(help="A spaCy package, or the folder of a trained model.")],
    folder: Annotated[Path, typer.Argument(help="A folder that `labeling export` or `convert` wrote.")],
    json: JsonOption = False,
) -> None:
    """Precision, recall and F of a model on the exported test part, per label.

    Example: `labeling evaluate exports/model/model-best exports`
    """
    from labeling.nlp import training

    scores = training.evaluate(model, folder)
    if json:
        console.json(scores)
    else:
        console.scores(scores)
