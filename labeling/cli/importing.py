"""`labeling import`."""

from typing import Annotated

import typer

from labeling.cli import console
from labeling.cli.options import (
    HERE,
    AnnotateJobsOption,
    ArticlesArgument,
    JsonOption,
    KeepAllOption,
    ModelOption,
    ProjectOption,
    WorkspaceOption,
)


def command(
    articles: ArticlesArgument,
    workspace: WorkspaceOption = HERE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and do nothing.")] = False,
    project: ProjectOption = None,
    model: ModelOption = None,
    keep_all: KeepAllOption = False,
    jobs: AnnotateJobsOption = None,
    json: JsonOption = False,
) -> None:
    """Push articles with pre-annotations to the project. Those that it has already are left alone.

    Example: `labeling import articles/ --dry-run`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.importing import import_articles

    opened = open_workspace(workspace, model=model, project=project)
    done = import_articles(opened, articles, keep_all=keep_all, dry_run=dry_run, jobs=jobs, track=console.track)
    if json:
        console.json(done)
    else:
        kind = "would be new" if dry_run else "new"
        numbers = {"articles": done.articles, kind: done.created, "there already": done.present}
        console.counts(done.project_url or "a new project", numbers)
        if done.repaired:
            console.say(f"The server lost {done.repaired} predictions; they were sent again.")
        if done.replaced_version:
            console.say(f"Annotators now start from {done.model_version}; older articles, pre-annotated by")
            console.say(
                f"{done.replaced_version}, open without labels: pick that version in the project's settings for them."
            )
        console.problems(done.problems)
    console.exit_code(done.problems)
