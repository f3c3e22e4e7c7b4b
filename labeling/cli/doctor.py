"""`labeling doctor`."""

import typer

from labeling.cli import console
from labeling.cli.options import HERE, JsonOption, WorkspaceOption


def command(workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """Check versions, workspace, schema, model, server, token and project, and say how to fix what is wrong.

    Example: `labeling doctor`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.doctor import examine

    findings = examine(open_workspace(workspace))
    if json:
        console.put_json([finding.model_dump(mode="json") for finding in findings])
    else:
        for finding in findings:
            seen, *more = finding.seen.split("\n")
            mark = "ok  " if finding.ok else "!!  "
            console.put(f"{finding.what}: {seen}", "green" if finding.ok else "red", mark=mark)
            for line in more:
                console.put(f"     {line}")
            if finding.todo:
                console.put(f"     → {finding.todo}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
