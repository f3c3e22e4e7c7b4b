"""An exported folder: where its parts lie, and their documents."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, DocBin

from labeling.core.parsing import parse_json
from labeling.errors import InputError, ModelError
from labeling.nlp.pipelines import fits, named


def part_file(folder: Path, part: str) -> Path:
    """The file of a part, or the folder of its files where it is a large one."""
    return folder / f"{part}.spacy"


def files_of(path: Path) -> list[Path]:
    """The DocBin files that a part consists of."""
    return sorted(path.glob("*.spacy")) if path.is_dir() else [path]


def read_docs(path: Path, nlp: Language) -> Iterator[Doc]:
    """The documents of a part, in order; their strings are added to the pipeline's.

    Raises:
        InputError: A file cannot be read, or is not a DocBin.
    """
    for file in files_of(path):
        yield from _read_file(file, nlp)


def _read_file(file: Path, nlp: Language) -> Iterator[Any]:
    try:
        yield from DocBin().from_bytes(file.read_bytes()).get_docs(nlp.vocab)
    except OSError as error:
        raise InputError(f"Cannot read {file}: {error.strerror}", "`labeling export` writes it.") from error
    except MemoryError:
        raise
    except Exception as error:  # whatever a file that is not a DocBin makes zlib and msgpack raise
        raise InputError(f"{file} is not a DocBin: {error}", "`labeling export` writes it again.") from error


def check_language(folder: Path, what: str, language: str) -> None:
    """Check that a model for this language can be used with the tokens of an exported folder.

    Raises:
        ModelError: The tokens are those of another language.
    """
    try:
        exported = parse_json((folder / "manifest.json").read_bytes())["language"]["code"]
    except (OSError, ValueError, KeyError, TypeError):  # of an older version, or made by hand
        return
    if not fits(language, exported):
        raise ModelError(
            f"{what} is for {named(language)}, and the documents in {folder} are for {named(exported)}.",
            f"Name what was made for {named(exported)}; or, where the language of the documents is wrong, set "
            "`language` in the schema and export again.",
        )
