"""`labeling doctor`."""

import json as json_module

import typer

from labeling.cli.options import HERE, JsonOption, WorkspaceOption


def command(workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """Look at versions, workspace, schema, model, server, token and project: each with ok or what to do.

    Example: `labeling doctor`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.doctor import examine

    findings = examine(open_workspace(workspace))
    if json:
        typer.echo(json_module.dumps([finding.model_dump() for finding in findings], indent=2))
    else:
        for finding in findings:
            mark = typer.style("ok ", fg="green") if finding.ok else typer.style("!! ", fg="red")
            typer.echo(f"{mark} {finding.what}: {finding.seen}")
            if finding.todo:
                typer.echo(f"     → {finding.todo}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
