"""Label Studio task → what its annotators said. Pure, and it trusts nothing that comes from outside.

The rules, each with its reason in docs/label-studio.md: offsets count, `value.text` does not; the newest submitted
annotation counts; a skipped one carries the prefilled regions and says nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from labeling.core.article import Article, digest
from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem
from labeling.core.schema import LabelSchema
from labeling.core.text import storable, with_storable
from labeling.core.value import Value
from labeling.studio.regions import Reading, read_result

Json = dict[str, Any]
State = Literal["pending", "draft", "skipped", "reviewed-empty", "reviewed"]
STATES: tuple[State, ...] = ("pending", "draft", "skipped", "reviewed-empty", "reviewed")
OUR_DATA = {*Article.model_fields, "digest", "byline"}


class Review(Value):
    """What is known of one task.

    Attributes:
        where: The task's URL, or file and number.
        doc_id: The article's, or "" where the task is unreadable.
        state: What has been done with it.
        annotators: Who submitted or skipped it, the one that counts first.
        doc: The reviewed document; None where it was not reviewed, or its text is not to be trusted.
        spans: How many spans of the annotation that counts are exact, trimmed, refused.
        relations: How many of its relations are exact, changed, refused.
        problems: Everything that was not taken exactly as it came.
    """

    where: str
    doc_id: str = ""
    state: State = "pending"
    annotators: tuple[str, ...] = ()
    doc: LabeledDoc | None = None
    spans: dict[str, int] = Field(default_factory=dict)
    relations: dict[str, int] = Field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def read_task(task: Any, schema: LabelSchema | None, where: str, users: Mapping[int, str] | None = None) -> Review:
    """The review of one task, as the API lists it or as an export holds it.

    Args:
        task: The task's JSON, whatever it is.
        schema: Which labels and relations are legal; None takes them as they come.
        where: What to call the task in messages: its URL, or file and number.
        users: User id → name, for `completed_by`.
    """
    try:
        task = storable(task)
        fault_of_task = "" if isinstance(task, dict) and isinstance(task.get("data"), dict) else "it has no `data`"
    except RecursionError as error:
        fault_of_task = f"it is {error}"
    if fault_of_task:
        detail = f"not a Label Studio task: {fault_of_task}"
        return Review(where=where, problems=(Problem(reason="no-task", action="refused", detail=detail, where=where),))
    annotations = _newest_first(task.get("annotations"))
    submitted = [a for a in annotations if not a.get("was_cancelled")]
    drafts = _dicts(task.get("drafts"))
    names = tuple(dict.fromkeys(_annotator(a, users or {}) for a in (*submitted, *annotations)))
    article, doc_id, moved, fault = _article(task["data"], submitted)
    problems: list[Problem] = []
    reading = Reading()
    doc, state = None, _state(annotations, drafts)
    if fault and (submitted or fault[0] == "no-text"):
        problems.append(Problem(reason=fault[0], action="refused", detail=fault[1]))
    if submitted:
        problems += _not_used(submitted, drafts, users or {})
        result = submitted[0].get("result")
        reading = read_result(result, article.text if article else "", schema, moved, fault)
        if article:
            doc = LabeledDoc.of(article, tuple(reading.spans), tuple(reading.relations))
        state = "reviewed" if result else "reviewed-empty"
    return Review(
        where=where,
        doc_id=doc_id,
        state=state,
        annotators=names,
        doc=doc,
        spans=dict(reading.span_counts),
        relations=dict(reading.relation_counts),
        problems=tuple(p.model_copy(update={"doc_id": doc_id, "where": where}) for p in (*problems, *reading.problems)),
    )


def _state(annotations: list[Json], drafts: list[Json]) -> State:
    """The state of a task without a submitted annotation."""
    return "skipped" if annotations else "draft" if drafts else "pending"


def _not_used(submitted: list[Json], drafts: list[Json], users: Mapping[int, str]) -> list[Problem]:
    """What annotators did that does not count, beside the newest submitted annotation."""
    newest = submitted[0]
    who = _annotator(newest, users)
    details = [
        ("older-annotation", f"an annotation by {_annotator(a, users)} of {_stamp(a)} gave way to {who}'s newest")
        for a in submitted[1:]
    ]
    details += [
        ("newer-draft", f"an edit of {_stamp(draft)} was never submitted; what {who} submitted before counts")
        for draft in drafts
        if _stamp(draft) > _stamp(newest)
    ]
    return [Problem(reason=reason, action="refused", detail=detail) for reason, detail in details]


def _article(
    data: Json, submitted: list[Json]
) -> tuple[Article | None, str, Callable[[int], int], tuple[str, str] | None]:
    """The article that a task shows, its id, the map of the task's offsets to its text, and why it cannot be used."""
    raw = data.get(_text_key(data, submitted))
    text, moved = with_storable(raw) if isinstance(raw, str) else ("", int)
    doc_id = str(data.get("doc_id") or (digest(text) if text else ""))
    if not text.strip():
        return None, doc_id, moved, ("no-text", "the task's data has no text")
    if data.get("digest") not in (None, digest(text)):
        detail = "the task's text is not the one that was pushed; someone changed it in Label Studio"
        return None, doc_id, moved, ("text-changed", detail)
    fields = {name: data[name] for name in ("title", "published", "source", "url") if data.get(name)}
    extra = data["extra"] if isinstance(data.get("extra"), dict) else {}
    others = {key: value for key, value in data.items() if key not in OUR_DATA and value is not raw}
    try:
        article = Article(doc_id=doc_id, text=text, extra=extra | others, **fields)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        return None, doc_id, moved, ("bad-data", f"the task's data is no article: {faults}")
    return article, doc_id, moved, None


def _text_key(data: Json, submitted: list[Json]) -> str:
    """Which field of a task is the text: `text`, else the one that the regions' own copies of text fit best."""
    if isinstance(data.get("text"), str):
        return "text"
    values = (
        [r["value"] for r in _dicts(submitted[0].get("result")) if isinstance(r.get("value"), dict)]
        if submitted
        else []
    )

    def fit(key: str) -> tuple[int, bool, int]:
        hits = 0
        for value in values:
            start, end, said = value.get("start"), value.get("end"), value.get("text")
            hits += type(start) is int and type(end) is int and bool(said) and data[key][start:end] == said
        return hits, " " in data[key], len(data[key])

    candidates = [key for key, value in data.items() if isinstance(value, str)]
    best = max(candidates, key=fit, default=None)
    if best is None:
        return "text"
    # without any region to go by, prose at least has spaces; a path or an id has none
    is_proven = fit(best)[0] > 0 if values else " " in data[best]
    return best if is_proven else "text"


def _newest_first(annotations: Any) -> list[Json]:
    def age(annotation: Json) -> tuple[str, int]:
        number = annotation.get("id")
        return _stamp(annotation), number if isinstance(number, int) else 0

    return sorted(_dicts(annotations), key=age, reverse=True)


def _stamp(annotation: Json) -> str:
    """When it was last touched: ISO 8601 in UTC, as Label Studio writes it, so that text order is time order."""
    return str(annotation.get("updated_at") or annotation.get("created_at") or "")


def _annotator(annotation: Json, users: Mapping[int, str]) -> str:
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        return str(who.get("email") or who.get("id") or "unknown")
    return users.get(who, f"user {who}") if isinstance(who, int) else "unknown"


def _dicts(value: Any) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
