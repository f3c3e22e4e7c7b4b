"""`labeling export` and `labeling convert`: reviewed labels → training files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from labeling.cli import console
from labeling.cli.options import HERE, JsonOption, OfflineOption, ProjectOption, WorkspaceOption, taking
from labeling.errors import InputError

LABELS, FILES, INPUT = "Labels and spans", "Files and parts", "Bad input"
AUTO = "auto"

OutputOption = Annotated[Path | None, typer.Option("--output", "-o", help="The folder.", show_default="exports/")]


@dataclass(frozen=True)
class Typed:
    """What may be said of an export, as it is typed."""

    schema: Annotated[
        str | None,
        typer.Option(
            help="Which labels are legal: a schema, or `auto` for whatever there is.",
            show_default="the workspace's",
            rich_help_panel=LABELS,
        ),
    ] = None
    choose: Annotated[
        str,
        typer.Option(
            help="Which annotations of an article count: `latest`, `ground-truth`, `annotator=NAME`, "
            "or `all` (each annotator's newest, as a document of its own).",
            rich_help_panel=LABELS,
        ),
    ] = "latest"
    drafts: Annotated[
        bool,
        typer.Option(
            "--drafts",
            help="Take drafts where nothing was submitted, as partly reviewed documents.",
            rich_help_panel=LABELS,
        ),
    ] = False
    unlabelled: Annotated[
        Literal["outside", "missing"],
        typer.Option(
            help="What a token without label is known to be: `outside` of every span, or nothing (`missing`).",
            rich_help_panel=LABELS,
        ),
    ] = "outside"
    align: Annotated[
        Literal["strict", "contract", "expand"],
        typer.Option(
            help="A span whose edges are inside of tokens: leave it out (`strict`), take the tokens within it "
            "(`contract`) or those that it touches (`expand`).",
            rich_help_panel=LABELS,
        ),
    ] = "strict"
    language: Annotated[
        str | None,
        typer.Option(
            metavar="CODE",
            help="Whose rules make the tokens: spaCy's code of a language, `xx` for any, `zh` for single characters.",
            show_default="the schema's, else that of the texts",
            rich_help_panel=LABELS,
        ),
    ] = None
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="OLD=NEW", help="Rename a label or relation.", rich_help_panel=LABELS),
    ] = None
    drop: Annotated[
        list[str] | None,
        typer.Option("--drop", metavar="LABEL", help="Leave out a label or relation.", rich_help_panel=LABELS),
    ] = None
    split: Annotated[
        str | None,
        typer.Option(
            metavar="TRAIN/DEV/TEST",
            help="Shares in per cent: 80/10/10.",
            show_default="[split]",
            rich_help_panel=FILES,
        ),
    ] = None
    split_by: Annotated[
        Literal["text", "source", "published"] | None,
        typer.Option(
            help="What decides the part: the `text`, its `source`, or when it was `published` (the newest are test).",
            show_default="text",
            rich_help_panel=FILES,
        ),
    ] = None
    resplit: Annotated[
        bool, typer.Option("--resplit", help="Forget the parts of earlier exports.", rich_help_panel=FILES)
    ] = False
    train: Annotated[
        Literal["ner", "spancat", "both"] | None,
        typer.Option(
            help="What config.cfg trains: `ner`, `spancat` or `both`.",
            show_default="by the data",
            rich_help_panel=FILES,
        ),
    ] = None
    vectors: Annotated[
        str,
        typer.Option(
            metavar="PIPELINE",
            help="Whose word vectors config.cfg reads: a pipeline, `none`, or what is installed (`auto`).",
            rich_help_panel=FILES,
        ),
    ] = "auto"
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            help="Write this too: `prodigy`, `conll`, `brat`, `hf`, `events`; several with commas, or `all`.",
            rich_help_panel=FILES,
        ),
    ] = None
    overlaps: Annotated[
        Literal["refuse", "longest"],
        typer.Option(
            help="Documents with overlapping spans in a format of one layer: `refuse` them, or write the `longest` "
            "spans.",
            rich_help_panel=FILES,
        ),
    ] = "refuse"
    csv_raw: Annotated[
        bool,
        typer.Option(
            "--csv-raw",
            help="Write the cells of events.csv exactly, for machines: a spreadsheet computes those that begin with =.",
            rich_help_panel=FILES,
        ),
    ] = False
    fail_over: Annotated[
        str | None,
        typer.Option(metavar="N%", help="Write nothing where more spans are refused.", rich_help_panel=INPUT),
    ] = None
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing where something cannot be read.", rich_help_panel=INPUT)
    ] = False
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace files in the folder that labeling did not write, or that were changed since.",
            rich_help_panel=FILES,
        ),
    ] = False
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Processes.", show_default="one a core", rich_help_panel=INPUT),
    ] = None

    def checked(self, default: Any) -> Any:
        """The options of an export (`labeling.workflow.export.options.Options`).

        Args:
            default: The workspace's split.

        Raises:
            InputError: One of them is nothing that can be; the message says what can.
        """
        from pydantic import ValidationError

        from labeling.core.faults import faults
        from labeling.core.schema import IN_WORDS
        from labeling.core.split import Split
        from labeling.formats.registry import FORMATS
        from labeling.studio.annotations import Choice
        from labeling.workflow.export.options import Options

        formats = [name.strip() for given_names in self.formats or () for name in given_names.split(",")]
        formats = list(FORMATS) if "all" in formats else [name for name in dict.fromkeys(formats) if name]
        if unknown := [name for name in formats if name not in FORMATS]:
            raise InputError(
                f"There is no format {unknown[0]!r}.", f"There are {', '.join(FORMATS)}, or all of them: all."
            )
        try:
            by = self.split_by or default.by
            split = Split.parse(self.split, by) if self.split else default.model_copy(update={"by": by})
            Split.model_validate(split.model_dump())
            return Options(
                choice=Choice.parse(self.choose),
                any_label=self.schema == AUTO,
                mapping=dict(_pair(text) for text in self.mapping or ()),
                drop=frozenset(self.drop or ()),
                split=split,
                formats=tuple(formats),
                fail_over=_percent(self.fail_over),
                drafts=self.drafts,
                unlabelled=self.unlabelled,
                language=self.language,
                align=self.align,
                resplit=self.resplit,
                train=self.train,
                vectors=self.vectors,
                overlaps=self.overlaps,
                csv_raw=self.csv_raw,
                strict=self.strict,
                overwrite=self.overwrite,
                jobs=self.jobs,
            )
        except ValidationError as error:
            raise InputError(f"An option cannot be used: {'; '.join(faults(error, IN_WORDS, whole='split'))}") from None
        except ValueError as error:
            raise InputError(f"An option cannot be used: {error}") from None


@taking(Typed)
def export(
    typed: Typed,
    output: OutputOption = None,
    workspace: WorkspaceOption = HERE,
    project: ProjectOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Pull the reviewed labels and write the training files.

    Example: `labeling export -o exports/monday`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.export.commands import export_project

    opened = open_workspace(workspace, project=project, schema=None if typed.schema == AUTO else typed.schema)
    options = typed.checked(opened.settings.split)
    if offline:
        console.as_pulled(opened)
    folder = output or opened.exports
    done = export_project(opened, folder, options, offline=offline, track=console.track, meter=console.meter)
    _say_of_labels(done)
    console.exported(done, as_json=json)


@taking(Typed)
def convert(
    typed: Typed,
    files: Annotated[
        list[str],
        typer.Argument(
            help="What was exported from Label Studio: .json .jsonl .gz .zip, folders of them, - for stdin."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder for the training files.")],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Write the training files of what was exported from the Label Studio UI (JSON), offline.

    Example: `labeling convert project-1.json -o exports/project-1`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.export.commands import export_files

    opened = open_workspace(workspace, schema=None if typed.schema == AUTO else typed.schema)
    has_schema = typed.schema != AUTO and (typed.schema is not None or opened.is_initialised)
    options = typed.checked(opened.settings.split)
    done = export_files(
        opened, files, output, options, schema=opened.label_schema if has_schema else None, meter=console.meter
    )
    _say_of_labels(done)
    console.exported(done, as_json=json)


def _say_of_labels(done: Any) -> None:
    if done.manifest["problems"].get("unknown-label"):
        console.say(
            "Some labels are not in the schema: --map OLD=NEW renames one, --drop LABEL leaves one out, "
            "--schema auto takes all as they are, `labeling schema from-project` or `from-export` writes a schema."
        )


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise InputError(f"--map {text!r} does not say what becomes of what.", "It looks like --map PER=ACTOR.")
    return old, new


def _percent(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text.strip().removesuffix("%"))
    except ValueError:
        raise InputError(f"--fail-over {text!r} is not a share.", "It looks like --fail-over 5%.") from None
