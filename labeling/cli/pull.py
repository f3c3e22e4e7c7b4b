"""`labeling pull`."""

from typing import Annotated

import typer

from labeling.cli import console
from labeling.cli.options import HERE, JsonOption, ProjectOption, WorkspaceOption
from labeling.core.wording import first_lines


def command(
    workspace: WorkspaceOption = HERE,
    project: ProjectOption = None,
    full: Annotated[
        bool, typer.Option("--full", help="Pull every task, and report what earlier pulls had missed.")
    ] = False,
    drafts: Annotated[bool, typer.Option("--drafts", help="Also pull the drafts of all annotators.")] = False,
    json: JsonOption = False,
) -> None:
    """Update the local copy of the project; only what changed is pulled.

    `labeling export --offline` and `labeling status --offline` use the copy without a server. Exit code 1 if `--full`
    found a difference.

    Example: `labeling pull --full`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.pulling import pull

    opened = open_workspace(workspace, project=project)
    done = pull(opened, full=full, drafts=drafts, track=console.track, waiting=console.say)
    if json:
        console.json(done)
    else:
        numbers = {name: getattr(done, name) for name in ("tasks", "reviewed", "skipped", "new", "changed", "gone")}
        console.counts(done.project_url, numbers | ({} if done.drafts is None else {"drafts": done.drafts}))
        for note in done.notes:
            console.say(f"Note: {note}")
        what = "every task" if done.full else "what changed"
        console.say(f"Pulled {what} in {done.seconds:.1f} s, into {done.store}")
        if full and done.differing:
            console.say()
            console.say(
                f"{done.differing} tasks differed from the copy that earlier pulls had made; it is correct now:"
            )
            told = [f"task {task.task}: {task.what} {', '.join(task.fields)}".rstrip() for task in done.differences]
            for line in first_lines(told, console.SHOWN, done.differing):
                console.say(f"  {line}")
        elif full:
            console.say("Earlier pulls had missed nothing.")
    if done.differing:
        raise typer.Exit(1)
