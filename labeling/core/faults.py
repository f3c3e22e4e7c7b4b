"""What pydantic found wrong with a value → words."""

from collections.abc import Mapping

from pydantic import ValidationError


def faults(
    error: ValidationError, patterns: Mapping[str, str] | None = None, *, whole: str = "", shows: bool = False
) -> list[str]:
    """What is wrong, each with its place: `studio.timeout: Input should be less than or equal to 3600`.

    Args:
        error: What was raised.
        patterns: Regular expressions that a text has to match → the same in words that go on from "it".
        whole: The place of what is wrong with the value as a whole.
        shows: Whether to say what was given; not where it may be secret.
    """
    found = []
    for one in error.errors(include_url=False, include_input=shows):
        place = ".".join(str(part) for part in one["loc"] if part != "[key]") or whole
        said = one["msg"].removeprefix("Value error, ")
        wanted = (patterns or {}).get(one.get("ctx", {}).get("pattern", ""))
        if wanted:
            said = f"{one['input']!r} does not fit: it {wanted}" if shows else f"it {wanted}"
        elif shows and one["type"] not in {"missing", "value_error", "extra_forbidden"}:
            said = f"{said}, not {one['input']!r}"
        found.append(f"{place}: {said}" if place else said)
    return found
