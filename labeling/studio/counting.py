r"""How the offsets of a task's regions were counted, inferred from the regions' copies of their text. Pure.

Label Studio counts Unicode code points today. Older versions and other programs counted UTF-16 code units, counted a
line end twice or once where the text has it once or twice, or named the last character and not the one behind it.
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
    """A region's offsets, however they were counted, and its own copy of its text; "" if it has none."""

    start: int
    end: int
    said: str


@dataclass(frozen=True, slots=True)
class Counted:
    """How the offsets of a task were counted, and the same offsets in code points.

    Attributes:
        way: What is odd about the counting, in words; "" where they are code points.
        offsets: Each claim's start and end in code points of the text.
        unfit: The claims (by number) whose text is not there.
        ambiguous: Whether several ways of counting fit all claims, in different places, so that none was taken.
    """

    way: str
    offsets: tuple[Offsets, ...]
    unfit: frozenset[int] = frozenset()
    ambiguous: bool = False


def count(text: str, claims: Sequence[Claim]) -> Counted:
    r"""The one way of counting that makes every claim of a task fit its text.

    Code points are taken where they fit. Another way is taken only where all claims fit by it, and no other way that
    fits leads elsewhere; else the offsets are left as they are, and those claims named that do not fit.

    >>> count("😀 Kyiv", [Claim(3, 7, "Kyiv")])
    Counted(way='the offsets count UTF-16 code units', offsets=((2, 6),), unfit=frozenset(), ambiguous=False)
    """
    plain = tuple([(start, end) for start, end, _ in claims])
    unfit = frozenset(
        [
            i
            for i, (start, end, said) in enumerate(claims)
            # most are exact
            if not (0 <= start < end and said and text[start:end] == said) and not fits(text, (start, end), said)
        ]
    )
    if not unfit:
        return Counted("", plain)
    fitting: dict[tuple[Offsets, ...], Counted] = {}
    for name, offsets in _other_ways(text, claims):
        if all(fits(text, pair, claim.said) for pair, claim in zip(offsets, claims, strict=True)):
            # two ways that differ only in the white space at an edge lead to the same place; the more exact one counts
            place = tuple(trim(text, start, end) for start, end in offsets)
            if place not in fitting or _exact(text, claims, offsets) > _exact(text, claims, fitting[place].offsets):
                fitting[place] = Counted(name, tuple(offsets))
    # a claim without text fits nearly everywhere, so it proves nothing
    if len(fitting) == 1 and any(claim.said for claim in claims):
        return next(iter(fitting.values()))
    return Counted("", plain, unfit, ambiguous=len(fitting) > 1)


def difference(said: str, text: str) -> str | None:
    r"""How a region's copy of its text differs from the text itself, if the difference is harmless.

    "" if they are equal, None if they are two different texts. Label Studio writes a line end as a backslash and
    an n; exports that went through other programs have other white space, composed characters or escaped markup.

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
    """The text without white space: what a browser copies has line ends where a page only begins a new block."""
    return "".join(text.replace("\\r", " ").replace("\\n", " ").split())


def fits(text: str, pair: Offsets, said: str) -> bool:
    """Whether the offsets lie in the text and hold what was said of them; "" says nothing."""
    start, end = pair
    if not 0 <= start < end <= len(text):
        return False
    return not said or said == text[start:end] or difference(said, text[start:end]) is not None


def _exact(text: str, claims: Sequence[Claim], offsets: Sequence[Offsets]) -> int:
    return sum(text[slice(*pair)] == claim.said for pair, claim in zip(offsets, claims, strict=True))


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
    """Offset as counted → code points, twice: of the same place, and of the end of the character that it is in.

    An offset in the middle of a character is in the second one only.
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
