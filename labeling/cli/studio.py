"""`labeling studio start / stop / status`."""

from typing import Annotated

import typer

from labeling.cli import console
from labeling.cli.options import HERE, WorkspaceOption

app = typer.Typer(help="The embedded Label Studio of this workspace.", no_args_is_help=True)


@app.command()
def start(
    workspace: WorkspaceOption = HERE,
    port: Annotated[int | None, typer.Option(help="The port wanted; a free one is taken where it is busy.")] = None,
) -> None:
    """Start it, and say where it is and how to log in.

    Example: `labeling studio start`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.connecting import start_studio

    opened = open_workspace(workspace)
    wanted = port or opened.settings.studio.port
    running = start_studio(opened, port, waiting=console.waiting)
    if running.port != wanted:
        console.say(f"Port {wanted} is not used; it runs on {running.port}.")
    _show(workspace)


@app.command()
def stop(workspace: WorkspaceOption = HERE) -> None:
    """Stop it. Nothing is lost.

    Example: `labeling studio stop`
    """
    from labeling.settings import open_workspace
    from labeling.studio import server

    stopped = server.stop(open_workspace(workspace).studio_folder)
    console.say("Stopped." if stopped else "It was not running.")


@app.command()
def status(workspace: WorkspaceOption = HERE) -> None:
    """Say whether it runs, where, and how to log in. Exit code 1 where it does not.

    Example: `labeling studio status`
    """
    if not _show(workspace):
        console.say("It is not running. `labeling studio start` starts it.")
        raise typer.Exit(1)


def _show(workspace: WorkspaceOption) -> bool:
    from labeling.settings import open_workspace
    from labeling.studio import server

    folder = open_workspace(workspace).studio_folder
    running, login = server.status(folder), server.credentials(folder)
    if running is None or login is None:
        return False
    typer.echo(running.url)
    console.say(f"Log in as {login.email}; the password is in {folder / 'credentials.json'}")
    return True
