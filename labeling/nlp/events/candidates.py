"""A parsed document → the spans that may be labelled: where each kind of span could lie, not yet whether it does."""

from collections.abc import Iterator
from dataclasses import dataclass
from unicodedata import category

import numpy
from numpy.typing import NDArray
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
ACTORS, PLACES = frozenset({"PERSON", "ORG", "NORP"}), frozenset({"GPE", "LOC", "FAC"})
SURELY = 0.5
DATES = frozenset({"DATE", "TIME"})
NOUN, PROPN, VERB, ADJ, PRON = map(code, ("NOUN", "PROPN", "VERB", "ADJ", "PRON"))
ARTICLES = frozenset({"the", "a", "an"})
POSSESSIVE = ("'s", "’s")
HYPHENS = frozenset("-‐‑–")
EDGE = " \t\n\"'“”‘’.,;:()[]-–—"
PREPOSITIONS = frozenset(["on", "in", "at", "of", "since", "from", "until", "by", "for", "during", "before", "after"])
ABOUT = frozenset(
    ["about", "around", "approximately", "roughly", "nearly", "almost", "some", "just", "only", "at", "by"]
)
BEFORE_DATES = frozenset(["last", "next", "this", "early", "late", "earlier", "later"])
AFTER_DATES = frozenset(["ago", "later", "earlier", "morning", "afternoon", "evening", "night"])
PLACED = frozenset(["of", "in", "at", "near", "on"])
MODIFIERS = frozenset({"compound", "amod", "nmod"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stretch of tokens `[start, end)`, whose head token decides how likely it is a span of its kind."""

    kind: str
    head: int
    start: int
    end: int


def _whole(doc: Doc, start: int) -> int:
    """The first token of the hyphenated word that a token ends: of "co-workers", which is three tokens."""
    while (
        start > 1 and doc[start - 1].text in HYPHENS and not (doc[start - 1].whitespace_ or doc[start - 2].whitespace_)
    ):
        start -= 2
    return start


def _is_edge(text: str) -> bool:
    """Whether a token is no part of a name where it stands at its edge: a mark, or a pictogram."""
    return text in EDGE or _is_pictogram(text)


def _is_pictogram(text: str) -> bool:
    return any(category(character) == "So" for character in text)


Extents = dict[int, tuple[int, int]]


class Finder:
    """Says where spans could lie, as a schema wants them."""

    def __init__(self, settings: Preannotate, lexicon: Lexicon) -> None:
        self.settings = settings
        reporting = frozenset() if settings.reporting_verbs else lexicon.named("reporting_verbs")
        self.unwanted = reporting | (frozenset() if settings.states else lexicon.named("state_verbs"))
        self.light = lexicon.named("light_verbs") | lexicon.named("aspect_verbs")
        self.quantities = lexicon.named("quantity_adjectives")
        said = settings.nominal_places
        self.nominal_places = settings.nominal_actors if said is None else said
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
        part = kind.split(maxsplit=1)[0]
        return str(getattr(self.settings, part))

    def heads(self, doc: Doc, features: Features) -> tuple[NDArray[numpy.bool_], Extents]:
        """Which tokens could head a span of each of `KINDS`, shape (n, kinds); and names' extents, by their heads."""
        in_name = numpy.zeros(len(doc), dtype=bool)
        names: Extents = {}
        found = numpy.zeros((len(doc), len(KINDS)), dtype=bool)
        for ent in doc.ents:
            if ent.label_ in NAMES:
                in_name[ent.start : ent.end] = True
                for start, end in self._name(doc, ent.start, ent.end):
                    head = doc[start:end].root.i
                    names[head] = (start, end)
                    found[head, [KINDS.index("actor name"), KINDS.index("location name")]] = True
        for start, end in self._dates(doc):
            head = doc[start:end].root.i
            names[head] = (start, end)
            found[head, KINDS.index("date name")] = True
        pos = features.pos
        is_noun = (pos == NOUN) | (pos == PROPN)
        found[:, KINDS.index("action verb")] = pos == VERB
        found[:, KINDS.index("action noun")] = is_noun
        found[:, KINDS.index("action state")] = pos == ADJ
        found[:, KINDS.index("actor noun")] = is_noun & ~in_name
        found[:, KINDS.index("location noun")] = (is_noun if self.nominal_places else pos == PROPN) & ~in_name
        found[:, KINDS.index("actor pronoun")] = pos == PRON
        for head in numpy.flatnonzero(pos == VERB).tolist():
            if doc[head].lemma_.lower() in self.unwanted:
                found[head] = False
        found[:, [column for column, kind in enumerate(KINDS) if kind not in self.kinds]] = False
        return found, names

    def surest_names(self, doc: Doc, names: Extents, probabilities: NDArray[numpy.float32]) -> NDArray[numpy.bool_]:
        """The kind that each name rather is: what the recogniser says, unless its place in the sentence is telling."""
        found = numpy.zeros_like(probabilities, dtype=bool)
        actor, location = KINDS.index("actor name"), KINDS.index("location name")
        for head in names:
            acts, is_place = probabilities[head, actor], probabilities[head, location]
            if doc[head].ent_type_ in ACTORS:
                found[head, location if is_place >= SURELY and is_place > acts else actor] = True
            elif doc[head].ent_type_ in PLACES:
                found[head, actor if acts >= SURELY and acts > is_place else location] = True
        return found

    def at(self, doc: Doc, features: Features, names: Extents, kind: str, head: int) -> Candidate:
        """The candidate of a kind around its head."""
        start, end = head, head + 1
        if kind == "action verb":
            end += end < len(doc) and doc[end].dep_ == "prt" and features.heads[end] == head
        elif kind == "action noun":
            start -= head in features.pairs
        elif kind == "location name":
            start, end = names[head]
            end = self._right(doc, head, end) if self.extent(kind) == "phrase" else end
        elif kind in ("actor name", "date name"):
            start, end = names[head]
        elif kind in ("actor noun", "location noun"):
            extent = self.extent(kind)
            start = start - (head in features.pairs) if extent == "head" else self._group(doc, features, head)
            if extent == "phrase":
                start, end = self._phrase(doc, start, head)
        return Candidate(kind, head, _whole(doc, start), end)

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
            if _is_pictogram(token.text) or (token.dep_ == "amod" and token.lower_ in self.quantities):
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

    def _name(self, doc: Doc, start: int, end: int) -> Iterator[tuple[int, int]]:
        """A name without article, possessive and punctuation at its edges, up to the line's end."""
        end = next((i for i in range(start, end) if "\n" in doc[i].text), end)
        while start < end and (_is_edge(doc[start].text) or (start + 1 < end and doc[start].lower_ in ARTICLES)):
            start += 1
        while start < end and (_is_edge(doc[end - 1].text) or (start + 1 < end and doc[end - 1].text in POSSESSIVE)):
            end -= 1
        if start < end:
            yield start, end

    def _dates(self, doc: Doc) -> Iterator[tuple[int, int]]:
        """Expressions of time: "Friday" and "night" are one, "6 a.m. on Friday" is two."""
        joined: list[tuple[int, int]] = []
        for ent in doc.ents:
            if ent.label_ in DATES:
                start = joined.pop()[0] if joined and joined[-1][1] == ent.start else ent.start
                while start and doc[start - 1].lower_ in BEFORE_DATES and not doc[start - 1].ent_type_:
                    start -= 1
                end = ent.end
                while end < len(doc) and doc[end].lower_ in AFTER_DATES and not doc[end].ent_type_:
                    end += 1
                joined.append((start, end))
        for start, end in (each for pair in joined for each in self._name(doc, *pair)):
            if self.extent("date name") == "phrase":
                yield start, end
                continue
            first = start
            while first + 1 < end and doc[first].lower_ in ABOUT:
                first += 1
            for i in range(first, end):
                if doc[i].lower_ in PREPOSITIONS and doc[i].dep_ == "prep":
                    if first < i:
                        yield first, i
                    first = i + 1
            if first < end:
                yield first, end
