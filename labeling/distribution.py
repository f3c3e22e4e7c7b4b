"""The installed distribution: its name on the package index, and how to install more of it.

Another package is called `labeling` there, so no message may tell anybody to install that.
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
    """The command that adds an extra (`server`, `model`, `learn`) to this installation, from the same source.

    That is a folder, a file or a repository if pip recorded one, else the package index.
    """
    where, is_editable = _origin()
    if is_editable:
        return f"pip install -e {shlex.quote(f'{where}[{extra}]')}"
    return f"pip install {shlex.quote(f'{NAME}[{extra}] @ {where}' if where else f'{NAME}[{extra}]')}"


def _origin() -> tuple[str, bool]:
    """The source, "" for the package index, and whether it is a folder installed in editable mode; else it is a URL."""
    try:
        written = metadata.distribution(NAME).read_text("direct_url.json")
    except metadata.PackageNotFoundError:  # it runs from a checkout
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
    if not Path(path).exists():  # installed from a folder that is gone
        return "", False
    return (path, True) if is_editable else (url, False)
