"""What a model has learned of spans, as a value that can be written and read: numbers and text, nothing that runs."""

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
from labeling.nlp.learn.linear import Linear
from labeling.nlp.learn.mixture import Calibration, Mixture
from labeling.nlp.learn.tags import Tags

SHIPPED, KNOWLEDGE, ENCODER, RECOGNIZER = "shipped", "knowledge", "encoder", "recognizer"
SETTINGS, WEIGHTS = "learned.json", "learned.npz"


class Settings(Value):
    """What stands in `learned.json`.

    Attributes:
        layers: Labels that exclude each other, layer by layer.
        longest: Tokens of the longest span that is looked for.
        weights: Part → how much it is trusted.
        calibration: From the mixture's probability of a span to the probability that it is right.
        thresholds: Label → the least probability of a span that is shown.
        coverage: The share of the gold spans that the parts could have found at all, in cross-validation.
        untrained: Whether the pre-annotation without learning was better in cross-validation, and is used instead.
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
    """The settings, and the regressions by the parts that they are."""

    settings: Settings
    regressions: Mapping[str, Linear]

    @property
    def tags(self) -> Tags:
        """The tags of the tokens."""
        return Tags(self.settings.layers, self.settings.longest)

    @property
    def mixture(self) -> Mixture:
        """How the parts are put together."""
        return Mixture(self.settings.weights, self.settings.calibration)

    def files(self) -> dict[str, bytes]:
        """Everything by names; `of` takes it."""
        arrays: dict[str, NDArray[Any]] = {
            f"{part}/{name}": array
            for part, regression in self.regressions.items()
            for name, array in regression.arrays().items()
        }
        out = io.BytesIO()
        numpy.savez(out, **arrays)  # type: ignore[arg-type]  # of names that nobody can mistake for its options
        return {SETTINGS: self.settings.model_dump_json(indent=1).encode(), WEIGHTS: out.getvalue()}

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> Self:
        """What `files` gave.

        Raises:
            ModelError: Something is missing or damaged.
        """
        try:
            settings = Settings.model_validate(parse_json(files[SETTINGS]))
            regressions: dict[str, dict[str, NDArray[Any]]] = {}
            with numpy.load(io.BytesIO(files[WEIGHTS]), allow_pickle=False) as arrays:
                for key in arrays.files:
                    part, _, name = key.partition("/")
                    regressions.setdefault(part, {})[name] = arrays[key]
            return cls(settings, {part: Linear.of(found) for part, found in regressions.items()})
        except MemoryError:
            raise
        except Exception as error:  # whatever damaged files make zipfile, NumPy and pydantic raise
            raise ModelError(
                f"What the model has learned cannot be read: {str(error).splitlines()[0]}", "Train it anew."
            ) from error
