"""`labeling import`."""

from typing import TYPE_CHECKING, Annotated

import typer

from labeling.cli import console
from labeling.cli.options import (
    HERE,
    ArticleOptions,
    ArticlesArgument,
    ForceOption,
    JsonOption,
    ProjectOption,
    WorkspaceOption,
    with_options_of,
)
from labeling.core.wording import first_lines

if TYPE_CHECKING:
    from labeling.workflow.importing.report import Imported

MOST_BEGUN = 5  # tasks begun without a prediction that are shown


@with_options_of(ArticleOptions)
def command(
    given: ArticleOptions,
    articles: ArticlesArgument,
    workspace: WorkspaceOption = HERE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, without doing it.")] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace tasks whose text has changed, unless someone has begun to label them."),
    ] = False,
    force: ForceOption = False,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Push articles with pre-annotations to the project. Running it again adds nothing.

    Articles that the project already has get new predictions if the model or the schema has changed and nobody has
    begun to label them. A changed text is refused, unless --replace is given. The page shows the schema from then on.

    Example: `labeling import articles/ --dry-run`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.importing.command import import_articles

    opened = open_workspace(workspace, model=given.model, engine=given.engine, project=project)
    done = import_articles(
        opened,
        articles,
        **given.reading(),
        dry_run=dry_run,
        replace=replace,
        force=force,
        track=console.track,
        waiting=lambda who: console.say(f"Another import into this project is running ({who}); waiting for it."),
        listing=lambda tasks: console.say(
            f"Listing all {tasks:,} tasks of the project, to know which articles it has."
        ),
    )
    if json:
        console.json_with_problems(done)
    else:
        _tell(done, dry_run=dry_run)
    console.exit_if_refused(done.problems)


def _tell(done: "Imported", *, dry_run: bool) -> None:
    """Print the report for people."""
    numbers = {"articles": done.articles, "new": 0} | done.outcomes
    console.counts(
        f"{done.project_url or 'a new project'}{' (dry run, nothing was changed)' if dry_run else ''}", numbers
    )
    if done.sectioned.articles:
        console.say(f"{done.sectioned.articles:,} of them are long: in {done.sectioned.tasks:,} tasks, a part in each.")
    console.page_update(done.page, planned=dry_run)
    if done.renewed:
        what = "would get" if dry_run else "got"
        console.say(f"{done.renewed} tasks that keep their old text {what} new predictions.")
    if done.repaired:
        what = "would be" if dry_run else "were"
        console.say(f"The server had lost {done.repaired} predictions; they {what} sent again.")
    if done.removed:
        console.say(f"{done.removed} duplicate tasks that nobody had begun to label were set aside.")
    if done.set_aside:
        console.say(f"Nothing was deleted: {done.set_aside} tasks were moved to {done.aside_url}.")
    if done.returned:
        console.say(f"{done.returned} tasks were moved back from there, since someone had begun to label them.")
    begun = [
        f"Someone began to label this task without a prediction: {problem.url}"
        for problem in done.problems
        if problem.reason == "no-prediction"
    ]
    for line in first_lines(begun, MOST_BEGUN, what="; --json lists them."):
        console.say(line)
    if done.waited:
        console.say(f"{done.waited} requests failed and were repeated.")
    if done.replaced_version:
        console.say(f"Annotators now start from {done.model_version}; tasks already begun keep their labels.")
    for people, number in sorted(done.overlapping.items()):
        who = "1 person" if people == 1 else f"{people} people"
        console.say(f"Handed out to {who} each: {number:,} tasks.")
    if done.without_prefill:
        console.say(f"Without prefill: {done.without_prefill:,} tasks.")
    for note in done.notes:
        console.say(f"Note: {note}")
    console.problems(done.problems, done.problems.counted)
