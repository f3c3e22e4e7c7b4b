"""Options that several commands share."""

import inspect
from collections.abc import Callable, Collection
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", "-w", help="The folder with labeling.toml.", file_okay=False, show_default="here")
]
ModelOption = Annotated[str | None, typer.Option("--model", help="A spaCy package, or the folder of a trained model.")]
ProjectOption = Annotated[int | None, typer.Option("--project", help="The number of the Label Studio project.")]
KeepAllOption = Annotated[bool, typer.Option("--keep-all", help="Leave scraped rubbish in the texts.")]
TextFieldOption = Annotated[
    str, typer.Option("--text-field", help="Field or column with the text.", show_default="text, body or content")
]
IdFieldOption = Annotated[
    str, typer.Option("--id-field", help="Field or column with the id.", show_default="doc_id or id")
]
TitleFieldOption = Annotated[
    str, typer.Option("--title-field", help="Field or column with the title.", show_default="title or headline")
]
AnnotateJobsOption = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="Processes that annotate.", show_default="one a core")
]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Ask no server: work on what was pulled before (`labeling pull`).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]
ArticlesArgument = Annotated[
    list[str],
    typer.Argument(
        help="Files (.txt .html .json .jsonl .csv .tsv, also as .gz or .zip), folders, pipes, - for standard input."
    ),
]
HERE = Path()

Command = Callable[..., None]


def taking(options: type, without: Collection[str] = ()) -> Callable[[Command], Command]:
    """The same command, with an option for each field of a dataclass in the place of its parameter `typed`.

    Args:
        options: A dataclass whose fields are annotated as parameters of commands are.
        without: Fields that the command has no option for.
    """
    hints = get_type_hints(options, include_extras=True)
    own = [
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=hints[one.name])
        for one in fields(options)
        if one.name not in without
    ]

    def of(command: Command) -> Command:
        @wraps(command)
        def run(**given: Any) -> None:
            typed = options(**{one.name: given.pop(one.name) for one in own})
            command(typed=typed, **given)

        signature = inspect.signature(command, eval_str=True)
        rest = [one.replace(kind=one.KEYWORD_ONLY) for one in signature.parameters.values() if one.name != "typed"]
        parameters = [*rest, *own]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return run

    return of
