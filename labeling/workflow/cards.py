"""Cards of trained models: what a model was trained on, how, and its scores.

A card is in the model's folder, as `card.json` for programs and as `README.md` for people. Hashes lead both ways:

    prediction in Label Studio  --model_version-->  model  --card.gold-->  exported parts, and each text in them
    text  --card.gold.parts[…].texts-->  models that were trained on it

A model is named after its own files (`labeling.nlp.lineage`), so that predictions of two models never have the same
name. The card has the hash of each file, and a digest of itself. They reveal changes made after the training; they are
not a signature: anyone who wants to deceive can write a new card.

`labeling train` ends with

    card = write_card(model, Card(gold=gold_of(folder), label_schema=…, figures=…, command=…))
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labeling.core.faults import faults
from labeling.core.parsing import parse_json
from labeling.core.split import PARTS
from labeling.core.wording import listed
from labeling.errors import InputError, ModelError
from labeling.files import json_text, write_atomic
from labeling.workflow.card import Card, Gold, PartStamp, SchemaStamp

CARD, PAGE = "card.json", "README.md"


def gold_of(folder: Path) -> Gold:
    """The gold in an exported folder, for a card.

    Raises:
        InputError: A part cannot be read.
    """
    from labeling.nlp.folder import files_of, part_file
    from labeling.nlp.lineage import texts_in

    parts = {}
    for part in PARTS:
        path = part_file(folder, part)
        if texts := texts_in(path):
            hashes = [_file_hash(file) for file in files_of(path)]
            one = hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()
            parts[part] = PartStamp(documents=len(texts), sha256=one, texts=texts)
    manifest = read_manifest(folder)
    counted = manifest.get("predicted_by")
    return Gold(
        parts={str(part): stamp for part, stamp in parts.items()},
        source=str(manifest.get("source", "")),
        split=_mapping(manifest.get("split")),
        predicted_by={str(key): int(number) for key, number in _mapping(counted).items()},
    )


def schema_of(folder: Path) -> SchemaStamp:
    """The labels and relations of the gold in an exported folder, according to its manifest."""
    manifest = read_manifest(folder)
    schema = _mapping(manifest.get("schema"))
    return SchemaStamp(
        name=schema.get("name") or "",
        version=schema.get("version") or "",
        sha256=schema.get("sha256") or "",
        labels=tuple(schema.get("labels") or _mapping(manifest.get("labels"))),
        relations=tuple(schema.get("relations") or ()),
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an exported folder; empty if there is none, or it cannot be read."""
    try:
        return _mapping(parse_json((folder / "manifest.json").read_bytes()))
    except (OSError, ValueError):  # a folder made by hand, or by another program
        return {}


def write_card(model: Path, card: Card) -> Card:
    """Write the card into the folder of a trained model, and name the model after its files; the complete card.

    Raises:
        ModelError: The folder is not a model.
        InputError: It cannot be written.
    """
    from labeling.nlp.lineage import call_by_content
    from labeling.nlp.load import model_language
    from labeling.workflow.card_page import page

    name = call_by_content(model)
    card = card.model_copy(update={"name": name, "language": model_language(str(model)), "files": _hashes(model)})
    card = card.model_copy(update={"digest": _digest(card.model_dump(mode="json", by_alias=True))})
    write_atomic(model / CARD, json_text(card.model_dump(mode="json", by_alias=True)))
    write_atomic(model / PAGE, page(card))
    return card


def read_card(model: Path, *, check_files: bool = True) -> Card:
    """The card of a model's folder, if neither was changed since it was written.

    Args:
        model: The folder.
        check_files: Whether to check the hashes of the model's files, too.

    Raises:
        ModelError: There is no card, it was changed, or the model was.
    """
    if not (model / CARD).is_file():
        raise ModelError(
            f"The model {model} has no card ({CARD}), so nobody can say what it was trained on.",
            "`labeling train` writes one with the model.",
        )
    card = read_card_file(model / CARD)
    if check_files and (wrong := _wrong_files(model, card)):
        raise ModelError(
            f"The model {model} is not the one that its card describes: {listed(wrong, 3)}.",
            "Something was changed after the training. Bring back the model as it was, or train it again.",
        )
    return card


def read_card_file(file: Path) -> Card:
    """The card in a file, if it was not changed since it was written.

    Raises:
        ModelError: It cannot be read, or was changed.
    """
    try:
        content: dict[str, Any] = parse_json(file.read_bytes())
        card = Card.model_validate_json(json.dumps(content))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"The card {file} cannot be read: {_fault(error)}", "Bring back the one that `labeling train` wrote."
        ) from error
    if card.digest != _digest(content):
        raise ModelError(
            f"The card {file} was changed after it was written: its digest no longer fits.",
            "It cannot be relied on. Bring back the card as it was, or train the model again.",
        )
    return card


def _wrong_files(model: Path, card: Card) -> list[str]:
    """The differences from the card, such as `ner/model was changed`."""
    there = _hashes(model)
    missing = [f"{name} is missing" for name in card.files.keys() - there.keys()]
    new = [f"{name} was added" for name in there.keys() - card.files.keys()]
    changed = [f"{name} was changed" for name in card.files.keys() & there.keys() if card.files[name] != there[name]]
    return sorted([*missing, *new, *changed])


def _hashes(model: Path) -> dict[str, str]:
    """Path in the folder → SHA-256, of all files but the card, its page, and Python's caches."""
    files = {file.relative_to(model): file for file in sorted(model.rglob("*")) if file.is_file()}
    return {
        path.as_posix(): _file_hash(file)
        for path, file in files.items()
        if path.as_posix() not in {CARD, PAGE} and "__pycache__" not in path.parts
    }


def _file_hash(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"Cannot read {file}: {error.strerror or error}") from error


def _digest(card: Mapping[str, Any]) -> str:
    """The SHA-256 of a card's JSON without its digest, whatever the order of its keys."""
    content = {key: value for key, value in card.items() if key != "digest"}
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode("utf-8")).hexdigest()


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return faults(error)[0]
    return getattr(error, "strerror", None) or str(error).splitlines()[0]
