"""Conflict → Label Studio task, and its submitted answers → a decision. Pure.

A task shows an excerpt of the article in which the agreed labels stand. What people marked is in its options, in an
order that has nothing to do with who marked it.
"""

import json
import random
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError

from labeling.core.adjudication import Conflict, Decision, DecisionReason, Kind, MarkedRelation, MarkedSpan, Settled
from labeling.core.article import digest
from labeling.core.labels import LabeledDoc, Span
from labeling.core.problem import Problem
from labeling.core.reasons import Reason
from labeling.core.schema import LabelSchema
from labeling.core.sections import around
from labeling.core.value import Value
from labeling.studio.adjudication_page import DECISION, NEITHER, NOTE, REASON, cards
from labeling.studio.annotations import Annotation, Choice, Rules, Task
from labeling.studio.regions import Legend, ParsedResult, parse_result
from labeling.studio.tasks import to_data, to_prediction

Json = dict[str, Any]
Marked = MarkedSpan | MarkedRelation

AGREED = "agreed"  # the model version of the predictions
CONTEXT, MOST = 160, 700  # code points of the excerpt before and after what the conflict is about


class _Asked(Value):
    """What a task says of its conflict, for the machine.

    Attributes:
        key, kind, digest, doc_id, is_audit: As in the decision.
        start: Where the excerpt starts in the article, in code points.
        options: The answers, in the order in which they are shown.
        agreed: What stands in the excerpt; its offsets are the article's, like all here.
        labels: The schema as far as it says what may be drawn; None if everything may.
        seal: The digest of the text, the shown options and all of this, which shows whether somebody edited the task.
    """

    key: str
    kind: Kind
    digest: str
    doc_id: str
    start: int
    options: tuple[Marked, ...]
    agreed: tuple[Marked, ...] = ()
    labels: LabelSchema | None = None
    is_audit: bool = False
    seal: str = ""


@dataclass(frozen=True)
class Answered:
    """What adjudicators decided in a task: None if nobody submitted it, or if their answers are not clear."""

    decision: Decision | None = None
    problems: tuple[Problem, ...] = ()


def to_conflict_task(conflict: Conflict, settled: Settled, schema: LabelSchema | None = None) -> Json:
    """The task that asks about a conflict, with the agreed labels and the suggested options as its prediction."""
    doc = settled.doc
    start, end = around(doc.text, conflict.start, conflict.end, CONTEXT, MOST)
    order = list(range(len(conflict.options)))
    random.Random(conflict.key).shuffle(order)  # noqa: S311 - not a secret
    excerpt = _excerpt(doc, start, end, {option.marked for option in conflict.options}, schema)
    asked = _Asked(
        key=conflict.key,
        kind=conflict.kind,
        digest=doc.digest,
        doc_id=doc.doc_id,
        start=start,
        options=tuple(conflict.options[number].marked for number in order),
        agreed=_marked(excerpt, start),
        labels=_drawable(schema) if schema else None,
        is_audit=conflict.is_audit,
    )
    said = asked.model_dump(mode="json", exclude={"seal"}, exclude_defaults=True)
    data = {key: value for key, value in to_data(doc).items() if key not in ("extra", "digest")}
    data |= {"text": excerpt.text, "options": cards(conflict, order, doc, schema), "conflict": said}
    said["seal"] = _seal(data)
    if suggested := [str(place) for place, number in enumerate(order, start=1) if number in conflict.suggested]:
        excerpt = excerpt.model_copy(update={"attributes": {DECISION: {"choices": suggested}}})
    return {"data": data, "predictions": [to_prediction(excerpt, AGREED, schema)]}


def read_answers(task: Json, users: Mapping[int, str], url: str) -> Answered:
    """The decision that a task's submitted annotations make: the newest of each person counts, and all have to agree.

    Args:
        task: The task as the API or an export gives it, with its annotations.
        users: User id → name.
        url: The task's URL, in which `{project}` and `{task}` are filled in.

    Problems have the reason `edited-conflict` where the task is not the one that was made, and `unclear-answer` where
    an answer contradicts itself or another one.
    """
    try:
        read = Task(task, Rules(choice=Choice(by="all")), users)
    except ValueError as error:
        return Answered(problems=(_problem("edited-conflict", f"not a task of a conflict: {error}"),))
    if not read.chosen:
        return Answered()
    where = read.address(url)
    asked = _asked(read.data)
    if asked is None:
        detail = "the task's text, options or conflict were edited, so its answers are not used"
        return Answered(problems=(_problem("edited-conflict", detail, where=where, doc_id=read.doc_id),))
    found = [_Answer(asked, read.data["text"], annotation, where) for annotation in read.chosen]
    problems = [problem for answer in found for problem in answer.problems]
    first = found[0].decision
    for other in found[1:]:
        if not problems and other.decision.taken != first.taken:
            detail = f"{first.by} and {other.decision.by} decided differently: {found[0]}, and {other}"
            problems.append(
                _problem("unclear-answer", detail, where=where, doc_id=asked.doc_id, annotator=other.decision.by)
            )
    return Answered(None if problems else first, tuple(problems))


class _Answer:
    """What one person submitted: a decision, which counts only if there are no problems."""

    def __init__(self, asked: _Asked, text: str, annotation: Annotation, where: str) -> None:
        self.asked, self.text = asked, text
        self.by, self.where = annotation.annotator, where
        self.problems: list[Problem] = []
        result = parse_result(annotation.raw.get("result"), text, text, Legend(label_schema=asked.labels))
        for problem in result.problems:
            if problem.action == "refused" and not problem.reason.startswith("duplicate"):
                self.unclear(problem.detail)
        marked = _marked(result, asked.start)
        drawn = [each for each in marked if each not in asked.agreed]
        ticked = self.ticked(_said(result, DECISION, "choices"))
        self.check(marked, drawn, ticked)
        taken = dict.fromkeys([*(asked.options[number] for number in sorted(ticked)), *drawn])
        reason, note = _said(result, REASON, "choices"), _said(result, NOTE, "text")
        self.decision = Decision(
            key=asked.key,
            doc_id=asked.doc_id,
            digest=asked.digest,
            kind=asked.kind,
            taken=tuple(sorted(taken, key=_place)),
            refused=tuple(sorted((each for each in asked.options if each not in taken), key=_place)),
            agreed=tuple(
                each
                for each in asked.agreed
                if isinstance(each, MarkedSpan)
                and any(isinstance(one, MarkedSpan) and one.overlaps(each) for one in (*asked.options, *taken))
            ),
            by=self.by,
            at=annotation.stamp,
            reason=next((name for name in get_args(DecisionReason) if reason == [name]), ""),
            note="\n".join(map(str, note)),
            url=where,
            is_audit=asked.is_audit,
        )

    def unclear(self, detail: str) -> None:
        self.problems.append(
            _problem(
                "unclear-answer",
                f"{self.by}: {detail}",
                where=self.where,
                doc_id=self.asked.doc_id,
                annotator=self.by,
            )
        )

    def ticked(self, choices: Sequence[Any]) -> set[int]:
        """The numbers of the options that were taken, from 0."""
        places = {str(place + 1): place for place in range(len(self.asked.options))}
        self.is_neither = NEITHER in choices
        for odd in [choice for choice in choices if choice != NEITHER and choice not in places]:
            self.unclear(f"{odd!r} is not one of the options")
        return {places[choice] for choice in choices if choice in places}

    def check(self, marked: Sequence[Marked], drawn: Sequence[Marked], ticked: set[int]) -> None:
        """Find what contradicts itself in an answer."""
        kind = MarkedSpan if self.asked.kind == "spans" else MarkedRelation
        if self.is_neither and ticked:
            self.unclear("both an option and that none of them is right")
        elif not self.is_neither and not ticked and not any(isinstance(each, kind) for each in drawn):
            self.unclear("submitted without an answer")
        for each in self.asked.agreed:
            if each not in marked:
                self.unclear(f"changed or removed what all had agreed on: {self.told(each)}")
        for number in sorted(ticked):
            option = self.asked.options[number]
            for each in drawn:
                if self.is_same_again(option, each):
                    self.unclear(f"took {self.told(option)} and drew {self.told(each)} over it")

    def is_same_again(self, option: Marked, drawn: Marked) -> bool:
        if isinstance(option, MarkedSpan) and isinstance(drawn, MarkedSpan):
            return option != drawn and option.label == drawn.label and option.overlaps(drawn)
        return False

    def told(self, marked: Marked) -> str:
        if isinstance(marked, MarkedRelation):
            return f"{self.quoted(marked.head)} —{marked.label}→ {self.quoted(marked.tail)}"
        return f"{marked.label} {self.quoted(marked)}"

    def quoted(self, span: MarkedSpan) -> str:
        start = self.asked.start
        return "“" + " ".join(self.text[max(0, span.start - start) : max(0, span.end - start)].split()) + "”"

    def __str__(self) -> str:
        return " and ".join(map(self.told, self.decision.taken)) or "none of the options"


def _excerpt(doc: LabeledDoc, start: int, end: int, asked: Set[Marked], schema: LabelSchema | None) -> LabeledDoc:
    """The agreed labels of a stretch of text that are not asked about, with offsets in it.

    What the schema does not have, its page cannot show.
    """
    spans = {
        span.id: Span(id=span.id, start=span.start - start, end=span.end - start, label=span.label)
        for span in doc.spans
        if start <= span.start
        and span.end <= end
        and MarkedSpan(start=span.start, end=span.end, label=span.label) not in asked
        and (schema is None or span.label in schema.labels)
    }
    relations = tuple(
        each
        for each in doc.relations
        if each.head in spans
        and each.tail in spans
        and not (schema and schema.objection(each.label, spans[each.head].label, spans[each.tail].label))
    )
    return LabeledDoc(doc_id=doc.doc_id, text=doc.text[start:end], spans=tuple(spans.values()), relations=relations)


def _marked(doc: LabeledDoc | ParsedResult, start: int) -> tuple[Marked, ...]:
    """The spans and relations of a stretch that begins at `start` of the article."""
    spans = {
        span.id: MarkedSpan(start=span.start + start, end=span.end + start, label=span.label) for span in doc.spans
    }
    relations = (
        MarkedRelation(label=each.label, head=spans[each.head], tail=spans[each.tail]) for each in doc.relations
    )
    return (*spans.values(), *relations)


def _drawable(schema: LabelSchema) -> LabelSchema:
    """Of a schema only what says which labels and relations are legal."""
    relations = {
        name: kind.model_dump(include={"head", "tail", "drawn"}, exclude_defaults=True)
        for name, kind in schema.relations.items()
    }
    said: Json = {"name": schema.name, "version": schema.version, "title": schema.title, "relations": relations}
    return LabelSchema.model_validate(said | {"labels": {name: {} for name in schema.labels}})


def _asked(data: Json) -> _Asked | None:
    """What a task says of its conflict; None if somebody edited it."""
    try:
        asked = _Asked.model_validate(data.get("conflict"))
        return asked if asked.options and asked.seal == _seal(data) else None
    except (ValidationError, TypeError, ValueError):
        return None


def _seal(data: Json) -> str:
    conflict = {key: value for key, value in data["conflict"].items() if key != "seal"}
    return digest(json.dumps([data.get("text"), data.get("options"), conflict], sort_keys=True))


def _said(result: ParsedResult, name: str, key: str) -> list[Any]:
    said = result.attributes.get(name)
    values = said.get(key) if isinstance(said, dict) else None
    return values if isinstance(values, list) else [values] if isinstance(values, str) else []


def _place(marked: Marked) -> tuple[Any, ...]:
    ends = (marked,) if isinstance(marked, MarkedSpan) else (marked.head, marked.tail)
    return len(ends), *((end.start, end.end, end.label) for end in ends), marked.label


def _problem(reason: Reason, detail: str, *, where: str = "", doc_id: str = "", annotator: str = "") -> Problem:
    return Problem(
        reason=reason, action="refused", detail=detail, where=where, doc_id=doc_id, url=where, annotator=annotator
    )
