"""`labeling convert`."""

from pathlib import Path
from typing import Annotated

import typer

from labeling.cli import console
from labeling.cli.options import HERE, JsonOption, WorkspaceOption


def command(
    files: Annotated[list[Path], typer.Argument(help="JSON files exported from Label Studio.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder for the training files.")],
    workspace: WorkspaceOption = HERE,
    schema: Annotated[
        str | None,
        typer.Option(
            help="Which labels are legal: a schema, or `auto` for those of the files.", show_default="the workspace's"
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write the training files of what was exported from the Label Studio UI (JSON), offline.

    Example: `labeling convert project-1.json -o exports/project-1`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.exporting import convert

    opened = open_workspace(workspace, schema=None if schema == "auto" else schema)
    strict = schema != "auto" and (schema is not None or opened.is_initialised)
    done = convert(opened, files, output, schema=opened.label_schema if strict else None, track=console.track)
    if any(problem.reason == "unknown-label" for problem in done.problems):
        console.say("Some labels are not in the schema; `--schema auto` takes them as the files have them.")
    console.exported(done, as_json=json)
