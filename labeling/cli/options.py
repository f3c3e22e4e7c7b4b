"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

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
