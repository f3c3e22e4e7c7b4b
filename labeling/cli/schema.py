"""`labeling schema show / check / xml`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labeling.cli import console
from labeling.cli.options import HERE, JsonOption, WorkspaceOption

if TYPE_CHECKING:
    from labeling.core.schema import LabelSchema

app = typer.Typer(help="The label schema.", no_args_is_help=True)
SchemaArgument = Annotated[
    str | None, typer.Argument(help="A schema's name or .toml file.", show_default="the workspace's")
]


@app.command()
def show(schema: SchemaArgument = None, workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """The labels and relations as tables.

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
    """Name every problem of a schema. Exit code 2 where there are some.

    Example: `labeling schema check schemas/event.toml`
    """
    from labeling.nlp.check import check_patterns

    found = _schema(schema, workspace)
    check_patterns(found)
    console.say(f"{found.key}: {len(found.labels)} labels and {len(found.relations)} relations, no problems.")


@app.command()
def xml(schema: SchemaArgument = None, workspace: WorkspaceOption = HERE) -> None:
    """The Label Studio labeling config, for a project that you make by hand.

    Example: `labeling schema xml event > config.xml`
    """
    from labeling.studio.config import to_xml

    console.put_source(to_xml(_schema(schema, workspace)), "&#x{:x};".format)


def _schema(name: str | None, workspace: Path) -> "LabelSchema":
    from labeling.settings import open_workspace

    return open_workspace(workspace, schema=name).label_schema
