"""Boilerplate of web pages, removed line by line, and the headline above a text.

Only short lines are removed, never a sentence of a paragraph: a line that is wrongly kept costs an annotator a glance,
one that is wrongly removed is lost.
"""

import re
from difflib import SequenceMatcher

from labeling.core.reasons import Reason

MAX_BOILERPLATE = 160  # characters; a longer line is prose
MAX_TITLE = 150
SAME_TITLE = 0.9  # from this similarity on, a line above the text repeats the headline

# reason → the lines that it is about; (?-i:[A-Z]) tells a name ("Photo/Ann Roe") from a word ("photo/video evidence")
BOILERPLATE: dict[Reason, str] = {
    "breadcrumb": r"home\s*(?:[>»›]\s*\S|[/|]\s*(?-i:[A-Z])).*$",
    "link-line": r"(?:read (?:also|more|next)|also read|see also|related(?: (?:articles?|stories|news))?|more on this)"
    r"(?:\s*:.*|\s+[–—-]\s.*(?<![.!?]))$",
    "caption": r"(?:(?:file )?(?:photo(?:graph)?|image|picture|pic)(?: credit| by)?(?:\s*:.*|\s*/\s*(?-i:[A-Z]).*)"
    r"|(?:photo(?:graph)?|image|picture) by(?: (?-i:[A-Z])[\w.'’-]*){1,4}(?:\s*/.*)?|source\s*:\s.{1,80}(?<![.!?])"
    r"|(?:.{0,60}(?:[/,(|–—-]|\bvia)\s*)?getty images\)?|.{0,120}\((?:afp|ap|reuters|epa)(?: photo\b[^)]*|/[^)]+)\))$",
    "share-line": r"(?:share this (?:article|story|post|page|on)\b.*"
    r"|share on (?:facebook|twitter|x|whatsapp|linkedin)\b.*(?<![.!?])"
    r"|follow us(?: (?:on|at) .*|\s*[:@].*)?|(?:tweet|share|email|print)(?: this)?)$",
    "newsletter": r"(?:subscribe(?: now)?|(?:subscribe|sign up|join)\b"
    r"[^,]{0,60}\b(?:newsletter|updates|alerts|briefing)\b[^,]*)$",
    "advertisement": r"(?:-+\s*)?(?:advertisement|advertising|sponsored(?: content)?"
    r"|story continues below(?: \w+){0,3})(?:\s*-+)?$",
    "copyright": r"(?:©|\(c\)\s*\d{4}|copyright (?:©|\d{4}(?! (?-i:[a-z])))).*$|^.{0,80}\ball rights reserved\.?$",
    "cookie-notice": r"(?:cookie (?:settings|policy|preferences|notice)|accept (?:all )?cookies"
    r"|(?:this|our) (?:web)?site uses cookies\b[^,]*)$",
}
PATTERNS = {reason: re.compile(pattern, re.IGNORECASE) for reason, pattern in BOILERPLATE.items()}
BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")
# matched only from the first space of a run: otherwise a megabyte of them would take hours
LINE_TAIL = re.compile(r"(?<![^\S\n])[^\S\n]++$", re.MULTILINE)
BULLET = re.compile(r"[-*•–—]\s")
DATELINE = re.compile(r"[A-Z][A-Z .'-]{2,}[,(—–-]")

Removed = tuple[Reason, str]  # reason, line


def paragraphs(text: str) -> str:
    """The text with one empty line between paragraphs, and without white space at the ends of lines."""
    return BLANK_LINES.sub("\n\n", LINE_TAIL.sub("", text)).strip("\n")


def split_headline(text: str) -> tuple[str, str]:
    """The headline above a text, and the rest; ("", text) if the first paragraph is not a headline."""
    first, _, rest = text.partition("\n\n")
    is_headline = (
        0 < len(first) <= MAX_TITLE
        and rest.strip()
        and "\n" not in first
        and not first.rstrip("\"'”’»").endswith((".", "!", ":", ";", ","))
        and not BULLET.match(first)
        and not DATELINE.match(first)
    )
    return (first.strip(), rest) if is_headline else ("", text)


def without_breadcrumb(text: str) -> tuple[str, list[Removed]]:
    """The text without a breadcrumb on its first line ("Home News World", perhaps with the headline), and that line."""
    first, _, rest = text.partition("\n\n")
    headline = rest.partition("\n\n")[0].strip()
    crumbs = first.strip()
    ends_in_headline = bool(headline) and crumbs.casefold().endswith(headline.casefold())
    is_trail = "\n" not in crumbs and re.match(r"home\b", crumbs, re.IGNORECASE)
    is_headline = crumbs.casefold() == headline.casefold()
    if is_trail and not is_headline and (ends_in_headline or PATTERNS["breadcrumb"].match(crumbs)):
        return rest, [("breadcrumb", crumbs)]
    return text, []


def without_boilerplate(text: str, title: str) -> tuple[str, list[Removed]]:
    """The text without boilerplate and repeated headline, and the removed lines."""
    kept: list[str] = []
    removed: list[Removed] = []
    prose_began = False
    for line in text.split("\n"):
        reason = _reason(line.strip(), title, above_prose=not prose_began)
        if reason:
            removed.append((reason, line.strip()))
        else:
            kept.append(line)
            prose_began = prose_began or len(line) > MAX_TITLE
    return paragraphs("\n".join(kept)), removed


def _reason(line: str, title: str, *, above_prose: bool) -> Reason | None:
    if not line or len(line) > MAX_BOILERPLATE:
        return None
    if _repeats(_bare(line), _bare(title), nearly=above_prose):
        return "title-repeated"
    return next((reason for reason, pattern in PATTERNS.items() if pattern.match(line)), None)


def _repeats(line: str, title: str, *, nearly: bool) -> bool:
    if not title or line == title:
        return bool(title)
    # "Police kill 3" and "police kill 13" are alike, and two events.
    same_numbers = re.findall(r"\d+", line) == re.findall(r"\d+", title)
    return nearly and same_numbers and SequenceMatcher(None, line, title, autojunk=False).ratio() >= SAME_TITLE


def _bare(line: str) -> str:
    return " ".join(re.findall(r"\w+", line.casefold()))
