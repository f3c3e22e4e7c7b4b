"""`labeling agreement --gold`: each person against the adjudicated gold, by label and over time, and their mistakes.

The gold of a text is what all who annotated it agree on, and what an adjudicator decided. What is still open is left
out on both sides: spans that touch an open conflict or a stretch that somebody left unreviewed, relations from and to
them, and relations that are open themselves. Whoever agreed with everybody is right by definition, so the figures are
given again on what was adjudicated alone.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import numpy as np
from pydantic import Field

from labeling.core.adjudication import Decision, MarkedRelation, MarkedSpan, settle
from labeling.core.agreement import MATCHES, Difference, Names, counts, differences, names_of, trimmed
from labeling.core.bootstrap import FOUND, GOLD, RIGHT, precisions, recalls, rounded
from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.core.moment import utc
from labeling.core.offsets import context
from labeling.core.schema import LabelSchema
from labeling.core.value import Value
from labeling.core.wording import listed
from labeling.errors import InputError
from labeling.workflow.adjudicating.decisions import by_text
from labeling.workflow.rates import FEW, Rate, f_rates
from labeling.workflow.shared_texts import SharedText

WEEKS = 26  # of annotating; over a longer time, figures are given by month
LISTED = 10  # mistakes of a person
GAP = "guideline gap"

MistakeKind = Literal["missed", "invented", "label", "edges", "missed relation", "invented relation"]


class Score(Rate):
    """Precision, recall and F, with the interval of F."""

    precision: float | None = None
    recall: float | None = None


class Period(Rate):
    """F of the texts that somebody annotated in a week or month: `2026-W05` or `2026-01`."""

    name: str
    texts: int


class Mistake(Value):
    """Something that a person gets wrong repeatedly.

    Attributes:
        kind: `missed` or `invented` (a span), `label` (another label on the same words), `edges`, and relations.
        label: The label that is right; of something invented, the person's own.
        said: The label that the person gave instead, or the words at the edge.
        count: How often.
        example: The span in its text; for edges, what was marked and what is right.
        where: The example's task.
        meaning: What the schema says of the label.
    """

    kind: MistakeKind
    label: str
    said: str = ""
    count: int = 0
    example: str = ""
    where: str = ""
    meaning: str = ""


class PersonWithGold(Value):
    """One person against the gold; spans match with trimmed edges where nothing else is said.

    Attributes:
        texts: Texts that the person annotated, with gold.
        exact, trimmed: F of spans.
        adjudicated: F of spans, without those that all agreed on.
        kept, missed, invented: Spans of the gold that the person has and has not, and the person's that it has not.
        labels: By label.
        relations: Of all relations; None where there are none.
        relation_labels: By label of the relation.
        periods: By week or month in which the annotation was changed last; empty if that was the same for all.
        mistakes: The most frequent ones.
        decided: How many decisions about texts that the person annotated are the person's own.
    """

    texts: int
    exact: Rate
    trimmed: Rate
    adjudicated: Rate
    kept: int
    missed: int
    invented: int
    labels: dict[str, Score]
    relations: Score | None = None
    relation_labels: dict[str, Score] = Field(default_factory=dict)
    periods: tuple[Period, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    decided: int = 0


class Gap(Value):
    """A conflict of which an adjudicator said that the guidelines leave it open: on what, and what was noted."""

    doc_id: str
    labels: tuple[str, ...]
    text: str = ""
    note: str = ""
    by: str = ""
    at: str = ""
    url: str = ""


class WithGold(Value):
    """Each person against the adjudicated gold.

    Attributes:
        texts: Texts that at least two people annotated.
        spans: Spans of their gold that are settled.
        adjudicated: How many of these somebody decided about; all agreed on the others.
        decisions: Decisions about these texts.
        open: Conflicts that are open.
        people: By name.
        gaps: Decisions with the reason "guideline gap", the newest last.
        warnings: What makes the figures less sure, a sentence each.
    """

    texts: int
    spans: int
    adjudicated: int
    decisions: int
    open: int
    people: dict[str, PersonWithGold]
    gaps: tuple[Gap, ...] = ()
    warnings: tuple[str, ...] = ()


def with_gold(
    shared: Sequence[SharedText], decisions: Iterable[Decision], schema: LabelSchema | None, own: LabelSchema
) -> WithGold:
    """Each person against the gold of the texts.

    Args:
        shared: Texts that at least two people annotated.
        decisions: Every decision ever stored, the oldest first.
        schema: Which relations are legal; None accepts all.
        own: The schema that says what labels mean.

    Raises:
        InputError: Nothing in these texts was decided about.
    """
    decided = by_text(decisions)
    texts = [_Settled.of(text, decided.get(text.first.digest, ()), schema) for text in shared]
    made = [one for text in texts for one in text.decisions if not one.is_audit or one.refused]
    if not made:
        raise InputError(
            "Nothing on which people differ in these texts has been adjudicated, so there is no gold to compare with.",
            "`labeling adjudicate` asks about it; docs/agreement.md tells how people are then compared with the gold.",
        )
    names = names_of(doc for text in texts for doc in (text.gold, *text.docs.values()))
    people = {who: _person(who, texts, names, own) for who in sorted({who for text in texts for who in text.docs})}
    spans = sum(len(text.gold.spans) for text in texts)
    adjudicated = sum(len(text.disputed(text.gold).spans) for text in texts)
    found = WithGold(
        texts=len(texts),
        spans=spans,
        adjudicated=adjudicated,
        decisions=sum(len(text.decisions) for text in texts),
        open=sum(text.open for text in texts),
        people=people,
        gaps=tuple(_gaps(decided, texts)),
    )
    return found.model_copy(update={"warnings": tuple(_warnings(found))})


@dataclass(frozen=True)
class _Settled:
    """What is settled of a text: its gold, what each person has there, and the decisions about it."""

    shared: SharedText
    gold: LabeledDoc
    docs: Mapping[str, LabeledDoc]
    decisions: Sequence[Decision]
    open: int
    agreed: frozenset[tuple[int, int, str]]  # spans that all agreed on, with trimmed edges

    @classmethod
    def of(cls, text: SharedText, decisions: Sequence[Decision], schema: LabelSchema | None) -> "_Settled":
        settled = settle(text.docs, decisions, schema)
        spans = [one for one in settled.conflicts if one.kind == "spans"]
        unknown = [*((one.start, one.end) for one in spans), *(s for doc in text.docs.values() for s in doc.unknown)]
        relations = [o.marked for one in settled.conflicts if one.kind == "relations" for o in one.options]

        def is_known(span: Span) -> bool:
            start, end = trimmed(settled.doc.text, span)
            return not any(start < last and first < end for first, last in unknown)

        def is_settled(doc: LabeledDoc, relation: Relation) -> bool:
            return not any(isinstance(one, MarkedRelation) and _is_about(one, doc, relation) for one in relations)

        agreed = {one.span for one in settled.doc.provenance if one.span and one.how == "agreed"}
        return cls(
            shared=text,
            gold=_only(settled.doc, is_known, is_settled),
            docs={who: _only(doc, is_known, is_settled) for who, doc in text.docs.items()},
            decisions=decisions,
            open=len(settled.conflicts),
            agreed=frozenset(_key(settled.doc, span) for span in settled.doc.spans if span.id in agreed),
        )

    def disputed(self, doc: LabeledDoc) -> LabeledDoc:
        """The document without what all agreed on, and without relations."""
        return _only(doc, lambda span: _key(doc, span) not in self.agreed, lambda _, __: False)


def _key(doc: LabeledDoc, span: Span) -> tuple[int, int, str]:
    return (*trimmed(doc.text, span), span.label)


def _is_about(one: MarkedRelation, doc: LabeledDoc, relation: Relation) -> bool:
    head, tail = (MarkedSpan(start=s.start, end=s.end, label=s.label) for s in _ends(doc, relation))
    return one.label == relation.label and one.head.overlaps(head) and one.tail.overlaps(tail)


def _ends(doc: LabeledDoc, relation: Relation) -> tuple[Span, Span]:
    return doc.by_id[relation.head], doc.by_id[relation.tail]


def _only(
    doc: LabeledDoc, keeps: Callable[[Span], bool], keeps_relation: Callable[[LabeledDoc, Relation], bool]
) -> LabeledDoc:
    spans = tuple(span for span in doc.spans if keeps(span))
    known = {span.id for span in spans}
    relations = tuple(r for r in doc.relations if r.head in known and r.tail in known and keeps_relation(doc, r))
    return LabeledDoc.of(doc, spans, relations)


def _person(who: str, texts: Sequence[_Settled], names: Names, own: LabelSchema) -> PersonWithGold:
    mine = [text for text in texts if who in text.docs]
    found = [counts(text.docs[who], text.gold, names) for text in mine]
    spans = np.stack([each.spans for each in found])
    exact, trim = (spans[:, MATCHES.index(kind)] for kind in ("exact", "trimmed"))
    relations = np.stack([each.relations for each in found])
    disputed = np.stack([_disputed(who, text, names) for text in mine])
    columns: dict[Any, Any] = {
        "exact": exact.sum(axis=1),
        "trimmed": trim.sum(axis=1),
        "adjudicated": disputed,
        "relations": relations.sum(axis=1),
        **{("label", label): trim[:, number] for number, label in enumerate(names.labels)},
        **{("relation", label): relations[:, number] for number, label in enumerate(names.relations)},
    }
    scores = _scores(columns)
    total = columns["trimmed"].sum(axis=0)
    return PersonWithGold(
        texts=len(mine),
        **{name: _rate(scores[name]) for name in ("exact", "trimmed", "adjudicated")},
        kept=int(total[RIGHT]),
        missed=int(total[GOLD] - total[RIGHT]),
        invented=int(total[FOUND] - total[RIGHT]),
        labels={label: scores["label", label] for label in names.labels if scores["label", label].f is not None},
        relations=scores["relations"] if scores["relations"].f is not None else None,
        relation_labels={
            label: scores["relation", label] for label in names.relations if scores["relation", label].f is not None
        },
        periods=_periods([text.shared.stamps.get(who, "") for text in mine], columns["trimmed"]),
        mistakes=tuple(_mistakes(who, mine, own)),
        decided=sum(one.by.lower() == who for text in mine for one in text.decisions),
    )


def _disputed(who: str, text: _Settled, names: Names) -> Any:
    """Matches, marks of the person and of the gold among spans on which not all agreed: (3,)."""
    found = counts(text.disputed(text.docs[who]), text.disputed(text.gold), names)
    return found.spans[MATCHES.index("trimmed")].sum(axis=0)


def _scores(columns: Mapping[Any, Any]) -> dict[Any, Score]:
    """Precision, recall and F of each column of counts, which have the shape (texts, 3)."""
    stacked = np.stack(list(columns.values()), axis=1)
    sums = stacked.sum(axis=0)
    found = f_rates(stacked, {name: number for number, name in enumerate(columns)})
    return {
        name: Score(**found[name].model_dump(), precision=rounded(precision), recall=rounded(recall))
        for name, precision, recall in zip(columns, precisions(sums), recalls(sums), strict=True)
    }


def _rate(score: Score) -> Rate:
    return Rate(f=score.f, low=score.low, high=score.high)


def _periods(stamps: Sequence[str], found: Any) -> tuple[Period, ...]:
    """F by week, or by month if the annotations are far apart; none if all are of one period, or without a date."""
    dates = {}
    for number, stamp in enumerate(stamps):
        try:
            dates[number] = utc(stamp).date()
        except (ValueError, OverflowError):
            continue
    if not dates:
        return ()
    is_long = max(dates.values()) - min(dates.values()) > timedelta(weeks=WEEKS)
    rows: dict[str, list[int]] = defaultdict(list)
    for number, date in dates.items():
        year, week, _ = date.isocalendar()
        rows[f"{date:%Y-%m}" if is_long else f"{year}-W{week:02}"].append(number)
    if len(rows) == 1:
        return ()
    return tuple(
        Period(name=name, texts=len(some), **f_rates(found[some][:, None], {"": 0})[""].model_dump())
        for name, some in sorted(rows.items())
    )


def _mistakes(who: str, texts: Sequence[_Settled], own: LabelSchema) -> Iterator[Mistake]:
    """What the person gets wrong most, with an example each."""
    counted: Counter[tuple[MistakeKind, str, str]] = Counter()
    examples: dict[tuple[MistakeKind, str, str], tuple[str, str]] = {}
    for text in texts:
        doc = text.gold
        for found in differences(text.docs[who], doc):
            for key, example in _mistake(doc, found):
                counted[key] += 1
                examples.setdefault(key, (example, text.shared.where[who]))
    for key, number in sorted(counted.items(), key=lambda each: (-each[1], each[0]))[:LISTED]:
        kind, label, said = key
        known = (own.relations if kind.endswith("relation") else own.labels).get(label)
        example, where = examples[key]
        yield Mistake(
            kind=kind,
            label=label,
            said=said,
            count=number,
            example=example,
            where=where,
            meaning=known.description if known else "",
        )


def _mistake(doc: LabeledDoc, found: Difference) -> Iterator[tuple[tuple[MistakeKind, str, str], str]]:
    """What was got wrong, with an example; punctuation at edges is not."""
    mine, gold = found.mine, found.theirs
    if found.kind == "relation" and found.head and found.tail:
        kind: MistakeKind = "invented relation" if mine else "missed relation"
        yield (kind, found.label, ""), f"{doc.slice(found.head)} → {doc.slice(found.tail)}"
    elif mine and gold and found.kind == "label":
        yield ("label", gold.label, mine.label), _shown(doc, gold)
    elif mine and gold:
        (start, end), (first, last) = trimmed(doc.text, mine), trimmed(doc.text, gold)
        example = f"{doc.slice(mine)} | {doc.slice(gold)}"
        for low, high, is_more in ((start, first, start < first), (end, last, last < end)):
            if words := doc.text[min(low, high) : max(low, high)].strip().lower():
                yield ("edges", gold.label, f"{'with' if is_more else 'without'} “{words}”"), example
    elif gold:
        yield ("missed", gold.label, ""), _shown(doc, gold)
    elif mine:
        yield ("invented", mine.label, ""), _shown(doc, mine)


def _shown(doc: LabeledDoc, span: Span) -> str:
    return context(doc.text, span.start, span.end)


def _gaps(decided: Mapping[str, Sequence[Decision]], texts: Sequence[_Settled]) -> Iterator[Gap]:
    known = {text.gold.digest: text.gold.text for text in texts}
    every = [one for some in decided.values() for one in some if one.reason == GAP]
    for one in sorted(every, key=lambda each: each.at):
        spans = [
            s for m in (*one.taken, *one.refused) for s in ((m,) if isinstance(m, MarkedSpan) else (m.head, m.tail))
        ]
        labels = dict.fromkeys(marked.label for marked in (*one.taken, *one.refused))
        text = known.get(one.digest, "")
        shown = context(text, min(s.start for s in spans), max(s.end for s in spans)) if text and spans else ""
        yield Gap(doc_id=one.doc_id, labels=tuple(labels), text=shown, note=one.note, by=one.by, at=one.at, url=one.url)


def _warnings(found: WithGold) -> Iterator[str]:
    agreed = found.spans - found.adjudicated
    yield (
        f"Of {found.spans:,} spans of the gold, {agreed:,} are gold because all agreed on them, which counts in favour "
        f"of everybody; “adjudicated” has the figures on the {found.adjudicated:,} others."
    )
    if found.open:
        yield f"{found.open:,} conflicts are open; what they are about is left out."
    for who, person in found.people.items():
        if person.decided:
            yield f"{who} made {person.decided:,} of the decisions on texts that {who} annotated: not independent gold."
    small = sorted(who for who, person in found.people.items() if person.texts < FEW)
    if small:
        yield f"Fewer than {FEW} texts say little on a person: {listed(small, LISTED)}."
    if any(period.texts < FEW for person in found.people.values() for period in person.periods):
        yield f"A period with fewer than {FEW} texts says little."
