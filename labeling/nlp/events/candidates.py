"""A parsed document → the spans that may be labelled: where each kind of span could lie, not yet whether it does."""

from collections.abc import Iterator
from dataclasses import dataclass
from unicodedata import category

import numpy
from numpy.typing import NDArray
from spacy.attrs import LOWER
from spacy.tokens import Doc

from labeling.core.preannotate import Extent, Preannotate
from labeling.nlp.events import times
from labeling.nlp.events.carriers import Carriers
from labeling.nlp.events.features import AT, Features, code
from labeling.nlp.events.features import NAMES as FEATURE_NAMES
from labeling.nlp.events.lexicon import Lexicon

# Kinds of spans, each with weights of its own.
KINDS = (
    *("action verb", "action noun", "action state", "actor name", "actor noun", "actor pronoun"),
    *("location name", "location noun", "date name"),
)
NAMES = frozenset({"PERSON", "ORG", "NORP", "GPE", "FAC", "LOC", "PRODUCT", "WORK_OF_ART", "EVENT", "LAW"})
ACTORS, PLACES = frozenset({"PERSON", "ORG", "NORP"}), frozenset({"GPE", "LOC", "FAC"})
SAYING_WHERE = PLACES | {"NORP"}
SURELY = 0.5
NOUN, PROPN, VERB, ADJ, PRON = map(code, ("NOUN", "PROPN", "VERB", "ADJ", "PRON"))
ARTICLES = frozenset({"the", "a", "an"})
POSSESSIVE = ("'s", "’s")
APOSTROPHES = "'’"
CONJUNCTIONS = frozenset({"and", "or", "&"})
HYPHENS = frozenset("-‐‑–")
EDGE = " \t\n\"'“”‘’.,;:()[]-–—"
PREPOSITIONS = frozenset(["on", "in", "at", "of", "since", "from", "until", "by", "for", "during", "before", "after"])
ABOUT = frozenset(
    ["about", "around", "approximately", "roughly", "nearly", "almost", "some", "just", "only", "at", "by"]
)
PLACED = frozenset(["of", "in", "at", "near", "on"])
COMPOUND, AMOD = code("compound"), code("amod")
CALENDAR = AT["time calendar"]
KNOWN, STORMED, DATELINE = AT["known place"], AT["object of place_verbs"], AT["dateline"]
ROLE = FEATURE_NAMES.index("role prep")
INSIDE = frozenset(["in", "near", "into", "across", "outside", "inside", "through", "off", "within", "along"])
WHERE = numpy.array([code(word) for word in INSIDE], dtype=numpy.uint64)
UNKNOWN = AT["unknown noun"]
WHO, TIME, HYPHEN = [AT["noun person"], AT["noun group"]], AT["noun time"], AT["hyphen"]
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


def _grown(doc: Doc, features: Features, start: int, end: int) -> tuple[int, int]:
    """A name with the names beside it that are one with it in the parse, and are no words: "Idris" before "Hassan"."""

    def is_name(i: int) -> bool:
        is_free = features.pos[i] == PROPN and not doc[i].ent_type_ and "\n" not in doc[max(i - 1, 0)].text
        return bool(is_free and features.numbers[i, UNKNOWN])

    while start and is_name(start - 1) and features.dep[start - 1] == COMPOUND:
        if features.heads[start - 1] not in range(start, end):
            break
        start -= 1
    while end < len(doc) and is_name(end) and features.dep[end - 1] == COMPOUND and features.heads[end - 1] == end:
        end += 1
    return start, end


Extents = dict[int, tuple[int, int]]


class Finder:
    """Says where spans could lie, as a schema wants them."""

    def __init__(self, settings: Preannotate, lexicon: Lexicon) -> None:
        self.settings = settings
        reporting = frozenset() if settings.reporting_verbs else lexicon.named("reporting_verbs")
        self.unwanted = reporting | (frozenset() if settings.states else lexicon.named("state_verbs"))
        self.carriers, self.grammar = Carriers(lexicon), lexicon.grammar
        self.said = times.WHEN | {times.OTHER} | (times.HOW_LONG if settings.durations else frozenset())
        self.quantities = lexicon.named("quantity_adjectives") | ARTICLES
        self.fragments, self.titles = lexicon.named("fragments"), lexicon.named("titles")
        self.fragment_codes = numpy.array([code(word) for word in self.fragments], dtype=numpy.uint64)
        self.directions, self.particles = lexicon.named("directions"), lexicon.named("particles")
        self.phrasal = lexicon.named("phrasal_verbs")
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
                first, last = _grown(doc, features, ent.start, ent.end)
                in_name[first:last] = True
                for start, end in self._name(doc, first, last):
                    head = doc[start:end].root.i
                    names[head] = (start, end)
                    found[head, [KINDS.index("actor name"), KINDS.index("location name")]] = True
        for start, end in self._dates(doc, features):
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
            if doc[head].lemma_.lower() in self.unwanted or self.carriers.helps(doc[head]):
                found[head] = False
        # "an award-winning author"
        found[(features.dep == AMOD) & (features.numbers[:, HYPHEN] > 0), KINDS.index("action verb")] = False
        # "quakes rocked Izmir", "LA PAZ, Bolivia —", "near Salem"
        stands = (features.numbers[:, [STORMED, DATELINE]] > 0).any(axis=1) | numpy.isin(features.names[ROLE], WHERE)
        found[(features.numbers[:, KNOWN] > 0) & stands, KINDS.index("actor name")] = False
        suspects = numpy.isin(doc.to_array([LOWER]).ravel(), self.fragment_codes)
        for head in numpy.flatnonzero(suspects).tolist():
            if self._is_fragment(doc, head):
                found[head] = False
        found[:, [column for column, kind in enumerate(KINDS) if kind not in self.kinds]] = False
        return found, names

    def _is_fragment(self, doc: Doc, i: int) -> bool:
        """Whether a token is what a tokenizer left of a word: "’m", "re-", "s" of "Omar’ s", "weren" of "weren’ t"."""
        text = doc[i].lower_
        if text not in self.fragments:
            return False
        follows = i > 0 and doc[i - 1].text[-1] in APOSTROPHES
        return not text.isalpha() or follows or (i + 1 < len(doc) and doc[i + 1].text[0] in APOSTROPHES)

    def surest_names(
        self, doc: Doc, features: Features, names: Extents, probabilities: NDArray[numpy.float32]
    ) -> NDArray[numpy.bool_]:
        """The kind that each name rather is: what the recogniser says, unless its place in the sentence is telling.

        What the grammar takes for a date by the calendar is one. None where a nationality or a place only says which
        one a noun is: "the Nigerian minister", "Danube ports".
        """
        found = numpy.zeros_like(probabilities, dtype=bool)
        found[list(names), KINDS.index("date name")] = features.numbers[list(names), CALENDAR] > 0
        actor, location = KINDS.index("actor name"), KINDS.index("location name")
        for head in names:
            acts, is_place = probabilities[head, actor], probabilities[head, location]
            if doc[head].dep_ in MODIFIERS and doc[head].ent_type_ in SAYING_WHERE:
                continue
            if doc[head].ent_type_ in ACTORS:
                found[head, location if (is_place >= SURELY and is_place > acts) or not acts else actor] = True
            elif doc[head].ent_type_ in PLACES:
                found[head, actor if acts >= SURELY and acts > is_place else location] = True
        return found

    def at(self, doc: Doc, features: Features, names: Extents, kind: str, head: int) -> Candidate:
        """The candidate of a kind around its head."""
        start, end = head, head + 1
        if kind == "action verb":
            end += end < len(doc) and self._is_one(doc, features, head, end)
        elif kind == "action noun":
            start = (
                self._event(doc, features, head) if self.extent(kind) == "group" else head - (head in features.pairs)
            )
        elif kind == "location name":
            start, end = names[head]
            start -= (
                start > 0
                and doc[start - 1].lower_ in self.directions
                and features.heads[start - 1] in range(start, end)
            )
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
        return self.settings.extents.get(self.label(kind), "head" if kind.startswith("action") else "group")

    def _is_one(self, doc: Doc, features: Features, head: int, after: int) -> bool:
        """Whether a verb is one action with the word behind it: "broke off", "walked out", "opened fire"."""
        word = doc[after]
        if features.heads[after] != head:
            return False
        if word.dep_ == "prt" or (word.dep_ == "advmod" and word.lower_ in self.particles) or word.lower_ == "out":
            return True
        return f"{doc[head].lemma_.lower()} {word.lower_}" in self.phrasal

    def _event(self, doc: Doc, features: Features, head: int) -> int:
        """The first token of an event noun with the nouns before it that say what it is about, not who acts."""
        start = head
        while start and features.heads[start - 1] in range(start, head + 1) and features.pos[start - 1] == NOUN:
            numbers = features.numbers[start - 1]
            says_who = numbers[WHO].sum() >= SURELY
            if features.dep[start - 1] != COMPOUND or says_who or numbers[TIME] >= SURELY:
                break
            if numbers[HYPHEN] or not doc[start - 1].is_alpha:
                break
            start -= 1
        return min(start, head - (head in features.pairs))

    def _group(self, doc: Doc, features: Features, head: int) -> int:
        """The first token of a noun with the adjectives and nouns before it that say which group it is."""
        start = head
        while start and features.heads[start - 1] in range(start, head + 1):
            token = doc[start - 1]
            if features.pos[head] == PROPN and token.pos_ != "PROPN":
                break  # "rail operator SNCB" is a name with what it is
            if token.dep_ not in MODIFIERS or token.tag_ in ("CD", "VBG", "VBN", "_SP"):
                break
            if _is_pictogram(token.text) or token.lower_ in self.quantities or self._is_fragment(doc, start - 1):
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
        while start < end and (
            _is_edge(doc[start].text)
            or self._is_fragment(doc, start)
            or (start + 1 < end and (doc[start].lower_ in ARTICLES or doc[start].lower_ in self.titles))
        ):
            start += 1
        while start < end and (
            _is_edge(doc[end - 1].text)
            or (start + 1 < end and (doc[end - 1].text in POSSESSIVE or doc[end - 1].lower_ in CONJUNCTIONS))
        ):
            end -= 1
        if start < end and not (start + 1 == end and doc[start].lower_ in self.titles):
            yield start, end

    def _dates(self, doc: Doc, features: Features) -> Iterator[tuple[int, int]]:
        """Expressions of time: "Friday" and "night" are one, "6 a.m. on Friday" is two."""
        said = [(one.start, one.end) for one in features.times if one.kind in self.said]
        for start, end in (each for pair in said for each in self._name(doc, *pair)):
            if self.extent("date name") == "phrase":
                yield start, end
                continue
            pieces = list(_pieces(doc, start, end))
            for piece in pieces:
                if len(pieces) == 1 or self.grammar.kind(doc[piece[0] : piece[1]].text) in self.said:
                    yield piece


def _pieces(doc: Doc, start: int, end: int) -> Iterator[tuple[int, int]]:
    """An expression of time without "about", cut at its prepositions."""
    while start + 1 < end and doc[start].lower_ in ABOUT:
        start += 1
    for i in range(start, end):
        if doc[i].lower_ in PREPOSITIONS and doc[i].dep_ == "prep":
            if start < i:
                yield start, i
            start = i + 1
    if start < end:
        yield start, end
