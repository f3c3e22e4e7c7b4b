"""A parsed document → the spans that may be labelled: where each kind of span could lie, not yet whether it does."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy
from spacy.tokens import Doc

from labeling.core.preannotate import Extent, Preannotate
from labeling.nlp.events.features import Features, code
from labeling.nlp.events.lexicon import Lexicon

# Kinds of spans, each with weights of its own.
KINDS = (
    *("action verb", "action noun", "action state", "actor name", "actor noun", "actor pronoun"),
    *("location name", "location noun", "date name"),
)
NAMES = frozenset({"PERSON", "ORG", "NORP", "GPE", "FAC", "LOC", "PRODUCT", "WORK_OF_ART", "EVENT", "LAW"})
DATES = frozenset({"DATE", "TIME"})
NOUN, PROPN, VERB, ADJ, PRON = map(code, ("NOUN", "PROPN", "VERB", "ADJ", "PRON"))
WITH_ARTICLE = re.compile(r"(the|a|an)\s+", re.IGNORECASE)
POSSESSIVE = ("'s", "’s")
EDGE = " \t\n\"'“”‘’.,;:()[]-–—"
PREPOSITIONS = frozenset("on in at of since from until by for during before after".split())
PLACED = frozenset("of in at near on".split())
MODIFIERS = frozenset({"compound", "amod", "nmod"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stretch of tokens `[start, end)`, whose head token decides how likely it is a span of its kind."""

    kind: str
    head: int
    start: int
    end: int


class Finder:
    """Finds candidates as a schema wants them."""

    def __init__(self, settings: Preannotate, lexicon: Lexicon) -> None:
        self.settings = settings
        self.reporting = lexicon.named("reporting_verbs")
        self.states = lexicon.named("state_verbs")
        self.quantities = lexicon.named("quantity_adjectives")
        self.kinds = frozenset(self._kinds())

    def _kinds(self) -> Iterator[str]:
        wanted = self.settings
        if wanted.action:
            yield "action verb"
            yield from ("action noun",) if wanted.event_nouns else ()
            yield from ("action state",) if wanted.states else ()
        if wanted.actor:
            yield "actor name"
            yield from ("actor noun",) if wanted.nominal_actors else ()
            yield from ("actor pronoun",) if wanted.pronouns else ()
        if wanted.location:
            yield from ("location name", "location noun")
        if wanted.date:
            yield "date name"

    def label(self, kind: str) -> str:
        """The label that spans of a kind have."""
        part = kind.split()[0]
        return str(getattr(self.settings, part))

    def __call__(self, doc: Doc, features: Features, likely: Any = None) -> Iterator[Candidate]:
        """The candidates in a document.

        Args:
            doc: A document with tags, a parse and entities.
            features: What is known of its tokens.
            likely: Which tokens are worth a look for each of `KINDS`, shape (n, kinds); None looks at all of them.
        """
        names = [ent for ent in doc.ents if ent.label_ in NAMES]
        in_name = numpy.zeros(len(doc), dtype=bool)
        for ent in names:
            in_name[ent.start : ent.end] = True
        pos = features.pos
        nouns = ((pos == NOUN) | (pos == PROPN)) & ~in_name
        heads = {
            "action verb": pos == VERB,
            "action noun": (pos == NOUN) | (pos == PROPN),
            "action state": pos == ADJ,
            "actor noun": nouns,
            "actor pronoun": (pos == PRON),
            "location noun": nouns,
        }
        for column, kind in enumerate(KINDS):
            if kind not in self.kinds or kind not in heads:
                continue
            found = heads[kind] if likely is None else heads[kind] & likely[:, column]
            for head in numpy.flatnonzero(found).tolist():
                yield from self._at(doc, features, kind, head)
        for ent in doc.ents:
            if ent.label_ in NAMES:
                kinds = ("actor name", "location name")
            elif ent.label_ in DATES:
                kinds = ("date name",)
            else:
                continue
            for kind in kinds:
                if kind in self.kinds:
                    yield from self._name(doc, kind, ent.start, ent.end, likely)

    def _at(self, doc: Doc, features: Features, kind: str, head: int) -> Iterator[Candidate]:
        """The candidate of a kind around a token; none where the schema does not want it."""
        if kind == "action verb":
            lemma = doc[head].lemma_.lower()
            unwanted = (not self.settings.reporting_verbs and lemma in self.reporting) or (
                not self.settings.states and lemma in self.states
            )
            if not unwanted:
                is_phrasal = head + 1 < len(doc) and doc[head + 1].dep_ == "prt" and features.heads[head + 1] == head
                yield Candidate(kind, head, head, head + 1 + is_phrasal)
            return
        if kind in ("action state", "actor pronoun"):
            yield Candidate(kind, head, head, head + 1)
            return
        extent = "head" if kind == "action noun" else self.extent(kind)
        start, end = head, head + 1
        if extent == "head":
            start -= head in features.pairs
        else:
            start = self._group(doc, features, head)
            if extent == "phrase":
                start, end = self._phrase(doc, start, head)
        yield Candidate(kind, head, start, end)

    def extent(self, kind: str) -> Extent:
        """How far spans of a kind reach."""
        return self.settings.extents.get(self.label(kind), "group")

    def _group(self, doc: Doc, features: Features, head: int) -> int:
        """The first token of a noun with the adjectives and nouns before it that say which group it is."""
        start = head
        while start and features.heads[start - 1] in range(start, head + 1):
            token = doc[start - 1]
            if token.dep_ not in MODIFIERS or token.tag_ in ("CD", "VBG", "VBN", "_SP"):
                break
            if token.dep_ == "amod" and token.lower_ in self.quantities:
                break
            start -= 1
        return start

    def _phrase(self, doc: Doc, start: int, head: int) -> tuple[int, int]:
        """A noun with all that belongs to it: before it but for the article, and prepositions with their nouns."""
        left = min((t.i for t in doc[head].subtree), default=start)
        while left < start and doc[left].dep_ in ("det", "predet", "punct", "cc", "mark", "prep", "advmod"):
            left += 1
        if any("\n" in doc[i].text for i in range(left, start)):
            left = start
        return min(left, start), self._right(doc, head, head + 1)

    def _right(self, doc: Doc, head: int, end: int) -> int:
        """The token behind the prepositional phrases and names of places that follow a noun."""
        for child in doc[head].rights:
            if child.i == end and child.dep_ == "prep" and child.lower_ in PLACED:
                inner = next((c.i for c in child.rights if c.dep_ == "pobj"), None)
                if inner is None or any("\n" in doc[i].text for i in range(end, inner)):
                    return end
                end = self._right(doc, inner, inner + 1)
        after = end + 1
        if after < len(doc) and doc[end].text == "," and doc[after].ent_iob_ == "B" and doc[after].ent_type_ == "GPE":
            end = next(ent.end for ent in doc.ents if ent.start == after)
        return end

    def _name(self, doc: Doc, kind: str, start: int, end: int, likely: Any) -> Iterator[Candidate]:
        """A name without article, possessive and the punctuation at its edges, and up to the line's end."""
        for i in range(start, end):
            if "\n" in doc[i].text:
                end = i
                break
        while start < end and (doc[start].text in EDGE or (start + 1 < end and doc[start].lower_ in ("the", "a", "an"))):
            start += 1
        while start < end and (doc[end - 1].text in EDGE or (start + 1 < end and doc[end - 1].text in POSSESSIVE)):
            end -= 1
        if start >= end:
            return
        column = KINDS.index(kind)
        for first, last in self._dates(doc, start, end) if kind == "date name" else ((start, end),):
            head = doc[first:last].root.i
            if likely is None or likely[head, column]:
                if kind == "location name" and self.extent(kind) == "phrase":
                    last = self._right(doc, head, last)
                yield Candidate(kind, head, first, last)

    def _dates(self, doc: Doc, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The expressions on both sides of a preposition: "6 a.m. on Friday" is two."""
        first = start
        for i in range(start, end):
            if self.extent("date name") != "phrase" and doc[i].lower_ in PREPOSITIONS and doc[i].dep_ == "prep":
                if i > first:
                    yield first, i
                first = i + 1
        if first < end:
            yield first, end

