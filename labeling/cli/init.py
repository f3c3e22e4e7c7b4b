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
    """Make a folder a workspace: labeling.toml and a copy of the schema.

    Example: `labeling init --title "Border news"`
    """
    from labeling.settings import init

    written = init(workspace, title=title, schema=schema)
    for file in written:
        console.say(f"Wrote {file}")
    if not written:
        console.say(f"{workspace.resolve()} is a workspace already; nothing was changed.")
    console.say("Next: labeling studio start, then labeling import ARTICLES")
