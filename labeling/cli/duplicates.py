"""`labeling duplicates`."""

from typing import Annotated, Any

import typer

from labeling.cli import console
from labeling.cli.options import HERE, ArticleOptions, ArticlesArgument, JsonOption, WorkspaceOption, with_options_of
from labeling.errors import InputError


@with_options_of(ArticleOptions, without={"model"})
def command(
    given: ArticleOptions,
    articles: ArticlesArgument,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the groups to this file; also s3://bucket/file.",
            show_default="standard output",
        ),
    ] = "",
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """List groups of near-duplicate articles, one a line as JSON: their ids, and how similar each is to the first.

    Memory hardly grows with the number of articles. docs/duplicates.md says which articles are found.

    Example: `labeling duplicates articles/ -o duplicates.jsonl`
    """
    from json import dumps

    from labeling.folders import written
    from labeling.settings import open_workspace
    from labeling.workflow.duplicates import find_duplicates

    if json and not output:
        raise InputError(
            "The groups and the report of --json would both be on standard output.", "Name a file: -o FILE"
        )
    opened = open_workspace(workspace, engine=given.engine)

    def find(take: Any) -> Any:
        return find_duplicates(opened, articles, take, track=console.track, **given.reading())

    if output:
        with written(output) as stream:
            done = find(lambda group: stream.write((dumps(group, ensure_ascii=False) + "\n").encode()))
    else:
        done = find(lambda group: console.put_json(group, indent=None))
    if json:
        console.json(done)
    else:
        more = done.in_groups - done.groups
        console.say(
            f"{done.articles:,} articles: {done.groups:,} groups of near-duplicates with {done.in_groups:,} articles, "
            f"so {more:,} are there more than once."
        )
        if done.groups:
            console.say(f"The largest group has {done.largest:,}.")
        counted = {(action, reason): n for action, reasons in done.listed.items() for reason, n in reasons.items()}
        console.problems(done.problems, counted)
    console.exit_if_refused(done.problems)
