"""Several people's labels of one text, and what was decided about them → one gold document, and what is still open.

What all have marked is agreed; of spans that punctuation and white space at the edges tell apart, the most frequent
edges are taken, of equally frequent ones the shortest. A relation is agreed if all who have both its ends have it.
Everything else is a conflict: the smallest group of rivals, which are spans that overlap, or relations of one label
from one span (or between the same two spans). Relations wait until their ends are settled, so many settle by
themselves.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import Field

from labeling.core.agreement import trimmed
from labeling.core.labels import LabeledDoc, Provenance, Relation, Span
from labeling.core.schema import LabelSchema
from labeling.core.value import Value

Kind = Literal["spans", "relations"]
DecisionReason = Literal["", "slip", "ambiguous", "guideline gap"]
SUGGESTED_VOTES = 2
SUGGESTED_PEOPLE = 3

T = TypeVar("T", bound=Hashable)


class MarkedSpan(Value):
    """A span as somebody marked it: `[start, end)` in code points, and its label."""

    start: int = Field(ge=0)
    end: int = Field(gt=0)
    label: str = Field(min_length=1)

    def overlaps(self, other: "MarkedSpan") -> bool:
        """Whether they have a character in common."""
        return self.start < other.end and other.start < self.end


class MarkedRelation(Value):
    """A relation as somebody marked it, between two spans."""

    label: str
    head: MarkedSpan
    tail: MarkedSpan


Marked = MarkedSpan | MarkedRelation


class Option(Value):
    """One answer to a conflict, a span or a relation, and who marked it; `relations` are those on the span."""

    marked: MarkedSpan | MarkedRelation
    by: tuple[str, ...]
    relations: tuple[MarkedRelation, ...] = ()


class Conflict(Value):
    """What people differ about: one or more answers, of which one, several or none may be right.

    Attributes:
        key: The same for the same options in the same text.
        kind: What the options are.
        start, end: The stretch that they cover, in code points.
        options: The answers, in order of text.
        suggested: The numbers of the options that at least two of three or more people marked, and more than marked
            any rival.
        is_audit: Whether all agree on it, and it is asked only to find out how often that is wrong.
    """

    key: str
    kind: Kind
    start: int
    end: int
    options: tuple[Option, ...]
    suggested: tuple[int, ...] = ()
    is_audit: bool = False


class Decision(Value):
    """What an adjudicator decided about a conflict.

    Attributes:
        key: The conflict.
        doc_id: The article.
        digest: The digest of the text.
        kind: What was decided about.
        taken: What is right, including what the adjudicator drew.
        refused: Options that are not.
        agreed: Spans in the same place on which all agreed then, so that they did not come after the decision.
        by: Who decided it.
        at: When; ISO 8601.
        reason: Why people differed, if it was said.
        note: What was written about it.
        url: The page on which it was decided.
        is_audit: Whether all had agreed on it.
    """

    key: str
    doc_id: str
    digest: str
    kind: Kind
    taken: tuple[MarkedSpan | MarkedRelation, ...] = ()
    refused: tuple[MarkedSpan | MarkedRelation, ...] = ()
    agreed: tuple[MarkedSpan, ...] = ()
    by: str = ""
    at: str = ""
    reason: DecisionReason = ""
    note: str = ""
    url: str = ""
    is_audit: bool = False


class Counts(Value):
    """Different spans or relations, by what became of them.

    `into` = agreed + adjudicated + open + dropped; what an adjudicator drew is in `into` and in `adjudicated`.
    """

    into: int = 0
    agreed: int = 0
    adjudicated: int = 0
    open: int = 0
    dropped: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in Counts.model_fields})


@dataclass(frozen=True)
class Settled:
    """A text's gold so far, and what is left to decide.

    Attributes:
        doc: What is agreed or adjudicated, with its provenance. Stretches of open conflicts are unknown.
        conflicts: What is open: spans in order of text, then relations whose ends are settled.
        audits: Agreed spans that are asked about too, and were not decided about yet.
        spans, relations: The counts; a relation with an open end is open.
        late: Spans that came after a decision about others of the same label in the same place; it stays.
        attributes_differ: Names of attributes on which people differ, with the span; they are left out.
    """

    doc: LabeledDoc
    conflicts: tuple[Conflict, ...]
    audits: tuple[Conflict, ...]
    spans: Counts
    relations: Counts
    late: tuple[MarkedSpan, ...] = ()
    attributes_differ: tuple[tuple[str, MarkedSpan], ...] = ()


def settle(
    docs: Mapping[str, LabeledDoc],
    decisions: Iterable[Decision] = (),
    schema: LabelSchema | None = None,
    audit: float = 0.0,
) -> Settled:
    """The gold of a text that several people labelled.

    Args:
        docs: What each person labelled, by name; all have the same text.
        decisions: What was decided about conflicts, in order of time; those of other texts are ignored.
        schema: Which relations are legal between spans that were decided; None accepts all.
        audit: The share of agreed spans that are asked about, 0 to 1; always the same ones.

    Raises:
        ValueError: Nobody labelled it, or the texts differ.
    """
    if len({doc.text for doc in docs.values()}) != 1:
        raise ValueError("the texts differ" if docs else "nobody labelled the text")
    return _Settling(docs, decisions, schema, audit).settled()


@dataclass
class _Candidate:
    """A span that people marked, with edges that at most punctuation tells apart, and what becomes of it."""

    marked: MarkedSpan
    spans: dict[str, Span] = field(default_factory=dict)  # by person
    state: Literal["agreed", "taken", "open", "dropped"] = "open"
    decision: Decision | None = None
    instead: "_Candidate | None" = None  # of a dropped one, what was decided in its place

    @property
    def by(self) -> tuple[str, ...]:
        return tuple(sorted(self.spans))

    @property
    def final(self) -> "_Candidate | None":
        """What stands in the gold for it."""
        return self if self.state in ("agreed", "taken") else self.instead


class _Link(NamedTuple):
    label: str
    head: MarkedSpan
    tail: MarkedSpan


class _Settling:
    def __init__(
        self,
        docs: Mapping[str, LabeledDoc],
        decisions: Iterable[Decision],
        schema: LabelSchema | None,
        audit: float,
    ) -> None:
        self.docs, self.schema, self.audit = docs, schema, audit
        self.people = sorted(docs)
        self.first = docs[self.people[0]]
        self.text, self.digest = self.first.text, self.first.digest
        self.decisions = [each for each in decisions if each.digest == self.digest and self._fits(each)]
        self.late: list[MarkedSpan] = []
        self.differing: list[tuple[str, MarkedSpan]] = []
        self.candidates = self._candidates()
        self.of_span = {
            (who, span.id): candidate for candidate in self.candidates for who, span in self._all_spans(candidate)
        }

    def _fits(self, decision: Decision) -> bool:
        """Whether all that a decision names lies in the text: somebody may have edited the file of decisions."""
        marked = (span for each in (*decision.taken, *decision.refused, *decision.agreed) for span in _spans_of(each))
        return all(span.start < span.end <= len(self.text) for span in marked)

    # spans

    def _key(self, marked: MarkedSpan) -> tuple[int, int, str]:
        """Equal for spans that only punctuation and white space at the edges tell apart."""
        span = Span(id="-", start=marked.start, end=marked.end, label=marked.label)
        return (*trimmed(self.text, span), marked.label)

    def _candidates(self) -> list[_Candidate]:
        found: dict[tuple[int, int, str], dict[str, list[Span]]] = defaultdict(lambda: defaultdict(list))
        for who in self.people:
            for span in self.docs[who].spans:
                found[(*trimmed(self.text, span), span.label)][who].append(span)
        self._same: dict[MarkedSpan, dict[str, list[Span]]] = {}
        candidates = []
        for (_, _, label), by_person in found.items():
            edges = Counter((spans[0].start, spans[0].end) for spans in by_person.values())
            start, end = min(edges, key=lambda each: (-edges[each], each[1] - each[0], each))
            marked = MarkedSpan(start=start, end=end, label=label)
            candidates.append(_Candidate(marked, {who: spans[0] for who, spans in by_person.items()}))
            self._same[marked] = by_person
        return sorted(candidates, key=lambda one: _place(one.marked))

    def _all_spans(self, candidate: _Candidate) -> Iterator[tuple[str, Span]]:
        for who, spans in self._same[candidate.marked].items():
            for span in spans:
                yield who, span

    def _decide_spans(self) -> None:
        """The state of each candidate; what an adjudicator drew is a candidate that nobody marked."""
        decided = self._decided_spans()
        for candidate in self.candidates:
            key = self._key(candidate.marked)
            if key in decided:
                candidate.decision, is_taken, _ = decided.pop(key)
                candidate.state = "taken" if is_taken else "dropped"
            elif len(candidate.spans) == len(self.people):
                candidate.state = "agreed"
            elif about := self._decided_about_like(candidate.marked):
                candidate.decision, candidate.state = about, "dropped"
                self.late.append(candidate.marked)
        for decision, is_taken, marked in decided.values():
            if is_taken:
                self.candidates.append(_Candidate(marked, {}, "taken", decision))
        self.candidates.sort(key=lambda one: _place(one.marked))
        standing = [one for one in self.candidates if one.state == "taken"]
        for candidate in self.candidates:
            if candidate.state == "dropped":
                rivals = [
                    one
                    for one in standing
                    if one.decision is candidate.decision and one.marked.overlaps(candidate.marked)
                ]
                candidate.instead = max(rivals, key=lambda one: _common(one.marked, candidate.marked), default=None)

    def _decided_spans(self) -> dict[tuple[int, int, str], tuple[Decision, bool, MarkedSpan]]:
        """The last decision about each span, and whether it was taken."""
        decided: dict[tuple[int, int, str], tuple[Decision, bool, MarkedSpan]] = {}
        for decision in self.decisions:
            for is_taken, some in ((False, decision.refused), (True, decision.taken)):
                for marked in some:
                    if isinstance(marked, MarkedSpan):
                        decided[self._key(marked)] = decision, is_taken, marked
        return decided

    def _decided_about_like(self, marked: MarkedSpan) -> Decision | None:
        """The decision about spans of the same label in the same place."""
        for decision in reversed(self.decisions):
            if decision.kind == "spans":
                known = (one for one in (*decision.taken, *decision.refused) if isinstance(one, MarkedSpan))
                stood = {self._key(one) for one in decision.agreed}
                if self._key(marked) not in stood and any(
                    one.label == marked.label and one.overlaps(marked) for one in known
                ):
                    return decision
        return None

    # relations

    def _settle_relations(self) -> None:
        """Who has each relation, between what stands for its ends."""
        self.votes: dict[_Link, set[str]] = defaultdict(set)
        self.waiting: dict[_Link, set[str]] = defaultdict(set)
        self.lost: dict[_Link, set[str]] = defaultdict(set)
        self.reached: dict[MarkedSpan, set[str]] = defaultdict(set)
        for (who, _), candidate in self.of_span.items():
            if candidate.final:
                self.reached[candidate.final.marked].add(who)
        for who in self.people:
            for relation in self.docs[who].relations:
                head, tail = (self.of_span[who, end] for end in (relation.head, relation.tail))
                as_marked = _Link(relation.label, head.marked, tail.marked)
                if "open" in (head.state, tail.state):
                    self.waiting[as_marked].add(who)
                elif not (head.final and tail.final) or not self._allows(relation.label, head.final, tail.final):
                    self.lost[as_marked].add(who)
                else:
                    self.votes[_Link(relation.label, head.final.marked, tail.final.marked)].add(who)

    def _allows(self, label: str, head: _Candidate, tail: _Candidate) -> bool:
        if head is tail:
            return False
        legal = self.schema.relations.get(label) if self.schema else None
        return legal is None or legal.allows(head.marked.label, tail.marked.label)

    def _decide_relations(self) -> None:
        """The state of each relation between settled ends."""
        finals = {self._key(one.marked): one for one in self.candidates if one.state in ("agreed", "taken")}
        decided: dict[_Link, tuple[Decision, bool]] = {}
        for decision in self.decisions:
            for is_taken, some in ((False, decision.refused), (True, decision.taken)):
                for marked in some:
                    if isinstance(marked, MarkedRelation):
                        head, tail = (finals.get(self._key(end)) for end in (marked.head, marked.tail))
                        if head and tail:
                            decided[_Link(marked.label, head.marked, tail.marked)] = decision, is_taken
        self.links: dict[_Link, tuple[str, Decision | None]] = {}
        for link, by in self.votes.items():
            if link in decided:
                decision, is_taken = decided[link]
                self.links[link] = ("taken" if is_taken else "dropped"), decision
            elif by == self.reached[link.head] & self.reached[link.tail]:
                because = finals[self._key(link.head)].decision or finals[self._key(link.tail)].decision
                self.links[link] = ("taken" if because else "agreed"), because
            else:
                self.links[link] = "open", None
        for link, (decision, is_taken) in decided.items():
            if is_taken and link not in self.links:  # the adjudicator drew it
                self.links[link] = "taken", decision

    # conflicts

    def _conflicts(self) -> Iterator[Conflict]:
        open_spans = [one for one in self.candidates if one.state == "open"]
        on_span: dict[MarkedSpan, set[_Link]] = defaultdict(set)
        for link in self.waiting:
            on_span[link.head].add(link)
            on_span[link.tail].add(link)
        for group in _groups(open_spans, lambda a, b: a.marked.overlaps(b.marked)):
            options = [
                Option(
                    marked=one.marked,
                    by=one.by,
                    relations=tuple(_marked(link) for link in sorted(on_span[one.marked], key=_place_of_link)),
                )
                for one in group
            ]
            yield self._conflict("spans", options)
        open_links = sorted((link for link, (state, _) in self.links.items() if state == "open"), key=_place_of_link)
        for links in _groups(open_links, _are_rivals):
            yield self._conflict(
                "relations", [Option(marked=_marked(link), by=tuple(sorted(self.votes[link]))) for link in links]
            )

    def _conflict(self, kind: Kind, options: Sequence[Option], *, is_audit: bool = False) -> Conflict:
        spans = [span for option in options for span in _spans_of(option.marked)]
        said = "\n".join([self.digest, kind, *(option.marked.model_dump_json() for option in options)])
        return Conflict(
            key=hashlib.sha256(said.encode()).hexdigest()[:16],
            kind=kind,
            start=min(span.start for span in spans),
            end=max(span.end for span in spans),
            options=tuple(options),
            suggested=() if is_audit else self._suggested(options),
            is_audit=is_audit,
        )

    def _suggested(self, options: Sequence[Option]) -> tuple[int, ...]:
        votes = [len(option.by) for option in options]
        if len(self.people) < SUGGESTED_PEOPLE:
            return ()
        return tuple(
            number
            for number, mine in enumerate(votes)
            if mine >= SUGGESTED_VOTES
            and all(
                mine > votes[other]
                for other in range(len(options))
                if other != number and _exclude(options[number].marked, options[other].marked)
            )
        )

    def _audits(self) -> Iterator[Conflict]:
        for one in self.candidates:
            if one.state == "agreed" and self._is_audited(one.marked):
                yield self._conflict("spans", [Option(marked=one.marked, by=one.by)], is_audit=True)

    def _is_audited(self, marked: MarkedSpan) -> bool:
        said = f"audit {self.digest} {self._key(marked)}".encode()
        return int.from_bytes(hashlib.sha256(said).digest()[:8], "big") / 2**64 < self.audit

    # the whole

    def settled(self) -> Settled:
        self._decide_spans()
        self._settle_relations()
        self._decide_relations()
        conflicts = tuple(self._conflicts())
        return Settled(
            doc=self._doc(conflicts),
            conflicts=conflicts,
            audits=tuple(self._audits()) if self.audit else (),
            spans=_counts(Counter(one.state for one in self.candidates)),
            relations=_counts(
                Counter(state for state, _ in self.links.values())
                + Counter({"open": len(self.waiting), "dropped": len(self.lost)})
            ),
            late=tuple(self.late),
            attributes_differ=tuple(self.differing),
        )

    def _doc(self, conflicts: Sequence[Conflict]) -> LabeledDoc:
        standing = [one for one in self.candidates if one.state in ("agreed", "taken")]
        names = {one.marked: f"s{number}" for number, one in enumerate(standing, start=1)}
        spans = [self._span(one, names[one.marked]) for one in standing]
        relations = [
            Relation(head=names[link.head], tail=names[link.tail], label=link.label)
            for link, (state, _) in self.links.items()
            if state in ("agreed", "taken")
        ]
        provenance = [_provenance(one.by, one.decision, span=names[one.marked]) for one in standing]
        provenance += [
            _provenance(self.votes.get(link, ()), decision, relation=(names[link.head], names[link.tail], link.label))
            for link, (state, decision) in self.links.items()
            if state in ("agreed", "taken")
        ]
        unknown = [stretch for doc in self.docs.values() for stretch in doc.unknown]
        for conflict in conflicts:
            if conflict.kind == "spans":
                unknown.append((conflict.start, conflict.end))
            else:  # relations of these spans are not known, the spans are
                unknown += [(s.start, s.end) for option in conflict.options for s in _spans_of(option.marked)]
        return LabeledDoc.of(
            self.first,
            tuple(spans),
            tuple(relations),
            attributes=_common_attributes([doc.attributes for doc in self.docs.values()])[0],
            unknown=tuple(unknown),
            provenance=tuple(provenance),
        )

    def _span(self, one: _Candidate, name: str) -> Span:
        attributes, differing = _common_attributes([span.attributes for span in one.spans.values()])
        self.differing += [(each, one.marked) for each in differing]
        return Span(id=name, **one.marked.model_dump(), attributes=attributes)


def _place(marked: MarkedSpan) -> tuple[int, int, str]:
    return marked.start, marked.end, marked.label


def _place_of_link(link: _Link) -> Any:
    return _place(link.head), _place(link.tail), link.label


def _common(one: MarkedSpan, other: MarkedSpan) -> tuple[int, bool]:
    return min(one.end, other.end) - max(one.start, other.start), one.label == other.label


def _marked(link: _Link) -> MarkedRelation:
    return MarkedRelation(label=link.label, head=link.head, tail=link.tail)


def _spans_of(marked: Marked) -> tuple[MarkedSpan, ...]:
    return (marked,) if isinstance(marked, MarkedSpan) else (marked.head, marked.tail)


def _are_rivals(one: _Link, other: _Link) -> bool:
    return (one.label, one.head) == (other.label, other.head) or one[1:] == other[1:]


def _exclude(one: Marked, other: Marked) -> bool:
    """Whether only one of two answers to a conflict can be suggested."""
    if isinstance(one, MarkedSpan) and isinstance(other, MarkedSpan):
        return one.overlaps(other)
    return True


def _groups(items: Sequence[T | Any], belong: Any) -> list[list[Any]]:
    """The items in the smallest groups such that all that belong together are in one, in order of their first."""
    numbers = list(range(len(items)))
    for a, b in combinations(range(len(items)), 2):
        if numbers[a] != numbers[b] and belong(items[a], items[b]):
            old, new = max(numbers[a], numbers[b]), min(numbers[a], numbers[b])
            numbers = [new if number == old else number for number in numbers]
    groups: dict[int, list[Any]] = defaultdict(list)
    for item, number in zip(items, numbers, strict=True):
        groups[number].append(item)
    return list(groups.values())


def _common_attributes(every: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """The attributes on which all who gave them agree, and the names of the others."""
    found: dict[str, Any] = {}
    differing: list[str] = []
    for attributes in every:
        for name, said in attributes.items():
            if found.setdefault(name, said) != said and name not in differing:
                differing.append(name)
    return {name: said for name, said in found.items() if name not in differing}, differing


def _provenance(by: Iterable[str], decision: Decision | None, **what: Any) -> Provenance:
    who = tuple(sorted(by))
    if decision is None:
        return Provenance(**what, by=who, how="agreed")
    return Provenance(
        **what,
        by=who,
        how="adjudicated",
        decided_by=decision.by,
        decided_at=decision.at,
        reason=decision.reason,
        note=decision.note,
    )


def _counts(states: Counter[str]) -> Counts:
    return Counts(
        into=states.total(),
        agreed=states["agreed"],
        adjudicated=states["taken"],
        open=states["open"],
        dropped=states["dropped"],
    )
