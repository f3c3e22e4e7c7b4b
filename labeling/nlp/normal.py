"""Normal forms of dates and places, as attributes of their spans."""

import re
from bisect import bisect_right
from typing import Any

from labeling.core.labels import LabeledDoc, Span
from labeling.core.normal import NORMAL
from labeling.core.schema import LabelSchema
from labeling.nlp.dates import Tense, iso
from labeling.nlp.pipelines import ENGLISH
from labeling.nlp.places import countries_in, enclosing, place

# Where a sentence or a part of it ends that has a verb of its own.
CLAUSE_END = re.compile(r"(?<=[.!?])[\"”’)]*\s+(?=[\"“‘(]*[A-Z0-9])|\n|;")
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
REACH = 300  # characters; a verb further off says nothing of a date

# What tells the tense of what follows it. News tells of the past, save where it says so.
FUTURE = frozenset(("will", "'ll", "won't", "shall", "due", "scheduled", "upcoming"))
# What follows may or may not have happened: modals, infinitives, plans, conditions.
OPEN = frozenset(
    """would should could can may might must if unless being expected expects set plan plans planned planning hope
    hopes intends intended aims wants is are""".split()  # noqa: SIM905
)
# They are past, but what stands behind them can lie ahead: "invited both sides to talks on Friday".
PLANNING = frozenset(
    """agreed announced asked called cancelled canceled decided delayed demanded invited moved offered ordered organised
    organized pledged postponed promised proposed rescheduled requested sought suspended threatened urged vowed warned
    wanted""".split()  # noqa: SIM905
)
# Past forms of frequent verbs that do not end in -ed, and words that do and are none.
IRREGULAR = frozenset(
    """ate became began been blew bought broke brought built burst came caught chose cost cut did drew drove fell felt
    fled flew forced fought found gave got grew had heard held hit kept killed knew laid led left let lost made meant
    met paid put ran rang rose said sang sank sat saw sent shook shot shut slid spent split spoke spread stole stood
    struck swept swore threw told took tore was went were woke won wore wrote""".split()  # noqa: SIM905
)
NO_VERBS = frozenset("united armed hundred need indeed red bed speed feed breed seed weed shed sacred naked".split())  # noqa: SIM905
# They stand between a modal and its verb: "will not be lifted".
AUXILIARIES = frozenset(("be", "have", "been", "not", "also", "now", "soon", "only"))
# Behind "to", they begin no infinitive: "fled to the border".
NO_INFINITIVE = frozenset(("the", "a", "an", "his", "her", "its", "their", "this", "that", "these", "those", "both"))
# Before a day to come as well as a past one: "until Friday".
AHEAD = frozenset(("by", "until", "till", "for", "from", "before", "through"))
# Before a date, without keeping it apart from its verb.
SMALL = AHEAD | frozenset(("on", "at", "in", "since", "the", "early", "late", "about", "around", "after"))

# Words before a span that belong to what it says: "within [48 hours]", "in the next [two days]".
LEAD = re.compile(
    r"(?:within|in|(?:the )?(?:next|coming|last|past)) (?:the (?:next|coming|last|past) )?$", re.IGNORECASE
)
LONGEST_LEAD = 20  # characters
APPROXIMATE = re.compile(r"\b(?:almost|nearly|about|around|over|roughly|some|more than|less than) $")
POSSESSIVE = re.compile(r"['’]s\b")


def with_normal_forms(doc: LabeledDoc, schema: LabelSchema) -> LabeledDoc:
    """The document, with the normal forms of its dates and places where they can be told.

    A span of a label whose `normal` is "date" or "place" gets the attribute `{"normal": {"text": ["2024-03-01"]}}` or
    `{"normal": {"text": ["UA 50.45,30.52"]}}`; a span that has one keeps it. Only English is read.
    """
    wanted = {name: label.normal for name, label in schema.labels.items() if label.normal}
    if schema.language != ENGLISH or not any(span.label in wanted for span in doc.spans):
        return doc
    article = _Article(doc)
    spans = []
    for span in doc.spans:
        form = ""
        if NORMAL not in span.attributes and span.label in wanted:
            form = article.date(span) if wanted[span.label] == "date" else article.place(span)
        attributes: dict[str, Any] = {NORMAL: {"text": [form]}}
        spans.append(span.model_copy(update={"attributes": span.attributes | attributes}) if form else span)
    return doc.model_copy(update={"spans": tuple(spans)})


class _Article:
    """What the whole article says of each of its spans."""

    def __init__(self, doc: LabeledDoc) -> None:
        self.doc, self.text = doc, doc.text
        self.named = countries_in(f"{doc.title}\n{doc.text}")
        self.ends = [match.end() for match in CLAUSE_END.finditer(doc.text)]

    def place(self, span: Span) -> str:
        """Country and coordinates; the country behind a name and a comma is where it lies."""
        within = enclosing(self.text[span.end : span.end + REACH], self.named)
        found = place(self.doc.slice(span), self.named, within)
        return str(found) if found else ""

    def date(self, span: Span) -> str:
        """The date, by the words before it and the tense of its clause."""
        said, published = self.doc.slice(span), self.doc.published
        before, after = self.clause(span)
        if APPROXIMATE.search(before) and said.endswith("ago"):
            return ""
        # "they postponed Sunday's election" says nothing of when the election is
        when: Tense = "" if POSSESSIVE.search(said) or POSSESSIVE.match(after) else tense(before, after)
        lead = LEAD.search(before[-LONGEST_LEAD:])
        return (lead and iso(f"{lead[0]}{said}", published, when)) or iso(said, published, when)

    def clause(self, span: Span) -> tuple[str, str]:
        """What stands before and after a span in its clause."""
        clause = bisect_right(self.ends, span.start)
        start = self.ends[clause - 1] if clause else 0
        end = self.ends[clause] if clause < len(self.ends) else len(self.text)
        return (
            self.text[max(start, span.start - REACH) : span.start],
            self.text[span.end : max(span.end, min(end, span.end + REACH))],
        )


def tense(before: str, after: str) -> Tense:
    """Whether a clause tells of the past or the future at some place in it, by its text before and after; "" unsure.

    >>> tense("Rebels freed four workers on ", "")
    'past'
    >>> tense("A court will rule on ", " whether they stay in custody.")
    'future'
    >>> tense("Pretoria invited both sides to talks on ", "")
    ''
    """
    left, right = WORD.findall(before), WORD.findall(after)
    is_ahead = bool(left) and left[-1].casefold() in AHEAD
    while left and left[-1].casefold() in SMALL:
        left.pop()
    # the nearest word that tells: before the date, else behind it
    found = [_tense_at(left, at, at == len(left) - 1) for at in reversed(range(len(left)))]
    found += [_tense_at(right, at, True) for at in range(len(right))]
    nearest: Tense = next((told for told in found if told is not None), "")
    return "" if is_ahead and nearest == "past" else nearest


def _tense_at(words: list[str], at: int, is_adjacent: bool) -> Tense | None:
    """What a word says of the tense of what follows it, and None where it says nothing."""
    word, follows = words[at].casefold(), words[at + 1] if at + 1 < len(words) else ""
    before = (words[i].casefold() for i in reversed(range(at)))
    leads = next(
        (w for w in before if w not in AUXILIARIES), ""
    )  # "will" of "will be lifted", "due" of "due to resume"
    is_infinitive = word == "to" and follows.islower() and follows not in NO_INFINITIVE
    is_past = word in IRREGULAR or (word.endswith("ed") and word not in NO_VERBS)
    if word in FUTURE or ((is_infinitive or is_past) and leads in FUTURE):
        return "future"
    is_open = word in OPEN or (word in PLANNING and not is_adjacent) or (is_past and leads in OPEN | {"to"})
    if is_open or is_infinitive:
        return ""
    return "past" if is_past else None
