"""`labeling train`."""

from pathlib import Path
from typing import Annotated

import typer

from labeling.cli import console


def train(
    folder: Annotated[Path, typer.Argument(help="A folder that `labeling export` or `convert` wrote.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The model's folder.", show_default="DIR/model")
    ] = None,
) -> None:
    """Train a spaCy model on exported files; the command of spaCy that does the same is printed.

    Example: `labeling train exports -o models/monday`
    """
    from labeling.nlp.training import command
    from labeling.workflow.training import train

    output = output or folder / "model"
    console.say(f"$ {command(folder, output)}")
    model = train(folder, output).model
    console.put(str(model))
    console.say(f"Next: labeling evaluate {model} {folder}; labeling import ARTICLES --model {model}")
