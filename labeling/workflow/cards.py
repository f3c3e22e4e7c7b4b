"""The card of a trained model: what it was made of, how, and what it is worth.

It stands in the model's folder, as `card.json` for programs and as `README.md` for people. Hashes lead both ways:

    prediction in Label Studio  --model_version-->  model  --card.gold-->  exported parts, and each text in them
    text  --card.gold.parts[…].texts-->  models that were trained on it

A model is called after its own files (`labeling.nlp.lineage`), so that predictions of two models never carry one
name. The card has the hash of each file, and a digest of itself. They show that something was changed after the
training; they are no signature: who wants to deceive can write a card anew.

`labeling train` ends with

    card = write_card(model, Card(gold=gold_of(folder), label_schema=…, figures=…, command=…))
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from labeling import __version__
from labeling.core.bootstrap import Interval
from labeling.core.parsing import parse_json
from labeling.core.split import PARTS
from labeling.core.value import Value
from labeling.errors import InputError, ModelError
from labeling.files import json_text, write_atomic

CARD, PAGE = "card.json", "README.md"
PACKAGES = ("spacy", "thinc", "numpy", "scikit-learn", "onnxruntime", "spacy-transformers", "torch")


class PartStamp(Value):
    """A part of the gold: how many documents, the hash of its file, and the digest of each text, in order.

    The hash of a part that is a folder of files is that of their hashes. A text's digest is `labeling.core.article`'s.
    """

    documents: int
    sha256: str
    texts: tuple[str, ...]


class Gold(Value):
    """What a model was trained, tuned and tested on: the parts of an exported folder.

    Attributes:
        parts: By name; a part that is empty or not there is left out.
        source: Where the reviews came from, as the export says.
        split: How the parts came about, as the export says.
        predicted_by: Model version → how many of the documents were pre-annotated with its predictions: the models
            that this one is a child of. Empty where the export does not know.
    """

    parts: dict[str, PartStamp]
    source: str = ""
    split: dict[str, Any] = Field(default_factory=dict)
    predicted_by: dict[str, int] = Field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """One hash for all parts."""
        said = "".join(f"{name} {part.sha256}\n" for name, part in sorted(self.parts.items()))
        return hashlib.sha256(said.encode()).hexdigest()

    def holds(self, *parts: str) -> frozenset[str]:
        """The digests of all texts in these parts."""
        return frozenset(text for part in parts if part in self.parts for text in self.parts[part].texts)


class SchemaStamp(Value):
    """Which labels and relations the model was trained for; `sha256` is of everything that the schema says."""

    name: str = ""
    version: str = ""
    sha256: str = ""
    labels: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()


class Base(Value):
    """Something that the model was built on: a pipeline, vectors, an encoder, weights. `sha256` is of its files."""

    kind: str
    name: str
    version: str = ""
    sha256: str = ""


class Rates(Value):
    """How well spans or relations of a label are found on the test part, each with its 95% interval.

    `gold` is how many there are.
    """

    gold: int
    precision: Interval
    recall: Interval
    f: Interval


class Figures(Value):
    """What the model is worth on a part of its gold. Spans count where both edges and the label are right.

    `layer` is what was measured of the model, where it has several.
    """

    part: str = "test"
    documents: int
    layer: str = ""
    overall: Rates | None = None
    labels: dict[str, Rates] = Field(default_factory=dict)
    overall_relations: Rates | None = None
    relations: dict[str, Rates] = Field(default_factory=dict)
    effort_saved: Interval | None = None


def versions() -> dict[str, str]:
    """What is installed here of what a model depends on."""
    found = {"labeling": __version__, "python": python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


class Card(Value):
    """A model's card. What `write_card` fills in has a default: name, language, files and digest.

    Attributes:
        kind: What tells the file from others called card.json.
        name: `en_labeling-0.0.0+1a2b3c4d`. The `model_version` of its predictions is this, `+`, and the schema's key.
        language: Its code.
        created: ISO 8601, UTC.
        gold: What it was trained on.
        label_schema: Which labels and relations; `schema` in the file.
        bases: What it was built on; none where it was trained from nothing.
        versions: Package → version, where it was trained.
        seeds: What for → seed.
        options: How the training was asked for.
        command: The plain command that made it.
        figures: What it is worth; None where there was no test part.
        files: Path in the model's folder → SHA-256, of all but the card and its page.
        digest: The SHA-256 of the card without this field.
    """

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["labeling-model"] = "labeling-model"
    name: str = ""
    language: str = ""
    created: str = Field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    gold: Gold
    label_schema: SchemaStamp = Field(default=SchemaStamp(), alias="schema")
    bases: tuple[Base, ...] = ()
    versions: dict[str, str] = Field(default_factory=versions)
    seeds: dict[str, int] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    command: str = ""
    figures: Figures | None = None
    files: dict[str, str] = Field(default_factory=dict)
    digest: str = ""

    @property
    def trained_on(self) -> frozenset[str]:
        """The digests of the texts that the model knows: those it was trained on, and those it was tuned on."""
        return self.gold.holds("train", "dev")

    def made(self, model_version: str) -> bool:
        """Whether predictions of this version are this model's."""
        return model_version == self.name or model_version.startswith(f"{self.name}+")


def gold_of(folder: Path) -> Gold:
    """What is to be known of the gold in an exported folder.

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
    """Which labels and relations the gold in an exported folder was made for, as its manifest says."""
    manifest = read_manifest(folder)
    said = _mapping(manifest.get("schema"))
    return SchemaStamp(
        name=said.get("name") or "",
        version=said.get("version") or "",
        sha256=said.get("sha256") or "",
        labels=tuple(said.get("labels") or _mapping(manifest.get("labels"))),
        relations=tuple(said.get("relations") or ()),
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an exported folder; empty where there is none that can be read."""
    try:
        return _mapping(parse_json((folder / "manifest.json").read_bytes()))
    except (OSError, ValueError):  # made by hand, or of another program
        return {}


def write_card(model: Path, card: Card) -> Card:
    """The card, complete, in the folder of a trained model; the model is called after its files from now on.

    Raises:
        ModelError: The folder is no model.
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
    """The card of a model's folder, where it is as it was written, and the model is the one that it describes.

    Args:
        model: The folder.
        check_files: Whether the model's files are read, too.

    Raises:
        ModelError: There is no card, it was changed, or the model was.
    """
    file = model / CARD
    try:
        said: dict[str, Any] = parse_json(file.read_bytes())
        card = Card.model_validate_json(json.dumps(said))
    except FileNotFoundError:
        raise ModelError(
            f"The model {model} has no card ({CARD}), so nobody can say what it was trained on.",
            "`labeling train` writes one with the model.",
        ) from None
    except (OSError, ValueError, ValidationError, TypeError) as error:
        raise ModelError(
            f"The card {file} cannot be read: {_fault(error)}", "Bring back the one that `labeling train` wrote."
        ) from error
    if card.digest != _digest(said):
        raise ModelError(
            f"The card {file} was changed after it was written: its digest no longer fits.",
            "What it says cannot be relied on. Bring back the card as it was, or train the model again.",
        )
    if check_files and (wrong := _wrong_files(model, card)):
        shown = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
        raise ModelError(
            f"The model {model} is not the one that its card describes: {shown}.",
            "Something was changed after the training. Bring back the model as it was, or train it again.",
        )
    return card


def _wrong_files(model: Path, card: Card) -> list[str]:
    """What differs from the card, as `ner/model was changed`."""
    there = _hashes(model)
    missing = [f"{name} is missing" for name in card.files.keys() - there.keys()]
    new = [f"{name} was added" for name in there.keys() - card.files.keys()]
    changed = [f"{name} was changed" for name in card.files.keys() & there.keys() if card.files[name] != there[name]]
    return sorted([*missing, *new, *changed])


def _hashes(model: Path) -> dict[str, str]:
    """Path in the folder → SHA-256, of everything but the card and its page, and what Python leaves behind."""
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
    said = {key: value for key, value in card.items() if key != "digest"}
    return hashlib.sha256(json.dumps(said, ensure_ascii=False, sort_keys=True).encode("utf-8")).hexdigest()


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return getattr(error, "strerror", None) or str(error).splitlines()[0]
