"""The embedded Label Studio of a workspace → an archive, and back."""

import shutil
from datetime import datetime
from pathlib import Path

from labeling.core.parsing import parse_json
from labeling.errors import InputError, StudioError
from labeling.settings import EMBEDDED, Workspace
from labeling.studio import backup, restoring, server
from labeling.studio.archive import SUFFIXES
from labeling.studio.backup import Backup

# What belongs to the annotations and is not on the server: the project's number, and the parts of exported documents.
PROJECTS, PARTS = "projects.json", "parts.jsonl"


def back_up(workspace: Workspace, to: str) -> Backup:
    """Back up the workspace's server, which may be running; what the archive holds.

    Args:
        workspace: The workspace.
        to: The archive, `….tar.gz`; or a folder, in which the archive is named after the time.

    Raises:
        InputError: There is nothing to back up, or the file exists or cannot be written.
        StudioError: The database cannot be copied.
    """
    folder = workspace.studio_folder
    if not folder.is_dir():
        raise InputError(f"There is nothing to back up: {workspace.folder.resolve()} has no Label Studio.")
    file, is_numbered = _archive(to)
    beside = {name: workspace.state / name for name in (PROJECTS, PARTS)}
    with server.held(folder):
        return backup.write(folder, file, beside, numbered=is_numbered)


def _archive(to: str) -> tuple[Path, bool]:
    """The archive's path, and whether a number may be added to its name, as in a folder of archives."""
    file, is_folder = Path(to), to.endswith("/") or Path(to).is_dir()
    if to in ("", "-"):
        raise InputError("A backup needs a name, and is not written to standard output.", "Name a file or a folder.")
    if to.endswith(SUFFIXES) and not is_folder:
        return file, False
    if file.suffix and not is_folder:
        raise InputError(
            f"{to} is not the name of an archive.",
            "End it with .tar.gz, or with / to name a folder for archives.",
        )
    if file.exists() and not file.is_dir():
        raise InputError(f"{to} is a file, not a folder for archives.", "Move it away, or name another folder.")
    return file / f"label-studio-{datetime.now().astimezone():%Y%m%d-%H%M%S}.tar.gz", True


def restore(
    workspace: Workspace,
    file: Path,
    *,
    database: str | None = None,
    replace: bool = False,
    without_login: bool = False,
) -> Backup:
    """Restore a backup into the workspace, whose server must not be running; what the archive held.

    Raises:
        InputError: The archive is damaged or not a backup, or there are data and `replace` is false.
        StudioError: The server is running, or the database cannot be used.
    """
    folder = workspace.studio_folder
    with server.held(folder):
        if server.recorded(folder):
            raise StudioError("The server of this workspace is running.", "Stop it first: `labeling studio stop`.")
        done = restoring.restore(folder, file, url=database, replace=replace, without_login=without_login)
        beside = folder / restoring.STAGE / "workspace"
        _set_aside(workspace)
        _take_project(workspace, beside / PROJECTS)
        if (beside / PARTS).is_file() and not (workspace.state / PARTS).exists():
            (beside / PARTS).replace(workspace.state / PARTS)
        shutil.rmtree(folder / restoring.STAGE, ignore_errors=True)
    return done


def _set_aside(workspace: Workspace) -> None:
    """Put away what the workspace knows of the server's tasks: SQLite may have given their ids to others.

    The ledgers of imports are removed, since the server has all of it. Pulled copies are renamed: they may hold
    annotations made after the backup.
    """
    for file in workspace.state.glob("import-*.sqlite*"):
        file.unlink(missing_ok=True)
    for folder in workspace.state.glob("pulled/*"):
        if folder.name.isdigit():
            folder.rename(folder.with_name(f"{folder.name}.before-restore-{datetime.now().astimezone():%Y%m%d-%H%M%S}"))


def _take_project(workspace: Workspace, file: Path) -> None:
    """Remember the archive's project as that of the embedded server; projects on other servers stay as they are."""
    try:
        number = parse_json(file.read_text(encoding="utf-8")).get(EMBEDDED)
    except (OSError, ValueError, AttributeError):
        return
    if isinstance(number, int):
        here = workspace.settings.studio.model_copy(update={"url": ""})
        settings = workspace.settings.model_copy(update={"studio": here})
        workspace.model_copy(update={"settings": settings}).remember_project(number)
