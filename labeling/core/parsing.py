"""JSON and TOML → values; what is nested too deeply is an error like any other that they may have."""

import json
import tomllib
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """The value.

    Raises:
        ValueError: It is not JSON, or nested too deeply to be read.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def parse_toml(text: str) -> dict[str, Any]:
    """The table.

    Raises:
        tomllib.TOMLDecodeError: It is not TOML, or nested too deeply to be read.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("it is nested too deeply") from None
