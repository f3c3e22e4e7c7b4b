"""`labeling export` and `labeling convert`: reviewed labels → training files."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from labeling.cli import console
from labeling.cli.options import (
    HERE,
    EngineOption,
    JsonOption,
    OfflineOption,
    ProjectOption,
    WorkspaceOption,
    with_options_of,
)
from labeling.errors import InputError

if TYPE_CHECKING:
    from labeling.settings import Workspace

AUTO = "auto"
LABELS, FILES, INPUT = (
    partial(typer.Option, rich_help_panel=panel) for panel in ("Labels and spans", "Files and parts", "Bad input")
)

OutputOption = Annotated[
    str | None, typer.Option("--output", "-o", help="The folder or address to write to.", show_default="exports/")
]


@dataclass(frozen=True)
class ExportOptions:
    """The options of an export as they were given."""

    schema: Annotated[
        str | None,
        LABELS(
            help="The schema whose labels are legal, or `auto` to accept every label.", show_default="the workspace's"
        ),
    ] = None
    choose: Annotated[
        str,
        LABELS(
            help="Which annotations of an article to export: `latest`, `ground-truth`, `annotator=NAME`, "
            "`all` (each annotator's newest, as a separate document), or `adjudicated` (one gold document of what all "
            "agree on and what was decided; open conflicts are unknown)."
        ),
    ] = "latest"
    anonymous: Annotated[
        bool, LABELS("--anonymous", help="Call annotators and adjudicators by pseudonyms: `annotator 1`.")
    ] = False
    drafts: Annotated[
        bool, LABELS("--drafts", help="Where nothing was submitted, export drafts, as partly reviewed documents.")
    ] = False
    unlabelled: Annotated[
        Literal["outside", "missing"],
        LABELS(help="What tokens without a label mean in training: `outside` of every span, or unknown (`missing`)."),
    ] = "outside"
    align: Annotated[
        Literal["strict", "contract", "expand"],
        LABELS(
            help="What to do with a span whose edges are inside tokens: leave it out (`strict`), shrink it to the "
            "tokens within it (`contract`) or grow it to those that it touches (`expand`)."
        ),
    ] = "strict"
    language: Annotated[
        str | None,
        LABELS(
            metavar="CODE",
            help="The language of the tokenizer: spaCy's code; `xx` for any, `zh` for single characters.",
            show_default="the schema's, else that of the texts",
        ),
    ] = None
    mapping: Annotated[list[str] | None, LABELS("--map", metavar="OLD=NEW", help="Rename a label or relation.")] = None
    drop: Annotated[list[str] | None, LABELS("--drop", metavar="LABEL", help="Leave out a label or relation.")] = None
    split: Annotated[
        str | None,
        FILES(metavar="TRAIN/DEV/TEST", help="Shares in per cent, such as 80/10/10.", show_default="[split]"),
    ] = None
    split_by: Annotated[
        Literal["text", "source", "published"] | None,
        FILES(
            help="What decides the part: the `text`, its `source`, or when it was `published` (the newest are test).",
            show_default="text",
        ),
    ] = None
    resplit: Annotated[bool, FILES("--resplit", help="Ignore the parts of earlier exports.")] = False
    train: Annotated[
        Literal["ner", "spancat", "both"] | None,
        FILES(help="What config.cfg trains: `ner`, `spancat` or `both`.", show_default="by the data"),
    ] = None
    vectors: Annotated[
        str,
        FILES(
            metavar="PIPELINE",
            help="Whose word vectors config.cfg uses: a pipeline, `none`, or what is installed (`auto`).",
        ),
    ] = "auto"
    formats: Annotated[
        list[str] | None,
        FILES(
            "--format",
            "-f",
            help="Also write this format: `prodigy`, `conll`, `brat`, `hf`, `events`; several with commas, or `all`.",
        ),
    ] = None
    overlaps: Annotated[
        Literal["refuse", "longest"],
        FILES(
            help="What to do with overlapping spans in formats that cannot have them: `refuse` the document, or write "
            "the `longest` spans."
        ),
    ] = "refuse"
    csv_raw: Annotated[
        bool,
        FILES(
            "--csv-raw",
            help="Write the cells of events.csv exactly, for programs: a spreadsheet computes those that begin with =.",
        ),
    ] = False
    fail_over: Annotated[str | None, INPUT(metavar="N%", help="Write nothing if more spans are refused.")] = None
    strict: Annotated[bool, INPUT("--strict", help="Write nothing if any input cannot be read.")] = False
    overwrite: Annotated[
        bool,
        FILES(
            "--overwrite",
            help="Also replace files in the folder that labeling did not write, or that were changed since.",
        ),
    ] = False
    jobs: Annotated[
        int | None, INPUT("--jobs", "-j", min=1, help="Number of processes.", show_default="one per core")
    ] = None
    engine: EngineOption = None

    def open(self, workspace: Path, project: int | None = None) -> "Workspace":
        """The workspace, with the schema and the engine that the options name."""
        from labeling.settings import open_workspace

        schema = None if self.schema == AUTO else self.schema
        return open_workspace(workspace, project=project, schema=schema, engine=self.engine)

    def parse(self, default: Any) -> Any:
        """The options of an export (`labeling.workflow.export.options.Options`).

        Args:
            default: The workspace's split.

        Raises:
            InputError: An option is not valid; the message says what would be.
        """
        from pydantic import ValidationError

        from labeling.core.faults import faults
        from labeling.core.schema import IN_WORDS
        from labeling.core.split import Split
        from labeling.formats.registry import FORMATS
        from labeling.studio.annotations import Choice
        from labeling.workflow.export.options import Options

        formats = [name.strip() for names in self.formats or () for name in names.split(",")]
        formats = list(FORMATS) if "all" in formats else [name for name in dict.fromkeys(formats) if name]
        if unknown := [name for name in formats if name not in FORMATS]:
            raise InputError(
                f"There is no format {unknown[0]!r}.", f"There are {', '.join(FORMATS)}; all takes them all."
            )
        try:
            by = self.split_by or default.by
            split = Split.parse(self.split, by) if self.split else default.model_copy(update={"by": by})
            Split.model_validate(split.model_dump())
            parsed = {
                "choice": Choice.parse(self.choose),
                "any_label": self.schema == AUTO,
                "mapping": dict(_pair(text) for text in self.mapping or ()),
                "drop": self.drop or (),
                "split": split,
                "formats": formats,
                "fail_over": _percent(self.fail_over),
            }
            same = {name: value for name, value in vars(self).items() if name in Options.model_fields}
            return Options.model_validate(same | parsed)
        except ValidationError as error:
            raise InputError(f"An option cannot be used: {'; '.join(faults(error, IN_WORDS, whole='split'))}") from None
        except ValueError as error:
            raise InputError(f"An option cannot be used: {error}") from None


@with_options_of(ExportOptions)
def export(
    given: ExportOptions,
    output: OutputOption = None,
    workspace: WorkspaceOption = HERE,
    project: ProjectOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Pull the reviewed labels and write the training files.

    Example: `labeling export -o exports/monday`
    """
    from labeling.workflow.export.commands import export_project

    opened = given.open(workspace, project)
    options = given.parse(opened.settings.split)
    if offline:
        console.as_pulled(opened)
    folder = output or opened.exports
    done = export_project(
        opened, folder, options, offline=offline, track=console.track, meter=console.meter, say=console.say
    )
    _explain_unknown_labels(done)
    console.exported(done, as_json=json)


@with_options_of(ExportOptions)
def convert(
    given: ExportOptions,
    files: Annotated[
        list[str],
        typer.Argument(
            help="Label Studio exports: .json .jsonl .gz .zst .zip, folders of them, addresses, or -, standard input."
        ),
    ],
    output: Annotated[str, typer.Option("--output", "-o", help="The folder or address for the training files.")],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Write training files, offline, from what was exported in the Label Studio UI as JSON.

    Example: `labeling convert project-1.json -o exports/project-1`
    """
    from labeling.workflow.export.commands import export_files

    opened = given.open(workspace)
    has_schema = given.schema != AUTO and (given.schema is not None or opened.is_initialised)
    options = given.parse(opened.settings.split)
    done = export_files(
        opened, files, output, options, schema=opened.label_schema if has_schema else None, meter=console.meter
    )
    _explain_unknown_labels(done)
    console.exported(done, as_json=json)


def _explain_unknown_labels(done: Any) -> None:
    if done.manifest["problems"].get("unknown-label"):
        console.say(
            "Some labels are not in the schema: --map OLD=NEW renames one, --drop LABEL leaves one out, "
            "--schema auto takes all as they are, `labeling schema from-project` or `from-export` writes a schema."
        )


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise InputError(f"--map {text!r} is not OLD=NEW.", "Write it like --map PER=ACTOR.")
    return old, new


def _percent(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text.strip().removesuffix("%"))
    except ValueError:
        raise InputError(f"--fail-over {text!r} is not a percentage.", "Write it like --fail-over 5%.") from None
