"""What a model and its gold are called: by their content, so that one name is one thing."""

import hashlib
import re
from pathlib import Path

from labeling.core.article import digest
from labeling.core.parsing import parse_json
from labeling.errors import ModelError
from labeling.files import json_text, write_atomic
from labeling.nlp.load import folder_of, model_stamp

NAME, VERSION = "labeling", "0.0.0"
# They say of a model where and when it was made, not what it does.
ABOUT = frozenset({"meta.json", "card.json", "README.md"})
PATHS = re.compile(r"^\[paths\]\n(?:[^\[\n].*\n|\n)*", re.MULTILINE)


def call_by_content(model: Path) -> str:
    """The model's name from now on, in its meta.json too: `en_labeling-0.0.0+` and 8 hex digits of what it consists of.

    Two models that differ in a weight or a setting have two names; where they were made, and from which paths, is no
    part of it.

    Raises:
        ModelError: The folder is not a model.
        InputError: It cannot be written.
    """
    model_stamp(str(model))
    hasher = hashlib.sha256()
    for file in sorted(model.rglob("*")):
        path = file.relative_to(model)
        if not file.is_file() or path.as_posix() in ABOUT or "__pycache__" in path.parts:
            continue
        content = file.read_bytes()
        if path.as_posix() == "config.cfg":
            content = PATHS.sub("", content.decode("utf-8")).encode("utf-8")
        hasher.update(f"{path.as_posix()} {hashlib.sha256(content).hexdigest()}\n".encode())
    try:
        meta = parse_json((model / "meta.json").read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{model / 'meta.json'} cannot be read: {error}") from error
    meta |= {"name": NAME, "version": f"{VERSION}+{hasher.hexdigest()[:8]}"}
    write_atomic(model / "meta.json", json_text(meta))
    return model_stamp(str(model))


def files_hash(model: str) -> str:
    """The SHA-256 of the names and contents of an installed pipeline's files, or of a folder's.

    Raises:
        ModelError: There is none.
    """
    folder = folder_of(model)
    hasher = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            hasher.update(f"{file.relative_to(folder).as_posix()} ".encode())
            hasher.update(hashlib.sha256(file.read_bytes()).digest())
    return hasher.hexdigest()


def texts_in(part: Path) -> tuple[str, ...]:
    """The digest of each document's text in a part of an exported folder, in order; none where there is no such part.

    Raises:
        InputError: A file is not a DocBin, or cannot be read.
    """
    import spacy

    from labeling.nlp.folder import read_docs

    return tuple(digest(doc.text) for doc in read_docs(part, spacy.blank("xx"))) if part.exists() else ()
