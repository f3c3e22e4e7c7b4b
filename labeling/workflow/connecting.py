"""A workspace → its Label Studio and its project there."""

from collections.abc import Callable
from pathlib import Path

import httpx

from labeling.core.schema import LabelSchema
from labeling.core.value import Value
from labeling.errors import AccessError, StudioError
from labeling.settings import EMBEDDED, Workspace, server_identity
from labeling.studio import server
from labeling.studio.address import refuse_address
from labeling.studio.client import Project, Studio
from labeling.studio.config import differences
from labeling.studio.connection import Connection
from labeling.studio.limits import Limits
from labeling.studio.page import Page
from labeling.studio.setup import CREDENTIALS, Program, Setup, database_of, read_credentials, read_setup


class Embedded(Value):
    """A running embedded Label Studio: its address, login, database and server program.

    The password is in the file `credentials`, which only its owner can read.
    """

    url: str
    email: str
    credentials: Path
    database: str
    server: Program
    label_studio: str


def start_studio(
    workspace: Workspace,
    port: int | None = None,
    waiting: Callable[[float], None] = lambda _: None,
    *,
    database: str | None = None,
    program: Program | None = None,
    safety_copy: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> server.Server:
    """Start the workspace's embedded Label Studio; see `server.start`."""
    return server.start(
        workspace.studio_folder,
        port or workspace.settings.studio.port,
        database=database,
        program=program,
        public_url=workspace.settings.studio.public_url,
        safety_copy=safety_copy,
        waiting=waiting,
        say=say,
    )


def embedded(workspace: Workspace) -> Embedded | None:
    """The workspace's embedded Label Studio; None if it is not running."""
    folder = workspace.studio_folder
    running, login = server.status(folder), read_credentials(folder)
    if running is None or login is None:
        return None
    setup = read_setup(folder) or Setup()
    return Embedded(
        url=running.url,
        email=login.email,
        credentials=folder / CREDENTIALS,
        database=database_of(folder).shown,
        server=setup.server,
        label_studio=setup.label_studio,
    )


def connect(workspace: Workspace, transport: httpx.BaseTransport | None = None) -> Studio:
    """A connection to the Label Studio of the settings, else to the embedded one, with a token that works.

    Args:
        workspace: The workspace.
        transport: What carries the requests; the network by default.

    Raises:
        StudioError: There is none, or it does not answer.
        AccessError: There is no token, or it was refused.
        InputError: The URL in the settings is not the address of a server.
    """
    url = workspace.settings.studio.url
    limits = Limits(patience=workspace.settings.studio.timeout)
    if url:
        refuse_address(url)  # before somebody looks for a token
        if workspace.api_key is None:
            raise AccessError(f"There is no token for {url}.", "Set LABEL_STUDIO_API_KEY to yours.")
        studio = Studio(Connection(url, workspace.api_key, workspace.studio_ca, limits, transport))
    else:
        running = server.status(workspace.studio_folder)
        login = read_credentials(workspace.studio_folder)
        if running is None or login is None:
            raise StudioError(
                "No Label Studio is running for this workspace.",
                "`labeling studio start` starts one; or set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY of another.",
            )
        server.remove_leftovers(workspace.studio_folder)
        studio = Studio(Connection(running.url, login.token, limits=limits, transport=transport))
    try:
        studio.user()
    except BaseException:
        studio.__exit__()
        raise
    return studio


def find_project(studio: Studio, workspace: Workspace) -> Project | None:
    """The workspace's project; None if it has none yet.

    Raises:
        StudioError: The project was deleted, or there is none with the number in the settings.
    """
    if number := workspace.settings.studio.project:
        return studio.project(number)
    number = workspace.remembered_project()
    if number is None and server_of(workspace) == EMBEDDED:
        number = _embedded(workspace).remembered_project()
    return None if number is None else studio.project(number, was_here=True)


def server_of(workspace: Workspace) -> str:
    """The server's identity: `EMBEDDED` also if the settings name the workspace's own server by its URL."""
    running = server.status(workspace.studio_folder)
    own = (running.url if running else "", workspace.settings.studio.public_url)
    is_own = running and workspace.server in {server_identity(url) for url in own if url}
    return EMBEDDED if is_own else workspace.server


def _embedded(workspace: Workspace) -> Workspace:
    studio = workspace.settings.studio.model_copy(update={"url": ""})
    return workspace.model_copy(update={"settings": workspace.settings.model_copy(update={"studio": studio})})


def existing_project(studio: Studio, workspace: Workspace) -> Project:
    """The workspace's project.

    Raises:
        StudioError: There is none.
    """
    project = find_project(studio, workspace)
    if project is None:
        raise StudioError("This workspace has no project yet.", "`labeling import ARTICLES` makes one and fills it.")
    return project


def make_project(studio: Studio, workspace: Workspace) -> Project:
    """A new project that shows the workspace's schema, and is the workspace's from now on."""
    schema = workspace.label_schema
    order = workspace.settings.studio.order or "uncertain"
    project = studio.create_project(Page.of(schema), workspace.title, schema.description, order)
    (_embedded(workspace) if server_of(workspace) == EMBEDDED else workspace).remember_project(project.id)
    return project


def check_schema_fits(schema: LabelSchema, project: Project) -> None:
    """Check that a project shows no label or relation that the schema does not have.

    Raises:
        StudioError: It does; the message names each of them.
    """
    misfits = [d.detail for d in differences(schema, project.label_config) if not d.missing]
    if misfits:
        lines = "\n".join(f"  {detail}" for detail in misfits)
        raise StudioError(
            f"The schema {schema.key} no longer fits the project {project.url}:\n{lines}",
            "Put them back into the schema, or start a new project: another workspace, or another --project.",
        )
