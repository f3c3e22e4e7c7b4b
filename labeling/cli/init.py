"""`labeling init`."""

from typing import Annotated

import typer

from labeling.cli import console
from labeling.cli.options import HERE, WorkspaceOption


def command(
    workspace: WorkspaceOption = HERE,
    title: Annotated[str | None, typer.Option(help="The title of the project, 3 to 50 characters.")] = None,
    schema: Annotated[str, typer.Option(help="A shipped schema, or the path of a .toml file.")] = "event",
) -> None:
    """Make a folder a workspace: write labeling.toml and a copy of the schema.

    Example: `labeling init --title "Border news"`
    """
    from labeling.nlp.load import how_to_get, model_exists
    from labeling.nlp.pipelines import pipeline_for
    from labeling.settings import FILE, init, open_workspace

    written = init(workspace, title=title, schema=schema, model=pipeline_for)
    for file in written:
        console.say(f"Wrote {file}")
    if not written:
        console.say(f"{workspace.resolve()} is already a workspace; nothing was changed.")
    if workspace / FILE in written and not model_exists(model := open_workspace(workspace).settings.model):
        console.say(f"Its model {model} is not installed: {how_to_get(model)}")
    console.say("Next: labeling studio start, then labeling import ARTICLES")
