"""Label Studio task → what its annotators said. Pure, and it trusts nothing that comes from outside.

The rules, each with its reason in docs/label-studio.md: offsets count in code points unless all regions of a task show
that they count otherwise; a region whose copy of its text is another one is refused; a skipped annotation carries the
prefilled regions and says nothing. The format before Label Studio 1.0 (`completions`) and JSON_MIN are read too.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import ValidationError

from labeling.core.article import Article, digest
from labeling.core.faults import faults
from labeling.core.labels import LabeledDoc
from labeling.core.overlap import Overlap
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
    Reading,
    claims_of,
    in_text,
    is_relation,
    is_span,
    items_of,
    labels_of,
    read_result,
)
from labeling.studio.tasks import section_of

Json = dict[str, Any]
State = Literal["pending", "draft", "skipped", "reviewed-empty", "reviewed", "unreadable"]
STATES: tuple[State, ...] = ("pending", "draft", "skipped", "reviewed-empty", "reviewed", "unreadable")
# What becomes of an annotation that was submitted, or of a draft that was taken; the first two make a document.
USES = ("used", "empty", "overlap", "older", "other-annotator", "not-ground-truth", "other-task", "unreadable")
UNSUBMITTED = ("skipped", "draft")
META = ("title", "published", "source", "url")
MIN_FIELDS = {"annotation_id", "annotator", "lead_time", "created_at", "updated_at", "id"}  # of a JSON_MIN entry
ADDRESS = re.compile(r"(?:https?|s3|gs|azure-blob)://\S+|/data/\S+")


class Choice(Value):
    """Which annotations of a task count: the newest, the newest ground truth, the newest of one annotator, or all.

    All means the newest of each annotator, as a document of its own.
    """

    by: Literal["latest", "ground-truth", "annotator", "all"] = "latest"
    annotator: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The choice that `latest`, `ground-truth`, `annotator=…` or `all` names.

        Raises:
            InputError: It is none of them.
        """
        by, _, annotator = text.partition("=")
        if (by in {"latest", "ground-truth", "all"} and not annotator) or (by == "annotator" and annotator):
            return cls.model_validate({"by": by, "annotator": annotator})
        raise InputError(
            f"{text!r} names no annotations.", "Choose latest, ground-truth, annotator=ann@example.org, or all."
        )

    def __str__(self) -> str:
        return f"{self.by}={self.annotator}" if self.annotator else self.by


class Rules(Value):
    """How tasks are read.

    Attributes:
        legend: Which labels are legal, and what becomes of others.
        choice: Which annotations count.
        drafts: Whether a draft counts where nothing was submitted; its document was reviewed only partly.
        complete: Whether what an annotator left without label is known to have none.
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
    """What is known of one task.

    Attributes:
        where: The task's URL, or file and number.
        url: The task's URL, as far as known.
        doc_id: The article's, or "" where the task is unreadable.
        state: What has been done with it.
        annotators: Who submitted or skipped it, the one that counts first.
        docs: The reviewed documents: one, or one an annotator where all count; none where it was not reviewed, or its
            text is not to be trusted.
        annotations: How many of its annotations were used, and why others were not (see USES and UNSUBMITTED).
        spans: How many spans of the annotations that count are exact, trimmed, repaired, dropped, refused.
        relations: How many of their relations are exact, changed, dropped, refused.
        attributes: How many other answers (choices, text areas, numbers) are kept, refused.
        unused: How many spans and relations stand in annotations that do not count.
        predictions: How many predictions the task has.
        outcomes: What became of a span that was kept but is not exact, for each document by the span's id.
        repairs: How many spans were read in another way than the usual one, by which.
        renamed: How many labels and relations were renamed, by their own names.
        dropped: How many were left out on request, by their names.
        predicted_by: How many of the annotations that count began with a prediction, by its model version.
        problems: Everything that was not taken exactly as it came.
    """

    where: str
    url: str = ""
    doc_id: str = ""
    state: State = "pending"
    annotators: tuple[str, ...] = ()
    docs: tuple[LabeledDoc, ...] = ()
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
        """The reviewed document, where there is one."""
        return self.docs[0] if self.docs else None


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation or draft of a task, as far as it matters which one counts. `stamp` orders by time."""

    raw: Json
    annotator: str
    aliases: frozenset[str]
    stamp: str
    use: str = ""  # one of USES or UNSUBMITTED where it cannot count

    @property
    def told(self) -> str:
        """Whose it is and of when, for people."""
        time = self.stamp.partition(".")[0].replace("T", " ")
        return f"by {self.annotator} of {f'{time} UTC' if time else 'no known time'}"


class Task:
    """A task's JSON, looked at once: its annotations, which of them count, and its article.

    `is_clean` says that the JSON is known to have neither NUL, lone surrogates nor NaN, which saves looking for them.

    Raises:
        ValueError: It is not a task; the message says why.
    """

    def __init__(
        self, task: Any, rules: Rules, users: Mapping[int, str] | None = None, *, is_clean: bool = False
    ) -> None:
        try:
            self.json: Json = _upgraded(task if is_clean else storable(task))
            # what is nested may be nested too deeply
            data = self.json["data"].items()
            self.data: Json = {key: value if isinstance(value, str) else storable(value) for key, value in data}
        except RecursionError as error:
            raise ValueError(f"it is {error}") from None
        self.is_min = "data" not in task
        self.annotations = _annotations(self.json, users or {})
        self.chosen, self.others = _choose(self.annotations, rules)
        self._locate(is_clean)
        self.people = rules.people(self.json, self.doc_id)
        if self.people > 1:
            self.others = _with_planned(self.chosen, self.others)

    def _locate(self, is_clean: bool) -> None:
        """Find the text that the regions lie in, and the article that it makes."""
        key = _text_key(self.data, [a.raw for a in self.chosen] or [a.raw for a in self.annotations])
        raw = self.data.get(key)
        self.raw = raw if isinstance(raw, str) else ""
        self.located: Located = in_text
        if self.raw and is_page(self.raw, self.chosen[0].raw.get("result") if self.chosen else None):
            page = Page(self.raw)
            self.raw, self.located = page.text, page.located
        is_as_it_is = is_clean and "\r" not in self.raw
        text, self.moved = (self.raw, int) if is_as_it_is else with_storable(self.raw)
        self.doc_id = str(self.data.get("doc_id") or (digest(text) if text else ""))
        self.section = section_of(self.data)
        self.article, self.fault = _article(self.data, key, self.doc_id, text)

    def address(self, url: str) -> str:
        """The task's URL: `url` with its `{project}` and `{task}` filled in; "" where the task does not say which."""
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
) -> Review:
    """The review of one task, as the API lists it or as an export holds it.

    Args:
        task: The task's JSON, whatever it is.
        rules: Which annotations count, and which labels are legal.
        where: What to call the task in messages: file and number; its URL where it is "".
        users: User id → name, for `completed_by`.
        url: The task's URL, as far as known; `{project}` and `{task}` in it are filled in.
        doc_id: The article's id, where its own belongs to another text.
        lost: Annotator ("" for whoever) → where an annotation of the same article stands that counts instead.
    """
    try:
        looked = task if isinstance(task, Task) else Task(task, rules, users)
    except ValueError as error:
        detail = f"not a Label Studio task: {error}"
        problem = Problem(reason="no-task", action="refused", detail=detail, where=where)
        return Review(where=where, state="unreadable", problems=(problem,))
    return _Reviewer(looked, rules, where, url, doc_id, lost or {}).review()


class _Reviewer:
    def __init__(self, task: Task, rules: Rules, where: str, url: str, doc_id: str, lost: Mapping[str, str]) -> None:
        self.task, self.rules, self.lost = task, rules, lost
        self.url = task.address(url)
        self.where = where or self.url
        self.doc_id = doc_id or task.doc_id
        self.problems: list[Problem] = []
        self.annotations: Counter[str] = Counter()
        self.unused: Counter[str] = Counter()

    def review(self) -> Review:
        task, chosen = self.task, []
        for annotation in task.chosen:
            winner = self.lost.get(annotation.annotator if self.rules.choice.by == "all" else "")
            if winner is None:
                chosen.append(annotation)
            else:
                detail = f"the same article as {winner}, whose annotation is newer or was read first"
                self.leave_out(annotation, annotation.use or "other-task", "duplicate-document", detail, "unused")
        for annotation in task.others:
            self.leave_out_with_reason(annotation)
        results = [self.read(annotation, len(chosen) > 1 or self.rules.choice.by == "all") for annotation in chosen]
        docs = [(doc, result.outcomes) for result, doc in results if doc]
        return Review(
            where=self.where,
            url=self.url,
            doc_id=self.doc_id,
            state=self.state(),
            annotators=self.annotators(),
            docs=tuple(doc for doc, _ in docs),
            annotations=dict(self.annotations),
            spans=_sum(result.span_counts for result, _ in results),
            relations=_sum(result.relation_counts for result, _ in results),
            attributes=_sum(result.attribute_counts for result, _ in results),
            unused=dict(self.unused),
            predictions=_predictions(task.json),
            outcomes=tuple(outcomes for _, outcomes in docs),
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
        """Count an annotation that does not count, and list it where somebody might have expected it to."""
        who, newest = annotation.told, self.task.chosen[0] if self.task.chosen else None
        use, detail = annotation.use, ""
        reason: Reason | None = None
        if use == "older":
            reason, detail = "older-annotation", f"an annotation {who} gave way to a newer one"
            if newest:
                detail += f" by {newest.annotator}"
        elif use == "unreadable":
            reason, detail = "bad-annotation", "an annotation is not an object"
        elif use == "draft" and newest and annotation.stamp > newest.stamp and not self.is_under_way(annotation):
            reason = "newer-draft"
            detail = f"an edit {who} was never submitted; what {newest.annotator} submitted before counts"
        self.leave_out(annotation, use, reason, detail, "refused" if use == "unreadable" else "unused")

    def is_under_way(self, draft: Annotation) -> bool:
        """Whether a draft is by somebody who is yet to submit an annotation, as planned by the overlap."""
        submitted = {each.annotator for each in self.task.annotations if not each.use}
        return draft.annotator not in submitted and len(submitted) < self.task.people

    def read(self, annotation: Annotation, is_one_of_several: bool) -> tuple[Reading, LabeledDoc | None]:
        """What an annotation that counts holds, and its document; none where the article is not to be trusted."""
        task, raw = self.task, annotation.raw.get("result")
        if task.fault:
            reason, detail = task.fault
            self.note(annotation, Problem(reason=reason, action="refused", detail=detail))
        text = task.article.text if task.article else ""
        result = read_result(
            raw, task.raw, text, self.rules.legend, moved=task.moved, located=task.located, veto=task.fault
        )
        for problem in result.problems:
            self.note(annotation, problem)
        if not task.article:
            self.annotations[annotation.use or "unreadable"] += 1
            return result, None
        self.annotations["used" if items_of(raw) else "empty"] += 1
        if task.is_min:
            detail = "the task comes from a JSON-MIN export: its relations and its origin were lost there"
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


def _annotations(task: Json, users: Mapping[int, str]) -> list[Annotation]:
    """The annotations and drafts of a task, the newest first; what is not an object last."""
    found: list[Annotation] = []
    for kind in ("annotations", "drafts"):
        for raw in items_of(task.get(kind)):
            if kind == "drafts" and type(raw) is int:  # a snapshot names drafts by their numbers
                found.append(Annotation({}, "unknown", frozenset(), "", "draft"))
                continue
            if not isinstance(raw, dict):
                found.append(Annotation({}, "unknown", frozenset(), "", "unreadable"))
                continue
            who = raw.get("completed_by", raw.get("user"))
            name, aliases = _annotator(who, users)
            use = "draft" if kind == "drafts" else "skipped" if raw.get("was_cancelled") else ""
            found.append(Annotation(raw, name, aliases, _stamp(raw), use))
    return sorted(found, key=lambda a: (a.stamp, _number(a.raw)), reverse=True)


def _choose(annotations: list[Annotation], rules: Rules) -> tuple[list[Annotation], list[Annotation]]:
    """The annotations that count, and the others, each with why not."""
    can = [a for a in annotations if not a.use]
    if rules.drafts and not can:
        can = [a for a in annotations if a.use == "draft"]
    choice = rules.choice
    wanted: dict[int, str] = {}  # by id(): "" counts, else why not
    seen: set[str] = set()
    for annotation in can:
        why = ""
        if choice.by == "ground-truth" and annotation.raw.get("ground_truth") is not True:
            why = "not-ground-truth"
        elif choice.by == "annotator" and choice.annotator not in annotation.aliases:
            why = "other-annotator"
        elif (key := annotation.annotator if choice.by == "all" else "") in seen:
            why = "older"
        else:
            seen.add(key)
        wanted[id(annotation)] = why and (annotation.use or why)
    chosen = [a for a in can if not wanted[id(a)]]
    others = [_with_use(a, wanted.get(id(a)) or a.use) for a in annotations if wanted.get(id(a), "no")]
    return chosen, others


def _with_planned(chosen: list[Annotation], others: list[Annotation]) -> list[Annotation]:
    """The annotations that do not count; the newest of each other person is planned, not given up for a newer one."""
    seen = {annotation.annotator for annotation in chosen}
    found = []
    for annotation in others:  # the newest first
        is_planned = annotation.use == "older" and annotation.annotator not in seen
        seen |= {annotation.annotator} if is_planned else set()
        found.append(_with_use(annotation, "overlap") if is_planned else annotation)
    return found


def _with_use(annotation: Annotation, use: str) -> Annotation:
    return Annotation(annotation.raw, annotation.annotator, annotation.aliases, annotation.stamp, use)


def _annotator(who: Any, users: Mapping[int, str]) -> tuple[str, frozenset[str]]:
    """What an annotator is called, and every name that a person may use for them."""
    if isinstance(who, dict):
        names = [str(who[key]) for key in ("email", "username", "id") if who.get(key)]
        return (names[0] if names else "unknown"), frozenset(names)
    if type(who) is int:
        name = users.get(who, f"user {who}")
        return name, frozenset({name, str(who), f"user {who}"})
    if isinstance(who, str) and who:
        # Enterprise's JSON_MIN and old versions write "ann@example.org, 7"
        return who, frozenset({who, *(part.strip() for part in who.split(","))})
    return "unknown", frozenset({"unknown"})


def _stamp(annotation: Json) -> str:
    """When it was last touched: ISO 8601 in UTC, so that text order is time order; "" where it does not say."""
    value = annotation.get("updated_at") or annotation.get("created_at") or annotation.get("draft_created_at")
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):  # before 1.0: seconds since 1970
            return datetime.fromtimestamp(value, UTC).isoformat(timespec="microseconds")
        time = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        return str(value or "")
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _predictions(task: Json) -> int:
    """How many there are; where they were left out on the way, the task's own count of them."""
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


# forms of a task


def _upgraded(task: Any) -> Json:
    """The task in the form of today's JSON export.

    Raises:
        ValueError: It is not a task of any form; the message says what it lacks.
    """
    if not isinstance(task, dict):
        raise ValueError(f"it is not an object but {type(task).__name__}")
    if isinstance(task.get("data"), dict):
        if "annotations" not in task and isinstance(task.get("completions"), list):
            return task | {"annotations": [_from_completion(c) for c in task["completions"]]}
        return task
    if min_task := _from_min(task):
        return min_task
    if "data" in task:
        raise ValueError("its `data` is not an object")
    raise ValueError(f"it has no `data`{_kind(task)}")


def _from_completion(completion: Any) -> Any:
    """An annotation as it was called before 1.0: `skipped` is `was_cancelled`, `honeypot` is `ground_truth`."""
    if not isinstance(completion, dict):
        return completion
    return completion | {
        "was_cancelled": bool(completion.get("was_cancelled") or completion.get("skipped")),
        "ground_truth": completion.get("ground_truth") is True or completion.get("honeypot") is True,
    }


def _from_min(task: Json) -> Json | None:
    """The task that an entry of a JSON_MIN export tells of: one annotation, without relations and origin."""
    controls = {
        name: value
        for name, value in task.items()
        if isinstance(value, list) and value and all(isinstance(v, dict) and _is_min_region(v) for v in value)
    }
    if not controls and not {"annotator", "annotation_id"} & task.keys():
        return None
    result = []
    for name, values in controls.items():
        for value in values:
            kind = next((key for key in value if key.endswith("labels")), "labels")
            result.append({"from_name": name, "type": kind, "value": value})
    annotation = {"id": task.get("annotation_id"), "completed_by": task.get("annotator"), "result": result}
    annotation |= {key: task.get(key) for key in ("created_at", "updated_at", "lead_time")}
    data = {key: value for key, value in task.items() if key not in controls and key not in MIN_FIELDS}
    return {"id": task.get("id"), "data": data, "annotations": [annotation]}


def _is_min_region(value: Json) -> bool:
    return "start" in value and "end" in value and any(key.endswith("labels") for key in value)


# Entries of other programs: the fields that they have, one of the fields that they have besides, and what they are.
FOREIGN: tuple[tuple[set[str], set[str], str], ...] = (
    ({"text", "spans"}, {"_input_hash", "tokens", "answer"}, "; it looks like Prodigy's JSONL"),
    ({"doc_id", "text", "spans"}, {"relations"}, "; it looks like docs.jsonl, which labeling wrote itself"),
    ({"text"}, {"label", "labels", "entities"}, "; it looks like doccano's JSONL"),
    ({"images", "annotations"}, {"images"}, "; it looks like COCO, which is for images"),
    ({"text"}, {"text"}, "; it looks like an article, which `labeling import` takes"),
)


def _kind(entry: Json) -> str:
    """What an entry of another program is, as far as its fields tell."""
    keys = set(entry)
    if {"detail", "status_code"} <= keys or keys == {"detail"}:
        return f"; it is an error of the server: {str(entry['detail'])[:100]}"
    return next((kind for needed, one_of, kind in FOREIGN if needed <= keys and keys & one_of), "")


# the article


def _article(data: Json, key: str, doc_id: str, text: str) -> tuple[Article | None, Fault | None]:
    """The article that a task shows, and why it cannot be used."""
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
    ours = (
        {key, "doc_id", *fields}
        | ({"extra"} if extra else set())
        | ({"digest", "byline", "extra", "part", "section"} & _made_by_us(data))
    )
    others = {name: value for name, value in data.items() if name not in ours}
    try:
        return Article(doc_id=doc_id, text=text, extra=extra | others, **fields), None
    except ValidationError as error:
        return None, ("bad-data", f"the task's data is not an article: {'; '.join(faults(error))}")


def _made_by_us(data: Json) -> set[str]:
    """The fields of a task that we pushed; empty where someone else did."""
    return set(data) if "digest" in data else set()


def _text_key(data: Json, annotations: list[Json]) -> str:
    """Which field of a task is the text: `text` where it fits, else the one that the regions' own texts fit best."""
    items = items_of(annotations[0].get("result")) if annotations else []
    regions = (item for item in items if isinstance(item, dict) and is_span(item))
    telling = (claim for claim in claims_of(regions, _stated) if claim.said)
    first = next(telling, None)
    if isinstance(data.get("text"), str) and (not first or fits(data["text"], (first.start, first.end), first.said)):
        return "text"
    claims = [first, *telling] if first else []

    def hits(key: str) -> int:
        return sum(fits(data[key], (claim.start, claim.end), claim.said) for claim in claims)

    candidates = [key for key, value in data.items() if isinstance(value, str)]
    best = max(candidates, key=lambda key: (hits(key), " " in data[key], len(data[key])), default=None)
    if best is None or ("text" in candidates and hits(best) <= hits("text")):
        return "text"
    # prose has spaces; a path or an id has none
    return best if hits(best) or " " in data[best] else "text"


def _stated(value: Json) -> tuple[int, int]:
    """Where a region says that it is, of a page too."""
    whole = value.get("globalOffsets")
    return in_text(whole if isinstance(whole, dict) else value)
