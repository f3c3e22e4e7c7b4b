"""`labeling schema show / check / xml / push / from-project / from-export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labeling.cli import console
from labeling.cli.options import HERE, ForceOption, JsonOption, OfflineOption, ProjectOption, WorkspaceOption
from labeling.errors import InputError

if TYPE_CHECKING:
    from labeling.core.schema import LabelSchema
    from labeling.workflow.schemas import Made

app = typer.Typer(help="Show, check and write label schemas.", no_args_is_help=True)
SchemaArgument = Annotated[
    str | None, typer.Argument(help="A schema's name or .toml file.", show_default="the workspace's")
]


@app.command()
def show(schema: SchemaArgument = None, workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """Show the labels and relations as tables.

    Example: `labeling schema show event`
    """
    found = _schema(schema, workspace)
    if json:
        console.json(found)
        return
    labels = [
        (name, label.hotkey or "", ", ".join(label.entities), len(label.patterns), label.description)
        for name, label in found.labels.items()
    ]
    console.table(f"{found.title} ({found.key})", ["label", "key", "entities", "patterns", "description"], labels)
    relations = [
        (name, "/".join(relation.head), "/".join(relation.tail), relation.description)
        for name, relation in found.relations.items()
    ]
    if relations:
        console.table("", ["relation", "from", "to", "description"], relations)


@app.command()
def check(schema: SchemaArgument = None, workspace: WorkspaceOption = HERE) -> None:
    """Check a schema and name every problem. Exit code 2 if there are any.

    Example: `labeling schema check schemas/event.toml`
    """
    from labeling.nlp.check import check_patterns
    from labeling.nlp.pipelines import idle

    found = _schema(schema, workspace)
    check_patterns(found)
    console.say(f"{found.key}: {len(found.labels)} labels and {len(found.relations)} relations, no problems.")
    for note in idle(found):
        console.say(f"Note: {note}")


@app.command()
def xml(schema: SchemaArgument = None, workspace: WorkspaceOption = HERE) -> None:
    """Print the Label Studio labeling config, for a project that you create by hand.

    Example: `labeling schema xml event > config.xml`
    """
    from labeling.studio.config import to_xml

    console.put_source(to_xml(_schema(schema, workspace)), "&#x{:x};".format)


@app.command()
def push(
    workspace: WorkspaceOption = HERE,
    project: ProjectOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: ForceOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, without changing it.")] = False,
    json: JsonOption = False,
) -> None:
    """Show the schema on the page of a project: labels, colours, keys, layout and instructions.

    It prints what would change, and asks. A page that somebody has edited by hand stays as it is, unless --force is
    given; the exit code is 1 then, and where you say no.

    Example: `labeling schema push --dry-run`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.page import push_page

    opened = open_workspace(workspace, project=project)
    update = push_page(opened, force=force, dry_run=True)
    if not json:
        console.page_update(update, planned=True, tell=console.put, most=len(update.changes))
    if not update.changes and not json:
        console.say(f"Nothing to change: {update.project_url} shows the schema.")
    if not (dry_run or update.is_left):
        if update.changes and not yes and not console.agrees("Change the project's page?"):
            console.say("Nothing was changed.")
            raise typer.Exit(1)
        update = push_page(opened, force=force)
        if update.pushed and not json:
            console.say(f"{update.project_url} shows it.")
    if json:
        console.json(update)
    if update.is_left:
        raise typer.Exit(1)


OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="The .toml file.", show_default="standard output", dir_okay=False)
]


@app.command("from-project")
def from_project(
    workspace: WorkspaceOption = HERE,
    project: ProjectOption = None,
    output: OutputOption = None,
    offline: OfflineOption = False,
) -> None:
    """Write a schema for a project that was created by hand: its labels and relations, as they are used.

    Example: `labeling schema from-project --project 7 -o schemas/mine.toml`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.schemas import from_project as make

    _write(
        make(open_workspace(workspace, project=project), offline=offline, track=console.track, meter=console.meter),
        output,
    )


@app.command("from-export")
def from_export(
    files: Annotated[list[str], typer.Argument(help="Label Studio exports, as `convert` takes them.")],
    output: OutputOption = None,
) -> None:
    """Write a schema for Label Studio exports: their labels and relations, as they are used.

    Example: `labeling schema from-export project-1.json -o mine.toml`
    """
    from labeling.workflow.schemas import from_files

    _write(from_files(files, console.meter), output)


def _write(made: "Made", output: Path | None) -> None:
    from labeling.files import write_atomic

    for note in made.notes:
        console.say(f"Left out: {note}.")
    if output is None:
        console.put_source(made.toml, lambda code: f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}")
        return
    if output.exists():
        raise InputError(f"{output} already exists.", "Name another file, or move it away.")
    write_atomic(output, made.toml)
    console.say(
        f"{output}: {made.labels} labels and {made.relations} relations. `labeling schema check {output}` checks it."
    )


def _schema(name: str | None, workspace: Path) -> "LabelSchema":
    from labeling.settings import open_workspace

    return open_workspace(workspace, schema=name).label_schema
