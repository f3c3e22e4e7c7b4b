"""The command line: parse, call one verb, print its report. One short file a command.

Exit codes: 0 all well; 1 done, but something was refused or is not well; 2 not done; 130 interrupted.
"""

import sys
from typing import Annotated

import typer
from pydantic_core import PydanticSerializationError

from labeling import __version__
from labeling.cli import annotate, demo, doctor, export, importing, init, pull, schema, status, studio, train, watch
from labeling.errors import LabelingError

INTERRUPTED = 130

app = typer.Typer(
    name="labeling",
    help="News articles into training data: spaCy pre-annotates, Label Studio corrects, spaCy trains.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.command)
app.command("init")(init.command)
app.add_typer(studio.app, name="studio")
app.command("annotate")(annotate.command)
app.command("import")(importing.command)
app.command("status")(status.command)
app.command("pull")(pull.command)
app.command("export")(export.export)
app.command("watch")(watch.command)
app.command("convert")(export.convert)
app.command("train")(train.train)
app.command("evaluate")(train.evaluate)
app.add_typer(schema.app, name="schema")
app.command("doctor")(doctor.command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"labeling {__version__}")
        raise typer.Exit


@app.callback()
def begin(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version, and end.")
    ] = False,
) -> None:
    """Take what stands before the command."""


def main() -> None:
    """Run the command that was typed; every error of ours ends in one message and exit code 2."""
    try:
        app()
    except SystemExit as done:
        if done.code == INTERRUPTED:
            _interrupted()
        raise
    except PydanticSerializationError as error:
        # pydantic wraps a Ctrl-C that meets it at work
        if "KeyboardInterrupt" not in str(error):
            raise
        _interrupted()
    except LabelingError as error:
        _fail(error.message, error.hint)
    except BrokenPipeError:
        sys.exit(1)  # whoever read our output has seen enough
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        _fail(f"{error.strerror or error}{place}", "Check the free space and the permissions.")


def _interrupted() -> None:
    typer.secho("Interrupted. Nothing is broken: the same command goes on from here.", err=True)
    sys.exit(INTERRUPTED)


def _fail(message: str, hint: str) -> None:
    typer.secho(f"Error: {message}", fg="red", err=True)
    if hint:
        typer.secho(f"  → {hint}", err=True)
    sys.exit(2)
