"""That pip finds versions which fit together: the pip that a Python brings as well as the newest, without constraints.

Nothing is installed. A Python that is not on this machine is stood in for: pip resolves for its version, with wheels
alone.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import ROOT

pytestmark = pytest.mark.index

# What label-studio asks for and nobody has put on the index as a wheel. It is the same for every Python.
WITHOUT_WHEEL = ("attr", "django-ranged-fileresponse", "drf-flex-fields", "drf-generators", "ordered-set")
EXTRAS = "server,model,learn,vectors,encoder,parquet"
# What pip would be told to obey or to leave, by whoever runs the tests.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name not in {"PIP_CONSTRAINT", "PIP_TARGET", "PYTHONPATH"}
}


def run(*command: str | Path) -> None:
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of what has none."""
    folder = tmp_path_factory.mktemp("made")
    options = ["--quiet", "--no-deps", "--constraint", ROOT / "constraints.txt", "--wheel-dir", folder]
    run(sys.executable, "-m", "pip", "wheel", *options, *WITHOUT_WHEEL)
    return folder


def python(version: str) -> str | None:
    """An interpreter of this version, on the PATH or where pyenv keeps them."""
    if version == "{}.{}".format(*sys.version_info):
        return getattr(sys, "_base_executable", sys.executable)
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [str(folder / "bin" / "python") for folder in sorted(kept.glob(f"{version}.*"))]
    return next(filter(os.path.exists, found), None) or shutil.which(f"python{version}")


@pytest.mark.parametrize(
    ("version", "pip"),
    [
        ("3.11", "pip==23.0"),  # before extras were compared by their normalized names, in 23.3
        ("3.13", "pip==23.2.1"),
        ("3.13", "pip"),
    ],
)
def test_pip_finds_versions_that_fit_together(tmp_path: Path, wheel: Path, made: Path, version: str, pip: str):
    run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", tmp_path, pip)
    (program,) = tmp_path.glob("pip-*.whl")
    report = tmp_path / "report.json"
    options = ["--quiet", "--dry-run", "--report", report]
    if interpreter := python(version):
        run(interpreter, "-m", "venv", "--without-pip", tmp_path / "venv")
        interpreter = str(tmp_path / "venv" / "bin" / "python")
    else:
        interpreter = sys.executable
        options += ["--python-version", version, "--only-binary=:all:", "--target", tmp_path / "nowhere"]
        options += ["--find-links", made]
    run(interpreter, program / "pip", "install", *options, f"labeling-loop[{EXTRAS}] @ {wheel.as_uri()}")
    chosen = {each["metadata"]["name"].lower() for each in json.loads(report.read_bytes())["install"]}
    assert {
        "labeling-loop",
        "label-studio",
        "trafilatura",
        "justext",
        "lxml",
        "spacy",
        "pyarrow",
        "scikit-learn",
        "onnxruntime",
    } <= chosen
