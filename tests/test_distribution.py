"""What is installed: under which name, and what a hint says to install. `labeling` on the index is somebody else's."""

import json
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import labeling
from labeling import distribution
from tests.builders import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TEXTS = [
    *(ROOT / "labeling").rglob("*.py"),
    *(ROOT / "benchmarks").rglob("*.py"),
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    ROOT / "exports" / "README.md",
    ROOT / "pyproject.toml",
]


class Installed:
    """A distribution with this direct_url.json."""

    def __init__(self, origin: str | None) -> None:
        self.origin = origin

    def read_text(self, name: str) -> str | None:
        return self.origin if name == "direct_url.json" else None


def test_distribution_has_its_own_name_and_keeps_command_and_import_name():
    assert PROJECT["name"] == distribution.NAME == "labeling-loop"
    assert PROJECT["scripts"] == {"labeling": "labeling.__main__:main"}
    assert metadata.version(distribution.NAME) == labeling.__version__


def test_nothing_tells_anybody_to_install_the_strangers_package():
    found = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for file in TEXTS
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.search(r"(?:pip|uv|pipx)[^`]* install [^`]*\blabeling(?!-loop)\b|\blabeling\[", line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, "pip install 'labeling-loop[server]'"),
        ('{"url": "file:///DIR", "dir_info": {"editable": true}}', "pip install -e '/DIR[server]'"),
        ('{"url": "file:///DIR", "dir_info": {}}', "pip install 'labeling-loop[server] @ file:///DIR'"),
        ('{"url": "file:///is/gone", "dir_info": {"editable": true}}', "pip install 'labeling-loop[server]'"),
        (
            '{"url": "https://example.org/a/labeling", "vcs_info": {"vcs": "git", "commit_id": "abc"}}',
            "pip install 'labeling-loop[server] @ git+https://example.org/a/labeling'",
        ),
        ("not JSON", "pip install 'labeling-loop[server]'"),
        ("[]", "pip install 'labeling-loop[server]'"),
    ],
)
def test_hint_installs_from_where_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str | None, command: str
):
    folder = str(tmp_path).lstrip("/")
    here = origin and origin.replace("DIR", folder)
    monkeypatch.setattr(distribution.metadata, "distribution", lambda _: Installed(here))
    assert distribution.install("server") == command.replace("DIR", folder)


def test_hint_of_sources_that_are_not_installed_names_their_folder(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(distribution.metadata, "distribution", missing)
    assert distribution.install("model") == f"pip install -e '{ROOT}[model]'"


def test_origin_that_pip_wrote_down_is_understood():
    written = metadata.distribution(distribution.NAME).read_text("direct_url.json")
    if written and json.loads(written).get("dir_info", {}).get("editable"):
        assert re.fullmatch(r"pip install -e '?/.+\[parquet\]'?", distribution.install("parquet"))
