"""Names of models and digests of their gold, by content, so that equal names mean equal things."""

import hashlib
import re
from pathlib import Path

from labeling.core.article import digest
from labeling.files import json_text, write_atomic
from labeling.nlp.load import folder_of, meta, model_stamp

NAME, VERSION = "labeling", "0.0.0"
# Files that say where and when a model was made, not what it does.
ABOUT = frozenset({"meta.json", "card.json", "README.md"})
PATHS = re.compile(r"^\[paths\]\n(?:[^\[\n].*\n|\n)*", re.MULTILINE)


def call_by_content(model: Path) -> str:
    """The model's new name, which is written into its meta.json: `en_labeling-0.0.0+` and 8 hex digits of its content.

    Two models that differ in a weight or a setting have different names; when and where they were made, and from which
    paths, makes no difference.

    Raises:
        ModelError: The folder is not a model.
        InputError: It cannot be written.
    """
    said = meta(str(model.resolve()))
    hasher = hashlib.sha256()
    for file in sorted(model.rglob("*")):
        path = file.relative_to(model)
        if not file.is_file() or path.as_posix() in ABOUT or "__pycache__" in path.parts:
            continue
        content = file.read_bytes()
        if path.as_posix() == "config.cfg":
            content = PATHS.sub("", content.decode("utf-8")).encode("utf-8")
        hasher.update(f"{path.as_posix()} {hashlib.sha256(content).hexdigest()}\n".encode())
    write_atomic(
        model / "meta.json", json_text(said | {"name": NAME, "version": f"{VERSION}+{hasher.hexdigest()[:8]}"})
    )
    return model_stamp(str(model))


def files_hash(model: str) -> str:
    """The SHA-256 of the names and contents of a pipeline's files, as hex digits.

    Raises:
        ModelError: There is no such pipeline.
    """
    folder = folder_of(model)
    hasher = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            hasher.update(f"{file.relative_to(folder).as_posix()} ".encode())
            hasher.update(hashlib.sha256(file.read_bytes()).digest())
    return hasher.hexdigest()


def texts_in(part: Path) -> tuple[str, ...]:
    """The digest of each document's text in a part of an exported folder, in order; empty if there is no such part.

    Raises:
        InputError: A file is not a DocBin, or cannot be read.
    """
    import spacy

    from labeling.nlp.folder import read_docs

    return tuple(digest(doc.text) for doc in read_docs(part, spacy.blank("xx"))) if part.exists() else ()
