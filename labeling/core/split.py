"""Which part of the training data an article belongs to."""

import hashlib
from typing import Literal

from pydantic import Field, model_validator

from labeling.core.value import Value

Part = Literal["train", "dev", "test"]
PARTS: tuple[Part, ...] = ("train", "dev", "test")


class Split(Value):
    """The shares of the three parts, in per cent; train has what the other two leave."""

    dev: int = Field(default=10, ge=0, le=100)
    test: int = Field(default=10, ge=0, le=100)

    @model_validator(mode="after")
    def _leaves_train(self) -> "Split":
        if self.dev + self.test >= 100:
            raise ValueError(f"dev {self.dev}% and test {self.test}% leave nothing to train on")
        return self

    def part(self, text: str) -> Part:
        """The part of an article with this text.

        A function of the text alone: the SHA-256 of its case-folded words, as a number between 0 and 100. So a document
        never moves as others are added, and copies that differ only in white space or case stay together.
        """
        words = " ".join(text.casefold().split())
        number = int.from_bytes(hashlib.sha256(words.encode("utf-8")).digest()[:8], "big") / 2**64 * 100
        if number < self.test:
            return "test"
        return "dev" if number < self.test + self.dev else "train"
