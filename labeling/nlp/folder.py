"""An exported folder: the files of its parts, and their documents."""

from collections.abc import Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, DocBin

from labeling.core.parsing import parse_json
from labeling.errors import InputError, ModelError
from labeling.nlp.pipelines import fits, named


def part_file(folder: Path, part: str) -> Path:
    """The file of a part; a large part is a folder of that name."""
    return folder / f"{part}.spacy"


def files_of(path: Path) -> list[Path]:
    """The DocBin files of a part."""
    return sorted(path.glob("*.spacy")) if path.is_dir() else [path]


def read_docs(path: Path, nlp: Language) -> Iterator[Doc]:
    """The documents of a part, in order; their strings are added to the pipeline's.

    Raises:
        InputError: A file cannot be read, or is not a DocBin.
    """
    for file in files_of(path):
        try:
            yield from DocBin().from_bytes(file.read_bytes()).get_docs(nlp.vocab)
        except OSError as error:
            raise InputError(f"Cannot read {file}: {error.strerror}", "`labeling export` writes it.") from error
        except MemoryError:
            raise
        except Exception as error:  # whatever a file that is not a DocBin makes zlib and msgpack raise
            raise InputError(f"{file} is not a DocBin: {error}", "`labeling export` writes it again.") from error


def check_exported_language(folder: Path, what: str, language: str) -> None:
    """Check that a model for this language can be used with the tokens of an exported folder.

    Raises:
        ModelError: The documents were tokenized as another language.
    """
    try:
        exported = parse_json((folder / "manifest.json").read_bytes())["language"]["code"]
    except (OSError, ValueError, KeyError, TypeError):  # written by an older version, or by hand
        return
    if not fits(language, exported):
        raise ModelError(
            f"{what} is for {named(language)}, and the documents in {folder} are for {named(exported)}.",
            f"Name what was made for {named(exported)}; or, if the language of the documents is wrong, set `language` "
            "in the schema and export again.",
        )
