"""`labeling studio start / stop / status / backup / restore`."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from labeling.cli import console
from labeling.cli.options import HERE, JsonOption, WorkspaceOption
from labeling.core.moment import local_time

app = typer.Typer(help="The workspace's embedded Label Studio: start, stop, back up, restore.", no_args_is_help=True)

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        envvar="LABELING_DATABASE",
        help="postgresql://user@host:port/name, or sqlite.",
        show_default="as at the last start, at first sqlite",
    ),
]
ARGUMENTS_ARE_PUBLIC = (
    "Other users can see a password in an argument, and the shell remembers it. Leave it out of the URL, and put it in "
    "PGPASSWORD or ~/.pgpass; or put the whole URL in LABELING_DATABASE."
)


@app.command()
def start(
    workspace: WorkspaceOption = HERE,
    port: Annotated[
        int | None,
        typer.Option(
            help="The port; if it is busy, a free one is used.",
            show_default="that of labeling.toml, else as at the last start, at first 8080",
        ),
    ] = None,
    database: DatabaseOption = None,
    server: Annotated[
        Literal["django", "gunicorn"] | None,
        typer.Option(help="The program that serves it.", show_default="as at the last start, at first django"),
    ] = None,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Migrate data of an older Label Studio without a backup.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start Label Studio, and say where it is and how to log in.

    Example: `labeling studio start`

    For several annotators: `labeling studio start --database postgresql://me@localhost/news --server gunicorn`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.connecting import start_studio

    _hide_password(database)
    opened = open_workspace(workspace)
    with console.wait() as waiting:
        start_studio(
            opened,
            port,
            waiting=waiting,
            database=database,
            program=server,
            safety_copy=not no_backup,
            say=console.say,
        )
    _show(workspace, as_json=as_json)


@app.command()
def stop(workspace: WorkspaceOption = HERE) -> None:
    """Stop Label Studio. Nothing is lost.

    Example: `labeling studio stop`
    """
    from labeling.settings import open_workspace
    from labeling.studio import server

    stopped = server.stop(open_workspace(workspace).studio_folder)
    console.say("Stopped." if stopped else "It was not running.")


@app.command()
def status(workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Say whether Label Studio is running, where, and how to log in. Exit code 1 if it is not.

    Example: `labeling studio status`
    """
    if not _show(workspace, as_json=as_json):
        console.say("It is not running. `labeling studio start` starts it.")
        raise typer.Exit(1)


@app.command()
def backup(
    to: Annotated[
        str, typer.Argument(metavar="FILE", help="The archive to write (.tar.gz), or a folder, created if missing.")
    ],
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write the database, files and login to one archive that only you can read. Label Studio may be running.

    Example: `labeling studio backup backups/`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.backing_up import back_up

    done = back_up(open_workspace(workspace), to)
    _report("Backed up", done, as_json)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="An archive of `labeling studio backup`.")],
    workspace: WorkspaceOption = HERE,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the current data.")] = False,
    without_login: Annotated[
        bool, typer.Option("--without-login", help="Do not restore the login; the next start creates a new account.")
    ] = False,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore everything exactly as it was at the time of the backup. Label Studio must not be running.

    Example: `labeling studio restore backups/label-studio-20260301-0600.tar.gz`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.backing_up import restore as put_back

    _hide_password(database)
    done = put_back(open_workspace(workspace), file, database=database, replace=replace, without_login=without_login)
    _report("Restored", done, as_json)


def _report(what: str, done: Any, as_json: bool) -> None:
    if as_json:
        console.json(done)
        return
    console.counts(f"{what}: {done.file} ({done.bytes:,} bytes)", done.counts)
    console.say(
        f"{done.database}, Label Studio {done.label_studio or 'of an unknown version'}, made {local_time(done.made)}"
    )
    for note in done.notes:
        console.say(note)


def _hide_password(url: str | None) -> None:
    """Restart this process without a password that was typed in the database's URL, so that `ps` does not show it."""
    from labeling.studio.database import password_in, without_password

    if url and password_in(url) and any(url in argument for argument in sys.orig_argv[1:]):
        console.say(ARGUMENTS_ARE_PUBLIC)
        os.environ["PGPASSWORD"] = password_in(url)
        os.execv(sys.executable, [argument.replace(url, without_password(url)) for argument in sys.orig_argv])  # noqa: S606


def _show(workspace: WorkspaceOption, *, as_json: bool) -> bool:
    from labeling.settings import open_workspace
    from labeling.workflow.connecting import embedded

    found = embedded(open_workspace(workspace))
    if found is None:
        return False
    if as_json:
        console.json(found)
    else:
        console.put(found.url)
        console.say(f"Log in as {found.email}; the password is in {found.credentials}")
        console.say(f"Data in {found.database}, served by {found.server}")
    return True
