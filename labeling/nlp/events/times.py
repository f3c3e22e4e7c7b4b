"""Time expressions in a parsed document, found by the entity recogniser and by a grammar, with their kinds."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from spacy.tokens import Doc

from labeling.errors import SchemaError

# Kinds of expressions: a calendar date, a clock time, a time relative to another; an age, a frequency, a duration;
# anything else that the recogniser took for a time; and a bare number, which is not a time expression.
KINDS = ("calendar", "clock", "relative", "age", "repeated", "lasting", "other", "figure")
WHEN = frozenset({"calendar", "clock", "relative"})
HOW_LONG = frozenset({"repeated", "lasting"})
OTHER, FIGURE = "other", "figure"
ENTITIES = frozenset({"DATE", "TIME"})
BEFORE = frozenset(["last", "next", "this", "early", "late", "earlier", "later"])
AFTER = frozenset(["ago", "later", "earlier", "morning", "afternoon", "evening", "night"])
GAPS = ("", " ", ", ")  # between two parts of one expression
REFERENCE = re.compile(r"\{([A-Z]+)\}")


@dataclass(frozen=True, slots=True)
class Expression:
    """A time expression of tokens `[start, end)`, its kind of `KINDS`, and whether the grammar found it."""

    start: int
    end: int
    kind: str
    by_grammar: bool


@dataclass(frozen=True)
class Grammar:
    """The grammar of time expressions: one pattern, whose groups are the kinds."""

    pattern: re.Pattern[str] | None = None

    def matches(self, text: str) -> Iterator[tuple[int, int, str]]:
        """The start, end (code points) and kind of each match."""
        if self.pattern:
            for match in self.pattern.finditer(text):
                yield match.start(), match.end(), str(match.lastgroup).rstrip("_0123456789")

    def kind(self, text: str) -> str:
        """The first of `KINDS` that a text has matches of; else "other"."""
        found = {kind for _, _, kind in self.matches(text)}
        return next((kind for kind in KINDS if kind in found), OTHER)


@lru_cache(maxsize=4)
def read_grammar(text: str) -> Grammar:
    """The grammar in a text; schemas/en/times.tsv explains the format.

    Raises:
        SchemaError: Lines are not patterns; the message names all of them.
    """
    named: dict[str, str] = {}
    kinds: list[tuple[str, str]] = []
    faults: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        try:
            name, pattern, *_ = line.split("\t")
            whole = REFERENCE.sub(lambda reference: named[reference[1]], pattern)
            re.compile(whole)
            if name == name.upper():
                named[name] = whole
            elif name in KINDS:
                kinds.append((f"{name}_{len(kinds)}", whole))
            else:
                raise ValueError(f"{name!r} is not one of {', '.join(KINDS)}")
        except KeyError as error:
            faults.append(f"  line {number}: {error} is not defined above it")
        except (ValueError, re.error) as error:
            faults.append(f"  line {number}: {error}")
    if faults:
        raise SchemaError(f"{len(faults)} lines of times.tsv are not patterns\n" + "\n".join(faults))
    if not kinds:
        return Grammar()
    # a match must not be part of a longer word or number: 555-1234, 2,013
    any_of = "|".join(f"(?P<{name}>{pattern})" for name, pattern in kinds)
    start = f"(?={named['START']})" if "START" in named else ""
    return Grammar(re.compile(rf"(?<![\w/:$€£#-]){start}(?<![0-9][-.,–])(?:{any_of})(?![\w/]|[-–][0-9]|[.,:][0-9])"))


def expressions(doc: Doc, text: str, grammar: Grammar) -> tuple[Expression, ...]:
    """The time expressions in a document, in order and without overlaps.

    An entity and a match of the grammar that overlap are one expression, and so are two with at most a comma between
    them: "Friday" and "night", "May 3, 2013" and "4 p.m.". `text` is the document's text, which is slow to compute.
    """
    found = [
        Expression(*span, kind, True) for *ends, kind in grammar.matches(text) if (span := _tokens(doc, text, *ends))
    ]
    for ent in doc.ents:
        if ent.label_ in ENTITIES:
            lines = split(ent.start, ent.end, lambda i: "\n" in doc[i].text or doc[i].text in "()[]")
            found.extend(Expression(start, end, "", False) for start, end in lines)
    joined: list[Expression] = []
    for one in sorted(found, key=lambda each: (each.start, each.end)):
        if joined and _are_one(doc, text, joined[-1], one):
            joined[-1] = _joined(doc, joined[-1], one)
        else:
            joined.append(one)
    return tuple(_with_kind(doc, _extended(doc, one)) for one in joined)


def _tokens(doc: Doc, text: str, start: int, end: int) -> tuple[int, int] | None:
    """The tokens of a range of text; None if its edges are inside a word."""
    span = doc.char_span(start, end, alignment_mode="expand")
    if span is None:
        return None
    beside = text[span.start_char : start] + text[end : span.end_char]
    return None if any(character.isalnum() for character in beside) else (span.start, span.end)


def split(start: int, end: int, is_separator: Callable[[int], bool]) -> Iterator[tuple[int, int]]:
    """The non-empty ranges between the separators of a range of tokens."""
    for i in range(start, end):
        if is_separator(i):
            if start < i:
                yield start, i
            start = i + 1
    if start < end:
        yield start, end


def _are_one(doc: Doc, text: str, left: Expression, right: Expression) -> bool:
    if right.start < left.end:
        return True
    gap = text[doc[left.end - 1].idx + len(doc[left.end - 1]) : doc[right.start].idx]
    if gap == ", ":  # "Friday, 3 May" and "3 May, 4 p.m.", but not "in March, last week"
        return {left.kind, right.kind} <= WHEN and {left.kind, right.kind} != {"relative"}
    return gap in GAPS


def _joined(doc: Doc, left: Expression, right: Expression) -> Expression:
    kinds = [kind for kind in KINDS if kind in (left.kind, right.kind)]
    start = left.start
    if not left.by_grammar and right.by_grammar and right.kind in WHEN:
        # "scored 20 Thursday night", "stormed the tanker eight hours later"
        wrong = [i for i in range(start, right.start) if doc[i].pos_ in ("NOUN", "PROPN") or doc[i].text.isdigit()]
        start = wrong[-1] + 1 if wrong else start
    return Expression(start, max(left.end, right.end), kinds[0] if kinds else "", left.by_grammar or right.by_grammar)


def _extended(doc: Doc, one: Expression) -> Expression:
    """The expression with adjacent words that place it in time: "late Friday", "three days ago"."""
    start, end = one.start, one.end
    while start and doc[start - 1].lower_ in BEFORE and not doc[start - 1].ent_type_:
        start -= 1
    while end < len(doc) and doc[end].lower_ in AFTER and not doc[end].ent_type_:
        end += 1
    kind = "relative" if (start, end) != (one.start, one.end) and one.kind not in WHEN else one.kind
    return Expression(start, end, kind, one.by_grammar)


def _with_kind(doc: Doc, one: Expression) -> Expression:
    """The expression with a kind even if the grammar found nothing: a bare number is a "figure"."""
    if one.kind:
        return one
    is_figure = all(doc[i].like_num or doc[i].is_stop or not doc[i].is_alpha for i in range(one.start, one.end))
    return Expression(one.start, one.end, FIGURE if is_figure else OTHER, False)
