"""`labeling export`."""

from pathlib import Path
from typing import Annotated

import typer

from labeling.cli import console
from labeling.cli.options import HERE, JsonOption, ProjectOption, WorkspaceOption

OutputOption = Annotated[Path | None, typer.Option("--output", "-o", help="The folder; exports/ where none is named.")]


def command(
    output: OutputOption = None,
    workspace: WorkspaceOption = HERE,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Pull the reviewed labels and write the training files.

    Example: `labeling export -o exports/monday`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.exporting import export

    opened = open_workspace(workspace, project=project)
    done = export(opened, output or opened.exports, track=console.track)
    console.exported(done, as_json=json)
