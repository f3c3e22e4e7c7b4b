"""The base class of values: frozen, and without unknown fields."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """An immutable value."""

    model_config = ConfigDict(frozen=True, extra="forbid")
