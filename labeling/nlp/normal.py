"""Normal forms of dates and places as attributes of their spans, for English texts."""

import re
from bisect import bisect_right
from typing import Any

from labeling.core.labels import LabeledDoc, Span
from labeling.core.normal import NORMAL
from labeling.core.schema import LabelSchema
from labeling.nlp.dates import Tense, iso
from labeling.nlp.pipelines import ENGLISH
from labeling.nlp.places import countries_in, enclosing, place

# The end of a clause, as far as punctuation tells.
CLAUSE_END = re.compile(r"(?<=[.!?])[\"”’)]*\s+(?=[\"“‘(]*[A-Z0-9])|\n|;")
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
REACH = 300  # characters; a verb further away has nothing to do with a date

# Words that put what follows into the future. Most other verbs of news are in the past.
FUTURE = frozenset(("will", "'ll", "won't", "shall", "due", "scheduled", "upcoming"))
# Modals, plans and conditions, after which the tense is not clear.
OPEN = frozenset(
    """would should could can may might must if unless being expected expects set plan plans planned planning hope
    hopes intends intended aims wants is are""".split()  # noqa: SIM905
)
# Past forms whose objects may lie in the future: "invited both sides to talks on Friday".
PLANNING = frozenset(
    """agreed announced asked called cancelled canceled decided delayed demanded invited moved offered ordered organised
    organized pledged postponed promised proposed rescheduled requested sought suspended threatened urged vowed warned
    wanted""".split()  # noqa: SIM905
)
# Past forms of frequent verbs that do not end in -ed; and words that do, but are not past forms.
IRREGULAR = frozenset(
    """ate became began been blew bought broke brought built burst came caught chose cost cut did drew drove fell felt
    fled flew forced fought found gave got grew had heard held hit kept killed knew laid led left let lost made meant
    met paid put ran rang rose said sang sank sat saw sent shook shot shut slid spent split spoke spread stole stood
    struck swept swore threw told took tore was went were woke won wore wrote""".split()  # noqa: SIM905
)
NO_VERBS = frozenset("united armed hundred need indeed red bed speed feed breed seed weed shed sacred naked".split())  # noqa: SIM905
# Words between a modal and its verb: "will not be lifted".
AUXILIARIES = frozenset(("be", "have", "been", "not", "also", "now", "soon", "only"))
# Words after a "to" that does not start an infinitive: "fled to the border".
NO_INFINITIVE = frozenset(("the", "a", "an", "his", "her", "its", "their", "this", "that", "these", "those", "both"))
# Prepositions after which a day may be in the future even in the past tense: "until Friday".
AHEAD = frozenset(("by", "until", "till", "for", "from", "before", "through"))
# Words between a verb and its date.
SMALL = AHEAD | frozenset(("on", "at", "in", "since", "the", "early", "late", "about", "around", "after"))

# Words before a span that are part of the expression: "within [48 hours]", "in the next [two days]".
LEAD = re.compile(
    r"(?:within|in|(?:the )?(?:next|coming|last|past)) (?:the (?:next|coming|last|past) )?$", re.IGNORECASE
)
LONGEST_LEAD = 20  # characters
APPROXIMATE = re.compile(r"\b(?:almost|nearly|about|around|over|roughly|some|more than|less than) $")
POSSESSIVE = re.compile(r"['’]s\b")


def with_normal_forms(doc: LabeledDoc, schema: LabelSchema) -> LabeledDoc:
    """The document with the normal forms of its dates and places, where they are clear.

    A span of a label whose `normal` is "date" or "place" gets the attribute `{"normal": {"text": ["2024-03-01"]}}` or
    `{"normal": {"text": ["UA 50.45,30.52"]}}`, unless it has a normal form already. Documents in other languages than
    English stay as they are.
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
    """The context of the spans of a document: the countries that it names, and its clauses."""

    def __init__(self, doc: LabeledDoc) -> None:
        self.doc, self.text = doc, doc.text
        self.named = countries_in(f"{doc.title}\n{doc.text}")
        self.ends = [match.end() for match in CLAUSE_END.finditer(doc.text)]

    def place(self, span: Span) -> str:
        """The normal form of a place, by what follows it and by the countries in the article; "" if unclear."""
        within = enclosing(self.text[span.end : span.end + REACH], self.named)
        found = place(self.doc.slice(span), self.named, within)
        return str(found) if found else ""

    def date(self, span: Span) -> str:
        """The normal form of a date, by the words before it and the tense of its clause; "" if unclear."""
        said, published = self.doc.slice(span), self.doc.published
        before, after = self.clause(span)
        if APPROXIMATE.search(before) and said.endswith("ago"):
            return ""
        # "they postponed Sunday's election" does not say when the election is
        when: Tense = "" if POSSESSIVE.search(said) or POSSESSIVE.match(after) else tense(before, after)
        lead = LEAD.search(before[-LONGEST_LEAD:])
        return (lead and iso(f"{lead[0]}{said}", published, when)) or iso(said, published, when)

    def clause(self, span: Span) -> tuple[str, str]:
        """The text before and after a span in its clause."""
        clause = bisect_right(self.ends, span.start)
        start = self.ends[clause - 1] if clause else 0
        end = self.ends[clause] if clause < len(self.ends) else len(self.text)
        return (
            self.text[max(start, span.start - REACH) : span.start],
            self.text[span.end : max(span.end, min(end, span.end + REACH))],
        )


def tense(before: str, after: str) -> Tense:
    """The tense of a clause at a place in it, by its text before and after; "" if unclear.

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
    # the nearest word with a tense before the date, else the first one after it
    found = [_tense_at(left, at, at == len(left) - 1) for at in reversed(range(len(left)))]
    found += [_tense_at(right, at, True) for at in range(len(right))]
    nearest: Tense = next((told for told in found if told is not None), "")
    return "" if is_ahead and nearest == "past" else nearest


def _tense_at(words: list[str], at: int, is_adjacent: bool) -> Tense | None:
    """The tense that a word gives to what follows it, "" if unclear; None if it gives none."""
    word, follows = words[at].casefold(), words[at + 1] if at + 1 < len(words) else ""
    before = (words[i].casefold() for i in reversed(range(at)))
    leads = next((w for w in before if w not in AUXILIARIES), "")  # "will" be lifted, "due" to resume
    is_infinitive = word == "to" and follows.islower() and follows not in NO_INFINITIVE
    is_past = word in IRREGULAR or (word.endswith("ed") and word not in NO_VERBS)
    if word in FUTURE or ((is_infinitive or is_past) and leads in FUTURE):
        return "future"
    is_open = word in OPEN or (word in PLANNING and not is_adjacent) or (is_past and leads in OPEN | {"to"})
    if is_open or is_infinitive:
        return ""
    return "past" if is_past else None
