"""The shares of train, dev and test, and the position of a text between 0 and 100."""

import hashlib
import re
from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from labeling.core.value import Value

Part = Literal["train", "dev", "test"]
By = Literal["text", "source", "published"]
PARTS: tuple[Part, ...] = ("train", "dev", "test")

SHARE = re.compile(r"[0-9]{1,3}")


class Split(Value):
    """The shares of the three parts, in per cent; train gets the rest.

    Attributes:
        dev: The share of dev, 0 to 99.
        test: The share of test, 0 to 99.
        by: What decides a document's part: its text, source, or date (see `labeling.core.parts.assign`).
    """

    dev: int = Field(default=10, ge=0, le=100)
    test: int = Field(default=10, ge=0, le=100)
    by: By = "text"

    @model_validator(mode="after")
    def _leaves_train(self) -> Self:
        if self.dev + self.test >= 100:
            raise ValueError(f"dev {self.dev}% and test {self.test}% leave nothing to train on")
        return self

    @classmethod
    def parse(cls, shares: str, by: By = "text") -> Self:
        """The split in a text such as `train/dev/test` or `train/dev`, in whole per cent.

        Two numbers leave test empty: `spacy train` needs dev.

        Raises:
            ValueError: It is not a split, does not add up to 100, or leaves nothing to train on.

        >>> Split.parse("80/10/10")
        Split(dev=10, test=10, by='text')
        >>> Split.parse("80/20")
        Split(dev=20, test=0, by='text')
        """
        numbers = [piece.strip() for piece in shares.split("/")]
        if len(numbers) not in {2, 3} or not all(SHARE.fullmatch(number) for number in numbers):
            raise ValueError(
                f"{shares!r} is not a split: give train/dev/test in whole per cent, such as 80/10/10 or 80/20"
            )
        train, dev, test = map(int, [*numbers, "0"][:3])
        if (total := train + dev + test) != 100:
            raise ValueError(f"{shares!r} adds up to {total}, not to 100")
        if not train:
            raise ValueError(f"{shares!r} leaves nothing to train on")
        return cls(dev=dev, test=test, by=by)

    @property
    def shares(self) -> dict[Part, int]:
        """Each part's share in per cent."""
        return {"train": 100 - self.dev - self.test, "dev": self.dev, "test": self.test}

    def at(self, position: float) -> Part:
        """The part at a position, 0 to 100: test at the bottom, then dev, then train."""
        if position < self.test:
            return "test"
        return "dev" if position < self.test + self.dev else "train"


def position(words: Sequence[str]) -> float:
    """The position between 0 and 100 of a text with these words (`labeling.core.words.words`), from their SHA-256.

    It is stable, and equal for copies that differ only in white space, punctuation or case.
    """
    digest = hashlib.sha256(" ".join(words).encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 * 100
