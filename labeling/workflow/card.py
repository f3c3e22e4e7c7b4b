"""The content of a trained model's card; `labeling.workflow.cards` reads and writes cards."""

import hashlib
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any, Literal

from pydantic import ConfigDict, Field

from labeling import __version__
from labeling.core.value import Value
from labeling.nlp.evaluation.scores import Layer

PACKAGES = ("spacy", "thinc", "numpy", "scikit-learn", "onnxruntime", "spacy-transformers", "torch")


class PartStamp(Value):
    """A part of the gold: its number of documents, the SHA-256 of its file, and the digest of each text, in order.

    For a part that is a folder of files, it is the hash of their hashes. Texts have the digest of
    `labeling.core.article`.
    """

    documents: int
    sha256: str
    texts: tuple[str, ...]


class Gold(Value):
    """What a model was trained, tuned and tested on: the parts of an exported folder.

    Attributes:
        parts: By name, without empty and missing parts.
        source: Where the reviews came from, according to the export.
        split: How the documents were split, according to the export.
        predicted_by: Model version → number of documents that were pre-annotated with its predictions: the models
            that this one descends from. Empty if the export does not say.
    """

    parts: dict[str, PartStamp]
    source: str = ""
    split: dict[str, Any] = Field(default_factory=dict)
    predicted_by: dict[str, int] = Field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """One hash for all parts."""
        hashes = "".join(f"{name} {part.sha256}\n" for name, part in sorted(self.parts.items()))
        return hashlib.sha256(hashes.encode()).hexdigest()

    def holds(self, *parts: str) -> frozenset[str]:
        """The digests of all texts in these parts."""
        return frozenset(text for part in parts if part in self.parts for text in self.parts[part].texts)


class SchemaStamp(Value):
    """The labels and relations that the model was trained for; `sha256` is that of the whole schema."""

    name: str = ""
    version: str = ""
    sha256: str = ""
    labels: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()


class Base(Value):
    """A pipeline, vectors, an encoder or weights that the model was built on. `sha256` is that of its files."""

    kind: str
    name: str
    version: str = ""
    sha256: str = ""


class Figures(Value):
    """The model's scores on a part of its gold, as `labeling evaluate` measures them.

    Attributes:
        part: test; or dev, if there is no test part and dev only selected among training steps.
        documents: The number of documents in the part.
        layer: The layer that was measured (see `labeling.nlp.evaluation.report.Scores`).
        found: Its scores.
        notes: Caveats, a sentence each.
    """

    part: str = "test"
    documents: int
    layer: str
    found: Layer
    notes: tuple[str, ...] = ()


def versions() -> dict[str, str]:
    """The installed versions of everything that a model depends on."""
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
        kind: Distinguishes the file from others called card.json.
        name: `en_labeling-0.0.0+1a2b3c4d`. The `model_version` of its predictions is this, `+`, and the schema's key.
        language: Its code.
        created: ISO 8601, UTC.
        gold: The documents that it was trained, tuned and tested on.
        label_schema: Its labels and relations; `schema` in the file.
        bases: What it was built on; empty if it was trained from scratch.
        versions: Package → version, where it was trained.
        seeds: Purpose → seed.
        options: The options of the training.
        command: The command that trained it.
        figures: Its scores; None if there was no test part.
        files: Path in the model's folder → SHA-256, of all files but the card and its page.
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
        """The digests of the texts that the model was trained or tuned on."""
        return self.gold.holds("train", "dev")

    def made(self, model_version: str) -> bool:
        """Whether this model made the predictions of this version."""
        return model_version == self.name or model_version.startswith(f"{self.name}+")
