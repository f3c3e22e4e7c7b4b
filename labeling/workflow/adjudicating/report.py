"""What is agreed, decided and open in the texts that several people annotated, and what an adjudicator should know."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import Field

from labeling.core.adjudication import Conflict, Counts, Decision, MarkedSpan, Settled
from labeling.core.problem import Problem
from labeling.core.value import Value
from labeling.workflow.shared_texts import SharedText


class Conflicts(Value):
    """Conflicts of a kind: how many are open, how many of these have a suggestion, and how many were decided."""

    open: int = 0
    suggested: int = 0
    decided: int = 0


class Audit(Value):
    """Agreed spans that were asked about all the same, to find out how often that is wrong.

    Attributes:
        open: How many are asked about, and not answered yet.
        answered: How many were answered.
        wrong: How many of these the adjudicator refused.
        error: The share of wrong ones; None where nothing was answered.
        low, high: Its 95% interval (Wilson).
    """

    open: int = 0
    answered: int = 0
    wrong: int = 0
    error: float | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, open_audits: int, answered: int, wrong: int) -> "Audit":
        """The audit with these numbers."""
        if not answered:
            return cls(open=open_audits)
        from scipy.stats import binomtest  # a second, which only this needs

        found = binomtest(wrong, answered)
        interval = found.proportion_ci(method="wilson")
        error, low, high = (round(float(each), 4) for each in (found.statistic, interval.low, interval.high))
        return cls(open=open_audits, answered=answered, wrong=wrong, error=error, low=low, high=high)


class Place(Value):
    """A span that the report names: where it is, `[start, end)` in code points, and what about it."""

    doc_id: str
    where: str
    label: str
    start: int
    end: int
    text: str
    about: str = ""


class Gap(Value):
    """A gap in the guideline that an adjudicator named: between which labels, in which words, and what they wrote."""

    labels: tuple[str, ...]
    text: str
    note: str
    url: str


class Tasks(Value):
    """The tasks of the adjudication project, as the server confirms them.

    Attributes:
        added: How many were added in this run; in a dry run, how many would be.
        removed: How many were removed, since nobody had begun them and their conflict is gone or looks different now.
        waiting: How many wait for an answer.
        answered: How many have one.
        others: How many of the waiting ones are about texts that were not read in this run.
    """

    added: int = 0
    removed: int = 0
    waiting: int = 0
    answered: int = 0
    others: int = 0


class Adjudication(Value):
    """What is agreed, decided and open.

    Attributes:
        project_url: The page of the adjudication project; "" if there is none.
        dry_run: Whether nothing was stored and nothing pushed.
        annotators: Who has annotated something.
        texts: Texts that at least two people annotated; only these are adjudicated.
        alone: Texts that only one person annotated.
        spans, relations: What became of them; into = agreed + adjudicated + open + dropped.
        waiting: Open relations of which an end is open.
        span_conflicts, relation_conflicts: The conflicts.
        audit: Agreed spans that are asked about.
        reasons: How often each reason was given for a decision that stands.
        gaps: Gaps in the guideline.
        new: Decisions that were stored in this run.
        own: Decisions by somebody who has annotated the text.
        unread: Decisions about texts that were not read in this run.
        late: Spans that came after a decision about others in the same place, which stays.
        attributes: Answers about spans on which people differ; they are left out of the gold.
        tasks: The tasks of the adjudication project.
        problems: What could not be used: records, annotations, answers, decisions.
        notes: What else happened, a sentence each.
    """

    project_url: str = ""
    dry_run: bool = False
    annotators: tuple[str, ...] = ()
    texts: int = 0
    alone: int = 0
    spans: Counts = Counts()
    relations: Counts = Counts()
    waiting: int = 0
    span_conflicts: Conflicts = Conflicts()
    relation_conflicts: Conflicts = Conflicts()
    audit: Audit = Audit()
    reasons: dict[str, int] = Field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    new: int = 0
    own: int = 0
    unread: int = 0
    late: tuple[Place, ...] = ()
    attributes: tuple[Place, ...] = ()
    tasks: Tasks = Tasks()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SettledText:
    """A text that several people annotated, what is settled in it, and the decisions about it that stand."""

    text: SharedText
    settled: Settled
    decisions: Sequence[Decision]

    @property
    def asked(self) -> list[Conflict]:
        """The open conflicts and audits, in order of text; those of relations last."""
        return sorted(
            (*self.settled.conflicts, *self.settled.audits),
            key=lambda conflict: (conflict.kind == "relations", conflict.start, conflict.end),
        )


def reported(texts: Sequence[SettledText]) -> Adjudication:
    """What the settled texts say; the command adds the rest."""
    # equal texts of two tasks have their decisions in common, and perhaps conflicts
    decisions = list({decision.key: decision for each in texts for decision in each.decisions}.values())
    conflicts = list({conflict.key: conflict for each in texts for conflict in each.settled.conflicts}.values())
    relations = sum((each.settled.relations for each in texts), Counts())
    in_conflict = sum(
        len(conflict.options) for each in texts for conflict in each.settled.conflicts if conflict.kind == "relations"
    )
    audits = [decision for decision in decisions if decision.is_audit]
    return Adjudication(
        texts=len(texts),
        spans=sum((each.settled.spans for each in texts), Counts()),
        relations=relations,
        waiting=relations.open - in_conflict,
        span_conflicts=_conflicts("spans", conflicts, decisions),
        relation_conflicts=_conflicts("relations", conflicts, decisions),
        audit=Audit.of(
            len({conflict.key for each in texts for conflict in each.settled.audits}),
            len(audits),
            sum(bool(each.refused) for each in audits),
        ),
        reasons=dict(sorted(Counter(each.reason for each in decisions if each.reason).items())),
        gaps=tuple(dict.fromkeys(gap for each in texts for gap in _gaps(each))),
        own=len({decision.key for each in texts for decision in each.decisions if decision.by in each.text.docs}),
        late=tuple(_place(each, marked) for each in texts for marked in each.settled.late),
        attributes=tuple(
            _place(each, marked, name) for each in texts for name, marked in each.settled.attributes_differ
        ),
    )


def changed_texts(decisions: Iterable[Decision], texts: Iterable[SharedText]) -> tuple[list[Problem], int]:
    """A problem for each decision about a text that an article no longer has; how many are about other articles."""
    docs = [doc for text in texts for doc in text.docs.values()]
    digests, doc_ids = {doc.digest for doc in docs}, {doc.doc_id for doc in docs}
    unread = [each for each in decisions if each.digest not in digests]
    problems = [
        Problem(
            reason="text-changed",
            action="unused",
            detail=f"the article has another text now, so what {each.by} decided is kept and not used",
            doc_id=each.doc_id,
            where=each.url,
            url=each.url,
            annotator=each.by,
        )
        for each in unread
        if each.doc_id in doc_ids
    ]
    return problems, len(unread) - len(problems)


def _conflicts(kind: str, conflicts: Iterable[Conflict], decisions: Iterable[Decision]) -> Conflicts:
    some = [conflict for conflict in conflicts if conflict.kind == kind]
    return Conflicts(
        open=len(some),
        suggested=sum(bool(conflict.suggested) for conflict in some),
        decided=sum(decision.kind == kind and not decision.is_audit for decision in decisions),
    )


def _gaps(of: SettledText) -> Iterator[Gap]:
    for decision in of.decisions:
        if decision.reason == "guideline gap":
            marked = (*decision.taken, *decision.refused)
            spans = [
                span
                for each in marked
                for span in ((each,) if isinstance(each, MarkedSpan) else (each.head, each.tail))
            ]
            start, end = min(span.start for span in spans), max(span.end for span in spans)
            labels = tuple(sorted({each.label for each in marked}))
            yield Gap(labels=labels, text=of.settled.doc.text[start:end], note=decision.note, url=decision.url)


def _place(of: SettledText, marked: MarkedSpan, about: str = "") -> Place:
    doc = of.settled.doc
    text = doc.text[marked.start : marked.end]
    where = next(iter(of.text.where.values()))
    return Place(doc_id=doc.doc_id, where=where, **marked.model_dump(), text=text, about=about)
