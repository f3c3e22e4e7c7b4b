"""A trained pipeline → a wheel. `spacy package` lays out the Python package, and `build` builds the wheel.

spaCy's command would build it in an isolated environment, with setuptools from the package index. Here the installed
setuptools builds it, so that it works offline.
"""

import contextlib
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from tempfile import TemporaryDirectory

from labeling import __version__
from labeling.core.parsing import parse_json
from labeling.distribution import NAME, install
from labeling.errors import InputError, LabelingError, ModelError
from labeling.files import atomic_file, json_text, write_atomic
from labeling.nlp.load import meta

TOOLS = ("build", "setuptools")
NEED_LEARN = frozenset({"frozen_encoder"})  # components that need the extra [learn]
BLOCK = 1 << 20


def build_wheel(model: Path, output: Path, finish: Callable[[Path], object]) -> tuple[Path, tuple[str, ...]]:
    """Build a wheel of a pipeline; returns its path and the requirements of the package.

    It is named after the pipeline's language, name and version. A wheel of the same name is replaced atomically.

    Args:
        model: The folder of the pipeline, which is not changed.
        output: The folder for the wheel; made if it does not exist.
        finish: Called with the folder of the copy, whose meta.json already has the requirements; may change its files.

    Raises:
        ModelError: It is not a pipeline, or spaCy cannot load it, or the build failed.
        InputError: `build` or `setuptools` is not installed, or the wheel cannot be written.
    """
    if missing := [tool for tool in TOOLS if not _is_installed(tool)]:
        raise InputError(
            f"A wheel cannot be built without {' and '.join(missing)}.", f"Install it: `{install('package')}`."
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="labeling-package-") as scratch:
            root, required = _lay_out(model, Path(scratch), finish)
            made = _build(root, Path(scratch) / "dist")
            with atomic_file(output / made.name) as file, made.open("rb") as source:
                while block := source.read(BLOCK):
                    file.write(block)
    except OSError as error:  # also shutil.Error, which has a list of errors instead of a reason
        raise InputError(
            f"Cannot write the wheel to {output}: {error.strerror or error}",
            "Check the free space and the folder's permissions, or name another folder with -o.",
        ) from error
    return output / made.name, required


def requirement(model: Path) -> str:
    """The requirement of `labeling-loop` with its versions, with `[learn]` if a component of the pipeline needs that.

    It is "" if all components are spaCy's own, so that the model works without labeling.
    """
    from spacy.util import get_minor_version_range, load_config

    components = load_config(model / "config.cfg").get("components", {}).values()
    factories = {str(each["factory"]) for each in components if "factory" in each}
    own = {entry.name for entry in entry_points(group="spacy_factories") if entry.value.startswith("labeling.")}
    if not factories & (own | NEED_LEARN):
        return ""
    return f"{NAME}{'[learn]' if factories & NEED_LEARN else ''}{get_minor_version_range(__version__)}"


def _lay_out(model: Path, scratch: Path, finish: Callable[[Path], object]) -> tuple[Path, tuple[str, ...]]:
    """The folder that a wheel is built from, and the requirements of the package.

    The build copies the meta.json of that folder over that of the pipeline, so both are made equal here.
    """
    from spacy.cli.package import package

    said = meta(str(model))
    try:
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it does not close its files
            package(model, scratch, create_sdist=False, create_wheel=False, require_parent=True)
        (root,) = (file.parent for file in scratch.glob("*/setup.py"))
        (data,) = (file.parent for file in root.glob("*/*/config.cfg"))
        said = parse_json((root / "meta.json").read_bytes())
        others = [each for each in said["requirements"] if not each.startswith(NAME)]  # spaCy finds it only sometimes
        said["requirements"] = [*dict.fromkeys(others), *filter(None, [requirement(model)])]
        write_atomic(data / "meta.json", json_text(said))
        finish(data)
        (root / "meta.json").write_bytes((data / "meta.json").read_bytes())
    except (LabelingError, OSError, MemoryError):
        raise
    except (Exception, SystemExit) as error:  # a broken model can fail in any of its components
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"spaCy cannot package the model {model}: {why}", "`python -m spacy package` says more."
        ) from error
    return root, tuple(said["requirements"])


def _build(root: Path, output: Path) -> Path:
    """The wheel that the installed setuptools builds from a folder."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(output), str(root)]
    done = subprocess.run(
        command, cwd=root.parent, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    made = sorted(output.glob("*.whl"))
    if done.returncode or not made:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise ModelError(
            f"The wheel could not be built: {said}",
            f"Check build and setuptools: `{install('package')}`.",
        )
    return made[0]


def _is_installed(tool: str) -> bool:
    """Whether a distribution is installed; importing `build` would also find a folder of that name."""
    try:
        version(tool)
    except PackageNotFoundError:
        return False
    return True
