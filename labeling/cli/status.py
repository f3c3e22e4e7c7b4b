"""`labeling status`."""

from labeling.cli import console
from labeling.cli.options import HERE, JsonOption, OfflineOption, ProjectOption, WorkspaceOption


def command(
    workspace: WorkspaceOption = HERE,
    project: ProjectOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Count articles by state and by annotator.

    Example: `labeling status --json`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.status import status

    opened = open_workspace(workspace, project=project)
    if offline:
        console.as_pulled(opened)
    found = status(opened, offline=offline, track=console.track)
    if json:
        console.json(found)
        return
    console.counts(found.project_url, {**found.states, "all": sum(found.states.values())})
    states = sorted({state for numbers in found.annotators.values() for state in numbers})
    rows = [[name, *(numbers.get(state, 0) for state in states)] for name, numbers in found.annotators.items()]
    if rows:
        console.put()
        console.table("by annotator", ["annotator", *states], rows)
    console.problems(found.problems)
