"""Expressions of time in a parsed document: those of the recogniser and of a grammar, and what each says."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from spacy.tokens import Doc

from labeling.errors import SchemaError

# What an expression says: a date by the calendar, a time by the clock, when in relation to something; how old, how
# often, how long; something else that the recogniser took for a time; a figure alone, which is none.
KINDS = ("calendar", "clock", "relative", "age", "repeated", "lasting", "other", "figure")
WHEN = frozenset({"calendar", "clock", "relative"})
HOW_LONG = frozenset({"repeated", "lasting"})
OTHER, FIGURE = "other", "figure"
ENTITIES = frozenset({"DATE", "TIME"})
BEFORE = frozenset(["last", "next", "this", "early", "late", "earlier", "later"])
AFTER = frozenset(["ago", "later", "earlier", "morning", "afternoon", "evening", "night"])
GAPS = ("", " ", ", ")  # between the parts of one unbroken expression
REFERENCE = re.compile(r"\{([A-Z]+)\}")


@dataclass(frozen=True, slots=True)
class Expression:
    """Tokens `[start, end)` that say when, how long, how often: one of `KINDS`; and whether the grammar found them."""

    start: int
    end: int
    kind: str
    by_grammar: bool


@dataclass(frozen=True)
class Grammar:
    """What expressions of time look like: one pattern for a text, whose groups are the kinds."""

    pattern: re.Pattern[str] | None = None

    def matches(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Start, end and kind of what looks like an expression of time, in characters."""
        if self.pattern:
            for match in self.pattern.finditer(text):
                yield match.start(), match.end(), str(match.lastgroup).rstrip("_0123456789")

    def kind(self, text: str) -> str:
        """What a text says, if it is an expression of time: the first of `KINDS` that stands in it; else "other"."""
        found = {kind for _, _, kind in self.matches(text)}
        return next((kind for kind in KINDS if kind in found), OTHER)


@lru_cache(maxsize=4)
def read_grammar(text: str) -> Grammar:
    """The grammar in a text; schemas/en/times.tsv explains its form.

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
                raise ValueError(f"{name!r} is none of {', '.join(KINDS)}")
        except KeyError as error:
            faults.append(f"  line {number}: {error} is not above it")
        except (ValueError, re.error) as error:
            faults.append(f"  line {number}: {error}")
    if faults:
        raise SchemaError(f"{len(faults)} lines of times.tsv are not patterns\n" + "\n".join(faults))
    if not kinds:
        return Grammar()
    # what is beside a match belongs to a longer word or number: 555-1234, 2,013
    any_of = "|".join(f"(?P<{name}>{pattern})" for name, pattern in kinds)
    start = f"(?={named['START']})" if "START" in named else ""
    return Grammar(re.compile(rf"(?<![\w/:$€£#-]){start}(?<![0-9][-.,–])(?:{any_of})(?![\w/]|[-–][0-9]|[.,:][0-9])"))


def expressions(doc: Doc, text: str, grammar: Grammar) -> tuple[Expression, ...]:
    """The expressions of time in a document, whose text is given since it takes long to make; in order, none overlap.

    An entity and a match of the grammar that overlap are one expression, and so are two with nothing or a comma between
    them, "Friday" and "night", "May 3, 2013" and "4 p.m.".
    """
    found = [
        Expression(*span, kind, True) for *ends, kind in grammar.matches(text) if (span := _tokens(doc, text, *ends))
    ]
    for ent in doc.ents:
        if ent.label_ in ENTITIES:
            found.extend(Expression(start, end, "", False) for start, end in _lines(doc, ent.start, ent.end))
    joined: list[Expression] = []
    for one in sorted(found, key=lambda each: (each.start, each.end)):
        if joined and _are_one(doc, text, joined[-1], one):
            joined[-1] = _joined(doc, joined[-1], one)
        else:
            joined.append(one)
    return tuple(_named(doc, _extended(doc, one)) for one in joined)


def _tokens(doc: Doc, text: str, start: int, end: int) -> tuple[int, int] | None:
    """The tokens of a stretch of text; None where it ends within a word."""
    span = doc.char_span(start, end, alignment_mode="expand")
    if span is None:
        return None
    beside = text[span.start_char : start] + text[end : span.end_char]
    return None if any(character.isalnum() for character in beside) else (span.start, span.end)


def _lines(doc: Doc, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A stretch of tokens, cut at the ends of lines and at brackets."""
    for i in range(start, end):
        if "\n" in doc[i].text or doc[i].text in "()[]":
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
    """With the words at its edges that place it in time: "late Friday", "three days ago"."""
    start, end = one.start, one.end
    while start and doc[start - 1].lower_ in BEFORE and not doc[start - 1].ent_type_:
        start -= 1
    while end < len(doc) and doc[end].lower_ in AFTER and not doc[end].ent_type_:
        end += 1
    kind = "relative" if (start, end) != (one.start, one.end) and one.kind not in WHEN else one.kind
    return Expression(start, end, kind, one.by_grammar)


def _named(doc: Doc, one: Expression) -> Expression:
    """With a kind, also where the grammar found nothing: a figure alone is not a time."""
    if one.kind:
        return one
    is_figure = all(doc[i].like_num or doc[i].is_stop or not doc[i].is_alpha for i in range(one.start, one.end))
    return Expression(one.start, one.end, FIGURE if is_figure else OTHER, False)
