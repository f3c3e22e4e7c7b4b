"""LabeledDoc → Label Studio task. Pure."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.core.schema import LabelSchema
from labeling.core.sections import Section, divided
from labeling.studio.config import CONTROL, TEXT
from labeling.studio.predicted import WITHOUT_PREFILL
from labeling.studio.regions import ANSWERS, META

Json = dict[str, Any]

SCORE_STEP = 1e-6  # between sections: far less than the scores of two articles differ by


def to_data(article: Article) -> Json:
    """The task's `data`: the article's fields, its digest, and the byline that the page shows under the title."""
    fields = {name: getattr(article, name) for name in Article.model_fields}
    published = article.published[:16].replace("T", " ")
    byline = " · ".join(filter(None, (article.source, published)))
    return fields | {"digest": article.digest, "byline": byline}


def to_article(data: Json) -> Article | None:
    """The article of which `to_data` made a task's data; None if its text was changed, or if it is only a section."""
    if section_of(data):
        return None
    try:
        article = Article.model_validate({name: data[name] for name in Article.model_fields if name in data})
    except ValidationError:
        return None
    return article if article.digest == data.get("digest") else None


def section_of(data: Json) -> Section | None:
    """The section of an article that a task has; None if it has the whole article."""
    try:
        return Section.model_validate(data["section"]) if "section" in data else None
    except ValidationError:
        return None


def to_result(doc: LabeledDoc, schema: LabelSchema | None = None) -> list[Json]:
    """The `result` of a prediction or an annotation: spans as regions, attributes as answers, relations as arrows.

    An arrow starts at the end from which the schema says that it is drawn; without a schema, at the head.
    """
    return [
        *(_region(doc, span) for span in doc.spans),
        *(_answer(name, said, span) for span in doc.spans for name, said in span.attributes.items() if name != META),
        *(_answer(name, said) for name, said in doc.attributes.items()),
        *(_arrow(relation, schema) for relation in doc.relations),
    ]


def to_prediction(doc: LabeledDoc, model_version: str, schema: LabelSchema | None = None) -> Json:
    """A prediction; its score is the document's, else the mean of its spans' scores, else 0."""
    scores = [span.score for span in doc.spans if span.score is not None]
    mean = round(sum(scores) / len(scores), 4) if scores else 0.0
    score = mean if doc.score is None else doc.score
    return {"model_version": model_version, "score": score, "result": to_result(doc, schema)}


def to_task(doc: LabeledDoc, model_version: str, schema: LabelSchema | None = None) -> Json:
    """A task with one prediction, as Label Studio imports it by API or by its Import button."""
    return {"data": to_data(doc), "predictions": [to_prediction(doc, model_version, schema)]}


def to_tasks(
    doc: LabeledDoc, model_version: str, schema: LabelSchema | None = None, starts: Sequence[int] = (0,)
) -> list[Json]:
    """The tasks of a document, in order: one for each section that starts in `starts` (`labeling.core.sections`)."""
    if len(starts) == 1:
        return [to_task(doc, model_version, schema)]
    tasks = []
    for number, piece in enumerate(divided(doc, starts), start=1):
        task = to_task(piece, model_version, schema)
        section = Section(number=number, starts=tuple(starts), digest=doc.digest)
        byline = " · ".join(filter(None, (task["data"]["byline"], str(section))))
        task["data"] |= {"byline": byline, "part": str(section), "section": section.model_dump(mode="json")}
        # Of tasks that are handed out by their scores, those of an article come together and in order.
        task["predictions"][0]["score"] += number * SCORE_STEP
        tasks.append(task)
    return tasks


def without_prefill(task: Json) -> Json:
    """The task with empty predictions only: annotators start from an empty page, in the order of its scores.

    Label Studio's stream shows tasks without any prediction of the project's version after all others.
    """
    empty = [prediction | {"result": []} for prediction in task["predictions"]]
    return task | {"predictions": [*empty, *(each | {"model_version": WITHOUT_PREFILL} for each in empty[:1])]}


def _region(doc: LabeledDoc, span: Span) -> Json:
    region: Json = {
        "id": span.id,
        "from_name": CONTROL,
        "to_name": TEXT,
        "type": "labels",
        "value": {"start": span.start, "end": span.end, "text": doc.slice(span), "labels": [span.label]},
    }
    if META in span.attributes:
        region[META] = span.attributes[META]
    return region if span.score is None else region | {"score": span.score}


def _answer(name: str, said: Json, span: Span | None = None) -> Json:
    """The answer of another control, about a span or the whole article."""
    key = next(iter(said)) if len(said) == 1 else ""
    kind = next((kind for kind, its_key in ANSWERS.items() if its_key == key), key) or "other"
    place = {"start": span.start, "end": span.end} if span else {}
    answer = {"id": span.id if span else name, "from_name": name, "to_name": TEXT, "type": kind}
    return answer | {"value": place | said}


def _arrow(relation: Relation, schema: LabelSchema | None) -> Json:
    start, end = relation.head, relation.tail
    if schema and (kind := schema.relations.get(relation.label)):
        start, end = kind.in_order(start, end)
    # the editor draws no arrow without a direction
    return {
        "type": "relation",
        "from_id": start,
        "to_id": end,
        "direction": "right",
        "labels": [relation.label],
    }
