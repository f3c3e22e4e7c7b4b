"""A parsed document → candidate spans of each kind, which are scored elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc

from labeling.core.preannotate import Extent, Preannotate
from labeling.nlp.events import times
from labeling.nlp.events.carriers import Carriers
from labeling.nlp.events.edges import MODIFIERS, SURELY, Edges, grown, pieces, whole
from labeling.nlp.events.features import AT, Features
from labeling.nlp.events.features import NAMES as FEATURE_NAMES
from labeling.nlp.events.lexicon import Lexicon
from labeling.nlp.hashes import hash_of

# Kinds of spans; each has its own weights.
KINDS = (
    *("action verb", "action noun", "action state", "actor name", "actor noun", "actor pronoun"),
    *("location name", "location noun", "date name"),
)
NAMES = frozenset({"PERSON", "ORG", "NORP", "GPE", "FAC", "LOC", "PRODUCT", "WORK_OF_ART", "EVENT", "LAW"})
ACTORS, PLACES = frozenset({"PERSON", "ORG", "NORP"}), frozenset({"GPE", "LOC", "FAC"})
SAYING_WHERE = PLACES | {"NORP"}
NOUN, PROPN, VERB, ADJ, PRON = map(hash_of, ("NOUN", "PROPN", "VERB", "ADJ", "PRON"))
AMOD = hash_of("amod")
CALENDAR = AT["time calendar"]
KNOWN, STORMED, DATELINE = AT["known place"], AT["object of place_verbs"], AT["dateline"]
ROLE = FEATURE_NAMES.index("role prep")
INSIDE = frozenset(["in", "near", "into", "across", "outside", "inside", "through", "off", "within", "along"])
WHERE = numpy.array([hash_of(word) for word in INSIDE], dtype=numpy.uint64)
HYPHEN = AT["hyphen"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate span of tokens `[start, end)`; its score is that of its head token for its kind."""

    kind: str
    head: int
    start: int
    end: int


NameBounds = dict[int, tuple[int, int]]


class Finder:
    """Finds candidate spans, as a schema's settings ask for."""

    def __init__(self, settings: Preannotate, lexicon: Lexicon) -> None:
        self.settings = settings
        reporting = frozenset() if settings.reporting_verbs else lexicon.named("reporting_verbs")
        self.unwanted = reporting | (frozenset() if settings.states else lexicon.named("state_verbs"))
        self.carriers, self.grammar = Carriers(lexicon), lexicon.grammar
        self.time_kinds = times.WHEN | {times.OTHER} | (times.HOW_LONG if settings.durations else frozenset())
        self.edges = Edges(lexicon)
        self.fragments = numpy.array([hash_of(word) for word in self.edges.fragments], dtype=numpy.uint64)
        nominal = settings.nominal_places
        self.nominal_places = settings.nominal_actors if nominal is None else nominal
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
        """The label of a kind of span."""
        return str(getattr(self.settings, kind.split(maxsplit=1)[0]))

    def heads(self, doc: Doc, features: Features) -> tuple[NDArray[numpy.bool_], NameBounds]:
        """Which tokens may head a span of each of `KINDS`, shape (n, kinds); and the bounds of names, by head."""
        in_name = numpy.zeros(len(doc), dtype=bool)
        names: NameBounds = {}
        found = numpy.zeros((len(doc), len(KINDS)), dtype=bool)
        for ent in doc.ents:
            if ent.label_ in NAMES:
                first, last = grown(doc, features, ent.start, ent.end)
                in_name[first:last] = True
                for start, end in self.edges.name(doc, first, last):
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
        suspects = numpy.isin(doc.to_array(["LOWER"]).ravel(), self.fragments)
        for head in numpy.flatnonzero(suspects).tolist():
            if self.edges.is_fragment(doc, head):
                found[head] = False
        found[:, [column for column, kind in enumerate(KINDS) if kind not in self.kinds]] = False
        return found, names

    def likelier_kinds(
        self, doc: Doc, features: Features, names: NameBounds, probabilities: NDArray[numpy.float32]
    ) -> NDArray[numpy.bool_]:
        """The more likely kind of each name: as recognized, unless the scores of its context clearly disagree.

        Calendar dates are dates. A nationality or place that only modifies a noun has no kind: "the Nigerian minister",
        "Danube ports".
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

    def at(self, doc: Doc, features: Features, names: NameBounds, kind: str, head: int) -> Candidate:
        """The candidate of a kind with a given head."""
        start, end = head, head + 1
        if kind == "action verb":
            end += end < len(doc) and self.edges.is_one(doc, features, head, end)
        elif kind == "action noun":
            start = (
                self.edges.event(doc, features, head)
                if self.extent(kind) == "group"
                else head - (head in features.pairs)
            )
        elif kind == "location name":
            start, end = names[head]
            start -= self.edges.is_direction(doc, features, start, end)
            end = self.edges.right(doc, head, end) if self.extent(kind) == "phrase" else end
        elif kind in ("actor name", "date name"):
            start, end = names[head]
        elif kind in ("actor noun", "location noun"):
            extent = self.extent(kind)
            start = start - (head in features.pairs) if extent == "head" else self.edges.group(doc, features, head)
            if extent == "phrase":
                start, end = self.edges.phrase(doc, start, head)
        return Candidate(kind, head, whole(doc, start), end)

    def extent(self, kind: str) -> Extent:
        """The extent of a kind of span: head, group or phrase."""
        return self.settings.extents.get(self.label(kind), "head" if kind.startswith("action") else "group")

    def _dates(self, doc: Doc, features: Features) -> Iterator[tuple[int, int]]:
        """The bounds of time expressions: "Friday night" is one, "6 a.m. on Friday" is two."""
        bounds = [(one.start, one.end) for one in features.times if one.kind in self.time_kinds]
        for start, end in (each for pair in bounds for each in self.edges.name(doc, *pair)):
            if self.extent("date name") == "phrase":
                yield start, end
                continue
            found = list(pieces(doc, start, end))
            for piece in found:
                if len(found) == 1 or self.grammar.kind(doc[piece[0] : piece[1]].text) in self.time_kinds:
                    yield piece
