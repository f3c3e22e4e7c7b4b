"""How many people annotate each task: everybody's share of work that is done twice, to be compared."""

import hashlib
import re
from typing import Any, Self

from pydantic import Field, model_validator

from labeling.core.value import Value

SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]+)?) ?%")
FORMS = 'should be a number of people from 1 on, such as 2, or a share of the tasks, such as "10%"'


class Overlap(Value):
    """How many people annotate a task.

    Attributes:
        people: How many annotate a task that is in the share; 1 or more.
        share: The share of such tasks in per cent; one person annotates each of the others.

    >>> Overlap.model_validate(2), Overlap.model_validate("10%")
    (Overlap(people=2, share=100.0), Overlap(people=2, share=10.0))
    """

    people: int = Field(ge=1, le=1000)
    share: float = Field(default=100.0, ge=0, le=100)

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, said: Any) -> Any:
        if isinstance(said, dict | Overlap):
            return said
        if type(said) is int and 1 <= said <= 1000:
            return {"people": said}
        if isinstance(said, str) and (found := SHARE.fullmatch(said.strip())) and float(found[1]) <= 100:
            return {"people": 2, "share": float(found[1])}
        raise ValueError(f"it {FORMS}")

    @classmethod
    def parse(cls, said: int | str) -> Self:
        """The overlap that a setting names.

        Raises:
            ValueError: It does not name one.
        """
        return cls.model_validate(said)

    @property
    def is_whole(self) -> bool:
        """Whether it is the same for every task."""
        return self.share == 100 or self.people == 1

    def of(self, doc_id: str) -> int:
        """How many people annotate the tasks of an article: always the same number for the same id."""
        if self.is_whole:
            return self.people
        digest = hashlib.sha256(f"overlap {doc_id}".encode("utf-8", "replace")).digest()
        position = int.from_bytes(digest[:8], "big") / 2**64 * 100
        return self.people if position < self.share else 1

    def __str__(self) -> str:
        return str(self.people) if self.is_whole else f"{self.share:g}%"
