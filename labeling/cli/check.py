"""`labeling check`."""

import typer

from labeling.cli import console
from labeling.cli.options import HERE, JsonOption, OfflineOption, ProjectOption, WorkspaceOption


def command(
    workspace: WorkspaceOption = HERE,
    project: ProjectOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """List what an export would refuse, by annotator, with a link to each task.

    For instance arrows that could be several relations or none, and unknown labels. Exit code 1 if there are any.
    The tasks are shown in the tab "To check" of Label Studio's Data Manager, unless --offline is given.

    Example: `labeling check`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.checking import check

    opened = open_workspace(workspace, project=project)
    if offline:
        console.as_pulled(opened)
    found = check(opened, offline=offline, track=console.track, say=console.say)
    if json:
        console.json(found)
    elif found.refused:
        reasons = sorted({reason for counts in found.annotators.values() for reason in counts})
        rows = [[name, *(counts.get(reason, 0) for reason in reasons)] for name, counts in found.annotators.items()]
        console.table(
            f"An export would refuse {len(found.refused):,}; annotations: {found.annotations:,}",
            ["annotator", *reasons],
            rows,
        )
        for problem in found.refused:  # a line each, since a cell of a table would break the link
            console.put(f"{problem.url}  {problem.annotator}  {problem.text or problem.said}: {problem.detail}")
    else:
        console.say(f"An export would refuse nothing; annotations: {found.annotations:,}. {found.project_url}")
    if not json and found.tab_url and found.refused:
        console.say(f"The tasks are in the tab To check: {found.tab_url}")
    if not json and found.tab_error:
        console.say(f"The tab To check was not filled: {found.tab_error}")
    if found.refused:
        raise typer.Exit(1)
