"""`labeling annotate`."""

from pathlib import Path
from typing import Annotated

import typer

from labeling.cli import console
from labeling.cli.options import (
    HERE,
    AnnotateJobsOption,
    ArticlesArgument,
    IdFieldOption,
    JsonOption,
    KeepAllOption,
    ModelOption,
    TextFieldOption,
    TitleFieldOption,
    WorkspaceOption,
)


def command(
    articles: ArticlesArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write: .json or .jsonl.")],
    workspace: WorkspaceOption = HERE,
    model: ModelOption = None,
    keep_all: KeepAllOption = False,
    text_field: TextFieldOption = "",
    id_field: IdFieldOption = "",
    title_field: TitleFieldOption = "",
    jobs: AnnotateJobsOption = None,
    json: JsonOption = False,
) -> None:
    """Write Label Studio tasks with pre-annotations, offline, to a file for Label Studio's Import button.

    Example: `labeling annotate seeds/ -o tasks.json`
    """
    from labeling.ingest import FieldNames
    from labeling.settings import open_workspace
    from labeling.workflow.task_files import annotate_files

    names = FieldNames(text=text_field, doc_id=id_field, title=title_field)
    opened = open_workspace(workspace, model=model)
    done = annotate_files(opened, articles, output, keep_all=keep_all, names=names, jobs=jobs, track=console.track)
    if json:
        console.json(done)
    else:
        console.counts(f"{done.articles} articles → {output}", done.spans)
        for note in done.notes:
            console.say(f"Note: {note}")
        console.problems(done.problems)
    console.exit_if_refused(done.problems)
