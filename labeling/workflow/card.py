"""What the card of a trained model says; `labeling.workflow.cards` reads and writes it."""

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


class Figures(Value):
    """What the model is worth on a part of its gold, as `labeling evaluate` measures it.

    Attributes:
        part: The part: test, or dev where there is no test and dev only chose among the steps of the training.
        documents: How many it has.
        layer: What stands for the model (see `labeling.nlp.evaluation.report.Scores`).
        found: How well that is found.
        notes: What the figures do not say.
    """

    part: str = "test"
    documents: int
    layer: str
    found: Layer
    notes: tuple[str, ...] = ()


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
