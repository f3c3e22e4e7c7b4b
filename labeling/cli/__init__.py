"""The command line. Each command has a short file that parses its options, calls one function and prints the report.

`labeling.ending` decides the exit codes; everything is printed through `labeling.terminal`.
"""

from typing import Annotated, Any

import typer

from labeling import __version__
from labeling.cli import (
    adjudicate,
    agreement,
    annotate,
    check,
    curve,
    demo,
    doctor,
    duplicates,
    effort,
    evaluate,
    export,
    importing,
    init,
    models,
    people,
    pull,
    schema,
    status,
    studio,
    train,
    watch,
)
from labeling.ending import INTERRUPTED
from labeling.errors import InputError
from labeling.terminal import put

USAGE: Any = typer.BadParameter.__base__  # what Typer raises for an invalid command line

app = typer.Typer(
    name="labeling",
    help="Turn news articles into training data: spaCy pre-annotates, people correct in Label Studio, spaCy trains.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.command)
app.command("init")(init.command)
app.add_typer(studio.app, name="studio")
app.add_typer(people.app, name="people")
app.command("annotate")(annotate.command)
app.command("duplicates")(duplicates.command)
app.command("import")(importing.command)
app.command("status")(status.command)
app.command("check")(check.command)
app.command("agreement")(agreement.command)
app.command("adjudicate")(adjudicate.command)
app.command("pull")(pull.command)
app.command("export")(export.export)
app.command("watch")(watch.command)
app.command("convert")(export.convert)
app.command("train")(train.train)
app.command("evaluate")(evaluate.command)
app.command("effort")(effort.command)
app.command("promote")(models.promote)
app.command("models")(models.models)
app.command("curve")(curve.command)
app.command("package")(models.package)
app.add_typer(schema.app, name="schema")
app.command("doctor")(doctor.command)


def _version(wanted: bool) -> None:
    if wanted:
        put(f"labeling {__version__}")
        raise typer.Exit


@app.callback()
def begin(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Handle the options that come before the command."""


def main() -> int:
    """Run the command line and return its exit code.

    Raises:
        InputError: The command line is invalid.
    """
    command = typer.main.get_command(app)
    try:
        code = int(command.main(prog_name="labeling", standalone_mode=False) or 0)
    except USAGE as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            return int(error.exit_code)  # the help was printed already
        context = error.ctx
        path = context.command_path if context else "labeling"
        message = error.format_message().replace("Value error, ", "")  # pydantic's, passed on by Typer
        raise InputError(message, f"{path} --help") from None
    except (typer.Abort, SystemExit) as error:  # what Typer makes of an end of file and of a broken pipe
        if isinstance(error.__context__, EOFError | OSError):
            raise error.__context__ from None
        raise
    if code == INTERRUPTED:  # what Typer makes of Ctrl-C
        raise KeyboardInterrupt
    return code
