"""`labeling promote`, `labeling models` and `labeling package`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from labeling.cli import console, promotion
from labeling.cli.options import HERE, JsonOption, WorkspaceOption

MARGIN, LABEL_MARGIN = 0.01, 0.05  # those of labeling.core.gate, which would import numpy for --help


def promote(
    model: Annotated[str, typer.Argument(help="The folder of a trained model, or an installed package.")],
    exports: Annotated[
        Path | None,
        typer.Argument(help="An exported folder; its test part decides.", show_default="the workspace's exports/"),
    ] = None,
    workspace: WorkspaceOption = HERE,
    margin: Annotated[float, typer.Option(min=0, max=1, help="By how much F of all spans may be worse.")] = MARGIN,
    label_margin: Annotated[
        float, typer.Option("--label-margin", min=0, max=1, help="By how much F of a label or a relation may be worse.")
    ] = LABEL_MARGIN,
    force: Annotated[bool, typer.Option("--force", help="Promote it even if the comparison is undecided.")] = False,
    new_test: Annotated[
        bool, typer.Option("--new-test", help="Compare on the current test part, and freeze it.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Make a model the one that `import` and `annotate` use, if it is at least as good as the current one.

    Both pre-annotate the same test part, and the 95% interval of the difference decides. Exit code 1 if the model was
    not promoted.

    Example: `labeling promote models/monday/model-best`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.promoting import promote as promoted

    opened = open_workspace(workspace)
    done = promoted(
        opened,
        model,
        exports or opened.exports,
        margin=margin,
        label_margin=label_margin,
        force=force,
        new_test=new_test,
        track=console.track,
    )
    if json:
        console.json(done)
    else:
        promotion.show(done)
    if not done.promoted:
        raise typer.Exit(1)


def models(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]", help="Show the card of this one: a folder, a name, or the model_version of a prediction."
        ),
    ] = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """List the workspace's models with their F and gold, or show the card of one.

    Example: `labeling models en_labeling-0.0.0+1a2b3c4d+event-1.0.0`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.card_page import interval
    from labeling.workflow.known_models import find_card, known_models

    opened = open_workspace(workspace)
    if model is not None:
        card = find_card(opened, model)
        if json:
            console.put_json(card.model_dump(mode="json", by_alias=True))
        else:
            promotion.show_card(card)
        return
    found = known_models(opened)
    if json:
        console.put_json([each.model_dump(mode="json") for each in found])
        return
    rows: list[tuple[Any, ...]] = [
        (each.name, each.state, each.documents, interval(each.f), each.gold[:12], each.where) for each in found
    ]
    console.table("", ["model", "state", "trained on", "F [95%]", "gold", "where"], rows)
    if not found:
        console.say("There are no models yet: `labeling train` makes one.")


def package(
    model: Annotated[str, typer.Argument(help="The folder of a trained model, or an installed package.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder for the wheel.")] = Path(
        "dist"
    ),
    json: JsonOption = False,
) -> None:
    """Build a wheel of a trained model, to install with pip and use without a workspace.

    Example: `labeling package models/monday/model-best -o dist`
    """
    from labeling.workflow.packaging import package as packaged

    made = packaged(model, output)
    if json:
        console.json(made)
        return
    console.put(str(made.wheel))
    console.say(f"{made.model}, with its card. It requires {', '.join(made.requires)}.")
    console.say(f'Next, where you want to use it: pip install {made.wheel}; in Python, spacy.load("{made.package}")')
