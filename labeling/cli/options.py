"""Options that several commands share."""

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import typer

WorkspaceOption = Annotated[
    Path,
    typer.Option(
        "--workspace", "-w", help="The folder with labeling.toml.", file_okay=False, show_default="the current one"
    ),
]
ProjectOption = Annotated[int | None, typer.Option("--project", help="The number of the Label Studio project.")]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Do not contact the server: use what `labeling pull` stored.")
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Show the schema also where somebody has edited the project's page by hand.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]
ArticlesArgument = Annotated[
    list[str],
    typer.Argument(
        help="Files (.txt .html .json .jsonl .csv .tsv .parquet, also as .gz .zst .zip), folders, addresses (s3://, "
        "https://), patterns, pipes, or - for standard input."
    ),
]
EngineOption = Annotated[
    Literal["local", "ray"] | None,
    typer.Option("--engine", help="Work on this machine or on Ray.", show_default="that of labeling.toml, or local"),
]
HERE = Path()

Command = Callable[..., None]


@dataclass(frozen=True)
class ArticleOptions:
    """How articles are read and annotated."""

    model: Annotated[str | None, typer.Option("--model", help="A spaCy package, or the folder of a trained model.")] = (
        None
    )
    keep_all: Annotated[bool, typer.Option("--keep-all", help="Leave boilerplate of web pages in the texts.")] = False
    text_field: Annotated[
        str, typer.Option("--text-field", help="Field or column with the text.", show_default="text, body or content")
    ] = ""
    id_field: Annotated[
        str, typer.Option("--id-field", help="Field or column with the id.", show_default="doc_id or id")
    ] = ""
    title_field: Annotated[
        str, typer.Option("--title-field", help="Field or column with the title.", show_default="title or headline")
    ] = ""
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Number of annotating processes.", show_default="one per core"),
    ] = None
    engine: EngineOption = None

    def reading(self) -> dict[str, Any]:
        """The arguments of `annotate_files` and `import_articles` that these options give."""
        from labeling.ingest import FieldNames

        names = FieldNames(text=self.text_field, doc_id=self.id_field, title=self.title_field)
        return {"keep_all": self.keep_all, "names": names, "jobs": self.jobs}


def with_options_of(options: type, without: Collection[str] = ()) -> Callable[[Command], Command]:
    """A decorator: the command gets an option for each field of a dataclass, in place of its parameter `given`.

    Args:
        options: A dataclass whose fields are annotated like the parameters of commands.
        without: Fields that the command has no option for.
    """
    hints = get_type_hints(options, include_extras=True)
    own = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(options)
        if field.name not in without
    ]

    def decorate(command: Command) -> Command:
        @wraps(command)
        def run(**values: Any) -> None:
            given = options(**{option.name: values.pop(option.name) for option in own})
            command(given=given, **values)

        signature = inspect.signature(command, eval_str=True)
        rest = [one.replace(kind=one.KEYWORD_ONLY) for one in signature.parameters.values() if one.name != "given"]
        parameters = [*rest, *own]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return run

    return decorate
