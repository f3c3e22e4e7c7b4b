r"""How the offsets of a task's regions were counted, inferred from the regions' copies of their text. Pure.

Label Studio counts Unicode code points. Older versions and other programs counted UTF-16 code units, counted `\n` as
two characters or `\r\n` as one, or gave the offset of the last character as the end.
"""

import html
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from labeling.core.offsets import trim

Offsets = tuple[int, int]

UNITS = {"code points": "", "utf-16": "the offsets count UTF-16 code units"}
LINES = {
    "as they are": "",
    "twice": "the offsets count each line end twice, as CR LF",
    "once": "the offsets count CR LF once",
}
ENDS = {"behind": "", "last": "the end is the last character, not the one behind it"}


class Claim(NamedTuple):
    """What a region claims: its offsets, however they were counted, and its copy of its text, "" if it has none."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Counted:
    """How the offsets of a task were counted, and the same offsets in code points.

    Attributes:
        way: How they were counted, in words; "" if in code points.
        offsets: Each claim's start and end in code points.
        unfit: The indices of the claims whose text is not at their offsets.
        ambiguous: Whether several ways of counting fit all claims, with different results, so that none was taken.
    """

    way: str
    offsets: tuple[Offsets, ...]
    unfit: frozenset[int] = frozenset()
    ambiguous: bool = False


def count(text: str, claims: Sequence[Claim]) -> Counted:
    r"""How a task's offsets were counted, if one way makes every claim fit the text.

    Code points are preferred. Another way is taken only if all claims fit, and every other way that fits has the same
    result; else the offsets stay as they are, and `unfit` has the claims that do not fit.

    >>> count("😀 Kyiv", [Claim(3, 7, "Kyiv")])
    Counted(way='the offsets count UTF-16 code units', offsets=((2, 6),), unfit=frozenset(), ambiguous=False)
    """
    plain = tuple([(start, end) for start, end, _ in claims])
    unfit = frozenset(
        [
            i
            for i, (start, end, copy) in enumerate(claims)
            # most are exact
            if not (0 <= start < end and copy and text[start:end] == copy) and not fits(text, (start, end), copy)
        ]
    )
    if not unfit:
        return Counted("", plain)
    fitting: dict[tuple[Offsets, ...], Counted] = {}
    for name, offsets in _other_ways(text, claims):
        if all(fits(text, pair, claim.text) for pair, claim in zip(offsets, claims, strict=True)):
            # ways that differ only in white space at the edges have the same result; the more exact one counts
            place = tuple(trim(text, start, end) for start, end in offsets)
            if place not in fitting or _exact(text, claims, offsets) > _exact(text, claims, fitting[place].offsets):
                fitting[place] = Counted(name, tuple(offsets))
    # a claim without text fits nearly everywhere
    if len(fitting) == 1 and any(claim.text for claim in claims):
        return next(iter(fitting.values()))
    return Counted("", plain, unfit, ambiguous=len(fitting) > 1)


def difference(said: str, text: str) -> str | None:
    r"""How a region's copy of its text differs from the text, if the difference is harmless; "" if they are equal.

    None if they are different texts. Label Studio writes a line end as a backslash and an n; exports that went through
    other programs have other white space, composed characters or escaped markup.

    >>> difference("Kyiv\\nsaid", "Kyiv\nsaid")
    'a line end is written as a backslash and an n'
    >>> difference("Kyiv", "Lviv") is None
    True
    """
    if said == text:
        return ""
    if said.replace("\\r", "\r").replace("\\n", "\n").replace("\r\n", "\n") == text.replace("\r\n", "\n"):
        return "a line end is written as a backslash and an n"
    if _inked(said) == _inked(text):
        return "only white space differs"
    if _inked(unicodedata.normalize("NFC", html.unescape(said))) == _inked(unicodedata.normalize("NFC", text)):
        return "composed characters or escaped markup differ"
    return None


def _inked(text: str) -> str:
    """The text without white space: a browser's copy has line ends where a page only begins a new block."""
    return "".join(text.replace("\\r", " ").replace("\\n", " ").split())


def fits(text: str, pair: Offsets, said: str) -> bool:
    """Whether the offsets are in the text, and `said` is a copy of the text there; "" always is."""
    start, end = pair
    if not 0 <= start < end <= len(text):
        return False
    return not said or said == text[start:end] or difference(said, text[start:end]) is not None


def _exact(text: str, claims: Sequence[Claim], offsets: Sequence[Offsets]) -> int:
    return sum(text[slice(*pair)] == claim.text for pair, claim in zip(offsets, claims, strict=True))


def _other_ways(text: str, claims: Sequence[Claim]) -> Iterator[tuple[str, list[Offsets]]]:
    nowhere = (-1, -1)
    for unit, lines, end in product(UNITS, LINES, ENDS):
        is_noop = unit == "utf-16" and not any(c > "\uffff" for c in text)
        is_noop = is_noop or (lines == "twice" and "\n" not in text) or (lines == "once" and "\r\n" not in text)
        if is_noop or (unit, lines, end) == ("code points", "as they are", "behind"):
            continue
        at, behind = _positions(text, unit, lines)
        ends = behind if end == "last" else at
        offsets = [
            (at[claim.start], ends[claim.end]) if claim.start in at and claim.end in ends else nowhere
            for claim in claims
        ]
        yield "; ".join(filter(None, (UNITS[unit], LINES[lines], ENDS[end]))), offsets


def _positions(text: str, unit: str, lines: str) -> tuple[dict[int, int], dict[int, int]]:
    """Two maps from offsets as counted to code points: to the same place, and to the end of the character there.

    An offset in the middle of a character is in the second map only.
    """
    at = {0: 0}
    behind: dict[int, int] = {}
    there = 0
    for here, character in enumerate(text):
        width = 2 if unit == "utf-16" and character > "\uffff" else 1
        if lines == "twice" and character == "\n" and text[here - 1 : here] != "\r":
            width = 2
        elif lines == "once" and character == "\r" and text[here + 1 : here + 2] == "\n":
            width = 0
        behind.update(dict.fromkeys(range(there, there + width), here + 1))
        there += width
        at[there] = here + 1
    return at, behind
