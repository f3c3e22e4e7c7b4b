"""Label Studio task → a review: its documents, what became of each annotation, and the problems.

The rules, each with its reason in docs/label-studio.md: offsets count in code points unless all regions of a task show
that they count otherwise; a region whose copy of its text differs is refused; a skipped annotation has the prefilled
regions, which nobody has confirmed. Nothing in a task is trusted.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, Self, get_args

from pydantic import ValidationError

from labeling.core.article import Article, digest
from labeling.core.faults import faults
from labeling.core.labels import LabeledDoc
from labeling.core.moment import utc
from labeling.core.overlap import Overlap
from labeling.core.people import Kind
from labeling.core.problem import Action, Problem
from labeling.core.reasons import Fault, Reason
from labeling.core.text import storable, with_storable
from labeling.core.value import Value
from labeling.errors import InputError
from labeling.studio.counting import fits
from labeling.studio.hypertext import Page, is_page
from labeling.studio.predicted import predicted_by
from labeling.studio.regions import (
    Legend,
    Located,
    ParsedResult,
    claims_of,
    in_text,
    is_relation,
    is_span,
    items_of,
    labels_of,
    parse_result,
)
from labeling.studio.task_forms import upgraded
from labeling.studio.tasks import section_of

Json = dict[str, Any]
State = Literal["pending", "draft", "skipped", "reviewed-empty", "reviewed", "unreadable"]
STATES: tuple[State, ...] = ("pending", "draft", "skipped", "reviewed-empty", "reviewed", "unreadable")
# What becomes of a submitted annotation, or of a draft that counts; the first two make a document.
USES = ("used", "empty", "overlap", "alone", "older", "other-annotator", "not-ground-truth", "other-task", "unreadable")
UNSUBMITTED = ("skipped", "draft")
By = Literal["latest", "ground-truth", "annotator", "all", "adjudicated"]
META = ("title", "published", "source", "url")
DELETED = re.compile(r"(?i)deleted([ _-]user)?")
ADDRESS = re.compile(r"(?:https?|s3|gs|azure-blob)://\S+|/data/\S+")


class Choice(Value):
    """Which annotations of a task count: the newest, the newest ground truth, the newest of one annotator, or all.

    With all, the newest of each annotator makes a document of its own. With adjudicated, the newest ones of all who
    annotated a text make one document.
    """

    by: By = "latest"
    annotator: str = ""

    @property
    def is_of_each(self) -> bool:
        """Whether the newest annotation of each annotator counts."""
        return self.by in {"all", "adjudicated"}

    @classmethod
    def parse(cls, text: str) -> Self:
        """The choice that `latest`, `ground-truth`, `annotator=…`, `all` or `adjudicated` names.

        Raises:
            InputError: It is none of them.
        """
        by, _, annotator = text.partition("=")
        if by in get_args(By) and (by == "annotator") == bool(annotator):
            return cls.model_validate({"by": by, "annotator": annotator})
        raise InputError(
            f"{text!r} names no annotations.",
            "Choose latest, ground-truth, annotator=ann@example.org, all, or adjudicated.",
        )

    def __str__(self) -> str:
        return f"{self.by}={self.annotator}" if self.annotator else self.by


class Rules(Value):
    """How tasks are read.

    Attributes:
        legend: Which labels are legal, and what becomes of others.
        choice: Which annotations count.
        drafts: Whether a draft counts if nothing was submitted; its document is only partly reviewed.
        complete: Whether text that an annotator left without label is known to have none.
        overlap: To how many people each task goes; None where the tasks say it.
    """

    legend: Legend = Legend()
    choice: Choice = Choice()
    drafts: bool = False
    complete: bool = True
    overlap: Overlap | None = None

    def people(self, task: Json, doc_id: str) -> int:
        """How many people are to annotate a task."""
        said = task.get("overlap")
        return self.overlap.of(doc_id) if self.overlap else said if type(said) is int else 1


@dataclass(frozen=True, slots=True)
class Review:
    """One task, as its annotations say. All counts are by name.

    Attributes:
        where: The task's URL, or file and number.
        url: The task's URL; "" if unknown.
        doc_id: The article's id; "" if the task is unreadable.
        state: How far it was reviewed.
        annotators: Who submitted or skipped it; first the one whose annotation counts.
        docs: The reviewed documents: one, or one per annotator if all count; none if it was not reviewed, or its text
            cannot be trusted.
        by: Whose each document is.
        annotations: Annotations by use (see USES and UNSUBMITTED).
        spans: Spans of the annotations that count: exact, trimmed, repaired, dropped, refused.
        relations: Their relations: exact, changed, dropped, refused.
        attributes: Their other answers (choices, text areas, numbers): kept, refused.
        unused: Spans and relations in annotations that do not count.
        predictions: The number of the task's predictions.
        outcomes: For each document, what became of the kept spans that are not exact, by span id.
        repairs: Repaired spans by how their offsets counted.
        renamed: Renamed labels and relations, as `old=new`.
        dropped: Labels and relations that were left out on request.
        predicted_by: Annotations that count and began with a prediction, by its model version.
        problems: Everything that was not taken exactly as it is in the task.
    """

    where: str
    url: str = ""
    doc_id: str = ""
    state: State = "pending"
    annotators: tuple[str, ...] = ()
    docs: tuple[LabeledDoc, ...] = ()
    by: tuple[str, ...] = ()
    annotations: dict[str, int] = field(default_factory=dict)
    spans: dict[str, int] = field(default_factory=dict)
    relations: dict[str, int] = field(default_factory=dict)
    attributes: dict[str, int] = field(default_factory=dict)
    unused: dict[str, int] = field(default_factory=dict)
    predictions: int = 0
    outcomes: tuple[dict[str, str], ...] = ()
    repairs: dict[str, int] = field(default_factory=dict)
    renamed: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    predicted_by: dict[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def doc(self) -> LabeledDoc | None:
        """The first reviewed document, if there is one."""
        return self.docs[0] if self.docs else None


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation or draft of a task.

    Attributes:
        raw: Its JSON; empty if it was unreadable.
        annotator: What the annotator is called.
        aliases: All names of the annotator.
        stamp: When it was changed last, in a form in which text order is time order.
        use: One of USES or UNSUBMITTED if it does not count.
    """

    raw: Json = field(default_factory=dict)
    annotator: str = "unknown"
    aliases: frozenset[str] = frozenset()
    stamp: str = ""
    use: str = ""

    @property
    def written(self) -> str:
        """The annotator's name as it is written; "" if there is none."""
        who = self.raw.get("completed_by", self.raw.get("user"))
        if isinstance(who, dict):
            return str(who.get("email") or who.get("username") or "")
        return who if isinstance(who, str) else ""

    @property
    def user(self) -> int | None:
        """The annotator's number on the server."""
        who = self.raw.get("completed_by", self.raw.get("user"))
        number = who.get("id") if isinstance(who, dict) else who
        return number if type(number) is int else None

    @property
    def kind(self) -> Kind:
        """Whether the annotator has a name, or what is left of it; a pseudonym does not matter."""
        if any(name.startswith("deleted user") for name in self.aliases):
            return "deleted"
        if "unknown" in self.aliases:
            return "unknown"
        return "number" if self.aliases <= {str(self.user), f"user {self.user}"} else "named"

    @property
    def told(self) -> str:
        """Its annotator and time, for messages."""
        time = self.stamp.partition(".")[0].replace("T", " ")
        return f"by {self.annotator} of {f'{time} UTC' if time else 'no known time'}"


class Task:
    """A task: its annotations, which of them count, and its article.

    Args:
        task: The task's JSON.
        rules: Which annotations count.
        users: User id → name, for `completed_by`.
        is_clean: Whether the JSON is known to have no NUL, lone surrogate or NaN, which saves the search for them.
        called: What annotators are called instead of their names.

    Raises:
        ValueError: It is not a task; the message says why.
    """

    def __init__(
        self,
        task: Any,
        rules: Rules,
        users: Mapping[int, str] | None = None,
        *,
        is_clean: bool = False,
        called: Mapping[str, str] | None = None,
    ) -> None:
        try:
            self.json: Json = upgraded(task if is_clean else storable(task))
            data = self.json["data"].items()
            self.data: Json = {key: value if isinstance(value, str) else storable(value) for key, value in data}
        except RecursionError as error:
            raise ValueError(f"it is {error}") from None  # nested too deeply
        self.is_min = "data" not in task
        self.annotations = _annotations(self.json, users or {}, called or {})
        self.chosen, self.others = _choose(self.annotations, rules)
        self._locate(is_clean)
        self.people = rules.people(self.json, self.doc_id)
        if self.people > 1:
            self.others = _with_planned(self.chosen, self.others)

    def _locate(self, is_clean: bool) -> None:
        """Find the text that the regions are in, and its article."""
        key = _text_key(self.data, [a.raw for a in self.chosen] or [a.raw for a in self.annotations])
        raw = self.data.get(key)
        self.raw = raw if isinstance(raw, str) else ""
        self.located: Located = in_text
        if self.raw and is_page(self.raw, self.chosen[0].raw.get("result") if self.chosen else None):
            page = Page(self.raw)
            self.raw, self.located = page.text, page.located
        is_storable = is_clean and "\r" not in self.raw
        text, self.moved = (self.raw, int) if is_storable else with_storable(self.raw)
        self.doc_id = str(self.data.get("doc_id") or (digest(text) if text else ""))
        self.section = section_of(self.data)
        self.article, self.fault = _article(self.data, key, self.doc_id, text)

    def address(self, url: str) -> str:
        """The task's URL: `url` with its `{project}` and `{task}` filled in; "" if the task lacks these ids."""
        project, number = self.json.get("project"), self.json.get("id")
        if type(number) is not int or ("{project}" in url and type(project) is not int):
            return ""
        return url.replace("{project}", str(project)).replace("{task}", str(number))


def read_task(
    task: Any,
    rules: Rules,
    where: str,
    users: Mapping[int, str] | None = None,
    *,
    url: str = "",
    doc_id: str = "",
    lost: Mapping[str, str] | None = None,
    is_alone: bool = False,
) -> Review:
    """The review of one task of the API or of an export.

    Args:
        task: A `Task`, or JSON, which may be anything.
        rules: Which annotations count, and which labels are legal.
        where: The task's file and number, for messages; "" for its URL.
        users: User id → name, for `completed_by`.
        url: The task's URL, in which `{project}` and `{task}` are filled in.
        doc_id: The article's id, if its own belongs to another text.
        lost: Annotator ("" for all) → the place of an annotation of the same article that counts instead.
        is_alone: Whether annotations are left out because only one person annotated the text.
    """
    try:
        read = task if isinstance(task, Task) else Task(task, rules, users)
    except ValueError as error:
        detail = f"not a Label Studio task: {error}"
        problem = Problem(reason="no-task", action="refused", detail=detail, where=where)
        return Review(where=where, state="unreadable", problems=(problem,))
    return _Reviewer(read, rules, where, url, doc_id, lost or {}, is_alone=is_alone).review()


class _Reviewer:
    def __init__(
        self, task: Task, rules: Rules, where: str, url: str, doc_id: str, lost: Mapping[str, str], *, is_alone: bool
    ) -> None:
        self.task, self.rules, self.lost, self.is_alone = task, rules, lost, is_alone
        self.url = task.address(url)
        self.where = where or self.url
        self.doc_id = doc_id or task.doc_id
        self.problems: list[Problem] = []
        self.annotations: Counter[str] = Counter()
        self.unused: Counter[str] = Counter()

    def review(self) -> Review:
        task, chosen = self.task, []
        for annotation in task.chosen:
            winner = self.lost.get(annotation.annotator if self.rules.choice.is_of_each else "")
            if winner is None and self.is_alone:
                detail = f"only {annotation.annotator} annotated the text"
                self.leave_out(annotation, annotation.use or "alone", "alone", detail, "unused")
            elif winner is None:
                chosen.append(annotation)
            else:
                detail = f"the same article as {winner}, whose annotation is newer or was read first"
                self.leave_out(annotation, annotation.use or "other-task", "duplicate-document", detail, "unused")
        for annotation in task.others:
            self.leave_out_with_reason(annotation)
        results = [self.read(annotation, len(chosen) > 1 or self.rules.choice.is_of_each) for annotation in chosen]
        docs = [
            (doc, result.outcomes, each.annotator) for each, (result, doc) in zip(chosen, results, strict=True) if doc
        ]
        return Review(
            where=self.where,
            url=self.url,
            doc_id=self.doc_id,
            state=self.state(),
            annotators=self.annotators(),
            docs=tuple(doc for doc, *_ in docs),
            by=tuple(who for *_, who in docs),
            annotations=dict(self.annotations),
            spans=_sum(result.span_counts for result, _ in results),
            relations=_sum(result.relation_counts for result, _ in results),
            attributes=_sum(result.attribute_counts for result, _ in results),
            unused=dict(self.unused),
            predictions=_predictions(task.json),
            outcomes=tuple(outcomes for _, outcomes, _ in docs),
            repairs=_sum(result.repairs for result, _ in results),
            renamed=_sum(result.renamed for result, _ in results),
            dropped=_sum(result.dropped for result, _ in results),
            predicted_by=Counter(version for each in chosen for version in predicted_by(task.json, each.raw)),
            problems=tuple(self.problems),
        )

    def annotators(self) -> tuple[str, ...]:
        submitted = [a for a in self.task.others if a.use not in {"draft", "skipped", "unreadable"}]
        skipped = [a for a in self.task.others if a.use == "skipped"]
        return tuple(dict.fromkeys(a.annotator for a in (*self.task.chosen, *submitted, *skipped)))

    def state(self) -> State:
        submitted = [a for a in self.task.annotations if a.use not in {"skipped", "draft", "unreadable"}]
        if submitted:
            counting = self.task.chosen[0] if self.task.chosen and self.task.chosen[0] in submitted else submitted[0]
            return "reviewed" if items_of(counting.raw.get("result")) else "reviewed-empty"
        if any(a.use == "skipped" for a in self.task.annotations):
            return "skipped"
        return "draft" if any(a.use == "draft" for a in self.task.annotations) else "pending"

    def note(self, annotation: Annotation, problem: Problem) -> None:
        update: Json = {"doc_id": self.doc_id, "where": self.where, "url": self.url, "annotator": annotation.annotator}
        if self.task.section and problem.start is not None and problem.end is not None:
            first = self.task.section.start  # offsets count in the article's text
            update |= {"start": problem.start + first, "end": problem.end + first}
        self.problems.append(problem.model_copy(update=update))

    def leave_out(self, annotation: Annotation, use: str, reason: Reason | None, detail: str, action: Action) -> None:
        self.annotations[use] += 1
        items = items_of(annotation.raw.get("result"))
        self.unused["spans"] += sum(len(labels_of(i)) if isinstance(i, dict) else 1 for i in items if is_span(i))
        self.unused["relations"] += sum(len(labels_of(i)) for i in items if is_relation(i))
        if reason:
            self.note(annotation, Problem(reason=reason, action=action, detail=detail))

    def leave_out_with_reason(self, annotation: Annotation) -> None:
        """Tally an annotation that does not count; a problem, if somebody might have expected it to count."""
        who, newest = annotation.told, self.task.chosen[0] if self.task.chosen else None
        use, detail = annotation.use, ""
        reason: Reason | None = None
        if use == "older":
            reason, detail = "older-annotation", f"an annotation {who} gave way to a newer one"
            if newest:
                own = (each for each in self.task.chosen if each.annotator == annotation.annotator)
                detail += f" by {next(own, newest).annotator}"
        elif use == "unreadable":
            reason, detail = "bad-annotation", "an annotation is not an object"
        elif use == "draft" and newest and annotation.stamp > newest.stamp and not self.is_under_way(annotation):
            reason = "newer-draft"
            detail = f"an edit {who} was never submitted; what {newest.annotator} submitted before counts"
        self.leave_out(annotation, use, reason, detail, "refused" if use == "unreadable" else "unused")

    def is_under_way(self, draft: Annotation) -> bool:
        """Whether a draft is by somebody who has yet to submit an annotation, as planned by the overlap."""
        submitted = {each.annotator for each in self.task.annotations if not each.use}
        return draft.annotator not in submitted and len(submitted) < self.task.people

    def read(self, annotation: Annotation, is_one_of_several: bool) -> tuple[ParsedResult, LabeledDoc | None]:
        """The result of an annotation that counts, and its document, unless the article cannot be trusted."""
        task, raw = self.task, annotation.raw.get("result")
        if task.fault:
            reason, detail = task.fault
            self.note(annotation, Problem(reason=reason, action="refused", detail=detail))
        text = task.article.text if task.article else ""
        result = parse_result(
            raw, task.raw, text, self.rules.legend, moved=task.moved, located=task.located, veto=task.fault
        )
        for problem in result.problems:
            self.note(annotation, problem)
        if not task.article:
            self.annotations[annotation.use or "unreadable"] += 1
            return result, None
        self.annotations["used" if items_of(raw) else "empty"] += 1
        if task.is_min:
            detail = "the task comes from a JSON-MIN export, which lacks its relations and its origin"
            self.note(annotation, Problem(reason="json-min", action="kept", detail=detail))
        is_partial = annotation.use == "draft" or not self.rules.complete
        doc = LabeledDoc.of(
            task.article,
            tuple(result.spans),
            tuple(result.relations),
            doc_id=f"{self.doc_id}#{annotation.annotator}" if is_one_of_several else self.doc_id,
            attributes=result.attributes,
            unknown=((0, len(text)),) if is_partial else tuple(result.unknown),
        )
        return result, doc


# which annotations there are, and which of them count


def _annotations(task: Json, users: Mapping[int, str], called: Mapping[str, str]) -> list[Annotation]:
    """The annotations and drafts of a task, the newest first; what is not an object last."""
    found: list[Annotation] = []
    for kind in ("annotations", "drafts"):
        for raw in items_of(task.get(kind)):
            if not isinstance(raw, dict):
                is_id = kind == "drafts" and type(raw) is int  # of a draft, as in a snapshot
                found.append(Annotation(use="draft" if is_id else "unreadable"))
                continue
            who = raw.get("completed_by", raw.get("user"))
            name, aliases = _annotator(who, users)
            use = "draft" if kind == "drafts" else "skipped" if raw.get("was_cancelled") else ""
            found.append(Annotation(raw, called.get(name, name), aliases, _stamp(raw), use))
    return sorted(found, key=lambda a: (a.stamp, _number(a.raw)), reverse=True)


def _choose(annotations: list[Annotation], rules: Rules) -> tuple[list[Annotation], list[Annotation]]:
    """The annotations that count, and the others, each with why not."""
    chosen: list[Annotation] = []
    others: list[Annotation] = []
    countable = "draft" if rules.drafts and all(each.use for each in annotations) else ""
    choice = rules.choice
    seen: set[str] = set()
    for annotation in annotations:
        why = annotation.use
        if why != countable:
            others.append(annotation)
            continue
        if choice.by == "ground-truth" and annotation.raw.get("ground_truth") is not True:
            why = why or "not-ground-truth"
        elif choice.by == "annotator" and choice.annotator not in annotation.aliases:
            why = why or "other-annotator"
        elif (key := annotation.annotator if choice.is_of_each else "") in seen:
            why = why or "older"
        else:
            seen.add(key)
            chosen.append(annotation)
            continue
        others.append(replace(annotation, use=why))
    return chosen, others


def _with_planned(chosen: list[Annotation], others: list[Annotation]) -> list[Annotation]:
    """The annotations that do not count; the newest of each other annotator is planned overlap, not `older`."""
    seen = {annotation.annotator for annotation in chosen}
    found = []
    for annotation in others:  # the newest first
        is_planned = annotation.use == "older" and annotation.annotator not in seen
        seen |= {annotation.annotator} if is_planned else set()
        found.append(replace(annotation, use="overlap") if is_planned else annotation)
    return found


def _annotator(who: Any, users: Mapping[int, str]) -> tuple[str, frozenset[str]]:
    """What an annotator is called, and every name that a person may use for them.

    A name is the same in any case and spacing. Removed accounts, which the server all calls "Deleted", keep their ids.
    """
    if isinstance(who, dict):
        number = who.get("id")
        names = [str(who[key]) for key in ("email", "username") if who.get(key)]
        if names and DELETED.fullmatch(names[0].strip()):
            return _unnamed(number, "deleted user", names)
        return _named(names, number) if names else _unnamed(number, "user" if number else "unknown")
    if type(who) is int:
        return _named([users[who]], who) if who in users else _unnamed(who, "deleted user" if users else "user")
    if isinstance(who, str) and who.strip():
        # Enterprise's JSON_MIN and old versions write "ann@example.org, 7"
        return _named([who, *(part.strip() for part in who.split(","))])
    return _unnamed(None, "unknown")


def _named(names: Sequence[str], number: Any = None) -> tuple[str, frozenset[str]]:
    numbers = [str(number), f"user {number}"] if number else []
    folded = [" ".join(name.split()).lower() for name in names]
    return folded[0], frozenset({*names, *folded, *numbers})


def _unnamed(number: Any, kind: str, names: Sequence[str] = ()) -> tuple[str, frozenset[str]]:
    if not number:
        return kind, frozenset({kind, *names})
    name = f"{kind} {number}"
    return name, frozenset({name, str(number), f"user {number}", *names})


def _stamp(annotation: Json) -> str:
    """When it was changed last: ISO 8601 in UTC, so that text order is time order; "" if unknown."""
    value = annotation.get("updated_at") or annotation.get("created_at") or annotation.get("draft_created_at")
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):  # before 1.0: seconds since 1970
            return datetime.fromtimestamp(value, UTC).isoformat(timespec="microseconds")
        return utc(str(value)).isoformat(timespec="microseconds")
    except (ValueError, OverflowError, OSError):
        return str(value or "")


def _predictions(task: Json) -> int:
    """The number of predictions; if the task was read without them, its own count of them."""
    if "predictions" not in task and type(task.get("total_predictions")) is int:
        return int(task["total_predictions"])
    return len(items_of(task.get("predictions")))


def _number(annotation: Json) -> int:
    number = annotation.get("id")
    return number if type(number) is int else 0


def _sum(counters: Iterable[Counter[str]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for counter in counters:
        for name, number in counter.items():
            total[name] = total.get(name, 0) + number
    return total


# the article


def _article(data: Json, key: str, doc_id: str, text: str) -> tuple[Article | None, Fault | None]:
    """The task's article, or why it cannot be used."""
    if not text.strip():
        detail = "the task's data has no text"
        if isinstance(data.get(key), list):
            detail = f"the task's {key} is a dialogue, not a plain text"
        return None, ("no-text", detail)
    if ADDRESS.fullmatch(text.strip()):
        return None, ("text-elsewhere", f"the task holds the address of its text, not the text: {text.strip()[:100]}")
    if data.get("digest") is not None and data["digest"] != digest(text):
        return None, ("text-changed", "the task's text is not the one that was pushed; someone changed it")
    fields = {name: data[name] for name in META if isinstance(data.get(name), str)}
    extra = data["extra"] if isinstance(data.get("extra"), dict) else {}
    known = {key, "doc_id", *fields} | ({"extra"} if extra else set())
    known |= {"digest", "byline", "extra", "part", "section"} if "digest" in data else set()  # `labeling` pushed it
    others = {name: value for name, value in data.items() if name not in known}
    try:
        return Article(doc_id=doc_id, text=text, extra=extra | others, **fields), None
    except ValidationError as error:
        return None, ("bad-data", f"the task's data is not an article: {'; '.join(faults(error))}")


def _text_key(data: Json, annotations: list[Json]) -> str:
    """The field of a task that is the text: `text` if the regions fit it, else the one that they fit best."""
    items = items_of(annotations[0].get("result")) if annotations else []
    regions = (item for item in items if isinstance(item, dict) and is_span(item))
    claims = (claim for claim in claims_of(regions, _stated) if claim.text)
    first = next(claims, None)
    if isinstance(data.get("text"), str) and (not first or fits(data["text"], (first.start, first.end), first.text)):
        return "text"
    all_claims = [first, *claims] if first else []

    def hits(key: str) -> int:
        return sum(fits(data[key], (claim.start, claim.end), claim.text) for claim in all_claims)

    candidates = [key for key, value in data.items() if isinstance(value, str)]
    best = max(candidates, key=lambda key: (hits(key), " " in data[key], len(data[key])), default=None)
    if best is None or ("text" in candidates and hits(best) <= hits("text")):
        return "text"
    # prose has spaces; a path or an id has none
    return best if hits(best) or " " in data[best] else "text"


def _stated(value: Json) -> tuple[int, int]:
    """The offsets of a region in a plain text or a page, as it states them."""
    whole = value.get("globalOffsets")
    return in_text(whole if isinstance(whole, dict) else value)
