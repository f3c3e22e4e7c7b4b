"""How many people annotate each task: everybody's share of work that is done twice, to be compared."""

from typing import Any, Self

from pydantic import Field, model_validator

from labeling.core.shares import is_in_share, per_cent
from labeling.core.value import Value

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
        if isinstance(said, str) and (share := per_cent(said)) is not None:
            return {"people": 2, "share": share}
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
        return self.people if self.is_whole or is_in_share(doc_id, self.share, "overlap") else 1

    def __str__(self) -> str:
        return str(self.people) if self.is_whole else f"{self.share:g}%"
