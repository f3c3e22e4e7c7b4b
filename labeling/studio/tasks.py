"""LabeledDoc → Label Studio task. Pure."""

from typing import Any

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.studio.config import CONTROL, TEXT

Json = dict[str, Any]


def to_data(article: Article) -> Json:
    """The task's `data`: the article's fields, its digest, and the byline that the page shows under the title."""
    fields = {name: getattr(article, name) for name in Article.model_fields}
    published = article.published[:16].replace("T", " ")
    byline = " · ".join(filter(None, (article.source, published)))
    return fields | {"digest": article.digest, "byline": byline}


def to_result(doc: LabeledDoc) -> list[Json]:
    """The document's spans as regions and its relations as arrows: the `result` of a prediction or an annotation."""
    return [_region(doc, span) for span in doc.spans] + [_arrow(relation) for relation in doc.relations]


def to_prediction(doc: LabeledDoc, model_version: str) -> Json:
    """A prediction; its score is the mean of the spans' scores (0 to 1), or 0 where there are none."""
    scores = [span.score for span in doc.spans if span.score is not None]
    score = round(sum(scores) / len(scores), 4) if scores else 0.0
    return {"model_version": model_version, "score": score, "result": to_result(doc)}


def to_task(doc: LabeledDoc, model_version: str) -> Json:
    """A task with one prediction, as Label Studio imports it by API or by its Import button."""
    return {"data": to_data(doc), "predictions": [to_prediction(doc, model_version)]}


def _region(doc: LabeledDoc, span: Span) -> Json:
    region: Json = {
        "id": span.id,
        "from_name": CONTROL,
        "to_name": TEXT,
        "type": "labels",
        "value": {"start": span.start, "end": span.end, "text": doc.slice(span), "labels": [span.label]},
    }
    return region if span.score is None else region | {"score": span.score}


def _arrow(relation: Relation) -> Json:
    # Without a direction the editor does not draw it.
    return {
        "type": "relation",
        "from_id": relation.head,
        "to_id": relation.tail,
        "direction": "right",
        "labels": [relation.label],
    }
