"""Pydantic's validation errors in words."""

from collections.abc import Mapping

from pydantic import ValidationError


def faults(
    error: ValidationError, patterns: Mapping[str, str] | None = None, *, whole: str = "", shows: bool = False
) -> list[str]:
    """The errors, each with its field: `studio.timeout: Input should be less than or equal to 3600`.

    Args:
        error: What pydantic raised.
        patterns: Regular expressions of fields → the same in words, continuing "it".
        whole: The name for the value as a whole.
        shows: Whether to show the input, which may be secret.
    """
    found = []
    for one in error.errors(include_url=False, include_input=shows):
        place = ".".join(str(part) for part in one["loc"] if part != "[key]") or whole
        message = one["msg"].removeprefix("Value error, ")
        wanted = (patterns or {}).get(one.get("ctx", {}).get("pattern", ""))
        if wanted:
            message = f"{one['input']!r} is not valid: it {wanted}" if shows else f"it {wanted}"
        elif shows and one["type"] not in {"missing", "value_error", "extra_forbidden"}:
            message = f"{message}, not {one['input']!r}"
        found.append(f"{place}: {message}" if place else message)
    return found
