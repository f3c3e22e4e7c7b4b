"""`labeling annotate`."""

from typing import Annotated

import typer

from labeling.cli import console
from labeling.cli.options import (
    HERE,
    ArticleOptions,
    ArticlesArgument,
    JsonOption,
    WorkspaceOption,
    with_options_of,
)


@with_options_of(ArticleOptions)
def command(
    given: ArticleOptions,
    articles: ArticlesArgument,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="The file (.json .jsonl .jsonl.gz .jsonl.zst), or a folder/ for shards; also s3://bucket/folder/.",
        ),
    ],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Write Label Studio tasks with pre-annotations, offline, to a file for Label Studio's Import button.

    A folder gets files of 10,000 articles each; after an interruption, the same command goes on where it was.

    Example: `labeling annotate seeds/ -o tasks.json`
    """
    from labeling.inputs.broken import shown
    from labeling.settings import open_workspace
    from labeling.workflow.task_files import annotate_files

    opened = open_workspace(workspace, model=given.model, engine=given.engine)
    done = annotate_files(opened, articles, output, track=console.track, **given.reading())
    if json:
        console.json_with_problems(done)
    else:
        console.counts(f"{done.articles} article{'s' * (done.articles != 1)} → {shown(output)}", done.spans)
        if done.before:
            console.say(f"{done.before} of them were annotated by an earlier run.")
        for note in done.notes:
            console.say(f"Note: {note}")
        console.problems(done.problems, done.problems.counted)
    console.exit_if_refused(done.problems)
