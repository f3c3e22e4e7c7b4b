"""`labeling people add / list / remove`."""

from typing import Annotated

import typer

from labeling.cli import console
from labeling.cli.options import HERE, JsonOption, WorkspaceOption
from labeling.core.moment import local_time

app = typer.Typer(help="Who may annotate: add, list, remove.", no_args_is_help=True)

EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="The e-mail address, by which they log in.")]


@app.command()
def add(
    email: EmailArgument,
    workspace: WorkspaceOption = HERE,
    invite: Annotated[
        bool, typer.Option("--invite", help="Print the invitation link instead: they choose the password themselves.")
    ] = False,
    new_password: Annotated[
        bool, typer.Option("--new-password", help="Give an account that exists another password.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Let somebody annotate: print a login for the embedded Label Studio, once; for one elsewhere, the invitation link.

    Nothing is sent, and the password is kept nowhere. Somebody who was removed gets the same account back.

    Example: `labeling people add ann@example.org`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.people import add as add_one

    if invite and new_password:
        raise typer.BadParameter("--invite and --new-password exclude each other.")
    with console.wait() as waiting:
        done = add_one(open_workspace(workspace), email, invite=invite, new_password=new_password, waiting=waiting)
    if json:
        console.json(done)
    elif done.invitation:
        console.put(done.invitation)
        console.say(f"Send this link to {done.email}. Whoever opens it types an e-mail address and a password of at")
        console.say(
            "least 8 characters, presses Create Account, and is in. It works for everybody until somebody makes"
        )
        console.say("another one (by opening Organization, Add Members); accounts stay.")
    else:
        console.put(f"page      {done.url}")
        console.put(f"login     {done.email}")
        console.put(f"password  {done.password}")
        console.say("Only this once: the password is kept nowhere. --new-password makes another one.")


@app.command("list")
def list_people(workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """List the accounts of Label Studio, and when each was last active.

    Example: `labeling people list`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.people import people

    with console.wait() as waiting:
        found = people(open_workspace(workspace), waiting)
    if json:
        console.json(found)
        return
    rows = [
        [
            one.email,
            one.name or console.NONE,
            console.NONE if one.annotations is None else one.annotations,
            local_time(one.last_active) if one.last_active else console.NONE,
            {True: "yes", False: "no, removed", None: console.NONE}[one.is_active],
        ]
        for one in found.people
    ]
    console.table(found.url, ["e-mail", "name", "annotations", "last active", "can log in"], rows)


@app.command()
def remove(email: EmailArgument, workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """Take somebody's access to the embedded Label Studio away. What they annotated stays, under their name.

    Example: `labeling people remove ann@example.org`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.people import remove as remove_one

    with console.wait() as waiting:
        done = remove_one(open_workspace(workspace), email, waiting)
    if json:
        console.json(done)
    elif done.was_active:
        console.say(f"{done.email} cannot log in any more. `labeling people add {done.email}` lets them in again.")
    else:
        console.say(f"{done.email} was removed already.")
