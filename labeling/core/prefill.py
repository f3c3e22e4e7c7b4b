"""Which articles are labelled from an empty page, so that it can be told what predictions do to their annotators."""

from typing import Any, Self

from pydantic import Field, model_validator

from labeling.core.shares import is_in_share, per_cent
from labeling.core.value import Value


class WithoutPrefill(Value):
    """The share of the articles, in per cent, whose annotators start from an empty page.

    >>> WithoutPrefill.model_validate("10%")
    WithoutPrefill(share=10.0)
    """

    share: float = Field(default=0.0, ge=0, le=100)

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, said: Any) -> Any:
        if isinstance(said, dict | WithoutPrefill):
            return said
        if isinstance(said, str) and (share := per_cent(said)) is not None:
            return {"share": share}
        raise ValueError('it should be a share of the articles, such as "10%"')

    @classmethod
    def parse(cls, said: str) -> Self:
        """The share that a setting names.

        Raises:
            ValueError: It does not name one.
        """
        return cls.model_validate(said)

    def has(self, doc_id: str) -> bool:
        """Whether an article is in the share: always the same answer, and a larger share has all of a smaller one."""
        return is_in_share(doc_id, self.share, "without prefill")
