"""`labeling people`: who may annotate."""

from collections.abc import Callable

from labeling.core.value import Value
from labeling.errors import InputError
from labeling.settings import EMBEDDED, Workspace
from labeling.studio import server
from labeling.studio.accounts import Accounts
from labeling.studio.client import Account
from labeling.studio.setup import read_credentials
from labeling.workflow.connecting import connect, server_of

Waiting = Callable[[float], None]


class Added(Value):
    """How somebody gets in: by a password, or by a link that makes an account. Either is shown once, and kept nowhere.

    Attributes:
        url: The page where they log in.
        email: Who.
        password: The password of the account; "" with an invitation.
        invitation: The link by which anybody can make an account; "" with a password.
        is_new: Whether the account was not there before.
    """

    url: str
    email: str
    password: str = ""
    invitation: str = ""
    is_new: bool = True


class Removed(Value):
    """Somebody who cannot log in any more; `was_active` if they could before."""

    email: str
    was_active: bool


class People(Value):
    """The accounts of a Label Studio, by e-mail address."""

    url: str
    people: tuple[Account, ...]


def add(
    workspace: Workspace,
    email: str,
    *,
    invite: bool = False,
    new_password: bool = False,
    waiting: Waiting = lambda _: None,
) -> Added:
    """An account with a password; or the invitation link, which is all that a server elsewhere gives.

    Args:
        workspace: The workspace.
        email: Who.
        invite: Whether the embedded server gives its invitation link, too.
        new_password: Whether an account that is there gets another password.
        waiting: Is called about twice a second with the seconds waited.

    Raises:
        InputError: The address is not valid, or has an account already, or (`new_password`) has none.
        StudioError: The server does not answer, or has no data yet.
    """
    is_embedded = server_of(workspace) == EMBEDDED
    if new_password and not is_embedded:
        raise InputError(*_elsewhere(workspace, "sets passwords"))
    if not is_embedded or invite:
        with connect(workspace) as studio:
            address = _address(workspace) if is_embedded else studio.url
            return Added(url=f"{address}/user/login/", email=email, invitation=f"{address}{studio.invitation()}")
    accounts = Accounts(workspace.studio_folder, waiting)
    found = accounts.renew(email) if new_password else accounts.add(email)
    return Added(
        url=f"{_address(workspace)}/user/login/",
        email=found.account.email,
        password=found.password.get_secret_value(),
        is_new=found.is_new,
    )


def people(workspace: Workspace, waiting: Waiting = lambda _: None) -> People:
    """Who has an account; on the embedded server also those who were removed.

    Raises:
        StudioError: The server does not answer, or has no data yet.
    """
    if server_of(workspace) == EMBEDDED:
        return People(url=_address(workspace), people=tuple(Accounts(workspace.studio_folder, waiting).all()))
    with connect(workspace) as studio:
        return People(url=studio.url, people=tuple(studio.accounts()))


def remove(workspace: Workspace, email: str, waiting: Waiting = lambda _: None) -> Removed:
    """Somebody who cannot log in any more; all that they annotated stays theirs.

    Raises:
        InputError: There is no such account, it is the one that `labeling` itself uses, or the server is elsewhere.
        StudioError: The server has no data yet.
    """
    if server_of(workspace) != EMBEDDED:
        raise InputError(*_elsewhere(workspace, "makes accounts inactive"))
    login = read_credentials(workspace.studio_folder)
    if login and login.email.lower() == email.strip().lower():
        raise InputError(f"{login.email} is the account that `labeling` itself uses.", "It cannot be removed.")
    was_active = Accounts(workspace.studio_folder, waiting).remove(email)
    return Removed(email=email.strip().lower(), was_active=was_active)


def _address(workspace: Workspace) -> str:
    """Where annotators reach the embedded server, without a slash at the end; "" if nobody knows its port."""
    running = server.status(workspace.studio_folder)
    return workspace.settings.studio.public_url.rstrip("/") or (running.url if running else "")


def _elsewhere(workspace: Workspace, what: str) -> tuple[str, str]:
    url = workspace.settings.studio.url.rstrip("/")
    return (
        f"`labeling` {what} only on the embedded Label Studio, not on {url}.",
        f"An administrator of that server does it at {url}/admin/, under Users.",
    )
