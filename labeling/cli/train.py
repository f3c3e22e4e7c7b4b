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
    from labeling.nlp.training import command
    from labeling.workflow.training import train

    output = output or folder / "model"
    console.say(f"$ {command(folder, output)}")
    model = train(folder, output).model
    console.put(str(model))
    console.say(f"Next: labeling evaluate {model} {folder}; labeling import ARTICLES --model {model}")


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|GOLD",
            help="A spaCy package, or the folder of a trained model; with --effort, gold documents (.jsonl).",
        ),
    ],
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER|TASKS",
            help="A folder that `labeling export` or `convert` wrote; with --effort, tasks with predictions.",
        ),
    ],
    effort: Annotated[
        bool, typer.Option("--effort", help="How much of an annotator's work the tasks' pre-annotation saves.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Precision, recall and F per label: of a model on the exported test part, or of pre-annotated tasks on gold.

    Example: `labeling evaluate exports/model/model-best exports`

    Example: `labeling evaluate --effort seeds/gold.jsonl tasks.json`
    """
    if effort:
        from labeling.workflow.measuring import measure_effort

        measured = measure_effort(Path(model), folder)
        if json:
            console.json(measured)
        else:
            console.effort(measured)
        return
    from labeling.nlp import training

    scores = training.evaluate(model, folder)
    if json:
        console.json(scores)
    else:
        console.scores(scores)
