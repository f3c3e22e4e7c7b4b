"""The learned state of a span model, which is saved as JSON and arrays, without code."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy
from numpy.typing import NDArray
from pydantic import Field

from labeling.core.parsing import parse_json
from labeling.core.value import Value
from labeling.errors import ModelError
from labeling.nlp.learn.knowledge import surrounded
from labeling.nlp.learn.linear import Linear
from labeling.nlp.learn.mixture import Calibration, Mixture
from labeling.nlp.learn.tags import Tags
from labeling.nlp.learn.token_features import TokenFeatures

SHIPPED, KNOWLEDGE, ENCODER, RECOGNIZER = "shipped", "knowledge", "encoder", "recognizer"
SETTINGS, WEIGHTS = "learned.json", "learned.npz"


class Settings(Value):
    """The content of `learned.json`.

    Attributes:
        layers: Groups of labels whose spans exclude each other.
        longest: The length of the longest span that is predicted, in tokens.
        weights: Expert → its weight in the mixture.
        calibration: Maps the mixture's probability of a span to the probability that it is right.
        thresholds: Label → the least probability of a span that is shown.
        coverage: The share of the gold spans that the experts could have found at all, in cross-validation.
        untrained: Whether the untrained pre-annotation was better in cross-validation, and is used instead.
    """

    layers: tuple[tuple[str, ...], ...]
    longest: int
    weights: dict[str, float]
    calibration: Calibration
    thresholds: dict[str, float] = Field(default_factory=dict)
    coverage: float = 1.0
    untrained: bool = False


@dataclass(frozen=True)
class Learned:
    """The settings, and the regressions by expert."""

    settings: Settings
    regressions: Mapping[str, Linear]

    @property
    def tags(self) -> Tags:
        """The tags that are predicted."""
        return Tags(self.settings.layers, self.settings.longest)

    @property
    def mixture(self) -> Mixture:
        """The mixture of the experts."""
        return Mixture(self.settings.weights, self.settings.calibration)

    def files(self) -> dict[str, bytes]:
        """The files to save, by name; `of` reads them."""
        arrays: dict[str, NDArray[Any]] = {
            f"{expert}/{name}": array
            for expert, regression in self.regressions.items()
            for name, array in regression.arrays().items()
        }
        out = io.BytesIO()
        numpy.savez(out, **arrays)  # type: ignore[arg-type]  # the names have a slash, so none is an option of savez
        return {SETTINGS: self.settings.model_dump_json(indent=1).encode(), WEIGHTS: out.getvalue()}

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> Self:
        """The state saved in these files.

        Raises:
            ModelError: Something is missing or damaged.
        """
        try:
            settings = Settings.model_validate(parse_json(files[SETTINGS]))
            regressions: dict[str, dict[str, NDArray[Any]]] = {}
            with numpy.load(io.BytesIO(files[WEIGHTS]), allow_pickle=False) as arrays:
                for key in arrays.files:
                    expert, _, name = key.partition("/")
                    regressions.setdefault(expert, {})[name] = arrays[key]
            return cls(settings, {expert: Linear.of(found) for expert, found in regressions.items()})
        except MemoryError:
            raise
        except Exception as error:  # whatever zipfile, NumPy and pydantic raise for damaged files
            raise ModelError(
                f"The model's learned weights cannot be read: {str(error).splitlines()[0]}", "Train it again."
            ) from error


def regressed(
    regressions: Mapping[str, Linear], features: TokenFeatures, vectors: Any, tags: Tags
) -> dict[str, NDArray[numpy.float32]]:
    """The log-probabilities of a document's tags by each regression."""
    found = {}
    if knowledge := regressions.get(KNOWLEDGE):
        found[KNOWLEDGE] = knowledge.logs(features.hashed, features.numbers, tags)
    if encoder := regressions.get(ENCODER):
        found[ENCODER] = encoder.logs(None, surrounded(vectors), tags)
    return found
