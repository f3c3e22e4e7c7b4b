"""The installed distribution: what the package index calls it, and how more of it is installed.

Another package is called `labeling` there, so nothing here may tell anybody to install that.
"""

import json
import shlex
from importlib import metadata
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

NAME = "labeling-loop"
SOURCE = Path(__file__).parents[1]


def install(extra: str) -> str:
    """The command that adds an extra (`server`, `model`, `learn`) to this installation, from where it was installed.

    That is a folder, a file or a repository where pip wrote one down, and else the package index.
    """
    where, is_editable = _origin()
    if is_editable:
        return f"pip install -e {shlex.quote(f'{where}[{extra}]')}"
    return f"pip install {shlex.quote(f'{NAME}[{extra}] @ {where}' if where else f'{NAME}[{extra}]')}"


def _origin() -> tuple[str, bool]:
    """A folder to install in editable mode, or a URL; nothing where it came from an index. Whether it is editable."""
    try:
        written = metadata.distribution(NAME).read_text("direct_url.json")
    except metadata.PackageNotFoundError:  # it runs from its sources
        return (str(SOURCE), True) if (SOURCE / "pyproject.toml").is_file() else ("", False)
    try:
        origin = json.loads(written or "{}")
        url = str(origin.get("url", ""))
        vcs = origin.get("vcs_info", {}).get("vcs", "")
        is_editable = bool(origin.get("dir_info", {}).get("editable"))
    except (ValueError, AttributeError):
        return "", False
    if not url.startswith("file:"):
        return f"{vcs}+{url}" if vcs else url, False
    path = url2pathname(urlparse(url).path)
    if not Path(path).exists():  # built in a folder that is gone
        return "", False
    return (path, True) if is_editable else (url, False)
